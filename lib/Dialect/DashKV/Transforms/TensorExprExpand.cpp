//===- TensorExprExpand.cpp - From IR to expressions ----------------------===//
#include "TensorExprBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

ExprRef ExprContext::getScalarExpr(Value value) {
  if (auto it = scalars.find(value); it != scalars.end())
    return it->second;
  Body body;
  ExprRef expr = evaluate(value, body);
  if (!expr)
    expr = getScalar(value);
  scalars[value] = expr;
  return expr;
}

ExprRef ExprContext::evaluate(Value value, Body &body) {
  if (auto it = body.values.find(value); it != body.values.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  if (body.block && (!op || op->getBlock() != body.block))
    return value.getParentRegion()->isAncestor(body.block->getParent()) ? getScalarExpr(value)
                                                                        : nullptr;
  if (!op)
    return getScalar(value);
  if (depth >= 200)
    return nullptr;
  ++depth;
  ExprRef expr = evaluateOp(op, body);
  --depth;
  // Outside of a body an unknown op is a value like any other.
  if (!expr && !body.block)
    expr = getScalar(value);
  if (expr)
    body.values[value] = expr;
  return expr;
}

ExprRef ExprContext::evaluateOp(Operation *op, Body &body) {
  if (op->getNumResults() != 1)
    return nullptr;
  Attribute attribute;
  if (matchPattern(op, m_Constant(&attribute))) {
    if (auto number = dyn_cast<FloatAttr>(attribute))
      return getConstant(number.getValueAsDouble());
    if (auto integer = dyn_cast<IntegerAttr>(attribute)) {
      APInt bits = integer.getValue();
      if (bits.getBitWidth() == 1)
        return getInteger(bits.getZExtValue(), Domain::Boolean);
      return bits.getSignificantBits() <= 64 ? getInteger(bits.getSExtValue()) : nullptr;
    }
    return nullptr;
  }
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    if (!body.block || index.getDim() >= body.loops.size())
      return nullptr;
    return getIndex(body.loops[index.getDim()]);
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    SmallVector<DimIndex, 4> indices;
    for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
      ExprRef expr = evaluate(index, body);
      if (!expr)
        return nullptr;
      indices.push_back(getDimIndex(expr, extract.getTensor(), dim));
    }
    return getLoad(extract.getTensor(), std::move(indices));
  }
  if (isa<tensor::DimOp>(op)) {
    DimSize size = DimSize::ofValue(op->getResult(0));
    return size.isStatic() ? getInteger(size.fixed) : getScalar(op->getResult(0));
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<ExprRef> dims;
    for (Value operand : apply.getMapOperands())
      if (ExprRef expr = evaluate(operand, body))
        dims.push_back(expr);
      else
        return nullptr;
    SmallVector<DimIndex> loops;
    for (ExprRef dim : dims)
      loops.push_back({{}, dim});
    AffineMap map = apply.getAffineMap();
    if (map.getNumSymbols() != 0) {
      SmallVector<AffineExpr> asDims;
      for (unsigned i = 0; i < map.getNumSymbols(); ++i)
        asDims.push_back(getAffineDimExpr(map.getNumDims() + i, op->getContext()));
      map = map.replaceDimsAndSymbols({}, asDims, loops.size(), 0);
    }
    return getAffineValue(map.getResult(0), loops);
  }
  if (op->getNumRegions() != 0 || !isPure(op) || isa<ShapedType>(op->getResult(0).getType()))
    return nullptr;
  SmallVector<ExprRef, 3> args;
  for (Value operand : op->getOperands()) {
    ExprRef arg = evaluate(operand, body);
    if (!arg)
      return nullptr;
    args.push_back(arg);
  }
  return makeOp(op, args);
}

