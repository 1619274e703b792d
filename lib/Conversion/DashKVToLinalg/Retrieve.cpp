//===- Retrieve.cpp - Distances, calibration and selection on linalg ------===//
//
// Selection needs no sort and no data-dependent control flow: the k-th smallest
// of N integers is found by bisection, one counting reduction a bit. Distance
// and index are one integer, so ties need no code of their own.
//
//===----------------------------------------------------------------------===//
#include "Helpers.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

static Value cmp(LinalgBuilder &b, CmpIPredicate predicate, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}

//===----------------------------------------------------------------------===//
// hamming_distance
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, HammingDistanceOp op) {
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  Type type = getElementTypeOrSelf(op.getInit().getType());
  // Loops: b, KV head, code head within, m, n, byte, [bit].
  Value query = b.splitDim(op.getQueryCodes(), 1, b.size(op.getKeyCodes(), 1));
  SmallVector<OpFoldResult> sizes = b.sizes(query);
  sizes[4] = b.size(op.getKeyCodes(), 2);
  Value zero = b.filled(sizes, b.constant(type, int64_t(0)));
  Value distances;
  if (!form.weighted) {
    distances = b.generic(
        6, {{query, {0, 1, 2, 3, 5}}, {op.getKeyCodes(), {0, 1, 4, 5}}}, {zero, iota(5)},
        [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value bits = math::CtPopOp::create(b, arith::XOrIOp::create(b, args[0], args[1]));
          if (type != bits.getType())
            bits = arith::ExtUIOp::create(b, type, bits);
          return arith::AddIOp::create(b, args[2], bits);
        });
  } else {
    distances = b.generic(
        7, {{b.splitLastDim(query, 8), {0, 1, 2, 3, 5, 6}}, {op.getKeyCodes(), {0, 1, 4, 5}}},
        {zero, iota(5)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value none = b.constant(type, int64_t(0));
          Value shifted = arith::ShRUIOp::create(b, args[1], b.loopIndex(6, type));
          Value keyBit = arith::TruncIOp::create(b, b.getI1Type(), shifted);
          Value queryBit = cmp(b, CmpIPredicate::sgt, args[0], none);
          Value differs = cmp(b, CmpIPredicate::ne, keyBit, queryBit);
          Value weight = math::AbsIOp::create(b, args[0]);
          return arith::AddIOp::create(b, args[2], arith::SelectOp::create(b, differs, weight, none));
        });
  }
  return SmallVector<Value>{b.joinDims(distances, 1)};
}

//===----------------------------------------------------------------------===//
// Shared by calibrate and select
//===----------------------------------------------------------------------===//

/// limit [B,M] i32: keys that row m of batch b sees.
static Value buildLimits(LinalgBuilder &b, OpFoldResult batch, OpFoldResult rows, OpFoldResult keys,
                         Value lengths) {
  Type i32 = b.getI32Type();
  Value numRows = arith::IndexCastOp::create(b, i32, b.materialize(rows));
  Value numKeys = arith::IndexCastOp::create(b, i32, b.materialize(keys));
  SmallVector<Indexed> inputs;
  if (lengths)
    inputs.push_back({lengths, {0}});
  return b.map({batch, rows}, i32, inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value length = lengths ? args[0] : numKeys;
    Value row = arith::SubIOp::create(b, b.loopIndex(1, i32), numRows);
    Value limit = arith::AddIOp::create(b, arith::AddIOp::create(b, length, row), b.i32(1));
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, limit, b.i32(0)), numKeys);
  });
}

/// clamp(ceil(millionths * limit / 10^6), min, max) in i64.
static Value buildBudget(LinalgBuilder &b, Value limit, int64_t millionths, int64_t min, int64_t max) {
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), limit);
  Value scaled = arith::MulIOp::create(b, wide, b.i64(millionths));
  Value up = arith::AddIOp::create(b, scaled, b.i64(999999));
  Value budget = arith::DivUIOp::create(b, up, b.i64(1000000));
  budget = arith::MaxSIOp::create(b, budget, b.i64(min));
  return max == TieringAttr::none ? budget : arith::MinSIOp::create(b, budget, b.i64(max));
}

