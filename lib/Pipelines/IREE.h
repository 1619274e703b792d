//===- IREE.h - Kernels for a stock IREE ------------------------*- C++ -*-===//
#ifndef DASHKV_LIB_PIPELINES_IREE_H
#define DASHKV_LIB_PIPELINES_IREE_H

#include "dashkv/Pipelines/NVVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::dashkv {

/// Gives the kernels the parameters that IREE passes: first all pointers, then
/// words of 32 bits, of which an i64 takes two.
void adaptKernelsToIREE(gpu::GPUModuleOp kernels);

/// Whether a kernel may write what its parameter points to.
bool mayWrite(LLVM::LLVMFuncOp kernel, unsigned parameter);

/// A module for iree-link: kernels of `program`, compiled with KernelABI::IREE,
/// and for each public function one of tensors that dispatches them. `program`
/// is for `target`.
FailureOr<std::string> makeIREELibrary(const GPUProgram &program, const NVPTXTarget &target);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_PIPELINES_IREE_H