ExprRef ExprContext::makeOp(Operation *op, ArrayRef<ExprRef> args) {
  auto apply = [&](Fn fn) { return get(fn, args); };
  auto scaled = [&](double factor, ExprRef arg) {
    return get(Fn::Mul, {getConstant(factor), arg});
  };
  Type resultType = getElementTypeOrSelf(op->getResult(0).getType());
  auto other = [&]() -> ExprRef {
    Expr *expr = create(ExprKind::Apply, resultType.isInteger(1)     ? Domain::Boolean
                                         : resultType.isIntOrIndex() ? Domain::Integer
                                                                     : Domain::Float);
    expr->args.assign(args.begin(), args.end());
    expr->origin = op;
    return expr;
  };
  return TypeSwitch<Operation *, ExprRef>(op)
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) { return apply(Fn::Add); })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) { return apply(Fn::Sub); })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) { return apply(Fn::Mul); })
      .Case<arith::DivFOp>([&](auto) { return apply(Fn::Div); })
      .Case<arith::NegFOp>([&](auto) { return scaled(-1, args[0]); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(
          [&](auto) { return apply(Fn::Max); })
      .Case<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp>(
          [&](auto) { return apply(Fn::Min); })
      .Case<math::FmaOp>(
          [&](auto) { return get(Fn::Add, {get(Fn::Mul, {args[0], args[1]}), args[2]}); })
      .Case<math::ExpOp>([&](auto) { return apply(Fn::Exp); })
      .Case<math::Exp2Op>([&](auto) { return get(Fn::Exp, {scaled(M_LN2, args[0])}); })
      .Case<math::LogOp>([&](auto) { return apply(Fn::Log); })
      .Case<math::Log2Op>([&](auto) { return scaled(1 / M_LN2, get(Fn::Log, {args[0]})); })
      .Case<math::SqrtOp>([&](auto) { return apply(Fn::Sqrt); })
      .Case<math::RsqrtOp>([&](auto) { return apply(Fn::Rsqrt); })
      .Case<math::AbsFOp>([&](auto) { return apply(Fn::Abs); })
      .Case<math::TanhOp>([&](auto) { return apply(Fn::Tanh); })
      .Case<math::PowFOp>([&](auto) { return apply(Fn::Pow); })
      // Conversions between float types only round.
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return args[0]; })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtUIOp>([&](auto) { return args[0]; })
      .Case<arith::ExtSIOp>([&](auto) {
        return args[0]->domain == Domain::Boolean
                   ? get(Fn::Select, {args[0], getInteger(-1), getInteger(0)})
                   : args[0];
      })
      .Case<arith::TruncIOp>([&](auto) {
        // Indices and lengths fit in 32 bits.
        bool keepsValue =
            args[0]->domain == Domain::Boolean || resultType.getIntOrFloatBitWidth() >= 32;
        return keepsValue ? args[0] : other();
      })
      .Case<arith::UIToFPOp>([&](auto) { return apply(Fn::ToFloat); })
      .Case<arith::SIToFPOp>([&](auto) {
        return args[0]->domain == Domain::Boolean
                   ? get(Fn::Select, {args[0], getConstant(-1), getConstant(0)})
                   : apply(Fn::ToFloat);
      })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [&](auto) { return apply(Fn::FloorDiv); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return apply(Fn::Mod); })
      .Case<arith::AndIOp>([&](auto) { return resultType.isInteger(1) ? apply(Fn::And) : other(); })
      .Case<arith::OrIOp>([&](auto) { return resultType.isInteger(1) ? apply(Fn::Or) : other(); })
      .Case<arith::XOrIOp>([&](auto) { return resultType.isInteger(1) ? apply(Fn::Xor) : other(); })
      .Case<arith::SelectOp>([&](auto) { return apply(Fn::Select); })
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) {
        return get(Fn::CmpF, args, static_cast<int64_t>(cmp.getPredicate()));
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) {
        return get(Fn::CmpI, args, static_cast<int64_t>(cmp.getPredicate()));
      })
      .Default([&](Operation *) { return other(); });
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