/// The smallest t in [low, high] with #{n : eligible, values[b,h,m,n] <= t} >=
/// wanted[b,h,m], for i64 values [B,H,M,N] and eligible [B,M,N] i1. `steps` is
/// at least the number of bits of high - low + 1.
static Value kthSmallest(LinalgBuilder &b, Value values, Value eligible, Value wanted, Value low,
                         Value high, Value steps) {
  Type i64 = b.getI64Type();
  SmallVector<OpFoldResult> rows = b.sizes(wanted);
  auto loop = scf::ForOp::create(b, b.index(0), steps, b.index(1),
                                 ValueRange{b.filled(rows, low), b.filled(rows, high)});
  LinalgBuilder inner(b.getLoc(), b);
  inner.setInsertionPointToStart(loop.getBody());
  Value lows = loop.getRegionIterArg(0), highs = loop.getRegionIterArg(1);
  Value middle = inner.map(rows, i64, {{lows, iota(3)}, {highs, iota(3)}},
                           [&](LinalgBuilder &b, ValueRange args) -> Value {
                             // Floor of the mean without overflow.
                             Value common = arith::AndIOp::create(b, args[0], args[1]);
                             Value differing = arith::XOrIOp::create(b, args[0], args[1]);
                             Value half = arith::ShRSIOp::create(b, differing, b.i64(1));
                             return arith::AddIOp::create(b, common, half);
                           });
  Value counts = inner.generic(
      4, {{values, iota(4)}, {eligible, {0, 2, 3}}, {middle, iota(3)}},
      {inner.filled(rows, inner.i32(0)), iota(3)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
        Value below = cmp(b, CmpIPredicate::sle, args[0], args[2]);
        Value hit = arith::AndIOp::create(b, below, args[1]);
        return arith::AddIOp::create(b, args[3], arith::ExtUIOp::create(b, b.getI32Type(), hit));
      });
  auto update = [&](Value bound, bool isLow) {
    // In place: a bound is read and written as the accumulator.
    return inner.generic(3, {{middle, iota(3)}, {counts, iota(3)}, {wanted, iota(3)}},
                         {bound, iota(3)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
                           Value enough = cmp(b, CmpIPredicate::sge, args[1], args[2]);
                           if (!isLow)
                             return arith::SelectOp::create(b, enough, args[0], args[3]);
                           Value next = arith::AddIOp::create(b, args[0], b.i64(1));
                           return arith::SelectOp::create(b, enough, args[3], next);
                         });
  };
  // Once low = high the middle is both and neither moves: high stays because
  // high always has enough.
  Value newLow = update(lows, true), newHigh = update(highs, false);
  scf::YieldOp::create(inner, ValueRange{newLow, newHigh});
  b.setInsertionPointAfter(loop);
  return loop.getResult(0);
}

/// ceil(log2(n)) of a size as an index, at least 1.
static Value ceilLog2(LinalgBuilder &b, OpFoldResult size) {
  if (std::optional<int64_t> value = getConstantIntValue(size))
    return b.index(std::max<int64_t>(1, llvm::Log2_64_Ceil(std::max<int64_t>(1, *value))));
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), b.materialize(size));
  Value atLeastTwo = arith::MaxSIOp::create(b, wide, b.i64(2));
  Value minusOne = arith::SubIOp::create(b, atLeastTwo, b.i64(1));
  Value zeros = math::CountLeadingZerosOp::create(b, minusOne);
  Value bits = arith::SubIOp::create(b, b.i64(64), zeros);
  return arith::IndexCastOp::create(b, b.getIndexType(), bits);
}

//===----------------------------------------------------------------------===//
// calibrate
//===----------------------------------------------------------------------===//

/// Distances as integers of `type`: i8 ones are unsigned.
static Value widenDistance(LinalgBuilder &b, Value distance, Type type) {
  if (distance.getType().isInteger(8))
    return arith::ExtUIOp::create(b, type, distance);
  return arith::ExtSIOp::create(b, type, distance);
}

