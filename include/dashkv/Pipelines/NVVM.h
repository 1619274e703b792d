//===- NVVM.h - From dashkv ops to PTX --------------------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_NVVM_H
#define DASHKV_PIPELINES_NVVM_H

#include "dashkv/Conversion/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace mlir::dashkv {

struct NVVMPipelineOptions : PassPipelineOptions<NVVMPipelineOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("GPU that the kernels are for"),
                             llvm::cl::init("sm_90a")};
  Option<bool> partial{*this, "partial", llvm::cl::desc("Leave ops without a kernel to the host"),
                       llvm::cl::init(false)};
};

/// dashkv ops to gpu.modules of LLVM and NVVM ops; what is outside of them is
/// left alone.
void buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// Registers dashkv-nvvm-pipeline.
void registerNVVMPipeline();

/// PTX text of the kernels for the dashkv ops of `module`, which stays as it is:
/// the scan of each `dashkv.retrieve`. Ops without a kernel stay on the host and
/// are remarks; tiered attention has to be expanded before. An error if there is
/// no kernel at all, or if the text calls a function that it lacks.
FailureOr<std::string> emitPTX(ModuleOp module, const NVPTXTarget &target);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_NVVM_H
