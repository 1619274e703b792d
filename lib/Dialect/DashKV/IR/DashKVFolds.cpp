//===- DashKVFolds.cpp - Folds and canonicalizations ----------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::dashkv;

// memref.cast is folded into every op; tensor.cast is folded by the tensor
// dialect's own pattern on destination-style ops. Both only where the source is
// at least as static: the forms of codes and weights are static sizes.
static LogicalResult foldMemRefCasts(Operation *op) {
  bool folded = false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto cast = operand.get().getDefiningOp<memref::CastOp>();
    if (!cast || !memref::CastOp::canFoldIntoConsumerOp(cast))
      continue;
    operand.set(cast.getSource());
    folded = true;
  }
  return success(folded);
}

#define DASHKV_FOLD(OP)                                                                            \
  LogicalResult OP::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &) {                           \
    return foldMemRefCasts(*this);                                                                 \
  }
DASHKV_FOLD(AttentionOp)
DASHKV_FOLD(HashEncodeOp)
DASHKV_FOLD(TieredAttentionOp)
DASHKV_FOLD(HammingDistanceOp)
DASHKV_FOLD(CalibrateOp)
DASHKV_FOLD(SelectOp)
DASHKV_FOLD(RetrieveOp)
DASHKV_FOLD(EstimateScoresOp)
DASHKV_FOLD(OnlineAttentionOp)
DASHKV_FOLD(OnlineReduceOp)
DASHKV_FOLD(FinalizeOp)
#undef DASHKV_FOLD

LogicalResult MergeOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  // No partials: the statistics stay as they are.
  if (hasPureTensorSemantics() && cast<ShapedType>(getAccs().getType()).getDimSize(0) == 0) {
    results.append({getAcc(), getMax(), getSum()});
    return success();
  }
  return foldMemRefCasts(*this);
}

namespace {
/// Maps that say what the default says are noise.
struct DropDefaultMaps : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getIndexingMaps())
      return rewriter.notifyMatchFailure(op, "maps are the default already");
    if (op.getMaps() != AttentionDims::getDefaultMaps(op.getContext(), op.getMask() != nullptr))
      return rewriter.notifyMatchFailure(op, "maps differ from the default");
    rewriter.modifyOpInPlace(op, [&] { op.removeIndexingMapsAttr(); });
    return success();
  }
};

/// The only row of a decode step sees all keys: `n <= lengths[b] - 1`.
struct DropCausalOfOneRow : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getCausal())
      return rewriter.notifyMatchFailure(op, "not causal");
    unsigned position = *op.getMaps().front().getResultPosition(
        getAffineDimExpr(op.getDims().query, op.getContext()));
    if (cast<ShapedType>(op.getQuery().getType()).getDimSize(position) != 1)
      return rewriter.notifyMatchFailure(op, "not known to have one row");
    rewriter.modifyOpInPlace(op, [&] { op.setCausal(false); });
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropDefaultMaps, DropCausalOfOneRow>(context);
}
