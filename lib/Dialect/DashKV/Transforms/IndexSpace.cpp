//===- IndexSpace.cpp - Loop dims that split through reshapes -------------===//
#include "IndexSpace.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// DimSize
//===----------------------------------------------------------------------===//

DimSize DimSize::ofFixed(int64_t size) {
  DimSize result;
  result.fixed = size;
  return result;
}

static DimSize ofFoldResult(OpFoldResult size) {
  if (std::optional<int64_t> fixed = getConstantIntValue(size))
    return DimSize::ofFixed(*fixed);
  return DimSize::ofValue(cast<Value>(size));
}

/// True for sizes and what is computed from them without subtraction.
static bool isNonNegative(Value integer, unsigned depth = 0) {
  Operation *op = integer.getDefiningOp();
  APInt constant;
  if (!op || depth > 8)
    return false;
  if (matchPattern(integer, m_ConstantInt(&constant)))
    return !constant.isNegative();
  if (isa<tensor::DimOp>(op))
    return true;
  if (!isa<arith::MulIOp, arith::AddIOp, arith::IndexCastOp, arith::ExtSIOp>(op))
    return false;
  return llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isNonNegative(operand, depth + 1); });
}

/// What a select on the sign of a size selects: exports check sizes that stand for
/// "to be inferred" when negative.
static Value getSelectedSize(arith::SelectOp select) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
  if (!compare || !matchPattern(compare.getRhs(), m_Zero()) || !isNonNegative(compare.getLhs()))
    return nullptr;
  if (compare.getPredicate() == arith::CmpIPredicate::slt)
    return select.getFalseValue();
  return compare.getPredicate() == arith::CmpIPredicate::sge ? select.getTrueValue() : nullptr;
}

DimSize DimSize::plus(int64_t number) const {
  DimSize result = *this;
  (isStatic() ? result.fixed : result.offset) += number;
  return result;
}

DimSize DimSize::times(int64_t number) const {
  DimSize result = *this;
  if (isStatic()) {
    result.fixed *= number;
    return result;
  }
  result.factor *= number;
  result.offset *= number;
  return result;
}

FailureOr<DimSize> DimSize::dividedBy(int64_t number) const {
  DimSize result = *this;
  if (number <= 0)
    return failure();
  if (isStatic()) {
    if (fixed % number != 0)
      return failure();
    result.fixed /= number;
    return result;
  }
  if (factor % number != 0 || offset % number != 0)
    return failure();
  result.factor /= number;
  result.offset /= number;
  return result;
}

/// The size that an affine expression of one size is, if that has the form.
static FailureOr<DimSize> applyToSize(AffineExpr expr, function_ref<DimSize(unsigned)> getOperand,
                                      unsigned numDims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return getOperand(dim.getPosition());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return getOperand(numDims + symbol.getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return DimSize::ofFixed(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  FailureOr<DimSize> left = applyToSize(binary.getLHS(), getOperand, numDims);
  FailureOr<DimSize> right = applyToSize(binary.getRHS(), getOperand, numDims);
  if (failed(left) || failed(right))
    return failure();
  if (left->isStatic() && !right->isStatic())
    std::swap(left, right);
  if (!right->isStatic())
    return failure();
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left->plus(right->fixed);
  case AffineExprKind::Mul:
    return left->times(right->fixed);
  case AffineExprKind::FloorDiv:
    // A swap would have turned the division around.
    if (isa<AffineConstantExpr>(binary.getRHS()))
      return left->dividedBy(right->fixed);
    return failure();
  default:
    return failure();
  }
}

/// The size behind one op of integer arithmetic, or failure for a base.
static FailureOr<DimSize> getSizeOfOp(Operation *op) {
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    Value selected = getSelectedSize(select);
    if (!selected)
      return failure();
    return DimSize::ofValue(selected);
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp>(op)) {
    if (!op->getOperand(0).getType().isIntOrIndex())
      return failure();
    return DimSize::ofValue(op->getOperand(0));
  }
  if (auto dimOp = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> dim = dimOp.getConstantIndex();
    if (!dim)
      return failure();
    return DimSize::ofDim(dimOp.getSource(), *dim);
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    return applyToSize(
        map.getResult(0), [&](unsigned i) { return DimSize::ofValue(apply.getMapOperands()[i]); },
        map.getNumDims());
  }
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::DivUIOp,
           arith::FloorDivSIOp>(op) ||
      !op->getResult(0).getType().isIntOrIndex())
    return failure();
  DimSize left = DimSize::ofValue(op->getOperand(0)), right = DimSize::ofValue(op->getOperand(1));
  if (left.isStatic() && isa<arith::AddIOp, arith::MulIOp>(op))
    std::swap(left, right);
  if (!right.isStatic())
    return failure();
  if (isa<arith::AddIOp>(op))
    return left.plus(right.fixed);
  if (isa<arith::SubIOp>(op))
    return left.plus(-right.fixed);
  if (isa<arith::MulIOp>(op))
    return left.times(right.fixed);
  return left.dividedBy(right.fixed);
}

