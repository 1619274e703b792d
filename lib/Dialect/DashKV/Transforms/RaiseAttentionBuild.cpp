//===- RaiseAttentionBuild.cpp - The ops that replace a match -------------===//
#include "RaiseAttentionBuild.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// A size that does not hang on the tensors that the op replaces.
static const DimSize *findSize(Atom *atom, const AttentionMatch &attention) {
  for (const DimSize &size : atom->sizes)
    if (size.isStatic() || llvm::none_of(attention.outs, [&](ExprRef load) {
          return load->source == size.value;
        }))
      return &size;
  return nullptr;
}

bool AttentionBuilder::hasSize(ArrayRef<Atom *> index) {
  return llvm::all_of(AtomPool::resolve(index), [&](Atom *atom) {
    return !ShapedType::isDynamic(atom->extent) || findSize(atom, attention);
  });
}

Value AttentionBuilder::getSize(ArrayRef<Atom *> index, OpBuilder &builder, Location loc) {
  Value product;
  int64_t fixed = 1;
  for (Atom *atom : AtomPool::resolve(index)) {
    if (!ShapedType::isDynamic(atom->extent)) {
      fixed *= atom->extent;
      continue;
    }
    Value size = findSize(atom, attention)->materialize(builder, loc);
    product = product ? arith::MulIOp::create(builder, loc, product, size) : size;
  }
  if (product && fixed == 1)
    return product;
  Value constant = arith::ConstantIndexOp::create(builder, loc, fixed);
  return product ? arith::MulIOp::create(builder, loc, product, constant) : constant;
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

/// Groups of `fine` dims that make up the `coarse` dims, if they do.
static std::optional<SmallVector<ReassociationIndices>> getGroups(ArrayRef<AtomList> fine,
                                                                  ArrayRef<AtomList> coarse) {
  SmallVector<ReassociationIndices> groups(coarse.size());
  size_t next = 0;
  for (auto [position, dim] : llvm::enumerate(coarse)) {
    if (dim.empty()) {
      if (next == fine.size() || !fine[next].empty())
        return std::nullopt;
      groups[position].push_back(next++);
      continue;
    }
    AtomList sofar;
    while (next < fine.size() && sofar.size() < dim.size()) {
      sofar.append(fine[next]);
      groups[position].push_back(next++);
    }
    if (sofar != dim)
      return std::nullopt;
    // A dim of size 1 goes to the group before it unless the next dim is one.
    bool isNextUnit = position + 1 < coarse.size() && coarse[position + 1].empty();
    while (next < fine.size() && fine[next].empty() && !isNextUnit)
      groups[position].push_back(next++);
  }
  if (next != fine.size())
    return std::nullopt;
  return groups;
}

static SmallVector<AtomList> dropUnits(ArrayRef<AtomList> dims) {
  SmallVector<AtomList> result;
  llvm::copy_if(dims, std::back_inserter(result), [](const AtomList &dim) { return !dim.empty(); });
  return result;
}

Value AttentionBuilder::expand(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to,
                               ArrayRef<ReassociationIndices> groups, OpBuilder &builder,
                               Location loc) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(to.size());
  SmallVector<OpFoldResult> sizes(to.size());
  for (auto [source, group] : llvm::enumerate(groups)) {
    int64_t divisor = 1;
    std::optional<int64_t> remaining;
    SmallVector<Value> dynamicSizes;
    for (int64_t dim : group) {
      shape[dim] = getExtent(to[dim]);
      if (!ShapedType::isDynamic(shape[dim])) {
        sizes[dim] = builder.getIndexAttr(shape[dim]);
        divisor *= shape[dim];
      } else if (hasSize(to[dim])) {
        Value size = getSize(to[dim], builder, loc);
        sizes[dim] = size;
        dynamicSizes.push_back(size);
      } else {
        remaining = dim;
      }
    }
    if (!remaining)
      continue;
    Value size = tensor::DimOp::create(builder, loc, tensor, source);
    if (divisor > 1)
      size = arith::DivUIOp::create(builder, loc, size,
                                    arith::ConstantIndexOp::create(builder, loc, divisor));
    for (Value other : dynamicSizes)
      size = arith::DivUIOp::create(builder, loc, size, other);
    sizes[*remaining] = size;
  }
  // The type of a source dim that stays whole is the better known one.
  for (auto [source, group] : llvm::enumerate(groups)) {
    int64_t fixed = type.getDimSize(source);
    int64_t dim = group.front();
    if (group.size() == 1 && !ShapedType::isDynamic(fixed)) {
      shape[dim] = fixed;
      sizes[dim] = builder.getIndexAttr(fixed);
    } else if (group.size() == 1 && !ShapedType::isDynamic(shape[dim])) {
      shape[dim] = ShapedType::kDynamic;
      sizes[dim] = Value(tensor::DimOp::create(builder, loc, tensor, source));
    }
  }
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor,
                                       SmallVector<ReassociationIndices>(groups), sizes);
}

