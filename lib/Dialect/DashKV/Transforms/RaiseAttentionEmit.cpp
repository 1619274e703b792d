//===- RaiseAttentionEmit.cpp - Expressions as generics -------------------===//
//
// Masks and queries that are no tensor of the graph are computed by a generic with
// a loop for every atom. Floats are f32 in its body, integers i64.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

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
    bool isNumber =
        type.isF16() || type.isBF16() || type.isF32() || type.isF64() ||
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
      value = arith::CmpFOp::create(
          builder, loc, static_cast<arith::CmpFPredicate>(expr->predicate), args[0], args[1]);
      break;
    case Fn::CmpI:
      value = arith::CmpIOp::create(
          builder, loc, static_cast<arith::CmpIPredicate>(expr->predicate), args[0], args[1]);
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
    pending.append(part->args.rbegin(), part->args.rend());
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
