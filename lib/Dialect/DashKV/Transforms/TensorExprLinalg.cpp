//===- TensorExprLinalg.cpp - Expressions of linalg ops -------------------===//
//
// Loops of the result come from the index, reduction loops are bound. What a body
// yields is an expression of its block arguments.
//
//===----------------------------------------------------------------------===//
#include "TensorExprBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

ExprRef ExprContext::expandSoftmax(linalg::SoftmaxOp op, ArrayRef<DimIndex> index) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Value input = op.getInput();
  unsigned dim = op.getDimension();
  DimSize size = DimSize::ofDim(input, dim);
  auto getScore = [&](ArrayRef<Atom *> key) {
    SmallVector<DimIndex, 4> indices(index);
    indices[dim] = {AtomList(key), nullptr};
    return getLoad(input, std::move(indices));
  };
  AtomList maxLoop = pool.createLoop(size), sumLoop = pool.createLoop(size);
  ExprRef max = getReduce(Fn::Max, maxLoop, getScore(maxLoop), getConstant(nan), op->getResult(0),
                          /*ignoresNaN=*/true);
  auto getExp = [&](ExprRef score) { return get(Fn::Exp, {get(Fn::Sub, {score, max})}); };
  ExprRef sum =
      getReduce(Fn::Add, sumLoop, getExp(getScore(sumLoop)), getConstant(0), op->getResult(0));
  return get(Fn::Div, {getExp(getLoad(input, SmallVector<DimIndex, 4>(index))), sum});
}

//===----------------------------------------------------------------------===//
// Linalg
//===----------------------------------------------------------------------===//

/// Sizes of a loop: static if any operand says so, else what the first operand
/// that has it says.
static DimSize getLoopSize(linalg::LinalgOp op, unsigned loop) {
  DimSize size;
  bool isFound = false;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto position = dyn_cast<AffineDimExpr>(expr);
      if (!position || position.getPosition() != loop)
        continue;
      DimSize here = DimSize::ofDim(operand.get(), dim);
      if (here.isStatic())
        return here;
      if (!isFound)
        size = here;
      isFound = true;
    }
  }
  return size;
}

static bool contains(ExprRef expr, ExprRef part, DenseSet<ExprRef> &seen) {
  if (expr == part)
    return true;
  if (!seen.insert(expr).second)
    return false;
  return llvm::any_of(expr->args, [&](ExprRef arg) { return contains(arg, part, seen); });
}
static bool contains(ExprRef expr, ExprRef part) {
  DenseSet<ExprRef> seen;
  return contains(expr, part, seen);
}