ExprRef ExprContext::getAffineValue(AffineExpr expr, ArrayRef<DimIndex> loops) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return getIndex(loops[dim.getPosition()]);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return getInteger(constant.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return nullptr;
  ExprRef left = getAffineValue(binary.getLHS(), loops);
  ExprRef right = getAffineValue(binary.getRHS(), loops);
  if (!left || !right)
    return nullptr;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return get(Fn::Add, {left, right});
  case AffineExprKind::Mul:
    return get(Fn::Mul, {left, right});
  case AffineExprKind::FloorDiv:
    return get(Fn::FloorDiv, {left, right});
  case AffineExprKind::Mod:
    return get(Fn::Mod, {left, right});
  default:
    return nullptr;
  }
}

DimIndex ExprContext::applyAffine(AffineExpr expr, ArrayRef<DimIndex> loops, Value tensor,
                                  int64_t dim) {
  if (auto position = dyn_cast<AffineDimExpr>(expr)) {
    const DimIndex &index = loops[position.getPosition()];
    // A loop of several iterations over a dim of size 1 would be out of bounds.
    return index;
  }
  ExprRef value = getAffineValue(expr, loops);
  if (!value)
    value = getScalar(tensor); // Never equal to an index.
  return getDimIndex(value, tensor, dim);
}

/// True when an index runs over all of a dim, as far as sizes are known.
static bool coversDim(ArrayRef<Atom *> index, const DimSize &size) {
  int64_t extent = getExtent(index);
  if (size.isStatic())
    return extent == size.fixed;
  AtomList atoms = AtomPool::resolve(index);
  return atoms.size() == 1 &&
         llvm::any_of(atoms[0]->sizes, [&](const DimSize &known) { return known.equals(size); });
}

DimIndex ExprContext::getDimIndex(ExprRef integer, Value tensor, int64_t dim) {
  DimSize size = DimSize::ofDim(tensor, dim);
  if (size.fixed == 1)
    return {};
  // Indices may come from tensors of positions.
  integer = expandAll(integer);
  if (integer->kind == ExprKind::Index && coversDim(integer->indices[0].atoms, size))
    return integer->indices[0];
  if (integer->kind != ExprKind::Apply)
    return {{}, integer};

  // A dynamic dim may be broadcast: select(size == 1, 0, index) is the index if
  // the size is that of the loop, which is assumed unless it is known.
  if (integer->is(Fn::Select)) {
    ExprRef condition = integer->args[0];
    if (condition->is(Fn::CmpI)) {
      bool isEqual = condition->predicate == static_cast<int64_t>(arith::CmpIPredicate::eq);
      bool isDifferent = condition->predicate == static_cast<int64_t>(arith::CmpIPredicate::ne);
      ExprRef zero = integer->args[isEqual ? 1 : 2], index = integer->args[isEqual ? 2 : 1];
      ExprRef tested = condition->args[0], one = condition->args[1];
      if (tested->isConstant())
        std::swap(tested, one);
      FailureOr<DimSize> testedSize = getAsSize(tested);
      if ((isEqual || isDifferent) && zero->isConstant() && zero->integer == 0 &&
          one->isConstant() && one->integer == 1 && succeeded(testedSize) &&
          testedSize->equals(size)) {
        index = expandAll(index);
        DimIndex result;
        AtomList atoms;
        if (index->kind == ExprKind::Index) {
          result = index->indices[0];
          atoms = AtomPool::resolve(result.atoms);
        }
        if (atoms.size() == 1) {
          Atom *atom = atoms.front();
          SmallVector<DimSize, 2> known = atom->sizes;
          if (!ShapedType::isDynamic(atom->extent))
            known = {DimSize::ofFixed(atom->extent)};
          if (known.empty())
            return {{}, integer};
          if (llvm::none_of(known, [&](const DimSize &s) { return s.equals(size); }))
            assumptions.push_back({size, known.front()});
          return result;
        }
      }
    }
    return {{}, integer};
  }

  // h floordiv G and h mod G split the atom of h.
  if ((integer->is(Fn::FloorDiv) || integer->is(Fn::Mod)) &&
      integer->args[0]->kind == ExprKind::Index && integer->args[1]->isConstant()) {
    SmallVector<AtomList> parts;
    int64_t divisor = integer->args[1]->integer;
    ArrayRef<Atom *> whole = integer->args[0]->indices[0].atoms;
    int64_t extent = getExtent(whole);
    if (divisor > 0 && !ShapedType::isDynamic(extent)) {
      if (extent % divisor != 0) {
        sawUnevenDivision = true;
        return {{}, integer};
      }
      if (pool.split(whole, {DimSize::ofFixed(extent / divisor), DimSize::ofFixed(divisor)},
                     parts) &&
          coversDim(parts[integer->is(Fn::Mod)], size))
        return {parts[integer->is(Fn::Mod)], nullptr};
    }
    return {{}, integer};
  }

  // A sum of strides is a list of atoms when the strides are the sizes below.
  FailureOr<LinearForm> form = getLinearForm(*this, integer);
  if (failed(form) || form->constant != 0 || !form->symbols.empty())
    return {{}, integer};
  llvm::sort(form->atoms, [](auto &a, auto &b) { return a.second > b.second; });
  AtomList list;
  int64_t stride = 1;
  for (auto [atom, coefficient] : llvm::reverse(form->atoms)) {
    if (coefficient != stride)
      return {{}, integer};
    list.insert(list.begin(), atom);
    stride = ShapedType::isDynamic(atom->extent) ? -1 : stride * atom->extent;
  }
  if (!coversDim(list, size))
    return {{}, integer};
  return {list, nullptr};
}

