//===- Tiling.cpp - TilingInterface of the dashkv ops ---------------------===//
#include "TileSpace.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// The value that decides the sizes of `tensor`.
static Value getShapeSource(Value tensor) {
  while (auto result = dyn_cast<OpResult>(tensor)) {
    auto dst = dyn_cast<DestinationStyleOpInterface>(result.getOwner());
    if (!dst)
      break;
    tensor = dst.getTiedOpOperand(result)->get();
  }
  return tensor;
}

OpFoldResult mlir::dashkv::getTensorSize(OpBuilder &b, Location loc, Value tensor, int64_t dim) {
  tensor = getShapeSource(tensor);
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes()[dim];
  return tensor::getMixedSize(b, loc, tensor, dim);
}

OpFoldResult mlir::dashkv::getNumKeys(OpBuilder &b, Location loc, Value cache, int64_t dim,
                                      Value blockTable) {
  OpFoldResult rows = getTensorSize(b, loc, cache, dim);
  if (!blockTable)
    return rows;
  OpFoldResult blocks = getTensorSize(b, loc, blockTable, 1);
  std::optional<int64_t> knownRows = getConstantIntValue(rows),
                         knownBlocks = getConstantIntValue(blocks);
  if (knownRows && knownBlocks)
    return b.getIndexAttr(*knownRows * *knownBlocks);
  return Value(arith::MulIOp::create(b, loc, getValueOrCreateConstantIndexOp(b, loc, blocks),
                                     getValueOrCreateConstantIndexOp(b, loc, rows)));
}

/// Whether `size` is known to be that of `tensor` along `dim`.
static bool isSizeOf(OpFoldResult size, Value tensor, int64_t dim) {
  int64_t wanted = cast<ShapedType>(tensor.getType()).getDimSize(dim);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return *constant == wanted;
  auto value = cast<Value>(size);
  Value source = getShapeSource(tensor);
  if (auto empty = source.getDefiningOp<tensor::EmptyOp>())
    if (ShapedType::isDynamic(empty.getType().getDimSize(dim)))
      return empty.getDynamicSize(dim) == value;
  auto dimOp = value.getDefiningOp<tensor::DimOp>();
  return dimOp && getShapeSource(dimOp.getSource()) == source && dimOp.getConstantIndex() == dim;
}

static bool isWhole(OpFoldResult offset, OpFoldResult size, Value tensor, int64_t dim) {
  return isZeroInteger(offset) && isSizeOf(size, tensor, dim);
}

/// `value * mul / div` of an offset, or of a size, which is at least 1 when it is
/// a part of `div`.
static OpFoldResult scale(OpBuilder &b, Location loc, OpFoldResult value, TileSpace::Rule rule,
                          bool isSize) {
  AffineExpr expr = b.getAffineSymbolExpr(0) * rule.mul;
  expr = isSize ? expr.ceilDiv(rule.div) : expr.floorDiv(rule.div);
  return affine::makeComposedFoldedAffineApply(b, loc, expr, {value});
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// `body` of every element of `tensor`, which is i32.
static Value mapElements(OpBuilder &b, Location loc, Value tensor,
                         function_ref<Value(OpBuilder &, Location, Value)> body) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value empty =
      tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, tensor), type.getElementType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, empty.getType(), tensor, empty, ArrayRef<AffineMap>{identity, identity}, loops,
             [&](OpBuilder &nested, Location loc, ValueRange args) {
               linalg::YieldOp::create(nested, loc, body(nested, loc, args[0]));
             })
      .getResult(0);
}

static Value toI32(OpBuilder &b, Location loc, OpFoldResult value) {
  return arith::IndexCastOp::create(b, loc, b.getI32Type(),
                                    getValueOrCreateConstantIndexOp(b, loc, value));
}

/// How many entries of lists of `counts` entries stand in the slots of a tile.
static Value clampCounts(OpBuilder &b, Location loc, Value counts, OpFoldResult offset,
                         OpFoldResult size) {
  Value first = toI32(b, loc, offset), slots = toI32(b, loc, size);
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
  return mapElements(b, loc, counts, [&](OpBuilder &b, Location loc, Value count) -> Value {
    count = arith::SubIOp::create(b, loc, count, first);
    count = arith::MaxSIOp::create(b, loc, count, zero);
    return arith::MinSIOp::create(b, loc, count, slots);
  });
}