Value AttentionBuilder::reshape(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to,
                                OpBuilder &builder, Location loc) {
  if (from == to)
    return tensor;
  auto collapse = [&](Value value, ArrayRef<ReassociationIndices> groups) -> Value {
    return tensor::CollapseShapeOp::create(builder, loc, value, groups);
  };
  if (to.empty() || from.empty()) {
    SmallVector<ReassociationIndices> none;
    return to.empty() ? collapse(tensor, none) : expand(tensor, from, to, none, builder, loc);
  }
  if (auto groups = getGroups(from, to))
    return collapse(tensor, *groups);
  if (auto groups = getGroups(to, from))
    return expand(tensor, from, to, *groups, builder, loc);

  // Through the dims that both sides split to, without dims of size 1.
  SmallVector<AtomList> fromDims = dropUnits(from), toDims = dropUnits(to), pieces;
  if (fromDims.size() != from.size())
    return reshape(reshape(tensor, from, fromDims, builder, loc), fromDims, to, builder, loc);
  size_t fromAtoms = 0, toAtoms = 0, fromDim = 0, toDim = 0;
  while (fromDim < fromDims.size() && toDim < toDims.size()) {
    size_t fromLeft = fromDims[fromDim].size() - fromAtoms;
    size_t toLeft = toDims[toDim].size() - toAtoms;
    size_t count = std::min(fromLeft, toLeft);
    auto *begin = fromDims[fromDim].begin() + fromAtoms;
    pieces.emplace_back(begin, begin + count);
    fromAtoms += count;
    toAtoms += count;
    if (fromLeft == count) {
      ++fromDim;
      fromAtoms = 0;
    }
    if (toLeft == count) {
      ++toDim;
      toAtoms = 0;
    }
  }
  if (pieces != fromDims)
    return reshape(reshape(tensor, fromDims, pieces, builder, loc), pieces, to, builder, loc);
  return reshape(reshape(tensor, pieces, toDims, builder, loc), toDims, to, builder, loc);
}

//===----------------------------------------------------------------------===//
// Expressions as generics
//===----------------------------------------------------------------------===//

/// Reads loads from as far back as their index stays a list of loops.
ExprRef AttentionBuilder::lookThroughAll(ExprRef expr) {
  for (ExprRef next = expr; next && next->kind == ExprKind::Load; next = context.expand(next))
    if (getDims(next))
      expr = next;
  if (expr->kind != ExprKind::Apply || expr->fn == Fn::Other)
    return expr;
  SmallVector<ExprRef, 3> args;
  for (ExprRef arg : expr->args)
    args.push_back(lookThroughAll(arg));
  return args == expr->args ? expr : context.get(expr->fn, args, expr->predicate);
}

/// A position in a dim as a sum of strides; null where a stride is not known.
static AffineExpr getPosition(ArrayRef<Atom *> index, ArrayRef<Atom *> loops,
                              MLIRContext *mlirContext) {
  AffineExpr position = getAffineConstantExpr(0, mlirContext);
  int64_t stride = 1;
  AtomList resolved = AtomPool::resolve(index);
  for (Atom *atom : llvm::reverse(resolved)) {
    const auto *it = llvm::find(loops, atom);
    if (it == loops.end() || ShapedType::isDynamic(stride))
      return nullptr;
    position = getAffineDimExpr(it - loops.begin(), mlirContext) * stride + position;
    stride = ShapedType::isDynamic(atom->extent) ? ShapedType::kDynamic : stride * atom->extent;
  }
  return position;
}

