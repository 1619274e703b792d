//===- NormalizeAttention.cpp - dashkv-normalize-attention ----------------===//
//
// The raiser looks through layouts, casts and the way work is cut into ops by
// itself. What it cannot do without changing ops that it may not raise is done
// here: results and size queries that keep scores alive for nothing, and cache
// updates that are spelled element by element.
//
//===----------------------------------------------------------------------===//
#include "TensorExpr.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "dashkv/Dialect/Interop/Interop.h"
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

/// The number that an integer expression without loops is, as an index.
static Value materializeSymbol(ExprRef symbol, OpBuilder &b, Location loc) {
  Value number = symbol->source;
  if (symbol->kind == ExprKind::Load) {
    SmallVector<Value> zeros(symbol->indices.size(), arith::ConstantIndexOp::create(b, loc, 0));
    number = tensor::ExtractOp::create(b, loc, number, zeros);
  }
  return number.getType().isIndex()
             ? number
             : arith::IndexCastOp::create(b, loc, b.getIndexType(), number).getResult();
}

static bool isSymbol(ExprRef expr) {
  if (expr->kind == ExprKind::Scalar)
    return expr->source.getType().isIntOrIndex();
  return expr->kind == ExprKind::Load && llvm::all_of(expr->indices, [](const DimIndex &dim) {
           return dim.atoms.empty() && !dim.other;
         });
}

/// An index_copy of torch into a static cache: single elements are scattered to
/// places that differ from their own by a number in one dim. That is a slice.
struct ScatterToInsertSlice : OpRewritePattern<tm_tensor::ScatterOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tm_tensor::ScatterOp op, PatternRewriter &rewriter) const override {
    Value updates = op.getInputs()[0], cache = op.getOutputs()[0];
    auto updateType = dyn_cast<RankedTensorType>(updates.getType());
    auto cacheType = dyn_cast<RankedTensorType>(cache.getType());
    auto columns = op.getInputs()[1].getDefiningOp<tensor::ConcatOp>();
    if (!updateType || !cacheType || !columns || columns.getDim() != 1)
      return rewriter.notifyMatchFailure(op, "the places are not one column a dim");
    int64_t rank = cacheType.getRank(), count = updateType.getDimSize(0);
    Block &body = op.getRegion().front();
    bool copies = body.without_terminator().empty() &&
                  body.getTerminator()->getOperand(0) == body.getArgument(0);
    bool isElementwise = updateType.getRank() == rank + 1 && updateType.hasStaticShape() &&
                         updateType.getNumElements() == count && count > 0 &&
                         llvm::equal(op.getDimensionMap(), llvm::seq<int64_t>(0, rank)) &&
                         static_cast<int64_t>(columns.getInputs().size()) == rank;
    if (!op.getUniqueIndices() || !copies || !isElementwise)
      return rewriter.notifyMatchFailure(op, "does more than to copy single elements");

    ExprContext context;
    AtomList update = context.pool.createLoop(DimSize::ofFixed(count));
    SmallVector<LinearForm> places;
    int64_t along = -1, others = 1;
    for (auto [dim, column] : llvm::enumerate(columns.getInputs())) {
      if (cast<RankedTensorType>(column.getType()).getDimSize(1) != 1)
        return rewriter.notifyMatchFailure(op, "a column of places has several dims");
      FailureOr<LinearForm> place =
          getLinearForm(context, context.getLoad(column, {{update, nullptr}, {{}, nullptr}}));
      if (failed(place) || (!place->symbols.empty() && along >= 0))
        return rewriter.notifyMatchFailure(op, "a place is not an index plus a number");
      places.push_back(*place);
      if (!place->symbols.empty())
        along = dim;
      else if (cacheType.isDynamicDim(dim))
        return rewriter.notifyMatchFailure(op, "a size that a slice needs is not known");
      else
        others *= cacheType.getDimSize(dim);
    }
    if (along < 0 || others == 0 || count % others != 0)
      return rewriter.notifyMatchFailure(op, "the elements are not those of whole rows");

    SmallVector<int64_t> shape(cacheType.getShape());
    shape[along] = count / others;
    SmallVector<DimSize> sizes;
    for (int64_t size : shape)
      sizes.push_back(DimSize::ofFixed(size));
    SmallVector<AtomList> own;
    if (!context.pool.split(update, sizes, own))
      return rewriter.notifyMatchFailure(op, "the elements are cut in another way");
    for (auto [dim, place] : llvm::enumerate(places)) {
      FailureOr<LinearForm> here = getLinearForm(context, context.getIndex({own[dim], nullptr}));
      if (failed(here))
        return rewriter.notifyMatchFailure(op, "the elements are cut in another way");
      place.add(*here, -1);
      if (!place.atoms.empty() || place.constant != 0)
        return rewriter.notifyMatchFailure(op, "an element goes to another place in its row");
    }
    ArrayRef<std::pair<ExprRef, int64_t>> symbols = places[along].symbols;
    if (symbols.size() != 1 || symbols[0].second != 1 || !isSymbol(symbols[0].first))
      return rewriter.notifyMatchFailure(op, "the position is not a number");
    if (!context.assumptions.empty())
      return rewriter.notifyMatchFailure(op, "holds for certain sizes only");

    Location loc = op.getLoc();
    SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0)),
        strides(rank, rewriter.getIndexAttr(1));
    offsets[along] = materializeSymbol(symbols[0].first, rewriter, loc);
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, rank + 1));
    Value flat = tensor::CollapseShapeOp::create(rewriter, loc, updates, ArrayRef{all});
    all.pop_back();
    auto sliceType = RankedTensorType::get(shape, cacheType.getElementType());
    Value slice = tensor::ExpandShapeOp::create(rewriter, loc, sliceType, flat, ArrayRef{all});
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
        op, slice, cache, offsets, getAsIndexOpFoldResult(getContext(), shape), strides);
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
  patterns.add<ForwardSize, ScatterToInsertSlice>(patterns.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
}
