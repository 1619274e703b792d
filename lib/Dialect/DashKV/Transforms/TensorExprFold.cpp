//===- TensorExprFold.cpp - Values and folds of expressions ---------------===//
#include "TensorExpr.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

static bool compareFloats(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return !unordered && a == b;
  case P::OGT:
    return !unordered && a > b;
  case P::OGE:
    return !unordered && a >= b;
  case P::OLT:
    return !unordered && a < b;
  case P::OLE:
    return !unordered && a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return unordered || a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

static bool compareIntegers(arith::CmpIPredicate predicate, int64_t a, int64_t b) {
  using P = arith::CmpIPredicate;
  auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  return false;
}

namespace {
/// A constant while it is computed with.
struct Number {
  double number;
  int64_t integer;
};
} // namespace

static std::optional<double> applyFloat(Fn fn, double a, double b) {
  switch (fn) {
  case Fn::Add:
    return a + b;
  case Fn::Sub:
    return a - b;
  case Fn::Mul:
    return a * b;
  case Fn::Div:
    return a / b;
  case Fn::Max:
    return std::fmax(a, b);
  case Fn::Min:
    return std::fmin(a, b);
  case Fn::Exp:
    return std::exp(a);
  case Fn::Log:
    return std::log(a);
  case Fn::Sqrt:
    return std::sqrt(a);
  case Fn::Rsqrt:
    return 1.0 / std::sqrt(a);
  case Fn::Abs:
    return std::fabs(a);
  case Fn::Tanh:
    return std::tanh(a);
  case Fn::Pow:
    return std::pow(a, b);
  default:
    return std::nullopt;
  }
}

static std::optional<int64_t> applyInteger(Fn fn, int64_t a, int64_t b) {
  int64_t result;
  switch (fn) {
  case Fn::Add:
    return llvm::AddOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case Fn::Sub:
    return llvm::SubOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case Fn::Mul:
    return llvm::MulOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case Fn::FloorDiv:
    return a < 0 || b <= 0 ? std::nullopt : std::optional(a / b);
  case Fn::Mod:
    return a < 0 || b <= 0 ? std::nullopt : std::optional(a % b);
  case Fn::Max:
    return std::max(a, b);
  case Fn::Min:
    return std::min(a, b);
  case Fn::And:
    return a & b;
  case Fn::Or:
    return a | b;
  case Fn::Xor:
    return a ^ b;
  default:
    return std::nullopt;
  }
}

/// Applies a function to numbers; the domain is that of the first argument.
static std::optional<Number> apply(Fn fn, Domain domain, ArrayRef<Number> args, int64_t predicate) {
  auto fromInteger = [](int64_t integer) { return Number{static_cast<double>(integer), integer}; };
  Number a = args[0], b = args.size() > 1 ? args[1] : args[0];
  if (fn == Fn::Select)
    return a.integer ? args[1] : args[2];
  if (fn == Fn::CmpF)
    return fromInteger(
        compareFloats(static_cast<arith::CmpFPredicate>(predicate), a.number, b.number));
  if (fn == Fn::CmpI)
    return fromInteger(
        compareIntegers(static_cast<arith::CmpIPredicate>(predicate), a.integer, b.integer));
  if (fn == Fn::ToFloat)
    return Number{static_cast<double>(a.integer), 0};
  if (domain == Domain::Float) {
    if (std::optional<double> number = applyFloat(fn, a.number, b.number))
      return Number{*number, 0};
    return std::nullopt;
  }
  if (std::optional<int64_t> integer = applyInteger(fn, a.integer, b.integer))
    return fromInteger(*integer);
  return std::nullopt;
}

static bool isConstant(ExprRef expr, double number) {
  return expr->isConstant() && expr->number == number;
}

DimSize mlir::dashkv::getSymbol(ExprRef scalar) {
  return isa<ShapedType>(scalar->source.getType())
             ? DimSize::ofDim(scalar->source, scalar->predicate)
             : DimSize::ofValue(scalar->source);
}

FailureOr<DimSize> mlir::dashkv::getAsSize(ExprRef expr) {
  if (expr->isConstant() && expr->domain == Domain::Integer)
    return DimSize::ofFixed(expr->integer);
  if (expr->kind == ExprKind::Scalar && expr->domain == Domain::Integer)
    return getSymbol(expr);
  if (!expr->is(Fn::Add) && !expr->is(Fn::Sub) && !expr->is(Fn::Mul) && !expr->is(Fn::FloorDiv))
    return failure();
  FailureOr<DimSize> left = getAsSize(expr->args[0]), right = getAsSize(expr->args[1]);
  if (failed(left) || failed(right))
    return failure();
  if (left->isStatic() && (expr->is(Fn::Add) || expr->is(Fn::Mul)))
    std::swap(left, right);
  if (!right->isStatic())
    return failure();
  switch (expr->fn) {
  case Fn::Add:
    return left->plus(right->fixed);
  case Fn::Sub:
    return left->plus(-right->fixed);
  case Fn::Mul:
    return left->times(right->fixed);
  default:
    return left->dividedBy(right->fixed);
  }
}

namespace {
/// Bounds of an integer. Half of the range of i64, so that sums do not overflow.
struct Bounds {
  static constexpr int64_t limit = int64_t(1) << 61;
  int64_t low = -limit, high = limit;
};
} // namespace

/// True for a value that says where in a tensor a slice lies, on every path.
static bool isOffset(Value value) {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    if (use.getOwner()->getParentRegion() != value.getParentRegion())
      return false;
    if (auto slice = dyn_cast<OffsetSizeAndStrideOpInterface>(use.getOwner()))
      return llvm::is_contained(slice.getOffsets(), use.get());
    return isa<arith::IndexCastOp>(use.getOwner()) && isOffset(use.getOwner()->getResult(0));
  });
}

