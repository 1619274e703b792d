//===- RaiseAttentionScores.cpp - The scores of attention -----------------===//
//
// A score is scale * (q . k) + masks. The scale may sit on q, on k, on both, on
// the scores or on the masked scores; masks are terms or selects.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionMatch.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

void AttentionMatcher::collectFactors(ExprRef expr, bool isInverse, Factors &factors) {
  if (expr->is(Fn::Mul) || expr->is(Fn::Div)) {
    collectFactors(expr->args[0], isInverse, factors);
    collectFactors(expr->args[1], isInverse != expr->is(Fn::Div), factors);
    return;
  }
  if (std::optional<double> number = context.getFloatConstant(expr)) {
    factors.constant *= isInverse ? 1 / *number : *number;
    return;
  }
  (isInverse ? factors.inverses : factors.factors).push_back(expr);
}

/// The factors of the body of a sum. The product may be an op of its own.
AttentionMatcher::Factors AttentionMatcher::getFactors(ExprRef expr) {
  Factors factors;
  while (true) {
    factors = {};
    collectFactors(expr, false, factors);
    if (factors.factors.size() != 1 || !factors.inverses.empty())
      return factors;
    ExprRef single = factors.factors.front();
    ExprRef behind = context.strip(single);
    if (behind == single || (!behind->is(Fn::Mul) && !behind->is(Fn::Div)))
      return factors;
    // A product with a constant keeps that: (c * x) with x a product as well.
    expr = factors.constant == 1
               ? behind
               : context.get(Fn::Mul, {context.getConstant(factors.constant), behind});
  }
}

/// True for a sum of products of something that depends on the key with
/// something that does not.
bool AttentionMatcher::isDot(ExprRef expr) {
  if (!expr->isReduce(Fn::Add))
    return false;
  Factors factors = getFactors(expr->getBody());
  bool hasKey = false, hasQuery = false;
  for (ExprRef factor : factors.factors)
    (isKeyDependent(factor) ? hasKey : hasQuery) = true;
  return hasKey && hasQuery;
}

bool AttentionMatcher::hasDot(ExprRef expr) {
  if (auto it = dotCache.find(expr); it != dotCache.end())
    return it->second;
  dotCache[expr] = false; // While its operands are looked at.
  ExprRef behind = context.strip(expr);
  bool has = false;
  if (behind->kind == ExprKind::Reduce)
    has = isDot(behind);
  else if (behind->kind == ExprKind::Apply)
    has = llvm::any_of(behind->args, [&](ExprRef arg) { return hasDot(arg); });
  dotCache[expr] = has;
  return has;
}

