//===- RaiseAttentionSoftmax.cpp - The weights of attention ---------------===//
//
// exp(score - max) / sum in all its spellings: division before or after the
// second contraction, by a reciprocal or through the logarithm of the sum, with
// a guard for rows without keys.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dashkv;

bool AttentionMatcher::fail(StringRef id, const Twine &text) {
  if (!decline)
    decline = Decline{id, text.str()};
  return false;
}

static std::string toString(double number) { return llvm::formatv("{0}", number).str(); }

/// A start value or clamp below every score: -inf or the lowest f16, bf16, f32.
static bool isLowest(double number) {
  return number <= -65504.0 && (number == -65504.0 || number <= -3.38e38);
}

/// True when the loops are exactly those of the keys.
bool AttentionMatcher::coversKeys(ArrayRef<Atom *> loops) {
  AtomList a = AtomPool::resolve(loops), b = AtomPool::resolve(attention.keys);
  return a.size() == b.size() &&
         llvm::all_of(a, [&](Atom *atom) { return llvm::is_contained(b, atom); });
}

//===----------------------------------------------------------------------===//
// Sums of terms
//===----------------------------------------------------------------------===//

void AttentionMatcher::flatten(ExprRef expr, double factor, Terms &terms) {
  if (expr->is(Fn::Add) || expr->is(Fn::Sub)) {
    flatten(expr->args[0], factor, terms);
    flatten(expr->args[1], expr->is(Fn::Add) ? factor : -factor, terms);
    return;
  }
  if (expr->is(Fn::Mul) && expr->args[0]->isConstant()) {
    flatten(expr->args[1], factor * expr->args[0]->number, terms);
    return;
  }
  terms.push_back({factor, expr});
}

static bool isSum(ExprRef expr) {
  return expr->is(Fn::Add) || expr->is(Fn::Sub) ||
         (expr->is(Fn::Mul) && expr->args[0]->isConstant());
}

void AttentionMatcher::flattenFully(ExprRef expr, double factor, Terms &terms) {
  Terms parts;
  flatten(expr, factor, parts);
  for (auto [partFactor, part] : parts) {
    ExprRef behind = context.strip(part);
    if (behind != part && isSum(behind))
      flattenFully(behind, partFactor, terms);
    else
      terms.push_back({partFactor, part});
  }
}

bool AttentionMatcher::sameTerms(Terms left, Terms right, llvm::SmallPtrSetImpl<Atom *> &bindable) {
  if (left.size() != right.size())
    return false;
  if (left.empty())
    return true;
  auto [factor, expr] = left.pop_back_val();
  for (size_t i = 0; i < right.size(); ++i) {
    if (std::fabs(right[i].first - factor) > 1e-6 * std::fabs(factor))
      continue;
    ExprContext::Mark mark = context.getMark();
    if (context.equal(expr, right[i].second, bindable)) {
      Terms rest = right;
      rest.erase(rest.begin() + i);
      if (sameTerms(left, rest, bindable))
        return true;
    }
    context.rollback(mark);
  }
  return false;
}

/// True when `left` equals factor * `right`, whose free `loops` may be renamed.
bool AttentionMatcher::sameSum(ExprRef left, ExprRef right, double factor, ArrayRef<Atom *> loops) {
  llvm::SmallPtrSet<Atom *, 4> bindable;
  for (Atom *atom : AtomPool::resolve(loops))
    bindable.insert(atom->loop);
  ExprContext::Mark mark = context.getMark();
  if (factor == 1 && context.equal(left, right, bindable))
    return true;
  context.rollback(mark);
  Terms leftTerms, rightTerms;
  flattenFully(left, 1, leftTerms);
  flattenFully(right, factor, rightTerms);
  if (sameTerms(leftTerms, rightTerms, bindable))
    return true;
  context.rollback(mark);
  return false;
}

//===----------------------------------------------------------------------===//
// Row statistics
//===----------------------------------------------------------------------===//

