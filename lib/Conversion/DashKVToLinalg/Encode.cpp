//===- Encode.cpp - hash_encode on linalg ---------------------------------===//
#include "Helpers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dashkv;

static Value activate(LinalgBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::Relu:
    return arith::MaximumFOp::create(b, x, b.f32(0));
  case Activation::Tanh:
    return math::TanhOp::create(b, x);
  case Activation::Silu: {
    Value decay = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, x, arith::AddFOp::create(b, b.f32(1), decay));
  }
  }
  llvm_unreachable("covered switch");
}

Value dashkv::denseLayer(LinalgBuilder &b, Value x, Value weight, Value bias,
                         std::optional<Activation> activation) {
  // Loops: the dims of x, the last of them reduced, then the result's last dim,
  // innermost so that it vectorizes without reordering a sum.
  auto type = cast<RankedTensorType>(x.getType());
  auto weightType = cast<RankedTensorType>(weight.getType());
  unsigned rank = type.getRank(), in = rank - 1, out = rank;
  SmallVector<unsigned> outDims = iota(in);
  outDims.push_back(out);
  SmallVector<unsigned> weightDims = {in, out};
  if (weightType.getRank() == 3)
    weightDims.insert(weightDims.begin(), 1);
  SmallVector<OpFoldResult> sizes = b.sizes(x);
  sizes.back() = b.size(weight, weightType.getRank() - 1);
  Value z = b.generic(
      rank + 1, {{x, iota(rank)}, {weight, weightDims}}, {b.filled(sizes, b.f32(0)), outDims},
      [](LinalgBuilder &b, ValueRange args) -> Value {
        Value product = arith::MulFOp::create(b, b.toF32(args[0]), b.toF32(args[1]));
        return arith::AddFOp::create(b, args[2], product);
      });
  if (!bias && !activation)
    return z;
  SmallVector<Indexed> inputs = {{z, iota(rank)}};
  if (bias) {
    SmallVector<unsigned> biasDims = {in};
    if (cast<RankedTensorType>(bias.getType()).getRank() == 2)
      biasDims.insert(biasDims.begin(), 1);
    inputs.push_back({bias, biasDims});
  }
  return b.map(sizes, b.getF32Type(), inputs, [&](LinalgBuilder &b, ValueRange args) {
    Value y = args[0];
    if (bias)
      y = arith::AddFOp::create(b, y, b.toF32(args[1]));
    return activation ? activate(b, *activation, y) : y;
  });
}

/// z [B,Hc,M,L] as packed bytes [B,Hc,M,L/8].
static Value packBits(LinalgBuilder &b, Value z) {
  Value bits = b.splitLastDim(z, 8);
  SmallVector<OpFoldResult> sizes = b.sizes(bits);
  sizes.pop_back();
  Type i8 = b.getI8Type();
  Value zero = b.filled(sizes, b.constant(i8, int64_t(0)));
  return b.generic(
      5, {{bits, iota(5)}}, {zero, iota(4)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
        Value isSet = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, args[0], b.f32(0));
        Value bit = arith::ShLIOp::create(b, b.constant(i8, int64_t(1)), b.loopIndex(4, i8));
        Value masked = arith::SelectOp::create(b, isSet, bit, b.constant(i8, int64_t(0)));
        return arith::OrIOp::create(b, args[1], masked);
      });
}

static constexpr double kLargestFinite = std::numeric_limits<float>::max();