static Bounds getBounds(ExprRef expr) {
  auto clamp = [](int64_t value) { return std::clamp(value, -Bounds::limit, Bounds::limit); };
  Bounds bounds;
  if (expr->isConstant() && expr->integer > -Bounds::limit && expr->integer < Bounds::limit)
    return {expr->integer, expr->integer};
  if (expr->kind == ExprKind::Index) {
    int64_t extent = getExtent(expr->indices[0].atoms);
    bounds.low = 0;
    if (!ShapedType::isDynamic(extent))
      bounds.high = extent - 1;
    return bounds;
  }
  // The size of a tensor, or where a step writes its keys.
  if (expr->kind == ExprKind::Scalar && (getSymbol(expr).dim >= 0 || isOffset(expr->source)))
    bounds.low = 0;
  if (expr->is(Fn::Mul) && getBounds(expr->args[0]).low >= 0 && getBounds(expr->args[1]).low >= 0)
    bounds.low = 0;
  if (!expr->is(Fn::Add) && !expr->is(Fn::Sub))
    return bounds;
  Bounds left = getBounds(expr->args[0]), right = getBounds(expr->args[1]);
  if (expr->is(Fn::Sub))
    right = {-right.high, -right.low};
  return {clamp(left.low + right.low), clamp(left.high + right.high)};
}

int64_t mlir::dashkv::getLowerBound(ExprRef integer) { return getBounds(integer).low; }

/// The result of a signed compare where the bounds decide it.
static std::optional<bool> compareBounds(arith::CmpIPredicate predicate, Bounds a, Bounds b) {
  using P = arith::CmpIPredicate;
  auto decide = [](bool always, bool never) {
    return always ? std::optional(true) : never ? std::optional(false) : std::nullopt;
  };
  switch (predicate) {
  case P::slt:
    return decide(a.high < b.low, a.low >= b.high);
  case P::sle:
    return decide(a.high <= b.low, a.low > b.high);
  case P::sgt:
    return decide(a.low > b.high, a.high <= b.low);
  case P::sge:
    return decide(a.low >= b.high, a.high < b.low);
  case P::eq:
    return decide(false, a.high < b.low || a.low > b.high);
  case P::ne:
    return decide(a.high < b.low || a.low > b.high, false);
  default:
    return std::nullopt;
  }
}

