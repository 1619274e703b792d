//===- InteropToSCF.cpp - Cache updates of foreign dialects as loops ------===//
//
// Exports with a static KV cache write it by tm_tensor.scatter, and some compute
// positions by tm_tensor.scan. They are not attention, so that nothing raises
// them, but the function around them has to run.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_CONVERTINTEROPTOSCFPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// A loop for each dim of `tensor`, outermost first.
static scf::LoopNest loopOverElements(
    OpBuilder &b, Location loc, Value tensor, ValueRange carried,
    function_ref<scf::ValueVector(OpBuilder &, Location, ValueRange, ValueRange)> body) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<Value> lower(rank, arith::ConstantIndexOp::create(b, loc, 0)), upper;
  SmallVector<Value> steps(rank, arith::ConstantIndexOp::create(b, loc, 1));
  for (int64_t dim = 0; dim < rank; ++dim)
    upper.push_back(tensor::DimOp::create(b, loc, tensor, dim));
  return scf::buildLoopNest(b, loc, lower, upper, steps, carried, body);
}

/// What the region of an op yields for `arguments`.
static Value cloneBody(OpBuilder &b, Block &body, ArrayRef<Value> arguments) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &inner : body.without_terminator())
    b.clone(inner, mapping);
  return mapping.lookupOrDefault(body.getTerminator()->getOperand(0));
}

namespace {
/// original[dimension_map(indices[i]) + s] = region(updates[i, s], original[...])
/// for every update i and every position s of its slice, in order. Unique indices
/// make the order meaningless.
struct ScatterToLoops : OpRewritePattern<tm_tensor::ScatterOp> {
  ScatterToLoops(MLIRContext *context, bool markIndependent)
      : OpRewritePattern(context), markIndependent(markIndependent) {}
  LogicalResult matchAndRewrite(tm_tensor::ScatterOp op, PatternRewriter &rewriter) const override {
    Value updates = op.getInputs()[0], indices = op.getInputs()[1], original = op.getOutputs()[0];
    auto updateType = dyn_cast<RankedTensorType>(updates.getType());
    auto originalType = dyn_cast<RankedTensorType>(original.getType());
    if (!updateType || !originalType || op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "not on tensors");
    int64_t sliceRank = updateType.getRank() - 1, offset = originalType.getRank() - sliceRank;
    if (offset < 0)
      return rewriter.notifyMatchFailure(op, "an update has more dims than the original");

    scf::LoopNest nest = loopOverElements(
        rewriter, op.getLoc(), updates, original,
        [&](OpBuilder &b, Location loc, ValueRange loops, ValueRange carried) -> scf::ValueVector {
          auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
          SmallVector<Value> place(originalType.getRank(), index(0));
          for (int64_t dim = 0; dim < sliceRank; ++dim)
            place[offset + dim] = loops[dim + 1];
          for (auto [column, dim] : llvm::enumerate(op.getDimensionMap())) {
            Value start =
                tensor::ExtractOp::create(b, loc, indices, ValueRange{loops[0], index(column)});
            if (!start.getType().isIndex())
              start = arith::IndexCastOp::create(b, loc, b.getIndexType(), start);
            place[dim] = arith::AddIOp::create(b, loc, place[dim], start);
          }
          Value update = tensor::ExtractOp::create(b, loc, updates, loops);
          Value old = tensor::ExtractOp::create(b, loc, carried[0], place);
          Value combined = cloneBody(b, op.getRegion().front(), {update, old});
          return {tensor::InsertOp::create(b, loc, combined, carried[0], place)};
        });
    if (markIndependent && op.getUniqueIndices())
      nest.loops.front()->setAttr(kIndependentAttrName, rewriter.getUnitAttr());
    rewriter.replaceOp(op, nest.results);
    return success();
  }

private:
  bool markIndependent;
};

/// The second output holds what is combined so far: at first the value to begin
/// with, which counts unless `inclusive`. The first output is not read.
struct ScanToLoops : OpRewritePattern<tm_tensor::ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tm_tensor::ScanOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInputs()[0];
    auto type = dyn_cast<RankedTensorType>(input.getType());
    if (!type || op.getNumResults() != 2)
      return rewriter.notifyMatchFailure(op, "not on tensors");

    int64_t along = op.getDimension();
    scf::LoopNest nest = loopOverElements(
        rewriter, op.getLoc(), input, op.getOutputs(),
        [&](OpBuilder &b, Location loc, ValueRange loops, ValueRange carried) -> scf::ValueVector {
          Value zero = arith::ConstantIndexOp::create(b, loc, 0);
          Value isFirst =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, loops[along], zero);
          SmallVector<Value> place(loops), line(loops);
          line.erase(line.begin() + along);
          if (!op.getInclusive()) { // the element before
            Value one = arith::ConstantIndexOp::create(b, loc, 1);
            Value before = arith::SubIOp::create(b, loc, loops[along], one);
            place[along] = arith::SelectOp::create(b, loc, isFirst, zero, before);
          }
          Value element = tensor::ExtractOp::create(b, loc, input, place);
          Value soFar = tensor::ExtractOp::create(b, loc, carried[1], line);
          Value combined = cloneBody(b, op.getRegion().front(), {soFar, element});
          Value result = arith::SelectOp::create(b, loc, isFirst,
                                                 op.getInclusive() ? element : soFar, combined);
          return {tensor::InsertOp::create(b, loc, result, carried[0], loops),
                  tensor::InsertOp::create(b, loc, result, carried[1], line)};
        });
    rewriter.replaceOp(op, nest.results);
    return success();
  }
};

struct ConvertInteropToSCFPass
    : mlir::dashkv::impl::ConvertInteropToSCFPassBase<ConvertInteropToSCFPass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ScatterToLoops>(&getContext(), markIndependent);
    patterns.add<ScanToLoops>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
