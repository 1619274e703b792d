//===- Helpers.h - Short forms for building linalg on tensors ---*- C++ -*-===//
//
// The lowerings of this folder are written as equations over named dims: an
// operand is a tensor with the list of loop dims that index it, and a loop dim
// that the result lacks is reduced.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOLINALG_HELPERS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOLINALG_HELPERS_H

#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dashkv {

/// A tensor and the loop dims that index it, one a dim of the tensor.
struct Indexed {
  Value tensor;
  SmallVector<unsigned> dims;
};

/// Builds linalg, tensor and arith ops at one place of a pattern.
class LinalgBuilder : public ImplicitLocOpBuilder {
public:
  LinalgBuilder(Location loc, OpBuilder &builder) : ImplicitLocOpBuilder(loc, builder) {}

  //===--- Constants and scalars ------------------------------------------===//
  Value constant(Type type, double value);  // float types
  Value constant(Type type, int64_t value); // integer types and index
  Value index(int64_t value);
  Value f32(double value);
  Value i32(int64_t value);
  Value i64(int64_t value);
  /// -infinity in f32.
  Value minusInf();
  /// `value` as f32, whatever float type it has, or i8.
  Value toF32(Value value);
  /// `value` (f32) as `type`.
  Value fromF32(Value value, Type type);
  /// Index of the innermost generic's loop dim as an integer of `type`.
  Value loopIndex(unsigned dim, Type type);

  //===--- Shapes ----------------------------------------------------------===//
  OpFoldResult size(Value tensor, unsigned dim);
  SmallVector<OpFoldResult> sizes(Value tensor);
  Value sizeValue(Value tensor, unsigned dim);
  Value materialize(OpFoldResult size);
  Value empty(ArrayRef<OpFoldResult> sizes, Type type);
  Value filled(ArrayRef<OpFoldResult> sizes, Value scalar);
  /// Splits dim `dim` of `tensor` into `outer` times the rest.
  Value splitDim(Value tensor, unsigned dim, OpFoldResult outer);
  /// Splits the last dim into (rest, `inner`).
  Value splitLastDim(Value tensor, int64_t inner);
  /// Joins dims `dim` and `dim + 1`.
  Value joinDims(Value tensor, unsigned dim);
  /// `permutation[i]` is the dim of `tensor` that becomes dim i.
  Value transpose(Value tensor, ArrayRef<int64_t> permutation);
  /// Key codes as they are, or byte planes [B,Hkv,NB,L/8,64] as key-major codes
  /// [B,Hkv,NB*64,L/8].
  Value keyMajor(Value keyCodes);
  /// `tensor` with the static type of `like` (sizes are equal by contract).
  Value castLike(Value tensor, Value like);

  //===--- Loops -----------------------------------------------------------===//
  using Body = function_ref<Value(LinalgBuilder &, ValueRange)>;
  /// One linalg.generic over `numDims` loops: the body gets a scalar an input
  /// and the accumulator last. A loop dim that `init` lacks is reduced.
  Value generic(unsigned numDims, ArrayRef<Indexed> inputs, Indexed init, Body body);
  /// The same where every dim of the result is a loop in order: no accumulator
  /// is read, and the result is of `type`.
  Value map(ArrayRef<OpFoldResult> sizes, Type type, ArrayRef<Indexed> inputs, Body body);
};

/// Dims 0 to count - 1.
SmallVector<unsigned> iota(unsigned count);

/// Statistics of running softmax with heads as (k, g).
struct SoftmaxStats {
  Value acc, max, sum;
};

//===--- Lowerings by family; each returns one tensor an init ---------------===//
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, AttentionOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, OnlineAttentionOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, OnlineReduceOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, MergeOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, FinalizeOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, EstimateScoresOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, HashEncodeOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, HammingDistanceOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, CalibrateOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, SelectOp op);
FailureOr<SmallVector<Value>> lowerOp(LinalgBuilder &b, RetrieveOp op);

/// `activation(x W + b)` for x `[B,H,R...,I]` (one row dim or more), with
/// weights `[I,O]` or `[H,I,O]`; no activation or bias where absent.
Value denseLayer(LinalgBuilder &b, Value x, Value weight, Value bias,
                 std::optional<Activation> activation);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOLINALG_HELPERS_H