/// True for an op that can be repeated on other scalars of its types.
static bool canCloneScalar(Operation *op) {
  auto isScalar = [](Type type) {
    type = getElementTypeOrSelf(type);
    return type.isF16() || type.isBF16() || type.isF32() || type.isF64() ||
           (type.isSignlessIntOrIndex() && (type.isIndex() || type.getIntOrFloatBitWidth() <= 64));
  };
  return op->getNumRegions() == 0 && op->getNumSuccessors() == 0 && op->getNumResults() == 1 &&
         llvm::all_of(op->getOperandTypes(), isScalar) && isScalar(op->getResult(0).getType());
}

bool AttentionBuilder::canEmit(ExprRef expr) {
  switch (expr->kind) {
  case ExprKind::Constant:
  case ExprKind::Index:
    return true;
  case ExprKind::Scalar: {
    Type type = expr->source.getType();
    if (isa<ShapedType>(type))
      return true;
    return type.isF16() || type.isBF16() || type.isF32() || type.isF64() ||
           type.isSignlessIntOrIndex();
  }
  case ExprKind::Load: {
    Type type = getElementTypeOrSelf(expr->source.getType());
    bool isNumber = type.isF16() || type.isBF16() || type.isF32() || type.isF64() ||
                    (type.isSignlessIntOrIndex() && (type.isIndex() || type.getIntOrFloatBitWidth() <= 64));
    return isNumber && isa<RankedTensorType>(expr->source.getType()) &&
           llvm::all_of(expr->indices, [&](const DimIndex &index) {
             return !index.other || canEmit(index.other);
           });
  }
  case ExprKind::Apply:
    return (expr->fn != Fn::Other || canCloneScalar(expr->origin)) &&
           llvm::all_of(expr->args, [&](ExprRef arg) { return canEmit(arg); });
  default:
    return false;
  }
}

bool AttentionBuilder::canMaterialize(ExprRef expr, ArrayRef<AtomList> dims) {
  expr = lookThroughAll(expr);
  if (!canEmit(expr))
    return false;
  AtomList loops;
  for (const AtomList &dim : dims)
    loops.append(AtomPool::resolve(dim));
  if (!hasSize(loops))
    return false;
  for (Atom *atom : context.getFreeAtoms(expr))
    if (!llvm::is_contained(loops, atom))
      return false;
  // All positions must have known strides.
  DenseSet<ExprRef> seen;
  SmallVector<ExprRef> pending = {expr};
  MLIRContext *mlirContext = attention.anchor->getContext();
  while (!pending.empty()) {
    ExprRef part = pending.pop_back_val();
    if (!seen.insert(part).second)
      continue;
    for (const DimIndex &index : part->indices) {
      if (index.other)
        pending.push_back(index.other);
      else if (!getPosition(index.atoms, loops, mlirContext))
        return false;
    }
    pending.append(part->args.begin(), part->args.end());
  }
  return true;
}

/// A number of the graph as f32, i64 or i1.
static Value convert(Value value, OpBuilder &builder, Location loc) {
  Type type = value.getType();
  if (type.isF32() || type.isInteger(64) || type.isInteger(1))
    return value;
  if (type.isF64())
    return arith::TruncFOp::create(builder, loc, builder.getF32Type(), value);
  if (isa<FloatType>(type))
    return arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
  if (type.getIntOrFloatBitWidth() > 64)
    return arith::TruncIOp::create(builder, loc, builder.getI64Type(), value);
  return arith::ExtSIOp::create(builder, loc, builder.getI64Type(), value);
}

/// The converse: f32, i64 or i1 as another type of the same kind.
static Value convertTo(Value value, Type type, OpBuilder &builder, Location loc) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (type.isIndex() || from.isIndex())
    return arith::IndexCastOp::create(builder, loc, type, value);
  bool isNarrower = type.getIntOrFloatBitWidth() < from.getIntOrFloatBitWidth();
  if (isa<FloatType>(type))
    return isNarrower ? arith::TruncFOp::create(builder, loc, type, value).getResult()
                      : arith::ExtFOp::create(builder, loc, type, value).getResult();
  if (isNarrower)
    return arith::TruncIOp::create(builder, loc, type, value);
  return from.isInteger(1) ? arith::ExtUIOp::create(builder, loc, type, value).getResult()
                           : arith::ExtSIOp::create(builder, loc, type, value).getResult();
}