DimSize DimSize::ofValue(Value integer) {
  APInt constant;
  if (matchPattern(integer, m_ConstantInt(&constant)) && constant.getSignificantBits() <= 64)
    return ofFixed(constant.getSExtValue());
  if (Operation *op = integer.getDefiningOp()) {
    FailureOr<DimSize> size = getSizeOfOp(op);
    if (succeeded(size))
      return *size;
  }
  DimSize result;
  result.value = integer;
  return result;
}

DimSize DimSize::ofDim(Value tensor, int64_t dim) {
  // Sizes come from far up only through chains of ops on the same data, so a
  // bound keeps this linear on adversarial IR.
  for (int steps = 0; steps < 256; ++steps) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    if (!type || dim < 0 || dim >= type.getRank())
      break;
    if (!type.isDynamicDim(dim))
      return ofFixed(type.getDimSize(dim));
    Operation *op = tensor.getDefiningOp();
    if (!op)
      break;
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return ofFoldResult(empty.getMixedSizes()[dim]);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return ofFoldResult(expand.getMixedOutputShape()[dim]);
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      std::optional<int64_t> single;
      bool isSingle = true;
      ReassociationIndices group = collapse.getReassociationIndices()[dim];
      for (int64_t source : group)
        if (collapse.getSrcType().getDimSize(source) != 1) {
          isSingle &= !single.has_value();
          single = source;
        }
      if (!single || !isSingle)
        break;
      tensor = collapse.getSrc();
      dim = *single;
      continue;
    }
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      llvm::SmallBitVector dropped = slice.getDroppedDims();
      int64_t position = -1;
      SmallVector<OpFoldResult> sizes = slice.getMixedSizes();
      for (auto [index, size] : llvm::enumerate(sizes))
        if (!dropped.test(index) && ++position == dim)
          return ofFoldResult(size);
      break;
    }
    if (auto reshape = dyn_cast<tensor::ReshapeOp>(op)) {
      auto shape = reshape.getShape().getDefiningOp<tensor::FromElementsOp>();
      if (!shape || dim >= static_cast<int64_t>(shape.getElements().size()))
        break;
      return DimSize::ofValue(shape.getElements()[dim]);
    }
    if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
      if (static_cast<int64_t>(concat.getDim()) != dim) {
        tensor = concat.getInputs().front();
        continue;
      }
      // The cache of dynamic length and the new rows.
      DimSize sum = ofFixed(0);
      bool isKnown = true;
      for (Value input : concat.getInputs()) {
        DimSize size = ofDim(input, dim);
        if (sum.isStatic())
          sum = size.plus(sum.fixed);
        else if (size.isStatic())
          sum = sum.plus(size.fixed);
        else
          isKnown = false;
      }
      if (!isKnown)
        break;
      return sum;
    }
    if (auto cast = dyn_cast<tensor::CastOp>(op)) {
      if (!isa<RankedTensorType>(cast.getSource().getType()))
        break;
      tensor = cast.getSource();
      continue;
    }
    if (auto dps = dyn_cast<DestinationStyleOpInterface>(op)) {
      unsigned result = cast<OpResult>(tensor).getResultNumber();
      if (!dps.hasPureTensorSemantics() || result >= static_cast<unsigned>(dps.getNumDpsInits()))
        break;
      tensor = dps.getDpsInits()[result];
      continue;
    }
    if (auto scatter = dyn_cast<tm_tensor::ScatterOp>(op)) {
      tensor = scatter.getOutputs()[0];
      continue;
    }
    if (auto attention = dyn_cast<tm_tensor::AttentionOp>(op)) {
      tensor = attention.getOutputs()[0];
      continue;
    }
    if (op->hasTrait<OpTrait::Elementwise>() && op->getNumOperands() > 0 &&
        op->getOperands().back().getType() == type) {
      tensor = op->getOperands().back();
      continue;
    }
    break;
  }
  DimSize result;
  result.value = tensor;
  result.dim = dim;
  return result;
}

bool DimSize::hasSameBase(const DimSize &other) const {
  return value && value == other.value && dim == other.dim;
}

bool DimSize::equals(const DimSize &other) const {
  if (isStatic() || other.isStatic())
    return fixed == other.fixed;
  return hasSameBase(other) && factor == other.factor && offset == other.offset;
}