ExprRef ExprContext::expandLinalg(linalg::LinalgOp op, unsigned result, ArrayRef<DimIndex> index) {
  if (!op.hasPureTensorSemantics() || op->getNumRegions() != 1 ||
      !llvm::hasSingleElement(op->getRegion(0)))
    return nullptr;
  Block *block = op.getBlock();
  if (block->getNumArguments() != op->getNumOperands())
    return nullptr;
  OpOperand *init = op.getDpsInitOperand(result);
  AffineMap resultMap = op.getMatchingIndexingMap(init);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();

  // Loops of the result come from the index, reduction loops are fresh.
  SmallVector<DimIndex> loops(iterators.size());
  llvm::SmallBitVector isKnown(iterators.size());
  for (auto [dim, expr] : llvm::enumerate(resultMap.getResults())) {
    if (auto position = dyn_cast<AffineDimExpr>(expr)) {
      if (isKnown.test(position.getPosition()) ||
          iterators[position.getPosition()] != utils::IteratorType::parallel)
        return nullptr;
      loops[position.getPosition()] = index[dim];
      isKnown.set(position.getPosition());
      continue;
    }
    // keepdim: the dim has size 1.
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!constant || constant.getValue() != 0 || DimSize::ofDim(init->get(), dim).fixed != 1)
      return nullptr;
  }
  AtomList bound;
  bool isReduction = false;
  for (auto [loop, iterator] : llvm::enumerate(iterators)) {
    isReduction |= iterator == utils::IteratorType::reduction;
    if (isKnown.test(loop))
      continue;
    DimSize size = getLoopSize(op, loop);
    if (iterator == utils::IteratorType::parallel && size.fixed != 1)
      return nullptr;
    if (!size.isStatic() && !size.value)
      return nullptr;
    loops[loop].atoms = pool.createLoop(size);
    bound.append(loops[loop].atoms);
  }

  Body body;
  body.block = block;
  body.loops = loops;
  Expr *acc = create(ExprKind::Acc, Domain::Float);
  acc->predicate = result;
  ExprRef start = nullptr;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = block->getArgument(operand.getOperandNumber());
    if (op.isDpsInit(&operand) && isReduction) {
      Expr *value = acc;
      if (&operand != init) {
        value = create(ExprKind::Acc, Domain::Float);
        value->predicate = -1;
      } else {
        start = getLoad(operand.get(), SmallVector<DimIndex, 4>(index));
      }
      value->domain = argument.getType().isInteger(1)     ? Domain::Boolean
                      : argument.getType().isIntOrIndex() ? Domain::Integer
                                                          : Domain::Float;
      body.values[argument] = value;
      continue;
    }
    if (!isa<RankedTensorType>(operand.get().getType())) {
      body.values[argument] = getScalarExpr(operand.get());
      continue;
    }
    SmallVector<DimIndex, 4> indices;
    for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      indices.push_back(applyAffine(expr, loops, operand.get(), dim));
    body.values[argument] = getLoad(operand.get(), std::move(indices));
  }
  ExprRef value = evaluate(block->getTerminator()->getOperand(result), body);
  if (!value || !isReduction)
    return value;

  // acc + e, max(acc, e), ...: what is combined must not read an accumulator.
  // Sums may hold the accumulator anywhere: (acc + a) + b.
  Fn fn = value->fn;
  if (value->kind != ExprKind::Apply)
    return nullptr;
  ExprRef combined = nullptr;
  bool ignoresNaN = false;
  if (fn == Fn::Add || fn == Fn::Sub) {
    SmallVector<std::pair<ExprRef, bool>> pending = {{value, false}};
    bool foundAcc = false;
    while (!pending.empty()) {
      auto [term, isNegative] = pending.pop_back_val();
      if (term == acc) {
        if (foundAcc || isNegative)
          return nullptr;
        foundAcc = true;
        continue;
      }
      if ((term->is(Fn::Add) || term->is(Fn::Sub)) && contains(term, acc)) {
        pending.push_back({term->args[1], isNegative != term->is(Fn::Sub)});
        pending.push_back({term->args[0], isNegative});
        continue;
      }
      if (isNegative)
        term =
            get(Fn::Mul, {term->domain == Domain::Float ? getConstant(-1) : getInteger(-1), term});
      combined = combined ? get(Fn::Add, {combined, term}) : term;
    }
    fn = Fn::Add;
    if (!foundAcc)
      return nullptr;
  } else if (fn == Fn::Max || fn == Fn::Min || fn == Fn::And || fn == Fn::Or || fn == Fn::Mul) {
    for (int side : {0, 1})
      if (value->args[side] == acc)
        combined = value->args[1 - side];
    if (Operation *combiner = block->getTerminator()->getOperand(result).getDefiningOp())
      ignoresNaN = isa<arith::MaxNumFOp, arith::MinNumFOp>(combiner);
  }
  if (!combined || contains(combined, acc))
    return nullptr;
  DenseSet<ExprRef> seen;
  SmallVector<ExprRef> pending = {combined};
  while (!pending.empty()) {
    ExprRef part = pending.pop_back_val();
    if (part->kind == ExprKind::Acc)
      return nullptr;
    if (seen.insert(part).second)
      pending.append(part->args.begin(), part->args.end());
  }
  return getReduce(fn, bound, combined, start, op->getResult(result), ignoresNaN);
}
