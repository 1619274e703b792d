//===- TilingPartial.cpp - PartialReductionOpInterface of the online ops --===//
//
// A part of the keys gives statistics of its own, from neutral start values;
// dashkv.merge adds those of all parts to what the op was given, in order.
//
//===----------------------------------------------------------------------===//
#include "TileSpace.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

/// Start values of acc, max and sum.
static SmallVector<float> getNeutral() { return {0, -std::numeric_limits<float>::max(), 0}; }

/// Partials [S, ...] of results [...]; tiles write all of them.
template <typename OpTy>
static FailureOr<SmallVector<Value>> makePartials(OpTy op, OpBuilder &b, Location loc,
                                                  ArrayRef<OpFoldResult> sizes,
                                                  const SetVector<unsigned> &reductionDims) {
  if (reductionDims.size() != 1 || !op.hasPureTensorSemantics())
    return failure();
  SmallVector<Value> partials;
  for (Value init : op.getDpsInits()) {
    SmallVector<OpFoldResult> shape = {sizes[reductionDims.front()]};
    for (int64_t dim = 0; dim < cast<ShapedType>(init.getType()).getRank(); ++dim)
      shape.push_back(getTensorSize(b, loc, init, dim));
    partials.push_back(tensor::EmptyOp::create(b, loc, shape, b.getF32Type()));
  }
  return partials;
}

template <typename OpTy>
static FailureOr<TilingResult>
tilePart(OpTy op, OpBuilder &b, Location loc, ReductionTilingStrategy strategy, ValueRange partials,
         ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
         ArrayRef<OpFoldResult> splits) {
  // A part is a tile with statistics of its own, not a lane of a reduction.
  if (strategy != ReductionTilingStrategy::PartialReductionOuterParallel || splits.size() != 1)
    return failure();
  SmallVector<Value> inits;
  SmallVector<Operation *> slices;
  auto interface = cast<TilingInterface>(op.getOperation());
  for (auto [number, partial, neutral] : llvm::enumerate(partials, getNeutral())) {
    SmallVector<OpFoldResult> tileOffsets, tileSizes;
    if (failed(interface.getResultTilePosition(b, number, offsets, sizes, tileOffsets, tileSizes)))
      return failure();
    auto type = RankedTensorType::get(
        llvm::map_to_vector(tileSizes,
                            [](OpFoldResult size) {
                              return getConstantIntValue(size).value_or(ShapedType::kDynamic);
                            }),
        b.getF32Type());
    tileOffsets.insert(tileOffsets.begin(), splits.front());
    tileSizes.insert(tileSizes.begin(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> strides(tileSizes.size(), b.getIndexAttr(1));
    auto slice =
        tensor::ExtractSliceOp::create(b, loc, type, partial, tileOffsets, tileSizes, strides);
    slices.push_back(slice);
    Value start = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(neutral));
    inits.push_back(linalg::FillOp::create(b, loc, start, slice.getResult()).getResult(0));
  }
  FailureOr<TilingResult> result = tileOp(op, b, offsets, sizes, inits);
  if (succeeded(result))
    llvm::append_range(result->generatedSlices, slices);
  return result;
}

template <typename OpTy>
static MergeResult mergeParts(OpTy op, OpBuilder &b, Location loc, ValueRange partials) {
  auto merge = MergeOp::create(b, loc, partials[0], partials[1], partials[2], op.getAcc(),
                               op.getMax(), op.getSum());
  return {{merge}, llvm::to_vector_of<Value>(merge->getResults())};
}

template <typename OpTy>
static LogicalResult
getPartPosition(OpTy op, OpBuilder &b, unsigned number, ArrayRef<OpFoldResult> offsets,
                ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> splits,
                SmallVector<OpFoldResult> &resultOffsets, SmallVector<OpFoldResult> &resultSizes) {
  if (splits.size() != 1 ||
      failed(op.getResultTilePosition(b, number, offsets, sizes, resultOffsets, resultSizes)))
    return failure();
  resultOffsets.insert(resultOffsets.begin(), splits.front());
  resultSizes.insert(resultSizes.begin(), b.getIndexAttr(1));
  return success();
}

#define DASHKV_PARTIAL_REDUCTION(OP)                                                               \
  FailureOr<SmallVector<Value>> OP::generateInitialTensorForPartialReduction(                      \
      OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes,                                    \
      const SetVector<unsigned> &reductionDims) {                                                  \
    return makePartials(*this, b, loc, sizes, reductionDims);                                      \
  }                                                                                                \
  FailureOr<TilingResult> OP::tileToPartialReduction(                                              \
      OpBuilder &b, Location loc, ReductionTilingStrategy strategy, ValueRange partials,           \
      ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,                                \
      const llvm::SetVector<unsigned> &, ArrayRef<OpFoldResult> splits) {                          \
    return tilePart(*this, b, loc, strategy, partials, offsets, sizes, splits);                    \
  }                                                                                                \
  FailureOr<MergeResult> OP::mergeReductions(OpBuilder &b, Location loc, ValueRange partials,      \
                                             const SetVector<unsigned> &) {                        \
    return mergeParts(*this, b, loc, partials);                                                    \
  }                                                                                                \
  LogicalResult OP::getPartialResultTilePosition(                                                  \
      OpBuilder &b, unsigned number, ReductionTilingStrategy, ArrayRef<OpFoldResult> offsets,      \
      ArrayRef<OpFoldResult> sizes, const SetVector<unsigned> &, ArrayRef<OpFoldResult> splits,    \
      SmallVector<OpFoldResult> &resultOffsets, SmallVector<OpFoldResult> &resultSizes) {          \
    return getPartPosition(*this, b, number, offsets, sizes, splits, resultOffsets, resultSizes);  \
  }
DASHKV_PARTIAL_REDUCTION(OnlineAttentionOp)
DASHKV_PARTIAL_REDUCTION(OnlineReduceOp)
#undef DASHKV_PARTIAL_REDUCTION
