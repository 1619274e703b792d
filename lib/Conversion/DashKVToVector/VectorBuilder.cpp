//===- VectorBuilder.cpp - Short forms for building CPU kernels -----------===//
#include "VectorBuilder.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;

//===--- Constants -----------------------------------------------------------===//
static TypedAttr splatAttr(Type type, Attribute scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, scalar);
  return cast<TypedAttr>(scalar);
}
Value VectorBuilder::constant(Type type, double value) {
  return arith::ConstantOp::create(
      *this, splatAttr(type, getFloatAttr(getElementTypeOrSelf(type), value)));
}
Value VectorBuilder::constant(Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  if (isa<FloatType>(element))
    return constant(type, static_cast<double>(value));
  return arith::ConstantOp::create(*this, splatAttr(type, getIntegerAttr(element, value)));
}

//===--- Integers ------------------------------------------------------------===//
Value VectorBuilder::castU(Value value, Type type) {
  Type from = getElementTypeOrSelf(value.getType()), to = getElementTypeOrSelf(type);
  if (from == to)
    return value;
  if (from.isIndex() || to.isIndex())
    return createOrFold<arith::IndexCastUIOp>(type, value);
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return createOrFold<arith::ExtUIOp>(type, value);
  return createOrFold<arith::TruncIOp>(type, value);
}
Value VectorBuilder::castS(Value value, Type type) {
  Type from = getElementTypeOrSelf(value.getType()), to = getElementTypeOrSelf(type);
  if (from == to)
    return value;
  if (from.isIndex() || to.isIndex())
    return createOrFold<arith::IndexCastOp>(type, value);
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return createOrFold<arith::ExtSIOp>(type, value);
  return createOrFold<arith::TruncIOp>(type, value);
}

//===--- Floats --------------------------------------------------------------===//
Value VectorBuilder::maxF(Value a, Value b) {
  // What the instruction does: b where either is NaN. arith.maxnumf would become
  // three in arith-expand, whatever its flags.
  return select(cmpF(arith::CmpFPredicate::OGT, a, b), a, b);
}
Value VectorBuilder::reduceMaxF(Value vector) {
  // Other reductions keep rules for NaN or an order, which cost tens of
  // instructions.
  auto flags = arith::FastMathFlags::nnan | arith::FastMathFlags::nsz;
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXNUMF, vector, flags);
}
Value VectorBuilder::reduceAddF(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc);
}
Value VectorBuilder::fma(Value a, Value b, Value c) { return math::FmaOp::create(*this, a, b, c); }

//===--- Vectors -------------------------------------------------------------===//
Value VectorBuilder::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(*this, vec(lanes, scalar.getType()), scalar);
}
Value VectorBuilder::extract(Value vector, int64_t lane) {
  return vector::ExtractOp::create(*this, vector, lane);
}
Value VectorBuilder::shuffle(Value a, Value b, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(*this, a, b, lanes);
}
Value VectorBuilder::bitcast(Value vector, VectorType type) {
  return vector::BitCastOp::create(*this, type, vector);
}
Value VectorBuilder::bitsOf(Value mask) {
  int64_t lanes = cast<VectorType>(mask.getType()).getNumElements();
  return extract(bitcast(mask, vec(1, getIntegerType(lanes))), 0);
}
Value VectorBuilder::iota(int64_t lanes, Type element) {
  SmallVector<Attribute> values;
  for (int64_t i = 0; i < lanes; ++i)
    values.push_back(getIntegerAttr(element, i));
  return arith::ConstantOp::create(*this, DenseElementsAttr::get(vec(lanes, element), values));
}

Value VectorBuilder::lookUpBytes(Value table, Value indices) {
  bool isWide = cast<VectorType>(table.getType()).getNumElements() == 64;
  StringRef name = isWide ? "llvm.x86.avx512.pshuf.b.512" : "llvm.x86.avx2.pshuf.b";
  return LLVM::CallIntrinsicOp::create(*this, table.getType(), getStringAttr(name),
                                       ValueRange{table, indices})
      .getResult(0);
}
namespace {
/// Says that byte shuffles touch no memory: passes on buffers refuse ops of which
/// they know nothing.
struct IntrinsicEffects
    : MemoryEffectOpInterface::ExternalModel<IntrinsicEffects, LLVM::CallIntrinsicOp> {
  void getEffects(Operation *op, SmallVectorImpl<MemoryEffects::EffectInstance> &effects) const {
    if (cast<LLVM::CallIntrinsicOp>(op).getIntrin().contains(".pshuf.b"))
      return;
    effects.emplace_back(MemoryEffects::Read::get());
    effects.emplace_back(MemoryEffects::Write::get());
  }
};
} // namespace
void VectorBuilder::registerIntrinsicEffects(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LLVM::LLVMDialect *) {
    LLVM::CallIntrinsicOp::attachInterface<IntrinsicEffects>(*context);
  });
}