ExprRef ExprContext::foldConstants(Fn fn, ArrayRef<ExprRef> args, int64_t predicate) {
  if (fn == Fn::Other || args.empty())
    return nullptr;
  if (llvm::all_of(args, [](ExprRef arg) { return arg->isConstant(); })) {
    SmallVector<Number, 3> numbers;
    for (ExprRef arg : args)
      numbers.push_back({arg->number, arg->integer});
    std::optional<Number> value = apply(fn, args[0]->domain, numbers, predicate);
    if (!value)
      return nullptr;
    Domain domain = fn == Fn::Select ? args[1]->domain : args[0]->domain;
    if (isComparison(fn))
      return getInteger(value->integer, Domain::Boolean);
    if (fn == Fn::ToFloat || domain == Domain::Float)
      return getConstant(value->number);
    return getInteger(value->integer, domain);
  }
  // f(select(c, A, B), K) with constants is select(c, f(A, K), f(B, K)).
  if (args.size() > 2 || fn == Fn::Select)
    return nullptr;
  for (size_t i = 0; i < args.size(); ++i) {
    ExprRef select = args[i];
    if (!select->is(Fn::Select) || !select->args[1]->isConstant() || !select->args[2]->isConstant())
      continue;
    if (args.size() == 2 && !args[1 - i]->isConstant())
      continue;
    SmallVector<ExprRef, 2> arms[2];
    for (int arm : {0, 1}) {
      arms[arm].assign(args.begin(), args.end());
      arms[arm][i] = select->args[arm + 1];
    }
    return get(Fn::Select,
               {select->args[0], get(fn, arms[0], predicate), get(fn, arms[1], predicate)});
  }
  return nullptr;
}