Value DimSize::materialize(OpBuilder &builder, Location loc) const {
  if (isStatic())
    return arith::ConstantIndexOp::create(builder, loc, fixed);
  Value size = value;
  if (dim >= 0)
    size = tensor::DimOp::create(builder, loc, value, dim);
  else if (!value.getType().isIndex())
    size = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
  auto getConstant = [&](int64_t number) {
    return arith::ConstantIndexOp::create(builder, loc, number);
  };
  if (factor != 1)
    size = arith::MulIOp::create(builder, loc, size, getConstant(factor));
  if (offset != 0)
    size = arith::AddIOp::create(builder, loc, size, getConstant(offset));
  return size;
}

//===----------------------------------------------------------------------===//
// AtomPool
//===----------------------------------------------------------------------===//

Atom *AtomPool::create(int64_t extent, Atom *whole) {
  Atom &atom = atoms.emplace_back();
  atom.extent = extent;
  atom.loop = whole ? whole->loop : &atom;
  return &atom;
}

std::pair<Atom *, Atom *> AtomPool::divide(Atom *atom, int64_t high, int64_t low) {
  atom->parts = {create(high, atom), create(low, atom)};
  // 4 * B splits into B and 4.
  for (const DimSize &size : atom->sizes) {
    bool isLow = ShapedType::isDynamic(low);
    if (isLow == ShapedType::isDynamic(high))
      continue;
    FailureOr<DimSize> quotient = size.dividedBy(isLow ? high : low);
    if (succeeded(quotient))
      atom->parts[isLow]->sizes.push_back(*quotient);
  }
  return {atom->parts[0], atom->parts[1]};
}

AtomList AtomPool::createLoop(DimSize size) {
  if (size.fixed == 1)
    return {};
  Atom *atom = create(size.fixed);
  if (!size.isStatic())
    atom->sizes.push_back(size);
  return {atom};
}

AtomList AtomPool::resolve(ArrayRef<Atom *> index) {
  AtomList result;
  SmallVector<Atom *> pending(llvm::reverse(index));
  while (!pending.empty()) {
    Atom *atom = pending.pop_back_val();
    while (atom->alias)
      atom = atom->alias;
    if (atom->parts.empty())
      result.push_back(atom);
    else
      pending.append(atom->parts.rbegin(), atom->parts.rend());
  }
  return result;
}

bool AtomPool::peelLow(AtomList &atoms, int64_t size, AtomList &result) {
  while (size != 1) {
    if (atoms.empty() || size <= 0)
      return false;
    Atom *atom = atoms.pop_back_val();
    if (atom->extent == 0)
      return false;
    bool dynamic = ShapedType::isDynamic(atom->extent);
    if (!dynamic && atom->extent <= size) {
      if (size % atom->extent != 0)
        return false;
      result.insert(result.begin(), atom);
      size /= atom->extent;
      continue;
    }
    if (!dynamic && atom->extent % size != 0)
      return false;
    auto [high, low] = divide(atom, dynamic ? ShapedType::kDynamic : atom->extent / size, size);
    atoms.push_back(high);
    result.insert(result.begin(), low);
    size = 1;
  }
  return true;
}

bool AtomPool::peelHigh(AtomList &atoms, int64_t size, AtomList &result) {
  while (size != 1) {
    if (atoms.empty() || size <= 0)
      return false;
    Atom *atom = atoms.front();
    atoms.erase(atoms.begin());
    if (atom->extent == 0)
      return false;
    bool dynamic = ShapedType::isDynamic(atom->extent);
    if (!dynamic && atom->extent <= size) {
      if (size % atom->extent != 0)
        return false;
      result.push_back(atom);
      size /= atom->extent;
      continue;
    }
    if (!dynamic && atom->extent % size != 0)
      return false;
    auto [high, low] = divide(atom, size, dynamic ? ShapedType::kDynamic : atom->extent / size);
    atoms.insert(atoms.begin(), low);
    result.push_back(high);
    size = 1;
  }
  return true;
}