/// The radius [B,Hc,M] where none is given: a percentile of the visible keys.
static Value buildRadius(LinalgBuilder &b, CalibrateOp op) {
  Value distances = op.getDistances();
  SmallVector<OpFoldResult> sizes = b.sizes(distances), rows(sizes.begin(), sizes.end() - 1);
  Value limits = buildLimits(b, sizes[0], sizes[2], sizes[3], op.getLengths());
  Value visible = b.map({sizes[0], sizes[2], sizes[3]}, b.getI1Type(), {{limits, {0, 1}}},
                        [&](LinalgBuilder &b, ValueRange args) -> Value {
                          return cmp(b, CmpIPredicate::slt, b.loopIndex(2, b.getI32Type()), args[0]);
                        });
  int64_t fraction = op.getTiering().getVoteFractionOrFull();
  Value wanted = b.map(rows, b.getI32Type(), {{limits, {0, 2}}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value budget = buildBudget(b, args[0], fraction, 0, TieringAttr::none);
    return arith::TruncIOp::create(b, b.getI32Type(), budget);
  });
  Value wide = b.map(sizes, b.getI64Type(), {{distances, iota(4)}}, [&](LinalgBuilder &b, ValueRange args) {
    return widenDistance(b, args[0], b.getI64Type());
  });
  // 16 bits hold every distance, signed or not.
  Value kth = kthSmallest(b, wide, visible, wanted, b.i64(-32768), b.i64(32767), b.index(17));
  return b.map(rows, b.getI32Type(), {{kth, iota(3)}, {wanted, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value none = cmp(b, CmpIPredicate::eq, args[1], b.i32(0));
    Value radius = arith::TruncIOp::create(b, b.getI32Type(), args[0]);
    return arith::SelectOp::create(b, none, b.i32(-1), radius);
  });
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, CalibrateOp op) {
  TieringAttr tiering = op.getTiering();
  Value distances = op.getDistances();
  SmallVector<OpFoldResult> sizes = b.sizes(distances);
  Type i32 = b.getI32Type();

  SmallVector<Indexed> inputs = {{distances, iota(4)}};
  Value threshold;
  if (op.getVoteDiscount()) {
    Value radius = op.getRadius() ? op.getRadius() : buildRadius(b, op);
    // Votes over all code heads; loops b, m, n, then h reduced.
    SmallVector<OpFoldResult> voteSizes = {sizes[0], sizes[2], sizes[3]};
    Value votes = b.generic(4, {{distances, {0, 3, 1, 2}}, {radius, {0, 3, 1}}},
                            {b.filled(voteSizes, b.i32(0)), iota(3)},
                            [&](LinalgBuilder &b, ValueRange args) -> Value {
                              Value distance = widenDistance(b, args[0], i32);
                              Value near = cmp(b, CmpIPredicate::sle, distance, args[1]);
                              return arith::AddIOp::create(b, args[2], arith::ExtUIOp::create(b, i32, near));
                            });
    inputs.push_back({votes, {0, 2, 3}});
    inputs.push_back({op.getVoteDiscount(), {1}});
    if (tiering.getVoteThreshold() != TieringAttr::none) {
      threshold = b.i32(tiering.getVoteThreshold());
    } else {
      Value heads = arith::IndexCastOp::create(b, i32, b.materialize(sizes[1]));
      threshold = arith::DivUIOp::create(b, heads, b.i32(3));
    }
  }
  if (op.getPrior()) {
    inputs.push_back({op.getPrior(), {0, 3}});
    inputs.push_back({op.getPriorDiscount(), {1}});
  }
  Value result = b.map(sizes, b.getI16Type(), inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value final = arith::ShLIOp::create(b, widenDistance(b, args[0], i32), b.i32(tiering.getBitsFraction()));
    auto discount = [&](Value condition, Value amount) {
      Value wide = arith::ExtSIOp::create(b, i32, amount);
      Value taken = arith::SelectOp::create(b, condition, wide, b.i32(0));
      final = arith::SubIOp::create(b, final, taken);
    };
    unsigned next = 1;
    if (op.getVoteDiscount()) {
      discount(cmp(b, CmpIPredicate::sgt, args[1], threshold), args[2]);
      next = 3;
    }
    if (op.getPrior())
      discount(args[next], args[next + 1]);
    return arith::TruncIOp::create(b, b.getI16Type(), final);
  });
  return SmallVector<Value>{result};
}

//===----------------------------------------------------------------------===//
// select
//===----------------------------------------------------------------------===//

