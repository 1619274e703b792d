//===- TensorExpr.cpp - Construction and comparison of expressions --------===//
#include "TensorExpr.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

/// Bounds recursion on long elementwise chains.
static constexpr unsigned maxDepth = 400;

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

Expr *ExprContext::create(ExprKind kind, Domain domain) {
  Expr &expr = exprs.emplace_back();
  expr.kind = kind;
  expr.domain = domain;
  return &expr;
}

ExprRef ExprContext::getConstant(double number) {
  Expr *expr = create(ExprKind::Constant, Domain::Float);
  expr->number = number;
  return expr;
}

ExprRef ExprContext::getInteger(int64_t integer, Domain domain) {
  Expr *expr = create(ExprKind::Constant, domain);
  expr->integer = integer;
  expr->number = static_cast<double>(integer);
  return expr;
}

ExprRef ExprContext::getIndex(DimIndex index) {
  if (index.other)
    return index.other;
  if (index.atoms.empty())
    return getInteger(0);
  Expr *expr = create(ExprKind::Index, Domain::Integer);
  expr->indices.push_back(std::move(index));
  return expr;
}

static Domain getDomain(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isInteger(1))
    return Domain::Boolean;
  return type.isIntOrIndex() ? Domain::Integer : Domain::Float;
}

ExprRef ExprContext::getLoad(Value tensor, SmallVector<DimIndex, 4> indices) {
  // One node for one index, compared by the atoms it was made with: resolving
  // them would depend on bindings that may be undone.
  auto isSame = [&](ExprRef load) {
    return llvm::equal(load->indices, indices, [](const DimIndex &a, const DimIndex &b) {
      return a.other == b.other && a.atoms == b.atoms;
    });
  };
  SmallVector<ExprRef> &known = loads[tensor];
  if (auto it = llvm::find_if(known, isSame); it != known.end())
    return *it;
  for (auto [dim, index] : llvm::enumerate(indices))
    if (!index.other)
      AtomPool::noteSize(index.atoms, DimSize::ofDim(tensor, dim));
  Expr *expr = create(ExprKind::Load, getDomain(tensor.getType()));
  expr->source = tensor;
  expr->indices = std::move(indices);
  known.push_back(expr);
  return expr;
}

ExprRef ExprContext::getScalar(Value value) {
  Expr *expr = create(ExprKind::Scalar, getDomain(value.getType()));
  expr->source = value;
  return expr;
}

ExprRef ExprContext::getSize(const DimSize &size) {
  if (size.isStatic())
    return getInteger(size.fixed);
  Expr *expr = create(ExprKind::Scalar, Domain::Integer);
  expr->source = size.value;
  expr->predicate = size.dim;
  return expr;
}

ExprRef ExprContext::getReduce(Fn fn, AtomList bound, ExprRef body, ExprRef start, Value source,
                               bool ignoresNaN) {
  Expr *expr = create(ExprKind::Reduce, body->domain);
  expr->fn = fn;
  expr->bound = std::move(bound);
  expr->args = {body, start};
  expr->source = source;
  expr->ignoresNaN = ignoresNaN;
  return expr;
}

ExprRef ExprContext::get(Fn fn, ArrayRef<ExprRef> args, int64_t predicate) {
  if (ExprRef folded = foldConstants(fn, args, predicate))
    return folded;
  if (ExprRef folded = foldIdentities(fn, args, predicate))
    return folded;
  Domain domain = fn == Fn::Select ? args[1]->domain : args[0]->domain;
  if (isComparison(fn))
    domain = Domain::Boolean;
  if (fn == Fn::ToFloat)
    domain = Domain::Float;
  if (domain == Domain::Boolean &&
      (fn == Fn::Add || fn == Fn::Sub || fn == Fn::Mul || fn == Fn::Max || fn == Fn::Min))
    domain = Domain::Integer;
  Expr *expr = create(ExprKind::Apply, domain);
  expr->fn = fn;
  expr->args.assign(args.begin(), args.end());
  expr->predicate = predicate;
  return expr;
}

