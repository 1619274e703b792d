//===- InterpreterTest.cpp - The interpreter computes, and complains ------===//
#include "PTXInterpreter.h"
#include "gtest/gtest.h"

using namespace ptx;

/// A kernel `k` with parameters in, out (pointers) and n around `body`.
static std::string kernel(const std::string &body) {
  return ".version 8.0\n.target sm_90a\n.address_size 64\n\n"
         ".visible .entry k(\n\t.param .u64 .ptr .align 16 in,\n\t.param .u64 .ptr .align 1 out,\n"
         "\t.param .u32 n\n)\n.maxntid 64, 1, 1\n{\n"
         "\t.reg .pred \t%p<9>;\n\t.reg .b16 \t%rs<9>;\n\t.reg .b32 \t%r<40>;\n\t.reg .b64 "
         "\t%rd<20>;\n"
         "\t.shared .align 16 .b8 buffer[64];\n"
         "\tld.param.b64 %rd1, [in];\n\tld.param.b64 %rd2, [out];\n\tld.param.b32 %r1, [n];\n"
         "\tcvta.to.global.u64 %rd3, %rd1;\n\tcvta.to.global.u64 %rd4, %rd2;\n"
         "\tmov.u32 %r2, %tid.x;\n" +
         body + "\tret;\n}\n";
}

struct Outcome {
  std::string error;
  uint32_t out[64];
};

/// Runs `body` on 16 words 1, 2, ... and 64 words of output.
static Outcome run(const std::string &body, unsigned threads = 1, unsigned offset = 0,
                   unsigned blocks = 1) {
  Outcome result{};
  uint32_t in[16];
  for (unsigned i = 0; i < 16; ++i)
    in[i] = i + 1;
  Interpreter machine;
  if (machine.load(kernel(body))) {
    uint64_t inAddress = machine.addBuffer(in, sizeof(in), Access::Read, offset);
    uint64_t outAddress = machine.addBuffer(result.out, sizeof(result.out), Access::Write);
    machine.launch("k", {blocks}, {threads}, {inAddress, outAddress, 7});
  }
  result.error = machine.getError();
  return result;
}

TEST(PTXInterpreter, ComputesValues) {
  struct Case {
    const char *body; // leaves a word in %r9
    uint32_t expected;
  };
  const Case cases[] = {
      {"\tmov.b32 %r9, -5;\n", 0xfffffffb},
      {"\tsub.s32 %r9, 3, 5;\n", 0xfffffffe},
      {"\tmad.lo.s32 %r9, %r1, 3, 4;\n", 25},
      {"\tmul.wide.u32 %rd9, -1, 16;\n\tshr.u64 %rd9, %rd9, 32;\n\tcvt.u32.u64 %r9, %rd9;\n", 15},
      {"\tmul.wide.s32 %rd9, -1, 16;\n\tcvt.u32.u64 %r9, %rd9;\n", 0xfffffff0},
      {"\tmin.s32 %r9, -1, 2;\n", 0xffffffff},
      {"\tmin.u32 %r9, -1, 2;\n", 2},
      {"\tmin.relu.s32 %r9, -1, 2;\n", 0},
      {"\tmax.s32 %r9, -1, 2;\n", 2},
      {"\tshl.b32 %r9, 1, 32;\n", 0},
      {"\tshr.u32 %r9, -8, 1;\n", 0x7ffffffc},
      {"\tshr.s32 %r9, -8, 1;\n", 0xfffffffc},
      {"\tshr.s32 %r9, -8, 40;\n", 0xffffffff},
      {"\tpopc.b32 %r9, 0xF0F1;\n", 9},
      {"\tclz.b32 %r9, 255;\n", 24},
      {"\tclz.b32 %r9, 0;\n", 32},
      {"\tbfe.u32 %r9, 0xABCD, 4, 8;\n", 0xBC},
      {"\tbfe.s32 %r9, 0xABCD, 4, 8;\n", 0xffffffBC},
      {"\tprmt.b32 %r9, 0x33221100, 0x77665544, 0x7340U;\n", 0x77334400},
      {"\tprmt.b32 %r9, 0x00008000, 0, 0x0091U;\n", 0x0000FF80},
      {"\tsetp.lt.s32 %p1, -1, 0;\n\tselp.b32 %r9, 11, 22, %p1;\n", 11},
      {"\tsetp.lt.u32 %p1, -1, 0;\n\tselp.b32 %r9, 11, 22, %p1;\n", 22},
      {"\tsetp.eq.b32 %p1, %r1, 7;\n\tsetp.gt.u32 %p2, %r1, 8;\n\tor.pred %p3, %p1, %p2;\n"
       "\tselp.b32 %r9, 11, 22, %p3;\n",
       11},
      {"\tmov.b32 %r9, 1;\n\tsetp.ne.b32 %p1, %r1, 7;\n\t@%p1 mov.b32 %r9, 2;\n"
       "\t@!%p1 mov.b32 %r9, 3;\n",
       3},
      {"\tcvt.u16.u32 %rs1, 0x18001;\n\tcvt.s32.s16 %r9, %rs1;\n", 0xffff8001},
      {"\tld.global.nc.v2.b32 {%r9, %r10}, [%rd3+8];\n\tadd.s32 %r9, %r9, %r10;\n", 7},
      {"\tld.global.s8 %r9, [%rd3+1];\n", 0},
      {"\tmov.b32 %r9, 0;\n$L1:\n\tadd.s32 %r9, %r9, 2;\n\tsetp.lt.s32 %p1, %r9, %r1;\n"
       "\t@%p1 bra $L1;\n",
       8},
      {"\tst.shared.b32 [buffer], 8;\n\tld.shared.v2.b32 {%r9, %r10}, [buffer];\n", 8},
      {"\tst.shared.b32 [buffer+4], 40;\n\tatom.shared.add.u32 %r9, [buffer+4], 2;\n"
       "\tld.shared.b32 %r9, [buffer+4];\n",
       42},
  };
  for (const Case &c : cases) {
    Outcome result = run(std::string(c.body) + "\tst.global.b32 [%rd4], %r9;\n");
    EXPECT_EQ(result.error, "") << c.body;
    EXPECT_EQ(result.out[0], c.expected) << c.body;
  }
}