/// Finds out what a row value `expr` inside of an exponential is; `term` is the
/// whole of it.
void AttentionMatcher::addStatistic(double factor, ExprRef expr, ExprRef term,
                                    Statistics &statistics) {
  ExprRef behind = context.strip(expr);
  if (behind->isReduce(Fn::Max)) {
    statistics.maxima.push_back({factor, behind, term});
    return;
  }
  if (behind->isConstant() && std::isfinite(behind->number)) {
    attention.isShifted |= behind->number != 0;
    return;
  }
  if (behind->is(Fn::Log)) {
    statistics.logarithms.push_back({factor, behind->args[0]});
    return;
  }
  if (isSum(behind)) {
    Terms terms;
    flatten(behind, factor, terms);
    for (auto [partFactor, part] : terms)
      addStatistic(partFactor, part, part, statistics);
    return;
  }
  // maximum(lowest, max): a clamp that changes nothing but fully masked rows.
  if (behind->is(Fn::Max)) {
    for (int side : {0, 1})
      if (std::optional<double> clamp = context.getFloatConstant(behind->args[side])) {
        if (!isLowest(*clamp))
          statistics.isClampedHigh = true;
        else
          statistics.isMaxGuarded = true;
        addStatistic(factor, behind->args[1 - side], term, statistics);
        return;
      }
  }
  // select(isinf(max), 0, max): keeps exp(-inf - max) from being NaN.
  if (behind->is(Fn::Select))
    for (int side : {1, 2})
      if (context.getFloatConstant(behind->args[side]) == 0.0) {
        statistics.isMaxGuarded = true;
        addStatistic(factor, behind->args[3 - side], term, statistics);
        return;
      }
  statistics.unknown = expr;
}

AttentionMatcher::Statistics AttentionMatcher::splitStatistics(ExprRef argument) {
  Terms terms;
  flatten(argument, 1, terms);
  // The scores stay a load where they are one, so that they compare quickly;
  // loads are opened only until a statistic shows.
  while (true) {
    Statistics statistics;
    for (auto [factor, term] : terms) {
      if (!isKeyDependent(term)) {
        addStatistic(factor, term, term, statistics);
        continue;
      }
      ExprRef behind = context.strip(term);
      if (behind->isReduce(Fn::Max) && factor < 0)
        statistics.wrongAxisMax = behind;
      statistics.scores.push_back({factor, term});
    }
    if (!statistics.maxima.empty() || statistics.wrongAxisMax)
      return statistics;
    auto it = llvm::find_if(terms, [&](auto &term) {
      ExprRef behind = context.strip(term.second);
      return isKeyDependent(term.second) && behind != term.second && isSum(behind);
    });
    if (it == terms.end())
      return statistics;
    auto [factor, term] = *it;
    terms.erase(it);
    flatten(context.strip(term), factor, terms);
  }
}

static ExprRef buildSum(ExprContext &context, const Terms &terms) {
  ExprRef sum = nullptr;
  for (auto [factor, term] : terms) {
    ExprRef scaled = factor == 1 ? term : context.get(Fn::Mul, {context.getConstant(factor), term});
    sum = sum ? context.get(Fn::Add, {sum, scaled}) : scaled;
  }
  return sum;
}

bool AttentionMatcher::checkMaximum(Statistics &statistics) {
  if (statistics.unknown)
    return fail("max-source", "what is subtracted from the scores is not their row maximum");
  if (statistics.isClampedHigh)
    return fail("max-identity", "the row maximum is clamped above the lowest score");
  for (auto [factor, inner] : statistics.logarithms) {
    if (std::fabs(factor + 1) > 1e-6)
      return fail("score-modifier", "the logarithm of the sum has the factor " + toString(factor));
    ExprRef sum = context.strip(inner);
    if (!sum->isReduce(Fn::Add))
      return fail("sum-source", "the logarithm is not that of a sum of exponentials");
    ExprRef exponential = context.strip(sum->getBody());
    Terms terms = statistics.scores;
    for (const Statistics::Maximum &maximum : statistics.maxima)
      terms.push_back({maximum.factor, maximum.term});
    if (!exponential->is(Fn::Exp) ||
        !sameSum(buildSum(context, terms), exponential->args[0], 1, sum->bound) ||
        !coversKeys(sum->bound))
      return fail("sum-source", "the logarithm is that of the sum of another tensor");
    if (context.getFloatConstant(sum->getStart()) != 0.0)
      return fail("extra-denominator", "the sum of exponentials does not start from 0");
  }
  if (statistics.maxima.empty()) {
    if (!options.allowUnstabilized)
      return fail("no-max", "no row maximum is subtracted from the scores");
    return true;
  }
  ExprRef scores = buildSum(context, statistics.scores);
  double factor = statistics.maxima.front().factor;
  ExprRef maximum = statistics.maxima.front().reduction;
  if (statistics.maxima.size() > 1 || factor >= 0)
    return fail("max-source", "several maxima are subtracted from the scores");
  if (!sameSum(scores, maximum->getBody(), -factor, maximum->bound))
    return fail("max-source", "the maximum that is subtracted belongs to another tensor");
  if (!coversKeys(maximum->bound))
    return fail("max-source", "the maximum that is subtracted runs over other dims than the keys");
  std::optional<double> start = context.getFloatConstant(maximum->getStart());
  if (!start)
    return fail("max-identity", "the maximum starts from a value that is not constant");
  bool isIdentity = isLowest(*start) || (std::isnan(*start) && maximum->ignoresNaN);
  if (!isIdentity)
    return fail("max-identity", "the maximum starts from " + toString(*start));
  // exp(-inf - lowest) is 0, not NaN.
  if (std::isfinite(*start))
    statistics.isMaxGuarded = true;
  return true;
}

