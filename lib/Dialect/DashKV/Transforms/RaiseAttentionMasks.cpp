//===- RaiseAttentionMasks.cpp - What masks hide --------------------------===//
//
// A compare of the key index with the row index is `causal` if it is aligned at
// the last key; with a number of keys it is `lengths`; everything else stays a
// mask operand. A row that may lose all its keys is raised only where the graph
// agrees with dashkv.attention on its value.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dashkv;

/// Masks of up to this many elements are evaluated when they are constant.
static constexpr int64_t maxTableSize = 1 << 18;

/// A condition of a conjunction under which a key is visible.
struct AttentionMatcher::Piece {
  ExprRef condition;
  bool isVisibleIf;
  enum Kind { Unknown, Always, Causal, CausalLengths, Lengths, TopLeft } kind = Unknown;
  /// Causal, TopLeft: the row index. Lengths: the number of keys.
  AtomList rows;
  ExprRef lengths = nullptr;
};

void AttentionMatcher::splitVisibility(ExprRef condition, bool isVisibleIf,
                                       SmallVectorImpl<Piece> &pieces) {
  if (condition->is(Fn::Xor) && condition->args[1]->isConstant())
    return splitVisibility(condition->args[0], isVisibleIf != (condition->args[1]->integer != 0),
                           pieces);
  // Visible if a and b; hidden if a or b.
  if (condition->is(isVisibleIf ? Fn::And : Fn::Or)) {
    splitVisibility(condition->args[0], isVisibleIf, pieces);
    splitVisibility(condition->args[1], isVisibleIf, pieces);
    return;
  }
  Piece piece;
  piece.condition = condition;
  piece.isVisibleIf = isVisibleIf;
  pieces.push_back(piece);
}

/// The coefficients of `atoms` as those of one index, most significant first:
/// the common factor, or nothing.
static std::optional<int64_t> getIndexFactor(const LinearForm &form, ArrayRef<Atom *> atoms) {
  std::optional<int64_t> factor;
  int64_t stride = 1;
  AtomList resolved = AtomPool::resolve(atoms);
  for (Atom *atom : llvm::reverse(resolved)) {
    int64_t coefficient = form.getCoefficient(atom);
    if (ShapedType::isDynamic(stride) || coefficient % stride != 0)
      return std::nullopt;
    if (factor && *factor != coefficient / stride)
      return std::nullopt;
    factor = coefficient / stride;
    stride = ShapedType::isDynamic(atom->extent) ? ShapedType::kDynamic : stride * atom->extent;
  }
  return factor;
}

/// Adds `sign` times the size of an index to a form; false if it is not known.
static bool addSize(LinearForm &form, ArrayRef<Atom *> index, int64_t sign) {
  int64_t extent = getExtent(index);
  if (!ShapedType::isDynamic(extent)) {
    form.constant += sign * extent;
    return true;
  }
  AtomList atoms = AtomPool::resolve(index);
  if (atoms.size() != 1)
    return false;
  // Cancel a symbol that the size is known to be, up to a number.
  for (auto &[symbol, coefficient] : form.symbols) {
    if (symbol->kind != ExprKind::Scalar)
      continue;
    DimSize term = getSymbol(symbol).times(coefficient);
    for (const DimSize &size : atoms[0]->sizes)
      if (size.hasSameBase(term) && term.factor == -sign * size.factor) {
        form.constant += term.offset + sign * size.offset;
        coefficient = 0;
        return true;
      }
  }
  return false;
}

static bool isZero(const LinearForm &form) {
  return form.constant == 0 && form.atoms.empty() &&
         llvm::all_of(form.symbols, [](auto &entry) { return entry.second == 0; });
}

