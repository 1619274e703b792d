//===- RaiseAttentionWeights.cpp - From a probability to its exp ----------===//
//
// What stands between the second contraction and the exponential: divisions,
// guards, tests for NaN, and what makes it something else than attention.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dashkv;

/// True when a value differs from key to key. What is computed at the shape of
/// the scores from row values alone does not.
bool AttentionMatcher::isKeyDependent(ExprRef expr) {
  if (auto it = keyCache.find(expr); it != keyCache.end())
    return it->second;
  bool depends = context.dependsOn(expr, attention.keys);
  if (depends) {
    ExprRef behind = context.strip(expr);
    if (behind->kind == ExprKind::Apply)
      depends = llvm::any_of(behind->args, [&](ExprRef arg) { return isKeyDependent(arg); });
    else
      depends = context.dependsOn(behind, attention.keys);
  }
  keyCache[expr] = depends;
  return depends;
}

/// True when the numerator of `expr` is an exponential that depends on the key.
bool AttentionMatcher::reachesExp(ExprRef expr) {
  if (auto it = expCache.find(expr); it != expCache.end())
    return it->second;
  expCache[expr] = false; // While its operands are looked at.
  ExprRef behind = context.strip(expr);
  bool reaches = false;
  if (behind->kind == ExprKind::Apply) {
    switch (behind->fn) {
    case Fn::Exp:
      reaches = isKeyDependent(behind);
      break;
    case Fn::Div:
      reaches = reachesExp(behind->args[0]);
      break;
    case Fn::Select:
      reaches = reachesExp(behind->args[1]) || reachesExp(behind->args[2]);
      break;
    case Fn::Mul:
    case Fn::Other:
    case Fn::Max:
    case Fn::Min:
    case Fn::Tanh:
      reaches = llvm::any_of(behind->args, [&](ExprRef arg) { return reachesExp(arg); });
      break;
    default:
      break;
    }
  }
  expCache[expr] = reaches;
  return reaches;
}

/// A select that tests the probability itself: whether it is NaN, which makes rows
/// without keys 0, or infinite, which it never is. Returns what is selected
/// otherwise.
ExprRef AttentionMatcher::skipTestOfProbability(ExprRef select, Weights &weights) {
  using P = arith::CmpFPredicate;
  ExprRef condition = context.strip(select->args[0]);
  bool isTrueArm = true;
  while (condition->is(Fn::Xor) && condition->args[1]->isConstant()) {
    isTrueArm = isTrueArm != (condition->args[1]->integer != 0);
    condition = context.strip(condition->args[0]);
  }
  if (!condition->is(Fn::CmpF) || !reachesExp(condition->args[0]))
    return nullptr;
  // What is selected where the compare holds, and where not.
  ExprRef holds = select->args[isTrueArm ? 1 : 2], fails = select->args[isTrueArm ? 2 : 1];
  auto predicate = static_cast<P>(condition->predicate);
  std::optional<double> number = context.getFloatConstant(condition->args[1]);
  if (number && std::isinf(*number) && (predicate == P::OEQ || predicate == P::UEQ) &&
      context.getFloatConstant(holds))
    return fails;
  bool isNumberTest = predicate == P::OEQ || predicate == P::ORD;
  ExprRef replacement = isNumberTest ? fails : holds, otherwise = isNumberTest ? holds : fails;
  llvm::SmallPtrSet<Atom *, 1> none;
  if ((!isNumberTest && predicate != P::UNE && predicate != P::UNO) ||
      context.getFloatConstant(replacement) != 0.0 ||
      !context.equal(condition->args[0], condition->args[1], none))
    return nullptr;
  weights.nanTests.push_back(context.lookThrough(condition->args[0]));
  return otherwise;
}

bool AttentionMatcher::collectWeights(ExprRef expr, Weights &weights) {
  while (true) {
    weights.path.push_back(expr);
    if (expr->kind == ExprKind::Load) {
      weights.op = expr->source.getDefiningOp();
      expr = context.expand(expr);
      if (!expr)
        return false;
      continue;
    }
    if (expr->kind != ExprKind::Apply)
      return false;
    if (expr->is(Fn::Exp)) {
      weights.exponential = expr;
      return true;
    }
    if (expr->is(Fn::Div)) {
      weights.denominators.push_back(expr->args[1]);
      expr = expr->args[0];
      continue;
    }
    if (expr->is(Fn::Select)) {
      if (ExprRef otherwise = skipTestOfProbability(expr, weights)) {
        expr = otherwise;
        continue;
      }
      std::optional<double> first = context.getFloatConstant(expr->args[1]);
      std::optional<double> second = context.getFloatConstant(expr->args[2]);
      if (first == 0.0 || second == 0.0) {
        weights.guards.push_back({expr->args[0], first == 0.0});
        expr = expr->args[first == 0.0 ? 2 : 1];
        continue;
      }
      weights.hasUnknown = true;
      expr = expr->args[reachesExp(expr->args[1]) ? 1 : 2];
      continue;
    }
    if (expr->is(Fn::Mul)) {
      bool isFirst = reachesExp(expr->args[0]);
      ExprRef factor = expr->args[isFirst ? 1 : 0];
      ExprRef behind = context.strip(factor);
      if (std::optional<double> constant = context.getFloatConstant(factor))
        weights.constant *= *constant;
      else if (behind->is(Fn::Div) && context.getFloatConstant(behind->args[0])) {
        weights.constant *= *context.getFloatConstant(behind->args[0]);
        weights.denominators.push_back(behind->args[1]);
      } else {
        weights.modifiers.push_back(factor);
      }
      expr = expr->args[isFirst ? 0 : 1];
      continue;
    }
    weights.hasUnknown = true;
    auto it = llvm::find_if(expr->args, [&](ExprRef arg) { return reachesExp(arg); });
    if (it == expr->args.end())
      return false;
    expr = *it;
  }
}

/// Names what a factor of the probabilities is.
bool AttentionMatcher::classifyModifier(ExprRef modifier) {
  // Random bits come from integer arithmetic or from an op without operands that
  // we know; a dropout mask differs for every probability.
  AtomList free = context.getFreeAtoms(modifier);
  AtomList all;
  for (const DimIndex &index : attention.scoreIndex)
    all.append(index.atoms);
  all = AtomPool::resolve(all);
  bool isFull =
      !all.empty() && llvm::all_of(all, [&](Atom *atom) { return llvm::is_contained(free, atom); });
  ExprRef expanded = context.expandAll(modifier);
  bool isRandom = false;
  SmallVector<ExprRef> pending = {expanded};
  DenseSet<ExprRef> seen;
  while (!pending.empty()) {
    ExprRef part = pending.pop_back_val();
    if (!seen.insert(part).second)
      continue;
    if (part->kind == ExprKind::Load)
      if (Operation *op = part->source.getDefiningOp()) {
        StringRef name = op->getName().getStringRef();
        isRandom |= name.contains("rand") || name.contains("rng") || name.contains("bernoulli") ||
                    name.contains("dropout");
      }
    isRandom |= part->is(Fn::Other) && part->domain == Domain::Integer;
    pending.append(part->args.begin(), part->args.end());
  }
  if (isRandom || isFull)
    return fail("dropout", "the probabilities are multiplied or replaced element by element before "
                           "the second contraction");
  return fail("mask-multiplies", "a mask is applied to the probabilities after softmax");
}