bool AttentionMatcher::matchDot(ExprRef dot) {
  if (dot->domain != Domain::Float)
    return fail("element-type", "the first contraction is on integers");
  attention.scoreOp = dot->source.getDefiningOp();
  attention.depth = dot->bound;
  if (attention.scoreIndex.empty())
    if (auto type = dyn_cast<RankedTensorType>(dot->source.getType()); !type)
      return fail("layout", "the scores have no shape");
  Factors factors = getFactors(dot->getBody());
  attention.scale *= factors.constant;
  for (ExprRef inverse : factors.inverses) {
    ExprRef factor = context.get(Fn::Div, {context.getConstant(1), inverse});
    factors.factors.push_back(factor);
  }
  for (ExprRef factor : factors.factors) {
    ExprRef &side = isKeyDependent(factor) ? attention.key : attention.query;
    side = side ? context.get(Fn::Mul, {side, factor}) : factor;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// From the softmax input to the contraction
//===----------------------------------------------------------------------===//

bool AttentionMatcher::addMask(ExprRef expr, double factor, ArrayRef<ExprRef> rowFactors) {
  // Softmax does not see a constant shift, unless rounding lets the scores vanish.
  ExprRef expanded = context.expandAll(expr);
  if (expanded->isConstant() && std::fabs(expanded->number * factor) < 1e4) {
    attention.isShifted |= expanded->number != 0;
    return true;
  }
  // Several terms in one body are several masks.
  if (expr->is(Fn::Add) || expr->is(Fn::Sub))
    return addMask(expr->args[0], factor, rowFactors) &&
           addMask(expr->args[1], expr->is(Fn::Add) ? factor : -factor, rowFactors);
  if (!isKeyDependent(expr))
    return fail("mask-without-key-dim", "a term of the scores does not depend on the key");
  MaskTerm mask;
  mask.expr = expr;
  mask.factor = factor;
  mask.rowFactors.assign(rowFactors.begin(), rowFactors.end());
  attention.masks.push_back(std::move(mask));
  return true;
}

bool AttentionMatcher::matchSelect(ExprRef select, double factor,
                                   SmallVector<ExprRef, 2> rowFactors) {
  bool isFirst = hasDot(select->args[1]);
  if (isFirst && hasDot(select->args[2]))
    return fail("score-modifier", "a select between two scores");
  std::optional<double> hidden = context.getFloatConstant(select->args[isFirst ? 2 : 1]);
  if (!hidden)
    return fail("score-modifier", "scores are replaced by values that are not constant");
  if (*hidden * factor > -1e4)
    return fail("score-modifier", "scores are replaced by " +
                                      Twine(llvm::formatv("{0}", *hidden).str()) +
                                      ", which is not low enough to hide a key");
  if (!isKeyDependent(select->args[0]))
    return fail("mask-without-key-dim", "a mask of the scores does not depend on the key");
  MaskTerm mask;
  mask.expr = select->args[0];
  mask.isSelect = true;
  mask.isVisibleIf = isFirst;
  mask.hidden = *hidden * factor;
  attention.masks.push_back(std::move(mask));
  return matchScore(select->args[isFirst ? 1 : 2], factor, rowFactors);
}

bool AttentionMatcher::matchScore(ExprRef expr, double factor, SmallVector<ExprRef, 2> rowFactors) {
  while (true) {
    expr = context.strip(expr);
    if (expr->kind == ExprKind::Reduce) {
      if (!isDot(expr))
        return fail("score-modifier", "the scores are a reduction that is no contraction");
      // A start value is an additive mask, before the scale.
      if (context.getFloatConstant(expr->getStart()) != 0.0 &&
          !addMask(expr->getStart(), factor, rowFactors))
        return false;
      attention.scale = factor;
      attention.rowFactors = rowFactors;
      return matchDot(expr);
    }
    if (expr->kind != ExprKind::Apply)
      return fail("layout", "the scores cannot be traced to a contraction");
    switch (expr->fn) {
    case Fn::Add:
    case Fn::Sub: {
      bool isFirst = hasDot(expr->args[0]);
      bool isDifference = expr->is(Fn::Sub);
      double other = isFirst && isDifference ? -factor : factor;
      if (!addMask(expr->args[isFirst ? 1 : 0], other, rowFactors))
        return false;
      if (!isFirst && isDifference)
        factor = -factor;
      expr = expr->args[isFirst ? 0 : 1];
      continue;
    }
    case Fn::Mul:
    case Fn::Div: {
      bool isFirst = expr->is(Fn::Div) || hasDot(expr->args[0]);
      ExprRef other = expr->args[isFirst ? 1 : 0];
      if (expr->is(Fn::Div) && !hasDot(expr->args[0]))
        return fail("score-modifier", "something is divided by the scores");
      if (std::optional<double> number = context.getFloatConstant(other)) {
        factor = expr->is(Fn::Div) ? factor / *number : factor * *number;
      } else if (!isKeyDependent(other)) {
        rowFactors.push_back(
            expr->is(Fn::Div) ? context.get(Fn::Div, {context.getConstant(1), other}) : other);
      } else {
        ExprRef expanded = context.expandAll(other);
        bool isMask = expanded->is(Fn::Select) || expanded->domain == Domain::Boolean ||
                      context.getFreeAtoms(other).size() > AtomPool::resolve(attention.keys).size();
        return fail(isMask ? "mask-multiplies" : "scale-varies",
                    isMask ? "a mask is multiplied into the scores"
                           : "the scores are multiplied by something that depends on the key");
      }
      expr = expr->args[isFirst ? 0 : 1];
      continue;
    }
    case Fn::Select:
      if (hasDot(expr->args[0]))
        return fail("score-modifier", "scores are replaced depending on a score");
      return matchSelect(expr, factor, rowFactors);
    case Fn::Max:
      // A clamp at the lowest number only shows in rows that are fully masked.
      for (int side : {0, 1})
        if (std::optional<double> clamp = context.getFloatConstant(expr->args[side]))
          if (*clamp <= -65504.0) {
            attention.emptyRowIsMean = true;
            return matchScore(expr->args[1 - side], factor, rowFactors);
          }
      return fail("score-modifier", "the scores are clamped");
    case Fn::Tanh:
      return fail("softcap", "the scores go through tanh");
    case Fn::ToFloat:
      return fail("element-type", "the first contraction is on integers");
    default:
      return fail("score-modifier", "an unknown function of the scores");
    }
  }
}

bool AttentionMatcher::matchScores(const Terms &scores) {
  auto it = llvm::find_if(scores, [&](auto &term) { return hasDot(term.second); });
  if (it == scores.end())
    return fail("layout", "the scores cannot be traced to a contraction");
  for (auto &term : scores)
    if (&term != &*it && !addMask(term.second, term.first, {}))
      return false;
  return matchScore(it->second, it->first, {});
}

//===----------------------------------------------------------------------===//
// Scales on q and k
//===----------------------------------------------------------------------===//

bool AttentionMatcher::normalizeOperands() {
  // A constant factor, or on k a factor known at run time, hides what was
  // repeated. It belongs to the scores.
  for (bool isKey : {false, true}) {
    ExprRef &operand = isKey ? attention.key : attention.query;
    if (!operand)
      return fail("layout", "the first contraction lacks an operand");
    while (true) {
      ExprRef behind = context.strip(operand);
      if (!behind->is(Fn::Mul) && !behind->is(Fn::Div))
        break;
      std::optional<double> first = context.getFloatConstant(behind->args[0]);
      std::optional<double> second = context.getFloatConstant(behind->args[1]);
      if (behind->is(Fn::Mul) && first && std::isfinite(*first)) {
        attention.scale *= *first;
        operand = behind->args[1];
        continue;
      }
      if (second && std::isfinite(*second) && (behind->is(Fn::Mul) || *second != 0)) {
        attention.scale *= behind->is(Fn::Mul) ? *second : 1 / *second;
        operand = behind->args[0];
        continue;
      }
      if (!isKey)
        break;
      if (context.getFreeAtoms(behind->args[1]).empty()) {
        attention.rowFactors.push_back(
            behind->is(Fn::Mul) ? behind->args[1]
                                : context.get(Fn::Div, {context.getConstant(1), behind->args[1]}));
        operand = behind->args[0];
        continue;
      }
      if (behind->is(Fn::Mul) && context.getFreeAtoms(behind->args[0]).empty()) {
        attention.rowFactors.push_back(behind->args[0]);
        operand = behind->args[1];
        continue;
      }
      break;
    }
  }
  // 0 * inf and x / 0 are no scaled scores, and the attribute is f32.
  float scale = static_cast<float>(attention.scale);
  if (scale == 0 || !std::isfinite(scale))
    return fail("score-modifier", "the scale is 0 or not finite in f32");
  return true;
}