bool AttentionMatcher::checkSum(ExprRef sum, ExprRef exponential, bool &isGuarded) {
  ExprRef behind = context.strip(sum);
  // select(sum == 0, c, sum)
  if (behind->is(Fn::Select) && context.strip(behind->args[0])->is(Fn::CmpF)) {
    ExprRef compare = context.strip(behind->args[0]);
    for (int side : {1, 2}) {
      llvm::SmallPtrSet<Atom *, 1> none;
      if (context.getFloatConstant(behind->args[3 - side]) &&
          context.getFloatConstant(compare->args[1]) == 0.0 &&
          context.equal(compare->args[0], behind->args[side], none)) {
        isGuarded = true;
        behind = context.strip(behind->args[side]);
        break;
      }
    }
  }
  if (!behind->isReduce(Fn::Add)) {
    Terms terms;
    flattenFully(behind, 1, terms);
    bool hasSum = llvm::any_of(
        terms, [&](auto &term) { return context.strip(term.second)->isReduce(Fn::Add); });
    if (hasSum || behind->is(Fn::Max))
      return fail("extra-denominator",
                  "the denominator has a term besides the sum of exponentials");
    return fail("sum-source", "the denominator is not the sum of the exponentials");
  }
  if (!sameSum(exponential, behind->getBody(), 1, behind->bound))
    return fail("sum-source", "the denominator is the sum of another tensor");
  if (!coversKeys(behind->bound))
    return fail("sum-source", "the denominator runs over other dims than the keys");
  if (context.getFloatConstant(behind->getStart()) != 0.0)
    return fail("extra-denominator", "the sum of exponentials does not start from 0");
  return true;
}

