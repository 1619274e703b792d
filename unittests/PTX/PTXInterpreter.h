//===- PTXInterpreter.h - Run PTX on a CPU ----------------------*- C++ -*-===//
//
// Executes kernels as LLVM prints them, one thread after another, and stops at
// the first thing a GPU would not forgive or would not report: an access out of
// bounds or off its alignment, the use of a value that was never written, a
// warp-wide instruction that part of a warp misses, an instruction it does not
// know. It has no timing and no memory model: a race shows only when the warps
// of a block, run first to last or last to first, disagree.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H
#define DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

struct Kernel;
class Block;

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// What a kernel may do with a buffer.
enum class Access { Read, Write, ReadWrite };

/// One module, the global memory it sees, and the first error.
class Interpreter {
public:
  Interpreter();
  ~Interpreter();

  /// Parses a module. False, and an error, on anything unknown.
  bool load(std::string_view text);
  /// Makes `bytes` of host memory visible to kernels; returns the device
  /// address. `offset` moves it off the 256-byte alignment of an allocation.
  uint64_t addBuffer(void *data, size_t bytes, Access access, unsigned offset = 0);
  /// Runs a kernel to its end. Arguments in order, addresses or integers.
  bool launch(const std::string &kernel, Dim3 grid, Dim3 block,
              const std::vector<uint64_t> &arguments);

  const std::string &getError() const { return error; }
  /// Executions by opcode (`popc.b32`), summed over threads, since the load.
  uint64_t getCount(const std::string &opcode) const;

private:
  friend class Block;
  struct Buffer {
    uint64_t base, size;
    char *data;
    Access access;
  };
  bool fail(const std::string &message);

  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  std::vector<Buffer> buffers;
  std::map<std::string, uint64_t> counts;
  std::string error;
};

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H