//===--- Memory --------------------------------------------------------------===//
Value VectorBuilder::dim(Value memref, int64_t position) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(position))
    return index(type.getDimSize(position));
  return memref::DimOp::create(*this, memref, position);
}
Value VectorBuilder::load(Value memref, ValueRange indices) {
  return memref::LoadOp::create(*this, memref, indices);
}
void VectorBuilder::store(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(*this, value, memref, indices);
}
Value VectorBuilder::loadVector(Value memref, ValueRange indices, int64_t lanes) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  return vector::LoadOp::create(*this, vec(lanes, element), memref, indices);
}
void VectorBuilder::storeVector(Value vector, Value memref, ValueRange indices) {
  vector::StoreOp::create(*this, vector, memref, indices);
}
void VectorBuilder::prefetch(Value memref, ValueRange indices) {
  memref::PrefetchOp::create(*this, memref, indices, /*isWrite=*/false, /*localityHint=*/3,
                             /*isDataCache=*/true);
}
Value VectorBuilder::stackBuffer(ArrayRef<int64_t> shape, Type element) {
  OpBuilder::InsertionGuard guard(*this);
  Operation *op = getInsertionBlock()->getParentOp();
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function)
    function = op->getParentOfType<func::FuncOp>();
  setInsertionPointToStart(&function.front());
  return memref::AllocaOp::create(*this, MemRefType::get(shape, element), getI64IntegerAttr(64));
}
Value VectorBuilder::heapBuffer(Value size, Type element) {
  // A known size belongs into the type: canonicalization would put it there and
  // lose the attribute.
  auto type = MemRefType::get({ShapedType::kDynamic}, element);
  std::optional<int64_t> known = getConstantIntValue(size);
  auto alloc =
      memref::AllocOp::create(*this, known ? MemRefType::get({*known}, element) : type,
                              known ? ValueRange() : ValueRange{size}, getI64IntegerAttr(64));
  alloc->setAttr(bufferization::BufferizationDialect::kManualDeallocation, getUnitAttr());
  return createOrFold<memref::CastOp>(type, alloc);
}
void VectorBuilder::freeBuffer(Value buffer) {
  auto dealloc = memref::DeallocOp::create(*this, buffer);
  dealloc->setAttr(bufferization::BufferizationDialect::kManualDeallocation, getUnitAttr());
}

//===--- Control flow --------------------------------------------------------===//
VectorBuilder::Values VectorBuilder::loop(Value begin, Value end, Value step, ValueRange init,
                                          function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      *this, begin, end, step, init,
      [&](OpBuilder &builder, Location loc, Value iv, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        Values yielded = body(iv, carried);
        scf::YieldOp::create(*this, yielded);
      });
  return loop.getResults();
}
void VectorBuilder::loop(Value begin, Value end, Value step, function_ref<void(Value iv)> body) {
  loop(begin, end, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return Values();
  });
}
VectorBuilder::Values VectorBuilder::whileLoop(ValueRange init,
                                               function_ref<Value(ValueRange)> condition,
                                               function_ref<Values(ValueRange)> body) {
  auto loop = scf::WhileOp::create(
      *this, init.getTypes(), init,
      [&](OpBuilder &builder, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        scf::ConditionOp::create(*this, condition(carried), carried);
      },
      [&](OpBuilder &builder, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        scf::YieldOp::create(*this, body(carried));
      });
  return loop.getResults();
}
void VectorBuilder::when(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}
VectorBuilder::Values VectorBuilder::branch(Value condition, function_ref<Values()> thenBody,
                                            function_ref<Values()> elseBody) {
  // The result types are known once a side is built; both are built detached.
  auto build = [&](function_ref<Values()> body) {
    return [this, body](OpBuilder &builder, Location) {
      OpBuilder::InsertionGuard guard(*this);
      setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
      scf::YieldOp::create(*this, body());
    };
  };
  auto branch = scf::IfOp::create(*this, condition, build(thenBody), build(elseBody));
  return branch.getResults();
}