bool AtomPool::split(ArrayRef<Atom *> index, ArrayRef<DimSize> sizes,
                     SmallVectorImpl<AtomList> &result,
                     SmallVectorImpl<SizeAssumption> *assumptions) {
  AtomList rest = resolve(index);
  result.assign(sizes.size(), {});
  size_t low = sizes.size(), high = 0;
  auto isSingle = [&] {
    return llvm::count_if(sizes.slice(high, low - high),
                          [](const DimSize &size) { return size.fixed != 1; }) == 1;
  };
  auto takeAll = [&] {
    for (size_t i = high; i < low; ++i)
      if (sizes[i].fixed != 1)
        result[i] = rest;
    return true;
  };
  while (low > high) {
    if (isSingle())
      return takeAll();
    if (!sizes[low - 1].isStatic())
      break;
    if (!peelLow(rest, sizes[low - 1].fixed, result[low - 1]))
      return false;
    --low;
  }
  auto hasSize = [&](Atom *atom, const DimSize &size) {
    return llvm::any_of(atom->sizes, [&](const DimSize &s) { return s.equals(size); });
  };
  while (low > high) {
    if (isSingle())
      return takeAll();
    if (sizes[high].isStatic()) {
      if (!peelHigh(rest, sizes[high].fixed, result[high]))
        return false;
    } else {
      if (rest.empty() || !hasSize(rest.front(), sizes[high]))
        break;
      result[high] = {rest.front()};
      rest.erase(rest.begin());
    }
    ++high;
  }
  // Several dynamic dims: an atom that is known to have the size of the lowest.
  while (low > high) {
    if (isSingle())
      return takeAll();
    const DimSize &size = sizes[low - 1];
    if (size.isStatic()) {
      if (!peelLow(rest, size.fixed, result[low - 1]))
        return false;
      --low;
      continue;
    }
    if (rest.empty())
      return false;
    Atom *atom = rest.back();
    bool isKnown = hasSize(atom, size);
    if (!isKnown && rest.size() != 1 && assumptions && ShapedType::isDynamic(atom->extent) &&
        !atom->sizes.empty()) {
      assumptions->push_back({size, atom->sizes.front()});
      isKnown = true;
    }
    if (!isKnown && rest.size() != 1)
      return false;
    if (!isKnown) {
      auto [upper, lower] = divide(atom, ShapedType::kDynamic, ShapedType::kDynamic);
      lower->sizes.push_back(size);
      rest.back() = upper;
      atom = lower;
    } else {
      rest.pop_back();
    }
    result[low - 1] = {atom};
    --low;
  }
  return rest.empty();
}

bool AtomPool::unify(ArrayRef<Atom *> left, ArrayRef<Atom *> right,
                     const llvm::SmallPtrSetImpl<Atom *> &bindable) {
  AtomList a = resolve(left), b = resolve(right);
  size_t i = 0;
  for (; i < a.size() && i < b.size(); ++i) {
    if (a[i] == b[i])
      continue;
    bool bindsRight = bindable.contains(b[i]->loop);
    if (!bindsRight && !bindable.contains(a[i]->loop))
      return false;
    AtomList &bound = bindsRight ? b : a, &kept = bindsRight ? a : b;
    int64_t boundSize = bound[i]->extent, keptSize = kept[i]->extent;
    if (!ShapedType::isDynamic(boundSize) && !ShapedType::isDynamic(keptSize) &&
        boundSize != keptSize) {
      // The larger atom is split, and the next round looks at its lower part.
      AtomList &larger = boundSize > keptSize ? bound : kept;
      auto [size, total] = std::minmax(boundSize, keptSize);
      if (size <= 0 || total % size != 0)
        return false;
      auto [upper, lower] = divide(larger[i], size, total / size);
      larger[i] = upper;
      larger.insert(larger.begin() + i + 1, lower);
    }
    bound[i]->alias = kept[i];
    bindings.push_back(bound[i]);
  }
  return i == a.size() && i == b.size();
}

void AtomPool::rollback(size_t mark) {
  while (bindings.size() > mark)
    bindings.pop_back_val()->alias = nullptr;
}

void AtomPool::noteSize(ArrayRef<Atom *> index, DimSize size) {
  AtomList atoms = resolve(index);
  if (atoms.size() != 1)
    return;
  Atom *atom = atoms.front();
  if (!ShapedType::isDynamic(atom->extent))
    return;
  if (size.isStatic()) {
    atom->extent = size.fixed;
    return;
  }
  if (llvm::none_of(atom->sizes, [&](const DimSize &s) { return s.equals(size); }))
    atom->sizes.push_back(size);
}

bool mlir::dashkv::intersects(ArrayRef<Atom *> left, ArrayRef<Atom *> right) {
  AtomList a = AtomPool::resolve(left), b = AtomPool::resolve(right);
  return llvm::any_of(a, [&](Atom *atom) { return llvm::is_contained(b, atom); });
}

int64_t mlir::dashkv::getExtent(ArrayRef<Atom *> index) {
  int64_t product = 1;
  for (Atom *atom : AtomPool::resolve(index)) {
    if (ShapedType::isDynamic(atom->extent))
      return ShapedType::kDynamic;
    product *= atom->extent;
  }
  return product;
}
