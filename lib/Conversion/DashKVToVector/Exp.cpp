//===- Exp.cpp - Exponential and logarithm of vectors ---------------------===//
//
// Polynomials with the coefficients of Cephes (expf.c, logf.c). Softmax needs
// no special values, which is what upstream's patterns spend half their
// instructions on.
//
//===----------------------------------------------------------------------===//
#include "Exp.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

/// c0 * x^n + c1 * x^(n-1) + ... + cn
static Value emitPolynomial(VectorBuilder &b, Value x, ArrayRef<double> coefficients) {
  Value result = b.constant(x.getType(), coefficients.front());
  for (double c : coefficients.drop_front())
    result = b.fma(result, x, b.constant(x.getType(), c));
  return result;
}

/// x = k * ln 2 + f with a whole k and |f| <= ln 2 / 2: exp(x) = 2^k * exp(f),
/// and 2^k is an addition to the exponent.
Value mlir::dashkv::emitExp(VectorBuilder &b, Value x) {
  auto type = cast<VectorType>(x.getType());
  VectorType ints = b.vec(type.getNumElements(), b.getI32Type());
  Value k = math::RoundEvenOp::create(b, b.mulF(x, b.constant(type, 1.44269504)));
  Value f = b.fma(k, b.constant(type, -0.693359375), x); // ln 2 in two parts
  f = b.fma(k, b.constant(type, 2.12194440e-4), f);
  Value p = emitPolynomial(b, f,
                           {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                            1.6666665459e-1, 5.0000001201e-1});
  p = b.fma(p, b.mulF(f, f), b.addF(f, b.constant(type, 1.0)));
  Value exponent = b.shl(arith::FPToSIOp::create(b, ints, k), 23);
  Value result =
      arith::BitcastOp::create(b, type, b.add(arith::BitcastOp::create(b, ints, p), exponent));
  // Below the bound k may be any number: its lanes are dropped.
  Value isTiny = b.cmpF(arith::CmpFPredicate::OLT, x, b.constant(type, -87.0));
  return b.select(isTiny, b.constant(type, 0.0), result);
}

/// x = 2^e * f with f in [sqrt(1/2), sqrt(2)).
Value mlir::dashkv::emitLog(VectorBuilder &b, Value x) {
  auto type = cast<VectorType>(x.getType());
  VectorType ints = b.vec(type.getNumElements(), b.getI32Type());
  double smallest = std::numeric_limits<float>::min();
  Value bits = arith::BitcastOp::create(b, ints, b.maxF(x, b.constant(type, smallest)));
  // Subtracting the bits of sqrt(1/2) makes the exponent field e, biased by -1
  // where the fraction is below.
  int64_t sqrtHalf = 0x3f3504f3;
  Value e = arith::ShRSIOp::create(b, b.sub(bits, sqrtHalf), b.constant(ints, 23));
  Value f = arith::BitcastOp::create(b, type, b.sub(bits, b.shl(e, 23)));
  e = arith::SIToFPOp::create(b, type, e);
  f = b.subF(f, b.constant(type, 1.0));
  Value square = b.mulF(f, f);
  Value p = emitPolynomial(b, f,
                           {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1,
                            1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
                            3.3333331174e-1});
  Value tail = b.mulF(b.mulF(p, f), square);
  tail = b.fma(e, b.constant(type, -2.12194440e-4), tail);
  tail = b.fma(square, b.constant(type, -0.5), tail);
  Value result = b.fma(e, b.constant(type, 0.693359375), b.addF(f, tail));
  // Infinity and NaN are their own logarithms, 0 has the one of infinity.
  double infinity = std::numeric_limits<double>::infinity();
  Value isFinite = b.cmpF(arith::CmpFPredicate::OLT, x, b.constant(type, infinity));
  result = b.select(isFinite, result, x);
  Value isZero = b.cmpF(arith::CmpFPredicate::OEQ, x, b.constant(type, 0.0));
  return b.select(isZero, b.constant(type, -infinity), result);
}
