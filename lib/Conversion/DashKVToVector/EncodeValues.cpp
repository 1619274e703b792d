//===- EncodeValues.cpp - Rows of values, activations, codes --------------===//
#include "EncodeValues.h"
#include "Exp.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpFPredicate;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

SmallVector<Piece> mlir::dashkv::getPieces(int64_t size, int64_t lanes) {
  SmallVector<Piece> pieces;
  for (int64_t offset = 0; offset < size; offset += lanes) {
    while (lanes > size - offset)
      lanes /= 2;
    pieces.push_back({offset, lanes});
  }
  return pieces;
}

void mlir::dashkv::forEachPiece(VectorBuilder &b, int64_t size, int64_t lanes,
                                function_ref<void(Value, int64_t)> body) {
  b.loop(b.index(0), b.index(size / lanes * lanes), b.index(lanes),
         [&](Value offset) { body(offset, lanes); });
  for (const Piece &piece : getPieces(size, lanes))
    if (piece.lanes < lanes)
      body(b.index(piece.offset), piece.lanes);
}

Value mlir::dashkv::loadF32(VectorBuilder &b, Value memref, ValueRange indices, int64_t lanes) {
  Value value = b.loadVector(memref, indices, lanes);
  if (cast<VectorType>(value.getType()).getElementType().isF32())
    return value;
  return arith::ExtFOp::create(b, b.f32s(lanes), value);
}