/// True when keys n <= m + offset are those of the bottom-right alignment.
bool AttentionMatcher::isBottomRight(const LinearForm &offset, ArrayRef<Atom *> rows) {
  LinearForm rest = offset;
  // The sizes of two dynamic dims may be one value and cancel each other.
  AtomList keyAtoms = AtomPool::resolve(attention.keys), rowAtoms = AtomPool::resolve(rows);
  if (keyAtoms.size() == 1 && rowAtoms.size() == 1 && ShapedType::isDynamic(keyAtoms[0]->extent) &&
      ShapedType::isDynamic(rowAtoms[0]->extent) && isZero(rest))
    return llvm::any_of(keyAtoms[0]->sizes, [&](const DimSize &key) {
      return llvm::any_of(rowAtoms[0]->sizes, [&](const DimSize &row) { return row.equals(key); });
    });
  return addSize(rest, attention.keys, -1) && addSize(rest, rows, 1) && isZero(rest);
}

bool AttentionMatcher::classifyPiece(Piece &piece) {
  ExprRef condition = piece.condition;
  if (condition->isConstant()) {
    piece.kind = (condition->integer != 0) == piece.isVisibleIf ? Piece::Always : Piece::Unknown;
    return piece.kind != Piece::Unknown;
  }
  if (!condition->is(Fn::CmpI))
    return false;
  FailureOr<LinearForm> left = getLinearForm(context, condition->args[0]);
  FailureOr<LinearForm> right = getLinearForm(context, condition->args[1]);
  if (failed(left) || failed(right))
    return false;
  // Visible iff form <= 0.
  using P = arith::CmpIPredicate;
  LinearForm form = *left;
  form.add(*right, -1);
  auto negate = [&] {
    LinearForm negated;
    negated.add(form, -1);
    form = negated;
  };
  switch (static_cast<P>(condition->predicate)) {
  case P::slt:
  case P::ult:
    form.constant += 1;
    break;
  case P::sle:
  case P::ule:
    break;
  case P::sgt:
  case P::ugt:
    negate();
    form.constant += 1;
    break;
  case P::sge:
  case P::uge:
    negate();
    break;
  default:
    return false;
  }
  if (!piece.isVisibleIf) { // not (form <= 0) is 1 - form <= 0.
    negate();
    form.constant += 1;
  }

  // n <= offset, or n <= m + offset.
  if (getIndexFactor(form, attention.keys) != 1)
    return false;
  AtomList keys = AtomPool::resolve(attention.keys);
  llvm::erase_if(form.atoms, [&](auto &entry) { return llvm::is_contained(keys, entry.first); });
  llvm::sort(form.atoms, [](auto &a, auto &b) { return a.second < b.second; });
  for (auto [atom, coefficient] : form.atoms)
    piece.rows.push_back(atom);
  if (!piece.rows.empty() && getIndexFactor(form, piece.rows) != -1)
    return false;
  LinearForm offset;
  form.atoms.clear();
  offset.add(form, -1);

  auto getValue = [&](const LinearForm &form) {
    ExprRef value = nullptr;
    for (auto [symbol, coefficient] : form.symbols) {
      if (coefficient == 0)
        continue;
      ExprRef term = coefficient == 1
                         ? symbol
                         : context.get(Fn::Mul, {context.getInteger(coefficient), symbol});
      value = value ? context.get(Fn::Add, {value, term}) : term;
    }
    ExprRef constant = context.getInteger(form.constant);
    return value ? context.get(Fn::Add, {value, constant}) : constant;
  };
  if (piece.rows.empty()) {
    LinearForm length = offset, past = offset;
    length.constant += 1;
    past.constant += 1;
    int64_t numKeys = getExtent(attention.keys);
    bool isConstant = length.symbols.empty();
    if ((addSize(past, attention.keys, -1) && isZero(past)) ||
        (isConstant && !ShapedType::isDynamic(numKeys) && length.constant >= numKeys)) {
      piece.kind = Piece::Always;
      return true;
    }
    if (isConstant && length.constant < 1)
      return false;
    piece.kind = Piece::Lengths;
    piece.lengths = getValue(length);
    return true;
  }
  if (isBottomRight(offset, piece.rows)) {
    piece.kind = Piece::Causal;
    return true;
  }
  if (offset.symbols.empty()) {
    piece.kind = offset.constant >= 0 ? Piece::TopLeft : Piece::Unknown;
    return offset.constant >= 0;
  }
  int64_t numRows = getExtent(piece.rows);
  if (ShapedType::isDynamic(numRows))
    return false;
  offset.constant += numRows;
  piece.kind = Piece::CausalLengths;
  piece.lengths = getValue(offset);
  return true;
}