namespace {
/// Builds the lists of one select op.
class Selector {
public:
  Selector(LinalgBuilder &b, SelectOp op) : b(b), op(op), tiering(op.getTiering()) {}
  SmallVector<Value> build();

private:
  /// Sums of distances over the code heads of a list: [B,Hl,M,N] i32.
  Value sumOverHeads();
  /// Distance and index as one integer, in the order of selection.
  Value buildKeys(Value sums);
  /// Accepted keys [B,Hl,M,N] i1 as a list, its counts, and where it is cut.
  struct List {
    Value indices, counts, prefix;
  };
  List compact(Value accepted, Value init);
  /// Largest distance among candidates in the tier, or i32 min.
  Value threshold(Value kth, Value wanted);

  LinalgBuilder &b;
  SelectOp op;
  TieringAttr tiering;
  OpFoldResult batch, heads, rows, keys; // B, Hl, M, N
  Value indexBits;                       // i64, ceil(log2(N))
};
} // namespace

Value Selector::sumOverHeads() {
  Value split = b.splitDim(op.getDistances(), 1, heads);
  return b.generic(5, {{split, {0, 1, 4, 2, 3}}},
                   {b.filled({batch, heads, rows, keys}, b.i32(0)), iota(4)},
                   [](LinalgBuilder &b, ValueRange args) -> Value {
                     Value wide = arith::ExtSIOp::create(b, b.getI32Type(), args[0]);
                     return arith::AddIOp::create(b, args[1], wide);
                   });
}

