//===- TestKernel.h - Kernels around a few lines of PTX ---------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_TESTKERNEL_H
#define DASHKV_UNITTESTS_PTX_TESTKERNEL_H

#include "PTXInterpreter.h"
#include "gtest/gtest.h"

namespace ptx {

/// A kernel `k` with parameters in, out, n: %rd3 and %rd4 are the pointers, %r1
/// is n, %r2 the thread, and %rd5 the thread's word of the output. Shared memory
/// is `buffer`, 4096 bytes, and `bars`, 8 mbarriers. The body starts on line 26.
inline std::string wrapKernel(const std::string &body) {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n\n"
         ".visible .entry k(\n\t.param .u64 .ptr .align 16 in,\n\t.param .u64 .ptr .align 1 out,\n"
         "\t.param .u32 n\n)\n.maxntid 256, 1, 1\n{\n"
         "\t.reg .pred \t%p<9>;\n\t.reg .b16 \t%rs<19>;\n\t.reg .b32 \t%r<99>;\n\t.reg .b64 "
         "\t%rd<40>;\n"
         "\t.shared .align 16 .b8 buffer[4096];\n\t.shared .align 8 .b64 bars[8];\n"
         "\tld.param.b64 %rd1, [in];\n\tld.param.b64 %rd2, [out];\n\tld.param.b32 %r1, [n];\n"
         "\tcvta.to.global.u64 %rd3, %rd1;\n\tcvta.to.global.u64 %rd4, %rd2;\n"
         "\tmov.u32 %r2, %tid.x;\n\tmul.wide.u32 %rd5, %r2, 4;\n\tadd.s64 %rd5, %rd4, %rd5;\n" +
         body + "\n\tret;\n}\n";
}

struct Outcome {
  std::string error;
  std::vector<uint32_t> out;
};

struct Conditions {
  unsigned threads = 1, blocks = 1, seed = 1;
  unsigned offset = 0; ///< of the input
  bool dependent = false;
};

/// Runs `body` on 1024 words 1, 2, ... and as many words of output.
inline Outcome runBody(const std::string &body, Conditions how = {}) {
  Outcome result;
  result.out.resize(1024);
  std::vector<uint32_t> in(1024);
  for (unsigned i = 0; i < in.size(); ++i)
    in[i] = i + 1;
  Interpreter machine;
  machine.options.seed = how.seed;
  if (machine.load(wrapKernel(body))) {
    uint64_t inAddress = machine.addBuffer(in.data(), 4096, Access::Read, how.offset);
    uint64_t outAddress = machine.addBuffer(result.out.data(), 4096, Access::ReadWrite);
    machine.launch("k", {how.blocks}, {how.threads}, {inAddress, outAddress, 7});
  }
  result.error = machine.getError();
  return result;
}

/// Runs a body that leaves a word a thread in %r9.
inline Outcome runWords(const std::string &body, Conditions how = {}) {
  return runBody(body + "\n\tst.global.b32 [%rd5], %r9;", how);
}

/// Each seed brings another order of warps and blocks; all give `error`, or none
/// where that is empty.
inline void expectError(const std::string &body, const std::string &error, Conditions how = {}) {
  for (unsigned seed : {1, 2, 3, 4}) {
    how.seed = seed;
    std::string got = runBody(body, how).error;
    if (error.empty())
      EXPECT_EQ(got, "") << body;
    else
      EXPECT_NE(got.find(error), std::string::npos)
          << body << "\nexpected '" << error << "', but got '" << got << "'";
  }
}

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_TESTKERNEL_H