//===----------------------------------------------------------------------===//
// Masks that are constant
//===----------------------------------------------------------------------===//

/// Calls `visit(row values..., key position, value)` for all elements of a
/// constant expression; false if it is not one, or is too large.
static bool forEachElement(ExprRef expr, ArrayRef<Atom *> rows, ArrayRef<Atom *> keys,
                           function_ref<void(int64_t, int64_t, double)> visit) {
  AtomList rowAtoms = AtomPool::resolve(rows), keyAtoms = AtomPool::resolve(keys);
  int64_t numRows = getExtent(rows), numKeys = getExtent(keys);
  if (ShapedType::isDynamic(numRows) || ShapedType::isDynamic(numKeys) || numRows <= 0 ||
      numKeys <= 0 || numRows > maxTableSize / numKeys)
    return false;
  DenseMap<Atom *, int64_t> values;
  auto assign = [&](ArrayRef<Atom *> atoms, int64_t position) {
    for (Atom *atom : llvm::reverse(atoms)) {
      values[atom] = position % atom->extent;
      position /= atom->extent;
    }
  };
  for (int64_t row = 0; row < numRows; ++row)
    for (int64_t key = 0; key < numKeys; ++key) {
      assign(rowAtoms, row);
      assign(keyAtoms, key);
      std::optional<double> value = evaluateAt(expr, values);
      if (!value)
        return false;
      visit(row, key, *value);
    }
  return true;
}

static bool isHidden(const MaskTerm &mask, double value) {
  return mask.isSelect ? (value != 0) != mask.isVisibleIf : value * mask.factor <= -1e4;
}

/// Whether the masks together hide all keys of some row; nothing if unknown.
std::optional<bool> AttentionMatcher::hasEmptyRow(ArrayRef<MaskTerm> masks) {
  AtomList rows;
  SmallVector<ExprRef> exprs;
  AtomList keys = AtomPool::resolve(attention.keys);
  for (const MaskTerm &mask : masks) {
    exprs.push_back(context.expandAll(mask.expr));
    for (Atom *atom : context.getFreeAtoms(exprs.back()))
      if (!llvm::is_contained(keys, atom) && !llvm::is_contained(rows, atom))
        rows.push_back(atom);
  }
  int64_t numRows = getExtent(rows), numKeys = getExtent(keys);
  if (ShapedType::isDynamic(numRows) || ShapedType::isDynamic(numKeys) || numRows <= 0 ||
      numKeys <= 0 || numRows > maxTableSize / numKeys)
    return std::nullopt;
  std::vector<bool> hidden(numRows * numKeys);
  for (size_t i = 0; i < masks.size(); ++i)
    if (!forEachElement(exprs[i], rows, keys, [&](int64_t row, int64_t key, double value) {
          if (isHidden(masks[i], value))
            hidden[row * numKeys + key] = true;
        }))
      return std::nullopt;
  for (int64_t row = 0; row < numRows; ++row)
    if (std::all_of(hidden.begin() + row * numKeys, hidden.begin() + (row + 1) * numKeys,
                    [](bool isHidden) { return isHidden; }))
      return true;
  return false;
}

