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
      llvm::cl::desc("Check at run time what the verifier cannot: lengths, indices, code weights"),
      llvm::cl::init(false)};
};

/// L2 to L0: expands tiered attention and lowers every dashkv op to linalg.
void buildLinalgPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Linalg on tensors to the LLVM dialect through upstream passes: bufferize
/// (function boundaries included), loops, control flow, LLVM. Public functions
/// get a C interface. Ends with a check that nothing but LLVM is left.
void buildLLVMPipeline(OpPassManager &pm);

/// Both: dashkv ops to the LLVM dialect on the CPU.
void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Registers dashkv-linalg-pipeline, dashkv-llvm-pipeline, dashkv-cpu-pipeline.
void registerDashKVPipelines();

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_PIPELINES_H