/// Lengths of sequences of which the first `offset` keys are cut off. They may
/// become negative: no key is below.
static Value shiftLengths(OpBuilder &b, Location loc, Value lengths, OpFoldResult offset) {
  Value cut = toI32(b, loc, offset);
  return mapElements(b, loc, lengths, [&](OpBuilder &b, Location loc, Value length) -> Value {
    return arith::SubIOp::create(b, loc, length, cut);
  });
}

/// The operands that tell how many keys there are change with the keys.
static void cutKeys(OpBuilder &b, Operation *tile, OpFoldResult offset, OpFoldResult size) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(tile);
  Location loc = tile->getLoc();
  auto attention = dyn_cast<OnlineAttentionOp>(tile);
  if (attention && !attention.getCounts()) {
    if (attention.getLengths()) {
      OpOperand &lengths = attention.getLengthsMutable()[0];
      lengths.set(shiftLengths(b, loc, lengths.get(), offset));
    }
    return;
  }
  OpOperand &counts = attention                   ? attention.getCountsMutable()[0]
                      : isa<OnlineReduceOp>(tile) ? cast<OnlineReduceOp>(tile).getCountsMutable()
                                                  : cast<EstimateScoresOp>(tile).getCountsMutable();
  counts.set(clampCounts(b, loc, counts.get(), offset, size));
}

/// Whether tiles of this size hold whole groups of heads, or lie in one.
static bool separatesHeads(const TileSpace &space, ArrayRef<OpFoldResult> sizes, Operation *op) {
  std::optional<unsigned> head = TileLoops::get(op).head;
  if (!head || space.getHeadUnit() == 1)
    return false;
  auto [operand, dim] = space.getSource(*head);
  if (isSizeOf(sizes[*head], op->getOperand(operand), dim))
    return false;
  std::optional<int64_t> size = getConstantIntValue(sizes[*head]);
  return !size || *size % space.getHeadUnit() != 0;
}

FailureOr<TilingResult> mlir::dashkv::tileOp(Operation *op, OpBuilder &b,
                                             ArrayRef<OpFoldResult> offsets,
                                             ArrayRef<OpFoldResult> sizes, ValueRange inits) {
  auto dst = cast<DestinationStyleOpInterface>(op);
  TileSpace space = TileSpace::get(op);
  if (!dst.hasPureTensorSemantics() || separatesHeads(space, sizes, op))
    return failure();
  Location loc = op->getLoc();
  TilingResult result;
  SmallVector<Value> operands;
  SmallVector<Type> types;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    bool isInit = dst.isDpsInit(&operand);
    ArrayRef<TileSpace::Rule> rules = space.getRules(operand.getOperandNumber());
    bool isCut = llvm::any_of(rules, [](TileSpace::Rule rule) { return rule.loop >= 0; });
    if (isInit && !inits.empty()) {
      value = inits[types.size()];
    } else if (isCut) {
      SmallVector<OpFoldResult> sliceOffsets, sliceSizes, strides(rules.size(), b.getIndexAttr(1));
      for (auto [dim, rule] : llvm::enumerate(rules)) {
        if (rule.loop < 0 || isWhole(offsets[rule.loop], sizes[rule.loop],
                                     op->getOperand(space.getSource(rule.loop).first),
                                     space.getSource(rule.loop).second)) {
          sliceOffsets.push_back(b.getIndexAttr(0));
          sliceSizes.push_back(getTensorSize(b, loc, value, dim));
          continue;
        }
        sliceOffsets.push_back(scale(b, loc, offsets[rule.loop], rule, /*isSize=*/false));
        sliceSizes.push_back(scale(b, loc, sizes[rule.loop], rule, /*isSize=*/true));
      }
      auto slice = tensor::ExtractSliceOp::create(b, loc, value, sliceOffsets, sliceSizes, strides);
      result.generatedSlices.push_back(slice);
      value = slice;
    }
    operands.push_back(value);
    if (isInit)
      types.push_back(value.getType());
  }
  Operation *tile = mlir::clone(b, op, types, operands);
  // The loop over keys, whatever its kind.
  std::optional<unsigned> keys = space.find("c");
  if (!keys && isa<OnlineAttentionOp>(op))
    keys = space.find("n");
  if (keys) {
    auto [operand, dim] = space.getSource(*keys);
    if (!isWhole(offsets[*keys], sizes[*keys], op->getOperand(operand), dim))
      cutKeys(b, tile, offsets[*keys], sizes[*keys]);
  }
  result.tiledOps.push_back(tile);
  llvm::append_range(result.tiledValues, tile->getResults());
  return result;
}