bool AttentionMatcher::checkGuard(ExprRef condition, bool isZeroIf, const Statistics &statistics) {
  if (isKeyDependent(condition))
    return classifyModifier(condition);
  ExprRef scores = buildSum(context, statistics.scores);
  double scale = statistics.maxima.empty() ? 1 : -statistics.maxima.front().factor;
  using P = arith::CmpFPredicate;
  // True when `expr` says of one score that it is (or is not) -inf.
  auto isHidden = [&](ExprRef expr, ArrayRef<Atom *> loops, bool &polarity) {
    expr = context.strip(expr);
    while (expr->is(Fn::Xor) && expr->args[1]->isConstant()) {
      polarity = polarity != (expr->args[1]->integer != 0);
      expr = context.strip(expr->args[0]);
    }
    if (!expr->is(Fn::CmpF))
      return false;
    auto predicate = static_cast<P>(expr->predicate);
    bool isEqual = predicate == P::OEQ || predicate == P::UEQ;
    if (!isEqual && predicate != P::ONE && predicate != P::UNE)
      return false;
    polarity = polarity == isEqual;
    for (int side : {0, 1}) {
      std::optional<double> number = context.getFloatConstant(expr->args[side]);
      if (number && std::isinf(*number) && *number < 0) {
        ExprRef tested = expr->args[1 - side];
        ExprRef maximum = context.strip(tested);
        if (maximum->isReduce(Fn::Max) && loops.empty())
          return sameSum(scores, maximum->getBody(), scale, maximum->bound) &&
                 coversKeys(maximum->bound);
        return sameSum(scores, tested, scale, loops) && coversKeys(loops);
      }
    }
    return false;
  };
  ExprRef behind = context.strip(condition);
  bool polarity = isZeroIf;
  while (behind->is(Fn::Xor) && behind->args[1]->isConstant()) {
    polarity = polarity != (behind->args[1]->integer != 0);
    behind = context.strip(behind->args[0]);
  }
  // all(score == -inf) or not any(score != -inf).
  if (behind->isReduce(Fn::And) || behind->isReduce(Fn::Or)) {
    bool bodyPolarity = true;
    ExprRef start = context.strip(behind->getStart());
    bool isAnd = behind->isReduce(Fn::And);
    if (isHidden(behind->getBody(), behind->bound, bodyPolarity) && bodyPolarity == isAnd &&
        polarity == isAnd && start->isConstant() && (start->integer != 0) == isAnd) {
      attention.emptyRowIsZero = true;
      return true;
    }
  }
  bool hidden = polarity;
  if (isHidden(behind, {}, hidden) && hidden) {
    attention.emptyRowIsZero = true;
    return true;
  }
  return fail("score-modifier", "the probabilities of a row depend on a condition that is not that "
                                "all of its scores are -inf");
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

ExprRef AttentionMatcher::start(Value root, Operation *anchor) {
  attention = {};
  attention.anchor = anchor;
  auto type = dyn_cast<RankedTensorType>(root.getType());
  if (!type)
    return nullptr;
  SmallVector<DimIndex, 4> index;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    index.push_back({context.pool.createLoop(DimSize::ofDim(root, dim)), nullptr});
  ExprRef expr = context.getLoad(root, std::move(index));
  while (expr->kind == ExprKind::Load) {
    attention.outs.push_back(expr);
    ExprRef next = context.expand(expr);
    if (!next)
      break;
    expr = next;
  }
  return expr;
}

AttentionMatcher::Result AttentionMatcher::match(Value root, Operation *anchor) {
  auto noMatch = [&](bool) { return Result::NoMatch; };
  ExprRef expr = start(root, anchor);
  if (!expr || expr->kind == ExprKind::Load)
    return Result::NoMatch;

  // A division or a guard after the contraction.
  SmallVector<ExprRef, 2> denominators;
  SmallVector<std::pair<ExprRef, bool>, 1> guards;
  double constant = 1;
  while (expr->kind == ExprKind::Apply) {
    ExprRef next = nullptr;
    if (expr->is(Fn::Select)) {
      for (int side : {1, 2})
        if (!next && context.getFloatConstant(expr->args[side]) == 0.0) {
          guards.push_back({expr->args[0], side == 1});
          next = expr->args[3 - side];
        }
    } else if (expr->is(Fn::Div)) {
      denominators.push_back(expr->args[1]);
      next = expr->args[0];
    } else if (expr->is(Fn::Mul)) {
      for (int side : {0, 1}) {
        ExprRef factor = context.strip(expr->args[side]);
        if (factor->isConstant())
          constant *= factor->number;
        else if (factor->is(Fn::Div) && context.getFloatConstant(factor->args[0])) {
          constant *= *context.getFloatConstant(factor->args[0]);
          denominators.push_back(factor->args[1]);
        } else
          continue;
        next = expr->args[1 - side];
        break;
      }
    }
    if (!next)
      return Result::NoMatch;
    expr = context.strip(next);
  }
  if (!expr->isReduce(Fn::Add) || expr->domain != Domain::Float)
    return Result::NoMatch;
  ExprRef sum = expr;
  attention.keys = sum->bound;
  if (attention.keys.empty())
    return Result::NoMatch;

  // One factor is the probability, those that depend on the key are the value.
  Factors factors = getFactors(sum->getBody());
  auto it = llvm::find_if(factors.factors, [&](ExprRef factor) { return reachesExp(factor); });
  if (it == factors.factors.end())
    return Result::NoMatch;
  Weights weights;
  weights.op = sum->source.getDefiningOp();
  if (!collectWeights(*it, weights))
    return Result::NoMatch;
  factors.factors.erase(it);
  weights.constant *= factors.constant * constant;
  for (ExprRef inverse : factors.inverses)
    denominators.push_back(inverse);
  SmallVector<ExprRef> values;
  for (ExprRef factor : factors.factors) {
    ExprRef behind = context.strip(factor);
    if (isKeyDependent(factor))
      values.push_back(factor);
    else if (behind->is(Fn::Div) && context.getFloatConstant(behind->args[0])) {
      weights.constant *= *context.getFloatConstant(behind->args[0]);
      denominators.push_back(behind->args[1]);
    } else
      weights.modifiers.push_back(factor);
  }
  if (values.empty())
    return Result::NoMatch;
  llvm::append_range(denominators, weights.denominators);
  llvm::append_range(weights.guards, guards);
  attention.expOp = weights.op;

  // Is this attention at all? Only then a mismatch is worth a remark.
  Statistics statistics = splitStatistics(weights.exponential->args[0]);
  bool hasEvidence = !statistics.maxima.empty() || !statistics.logarithms.empty() ||
                     statistics.wrongAxisMax || !denominators.empty();
  if (!hasEvidence)
    return Result::NoMatch;
  bool isDotFound =
      llvm::any_of(statistics.scores, [&](auto &term) { return hasDot(term.second); });
  for (auto [factor, term] : statistics.scores)
    if (term->kind == ExprKind::Load && attention.scoreIndex.empty())
      attention.scoreIndex = term->indices;
  if (!isDotFound) {
    // Scores that come out of a loop or branch may hide the first contraction.
    SmallVector<ExprRef> pending;
    for (auto [factor, term] : statistics.scores)
      pending.push_back(term);
    while (!pending.empty()) {
      ExprRef last = context.strip(pending.pop_back_val());
      if (last->kind == ExprKind::Apply)
        pending.append(last->args.begin(), last->args.end());
      if (last->kind != ExprKind::Load)
        continue;
      Operation *op = last->source.getDefiningOp();
      if (auto concat = dyn_cast_or_null<tensor::ConcatOp>(op)) {
        size_t numDots = llvm::count_if(concat.getInputs(), [&](Value input) {
          return hasDot(context.getLoad(input, last->indices));
        });
        if (numDots != 0 && numDots == concat.getInputs().size())
          return noMatch(fail("layout", "the scores of several sets of keys are concatenated, "
                                        "not the keys"));
        if (numDots != 0)
          return noMatch(fail("extra-denominator", "the softmax has columns besides the scores"));
      }
      for (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op); insert;
           insert = insert.getDest().getDefiningOp<tensor::InsertSliceOp>())
        if (insert.getSourceType().getRank() == insert.getType().getRank() &&
            hasDot(context.getLoad(insert.getSource(), last->indices)))
          return noMatch(fail("extra-denominator", "the softmax has columns besides the scores"));
      auto argument = dyn_cast<BlockArgument>(last->source);
      bool isInner =
          argument && !isa_and_nonnull<FunctionOpInterface>(argument.getOwner()->getParentOp());
      if (isInner || (op && op->getNumRegions() != 0 && !isa<DestinationStyleOpInterface>(op)))
        return noMatch(fail("crosses-region", "the scores come from another block"));
    }
    return Result::NoMatch;
  }

  for (ExprRef modifier : weights.modifiers)
    return noMatch(classifyModifier(modifier));
  for (auto [condition, isZeroIf] : weights.guards)
    if (isKeyDependent(condition))
      return noMatch(classifyModifier(condition));
  bool isSumWrong = llvm::any_of(denominators, [&](ExprRef sum) { return isKeyDependent(sum); });
  if (statistics.wrongAxisMax && (isSumWrong || denominators.empty()))
    return noMatch(fail("wrong-softmax-axis", "softmax runs over another dim than the one that the "
                                              "second contraction sums over"));
  if (statistics.wrongAxisMax)
    return noMatch(fail("max-source", "the maximum that is subtracted runs over another dim than "
                                      "the keys"));
  if (isSumWrong) {
    bool isWhole = statistics.maxima.empty() && statistics.logarithms.empty();
    return noMatch(fail(isWhole ? "wrong-softmax-axis" : "sum-source",
                        "the denominator runs over another dim than the one that the second "
                        "contraction sums over"));
  }
  if (weights.hasUnknown)
    return noMatch(fail("score-modifier", "an unknown function of the probabilities"));
  if (std::fabs(weights.constant - 1) > 1e-6)
    return noMatch(fail(weights.constant > 1 ? "dropout" : "score-modifier",
                        "the probabilities are multiplied by " + toString(weights.constant)));
  if (context.getFloatConstant(sum->getStart()) != 0.0)
    return noMatch(fail("nonzero-init", "the second contraction does not start from 0"));
  if (!checkMaximum(statistics))
    return Result::NoMatch;
  if (denominators.empty() && statistics.logarithms.empty())
    return Result::Unnormalized;
  if (denominators.size() + statistics.logarithms.size() != 1)
    return noMatch(fail("score-modifier", "the probabilities are divided more than once"));
  bool isSumGuarded = false;
  for (ExprRef denominator : denominators)
    if (!checkSum(denominator, weights.exponential, isSumGuarded))
      return Result::NoMatch;
  if (isSumGuarded && statistics.isMaxGuarded)
    attention.emptyRowIsZero = true;
  if (statistics.maxima.size() == 1 && denominators.size() == 1) {
    attention.maximum = statistics.maxima.front().term;
    attention.maximumFactor = -statistics.maxima.front().factor;
    attention.sum = denominators.front();
  }
  for (ExprRef tested : weights.nanTests) {
    llvm::SmallPtrSet<Atom *, 1> none;
    if (llvm::none_of(weights.path,
                      [&](ExprRef passed) { return context.equal(passed, tested, none); }))
      return noMatch(
          fail("score-modifier", "the probabilities depend on a test of another tensor"));
    attention.emptyRowIsZero = true;
  }
  for (auto [condition, isZeroIf] : weights.guards)
    if (!checkGuard(condition, isZeroIf, statistics))
      return Result::NoMatch;

  // Of several factors the one with dims of its own is the value. A mask, or what
  // differs from row to row, belongs to the probabilities.
  AtomList scoreAtoms;
  for (const DimIndex &index : attention.scoreIndex)
    scoreAtoms.append(AtomPool::resolve(index.atoms));
  for (ExprRef value : values) {
    AtomList free = context.getFreeAtoms(value);
    bool hasOwnDim =
        llvm::any_of(free, [&](Atom *atom) { return !llvm::is_contained(scoreAtoms, atom); });
    ExprRef expanded = context.expandAll(value);
    bool isMask = expanded->is(Fn::Select) || expanded->domain == Domain::Boolean;
    bool isFull =
        llvm::all_of(scoreAtoms, [&](Atom *atom) { return llvm::is_contained(free, atom); });
    if (values.size() > 1 && !hasOwnDim && (isMask || isFull))
      return noMatch(classifyModifier(value));
    attention.value = attention.value ? context.get(Fn::Mul, {attention.value, value}) : value;
  }
  if (!matchScores(statistics.scores) || !normalizeOperands() || !analyseMasks())
    return Result::NoMatch;
  findLse();
  return Result::Match;
}

