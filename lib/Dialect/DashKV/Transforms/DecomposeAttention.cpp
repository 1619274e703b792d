//===- DecomposeAttention.cpp - Exact attention into its steps ------------===//
//
// Query heads become one dim wherever the mask admits it, so that exact and
// tiered attention end in the same forms of online_attention and finalize.
//
//===----------------------------------------------------------------------===//
#include "StepBuilder.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_DECOMPOSEATTENTIONPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

namespace {
class Decomposer {
public:
  Decomposer(AttentionOp op, OpBuilder &builder)
      : op(op), b(op.getLoc(), builder), maps(op.getMaps()), dims(op.getDims()),
        query(op.getQuery()), mask(op.getMask()), out(op.getInit()), lse(op.getLseInit()) {}
  SmallVector<Value> build();

private:
  void joinHeads();
  Value getLengths(OpFoldResult batch);
  SmallVector<unsigned> getRowDims() const;
  /// The map whose results are `positions`, in this order.
  AffineMap makeMap(ArrayRef<unsigned> positions) {
    return AffineMap::getMultiDimMapWithTargets(dims.count, positions, b.getContext());
  }
  bool isUsed(AffineMap map, unsigned dim) {
    return map.getResultPosition(b.getAffineDimExpr(dim)).has_value();
  }

  AttentionOp op;
  StepBuilder b;
  SmallVector<AffineMap> maps;
  AttentionDims dims;
  Value query, mask, out, lse;
};
} // namespace

/// Dims of statistics, outermost first.
SmallVector<unsigned> Decomposer::getRowDims() const {
  if (dims.group)
    return {dims.batch, dims.head, *dims.group, dims.query};
  return {dims.batch, dims.head, dims.query};
}

/// Makes the heads (h, g) of query, mask and out one dim. A mask of one of them
/// alone cannot be read by query heads, and two unknown sizes cannot be taken
/// apart again by a tensor.expand_shape: then the group stays.
void Decomposer::joinHeads() {
  auto isKnown = [&](unsigned dim) {
    return getConstantIntValue(b.sizeOf(query, maps[0], dim)).has_value();
  };
  if (!isKnown(dims.head) && !isKnown(*dims.group))
    return;
  bool hasHead = mask && isUsed(maps[3], dims.head),
       hasGroup = mask && isUsed(maps[3], *dims.group);
  if (hasHead != hasGroup)
    return;
  auto collapse = [&](Value value, unsigned at) -> Value {
    SmallVector<ReassociationIndices> groups;
    for (unsigned i = 0, rank = cast<ShapedType>(value.getType()).getRank(); i < rank; ++i)
      if (i == at + 1)
        groups.back().push_back(i);
      else
        groups.push_back({i});
    return tensor::CollapseShapeOp::create(b, value, groups);
  };
  AffineMap queryMap = makeMap({dims.batch, dims.head, *dims.group, dims.query, dims.depth});
  query = collapse(b.permute(query, maps[0], queryMap), 1);
  AffineMap outMap = makeMap({dims.batch, dims.head, *dims.group, dims.query, dims.valueDepth});
  if (maps.back() == outMap)
    out = collapse(out, 1);
  if (lse)
    lse = collapse(lse, 1);
  if (hasHead) {
    SmallVector<unsigned> order;
    for (unsigned dim : {dims.batch, dims.head, *dims.group, dims.query, dims.key})
      if (isUsed(maps[3], dim))
        order.push_back(dim);
    mask = collapse(b.permute(mask, maps[3], makeMap(order)),
                    llvm::find(order, dims.head) - order.begin());
    maps[3] = makeMap(order);
  }
  maps[0] = queryMap;
  // The group leaves all maps but that of the result, which is for the end.
  AttentionDims joined = *AttentionDims::get(6);
  for (AffineMap &map : MutableArrayRef(maps).drop_back()) {
    SmallVector<unsigned> positions;
    for (AffineExpr expr : map.getResults()) {
      unsigned dim = cast<AffineDimExpr>(expr).getPosition();
      if (dim != *dims.group)
        positions.push_back(dim > *dims.group ? dim - 1 : dim);
    }
    map = AffineMap::getMultiDimMapWithTargets(joined.count, positions, b.getContext());
  }
  dims = joined;
}

/// Rows of a causal op end at their sequence's end: parts of the keys need to
/// know where that is.
Value Decomposer::getLengths(OpFoldResult batch) {
  if (op.getLengths() || !op.getCausal())
    return op.getLengths();
  OpFoldResult keys = b.numKeys(op);
  Value number = arith::IndexCastOp::create(b, b.getI32Type(),
                                            getValueOrCreateConstantIndexOp(b, b.getLoc(), keys));
  return b.filled({batch}, number);
}