Value mlir::dashkv::getRow(VectorBuilder &b, Value buffer, Value row) {
  int64_t size = cast<MemRefType>(buffer.getType()).getDimSize(1);
  SmallVector<OpFoldResult> offsets = {row, b.getIndexAttr(0)},
                            sizes = {b.getIndexAttr(1), b.getIndexAttr(size)},
                            strides(2, b.getIndexAttr(1));
  MemRefType type = memref::SubViewOp::inferRankReducedResultType(
      {size}, cast<MemRefType>(buffer.getType()), offsets, sizes, strides);
  return memref::SubViewOp::create(b, type, buffer, offsets, sizes, strides);
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// exp(-x) for x >= 0; NaN stays.
static Value emitDecay(VectorBuilder &b, Value x, double factor) {
  return emitExp(b, b.mulF(x, b.constant(x.getType(), -factor)));
}

/// x / (1 + exp(-x)), with the exponential of a number below 0.
static Value emitSilu(VectorBuilder &b, Value x) {
  Value one = b.constant(x.getType(), 1.0), zero = b.constant(x.getType(), 0.0);
  Value decay = emitDecay(b, math::AbsFOp::create(b, x), 1);
  Value isNegative = b.cmpF(CmpFPredicate::OLT, x, zero);
  Value numerator = b.mulF(x, b.select(isNegative, decay, one));
  return arith::DivFOp::create(b, numerator, b.addF(decay, one));
}

/// (1 - e) / (1 + e) with e = exp(-2 |x|), and where that would cancel a
/// polynomial with the coefficients of Cephes (tanhf.c).
static Value emitTanh(VectorBuilder &b, Value x) {
  Type type = x.getType();
  Value one = b.constant(type, 1.0), magnitude = math::AbsFOp::create(b, x);
  Value decay = emitDecay(b, magnitude, 2);
  Value large = arith::DivFOp::create(b, b.subF(one, decay), b.addF(one, decay));
  large = math::CopySignOp::create(b, large, x);
  Value square = b.mulF(x, x), small = b.constant(type, -5.70498872745e-3);
  for (double c : {2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1})
    small = b.fma(small, square, b.constant(type, c));
  small = b.fma(b.mulF(small, square), x, x);
  Value isSmall = b.cmpF(CmpFPredicate::OLT, magnitude, b.constant(type, 0.625));
  return b.select(isSmall, small, large);
}

Value mlir::dashkv::emitActivate(VectorBuilder &b, Activation activation, Value x) {
  Value zero = b.constant(x.getType(), 0.0);
  if (activation == Activation::Relu) // NaN stays
    return b.select(b.cmpF(CmpFPredicate::OLT, x, zero), zero, x);
  Value y = activation == Activation::Silu ? emitSilu(b, x) : emitTanh(b, x);
  return b.select(b.cmpF(CmpFPredicate::UNO, x, x), x, y);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

static SmallVector<Value> append(ValueRange row, Value last) {
  SmallVector<Value> indices(row);
  indices.push_back(last);
  return indices;
}

static int64_t getSize(Value row) { return cast<MemRefType>(row.getType()).getDimSize(0); }

void mlir::dashkv::emitPackedCode(VectorBuilder &b, Value z, Value codes, ValueRange row,
                                  int64_t lanes) {
  for (const Piece &piece : getPieces(getSize(z), lanes)) {
    Value values = b.loadVector(z, b.index(piece.offset), piece.lanes);
    Value isSet = b.cmpF(CmpFPredicate::OGT, values, b.constant(values.getType(), 0.0));
    Value bytes = b.bitcast(isSet, b.bytes(piece.lanes / 8));
    b.storeVector(bytes, codes, append(row, b.index(piece.offset / 8)));
  }
}

Value mlir::dashkv::emitWeightedCode(VectorBuilder &b, Value z, Value codes, ValueRange row,
                                     int64_t levels, int64_t lanes) {
  Type f32 = b.getF32Type();
  double largestFinite = std::numeric_limits<float>::max();
  // NaN counts as 0 and infinities as the largest finite value.
  auto magnitudeOf = [&](Value values) -> Value {
    Type type = values.getType();
    Value magnitude = math::AbsFOp::create(b, values), finite = b.constant(type, largestFinite);
    Value isLarge = b.cmpF(CmpFPredicate::OGT, magnitude, finite);
    Value isNaN = b.cmpF(CmpFPredicate::UNO, values, values);
    return b.select(isNaN, b.constant(type, 0.0), b.select(isLarge, finite, magnitude));
  };
  SmallVector<Piece> pieces = getPieces(getSize(z), lanes);
  Value largest = b.constant(f32, 0.0), total = largest;
  Value largests, totals;
  for (const Piece &piece : pieces) {
    Value magnitude = magnitudeOf(b.loadVector(z, b.index(piece.offset), piece.lanes));
    if (piece.lanes < lanes) {
      largest = b.maxF(largest, b.reduceMaxF(magnitude));
      total = b.addF(total, b.reduceAddF(magnitude));
      continue;
    }
    largests = largests ? b.maxF(largests, magnitude) : magnitude;
    totals = totals ? b.addF(totals, magnitude) : magnitude;
  }
  if (largests) {
    largest = b.maxF(largest, b.reduceMaxF(largests));
    total = b.addF(total, b.reduceAddF(totals));
  }

  auto least = [&](Value x, Value y) { return b.select(b.cmpF(CmpFPredicate::OLT, x, y), x, y); };
  Value byLargest = arith::DivFOp::create(b, b.constant(f32, double(levels + 1)), largest);
  Value byTotal = arith::DivFOp::create(b, b.constant(f32, 126.0), total);
  Value s = least(least(byLargest, byTotal), b.constant(f32, largestFinite));
  for (const Piece &piece : pieces) {
    Value values = b.loadVector(z, b.index(piece.offset), piece.lanes);
    Type type = values.getType();
    Value scaled = b.mulF(magnitudeOf(values), b.splat(s, piece.lanes));
    Value weight = least(math::FloorOp::create(b, scaled), b.constant(type, double(levels)));
    VectorType ints = b.vec(piece.lanes, b.getI32Type());
    weight = arith::FPToSIOp::create(b, ints, weight);
    Value isNegative = b.cmpF(CmpFPredicate::OLT, values, b.constant(type, 0.0));
    weight = b.select(isNegative, b.sub(b.constant(ints, 0), weight), weight);
    b.storeVector(b.castS(weight, b.bytes(piece.lanes)), codes, append(row, b.index(piece.offset)));
  }
  Value isZero = b.cmpF(CmpFPredicate::OEQ, largest, b.constant(f32, 0.0));
  Value inverse = arith::DivFOp::create(b, b.constant(f32, 1.0), s);
  return b.select(isZero, b.constant(f32, 0.0), inverse);
}
