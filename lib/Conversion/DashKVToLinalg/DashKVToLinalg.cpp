//===- DashKVToLinalg.cpp - The portable lowering -------------------------===//
//
// Implements convert-dashkv-to-linalg: every dashkv op as linalg, scf and
// tensor ops that any MLIR backend takes. The executable reference, not the
// fast path.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Conversion/DashKVToLinalg.h"
#include "Helpers.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_CONVERTDASHKVTOLINALGPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// Whether the list of `op` holds nothing: its inits are then its results.
static bool hasEmptyList(Operation *op) {
  auto isEmpty = [](Value indices) {
    return indices && cast<ShapedType>(indices.getType()).getShape().back() == 0;
  };
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<EstimateScoresOp, OnlineAttentionOp, OnlineReduceOp>(
          [&](auto op) { return isEmpty(op.getIndices()); })
      .Default(false);
}

namespace {
/// Replaces an op on tensors by its equations.
template <typename OpTy> struct LowerOnTensors : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "on memrefs");
    if (op->hasAttr(kTileConfigAttrName))
      return rewriter.notifyMatchFailure(op, "has a CPU kernel");
    if (hasEmptyList(op)) {
      rewriter.replaceOp(op, llvm::to_vector(op.getDpsInits()));
      return success();
    }
    LinalgBuilder b(op.getLoc(), rewriter);
    FailureOr<SmallVector<Value>> results = lowerOp(b, op);
    if (failed(results))
      return rewriter.notifyMatchFailure(op, "heads of lists or codes are dynamic");
    // Sizes that only the init tells statically are put back.
    for (auto [result, old] : llvm::zip_equal(*results, op->getResults()))
      result = b.castLike(result, old);
    rewriter.replaceOp(op, *results);
    return success();
  }
};

/// pack = pad, expand_shape, transpose.
struct LowerPack : OpRewritePattern<linalg::PackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::PackOp op, PatternRewriter &rewriter) const override {
    return linalg::lowerPack(rewriter, op, /*lowerPadLikeWithInsertSlice=*/false);
  }
};

struct ConvertDashKVToLinalgPass
    : mlir::dashkv::impl::ConvertDashKVToLinalgPassBase<ConvertDashKVToLinalgPass> {
  using Base::Base;
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    populateDashKVToLinalgPatterns(owned);
    patterns = std::move(owned);
    return success();
  }
  void runOnOperation() override {
    // A plain worklist without folding: what the user wrote around the ops
    // stays as it is.
    GreedyRewriteConfig config;
    config.enableFolding(false).setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), patterns, config)))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<DashKVDialect>(op->getDialect()) || op->hasAttr(kTileConfigAttrName))
        return WalkResult::advance();
      InFlightDiagnostic diagnostic = emitError(op->getLoc())
                                      << "no lowering to linalg for " << op->getName();
      if (isa<TieredAttentionOp>(op))
        diagnostic << "; run dashkv-expand-tiered first";
      else // the only reason to decline
        diagnostic << "; the heads of lists and codes must be static";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
  FrozenRewritePatternSet patterns;
};
} // namespace

void mlir::dashkv::populateDashKVToLinalgPatterns(RewritePatternSet &patterns) {
  populateBuffersToTensorsPatterns(patterns);
  patterns
      .add<LowerOnTensors<AttentionOp>, LowerOnTensors<HashEncodeOp>,
           LowerOnTensors<HammingDistanceOp>, LowerOnTensors<CalibrateOp>, LowerOnTensors<SelectOp>,
           LowerOnTensors<RetrieveOp>, LowerOnTensors<EstimateScoresOp>,
           LowerOnTensors<OnlineAttentionOp>, LowerOnTensors<OnlineReduceOp>,
           LowerOnTensors<MergeOp>, LowerOnTensors<FinalizeOp>, LowerPack>(patterns.getContext());
}
