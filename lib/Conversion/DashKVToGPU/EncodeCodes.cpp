//===- EncodeCodes.cpp - What encoder kernels share -----------------------===//
//
// Arguments, activations, and the way from values to codes.
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

EncoderArguments::EncoderArguments(KernelBuilder &b, const EncoderSpec &spec,
                                   ValueRange &arguments) {
  auto next = [&] {
    Value value = arguments.front();
    arguments = arguments.drop_front();
    return value;
  };
  auto operand = [&](unsigned strides) {
    EncoderOperand operand{next(), b.toIndex(next()), {}};
    for (unsigned i = 0; i < strides; ++i)
      operand.strides.push_back(b.toIndex(next()));
    return operand;
  };
  input = operand(4);
  for (const EncoderLayer &layer : spec.layers) {
    weights.push_back(operand(layer.vector ? 0 : 3));
    biases.push_back(layer.bias ? operand(1) : EncoderOperand());
  }
  codes = operand(4);
  scale = spec.hasScale ? operand(3) : EncoderOperand();
  codeHeads = next();
  queries = next();
  sharing = next();
}

Value mlir::dashkv::getAddress(KernelBuilder &b, const EncoderOperand &operand,
                               ValueRange indices) {
  Value address = operand.offset;
  for (auto [index, stride] : llvm::zip(indices, operand.strides))
    address = b.add(address, b.mul(b.toIndex(index), stride));
  return address;
}