/// Words travel between the threads of a block through shared memory, and
/// between the lanes of each warp.
TEST(PTXInterpreter, ExchangesBetweenThreads) {
  Outcome result = run("\tmul.wide.u32 %rd5, %r2, 4;\n"
                       "\tand.b32 %r3, %r2, 1;\n\tsetp.ne.b32 %p1, %r3, 0;\n"
                       "\tvote.sync.ballot.b32 %r4, %p1, -1;\n"
                       "\tredux.sync.add.s32 %r5, %r2, -1;\n"
                       "\tsetp.ne.b32 %p2, %r2, 63;\n\t@%p2 bra $L1;\n"
                       "\tst.shared.b32 [buffer], %r5;\n$L1:\n\tbar.sync 0;\n"
                       "\tld.shared.b32 %r6, [buffer];\n\txor.b32 %r7, %r6, %r4;\n"
                       "\tadd.s64 %rd6, %rd4, %rd5;\n\tst.global.b32 [%rd6], %r7;\n",
                       64);
  EXPECT_EQ(result.error, "");
  for (uint32_t word : result.out)
    EXPECT_EQ(word, 0xaaaaaaaau ^ (32 * 32 + 31 * 16));
}

TEST(PTXInterpreter, ReportsErrors) {
  struct Case {
    const char *body, *error;
    unsigned threads = 1, offset = 0, blocks = 1;
  };
  const Case cases[] = {
      {"\tld.global.b32 %r3, [%rd3+64];\n", "global access out of bounds"},
      {"\tld.global.b32 %r3, [%rd3+-4];\n", "global access out of bounds"},
      {"\tld.global.nc.v4.b32 {%r3, %r4, %r5, %r6}, [%rd3+56];\n", "misaligned access of 16 bytes"},
      {"\tld.global.nc.v4.b32 {%r3, %r4, %r5, %r6}, [%rd3];\n", "misaligned access", 1, 8},
      {"\tld.global.b32 %r3, [%rd3+2];\n", "misaligned access of 4 bytes"},
      {"\tst.shared.b32 [buffer+64], 1;\n", "shared access out of bounds"},
      {"\tld.shared.b32 %r3, [buffer];\n\tadd.s32 %r4, %r3, 1;\n\tst.global.b32 [%rd4], %r4;\n",
       "st.global.b32: use of a value that was never written, in %r4"},
      {"\tst.shared.b8 [buffer+1], 1;\n\tatom.shared.add.u32 %r3, [buffer], 1;\n",
       "use of a value that was never written"},
      {"\tadd.s32 %r3, %r4, 1;\n\tsetp.eq.b32 %p1, %r3, 0;\n\t@%p1 bra $L1;\n$L1:\n",
       "bra: use of a value that was never written, in %p1"},
      {"\tst.global.b32 [%rd3], 1;\n", "write to a buffer that is only read"},
      {"\tld.global.b32 %r3, [%rd4];\n", "read of a buffer that is only written"},
      {"\tsetp.eq.b32 %p1, %r2, 5;\n\t@%p1 bra $L1;\n\tvote.sync.ballot.b32 %r3, %p1, -1;\n$L1:\n",
       "part of the warp has left", 32},
      {"\tsetp.eq.b32 %p1, %r2, 5;\n\t@%p1 bra $L1;\n\tvote.sync.ballot.b32 %r3, %p1, -1;\n"
       "\tbra $L2;\n$L1:\n\tvote.sync.any.pred %p2, %p1, -1;\n$L2:\n",
       "part of the warp is elsewhere", 32},
      {"\tsetp.eq.b32 %p1, %r2, 5;\n\tvote.sync.ballot.b32 %r3, %p1, 1;\n", "mask with all lanes",
       32},
      {"\tsetp.lt.u32 %p1, %r2, 32;\n\t@%p1 bra $L1;\n\tbar.sync 0;\n$L1:\n",
       "part of the block has left", 64},
      {"\tld.global.b32 %r3, [%rd3];\n", "expected at most 64 threads", 65},
      {"\tadd.cc.s32 %r3, %r1, %r1;\n", "unknown instruction 'add.cc.s32'"},
      {"\tadd.s32 %q3, %r1, %r1;\n", "unknown operand '%q3'"},
      {"\tadd.s32 %r3, %r1;\n", "unknown operands"},
      {"\tbra $L9;\n", "unknown label '$L9'"},
      {"\t.local .align 4 .b8 depot[8];\n", "unknown directive"},
  };
  for (const Case &c : cases) {
    std::string error = run(c.body, c.threads, c.offset, c.blocks).error;
    EXPECT_NE(error.find(c.error), std::string::npos)
        << c.body << "expected '" << c.error << "', but got '" << error << "'";
  }
  // A bad line is named: the body starts on line 23.
  EXPECT_EQ(run("\tld.global.b32 %r3, [%rd3+64];\n").error.find("line 23: ld.global.b32"), 0u);
}