//===----------------------------------------------------------------------===//
// Expansion of loads
//===----------------------------------------------------------------------===//

ExprRef ExprContext::expand(ExprRef load) {
  if (load->kind != ExprKind::Load)
    return nullptr;
  if (load->isExpanded)
    return load->expansion;
  ExprRef expansion = nullptr;
  if (Operation *op = load->source.getDefiningOp(); op && depth < 300) {
    ++depth;
    expansion = expandOp(op, cast<OpResult>(load->source).getResultNumber(), load->indices);
    --depth;
  }
  load->expansion = expansion;
  load->isExpanded = true;
  expansionLog.push_back(load);
  return expansion;
}

ExprRef ExprContext::expandOp(Operation *op, unsigned result, ArrayRef<DimIndex> index) {
  if (!isa<RankedTensorType>(op->getResult(result).getType()))
    return nullptr;
  auto indices = [&] { return SmallVector<DimIndex, 4>(index); };

  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return expandLinalg(linalgOp, result, index);
  if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op))
    return softmax.hasPureTensorSemantics() ? expandSoftmax(softmax, index) : nullptr;
  if (auto expandShape = dyn_cast<tensor::ExpandShapeOp>(op))
    return expandReshape(expandShape.getSrc(), expandShape.getReassociationIndices(), false, index);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return expandReshape(collapse.getSrc(), collapse.getReassociationIndices(), true, index);
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op)) {
    // One group of all dims on either side.
    auto sourceType = dyn_cast<RankedTensorType>(reshape.getSource().getType());
    if (!sourceType || llvm::any_of(index, [](const DimIndex &dim) { return dim.other; }))
      return nullptr;
    AtomList all;
    for (const DimIndex &dim : index)
      all.append(dim.atoms);
    SmallVector<DimSize> sizes;
    for (int64_t dim = 0; dim < sourceType.getRank(); ++dim)
      sizes.push_back(DimSize::ofDim(reshape.getSource(), dim));
    SmallVector<AtomList> parts;
    if (!pool.split(all, sizes, parts, &assumptions))
      return nullptr;
    SmallVector<DimIndex, 4> source;
    for (const AtomList &part : parts)
      source.push_back({part, nullptr});
    return getLoad(reshape.getSource(), std::move(source));
  }
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) ? getLoad(cast.getSource(), indices())
                                                             : nullptr;
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return getScalarExpr(splat.getInput());
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op))
    return elements.getElements().size() == 1 ? getScalarExpr(elements.getElements()[0]) : nullptr;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!splat)
      return nullptr;
    if (isa<FloatType>(splat.getElementType()))
      return getConstant(FloatAttr::get(splat.getElementType(), splat.getSplatValue<APFloat>())
                             .getValueAsDouble());
    if (splat.getElementType().isInteger(1))
      return getInteger(splat.getSplatValue<APInt>().getZExtValue(), Domain::Boolean);
    if (splat.getElementType().isIntOrIndex() &&
        splat.getSplatValue<APInt>().getSignificantBits() <= 64)
      return getInteger(splat.getSplatValue<APInt>().getSExtValue());
    return nullptr;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    SmallVector<DimIndex, 4> source;
    unsigned position = 0;
    for (int64_t dim = 0, rank = slice.getSourceType().getRank(); dim < rank; ++dim) {
      DimIndex here = dropped.test(dim) ? DimIndex() : index[position++];
      std::optional<int64_t> offset = getConstantIntValue(slice.getMixedOffsets()[dim]);
      std::optional<int64_t> stride = getConstantIntValue(slice.getMixedStrides()[dim]);
      if (stride != 1)
        return nullptr;
      DimSize whole = DimSize::ofDim(slice.getSource(), dim);
      if (whole.fixed == 1) {
        source.emplace_back();
        continue;
      }
      OpFoldResult sizeResult = slice.getMixedSizes()[dim];
      std::optional<int64_t> fixed = getConstantIntValue(sizeResult);
      DimSize size = fixed ? DimSize::ofFixed(*fixed) : DimSize::ofValue(cast<Value>(sizeResult));
      if (offset == 0 && size.equals(whole)) {
        source.push_back(here);
        continue;
      }
      ExprRef start =
          offset ? getInteger(*offset) : getScalarExpr(cast<Value>(slice.getMixedOffsets()[dim]));
      source.push_back({{}, get(Fn::Add, {getIndex(here), start})});
    }
    return getLoad(slice.getSource(), std::move(source));
  }
  if (auto generate = dyn_cast<tensor::GenerateOp>(op)) {
    Body body;
    body.block = &generate.getBody().front();
    for (auto [argument, dim] : llvm::zip(body.block->getArguments(), index))
      body.values[argument] = getIndex(dim);
    return evaluate(body.block->getTerminator()->getOperand(0), body);
  }
  // Elementwise ops on whole tensors.
  if (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1 && isPure(op) &&
      op->getNumRegions() == 0) {
    SmallVector<ExprRef, 3> args;
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (!type && isa<ShapedType>(operand.getType()))
        return nullptr;
      args.push_back(type ? getLoad(operand, indices()) : getScalarExpr(operand));
    }
    return makeOp(op, args);
  }
  return nullptr;
}