SmallVector<Value> Decomposer::build() {
  AffineMap resultMap = maps.back();
  AttentionDims givenDims = dims;
  if (dims.group)
    joinHeads();
  bool joined = givenDims.group && !dims.group;

  SmallVector<OpFoldResult> rows;
  for (unsigned dim : getRowDims())
    rows.push_back(b.sizeOf(query, maps[0], dim));
  OpFoldResult depth = b.sizeOf(op.getValue(), maps[2], dims.valueDepth);
  SmallVector<unsigned> accDims = getRowDims();
  accDims.push_back(dims.valueDepth);
  maps.back() = makeMap(accDims);
  bool isDefault = maps == AttentionDims::getDefaultMaps(b.getContext(), mask != nullptr);

  auto [acc, max, sum] = b.neutral(rows, depth);
  // The only row of a decode step sees all keys.
  bool causal = op.getCausal() && getConstantIntValue(rows.back()) != 1;
  Value lengths = causal ? getLengths(rows.front()) : op.getLengths();
  auto attend = OnlineAttentionOp::create(
      b, query, op.getKey(), op.getValue(), mask, /*indices=*/Value(), /*counts=*/Value(), lengths,
      op.getBlockTable(), op.getKeyScale(), op.getValueScale(), acc, max, sum, op.getScaleAttr(),
      causal, isDefault ? ArrayAttr() : b.getAffineMapArrayAttr(maps));

  // The result in default layout, as it is written in place or permuted.
  SmallVector<unsigned> outDims = {givenDims.batch, givenDims.head};
  if (givenDims.group)
    outDims.push_back(*givenDims.group);
  outDims.append({givenDims.query, givenDims.valueDepth});
  AffineMap outMap = AffineMap::getMultiDimMapWithTargets(givenDims.count, outDims, b.getContext());
  SmallVector<OpFoldResult> sizes = rows;
  sizes.push_back(depth);
  Value init =
      resultMap == outMap ? out : b.empty(sizes, getElementTypeOrSelf(op.getInit().getType()));
  auto finalize = FinalizeOp::create(b, attend->getResult(0), attend->getResult(1),
                                     attend->getResult(2), init, lse);
  SmallVector<Value> results = llvm::to_vector_of<Value>(finalize->getResults());
  if (joined) {
    OpFoldResult kvHeads = b.sizeOf(op.getQuery(), op.getMaps()[0], givenDims.head);
    OpFoldResult group = b.sizeOf(op.getQuery(), op.getMaps()[0], *givenDims.group);
    // The joined size is known if both are, whatever an operand of outs tells.
    std::optional<int64_t> numHeads = getConstantIntValue(kvHeads);
    std::optional<int64_t> numGroup = getConstantIntValue(group);
    int64_t numQueryHeads = numHeads && numGroup ? *numHeads * *numGroup : ShapedType::kDynamic;
    for (Value &result : results) {
      auto joinedType = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> joinedShape(joinedType.getShape());
      joinedShape[1] = numQueryHeads;
      result = b.createOrFold<tensor::CastOp>(joinedType.clone(joinedShape), result);
      SmallVector<OpFoldResult> shape = tensor::getMixedSizes(b, b.getLoc(), result);
      shape[1] = kvHeads;
      shape.insert(shape.begin() + 2, group);
      SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
      for (int64_t i = 3; i < static_cast<int64_t>(shape.size()); ++i)
        groups.push_back({i});
      SmallVector<int64_t> staticShape;
      SmallVector<Value> dynamicShape;
      dispatchIndexOpFoldResults(shape, dynamicShape, staticShape);
      auto type = RankedTensorType::get(staticShape, getElementTypeOrSelf(result.getType()));
      result = tensor::ExpandShapeOp::create(b, type, result, groups, shape);
    }
  }
  results[0] = b.permute(results[0], outMap, resultMap);
  b.castLike(results, op->getResults());
  return results;
}

namespace {
struct DecomposeAttention : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "on memrefs");
    rewriter.replaceOp(op, Decomposer(op, rewriter).build());
    return success();
  }
};

struct DecomposeAttentionPass
    : mlir::dashkv::impl::DecomposeAttentionPassBase<DecomposeAttentionPass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDecomposeAttentionPatterns(patterns);
    populateBuffersToTensorsPatterns(patterns);
    // Only attention and what it becomes is touched.
    SmallVector<Operation *> targets;
    getOperation()->walk([&](AttentionOp op) { targets.push_back(op); });
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps).enableFolding(false);
    FrozenRewritePatternSet frozen(std::move(patterns));
    for (Operation *target : targets)
      if (failed(applyOpPatternsGreedily({target}, frozen, config)))
        return signalPassFailure();
  }
};
} // namespace

void mlir::dashkv::populateDecomposeAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeAttention>(patterns.getContext());
}
