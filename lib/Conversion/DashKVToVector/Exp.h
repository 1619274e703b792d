//===- Exp.h - Exponential and logarithm of vectors -------------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EXP_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EXP_H

#include "VectorBuilder.h"

namespace mlir::dashkv {

/// exp of a vector of f32 that are at most 0, within 2 ulp; 0 below -87, where
/// results would come near the denormal numbers, and for -inf.
Value emitExp(VectorBuilder &b, Value x);

/// Natural logarithm of a vector of f32 that are not negative, within 2 ulp or
/// 1e-7; denormal numbers count as the smallest normal one.
Value emitLog(VectorBuilder &b, Value x);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EXP_H
