//===- KernelBuilder.cpp - Short forms for building GPU kernels -----------===//
#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;

static constexpr int64_t kFullWarp = -1;

KernelBuilder::KernelBuilder(gpu::GPUFuncOp func)
    : ImplicitLocOpBuilder(func.getLoc(), func.getContext()) {
  setInsertionPointToStart(&func.getBody().front());
}

Value KernelBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}
Value KernelBuilder::shl(Value a, int64_t bits) {
  return bits ? Value(arith::ShLIOp::create(*this, a, i32(bits))) : a;
}
Value KernelBuilder::shr(Value a, int64_t bits) {
  return bits ? Value(arith::ShRUIOp::create(*this, a, i32(bits))) : a;
}
Value KernelBuilder::popcount(Value value) { return math::CtPopOp::create(*this, value); }
Value KernelBuilder::toIndex(Value value) {
  if (value.getType().isIndex())
    return value;
  return arith::IndexCastUIOp::create(*this, getIndexType(), value);
}
Value KernelBuilder::toI32(Value index) {
  return arith::IndexCastUIOp::create(*this, getI32Type(), index);
}
Value KernelBuilder::plus(Value value, int64_t constant) {
  Value index = toIndex(value);
  return constant ? add(index, arith::ConstantIndexOp::create(*this, constant)) : index;
}

Value KernelBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(*this, a.getType(), a, b, c);
}
// arith.maxnumf becomes a call of libdevice.
Value KernelBuilder::maxF(Value a, Value b) {
  return LLVM::MaxNumOp::create(*this, a.getType(), a, b);
}
/// An intrinsic of one f32: upstream math ops take more instructions, or a library.
static Value callF32(KernelBuilder &b, StringRef name, Value value) {
  return LLVM::CallIntrinsicOp::create(b, b.getF32Type(), b.getStringAttr(name), value)
      .getResult(0);
}
Value KernelBuilder::exp2(Value value) {
  return callF32(*this, "llvm.nvvm.ex2.approx.ftz.f", value);
}
Value KernelBuilder::log2(Value value) {
  return callF32(*this, "llvm.nvvm.lg2.approx.ftz.f", value);
}
Value KernelBuilder::reciprocal(Value value) {
  return callF32(*this, "llvm.nvvm.rcp.approx.ftz.f", value);
}
/// An f8E4M3FN by integers: chips before sm_89 have no instruction.
static Value f8ToF32(KernelBuilder &b, Value value) {
  value = arith::BitcastOp::create(b, b.getI8Type(), value);
  value = arith::ExtUIOp::create(b, b.getI32Type(), value);
  Value exponent = b.band(b.shr(value, 3), b.i32(15)), mantissa = b.band(value, b.i32(7));
  Value isNormal = b.cmp(arith::CmpIPredicate::ne, exponent, b.i32(0));
  mantissa = b.select(isNormal, b.add(mantissa, b.i32(8)), mantissa);
  // The mantissa counts 2^(exponent - 7 - 3).
  exponent = b.add(b.maxS(exponent, b.i32(1)), b.i32(127 - 10));
  Value power = arith::BitcastOp::create(b, b.getF32Type(), b.shl(exponent, 23));
  Value magnitude = b.mulF(arith::UIToFPOp::create(b, b.getF32Type(), mantissa), power);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), magnitude);
  bits = b.add(bits, b.shl(b.band(value, b.i32(0x80)), 24));
  Value isNaN = b.cmp(arith::CmpIPredicate::eq, b.band(value, b.i32(0x7f)), b.i32(0x7f));
  bits = b.select(isNaN, b.i32(0x7fffffff), bits);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}
Value KernelBuilder::toF32(Value value) {
  Type type = value.getType();
  if (type.isF32())
    return value;
  if (isa<Float8E4M3FNType>(type))
    return f8ToF32(*this, value);
  if (isa<IntegerType>(type))
    return arith::SIToFPOp::create(*this, getF32Type(), value);
  return arith::ExtFOp::create(*this, getF32Type(), value);
}
Value KernelBuilder::fromF32(Value value, Type type) {
  return type.isF32() ? value : arith::TruncFOp::create(*this, type, value);
}

