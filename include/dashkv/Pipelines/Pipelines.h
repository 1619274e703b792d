//===- Pipelines.h - Documented pass pipelines ------------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_PIPELINES_H
#define DASHKV_PIPELINES_PIPELINES_H

#include "dashkv/Conversion/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::dashkv {

/// How dashkv ops become code of a CPU.
enum class CPULowering {
  Linalg, ///< portable: linalg, then loops
  Vector, ///< kernels of our own, with the portable way for ops that have none
};

/// Values of command line options of these types.
inline llvm::cl::ValuesClass getLoweringValues() {
  return llvm::cl::values(clEnumValN(CPULowering::Linalg, "linalg", "portable loops"),
                          clEnumValN(CPULowering::Vector, "vector", "vector kernels"));
}
inline llvm::cl::ValuesClass getParallelismValues() {
  return llvm::cl::values(
      clEnumValN(Parallelism::Serial, "serial", "the caller, one after the other"),
      clEnumValN(Parallelism::OpenMP, "omp", "threads of libomp"),
      clEnumValN(Parallelism::Callback, "callback", "dashkv_parallel_for, which the host defines"));
}

/// Options of the lowering to a CPU.
struct CPUPipelineOptions : PassPipelineOptions<CPUPipelineOptions> {
  Option<bool> runtimeChecks{
      *this, "runtime-checks",
      llvm::cl::desc(
          "Check at run time what the verifier cannot: sizes, lengths, indices, code weights"),
      llvm::cl::init(false)};
  Option<CPULowering> lowering{*this, "lowering", llvm::cl::desc("How dashkv ops become code"),
                               llvm::cl::init(CPULowering::Vector), getLoweringValues()};
  Option<std::string> target{*this, "target", llvm::cl::desc("CPU that vector kernels are for"),
                             llvm::cl::init("native")};
  Option<int64_t> workers{*this, "workers", llvm::cl::desc("Threads to keep busy"),
                          llvm::cl::init(1)};
  Option<int64_t> splits{*this, "splits",
                         llvm::cl::desc("Parts of the keys, 0 to choose by the workers"),
                         llvm::cl::init(0)};
  Option<Parallelism> parallel{*this, "parallel",
                               llvm::cl::desc("Who runs the iterations of parallel loops"),
                               llvm::cl::init(Parallelism::Serial), getParallelismValues()};
};

/// L2 to L0: expands tiered attention and lowers every dashkv op to linalg.
void buildLinalgPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// The lowering of `options` up to buffers: tiles, linalg for ops without a
/// kernel, bufferization.
void buildBuffersPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// What follows: deallocation and the kernels. Results that are arguments updated
/// in place are dropped. Only upstream dialects are left.
void buildKernelsPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Linalg on tensors to linalg on buffers, function boundaries included.
void buildBufferizePipeline(OpPassManager &pm);

/// Linalg on buffers to the LLVM dialect: loops, control flow, LLVM. Functions get
/// a C interface. Ends with a check that nothing but LLVM is left.
void buildLoopsToLLVMPipeline(OpPassManager &pm);

/// From linalg on tensors, through upstream passes alone.
void buildLLVMPipeline(OpPassManager &pm);

/// All of them: dashkv ops to the LLVM dialect on the CPU.
void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Applies the command line options of pass managers, if the program has some.
LogicalResult applyCommandLine(PassManager &manager);

/// Registers dashkv-linalg-pipeline, dashkv-llvm-pipeline, dashkv-cpu-pipeline.
void registerDashKVPipelines();

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_PIPELINES_H