FailureOr<TilingResult> mlir::dashkv::tileOp(Operation *op, OpBuilder &b,
                                             ArrayRef<OpFoldResult> offsets,
                                             ArrayRef<OpFoldResult> sizes) {
  return tileOp(op, b, offsets, sizes, ValueRange());
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

static SmallVector<utils::IteratorType> getIteratorTypes(Operation *op) {
  return llvm::map_to_vector(TileSpace::get(op).getLoops(),
                             [](const TileSpace::Loop &loop) { return loop.kind; });
}

/// The largest element of `tensor` (i32), in 0 to `limit`.
static Value getLargest(OpBuilder &b, Location loc, Value tensor, OpFoldResult limit) {
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value empty = tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>(), b.getI32Type());
  Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  auto reduced = linalg::GenericOp::create(
      b, loc, init.getType(), tensor, init,
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(rank), AffineMap::get(rank, 0, b.getContext())},
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::reduction),
      [](OpBuilder &nested, Location loc, ValueRange args) {
        Value max = arith::MaxSIOp::create(nested, loc, args[0], args[1]);
        linalg::YieldOp::create(nested, loc, max);
      });
  Value largest = tensor::ExtractOp::create(b, loc, reduced.getResult(0), ValueRange());
  largest = arith::IndexCastOp::create(b, loc, b.getIndexType(), largest);
  return arith::MinSIOp::create(b, loc, largest, getValueOrCreateConstantIndexOp(b, loc, limit));
}

/// With splits the loop over keys ends at the longest list or sequence, so that
/// the parts are equally long however few of the slots are in use.
static OpFoldResult boundKeys(OpBuilder &b, Operation *op, OpFoldResult size) {
  auto config = op->getAttrOfType<TileConfigAttr>(kTileConfigAttrName);
  if (!config || config.getSplits() == 1)
    return size;
  Value numbers;
  if (auto attention = dyn_cast<OnlineAttentionOp>(op))
    numbers = attention.getCounts() ? attention.getCounts() : attention.getLengths();
  else
    numbers = cast<OnlineReduceOp>(op).getCounts();
  return numbers ? OpFoldResult(getLargest(b, op->getLoc(), numbers, size)) : size;
}

static SmallVector<Range> getDomain(Operation *op, OpBuilder &b) {
  TileSpace space = TileSpace::get(op);
  SmallVector<Range> ranges;
  for (unsigned i = 0; i < space.getLoops().size(); ++i) {
    auto [operand, dim] = space.getSource(i);
    OpFoldResult size = getTensorSize(b, op->getLoc(), op->getOperand(operand), dim);
    if (space.getLoops()[i].kind == utils::IteratorType::reduction)
      size = boundKeys(b, op, size);
    ranges.push_back({b.getIndexAttr(0), size, b.getIndexAttr(1)});
  }
  return ranges;
}

/// The tile of result `number` that a tile of the loops computes.
static void getResultTile(Operation *op, OpBuilder &b, unsigned number,
                          ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                          SmallVectorImpl<OpFoldResult> &resultOffsets,
                          SmallVectorImpl<OpFoldResult> &resultSizes) {
  OpOperand *init = cast<DestinationStyleOpInterface>(op).getDpsInitOperand(number);
  TileSpace space = TileSpace::get(op);
  for (auto [dim, rule] : llvm::enumerate(space.getRules(init->getOperandNumber()))) {
    resultOffsets.push_back(rule.loop < 0 ? b.getIndexAttr(0) : offsets[rule.loop]);
    resultSizes.push_back(rule.loop < 0 ? getTensorSize(b, op->getLoc(), init->get(), dim)
                                        : sizes[rule.loop]);
  }
}

/// Whether result `number` is computed in tiles that cover this slice exactly.
static bool isTileOfResult(Operation *op, unsigned number, ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes) {
  auto dst = cast<DestinationStyleOpInterface>(op);
  if (!dst.hasPureTensorSemantics())
    return false;
  OpOperand *init = dst.getDpsInitOperand(number);
  TileSpace space = TileSpace::get(op);
  SmallVector<OpFoldResult> loopSizes(space.getLoops().size());
  for (auto [i, loop] : llvm::enumerate(space.getLoops()))
    loopSizes[i] = IntegerAttr::get(IndexType::get(op->getContext()), 1);
  for (auto [dim, rule] : llvm::enumerate(space.getRules(init->getOperandNumber()))) {
    if (rule.loop < 0 && !isWhole(offsets[dim], sizes[dim], init->get(), dim))
      return false;
    if (rule.loop >= 0)
      loopSizes[rule.loop] = sizes[dim];
  }
  return !separatesHeads(space, loopSizes, op);
}

