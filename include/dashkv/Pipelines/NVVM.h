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
  Option<bool> host{*this, "host",
                    llvm::cl::desc("Lower host code too, to LLVM and calls of the runtime of the "
                                   "gpu dialect (libdashkv_cuda_runtime)"),
                    llvm::cl::init(false)};
  Option<bool> resident{*this, "resident",
                        llvm::cl::desc("Allow kernels whose blocks all have to run at once"),
                        llvm::cl::init(true)};
};

/// dashkv ops on tensors to dashkv ops on buffers, for kernels of a GPU.
void buildGPUBuffersPipeline(OpPassManager &pm);

/// dashkv ops on buffers to launches of kernels in gpu.modules.
void buildGPULaunchPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// gpu.modules to LLVM and NVVM ops; what is outside of them is left alone.
void buildGPUKernelPipeline(OpPassManager &pm);

/// Host code to the LLVM dialect, and gpu.modules to PTX in gpu.binary ops.
void buildGPUHostPipeline(OpPassManager &pm);

/// The first three, or all.
void buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options);

/// Registers dashkv-nvvm-pipeline.
void registerNVVMPipeline();

/// What lowering takes from the signature of a public function.
struct GPUFunction {
  std::string name;
  /// The dashkv.role of each argument, or an empty string.
  SmallVector<std::string> roles;
  /// For each result the argument that it is, updated in place, or -1.
  SmallVector<int> aliases;
};

/// A module for one chip.
struct GPUProgram {
  /// Host functions that launch kernels (see convert-dashkv-to-gpu), and the
  /// gpu.module of the kernels in NVVM ops.
  OwningOpRef<ModuleOp> module;
  /// The public host functions.
  SmallVector<GPUFunction> functions;
  /// All kernels.
  std::string ptx;
};

/// How kernels are called.
enum class KernelABI {
  Driver, ///< by cuLaunchKernelEx
  IREE,   ///< by dispatches of IREE: parameters in its order, no cooperative launch
};

/// Compiles a clone of `module` by dashkv-nvvm-pipeline. An error if there is no
/// kernel at all, or if the PTX calls a function that it lacks.
FailureOr<GPUProgram> compileForGPU(ModuleOp module, const NVPTXTarget &target,
                                    KernelABI abi = KernelABI::Driver);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_NVVM_H
