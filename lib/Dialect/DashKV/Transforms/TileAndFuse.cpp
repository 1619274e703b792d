//===- TileAndFuse.cpp - Parallel tiles of the steps of attention ---------===//
//
// First the online ops with splits become loops over parts of the keys and a
// merge, then every chain of steps one loop over batches and KV heads. Fusion is by
// producer and not by slice as upstream's: steps have several results, and each is
// to be computed once.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

namespace mlir::dashkv {
#define GEN_PASS_DEF_TILEANDFUSEPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

static bool isStep(Operation *op) {
  auto dst = dyn_cast<DestinationStyleOpInterface>(op);
  return dst && isa<DashKVDialect>(op->getDialect()) && dst.hasPureTensorSemantics();
}

/// Upstream has no slices of tensors without elements.
static bool isEmpty(Operation *op) {
  return llvm::any_of(op->getOperands(), [](Value value) {
    auto type = dyn_cast<ShapedType>(value.getType());
    return type && llvm::is_contained(type.getShape(), 0);
  });
}

static int64_t getSplits(Operation *op) {
  auto config = op->getAttrOfType<TileConfigAttr>(kTileConfigAttrName);
  return config && isa<PartialReductionOpInterface>(op) ? config.getSplits() : 1;
}

//===----------------------------------------------------------------------===//
// What is worth a loop
//===----------------------------------------------------------------------===//

/// Number of elements, with a guess for sizes that only a run knows.
static uint64_t estimateSize(Value tensor) {
  uint64_t size = 1;
  for (int64_t dim : cast<ShapedType>(tensor.getType()).getShape())
    size = llvm::SaturatingMultiply<uint64_t>(size, ShapedType::isDynamic(dim) ? 1024 : dim);
  return size;
}

/// The step that computes the statistics which `op` reads as acc.
static Operation *getStatisticsProducer(Operation *op) {
  Value acc = llvm::TypeSwitch<Operation *, Value>(op)
                  .Case<OnlineAttentionOp, OnlineReduceOp, MergeOp, FinalizeOp>(
                      [](auto op) { return op.getAcc(); })
                  .Default(Value());
  Operation *producer = acc ? acc.getDefiningOp() : nullptr;
  return producer && isStep(producer) ? producer : nullptr;
}

/// Whether a loop of tiles costs less than it brings: to start threads takes as
/// long as 10000 products.
static bool isWorthTiling(Operation *op) {
  constexpr int64_t minimum = 1 << 20;
  if (isa<RetrieveOp, EstimateScoresOp, OnlineAttentionOp, OnlineReduceOp>(op))
    return true;
  if (isa<FinalizeOp, MergeOp>(op)) {
    Operation *producer = getStatisticsProducer(op);
    if (producer && isWorthTiling(producer))
      return true;
    auto merge = dyn_cast<MergeOp>(op);
    return estimateSize(merge ? merge.getAccs() : op->getOperand(0)) >= minimum;
  }
  if (auto encode = dyn_cast<HashEncodeOp>(op)) {
    int64_t products = 0, rows = estimateSize(encode.getInit()) /
                                 cast<ShapedType>(encode.getInit().getType()).getShape().back();
    for (Value weight : encode.getWeights()) {
      ArrayRef<int64_t> shape = cast<ShapedType>(weight.getType()).getShape();
      products += rows * shape.back() * std::max<int64_t>(shape[shape.size() - 2], 1);
    }
    return products >= minimum;
  }
  return false;
}

/// Heads that belong together in `op` and the steps before it.
static int64_t getHeadUnit(Operation *op) {
  int64_t unit = TileLoops::get(op).headUnit;
  if (Operation *producer = getStatisticsProducer(op))
    unit = std::lcm(unit, getHeadUnit(producer));
  return unit;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

namespace {
class Tiler {
public:
  explicit Tiler(Operation *root) : root(root), rewriter(root->getContext()) {}
  LogicalResult run();

private:
  LogicalResult split(Operation *op);
  LogicalResult tile(Operation *op);
  /// Moves producers into the tiles of `loop`. In a loop over parts of the keys
  /// these are the ones that are cut as well.
  LogicalResult fuse(scf::ForallOp loop, bool isSplit);
  bool isFusable(Operation *producer, scf::ForallOp loop, bool isSplit,
                 SmallVectorImpl<tensor::ExtractSliceOp> &slices);
  LogicalResult replace(Operation *op, ValueRange results, scf::ForallOp loop, bool isSplit);
  void eraseIfDead(Operation *op);
  void cleanUp(scf::ForallOp loop);

  Operation *root;
  IRRewriter rewriter;
  /// Steps that are there still, each before those that use it.
  llvm::SetVector<Operation *> steps;
};
} // namespace

void Tiler::eraseIfDead(Operation *op) {
  if (!op || !isOpTriviallyDead(op))
    return;
  SmallVector<Value> operands(op->getOperands());
  steps.remove(op);
  rewriter.eraseOp(op);
  SetVector<Operation *> producers;
  for (Value operand : operands)
    if (Operation *producer = operand.getDefiningOp())
      producers.insert(producer);
  for (Operation *producer : producers)
    eraseIfDead(producer);
}

/// Slices of empty tensors are empty tensors, and whole slices are nothing.
void Tiler::cleanUp(scf::ForallOp loop) {
  RewritePatternSet patterns(loop.getContext());
  tensor::populateFoldTensorEmptyPatterns(patterns);
  tensor::ExtractSliceOp::getCanonicalizationPatterns(patterns, loop.getContext());
  SmallVector<Operation *> slices;
  loop.walk([&](tensor::ExtractSliceOp slice) { slices.push_back(slice); });
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  (void)applyOpPatternsGreedily(slices, std::move(patterns), config);
}

bool Tiler::isFusable(Operation *producer, scf::ForallOp loop, bool isSplit,
                      SmallVectorImpl<tensor::ExtractSliceOp> &slices) {
  bool isFill = isa<linalg::FillOp>(producer);
  if (isEmpty(producer) ||
      (!isFill && (!isStep(producer) || (isSplit && !isa<EstimateScoresOp>(producer)))))
    return false;
  auto tileable = cast<TilingInterface>(producer);
  for (OpResult result : producer->getResults()) {
    for (Operation *user : result.getUsers()) {
      bool isInside = loop->isProperAncestor(user);
      auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
      if (isInside && slice &&
          (isFill ||
           tileable.isOpFusableWithConsumerSlice(result.getResultNumber(), slice.getMixedOffsets(),
                                                 slice.getMixedSizes()))) {
        slices.push_back(slice);
        continue;
      }
      // A fill may be repeated; a step that something else needs is no part of
      // this loop.
      if (!isFill)
        return false;
    }
  }
  return !slices.empty();
}

LogicalResult Tiler::fuse(scf::ForallOp loop, bool isSplit) {
  while (true) {
    // The last producer first: then all its users are inside the loop.
    DominanceInfo dominance(root);
    Operation *last = nullptr;
    SmallVector<tensor::ExtractSliceOp> slices;
    loop.walk([&](tensor::ExtractSliceOp slice) {
      Operation *producer = slice.getSource().getDefiningOp();
      SmallVector<tensor::ExtractSliceOp> found;
      if (!producer || producer == last || loop->isProperAncestor(producer) ||
          !isFusable(producer, loop, isSplit, found))
        return;
      if (!last || dominance.properlyDominates(last, producer)) {
        last = producer;
        slices = found;
      }
    });
    if (!last)
      return success();
    for (tensor::ExtractSliceOp slice : slices) {
      rewriter.setInsertionPoint(slice);
      FailureOr<TilingResult> tiled = tensor::replaceExtractSliceWithTiledProducer(
          rewriter, slice, cast<OpResult>(slice.getSource()));
      if (failed(tiled))
        return last->emitError("cannot be cut into tiles");
      Value value = tiled->tiledValues.front();
      if (value.getType() != slice.getType())
        value = tensor::CastOp::create(rewriter, slice.getLoc(), slice.getType(), value);
      rewriter.replaceOp(slice, value);
    }
    // One tile for all results.
    eliminateCommonSubExpressions(rewriter, dominance, loop);
    eraseIfDead(last);
  }
}

/// Puts what `loop` computes in the place of `op`, with the producers in it.
LogicalResult Tiler::replace(Operation *op, ValueRange results, scf::ForallOp loop, bool isSplit) {
  steps.remove(op);
  rewriter.replaceOp(op, results);
  DominanceInfo dominance(root);
  eliminateCommonSubExpressions(rewriter, dominance, loop);
  if (failed(fuse(loop, isSplit)))
    return failure();
  cleanUp(loop);
  return success();
}

/// One loop over batches, KV heads and parts of the keys. Upstream's driver cuts
/// either parallel dims or reductions.
LogicalResult Tiler::split(Operation *op) {
  Location loc = op->getLoc();
  TileLoops loops = TileLoops::get(op);
  auto partial = cast<PartialReductionOpInterface>(op);
  rewriter.setInsertionPoint(op);
  int64_t splits = getSplits(op);
  SmallVector<OpFoldResult> offsets, sizes, trips;
  for (Range range : cast<TilingInterface>(op).getIterationDomain(rewriter)) {
    offsets.push_back(range.offset);
    sizes.push_back(range.size);
  }
  if (loops.batch)
    trips.push_back(sizes[*loops.batch]);
  if (loops.head)
    trips.push_back(affine::makeComposedFoldedAffineApply(
        rewriter, loc, rewriter.getAffineSymbolExpr(0).ceilDiv(loops.headUnit),
        {sizes[*loops.head]}));
  trips.push_back(rewriter.getIndexAttr(splits));
  OpFoldResult keys = sizes[*loops.keys];
  OpFoldResult part = affine::makeComposedFoldedAffineApply(
      rewriter, loc, rewriter.getAffineSymbolExpr(0).ceilDiv(splits), {keys});

  SetVector<unsigned> dims;
  dims.insert(*loops.keys);
  SmallVector<OpFoldResult> partialSizes(sizes.size(), rewriter.getIndexAttr(0));
  partialSizes[*loops.keys] = trips.back();
  FailureOr<SmallVector<Value>> inits =
      partial.generateInitialTensorForPartialReduction(rewriter, loc, partialSizes, dims);
  if (failed(inits))
    return op->emitError("cannot be cut into parts of its keys");
  auto loop = scf::ForallOp::create(rewriter, loc, trips, *inits, /*mapping=*/std::nullopt);
  rewriter.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> ivs = loop.getInductionVars();
  unsigned next = 0;
  if (loops.batch) {
    offsets[*loops.batch] = ivs[next++];
    sizes[*loops.batch] = rewriter.getIndexAttr(1);
  }
  if (loops.head) {
    offsets[*loops.head] = affine::makeComposedFoldedAffineApply(
        rewriter, loc, rewriter.getAffineSymbolExpr(0) * loops.headUnit, {ivs[next++]});
    sizes[*loops.head] = rewriter.getIndexAttr(loops.headUnit);
  }
  // offset = min(s * part, keys), size = min(part, keys - offset)
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1),
             s2 = rewriter.getAffineSymbolExpr(2);
  MLIRContext *context = rewriter.getContext();
  OpFoldResult start = affine::makeComposedFoldedAffineMin(
      rewriter, loc, AffineMap::get(0, 3, {s0 * s1, s2}, context), {ivs[next], part, keys});
  offsets[*loops.keys] = start;
  sizes[*loops.keys] = affine::makeComposedFoldedAffineMin(
      rewriter, loc, AffineMap::get(0, 3, {s0, s1 - s2}, context), {part, keys, start});

  SmallVector<OpFoldResult> split = {ivs[next]};
  FailureOr<TilingResult> tiled = partial.tileToPartialReduction(
      rewriter, loc, ReductionTilingStrategy::PartialReductionOuterParallel,
      loop.getRegionIterArgs(), offsets, sizes, dims, split);
  if (failed(tiled))
    return op->emitError("cannot be cut into parts of its keys");
  for (auto [number, value] : llvm::enumerate(tiled->tiledValues)) {
    SmallVector<OpFoldResult> resultOffsets, resultSizes;
    if (failed(partial.getPartialResultTilePosition(
            rewriter, number, ReductionTilingStrategy::PartialReductionOuterParallel, offsets,
            sizes, dims, split, resultOffsets, resultSizes)))
      return failure();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToEnd(loop.getTerminator().getBody());
    SmallVector<OpFoldResult> strides(resultSizes.size(), rewriter.getIndexAttr(1));
    tensor::ParallelInsertSliceOp::create(rewriter, loc, value, loop.getRegionIterArgs()[number],
                                          resultOffsets, resultSizes, strides);
  }
  rewriter.setInsertionPointAfter(loop);
  FailureOr<MergeResult> merged = partial.mergeReductions(rewriter, loc, loop.getResults(), dims);
  if (failed(merged))
    return failure();
  steps.insert(merged->mergeOps.begin(), merged->mergeOps.end());
  return replace(op, merged->replacements, loop, /*isSplit=*/true);
}

LogicalResult Tiler::tile(Operation *op) {
  TileLoops loops = TileLoops::get(op);
  auto tileable = cast<TilingInterface>(op);
  SmallVector<OpFoldResult> sizes(tileable.getLoopIteratorTypes().size(), rewriter.getIndexAttr(0));
  if (loops.batch)
    sizes[*loops.batch] = rewriter.getIndexAttr(1);
  if (loops.head)
    sizes[*loops.head] = rewriter.getIndexAttr(getHeadUnit(op));
  if (!loops.batch && !loops.head)
    return success();
  scf::SCFTilingOptions options;
  options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  options.setTileSizes(sizes);
  rewriter.setInsertionPoint(op);
  FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(rewriter, tileable, options);
  if (failed(tiled))
    return failure();
  return replace(op, tiled->replacements, cast<scf::ForallOp>(tiled->loops.front()),
                 /*isSplit=*/false);
}

LogicalResult Tiler::run() {
  // The size of a result is that of the init: no reason to keep the step.
  root->walk([&](tensor::DimOp dim) {
    Operation *producer = dim.getSource().getDefiningOp();
    if (!producer || !isStep(producer) || !dim.getConstantIndex())
      return;
    rewriter.setInsertionPoint(dim);
    OpFoldResult size =
        getTensorSize(rewriter, dim.getLoc(), dim.getSource(), *dim.getConstantIndex());
    rewriter.replaceOp(dim, getValueOrCreateConstantIndexOp(rewriter, dim.getLoc(), size));
  });
  root->walk([&](Operation *op) {
    if (isStep(op))
      steps.insert(op);
  });
  for (Operation *op : llvm::to_vector(steps))
    if (getSplits(op) > 1 && !isEmpty(op) && !op->getParentOfType<scf::ForallOp>() &&
        TileLoops::get(op).keys && failed(split(op)))
      return failure();
  // The ends of chains first: what is fused into them is gone when its turn comes.
  SmallVector<Operation *> roots;
  root->walk([&](Operation *op) {
    if (steps.contains(op) && !op->getParentOfType<scf::ForallOp>())
      roots.push_back(op);
  });
  for (Operation *op : llvm::reverse(roots))
    if (steps.contains(op) && !isEmpty(op) && isWorthTiling(op) && failed(tile(op)))
      return failure();
  return success();
}

namespace {
struct TileAndFusePass : mlir::dashkv::impl::TileAndFusePassBase<TileAndFusePass> {
  using Base::Base;
  void runOnOperation() override {
    if (failed(Tiler(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