Value KernelBuilder::threadX(int64_t blockSize) {
  return toI32(gpu::ThreadIdOp::create(*this, gpu::Dimension::x, getIndexAttr(blockSize)));
}
Value KernelBuilder::blockId(gpu::Dimension dimension) {
  return toI32(gpu::BlockIdOp::create(*this, dimension));
}
Value KernelBuilder::gridSize(gpu::Dimension dimension) {
  return toI32(gpu::GridDimOp::create(*this, dimension));
}
/// Whether the chip of the kernel that is being built has griddepcontrol.
static bool hasGridDependencies(KernelBuilder &b) {
  auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
  StringRef chip = cast<NVVM::NVVMTargetAttr>((*module.getTargets())[0]).getChip();
  unsigned number = 0;
  chip.drop_front(3).consumeInteger(10, number);
  return number >= 90;
}
void KernelBuilder::launchDependents() {
  if (hasGridDependencies(*this))
    inlineAsm("griddepcontrol.launch_dependents;");
}
// LLVM takes its own intrinsic for one that leaves memory alone, and moves loads
// over it.
void KernelBuilder::waitForPrevious() {
  if (hasGridDependencies(*this))
    inlineAsm("griddepcontrol.wait;");
}
void KernelBuilder::inlineAsm(StringRef text) {
  LLVM::InlineAsmOp::create(
      *this, TypeRange(), ValueRange(), text, "~{memory}",
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr());
}
SmallVector<Value> KernelBuilder::inlineAsm(StringRef text, StringRef constraints,
                                            TypeRange results, ValueRange operands) {
  Type type = results.size() == 1
                  ? results[0]
                  : Type(LLVM::LLVMStructType::getLiteral(getContext(), llvm::to_vector(results)));
  // As side effects they keep their order, and stay behind `waitForPrevious`.
  Value result = LLVM::InlineAsmOp::create(
                     *this, type, operands, text, constraints, /*has_side_effects=*/true,
                     /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
                     LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr())
                     .getRes();
  if (results.size() == 1)
    return {result};
  SmallVector<Value> values;
  for (int64_t i = 0, e = results.size(); i < e; ++i)
    values.push_back(LLVM::ExtractValueOp::create(*this, result, i));
  return values;
}
Value KernelBuilder::shuffleIdx(Value value, Value lane) {
  return gpu::ShuffleOp::create(*this, value, lane, i32(32), gpu::ShuffleMode::IDX)
      .getShuffleResult();
}
Value KernelBuilder::any(Value predicate) {
  return NVVM::VoteSyncOp::create(*this, getI1Type(), i32(kFullWarp), predicate,
                                  NVVM::VoteSyncKind::any);
}
Value KernelBuilder::shuffleXor(Value value, int64_t mask) {
  return gpu::ShuffleOp::create(*this, value, mask, 32, gpu::ShuffleMode::XOR).getShuffleResult();
}
Value KernelBuilder::ballot(Value predicate) {
  return NVVM::VoteSyncOp::create(*this, getI32Type(), i32(kFullWarp), predicate,
                                  NVVM::VoteSyncKind::ballot);
}
Value KernelBuilder::warpReduce(NVVM::ReduxKind kind, Value value) {
  return NVVM::ReduxOp::create(*this, getI32Type(), value, kind, i32(kFullWarp));
}

Value KernelBuilder::warpScan(Value value, Value lane) {
  for (int64_t delta = 1; delta < 32; delta *= 2) {
    Value lower =
        gpu::ShuffleOp::create(*this, value, delta, 32, gpu::ShuffleMode::UP).getShuffleResult();
    Value inside = cmp(arith::CmpIPredicate::uge, lane, i32(delta));
    value = add(value, select(inside, lower, i32(0)));
  }
  return value;
}
Value KernelBuilder::isLastBlock(Value counters, Value index, Value count, Value thread,
                                 Value flag) {
  barrier();
  when(cmp(arith::CmpIPredicate::eq, thread, i32(0)), [&] {
    // The fences order this CTA's writes, known to this thread by the barrier,
    // before its arrival, and all arrivals before its reads.
    LLVM::FenceOp::create(*this, LLVM::AtomicOrdering::acq_rel, "device");
    Value last = sub(count, i32(1));
    Value arrived = atomicUpdate(LLVM::AtomicBinOp::uinc_wrap, last, counters, index);
    LLVM::FenceOp::create(*this, LLVM::AtomicOrdering::acq_rel, "device");
    Value isLast = cmp(arith::CmpIPredicate::eq, arrived, last);
    store(arith::ExtUIOp::create(*this, getI32Type(), isLast), flag, i32(0));
  });
  barrier();
  return cmp(arith::CmpIPredicate::ne, load(flag, i32(0)), i32(0));
}