/// A position in a dim, as an index value inside of a generic.
static Value emitPosition(ArrayRef<Atom *> index, ArrayRef<Atom *> loops, OpBuilder &builder,
                          Location loc) {
  Value position;
  int64_t stride = 1;
  AtomList resolved = AtomPool::resolve(index);
  for (Atom *atom : llvm::reverse(resolved)) {
    Value loop = linalg::IndexOp::create(builder, loc, llvm::find(loops, atom) - loops.begin());
    if (stride != 1)
      loop = arith::MulIOp::create(builder, loc, loop,
                                   arith::ConstantIndexOp::create(builder, loc, stride));
    position = position ? arith::AddIOp::create(builder, loc, position, loop) : loop;
    stride *= ShapedType::isDynamic(atom->extent) ? 1 : atom->extent;
  }
  return position ? position : arith::ConstantIndexOp::create(builder, loc, 0).getResult();
}

Value AttentionBuilder::emit(ExprRef expr, ArrayRef<Atom *> loops, OpBuilder &builder,
                             DenseMap<ExprRef, Value> &emitted) {
  if (Value known = emitted.lookup(expr))
    return known;
  Location loc = attention.anchor->getLoc();
  Value value;
  auto cast = [&](Value operand) -> Value {
    // Booleans that are used as numbers.
    return operand.getType().isInteger(1)
               ? arith::ExtUIOp::create(builder, loc, builder.getI64Type(), operand).getResult()
               : operand;
  };
  switch (expr->kind) {
  case ExprKind::Constant:
    if (expr->domain == Domain::Float)
      value = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(expr->number));
    else if (expr->domain == Domain::Boolean)
      value = arith::ConstantOp::create(builder, loc, builder.getBoolAttr(expr->integer != 0));
    else
      value = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(expr->integer));
    break;
  case ExprKind::Scalar:
    value = isa<ShapedType>(expr->source.getType())
                ? tensor::DimOp::create(builder, loc, expr->source, expr->predicate).getResult()
                : expr->source;
    value = convert(value, builder, loc);
    break;
  case ExprKind::Index:
    value = convert(emitPosition(expr->indices[0].atoms, loops, builder, loc), builder, loc);
    break;
  case ExprKind::Load: {
    // A computed index: the other loads are inputs.
    SmallVector<Value, 4> positions;
    for (const DimIndex &index : expr->indices) {
      if (!index.other) {
        positions.push_back(emitPosition(index.atoms, loops, builder, loc));
        continue;
      }
      Value position = emit(index.other, loops, builder, emitted);
      if (position.getType().isInteger(1))
        position = arith::ExtUIOp::create(builder, loc, builder.getI64Type(), position);
      positions.push_back(
          arith::IndexCastOp::create(builder, loc, builder.getIndexType(), position));
    }
    value = convert(tensor::ExtractOp::create(builder, loc, expr->source, positions), builder, loc);
    break;
  }
  case ExprKind::Apply: {
    SmallVector<Value, 3> args;
    for (ExprRef arg : expr->args)
      args.push_back(emit(arg, loops, builder, emitted));
    bool isFloat = expr->args[0]->domain == Domain::Float;
    bool isLogic = expr->fn == Fn::And || expr->fn == Fn::Or || expr->fn == Fn::Xor;
    if (expr->fn == Fn::Select) {
      if (args[1].getType() != args[2].getType())
        for (int arm : {1, 2})
          args[arm] = cast(args[arm]);
    } else if (!isFloat && !isLogic && expr->fn != Fn::Other) {
      bool isBoolean = llvm::all_of(args, [](Value arg) { return arg.getType().isInteger(1); });
      if (!isBoolean || expr->fn != Fn::CmpI)
        for (Value &arg : args)
          arg = cast(arg);
    }
    auto binary = [&](auto floatOp, auto integerOp) -> Value {
      using FloatOp = decltype(floatOp);
      using IntegerOp = decltype(integerOp);
      if (isFloat)
        return FloatOp::create(builder, loc, args[0], args[1]);
      return IntegerOp::create(builder, loc, args[0], args[1]);
    };
    switch (expr->fn) {
    case Fn::Add:
      value = binary(arith::AddFOp(), arith::AddIOp());
      break;
    case Fn::Sub:
      value = binary(arith::SubFOp(), arith::SubIOp());
      break;
    case Fn::Mul:
      value = binary(arith::MulFOp(), arith::MulIOp());
      break;
    case Fn::Max:
      value = binary(arith::MaximumFOp(), arith::MaxSIOp());
      break;
    case Fn::Min:
      value = binary(arith::MinimumFOp(), arith::MinSIOp());
      break;
    case Fn::Div:
      value = arith::DivFOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::FloorDiv:
      value = arith::DivSIOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::Mod:
      value = arith::RemSIOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::Exp:
      value = math::ExpOp::create(builder, loc, args[0]);
      break;
    case Fn::Log:
      value = math::LogOp::create(builder, loc, args[0]);
      break;
    case Fn::Sqrt:
      value = math::SqrtOp::create(builder, loc, args[0]);
      break;
    case Fn::Rsqrt:
      value = math::RsqrtOp::create(builder, loc, args[0]);
      break;
    case Fn::Abs:
      value = math::AbsFOp::create(builder, loc, args[0]);
      break;
    case Fn::Tanh:
      value = math::TanhOp::create(builder, loc, args[0]);
      break;
    case Fn::Pow:
      value = math::PowFOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::ToFloat:
      value = arith::SIToFPOp::create(builder, loc, builder.getF32Type(), args[0]);
      break;
    case Fn::Select:
      value = arith::SelectOp::create(builder, loc, args[0], args[1], args[2]);
      break;
    case Fn::CmpF:
      value = arith::CmpFOp::create(builder, loc,
                                    static_cast<arith::CmpFPredicate>(expr->predicate), args[0],
                                    args[1]);
      break;
    case Fn::CmpI:
      value = arith::CmpIOp::create(builder, loc,
                                    static_cast<arith::CmpIPredicate>(expr->predicate), args[0],
                                    args[1]);
      break;
    case Fn::And:
      value = arith::AndIOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::Or:
      value = arith::OrIOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::Xor:
      value = arith::XOrIOp::create(builder, loc, args[0], args[1]);
      break;
    case Fn::Other: {
      OperationState state(loc, expr->origin->getName());
      for (auto [arg, type] : llvm::zip(args, expr->origin->getOperandTypes()))
        state.operands.push_back(convertTo(arg, getElementTypeOrSelf(type), builder, loc));
      state.addTypes(getElementTypeOrSelf(expr->origin->getResult(0).getType()));
      state.addAttributes(expr->origin->getAttrs());
      value = convert(builder.create(state)->getResult(0), builder, loc);
      break;
    }
    }
    break;
  }
  default:
    break;
  }
  emitted[expr] = value;
  return value;
}