Value Selector::buildKeys(Value sums) {
  Type i64 = b.getI64Type();
  Value last = arith::SubIOp::create(b, arith::IndexCastOp::create(b, i64, b.materialize(keys)), b.i64(1));
  return b.map(b.sizes(sums), i64, {{sums, iota(4)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value wide = arith::ExtSIOp::create(b, i64, args[0]);
    Value key = arith::ShLIOp::create(b, wide, indexBits);
    switch (tiering.getTies()) {
    case Ties::Inclusive:
      return key;
    case Ties::LowestIndex:
      return arith::OrIOp::create(b, key, b.loopIndex(3, i64));
    case Ties::Newest:
      return arith::OrIOp::create(b, key, arith::SubIOp::create(b, last, b.loopIndex(3, i64)));
    }
    llvm_unreachable("covered switch");
  });
}

Value Selector::threshold(Value kth, Value wanted) {
  return b.map({batch, heads, rows}, b.getI32Type(), {{kth, iota(3)}, {wanted, iota(3)}},
               [&](LinalgBuilder &b, ValueRange args) -> Value {
                 Value distance = arith::ShRSIOp::create(b, args[0], indexBits);
                 Value narrow = arith::TruncIOp::create(b, b.getI32Type(), distance);
                 Value none = cmp(b, CmpIPredicate::sle, args[1], b.i32(0));
                 Value lowest = b.i32(std::numeric_limits<int32_t>::min());
                 return arith::SelectOp::create(b, none, lowest, narrow);
               });
}

Selector::List Selector::compact(Value accepted, Value init) {
  Type i32 = b.getI32Type();
  // prefix[b,h,m,i] = accepted keys below i, for i in 0..N: a scan by doubling.
  AffineExpr n = b.getAffineSymbolExpr(0);
  OpFoldResult ends = affine::makeComposedFoldedAffineApply(b, b.getLoc(), n + 1, {keys});
  SmallVector<OpFoldResult> prefixSizes = {batch, heads, rows, ends};
  auto at = [](LinalgBuilder &b, Value tensor, Value position) -> Value {
    SmallVector<Value> indices;
    for (unsigned dim : {0u, 1u, 2u})
      indices.push_back(b.loopIndex(dim, b.getIndexType()));
    indices.push_back(position);
    return tensor::ExtractOp::create(b, tensor, indices);
  };
  /// `tensor[position - distance]`, or 0 before the start.
  auto shifted = [&](LinalgBuilder &b, Value tensor, Value distance) -> Value {
    Value position = b.loopIndex(3, b.getIndexType());
    Value inside = cmp(b, CmpIPredicate::uge, position, distance);
    Value from = arith::SubIOp::create(b, position, distance);
    Value safe = arith::SelectOp::create(b, inside, from, b.index(0));
    Value value = at(b, tensor, safe);
    if (value.getType() != i32)
      value = arith::ExtUIOp::create(b, i32, value);
    return arith::SelectOp::create(b, inside, value, b.i32(0));
  };
  // Without keys there is nothing to extract from; a padded copy always has an
  // element.
  SmallVector<OpFoldResult> noPad(4, b.getIndexAttr(0)), onePad = noPad;
  onePad[3] = b.getIndexAttr(1);
  Value counted = b.map({batch, heads, rows, keys}, i32, {{accepted, iota(4)}},
                        [&](LinalgBuilder &b, ValueRange args) -> Value {
                          return arith::ExtUIOp::create(b, i32, args[0]);
                        });
  Value padded = tensor::InsertSliceOp::create(
      b, counted, b.filled(prefixSizes, b.i32(0)), onePad,
      SmallVector<OpFoldResult>{batch, heads, rows, keys},
      SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
  auto loop = scf::ForOp::create(b, b.index(0), ceilLog2(b, ends), b.index(1), ValueRange{padded});
  {
    LinalgBuilder inner(b.getLoc(), b);
    inner.setInsertionPointToStart(loop.getBody());
    Value current = loop.getRegionIterArg(0);
    Value distance = arith::ShLIOp::create(inner, inner.index(1), loop.getInductionVar());
    Value next = inner.map(prefixSizes, i32, {{current, iota(4)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
      return arith::AddIOp::create(b, args[0], shifted(b, current, distance));
    });
    scf::YieldOp::create(inner, ValueRange{inner.castLike(next, current)});
    b.setInsertionPointAfter(loop);
  }
  Value prefix = loop.getResult(0);

  Value capacity = arith::IndexCastOp::create(b, i32, b.sizeValue(init, 3));
  Value lastKey = b.materialize(keys);
  Value counts = b.map({batch, heads, rows}, i32, {}, [&](LinalgBuilder &b, ValueRange) -> Value {
    return arith::MinSIOp::create(b, at(b, prefix, lastKey), capacity);
  });
  // Slot c holds the smallest n with prefix[n + 1] > c, found by adding powers
  // of two while prefix stays at or below c. Unrolled: 31 bits reach any i32
  // index, fewer where N is static.
  unsigned bits = 31;
  if (std::optional<int64_t> size = getConstantIntValue(keys))
    bits = llvm::Log2_64_Ceil(*size + 1);
  Value indices = b.map(b.sizes(init), i32, {{counts, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value slot = b.loopIndex(3, i32);
    Value position = b.index(0);
    for (int64_t bit = static_cast<int64_t>(bits) - 1; bit >= 0; --bit) {
      Value next = arith::AddIOp::create(b, position, b.index(int64_t(1) << bit));
      Value inside = cmp(b, CmpIPredicate::ule, next, lastKey);
      Value safe = arith::SelectOp::create(b, inside, next, b.index(0));
      Value before = cmp(b, CmpIPredicate::sle, at(b, prefix, safe), slot);
      Value take = arith::AndIOp::create(b, inside, before);
      position = arith::SelectOp::create(b, take, next, position);
    }
    Value filled = cmp(b, CmpIPredicate::slt, slot, args[0]);
    Value key = arith::IndexCastOp::create(b, i32, position);
    return arith::SelectOp::create(b, filled, key, b.i32(-1));
  });
  return {indices, counts, prefix};
}

SmallVector<Value> Selector::build() {
  Type i1 = b.getI1Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  SmallVector<OpFoldResult> distanceSizes = b.sizes(op.getDistances());
  batch = distanceSizes[0];
  heads = b.size(op.getFullIndices(), 1);
  rows = distanceSizes[2];
  keys = distanceSizes[3];
  Value logKeys = ceilLog2(b, keys);
  indexBits = arith::IndexCastOp::create(b, i64, logKeys);

  // Who is a candidate, who is forced: [B,M,N], the same for all heads.
  Value limits = buildLimits(b, batch, rows, keys, op.getLengths());
  auto isForced = [&](LinalgBuilder &b, Value key, Value limit, Value given) -> Value {
    Value sink = cmp(b, CmpIPredicate::slt, key, b.i32(tiering.getSinks()));
    Value windowStart = arith::SubIOp::create(b, limit, b.i32(tiering.getWindow()));
    Value forced = arith::OrIOp::create(b, sink, cmp(b, CmpIPredicate::sge, key, windowStart));
    return given ? arith::OrIOp::create(b, forced, given) : forced;
  };
  auto flags = [&](bool wantForced) {
    SmallVector<Indexed> inputs = {{limits, {0, 1}}};
    if (op.getForced())
      inputs.push_back({op.getForced(), {0, 2}});
    return b.map({batch, rows, keys}, i1, inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value key = b.loopIndex(2, i32);
      Value visible = cmp(b, CmpIPredicate::slt, key, args[0]);
      Value forced = isForced(b, key, args[0], op.getForced() ? args[1] : Value());
      if (!wantForced)
        forced = arith::XOrIOp::create(b, forced, b.constant(i1, int64_t(1)));
      return arith::AndIOp::create(b, visible, forced);
    });
  };
  Value forced = flags(true), candidates = flags(false);
  Value numCandidates = b.generic(3, {{candidates, iota(3)}}, {b.filled({batch, rows}, b.i32(0)), {0, 1}},
                                  [&](LinalgBuilder &b, ValueRange args) -> Value {
                                    return arith::AddIOp::create(b, args[1], arith::ExtUIOp::create(b, i32, args[0]));
                                  });

  // The k-th smallest key of the candidates bounds a tier.
  Value keyTensor = buildKeys(sumOverHeads());
  // Sums of i16 over E heads need 16 + ceil(log2(E)) bits; 32 when E is dynamic.
  std::optional<int64_t> codeHeads = getConstantIntValue(distanceSizes[1]), listHeads = getConstantIntValue(heads);
  int64_t sumBits = 32;
  if (codeHeads && listHeads && *listHeads > 0)
    sumBits = 16 + llvm::Log2_64_Ceil(std::max<int64_t>(1, *codeHeads / *listHeads));
  Value low = arith::ShLIOp::create(b, b.i64(-(int64_t(1) << (sumBits - 1))), indexBits);
  Value high = arith::SubIOp::create(
      b, arith::ShLIOp::create(b, b.i64(int64_t(1) << (sumBits - 1)), indexBits), b.i64(1));
  Value steps = arith::AddIOp::create(b, logKeys, b.index(sumBits + 1));
  SmallVector<OpFoldResult> listRows = {batch, heads, rows};
  auto bound = [&](Value wanted) { return kthSmallest(b, keyTensor, candidates, wanted, low, high, steps); };

  Value fullWanted = b.map(listRows, i32, {{limits, {0, 2}}, {numCandidates, {0, 2}}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value budget = buildBudget(b, args[0], tiering.getFull(), tiering.getFullMin(), tiering.getFullMax());
    Value available = arith::ExtUIOp::create(b, i64, args[1]);
    return arith::TruncIOp::create(b, i32, arith::MinSIOp::create(b, budget, available));
  });
  Value fullBound = bound(fullWanted);
  auto isNear = [&](LinalgBuilder &b, Value key, Value bound, Value wanted) -> Value {
    Value near = cmp(b, CmpIPredicate::sle, key, bound);
    return arith::AndIOp::create(b, near, cmp(b, CmpIPredicate::sgt, wanted, b.i32(0)));
  };
  SmallVector<Indexed> nearInputs = {
      {keyTensor, iota(4)}, {candidates, {0, 2, 3}}, {fullBound, iota(3)}, {fullWanted, iota(3)}};
  SmallVector<OpFoldResult> all = {batch, heads, rows, keys};
  SmallVector<Indexed> fullInputs = nearInputs;
  fullInputs.push_back({forced, {0, 2, 3}});
  Value full = b.map(all, i1, fullInputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value near = arith::AndIOp::create(b, isNear(b, args[0], args[2], args[3]), args[1]);
    return arith::OrIOp::create(b, near, args[4]);
  });
  List fullList = compact(full, op.getFullIndices());
  SmallVector<Value> results = {fullList.indices, fullList.counts, threshold(fullBound, fullWanted)};

  if (op.getMidIndices()) {
    // The mid tier ends at the (entered + km)-th candidate: with inclusive ties
    // more than kf may have entered.
    Value entered = b.generic(4, nearInputs, {b.filled(listRows, b.i32(0)), iota(3)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value near = arith::AndIOp::create(b, isNear(b, args[0], args[2], args[3]), args[1]);
      return arith::AddIOp::create(b, args[4], arith::ExtUIOp::create(b, i32, near));
    });
    Value midWanted = b.map(listRows, i32, {{limits, {0, 2}}, {numCandidates, {0, 2}}, {entered, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value budget = buildBudget(b, args[0], tiering.getMid(), tiering.getMidMin(), tiering.getMidMax());
      Value left = arith::ExtUIOp::create(b, i64, arith::SubIOp::create(b, args[1], args[2]));
      return arith::TruncIOp::create(b, i32, arith::MinSIOp::create(b, budget, left));
    });
    Value lastWanted = b.map(listRows, i32, {{entered, iota(3)}, {midWanted, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
      return arith::AddIOp::create(b, args[0], args[1]);
    });
    Value midBound = bound(lastWanted);
    SmallVector<Indexed> midInputs = nearInputs;
    midInputs.push_back({midBound, iota(3)});
    midInputs.push_back({midWanted, iota(3)});
    Value mid = b.map(all, i1, midInputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value inFull = isNear(b, args[0], args[2], args[3]);
      Value outside = arith::XOrIOp::create(b, inFull, b.constant(i1, int64_t(1)));
      Value near = arith::AndIOp::create(b, isNear(b, args[0], args[4], args[5]), args[1]);
      return arith::AndIOp::create(b, near, outside);
    });
    List midList = compact(mid, op.getMidIndices());
    results.append({midList.indices, midList.counts, threshold(midBound, midWanted)});
  }

  if (op.getKeptInit()) {
    // A key past the capacity is in no list: prefix[n] counts those before it.
    Value capacity = arith::IndexCastOp::create(b, i32, b.sizeValue(op.getFullIndices(), 3));
    Value prefix = tensor::ExtractSliceOp::create(b, fullList.prefix, SmallVector<OpFoldResult>(4, b.getIndexAttr(0)),
                                                  all, SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
    // Loops b, h, n, then m reduced.
    Value inSomeRow = b.generic(4, {{full, {0, 1, 3, 2}}, {prefix, {0, 1, 3, 2}}},
                                {b.filled({batch, heads, keys}, b.constant(i1, int64_t(0))), iota(3)},
                                [&](LinalgBuilder &b, ValueRange args) -> Value {
                                  Value fits = cmp(b, CmpIPredicate::slt, args[1], capacity);
                                  return arith::OrIOp::create(b, args[2], arith::AndIOp::create(b, args[0], fits));
                                });
    Value votes = b.generic(3, {{inSomeRow, {0, 2, 1}}}, {b.filled({batch, keys}, b.i32(0)), {0, 1}},
                            [&](LinalgBuilder &b, ValueRange args) -> Value {
                              return arith::AddIOp::create(b, args[1], arith::ExtUIOp::create(b, i32, args[0]));
                            });
    results.push_back(b.map({batch, keys}, i1, {{votes, iota(2)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
      return cmp(b, CmpIPredicate::sge, args[0], b.i32(tiering.getKeptVotes()));
    }));
  }
  return results;
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, SelectOp op) {
  return Selector(b, op).build();
}

//===----------------------------------------------------------------------===//
// retrieve
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, RetrieveOp op) {
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  SmallVector<OpFoldResult> sizes = b.sizes(op.getQueryCodes());
  sizes[3] = b.size(op.getKeyCodes(), 2);
  Type rawType = form.getMaxDistance() > 255 ? b.getI16Type() : b.getI8Type();
  Value raw = HammingDistanceOp::create(b, op.getQueryCodes(), op.getKeyCodes(), b.empty(sizes, rawType)).getResult(0);
  Value final = CalibrateOp::create(b, raw, op.getLengths(), op.getPrior(), op.getVoteDiscount(),
                                    op.getPriorDiscount(), op.getRadius(),
                                    b.empty(sizes, b.getI16Type()), op.getTiering())
                    .getResult(0);
  auto select = SelectOp::create(b, final, op.getLengths(), op.getForced(), op.getFullIndices(),
                                 op.getFullCounts(), op.getFullThreshold(), op.getMidIndices(),
                                 op.getMidCounts(), op.getMidThreshold(), op.getKeptInit(),
                                 op.getTiering());
  return llvm::to_vector_of<Value>(select->getResults());
}
