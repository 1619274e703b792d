//===- RaiseAttentionOneOp.cpp - Attention as one op ----------------------===//
//
// tm_tensor.attention of torch-mlir and the two attention ops of IREE. What they
// compute is known, so only their operands are looked at. The ops do not say what
// a fully masked row gives; torch's op, which they come from, gives 0.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

/// A load where dims of size 1 have no index.
static ExprRef getBroadcastLoad(ExprContext &context, Value tensor, ArrayRef<AtomList> index) {
  SmallVector<DimIndex, 4> indices;
  for (auto [dim, atoms] : llvm::enumerate(index)) {
    bool isUnit = DimSize::ofDim(tensor, dim).fixed == 1;
    indices.push_back({isUnit ? AtomList() : atoms, nullptr});
  }
  return context.getLoad(tensor, std::move(indices));
}

/// i1 keeps a key where it is true, a float is added.
static std::optional<MaskTerm> getMask(ExprRef load) {
  MaskTerm mask;
  mask.expr = load;
  Type type = getElementTypeOrSelf(load->source.getType());
  if (isa<FloatType>(type))
    return mask;
  if (!type.isInteger(1))
    return std::nullopt;
  mask.isSelect = true;
  mask.hidden = -std::numeric_limits<double>::infinity();
  return mask;
}

AttentionMatcher::Result AttentionMatcher::match(Value root, tm_tensor::AttentionOp op) {
  auto noMatch = [&](bool) { return Result::NoMatch; };
  ExprRef result = start(root, op);
  if (!result || op->getNumResults() != 1 || result->kind != ExprKind::Load ||
      result->source != op->getResult(0))
    return Result::NoMatch;
  SmallVector<AtomList> outIndex;
  for (const DimIndex &index : result->indices) {
    if (index.other)
      return Result::NoMatch;
    outIndex.push_back(index.atoms);
  }
  int64_t rank = outIndex.size();
  DimSize depthSize = DimSize::ofDim(op.getQuery(), rank - 1);
  attention.keys = context.pool.createLoop(DimSize::ofDim(op.getKey(), rank - 2));
  attention.depth = context.pool.createLoop(depthSize);
  if (attention.keys.empty())
    return noMatch(fail("layout", "there is one key only"));

  auto getIndex = [&](const AtomList &row, const AtomList &column) {
    SmallVector<AtomList> index(outIndex.begin(), outIndex.end() - 2);
    index.push_back(row);
    index.push_back(column);
    return index;
  };
  AtomList rows = outIndex[rank - 2], valueDepth = outIndex[rank - 1];
  attention.query = getBroadcastLoad(context, op.getQuery(), getIndex(rows, attention.depth));
  attention.key = getBroadcastLoad(context, op.getKey(), getIndex(attention.keys, attention.depth));
  attention.value = getBroadcastLoad(context, op.getValue(), getIndex(attention.keys, valueDepth));
  for (const AtomList &index : getIndex(rows, attention.keys))
    attention.scoreIndex.push_back({index, nullptr});
  if (Value maskValue = op.getMask()) {
    std::optional<MaskTerm> mask =
        getMask(getBroadcastLoad(context, maskValue, getIndex(rows, attention.keys)));
    if (!mask)
      return noMatch(fail("element-type", "a mask that is neither i1 nor float"));
    if (!isKeyDependent(mask->expr))
      return noMatch(fail("mask-without-key-dim", "the mask does not depend on the key"));
    attention.masks.push_back(*mask);
  }
  if (std::optional<APFloat> scale = op.getScale()) {
    attention.scale = scale->convertToDouble();
  } else if (depthSize.isStatic()) {
    attention.scale = 1 / std::sqrt(static_cast<double>(depthSize.fixed));
  } else {
    ExprRef size = context.get(Fn::ToFloat, {context.getSize(depthSize)});
    attention.rowFactors.push_back(context.get(Fn::Rsqrt, {size}));
  }
  attention.emptyRowIsZero = true;
  return normalizeOperands() && analyseMasks() ? Result::Match : Result::NoMatch;
}