Value AttentionBuilder::materialize(ExprRef expr, ArrayRef<AtomList> dims, Type elementType,
                                    OpBuilder &builder, Location loc) {
  expr = lookThroughAll(expr);
  // A loop for every atom; the dims are put together afterwards.
  AtomList loops;
  SmallVector<AtomList> loopDims;
  for (const AtomList &dim : dims)
    for (Atom *atom : AtomPool::resolve(dim)) {
      loops.push_back(atom);
      loopDims.push_back({atom});
    }
  if (loops.empty())
    loopDims.push_back({});
  unsigned numLoops = loopDims.size();

  SmallVector<ExprRef> loads;
  DenseSet<ExprRef> seen;
  SmallVector<ExprRef> pending = {expr};
  while (!pending.empty()) {
    ExprRef part = pending.pop_back_val();
    if (!seen.insert(part).second)
      continue;
    if (part->kind == ExprKind::Load && getDims(part))
      loads.push_back(part);
    for (const DimIndex &index : part->indices)
      if (index.other)
        pending.push_back(index.other);
    pending.append(part->args.begin(), part->args.end());
  }
  MLIRContext *mlirContext = builder.getContext();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (ExprRef load : loads) {
    SmallVector<AffineExpr> results;
    for (const DimIndex &index : load->indices)
      results.push_back(getPosition(index.atoms, loops, mlirContext));
    inputs.push_back(load->source);
    maps.push_back(AffineMap::get(numLoops, 0, results, mlirContext));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(numLoops, mlirContext));

  SmallVector<OpFoldResult> sizes;
  for (const AtomList &dim : loopDims) {
    int64_t extent = getExtent(dim);
    if (ShapedType::isDynamic(extent))
      sizes.push_back(getSize(dim, builder, loc));
    else
      sizes.push_back(builder.getIndexAttr(extent));
  }
  Value init = tensor::EmptyOp::create(builder, loc, sizes, elementType);
  SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        DenseMap<ExprRef, Value> emitted;
        for (auto [load, argument] : llvm::zip(loads, arguments))
          emitted[load] = convert(argument, nested, loc);
        Value result = emit(expr, loops, nested, emitted);
        linalg::YieldOp::create(nested, loc, convertTo(result, elementType, nested, loc));
      });
  return reshape(generic.getResult(0), loopDims, dims, builder, loc);
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