ExprRef ExprContext::foldIdentities(Fn fn, ArrayRef<ExprRef> args, int64_t predicate) {
  ExprRef a = args.empty() ? nullptr : args[0], b = args.size() > 1 ? args[1] : nullptr;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (fn) {
  case Fn::Add:
    if (isConstant(b, 0))
      return a;
    if (isConstant(a, 0))
      return b;
    return nullptr;
  case Fn::Sub:
    return isConstant(b, 0) ? a : nullptr;
  case Fn::Mul:
    if (b->isConstant() && !a->isConstant())
      return get(Fn::Mul, {b, a});
    if (isConstant(a, 1))
      return b;
    if (a->isConstant() && b->is(Fn::Mul) && b->args[0]->isConstant())
      return get(Fn::Mul, {get(Fn::Mul, {a, b->args[0]}), b->args[1]});
    // x * (c / y) is (c * x) / y.
    for (auto [factor, quotient] : {std::pair(a, b), std::pair(b, a)})
      if (quotient->is(Fn::Div) && quotient->args[0]->isConstant() && !factor->isConstant())
        return get(Fn::Div, {get(Fn::Mul, {quotient->args[0], factor}), quotient->args[1]});
    return nullptr;
  case Fn::Div:
    if (a->domain == Domain::Float && b->isConstant() && b->number != 0 && std::isfinite(b->number))
      return get(Fn::Mul, {getConstant(1.0 / b->number), a});
    return nullptr;
  case Fn::FloorDiv:
    return isConstant(b, 1) ? a : nullptr;
  case Fn::Max:
    if (a->domain != Domain::Float)
      return nullptr;
    if (isConstant(b, -infinity))
      return a;
    return isConstant(a, -infinity) ? b : nullptr;
  case Fn::ToFloat:
    if (a->domain == Domain::Boolean)
      return get(Fn::Select, {a, getConstant(1), getConstant(0)});
    return nullptr;
  case Fn::Select: {
    ExprRef c = args[2];
    if (a->isConstant())
      return a->integer ? b : c;
    if (b == c)
      return b;
    if (b->domain == Domain::Boolean && b->isConstant() && c->isConstant())
      return b->integer == c->integer ? b : b->integer ? a : getNot(a);
    if (a->is(Fn::Xor) && isConstant(a->args[1], 1))
      return get(Fn::Select, {a->args[0], c, b});
    // select(x > y, x, y) is a maximum.
    if (a->is(Fn::CmpF) &&
        ((a->args[0] == b && a->args[1] == c) || (a->args[0] == c && a->args[1] == b))) {
      using P = arith::CmpFPredicate;
      auto p = static_cast<P>(a->predicate);
      bool greater = p == P::OGT || p == P::OGE || p == P::UGT || p == P::UGE;
      bool less = p == P::OLT || p == P::OLE || p == P::ULT || p == P::ULE;
      if (greater || less)
        return get((a->args[0] == b) == greater ? Fn::Max : Fn::Min, {b, c});
    }
    return nullptr;
  }
  case Fn::CmpI: {
    using P = arith::CmpIPredicate;
    auto p = static_cast<P>(predicate);
    if (std::optional<bool> known = compareBounds(p, getBounds(a), getBounds(b)))
      return getInteger(*known, Domain::Boolean);
    if (a->domain == Domain::Boolean && b->isConstant() && (p == P::eq || p == P::ne) &&
        (b->integer == 0 || b->integer == 1 || b->integer == -1))
      return (p == P::eq) == (b->integer != 0) ? a : getNot(a);
    return nullptr;
  }
  case Fn::And:
  case Fn::Or:
    for (auto [constant, rest] : {std::pair(a, b), std::pair(b, a)})
      if (constant->isConstant())
        return (constant->integer != 0) == (fn == Fn::And) ? rest : constant;
    return nullptr;
  case Fn::Xor:
    if (a->isConstant() && !b->isConstant())
      return get(Fn::Xor, {b, a});
    if (isConstant(b, 0))
      return a;
    if (b->isConstant() && a->is(Fn::Xor) && a->args[1]->isConstant())
      return get(Fn::Xor, {a->args[0], get(Fn::Xor, {a->args[1], b})});
    return nullptr;
  default:
    return nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Linear forms and values
//===----------------------------------------------------------------------===//

void LinearForm::add(const LinearForm &other, int64_t factor) {
  constant += other.constant * factor;
  for (auto [atom, coefficient] : other.atoms) {
    auto it = llvm::find_if(atoms, [&, a = atom](auto &entry) { return entry.first == a; });
    if (it == atoms.end())
      atoms.push_back({atom, coefficient * factor});
    else
      it->second += coefficient * factor;
  }
  for (auto [symbol, coefficient] : other.symbols)
    symbols.push_back({symbol, coefficient * factor});
  llvm::erase_if(atoms, [](auto &entry) { return entry.second == 0; });
}

int64_t LinearForm::getCoefficient(Atom *atom) const {
  for (auto [known, coefficient] : atoms)
    if (known == atom)
      return coefficient;
  return 0;
}

FailureOr<LinearForm> mlir::dashkv::getLinearForm(ExprContext &context, ExprRef expr) {
  LinearForm form;
  expr = context.strip(expr);
  if (expr->domain == Domain::Float)
    return failure();
  switch (expr->kind) {
  case ExprKind::Constant:
    form.constant = expr->integer;
    return form;
  case ExprKind::Index: {
    int64_t stride = 1;
    AtomList resolved = AtomPool::resolve(expr->indices[0].atoms);
    for (Atom *atom : llvm::reverse(resolved)) {
      if (ShapedType::isDynamic(stride))
        return failure();
      form.atoms.push_back({atom, stride});
      stride = ShapedType::isDynamic(atom->extent) ? ShapedType::kDynamic : stride * atom->extent;
    }
    return form;
  }
  case ExprKind::Scalar:
  case ExprKind::Load:
    form.symbols.push_back({expr, 1});
    return form;
  case ExprKind::Apply:
    break;
  default:
    return failure();
  }
  if (expr->fn == Fn::Add || expr->fn == Fn::Sub) {
    FailureOr<LinearForm> left = getLinearForm(context, expr->args[0]);
    FailureOr<LinearForm> right = getLinearForm(context, expr->args[1]);
    if (failed(left) || failed(right))
      return failure();
    left->add(*right, expr->fn == Fn::Add ? 1 : -1);
    return left;
  }
  if (expr->fn == Fn::Mul) {
    FailureOr<LinearForm> left = getLinearForm(context, expr->args[0]);
    FailureOr<LinearForm> right = getLinearForm(context, expr->args[1]);
    if (failed(left) || failed(right))
      return failure();
    if (!right->atoms.empty() || !right->symbols.empty())
      std::swap(left, right);
    if (!right->atoms.empty() || !right->symbols.empty())
      return failure();
    form.add(*left, right->constant);
    return form;
  }
  return failure();
}

/// The element of a constant tensor at a flat position.
static std::optional<Number> getElement(Attribute attribute, int64_t position) {
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    if (position < 0 || position >= dense.getNumElements())
      return std::nullopt;
    if (isa<FloatType>(dense.getElementType())) {
      APFloat value = *(dense.value_begin<APFloat>() + position);
      bool losesInfo;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
      return Number{value.convertToDouble(), 0};
    }
    if (dense.getElementType().isIntOrIndex()) {
      APInt value = *(dense.value_begin<APInt>() + position);
      if (value.getBitWidth() > 64)
        return std::nullopt;
      int64_t integer = value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue();
      return Number{static_cast<double>(integer), integer};
    }
    return std::nullopt;
  }
  // Buffers of an export are resources: raw little-endian elements.
  auto resource = dyn_cast<DenseResourceElementsAttr>(attribute);
  if (!resource)
    return std::nullopt;
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  if (!blob)
    return std::nullopt;
  ArrayRef<char> data = blob->getData();
  auto read = [&](auto zero) -> std::optional<decltype(zero)> {
    if (position < 0 || (position + 1) * sizeof(zero) > data.size())
      return std::nullopt;
    memcpy(&zero, data.data() + position * sizeof(zero), sizeof(zero));
    return zero;
  };
  Type type = resource.getElementType();
  auto fromInteger = [](auto value) -> std::optional<Number> {
    if (!value)
      return std::nullopt;
    return Number{static_cast<double>(*value), static_cast<int64_t>(*value)};
  };
  if (type.isF32()) {
    if (std::optional<float> value = read(float()))
      return Number{*value, 0};
  } else if (type.isF64()) {
    if (std::optional<double> value = read(double()))
      return Number{*value, 0};
  } else if (type.isInteger(1) || type.isInteger(8)) {
    return fromInteger(read(int8_t()));
  } else if (type.isInteger(32)) {
    return fromInteger(read(int32_t()));
  } else if (type.isInteger(64)) {
    return fromInteger(read(int64_t()));
  }
  return std::nullopt;
}

static std::optional<Number> evaluate(ExprRef expr, const DenseMap<Atom *, int64_t> &values) {
  auto getIndexValue = [&](ArrayRef<Atom *> index) -> std::optional<int64_t> {
    int64_t value = 0;
    for (Atom *atom : AtomPool::resolve(index)) {
      auto it = values.find(atom);
      if (it == values.end() || ShapedType::isDynamic(atom->extent))
        return std::nullopt;
      value = value * atom->extent + it->second;
    }
    return value;
  };
  switch (expr->kind) {
  case ExprKind::Constant:
    return Number{expr->number, expr->integer};
  case ExprKind::Index:
    if (std::optional<int64_t> value = getIndexValue(expr->indices[0].atoms))
      return Number{static_cast<double>(*value), *value};
    return std::nullopt;
  case ExprKind::Load: {
    auto constant = expr->source.getDefiningOp<arith::ConstantOp>();
    auto type = dyn_cast<RankedTensorType>(expr->source.getType());
    if (!constant || !type || !type.hasStaticShape())
      return std::nullopt;
    int64_t position = 0;
    for (auto [index, size] : llvm::zip(expr->indices, type.getShape())) {
      std::optional<int64_t> value;
      if (!index.other)
        value = getIndexValue(index.atoms);
      else if (std::optional<Number> number = evaluate(index.other, values))
        value = number->integer;
      if (!value || *value < 0 || *value >= size)
        return std::nullopt;
      position = position * size + *value;
    }
    return getElement(constant.getValue(), position);
  }
  case ExprKind::Apply: {
    if (expr->fn == Fn::Other)
      return std::nullopt;
    SmallVector<Number, 3> args;
    for (ExprRef arg : expr->args) {
      std::optional<Number> value = evaluate(arg, values);
      if (!value)
        return std::nullopt;
      args.push_back(*value);
    }
    return apply(expr->fn, expr->args[0]->domain, args, expr->predicate);
  }
  default:
    return std::nullopt;
  }
}

std::optional<double> mlir::dashkv::evaluateAt(ExprRef expr,
                                               const DenseMap<Atom *, int64_t> &values) {
  if (std::optional<Number> value = evaluate(expr, values))
    return expr->domain == Domain::Float ? value->number : static_cast<double>(value->integer);
  return std::nullopt;
}
