//===- KernelBuilder.h - Short forms for building GPU kernels ---*- C++ -*-===//
//
// The emitters of this folder write kernels op by op: index math in i32, memory
// through memrefs, atomics through LLVM pointers because only those can be
// relaxed.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELBUILDER_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dashkv {

class KernelBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  /// At the start of a kernel.
  explicit KernelBuilder(gpu::GPUFuncOp func);

  //===--- Scalars ---------------------------------------------------------===//
  Value i32(int64_t value);
  Value i1(bool value) { return arith::ConstantOp::create(*this, getBoolAttr(value)); }
  Value add(Value a, Value b) { return arith::AddIOp::create(*this, a, b); }
  Value sub(Value a, Value b) { return arith::SubIOp::create(*this, a, b); }
  Value mul(Value a, Value b) { return arith::MulIOp::create(*this, a, b); }
  Value band(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
  Value bor(Value a, Value b) { return arith::OrIOp::create(*this, a, b); }
  Value bxor(Value a, Value b) { return arith::XOrIOp::create(*this, a, b); }
  Value shl(Value a, int64_t bits);
  Value shr(Value a, int64_t bits); ///< unsigned
  Value minS(Value a, Value b) { return arith::MinSIOp::create(*this, a, b); }
  Value maxS(Value a, Value b) { return arith::MaxSIOp::create(*this, a, b); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value popcount(Value value);
  Value divU(Value a, Value b) { return arith::DivUIOp::create(*this, a, b); }
  Value remU(Value a, Value b) { return arith::RemUIOp::create(*this, a, b); }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }

  //===--- f32, denormals flushed ------------------------------------------===//
  Value f32(float value);
  Value addF(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
  Value subF(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
  Value mulF(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
  Value fma(Value a, Value b, Value c);
  /// The other one where one is NaN.
  Value maxF(Value a, Value b);
  Value cmpF(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }
  /// Approximate, to about 2 ulp.
  Value exp2(Value value);
  Value log2(Value value);
  Value reciprocal(Value value);
  /// Of f16, bf16, f8E4M3FN or a signed integer.
  Value toF32(Value value);
  /// To f16 or bf16.
  Value fromF32(Value value, Type type);
  /// An i32 that is not negative as an index, and back.
  Value toIndex(Value value);
  Value toI32(Value index);
  /// `value` (i32, not negative) plus a constant, as an index.
  Value plus(Value value, int64_t constant);

  //===--- The machine -----------------------------------------------------===//
  Value threadX(int64_t blockSize);
  Value blockId(gpu::Dimension dimension);
  Value gridSize(gpu::Dimension dimension);
  void barrier() { gpu::BarrierOp::create(*this); }
  /// The same among the lanes of a warp, all of which take part.
  void syncWarp() { NVVM::SyncWarpOp::create(*this, i32(-1)); }
  /// Lets the next kernel of the stream start, which waits where it must. Nothing
  /// on chips before sm_90.
  void launchDependents();
  /// Waits until all that earlier kernels have written is there, and they are
  /// done with what this one writes.
  void waitForPrevious();
  /// An instruction without operands, which memory accesses do not pass.
  void inlineAsm(StringRef text);
  /// An instruction with operands that has no effect but its results, which are
  /// registers of 32 bits if several. Stays in its place among its like.
  SmallVector<Value> inlineAsm(StringRef text, StringRef constraints, TypeRange results,
                               ValueRange operands);
  /// `value` of lane `lane xor mask`, of 32 bits.
  Value shuffleXor(Value value, int64_t mask);
  /// `value` of lane `lane` (i32), of 32 bits.
  Value shuffleIdx(Value value, Value lane);
  /// Whether `predicate` holds in any lane; all lanes take part.
  Value any(Value predicate);
  /// Bit i of the result is `predicate` of lane i; all lanes take part.
  Value ballot(Value predicate);
  /// `value` (i32) reduced over all lanes of the warp, in every lane.
  Value warpReduce(NVVM::ReduxKind kind, Value value);
  /// The sum of `value` (i32) over the lanes up to this one.
  Value warpScan(Value value, Value lane);
  /// Whether this CTA is the last of `count` that get here, in every thread: it
  /// then sees what the others wrote before. `counters[index]` is 0 before and
  /// after all of them; `flag` is a shared i32 that nothing else uses.
  Value isLastBlock(Value counters, Value index, Value count, Value thread, Value flag);

  /// c += a b of 16x16 and 16x8 over a warp, by tensor cores: `a` and `rows` are
  /// registers of two f16 or bf16, c of f32.
  void multiply(MutableArrayRef<Value> c, ArrayRef<Value> a, ArrayRef<Value> rows, bool bf16);

  //===--- Memory ----------------------------------------------------------===//
  /// The elements of a bare pointer (a memref of one element) from `offset` on,
  /// both indices.
  Value view(Value pointer, Value offset, Value size);
  /// Element `index` (i32 or index) of a memref of rank 1.
  Value load(Value memref, Value index);
  void store(Value value, Value memref, Value index);
  /// `size` elements from `index` on as scalars, by one load of `alignment`
  /// bytes: without it LLVM loads element by element.
  SmallVector<Value> loadVector(Value memref, Value index, int64_t size, int64_t alignment);
  void storeVector(ValueRange values, Value memref, Value index, int64_t alignment);
  /// Relaxed `memref[index] op= value` on i32. Shared memory when `memref` is a
  /// workgroup buffer, else global memory at device scope; not on a view.
  void atomic(LLVM::AtomicBinOp op, Value value, Value memref, Value index) {
    atomicUpdate(op, value, memref, index);
  }
  /// The same; returns the value before.
  Value atomicUpdate(LLVM::AtomicBinOp op, Value value, Value memref, Value index);

  //===--- Control flow ----------------------------------------------------===//
  using LoopBody = function_ref<SmallVector<Value>(Value iv, ValueRange carried)>;
  /// `for (iv = begin; iv < end; iv += step)` over i32. LLVM may unroll it only
  /// if `unroll`: registers are counted, and hot bodies are unrolled as emitted.
  SmallVector<Value> loop(Value begin, Value end, Value step, ValueRange init, LoopBody body,
                          bool unroll = false);
  void loop(Value begin, Value end, Value step, function_ref<void(Value iv)> body);
  void when(Value condition, function_ref<void()> body);
};

/// A workgroup buffer of at least `size` i32, in whole 16 bytes.
MemRefType getSharedType(MLIRContext *context, int64_t size);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELBUILDER_H