ExprRef ExprContext::expandReshape(Value source, ArrayRef<ReassociationIndices> groups,
                                   bool isCollapse, ArrayRef<DimIndex> index) {
  auto sourceType = cast<RankedTensorType>(source.getType());
  SmallVector<DimIndex, 4> result(sourceType.getRank());
  for (auto [position, group] : llvm::enumerate(groups)) {
    if (!isCollapse) {
      // Source dim `position` became the dims of `group`. An index that is no
      // list of atoms stands for the dim if all others have size 1.
      bool isList = llvm::none_of(group, [&](int64_t dim) { return index[dim].other; });
      if (isList) {
        for (int64_t dim : group)
          result[position].atoms.append(index[dim].atoms);
        continue;
      }
      for (int64_t dim : group) {
        if (!index[dim].other && index[dim].atoms.empty())
          continue;
        if (result[position].other || !result[position].atoms.empty())
          return nullptr;
        result[position] = index[dim];
      }
      continue;
    }
    SmallVector<DimSize> sizes;
    for (int64_t dim : group)
      sizes.push_back(DimSize::ofDim(source, dim));
    if (index[position].other) {
      std::optional<int64_t> single;
      for (auto [dim, size] : llvm::zip(group, sizes)) {
        if (size.fixed == 1)
          continue;
        if (single)
          return nullptr;
        single = dim;
      }
      if (single)
        result[*single] = index[position];
      continue;
    }
    SmallVector<AtomList> parts;
    if (!pool.split(index[position].atoms, sizes, parts))
      return nullptr;
    for (auto [dim, part] : llvm::zip(group, parts))
      result[dim].atoms = part;
  }
  return getLoad(source, std::move(result));
}
