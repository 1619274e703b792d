//===- FuseRetrieval.cpp - hamming_distance, calibrate, select as one -----===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_FUSERETRIEVALPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

namespace {
struct FuseRetrieval : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp select, PatternRewriter &rewriter) const override {
    auto calibrate = select.getDistances().getDefiningOp<CalibrateOp>();
    if (!calibrate)
      return rewriter.notifyMatchFailure(select, "distances do not come from calibrate");
    auto distance = calibrate.getDistances().getDefiningOp<HammingDistanceOp>();
    if (!distance)
      return rewriter.notifyMatchFailure(select,
                                         "calibrated distances do not come from hamming_distance");
    if (!calibrate->hasOneUse() || !distance->hasOneUse())
      return rewriter.notifyMatchFailure(select, "distances have another user");
    // Lengths matter to calibrate only where it makes the radius itself.
    bool makesRadius = calibrate.getVoteDiscount() && !calibrate.getRadius();
    if (calibrate.getLengths() != select.getLengths() && (makesRadius || calibrate.getLengths()))
      return rewriter.notifyMatchFailure(select, "calibrate and select differ in lengths");
    auto keyHeads = cast<ShapedType>(distance.getKeyCodes().getType()).getDimSize(1);
    auto listHeads = cast<ShapedType>(select.getFullIndices().getType()).getDimSize(1);
    if (select.getTiering().getScope() == Scope::Group &&
        (keyHeads != listHeads || ShapedType::isDynamic(keyHeads)))
      return rewriter.notifyMatchFailure(select, "lists are not one a KV head");

    // The fields of calibration come from one op, those of selection from the other.
    TieringAttr c = calibrate.getTiering(), s = select.getTiering();
    auto tiering = TieringAttr::get(
        rewriter.getContext(), s.getFull(), s.getFullMin(), s.getFullMax(), s.getMid(),
        s.getMidMin(), s.getMidMax(), s.getSinks(), s.getWindow(), s.getScope(), s.getTies(),
        c.getBitsFraction(), c.getVoteThreshold(),
        c.getVoteFractionOrFull() == s.getFull() ? TieringAttr::none : c.getVoteFractionOrFull(),
        s.getDenseBelow(), s.getKeptVotes());
    rewriter.replaceOpWithNewOp<RetrieveOp>(
        select, distance.getQueryCodes(), distance.getKeyCodes(), select.getLengths(),
        select.getForced(), calibrate.getPrior(), calibrate.getVoteDiscount(),
        calibrate.getPriorDiscount(), calibrate.getRadius(), select.getFullIndices(),
        select.getFullCounts(), select.getFullThreshold(), select.getMidIndices(),
        select.getMidCounts(), select.getMidThreshold(), select.getKeptInit(), tiering);
    rewriter.eraseOp(calibrate);
    rewriter.eraseOp(distance);
    return success();
  }
};

struct FuseRetrievalPass : mlir::dashkv::impl::FuseRetrievalPassBase<FuseRetrievalPass> {
  using Base::Base;
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    populateFuseRetrievalPatterns(owned);
    patterns = std::move(owned);
    return success();
  }
  void runOnOperation() override {
    SmallVector<Operation *> selects;
    getOperation()->walk([&](SelectOp op) { selects.push_back(op); });
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingOps).enableFolding(false);
    if (failed(applyOpPatternsGreedily(selects, patterns, config)))
      signalPassFailure();
  }
  FrozenRewritePatternSet patterns;
};
} // namespace

void mlir::dashkv::populateFuseRetrievalPatterns(RewritePatternSet &patterns) {
  patterns.add<FuseRetrieval>(patterns.getContext());
}
