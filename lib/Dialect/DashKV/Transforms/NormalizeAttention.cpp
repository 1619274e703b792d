//===- NormalizeAttention.cpp - dashkv-normalize-attention ----------------===//
//
// The raiser looks through layouts, casts and the way work is cut into ops by
// itself. What it cannot do without changing ops that it may not raise is done
// here: results and size queries that keep scores alive for nothing.
//
//===----------------------------------------------------------------------===//
#include "IndexSpace.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#define DEBUG_TYPE "dashkv-normalize-attention"

namespace mlir::dashkv {
#define GEN_PASS_DEF_NORMALIZEATTENTIONPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

namespace {
/// The size of a computed tensor is asked of what decides it.
struct ForwardSize : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp op, PatternRewriter &rewriter) const override {
    DimSize size = DimSize::ofValue(op.getResult());
    if (!size.isStatic() && size.value == op.getResult())
      return rewriter.notifyMatchFailure(op, "the dim is not constant");
    if (!size.isStatic() && size.value == op.getSource())
      return rewriter.notifyMatchFailure(op, "nothing else decides the size");
    Value value = size.materialize(rewriter, op.getLoc());
    rewriter.replaceOp(op, value);
    return success();
  }
};

struct NormalizeAttentionPass : dashkv::impl::NormalizeAttentionPassBase<NormalizeAttentionPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    populateNormalizeAttentionPatterns(owned);
    patterns = std::move(owned);
    return success();
  }

  void runOnOperation() override {
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false).setRegionSimplificationLevel(
        GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), patterns, config)))
      return signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};
} // namespace

void mlir::dashkv::populateNormalizeAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<ForwardSize>(patterns.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
}
