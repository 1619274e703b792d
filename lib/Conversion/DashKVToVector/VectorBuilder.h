//===- VectorBuilder.h - Short forms for building CPU kernels ---*- C++ -*-===//
//
// Kernels are written op by op: indices are `index`, memory is memrefs whose
// last dim is contiguous, vectors have one dim. Loops are never unrolled by LLVM
// (Optimize.h); what must be unrolled is emitted so.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_VECTORBUILDER_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_VECTORBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dashkv {

class VectorBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  //===--- Constants -------------------------------------------------------===//
  Value index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
  /// A scalar or splat of an integer or float type.
  Value constant(Type type, double value);
  Value constant(Type type, int64_t value);
  Value constant(Type type, int value) { return constant(type, static_cast<int64_t>(value)); }

  //===--- Integers: scalars, indices, vectors -----------------------------===//
  Value add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
  Value sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
  Value mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
  Value band(Value a, Value b) { return createOrFold<arith::AndIOp>(a, b); }
  Value bor(Value a, Value b) { return createOrFold<arith::OrIOp>(a, b); }
  Value bxor(Value a, Value b) { return createOrFold<arith::XOrIOp>(a, b); }
  Value minS(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
  Value maxS(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }
  Value minU(Value a, Value b) { return createOrFold<arith::MinUIOp>(a, b); }
  Value shl(Value a, Value bits) { return createOrFold<arith::ShLIOp>(a, bits); }
  Value shrU(Value a, Value bits) { return createOrFold<arith::ShRUIOp>(a, bits); }
  Value add(Value a, int64_t b) { return b ? add(a, constant(a.getType(), b)) : a; }
  Value sub(Value a, int64_t b) { return b ? sub(a, constant(a.getType(), b)) : a; }
  Value mul(Value a, int64_t b) { return mul(a, constant(a.getType(), b)); }
  Value shl(Value a, int64_t bits) { return shl(a, constant(a.getType(), bits)); }
  Value shrU(Value a, int64_t bits) { return shrU(a, constant(a.getType(), bits)); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return createOrFold<arith::CmpIOp>(predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return createOrFold<arith::SelectOp>(condition, a, b);
  }
  /// Integer or index to an integer type or index, zero- or sign-extended.
  Value castU(Value value, Type type);
  Value castS(Value value, Type type);
  /// (a + b - 1) / b and a / b of values that are not negative.
  Value ceilDiv(Value a, Value b) { return createOrFold<arith::CeilDivUIOp>(a, b); }
  Value div(Value a, Value b) { return createOrFold<arith::DivUIOp>(a, b); }

  //===--- Floats ----------------------------------------------------------===//
  Value addF(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
  Value subF(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
  Value mulF(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
  /// The larger one, where no NaN occurs: one instruction.
  Value maxF(Value a, Value b);
  /// The largest lane and the sum of the lanes of a vector, in any order.
  Value reduceMaxF(Value vector);
  Value reduceAddF(Value vector);
  Value cmpF(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }
  /// a * b + c in one rounding.
  Value fma(Value a, Value b, Value c);

  //===--- Vectors ---------------------------------------------------------===//
  VectorType vec(int64_t lanes, Type element) { return VectorType::get({lanes}, element); }
  VectorType f32s(int64_t lanes) { return vec(lanes, getF32Type()); }
  VectorType bytes(int64_t lanes) { return vec(lanes, getI8Type()); }
  Value splat(Value scalar, int64_t lanes);
  Value extract(Value vector, int64_t lane);
  Value shuffle(Value a, Value b, ArrayRef<int64_t> lanes);
  Value bitcast(Value vector, VectorType type);
  /// Bits of a mask `vector<Nxi1>` as one integer `iN`, lane 0 lowest.
  Value bitsOf(Value mask);
  /// 0, 1, ... lanes - 1.
  Value iota(int64_t lanes, Type element);
  /// `table[16 * (i / 16) + indices[i] mod 16]` for each byte i of 32 or 64, 0 where
  /// the highest bit of the index is set: one instruction.
  Value lookUpBytes(Value table, Value indices);
  /// Tells passes what `lookUpBytes` touches: no memory.
  static void registerIntrinsicEffects(DialectRegistry &registry);

  //===--- Memory ----------------------------------------------------------===//
  Value dim(Value memref, int64_t position);
  Value load(Value memref, ValueRange indices);
  void store(Value value, Value memref, ValueRange indices);
  Value loadVector(Value memref, ValueRange indices, int64_t lanes);
  void storeVector(Value vector, Value memref, ValueRange indices);
  /// Asks for the cache line of an element to be read soon. An address past the
  /// end of the buffer does no harm.
  void prefetch(Value memref, ValueRange indices);
  /// A buffer on the stack, aligned to 64 bytes: at the head of the function,
  /// whatever loop the builder stands in.
  Value stackBuffer(ArrayRef<int64_t> shape, Type element);
  /// A buffer on the heap that `freeBuffer` gives back.
  Value heapBuffer(Value size, Type element);
  void freeBuffer(Value buffer);

  //===--- Control flow ----------------------------------------------------===//
  using Values = SmallVector<Value>;
  /// `for (iv = begin; iv < end; iv += step)` with values carried from one
  /// iteration to the next.
  Values loop(Value begin, Value end, Value step, ValueRange init,
              function_ref<Values(Value iv, ValueRange carried)> body);
  void loop(Value begin, Value end, Value step, function_ref<void(Value iv)> body);
  /// From 0 to `end` by 1.
  void loop(Value end, function_ref<void(Value iv)> body) { loop(index(0), end, index(1), body); }
  /// `while (condition(carried)) carried = body(carried)`
  Values whileLoop(ValueRange init, function_ref<Value(ValueRange carried)> condition,
                   function_ref<Values(ValueRange carried)> body);
  void when(Value condition, function_ref<void()> body);
  Values branch(Value condition, function_ref<Values()> thenBody, function_ref<Values()> elseBody);
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_VECTORBUILDER_H