/// True for a constant table that hides exactly what the bottom-right alignment
/// hides, and adds nothing elsewhere.
bool AttentionMatcher::isBottomRightTable(const MaskTerm &mask) {
  if (!mask.rowFactors.empty())
    return false;
  ExprRef expr = context.expandAll(mask.expr);
  AtomList keys = AtomPool::resolve(attention.keys), rows;
  // Row atoms in the order in which the scores have them.
  AtomList free = context.getFreeAtoms(expr);
  for (const DimIndex &index : attention.scoreIndex)
    for (Atom *atom : AtomPool::resolve(index.atoms))
      if (llvm::is_contained(free, atom) && !llvm::is_contained(keys, atom))
        rows.push_back(atom);
  int64_t numRows = getExtent(rows), numKeys = getExtent(keys);
  if (rows.empty())
    return false;
  bool isTable = true;
  bool isConstant = forEachElement(expr, rows, keys, [&](int64_t row, int64_t key, double value) {
    bool hidden = isHidden(mask, value);
    isTable &= hidden == (key > row + numKeys - numRows);
    isTable &= hidden || mask.isSelect || value == 0;
  });
  if (!isConstant || !isTable || numRows > numKeys)
    return false;
  attention.causalRows = rows;
  return true;
}

//===----------------------------------------------------------------------===//
// All masks of a match
//===----------------------------------------------------------------------===//

/// True when the value is certainly no infinity.
static bool isFinite(ExprRef expr) {
  switch (expr->kind) {
  case ExprKind::Constant:
    return std::isfinite(expr->number);
  case ExprKind::Load: {
    auto constant = expr->source.getDefiningOp<arith::ConstantOp>();
    if (!constant || cast<ShapedType>(constant.getType()).getNumElements() > maxTableSize)
      return false;
    if (auto resource = dyn_cast<DenseF32ResourceElementsAttr>(constant.getValue())) {
      std::optional<ArrayRef<float>> values = resource.tryGetAsArrayRef();
      return values && llvm::all_of(*values, [](float value) { return std::isfinite(value); });
    }
    auto elements = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    return elements &&
           llvm::all_of(elements, [](const APFloat &value) { return value.isFinite(); });
  }
  case ExprKind::Apply:
    break;
  default:
    return false;
  }
  switch (expr->fn) {
  case Fn::ToFloat:
    return true;
  case Fn::Select:
    return isFinite(expr->args[1]) && isFinite(expr->args[2]);
  case Fn::Add:
  case Fn::Sub:
  case Fn::Mul:
  case Fn::Max:
  case Fn::Min:
    return isFinite(expr->args[0]) && isFinite(expr->args[1]);
  default:
    return false;
  }
}

/// True when the expression itself, and no tensor it reads, uses loop indices.
static bool usesIndex(ExprRef expr) {
  if (expr->kind == ExprKind::Index)
    return true;
  return expr->kind == ExprKind::Apply &&
         llvm::any_of(expr->args, [](ExprRef arg) { return usesIndex(arg); });
}