EncoderRow mlir::dashkv::getEncoderRow(KernelBuilder &b, const EncoderArguments &arguments,
                                       Value row, Value head) {
  Value vector = b.divU(row, arguments.queries);
  Value query = b.sub(row, b.mul(vector, arguments.queries));
  if (head)
    return {vector, head, query};
  Value batch = b.divU(vector, arguments.codeHeads);
  return {batch, b.sub(vector, b.mul(batch, arguments.codeHeads)), query};
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

static constexpr float kLog2E = 1.44269504f;

/// The value whose sign bit is that of `sign` and whose others are of `magnitude`.
static Value copySign(KernelBuilder &b, Value magnitude, Value sign) {
  Type i32 = b.getI32Type();
  Value bits = arith::BitcastOp::create(b, i32, sign);
  Value value = arith::BitcastOp::create(b, i32, magnitude);
  bits = b.band(bits, b.i32(std::numeric_limits<int32_t>::min()));
  value = arith::OrIOp::create(b, value, bits);
  return arith::BitcastOp::create(b, b.getF32Type(), value);
}

/// |x|; the ops for it do not legalise, or call a library.
static Value getMagnitude(KernelBuilder &b, Value x) {
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  bits = b.band(bits, b.i32(std::numeric_limits<int32_t>::max()));
  return arith::BitcastOp::create(b, x.getType(), bits);
}

/// x / (1 + exp(-x)); where the exponential is infinite, 0.
static Value emitSilu(KernelBuilder &b, Value x) {
  Value decay = b.exp2(b.mulF(x, b.f32(-kLog2E)));
  return b.mulF(x, b.reciprocal(b.addF(decay, b.f32(1))));
}

/// (1 - e) / (1 + e) with e = exp(-2 |x|), and where that would cancel a
/// polynomial with the coefficients of Cephes (tanhf.c).
static Value emitTanh(KernelBuilder &b, Value x) {
  Value magnitude = getMagnitude(b, x), one = b.f32(1);
  Value decay = b.exp2(b.mulF(magnitude, b.f32(-2 * kLog2E)));
  Value large = b.mulF(b.subF(one, decay), b.reciprocal(b.addF(one, decay)));
  large = copySign(b, large, x);
  Value square = b.mulF(x, x), small = b.f32(-5.70498872745e-3f);
  for (float c : {2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f})
    small = b.fma(small, square, b.f32(c));
  small = b.fma(b.mulF(small, square), x, x);
  return b.select(b.cmpF(CmpFPredicate::OLT, magnitude, b.f32(0.625f)), small, large);
}

Value mlir::dashkv::emitActivation(KernelBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::Relu: // NaN stays
    return b.select(b.cmpF(CmpFPredicate::OLT, x, b.f32(0)), b.f32(0), x);
  case Activation::Silu:
    return emitSilu(b, x);
  case Activation::Tanh:
    return emitTanh(b, x);
  }
  llvm_unreachable("covered switch");
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

static constexpr int64_t kLanes = 32;

namespace {
/// A warp that turns the values of one row into its code.
struct CodeEmitter {
  KernelBuilder &b;
  const EncoderSpec &spec;
  const EncoderArguments &arguments;
  const EncoderRow &row;
  ArrayRef<Value> values;
  Value lane;

  void storePacked();
  void storeWeighted();
  void storeScale(Value scale);
  Value getCodes();
};
} // namespace

Value CodeEmitter::getCodes() {
  Value offset = getAddress(b, arguments.codes, {row.batch, row.head, row.query});
  return b.view(arguments.codes.pointer, offset, b.toIndex(b.i32(1)));
}

void CodeEmitter::storeScale(Value scale) {
  if (!spec.hasScale)
    return;
  Value offset = getAddress(b, arguments.scale, {row.batch, row.head, row.query});
  b.when(b.cmp(CmpIPredicate::eq, lane, b.i32(0)), [&] {
    b.store(scale, b.view(arguments.scale.pointer, offset, b.toIndex(b.i32(1))), b.i32(0));
  });
}

/// Lane i stores byte i, so that codes may lie on any address.
void CodeEmitter::storePacked() {
  Value word;
  for (auto [i, value] : llvm::enumerate(values)) {
    Value bits = b.ballot(b.cmpF(CmpFPredicate::OGT, value, b.f32(0)));
    word = word ? b.select(b.cmp(CmpIPredicate::uge, lane, b.i32(4 * i)), bits, word) : bits;
  }
  Value shift = b.shl(b.band(lane, b.i32(3)), 3);
  Value byte = arith::ShRUIOp::create(b, word, shift);
  byte = arith::TruncIOp::create(b, b.getI8Type(), byte);
  Value codes = getCodes();
  b.when(b.cmp(CmpIPredicate::ult, lane, b.i32(spec.getBits() / 8)),
         [&] { b.store(byte, codes, b.mul(b.toIndex(lane), arguments.codes.strides.back())); });
  storeScale(b.f32(1));
}

/// min(levels, floor(|z| s)) with s = min((levels + 1) / max|z|, 126 / sum|z|).
void CodeEmitter::storeWeighted() {
  constexpr float largestFinite = std::numeric_limits<float>::max();
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value zero = b.f32(0), largest, total;
  SmallVector<Value> magnitudes;
  for (Value value : values) {
    // NaN counts as 0 and infinities as the largest finite value.
    Value magnitude = getMagnitude(b, value);
    Value isLarge = b.cmpF(CmpFPredicate::OGT, magnitude, b.f32(largestFinite));
    magnitude = b.select(isLarge, b.f32(largestFinite), magnitude);
    magnitude = b.select(b.cmpF(CmpFPredicate::UNO, value, value), zero, magnitude);
    magnitudes.push_back(magnitude);
    largest = largest ? b.maxF(largest, magnitude) : magnitude;
    total = total ? b.addF(total, magnitude) : magnitude;
  }
  // Numbers that are not negative are in the order of their bits.
  largest = arith::BitcastOp::create(b, i32, largest);
  largest = b.warpReduce(NVVM::ReduxKind::UMAX, largest);
  largest = arith::BitcastOp::create(b, f32, largest);
  for (int64_t mask = kLanes / 2; mask > 0; mask /= 2)
    total = b.addF(total, b.shuffleXor(total, mask));

  auto least = [&](Value x, Value y) { return b.select(b.cmpF(CmpFPredicate::OLT, x, y), x, y); };
  Value byLargest = arith::DivFOp::create(b, b.f32(spec.levels + 1), largest);
  Value byTotal = arith::DivFOp::create(b, b.f32(126), total);
  Value s = least(least(byLargest, byTotal), b.f32(largestFinite));
  Value codes = getCodes();
  for (auto [i, value, magnitude] : llvm::enumerate(values, magnitudes)) {
    // No rounding of s lets the product pass levels + 2.
    Value weight = arith::FPToSIOp::create(b, i32, b.mulF(magnitude, s));
    weight = b.minS(weight, b.i32(spec.levels));
    Value negated = b.sub(b.i32(0), weight);
    weight = b.select(b.cmpF(CmpFPredicate::OLT, value, zero), negated, weight);
    weight = arith::TruncIOp::create(b, b.getI8Type(), weight);
    auto store = [&, index = kLanes * i] {
      b.store(weight, codes, b.mul(b.plus(lane, index), arguments.codes.strides.back()));
    };
    int64_t left = spec.getBits() - kLanes * i;
    if (left >= kLanes)
      store();
    else
      b.when(b.cmp(CmpIPredicate::ult, lane, b.i32(left)), store);
  }
  Value isZero = b.cmpF(CmpFPredicate::OEQ, largest, zero);
  storeScale(b.select(isZero, zero, arith::DivFOp::create(b, b.f32(1), s)));
}

SmallVector<Value> mlir::dashkv::loadCodeValues(KernelBuilder &b, const EncoderSpec &spec,
                                                Value shared, Value begin, Value lane) {
  SmallVector<Value> values;
  for (int64_t i = 0, left = spec.getBits(); left > 0; i += kLanes, left -= kLanes) {
    Value index = left < kLanes ? b.minS(lane, b.i32(left - 1)) : lane;
    Value value = b.load(shared, b.plus(b.add(begin, index), i));
    if (left < kLanes)
      value = b.select(b.cmp(CmpIPredicate::ult, lane, b.i32(left)), value, b.f32(0));
    values.push_back(value);
  }
  return values;
}

void mlir::dashkv::emitCode(KernelBuilder &b, const EncoderSpec &spec,
                            const EncoderArguments &arguments, const EncoderRow &row,
                            ArrayRef<Value> values, Value lane) {
  CodeEmitter emitter{b, spec, arguments, row, values, lane};
  if (spec.levels == 1)
    emitter.storePacked();
  else
    emitter.storeWeighted();
}
