//===- Pipelines.h - Documented pass pipelines ------------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_PIPELINES_H
#define DASHKV_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::dashkv {

/// Options of the linalg-to-LLVM stage on the CPU.
struct CPUPipelineOptions : PassPipelineOptions<CPUPipelineOptions> {
  Option<bool> runtimeChecks{
      *this, "runtime-checks",
      llvm::cl::desc(
          "Check at run time what the verifier cannot: sizes, lengths, indices, code weights"),
      llvm::cl::init(false)};
};

/// L2 to L0: expands tiered attention and lowers every dashkv op to linalg.
void buildLinalgPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Linalg on tensors to linalg on buffers, function boundaries included.
void buildBufferizePipeline(OpPassManager &pm);

/// Linalg on buffers to the LLVM dialect: deallocation, loops, control flow,
/// LLVM. Results that are arguments updated in place are dropped; functions get
/// a C interface. Ends with a check that nothing but LLVM is left.
void buildLoopsToLLVMPipeline(OpPassManager &pm);

/// The two one after the other, through upstream passes alone.
void buildLLVMPipeline(OpPassManager &pm);

/// Both: dashkv ops to the LLVM dialect on the CPU.
void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Registers dashkv-linalg-pipeline, dashkv-llvm-pipeline, dashkv-cpu-pipeline.
void registerDashKVPipelines();

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_PIPELINES_H