template <typename OpTy>
AttentionMatcher::Result AttentionMatcher::matchIREE(OpTy op, ExprRef result, AffineMap resultMap) {
  auto noMatch = [&](bool) { return Result::NoMatch; };
  SmallVector<AffineMap> maps(op.getIndexingMaps().template getAsValueRange<AffineMapAttr>());
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation())
      return noMatch(fail("layout", "a map is not a projected permutation"));

  // The region may change a score; it is the identity in practice.
  Block &region = op.getRegion().front();
  Operation *yield = region.getTerminator();
  if (yield->getNumOperands() != 1 || yield->getOperand(0) != region.getArgument(0)) {
    bool isCap = llvm::any_of(region, [](Operation &inner) { return isa<math::TanhOp>(inner); });
    return noMatch(fail(isCap ? "softcap" : "score-modifier", "the region changes the scores"));
  }

  // Loops of the result come from its index, the others are keys and head size.
  unsigned numLoops = maps.front().getNumDims();
  SmallVector<AtomList> loops(numLoops);
  llvm::SmallBitVector isKnown(numLoops);
  for (auto [index, expr] : llvm::zip(result->indices, resultMap.getResults())) {
    if (index.other)
      return Result::NoMatch;
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    loops[loop] = index.atoms;
    isKnown.set(loop);
  }
  SmallVector<Value> operands = {op.getQuery(), op.getKey(), op.getValue()};
  for (unsigned loop = 0; loop < numLoops; ++loop) {
    if (isKnown.test(loop))
      continue;
    AffineExpr expr = getAffineDimExpr(loop, op.getContext());
    bool inQuery = maps[0].getResultPosition(expr).has_value();
    std::optional<unsigned> inKey = maps[1].getResultPosition(expr);
    bool inValue = maps[2].getResultPosition(expr).has_value();
    if (!inKey || inQuery == inValue)
      return noMatch(fail("layout", "a loop is neither a key nor part of the head size"));
    loops[loop] = context.pool.createLoop(DimSize::ofDim(op.getKey(), *inKey));
    (inQuery ? attention.depth : attention.keys).append(loops[loop]);
  }
  if (attention.keys.empty())
    return noMatch(fail("layout", "there is one key only"));

  auto getOperand = [&](Value tensor, AffineMap map) {
    SmallVector<AtomList> index;
    for (AffineExpr expr : map.getResults())
      index.push_back(loops[cast<AffineDimExpr>(expr).getPosition()]);
    return getBroadcastLoad(context, tensor, index);
  };
  attention.query = getOperand(op.getQuery(), maps[0]);
  attention.key = getOperand(op.getKey(), maps[1]);
  attention.value = getOperand(op.getValue(), maps[2]);
  if (Value maskValue = op.getMask()) {
    std::optional<MaskTerm> mask = getMask(getOperand(maskValue, maps[4]));
    if (!mask)
      return noMatch(fail("element-type", "a mask that is neither i1 nor float"));
    if (!isKeyDependent(mask->expr))
      return noMatch(fail("mask-without-key-dim", "the mask does not depend on the key"));
    attention.masks.push_back(*mask);
  }
  ExprRef scale = context.getScalarExpr(op.getScale());
  if (std::optional<double> number = context.getFloatConstant(scale))
    attention.scale = *number;
  else
    attention.rowFactors.push_back(scale);
  attention.emptyRowIsZero = true;
  return normalizeOperands() && analyseMasks() ? Result::Match : Result::NoMatch;
}

AttentionMatcher::Result AttentionMatcher::match(Value root, iree_linalg_ext::AttentionOp op) {
  ExprRef result = start(root, op);
  if (!result || op->getNumResults() != 1 || result->kind != ExprKind::Load ||
      result->source != op->getResult(0))
    return Result::NoMatch;
  auto maps = op.getIndexingMaps().getAsValueRange<AffineMapAttr>();
  return matchIREE(op, result, llvm::to_vector(maps).back());
}

AttentionMatcher::Result AttentionMatcher::match(Value root,
                                                 iree_linalg_ext::OnlineAttentionOp op) {
  auto noMatch = [&](bool) { return Result::NoMatch; };
  ExprRef expr = start(root, op);
  if (!expr || op->getNumResults() != 3)
    return Result::NoMatch;
  if (expr->kind == ExprKind::Load)
    return Result::Unnormalized;
  // acc / sum, or acc * (1 / sum).
  if (expr->is(Fn::Mul))
    for (int side : {0, 1}) {
      ExprRef behind = context.strip(expr->args[side]);
      if (behind->is(Fn::Div) && context.getFloatConstant(behind->args[0]) == 1.0)
        expr = context.get(Fn::Div, {expr->args[1 - side], behind->args[1]});
    }
  if (!expr->is(Fn::Div))
    return noMatch(fail("sum-source", "the accumulator is not divided by its sum"));
  ExprRef acc = context.lookThrough(expr->args[0]), sum = context.lookThrough(expr->args[1]);
  if (acc->kind != ExprKind::Load || acc->source != op->getResult(0))
    return Result::NoMatch;
  if (sum->kind != ExprKind::Load || sum->source != op->getResult(2))
    return noMatch(fail("sum-source", "the accumulator is not divided by its sum"));
  SmallVector<AffineMap> maps(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
  AffineMap accMap = maps[maps.size() - 3], sumMap = maps.back();
  for (auto [index, rowExpr] : llvm::zip(sum->indices, sumMap.getResults())) {
    std::optional<unsigned> position = accMap.getResultPosition(rowExpr);
    if (!position || index.other || acc->indices[*position].other ||
        AtomPool::resolve(index.atoms) != AtomPool::resolve(acc->indices[*position].atoms))
      return noMatch(fail("sum-source", "the accumulator is divided by the sum of another row"));
  }
  auto isStart = [&](unsigned output, function_ref<bool(double)> isAllowed) {
    Value init = op.getOutputs()[output];
    auto type = dyn_cast<RankedTensorType>(init.getType());
    if (!type)
      return false;
    SmallVector<DimIndex, 4> index;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      index.push_back({context.pool.createLoop(DimSize::ofDim(init, dim)), nullptr});
    std::optional<double> number =
        context.getFloatConstant(context.getLoad(init, std::move(index)));
    return number && isAllowed(*number);
  };
  auto isZero = [](double number) { return number == 0; };
  if (!isStart(0, isZero) || !isStart(2, isZero))
    return noMatch(fail("nonzero-init", "the accumulator or the sum does not start from 0"));
  if (!isStart(1, [](double number) { return number <= -65504.0; }))
    return noMatch(fail("max-identity", "the maximum does not start from the lowest number"));
  return matchIREE(op, acc, accMap);
}
