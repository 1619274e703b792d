//===- DashKVToVector.h - The CPU kernels -----------------------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_DASHKVTOVECTOR_H
#define DASHKV_CONVERSION_DASHKVTOVECTOR_H

#include "dashkv/Conversion/TargetInfo.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// Why convert-dashkv-to-vector has no kernel for `op`, as the end of a
/// sentence, or an empty string if it has one. Works on tensors and memrefs.
std::string whyNoKernel(Operation *op);

/// Forms and sizes of the kernel of `op` on `target` with `workers` threads.
/// Pre: `whyNoKernel` has no objection and `target` has vectors.
TileConfigAttr chooseTileConfig(Operation *op, const CPUTarget &target, int64_t workers);

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_DASHKVTOVECTOR_H