bool AttentionMatcher::analyseMasks() {
  bool mayBeNaN = false, mayBeMean = false;
  SmallVector<MaskTerm> hiding; // Masks that can hide keys.
  bool isEachNonempty = true;

  for (const MaskTerm &mask : attention.masks) {
    ExprRef expanded = context.expandAll(mask.expr);
    // An additive select(c, 0, low) is a select of the score, up to rows that are
    // fully hidden.
    MaskTerm view = mask;
    view.expr = expanded;
    if (!mask.isSelect && mask.rowFactors.empty() && expanded->is(Fn::Select) &&
        expanded->args[1]->isConstant() && expanded->args[2]->isConstant()) {
      double first = expanded->args[1]->number * mask.factor;
      double second = expanded->args[2]->number * mask.factor;
      if (std::max(first, second) >= 1e4)
        return fail("score-modifier", "a mask raises scores beyond all others");
      if ((first == 0 && second <= -1e4) || (second == 0 && first <= -1e4)) {
        view.isSelect = true;
        view.expr = expanded->args[0];
        view.isVisibleIf = first == 0;
        view.hidden = std::min(first, second);
      }
    }

    SmallVector<Piece> pieces;
    if (view.isSelect)
      splitVisibility(view.expr, view.isVisibleIf, pieces);
    bool isKnown = view.isSelect;
    for (Piece &piece : pieces)
      isKnown &= classifyPiece(piece) && piece.kind != Piece::TopLeft;
    bool isInfinite = view.isSelect && std::isinf(view.hidden);
    bool isAdditive = !mask.isSelect;

    // All of the mask, or nothing of it, becomes an attribute or `lengths`.
    auto isAbsorbed = [&]() {
      if (!isKnown)
        return false;
      for (Piece &piece : pieces) {
        if (piece.kind == Piece::Always)
          continue;
        bool hasLengths = piece.lengths != nullptr;
        llvm::SmallPtrSet<Atom *, 1> none;
        if (hasLengths && attention.lengths &&
            !context.equal(attention.lengths, piece.lengths, none))
          return false;
        if (!piece.rows.empty() && !attention.causalRows.empty() &&
            AtomPool::resolve(piece.rows) != AtomPool::resolve(attention.causalRows))
          return false;
        // `causal` is aligned at `lengths` where there is one.
        if (piece.kind == Piece::Causal && attention.lengths)
          return false;
        if (hasLengths && attention.causal && !attention.lengths)
          return false;
        bool isOneOrMore = piece.kind == Piece::Causal ||
                           (hasLengths && getLowerBound(piece.lengths) >= getExtent(piece.rows));
        // An additive finite mask is exact as it is, also in an empty row.
        if (!isOneOrMore && isAdditive && !isInfinite && !options.assumeNonemptyRows)
          return false;
        if (hasLengths)
          attention.lengths = piece.lengths;
        if (piece.kind != Piece::Lengths) {
          attention.causal = true;
          attention.causalRows = piece.rows;
        }
        if (!isOneOrMore)
          (isInfinite ? mayBeNaN : mayBeMean) = true;
        if (hasLengths && piece.lengths->isConstant() && piece.lengths->integer == 1 &&
            usesIndex(view.expr))
          attention.topLeftDecode = true;
      }
      return true;
    };
    AttentionMatch before = attention;
    if (isAbsorbed()) {
      if (llvm::any_of(pieces, [](Piece &piece) { return piece.kind != Piece::Always; }))
        hiding.push_back(view);
      continue;
    }
    attention = before;
    if (!attention.causal && !attention.lengths && isBottomRightTable(view)) {
      attention.causal = true;
      hiding.push_back(view);
      continue;
    }
    if (usesIndex(mask.expr) && !options.materializeIndexMasks)
      return fail("index-bias", "an expression of loop indices that is neither causal nor a length "
                                "is part of the score");

    // What stays an operand: additive ones as they are, selects as 0 and -inf.
    attention.maskOperands.push_back(mask);
    // Part of the scores may be another contraction: of a rotary half, as in
    // latent attention. Like the first one it hides nothing.
    if (!view.isSelect && (isFinite(expanded) || isDot(context.strip(mask.expr))))
      continue;
    hiding.push_back(view);
    bool isTopLeft = pieces.size() == 1 && pieces[0].kind == Piece::TopLeft;
    if (isAdditive && !isInfinite && view.isSelect)
      continue; // Finite and passed on unchanged.
    std::optional<bool> isEmpty = hasEmptyRow(view);
    if (isTopLeft || isEmpty == false)
      continue;
    isEachNonempty = false;
    (mask.isSelect && !isInfinite ? mayBeMean : mayBeNaN) = true;
  }

  // Masks that leave a key each may hide all keys together.
  if (isEachNonempty && hiding.size() > 1 && hasEmptyRow(hiding) != false)
    (llvm::all_of(hiding, [](const MaskTerm &mask) { return std::isinf(mask.hidden); })
         ? mayBeNaN
         : mayBeMean) = true;
  bool isDifferent = mayBeMean || (mayBeNaN && !attention.emptyRowIsZero) ||
                     (attention.emptyRowIsMean && !hiding.empty() && (mayBeNaN || mayBeMean));
  if (isDifferent && !options.assumeNonemptyRows)
    return fail("empty-row",
                "a row may be fully masked, and the graph does not give 0 there; if that "
                "never happens, say assume-nonempty-rows");
  return true;
}