ExprRef ExprContext::getNot(ExprRef value) {
  return get(Fn::Xor, {value, getInteger(1, Domain::Boolean)});
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

ExprRef ExprContext::lookThrough(ExprRef expr) {
  while (expr->kind == ExprKind::Load) {
    ExprRef next = expand(expr);
    if (!next || next->kind != ExprKind::Load)
      return expr;
    expr = next;
  }
  return expr;
}

ExprRef ExprContext::strip(ExprRef expr) {
  while (expr->kind == ExprKind::Load) {
    ExprRef next = expand(expr);
    if (!next)
      return expr;
    expr = next;
  }
  return expr;
}

ExprRef ExprContext::expandAll(ExprRef expr) {
  if (auto it = allExpanded.find(expr); it != allExpanded.end())
    return it->second;
  if (depth >= maxDepth)
    return expr;
  ++depth;
  ExprRef result = expr;
  if (expr->kind == ExprKind::Load) {
    ExprRef last = lookThrough(expr), next = expand(last);
    result = next && next->kind != ExprKind::Reduce ? expandAll(next) : last;
  } else if (expr->kind == ExprKind::Apply && expr->fn != Fn::Other) {
    SmallVector<ExprRef, 3> args;
    for (ExprRef arg : expr->args)
      args.push_back(expandAll(arg));
    if (args != expr->args)
      result = get(expr->fn, args, expr->predicate);
  }
  --depth;
  allExpanded[expr] = result;
  return result;
}

void ExprContext::rollback(Mark mark) {
  pool.rollback(mark.bindings);
  while (expansionLog.size() > mark.expansions)
    expansionLog.pop_back_val()->isExpanded = false;
  allExpanded.clear();
}

void ExprContext::collectFreeAtoms(ExprRef expr, AtomList &atoms, DenseSet<ExprRef> &seen) {
  // Broadcasts on the way to a tensor add loops that its element does not have.
  expr = lookThrough(expr);
  if (!seen.insert(expr).second)
    return;
  auto append = [&](ArrayRef<Atom *> list) {
    for (Atom *atom : AtomPool::resolve(list))
      if (!llvm::is_contained(atoms, atom))
        atoms.push_back(atom);
  };
  for (const DimIndex &index : expr->indices) {
    append(index.atoms);
    if (index.other)
      collectFreeAtoms(index.other, atoms, seen);
  }
  if (expr->kind != ExprKind::Reduce) {
    for (ExprRef arg : expr->args)
      collectFreeAtoms(arg, atoms, seen);
    return;
  }
  // The body has its own loops, which may share an atom with the outside after
  // a comparison has identified them.
  AtomList inner;
  DenseSet<ExprRef> innerSeen;
  for (ExprRef arg : expr->args)
    collectFreeAtoms(arg, inner, innerSeen);
  AtomList bound = AtomPool::resolve(expr->bound);
  llvm::erase_if(inner, [&](Atom *atom) { return llvm::is_contained(bound, atom); });
  append(inner);
}

AtomList ExprContext::getFreeAtoms(ExprRef expr) {
  AtomList atoms;
  DenseSet<ExprRef> seen;
  collectFreeAtoms(expr, atoms, seen);
  return atoms;
}

bool ExprContext::dependsOn(ExprRef expr, ArrayRef<Atom *> atoms) {
  return intersects(getFreeAtoms(expr), atoms);
}

std::optional<double> ExprContext::getFloatConstant(ExprRef expr) {
  expr = strip(expr);
  if (!expr->isConstant() || expr->domain != Domain::Float)
    return std::nullopt;
  return expr->number;
}

static bool isCommutative(Fn fn) {
  return fn == Fn::Add || fn == Fn::Mul || fn == Fn::Max || fn == Fn::Min || fn == Fn::And ||
         fn == Fn::Or || fn == Fn::Xor;
}

static bool isClose(double a, double b) {
  return a == b || std::fabs(a - b) <= 1e-6 * std::fmax(std::fabs(a), std::fabs(b)) ||
         (std::isnan(a) && std::isnan(b));
}

bool ExprContext::equal(ExprRef left, ExprRef right, llvm::SmallPtrSetImpl<Atom *> &bindable) {
  if (depth >= maxDepth)
    return false;
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  auto sameIndex = [&](const DimIndex &a, const DimIndex &b) {
    if (a.other || b.other)
      return a.other && b.other && equal(a.other, b.other, bindable);
    return pool.unify(a.atoms, b.atoms, bindable);
  };
  auto sameIndices = [&] {
    if (left->indices.size() != right->indices.size())
      return false;
    for (auto [a, b] : llvm::zip(left->indices, right->indices))
      if (!sameIndex(a, b))
        return false;
    return true;
  };

  if (left == right)
    return true;
  if (left->kind == ExprKind::Load && right->kind == ExprKind::Load) {
    if (left->source == right->source)
      return sameIndices();
    left = lookThrough(left);
    right = lookThrough(right);
    if (left->source == right->source)
      return sameIndices();
  }
  left = strip(left);
  right = strip(right);
  if (left->kind != right->kind)
    return false;
  switch (left->kind) {
  case ExprKind::Constant:
    return left->domain == Domain::Float ? isClose(left->number, right->number)
                                         : left->integer == right->integer;
  case ExprKind::Index:
    return sameIndices();
  case ExprKind::Load:
    return left->source == right->source && sameIndices();
  case ExprKind::Scalar:
    return getSymbol(left).equals(getSymbol(right));
  case ExprKind::Acc:
    return left->predicate == right->predicate;
  case ExprKind::Reduce: {
    if (left->fn != right->fn || left == right)
      return left == right;
    // Renaming the right loops must not capture loops that are free on the left.
    if (intersects(left->bound, getFreeAtoms(right)))
      return false;
    SmallVector<Atom *> added;
    for (Atom *atom : AtomPool::resolve(right->bound))
      if (bindable.insert(atom->loop).second)
        added.push_back(atom->loop);
    bool same = equal(left->getBody(), right->getBody(), bindable) &&
                equal(left->getStart(), right->getStart(), bindable);
    for (Atom *loop : added)
      bindable.erase(loop);
    AtomList a = AtomPool::resolve(left->bound), b = AtomPool::resolve(right->bound);
    return same && a.size() == b.size() &&
           llvm::all_of(a, [&](Atom *atom) { return llvm::is_contained(b, atom); });
  }
  case ExprKind::Apply:
    break;
  }
  if (left->fn != right->fn || left->predicate != right->predicate ||
      left->args.size() != right->args.size())
    return false;
  if (left->fn == Fn::Other &&
      (left->origin->getName() != right->origin->getName() ||
       left->origin->getAttrDictionary() != right->origin->getAttrDictionary()))
    return false;
  auto sameArgs = [&](bool swapped) {
    for (size_t i = 0, n = left->args.size(); i < n; ++i)
      if (!equal(left->args[i], right->args[swapped ? n - 1 - i : i], bindable))
        return false;
    return true;
  };
  Mark mark = getMark();
  if (sameArgs(false))
    return true;
  rollback(mark);
  return isCommutative(left->fn) && sameArgs(true);
}