/// z [B,Hc,M,L] as weights in -levels..levels, and 1/s.
static std::pair<Value, Value> quantize(LinalgBuilder &b, Value z, int64_t levels) {
  SmallVector<OpFoldResult> sizes = b.sizes(z), rows(sizes.begin(), sizes.end() - 1);
  Type f32 = b.getF32Type();
  // NaN counts as 0 and infinities as the largest finite value, so that no
  // scale is NaN.
  Value clean = b.map(sizes, f32, {{z, iota(4)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, args[0], args[0]);
    Value low = arith::MaximumFOp::create(b, args[0], b.f32(-kLargestFinite));
    Value clamped = arith::MinimumFOp::create(b, low, b.f32(kLargestFinite));
    return arith::SelectOp::create(b, isNaN, b.f32(0), clamped);
  });
  auto reduce = [&](bool isMax) {
    return b.generic(4, {{clean, iota(4)}}, {b.filled(rows, b.f32(0)), iota(3)},
                     [&](LinalgBuilder &b, ValueRange args) -> Value {
                       Value magnitude = math::AbsFOp::create(b, args[0]);
                       if (isMax)
                         return arith::MaximumFOp::create(b, args[1], magnitude);
                       return arith::AddFOp::create(b, args[1], magnitude);
                     });
  };
  Value largest = reduce(true), total = reduce(false);
  Value s = b.map(rows, f32, {{largest, iota(3)}, {total, iota(3)}},
                  [&](LinalgBuilder &b, ValueRange args) -> Value {
                    Value byMax = arith::DivFOp::create(b, b.f32(levels + 1), args[0]);
                    Value bySum = arith::DivFOp::create(b, b.f32(126), args[1]);
                    Value least = arith::MinimumFOp::create(b, byMax, bySum);
                    // Denormals: both quotients may be infinite, and the weights
                    // would all be the largest.
                    return arith::MinimumFOp::create(b, least, b.f32(kLargestFinite));
                  });
  Value weights =
      b.map(sizes, b.getI8Type(), {{clean, iota(4)}, {s, iota(3)}},
            [&](LinalgBuilder &b, ValueRange args) -> Value {
              Value zero = b.f32(0);
              Value scaled = arith::MulFOp::create(b, math::AbsFOp::create(b, args[0]), args[1]);
              Value floor = math::FloorOp::create(b, scaled);
              Value cut = arith::MinimumFOp::create(b, floor, b.f32(levels));
              Value weight = arith::FPToSIOp::create(b, b.getI8Type(), cut);
              Value negative = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, args[0], zero);
              Value negated =
                  arith::SubIOp::create(b, b.constant(b.getI8Type(), int64_t(0)), weight);
              return arith::SelectOp::create(b, negative, negated, weight);
            });
  Value inverse =
      b.map(rows, f32, {{s, iota(3)}, {largest, iota(3)}},
            [&](LinalgBuilder &b, ValueRange args) -> Value {
              Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[1], b.f32(0));
              return arith::SelectOp::create(b, isZero, b.f32(0),
                                             arith::DivFOp::create(b, b.f32(1), args[0]));
            });
  return {weights, inverse};
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, HashEncodeOp op) {
  // The G heads of a group one after the other: [B,Hc,G,M,D] -> [B,Hc,M,G*D].
  Value x = op.getInput();
  if (op.getGroup() != 1) {
    OpFoldResult codeHeads = b.size(op.getInit(), 1);
    x = b.transpose(b.splitDim(x, 1, codeHeads), {0, 1, 3, 2, 4});
    x = b.joinDims(x, 3);
  }
  unsigned layers = op.getWeights().size();
  for (unsigned i = 0; i < layers; ++i)
    x = denseLayer(b, x, op.getWeights()[i],
                   i < op.getBiases().size() ? op.getBiases()[i] : Value(),
                   i + 1 < layers ? op.getActivation() : std::nullopt);

  SmallVector<Value> results;
  Value inverse;
  if (op.getLevels() == 1) {
    results.push_back(packBits(b, x));
    if (op.getScaleInit())
      inverse = b.filled(b.sizes(op.getScaleInit()), b.f32(1));
  } else {
    Value weights;
    std::tie(weights, inverse) = quantize(b, x, op.getLevels());
    results.push_back(weights);
  }
  if (op.getScaleInit())
    results.push_back(inverse);
  return results;
}
