//===- TensorExprBody.h - Regions while they are read -----------*- C++ -*-===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPRBODY_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPRBODY_H

#include "TensorExpr.h"

namespace mlir::dashkv {

/// What the values of a region mean: block arguments, and the index of each loop.
struct ExprContext::Body {
  Block *block = nullptr;
  ArrayRef<DimIndex> loops;
  DenseMap<Value, ExprRef> values;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPRBODY_H