/// The tile of the loops for a slice of result `number`.
static LogicalResult getLoopTile(Operation *op, OpBuilder &b, unsigned number,
                                 ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                                 SmallVectorImpl<OpFoldResult> &loopOffsets,
                                 SmallVectorImpl<OpFoldResult> &loopSizes) {
  if (!isTileOfResult(op, number, offsets, sizes))
    return failure();
  TileSpace space = TileSpace::get(op);
  OpOperand *init = cast<DestinationStyleOpInterface>(op).getDpsInitOperand(number);
  ArrayRef<TileSpace::Rule> rules = space.getRules(init->getOperandNumber());
  for (unsigned i = 0; i < space.getLoops().size(); ++i) {
    const auto *rule = llvm::find_if(rules, [&](TileSpace::Rule r) { return r.loop == int(i); });
    if (rule != rules.end()) {
      loopOffsets.push_back(offsets[rule - rules.begin()]);
      loopSizes.push_back(sizes[rule - rules.begin()]);
      continue;
    }
    auto [operand, dim] = space.getSource(i);
    loopOffsets.push_back(b.getIndexAttr(0));
    loopSizes.push_back(getTensorSize(b, op->getLoc(), op->getOperand(operand), dim));
  }
  return success();
}

static FailureOr<TilingResult> generateResultTile(Operation *op, OpBuilder &b, unsigned number,
                                                  ArrayRef<OpFoldResult> offsets,
                                                  ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> loopOffsets, loopSizes;
  if (failed(getLoopTile(op, b, number, offsets, sizes, loopOffsets, loopSizes)))
    return failure();
  FailureOr<TilingResult> result = tileOp(op, b, loopOffsets, loopSizes);
  if (succeeded(result))
    result->tiledValues = {result->tiledValues[number]};
  return result;
}

#define DASHKV_TILING(OP)                                                                          \
  SmallVector<utils::IteratorType> OP::getLoopIteratorTypes() { return getIteratorTypes(*this); }  \
  SmallVector<Range> OP::getIterationDomain(OpBuilder &b) { return getDomain(*this, b); }          \
  FailureOr<TilingResult> OP::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets, \
                                                     ArrayRef<OpFoldResult> sizes) {               \
    return tileOp(*this, b, offsets, sizes);                                                       \
  }                                                                                                \
  LogicalResult OP::getResultTilePosition(                                                         \
      OpBuilder &b, unsigned number, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes, \
      SmallVector<OpFoldResult> &resultOffsets, SmallVector<OpFoldResult> &resultSizes) {          \
    getResultTile(*this, b, number, offsets, sizes, resultOffsets, resultSizes);                   \
    return success();                                                                              \
  }                                                                                                \
  FailureOr<TilingResult> OP::generateResultTileValue(OpBuilder &b, unsigned number,               \
                                                      ArrayRef<OpFoldResult> offsets,              \
                                                      ArrayRef<OpFoldResult> sizes) {              \
    return generateResultTile(*this, b, number, offsets, sizes);                                   \
  }                                                                                                \
  LogicalResult OP::getIterationDomainTileFromResultTile(                                          \
      OpBuilder &b, unsigned number, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes, \
      SmallVectorImpl<OpFoldResult> &loopOffsets, SmallVectorImpl<OpFoldResult> &loopSizes) {      \
    return getLoopTile(*this, b, number, offsets, sizes, loopOffsets, loopSizes);                  \
  }                                                                                                \
  bool OP::isOpFusableWithConsumerSlice(unsigned number, ArrayRef<OpFoldResult> offsets,           \
                                        ArrayRef<OpFoldResult> sizes) {                            \
    return isTileOfResult(*this, number, offsets, sizes);                                          \
  }
DASHKV_TILING(AttentionOp)
DASHKV_TILING(HashEncodeOp)
DASHKV_TILING(TieredAttentionOp)
DASHKV_TILING(HammingDistanceOp)
DASHKV_TILING(CalibrateOp)
DASHKV_TILING(SelectOp)
DASHKV_TILING(RetrieveOp)
DASHKV_TILING(EstimateScoresOp)
DASHKV_TILING(OnlineAttentionOp)
DASHKV_TILING(OnlineReduceOp)
DASHKV_TILING(MergeOp)
DASHKV_TILING(FinalizeOp)
#undef DASHKV_TILING
