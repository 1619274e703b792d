//===- NVVM.h - From dashkv ops to PTX --------------------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_NVVM_H
#define DASHKV_PIPELINES_NVVM_H

#include "dashkv/Conversion/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace mlir::dashkv {

struct NVVMPipelineOptions : PassPipelineOptions<NVVMPipelineOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("GPU that the kernels are for"),
                             llvm::cl::init("sm_90a")};
};

/// dashkv ops, on tensors or on buffers, to launches of kernels in gpu.modules.
void buildGPULaunchPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// gpu.modules to LLVM and NVVM ops; what is outside of them is left alone.
void buildGPUKernelPipeline(OpPassManager &pm);

/// Both.
void buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// Registers dashkv-nvvm-pipeline.
void registerNVVMPipeline();

/// A module for one chip.
struct GPUProgram {
  /// Host functions that launch kernels (see convert-dashkv-to-gpu), and the
  /// gpu.module of the kernels in NVVM ops.
  OwningOpRef<ModuleOp> module;
  /// All kernels.
  std::string ptx;
};

/// Compiles a clone of `module` by dashkv-nvvm-pipeline. An error if there is no
/// kernel at all, or if the PTX calls a function that it lacks.
FailureOr<GPUProgram> compileForGPU(ModuleOp module, const NVPTXTarget &target);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_NVVM_H