void AttentionMatcher::findLse() {
  if (!attention.sum || attention.isShifted || attention.emptyRowIsZero)
    return;
  ExprRef logarithm = context.get(Fn::Log, {attention.sum});
  ExprRef lse = buildSum(context, {{attention.maximumFactor, attention.maximum}, {1, logarithm}});
  SmallVector<Value> pending = {context.strip(attention.sum)->source};
  for (size_t next = 0; next < pending.size() && pending.size() < 32; ++next)
    for (Operation *user : pending[next].getUsers()) {
      auto type = user->getNumResults() == 1
                      ? dyn_cast<RankedTensorType>(user->getResult(0).getType())
                      : RankedTensorType();
      if (!type || user == attention.anchor || !type.getElementType().isF32())
        continue;
      Value candidate = user->getResult(0);
      SmallVector<DimIndex, 4> index;
      AtomList loops;
      for (int64_t dim = 0; dim < type.getRank(); ++dim) {
        index.push_back({context.pool.createLoop(DimSize::ofDim(candidate, dim)), nullptr});
        loops.append(index.back().atoms);
      }
      ExprRef load = context.getLoad(candidate, std::move(index));
      if (sameSum(lse, load, 1, loops)) {
        attention.lse = load;
        return;
      }
      pending.push_back(candidate);
    }
}
