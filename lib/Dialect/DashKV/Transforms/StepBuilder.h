//===- StepBuilder.h - Building the steps of attention ----------*- C++ -*-===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_STEPBUILDER_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_STEPBUILDER_H

#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dashkv {

/// Softmax statistics on tensors.
struct Statistics {
  Value acc, max, sum;
};

class StepBuilder : public ImplicitLocOpBuilder {
public:
  StepBuilder(Location loc, OpBuilder &builder) : ImplicitLocOpBuilder(loc, builder) {}

  /// The size of `tensor`, laid out by `map`, along the iteration dim `dim`.
  OpFoldResult sizeOf(Value tensor, AffineMap map, unsigned dim);
  /// N of an op on keys and values, paged or not.
  template <typename OpTy> OpFoldResult numKeys(OpTy op) {
    unsigned dim = *op.getMaps()[1].getResultPosition(getAffineDimExpr(op.getDims().key));
    return getNumKeys(*this, getLoc(), op.getKey(), dim, op.getBlockTable());
  }
  Value empty(ArrayRef<OpFoldResult> sizes, Type type);
  Value filled(ArrayRef<OpFoldResult> sizes, Value scalar);
  Value filled(ArrayRef<OpFoldResult> sizes, TypedAttr scalar);
  /// `value` in the order of `from` as the order of `to`.
  Value permute(Value value, AffineMap from, AffineMap to);
  /// Start values for `rows` of `depth` values.
  Statistics neutral(ArrayRef<OpFoldResult> rows, OpFoldResult depth);
  /// Casts results to the types of `old`: a size that only one operand tells
  /// statically is put back.
  void castLike(MutableArrayRef<Value> results, ResultRange old);
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_STEPBUILDER_H
