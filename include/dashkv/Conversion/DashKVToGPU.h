//===- DashKVToGPU.h - Kernels for NVIDIA GPUs ------------------*- C++ -*-===//
//
// The kernels that convert-dashkv-to-gpu emits, and their calling conventions.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_CONVERSION_DASHKVTOGPU_H
#define DASHKV_CONVERSION_DASHKVTOGPU_H

#include "dashkv/Conversion/TargetInfo.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::dashkv {

/// The function that host code of the GPU lowering calls to know how many
/// multiprocessors the device has: `() -> index`.
inline constexpr llvm::StringLiteral kMultiprocessorsName = "dashkv_multiprocessors";

/// An empty gpu.module for `target` with the data layout of LLVM, in `module`.
gpu::GPUModuleOp createKernelModule(ModuleOp module, StringRef name, const NVPTXTarget &target);

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_DASHKVTOGPU_H