void KernelBuilder::multiply(MutableArrayRef<Value> c, ArrayRef<Value> a, ArrayRef<Value> rows,
                             bool bf16) {
  auto operands = [&](ArrayRef<Value> words) {
    SmallVector<Value> values(words);
    if (!bf16)
      for (Value &value : values)
        value = LLVM::BitcastOp::create(*this, VectorType::get({2}, getF16Type()), value);
    return values;
  };
  Type f32 = getF32Type();
  auto result = LLVM::LLVMStructType::getLiteral(getContext(), {f32, f32, f32, f32});
  NVVM::MMATypes type = bf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value sums = NVVM::MmaOp::create(
      *this, result, operands(a), operands(rows), ValueRange(c), ArrayRef<int64_t>{16, 8, 16},
      std::nullopt, std::nullopt, std::array<NVVM::MMATypes, 2>{type, type},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    c[i] = LLVM::ExtractValueOp::create(*this, sums, i);
}

Value KernelBuilder::view(Value pointer, Value offset, Value size) {
  Type element = cast<MemRefType>(pointer.getType()).getElementType();
  auto layout = StridedLayoutAttr::get(getContext(), ShapedType::kDynamic, {1});
  auto type = MemRefType::get({ShapedType::kDynamic}, element, layout);
  return memref::ReinterpretCastOp::create(*this, type, pointer, OpFoldResult(offset),
                                           ArrayRef<OpFoldResult>{size},
                                           ArrayRef<OpFoldResult>{getIndexAttr(1)});
}
Value KernelBuilder::load(Value memref, Value index) {
  return memref::LoadOp::create(*this, memref, toIndex(index));
}
void KernelBuilder::store(Value value, Value memref, Value index) {
  memref::StoreOp::create(*this, value, memref, toIndex(index));
}
SmallVector<Value> KernelBuilder::loadVector(Value memref, Value index, int64_t size,
                                             int64_t alignment) {
  auto type = VectorType::get({size}, cast<MemRefType>(memref.getType()).getElementType());
  Value vector = vector::LoadOp::create(*this, type, memref, toIndex(index),
                                        /*nontemporal=*/false, llvm::MaybeAlign(alignment));
  SmallVector<Value> values;
  for (int64_t i = 0; i < size; ++i)
    values.push_back(vector::ExtractOp::create(*this, vector, i));
  return values;
}
void KernelBuilder::storeVector(ValueRange values, Value memref, Value index, int64_t alignment) {
  auto type = VectorType::get({static_cast<int64_t>(values.size())}, values[0].getType());
  Value vector = vector::FromElementsOp::create(*this, type, values);
  vector::StoreOp::create(*this, vector, memref, toIndex(index), /*nontemporal=*/false,
                          llvm::MaybeAlign(alignment));
}
Value KernelBuilder::atomicUpdate(LLVM::AtomicBinOp op, Value value, Value memref, Value index) {
  auto space =
      dyn_cast_or_null<gpu::AddressSpaceAttr>(cast<MemRefType>(memref.getType()).getMemorySpace());
  bool shared = space && space.getValue() == gpu::AddressSpace::Workgroup;
  assert(cast<MemRefType>(memref.getType()).getLayout().isIdentity() &&
         "the pointer of a view lacks its offset");
  // LLVM folds the way back from the integer, so the pointer keeps its origin.
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(*this, memref);
  address = arith::IndexCastOp::create(*this, getI64Type(), address);
  auto pointerType = LLVM::LLVMPointerType::get(
      getContext(), static_cast<unsigned>(shared ? NVVM::NVVMMemorySpace::Shared
                                                 : NVVM::NVVMMemorySpace::Generic));
  Value base = LLVM::IntToPtrOp::create(*this, pointerType, address);
  Value offset = index.getType().isIndex()
                     ? Value(arith::IndexCastOp::create(*this, getI64Type(), index))
                     : Value(arith::ExtUIOp::create(*this, getI64Type(), index));
  Value pointer =
      LLVM::GEPOp::create(*this, pointerType, getI32Type(), base, ArrayRef<LLVM::GEPArg>{offset});
  return LLVM::AtomicRMWOp::create(*this, op, pointer, value, LLVM::AtomicOrdering::monotonic,
                                   shared ? "block" : "device");
}

SmallVector<Value> KernelBuilder::loop(Value begin, Value end, Value step, ValueRange init,
                                       LoopBody body, bool unroll) {
  auto loop = scf::ForOp::create(
      *this, begin, end, step, init,
      [&](OpBuilder &builder, Location loc, Value iv, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        SmallVector<Value> yielded = body(iv, carried);
        builder.setInsertionPointToEnd(builder.getInsertionBlock());
        scf::YieldOp::create(builder, loc, yielded);
      });
  if (!unroll) {
    auto disable =
        LLVM::LoopUnrollAttr::get(getContext(), getBoolAttr(true), {}, {}, {}, {}, {}, {});
    auto annotation = LLVM::LoopAnnotationAttr::get(getContext(), {}, {}, {}, disable, {}, {}, {},
                                                    {}, {}, {}, {}, {}, {}, {}, {});
    loop->setAttr("loop_annotation", annotation); // as llvm.br spells it
  }
  return loop.getResults();
}
void KernelBuilder::loop(Value begin, Value end, Value step, function_ref<void(Value iv)> body) {
  loop(begin, end, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}
void KernelBuilder::when(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

MemRefType mlir::dashkv::getSharedType(MLIRContext *context, int64_t size) {
  auto space = gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  // LLVM reads up to the alignment where a load is cheaper so.
  size = llvm::alignTo(size, 4);
  return MemRefType::get({size}, IntegerType::get(context, 32), MemRefLayoutAttrInterface(), space);
}
