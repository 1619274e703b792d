//===- PTXInterpreter.h - Run PTX on a CPU ----------------------*- C++ -*-===//
//
// Executes kernels as LLVM (and nvcc) print them and stops at the first thing a
// GPU would not forgive or would not report: an access out of bounds or off its
// alignment, the use of a value that was never written, a race on shared memory,
// a warp-wide instruction that part of a warp misses, a barrier that nobody
// completes, a copy that nobody waits for, an instruction it does not know. All
// blocks of a grid run side by side, in turns that a seed chooses. It has no
// timing. Stores are visible at once; what a block reads of another one's needs
// fences all the same, and what a dependent launch reads of the kernel before it
// needs griddepcontrol.wait.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H
#define DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H

#include "PTXMemory.h"
#include <string_view>

namespace ptx {

struct Module;

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  uint64_t total() const { return uint64_t(x) * y * z; }
};

/// The GPU that is simulated.
struct MachineOptions {
  std::string chip = "sm_90a";
  unsigned multiprocessors = 132;
  uint64_t sharedLimit = 227 * 1024; ///< of a block
  uint64_t residentBlocks = 1024;    ///< that run side by side
  unsigned seed = 1;

  void setChip(std::string_view name);
};

struct Launch {
  Dim3 grid, block;
  uint64_t dynamicShared = 0;
  bool dependent = false; ///< may start before the kernels before it have ended
  std::vector<char> parameters;
};

/// Runs one kernel of a module to its end. False, and an error.
bool runKernel(Memory &memory, Module &module, const std::string &kernel, const Launch &launch,
               const MachineOptions &options, std::string &error);

/// One module, the global memory it sees, and the first error.
class Interpreter {
public:
  Interpreter();
  ~Interpreter();

  MachineOptions options;
  Memory memory;

  /// Parses a module. False, and an error, on anything unknown.
  bool load(std::string_view text);
  /// Makes `bytes` of host memory visible to kernels; returns the device
  /// address. `offset` moves it off the 256-byte alignment of an allocation.
  uint64_t addBuffer(void *data, size_t bytes, Access access, unsigned offset = 0) {
    return memory.add(data, bytes, access, offset);
  }
  /// Runs a kernel to its end. Arguments in order: addresses, integers, bits.
  bool launch(const std::string &kernel, Dim3 grid, Dim3 block,
              const std::vector<uint64_t> &arguments, uint64_t dynamicShared = 0,
              bool dependent = false);

  const std::string &getError() const { return error; }
  const Module &getModule() const { return *module; }
  /// Executions by opcode (`popc.b32`), summed over threads, since the load.
  uint64_t getCount(std::string_view opcode) const;

private:
  std::unique_ptr<Module> module;
  std::string error;
};

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXINTERPRETER_H