Value AttentionBuilder::buildOperand(const Operand &operand, OpBuilder &builder, Location loc) {
  if (operand.load)
    return reshape(operand.load->source, operand.from, operand.to, builder, loc);
  return materialize(operand.expr, operand.to, builder.getF32Type(), builder, loc);
}

AffineMap AttentionBuilder::getMap(const Operand &operand, MLIRContext *mlirContext) const {
  return AffineMap::getMultiDimMapWithTargets(dims.count, operand.loops, mlirContext);
}

Value AttentionBuilder::build(RewriterBase &rewriter) {
  Location loc = attention.anchor->getLoc();
  MLIRContext *mlirContext = rewriter.getContext();
  rewriter.setInsertionPoint(getRoot().getDefiningOp());

  // What looking through broadcasts relied on.
  SmallVector<SizeAssumption> checked;
  for (const SizeAssumption &assumption : context.assumptions) {
    if (llvm::any_of(checked, [&](const SizeAssumption &other) {
          return (other.left.equals(assumption.left) && other.right.equals(assumption.right)) ||
                 (other.left.equals(assumption.right) && other.right.equals(assumption.left));
        }))
      continue;
    checked.push_back(assumption);
    Value same = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                       assumption.left.materialize(rewriter, loc),
                                       assumption.right.materialize(rewriter, loc));
    cf::AssertOp::create(rewriter, loc, same,
                         "attention: expected sizes that agree, not a broadcast of size 1");
  }

  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (const Operand *operand : {&query, &key, &value}) {
    operands.push_back(buildOperand(*operand, rewriter, loc));
    maps.push_back(getMap(*operand, mlirContext));
  }
  Value maskValue, lengths = lengthsTensor;
  if (hasMask) {
    maskValue = buildOperand(mask, rewriter, loc);
    maps.push_back(getMap(mask, mlirContext));
  }
  if (attention.lengths && !lengths)
    lengths = materialize(attention.lengths, {batch}, rewriter.getI32Type(), rewriter, loc);
  maps.push_back(getMap(out, mlirContext));

  auto rootType = cast<RankedTensorType>(getRoot().getType());
  SmallVector<OpFoldResult> sizes;
  for (auto [position, dim] : llvm::enumerate(out.to)) {
    int64_t extent = out.isReshaped() ? getExtent(dim) : rootType.getDimSize(position);
    if (ShapedType::isDynamic(extent))
      sizes.push_back(getSize(dim, rewriter, loc));
    else
      sizes.push_back(rewriter.getIndexAttr(extent));
  }
  Value init = tensor::EmptyOp::create(rewriter, loc, sizes, rootType.getElementType());
  ArrayAttr mapsAttr;
  if (maps != AttentionDims::getDefaultMaps(mlirContext, hasMask))
    mapsAttr = rewriter.getAffineMapArrayAttr(maps);
  auto op = AttentionOp::create(
      rewriter, loc, TypeRange(init.getType()), operands[0], operands[1], operands[2], maskValue,
      lengths, /*key_scale=*/Value(), /*value_scale=*/Value(), init, /*lse_init=*/Value(),
      rewriter.getF32FloatAttr(attention.scale),
      attention.causal ? rewriter.getUnitAttr() : UnitAttr(), mapsAttr);
  Value result = reshape(op->getResult(0), out.to, out.from, rewriter, loc);
  if (result.getType() != rootType)
    result = tensor::CastOp::create(rewriter, loc, rootType, result);
  return result;
}
