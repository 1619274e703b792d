//===- Retrieve.cpp - Distances, calibration and selection on linalg ------===//
//
// Selection needs no sort and no data-dependent control flow: the k-th smallest
// of N integers is found by bisection, one counting reduction a bit. Ties are
// the same question asked of the indices of the last distance that fits.
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
  // Loops: b, KV head, code head within, m, n. The bytes of a code are unrolled
  // here, so that a distance stays in a register.
  Value keyCodes = b.keyMajor(op.getKeyCodes());
  Value query = b.splitDim(op.getQueryCodes(), 1, b.size(keyCodes, 1));
  SmallVector<OpFoldResult> sizes = b.sizes(query);
  sizes[4] = b.size(keyCodes, 2);
  // A byte of a key has 256 values: what each costs a weighted query is tabulated
  // once, [B,K,E,M,L/8,256], so that a key costs one look-up a byte.
  Value table;
  if (form.weighted) {
    Value weights = b.splitLastDim(query, 8);
    SmallVector<OpFoldResult> tableSizes = b.sizes(weights);
    tableSizes[5] = b.getIndexAttr(256);
    table = b.generic(7, {{weights, {0, 1, 2, 3, 4, 6}}},
                      {b.filled(tableSizes, b.constant(type, int64_t(0))), iota(6)},
                      [&](LinalgBuilder &b, ValueRange args) -> Value {
                        Value none = b.constant(type, int64_t(0));
                        Value shifted =
                            arith::ShRUIOp::create(b, b.loopIndex(5, type), b.loopIndex(6, type));
                        Value keyBit = arith::TruncIOp::create(b, b.getI1Type(), shifted);
                        Value queryBit = cmp(b, CmpIPredicate::sgt, args[0], none);
                        Value differs = cmp(b, CmpIPredicate::ne, keyBit, queryBit);
                        Value weight = math::AbsIOp::create(b, args[0]);
                        return arith::AddIOp::create(
                            b, args[1], arith::SelectOp::create(b, differs, weight, none));
                      });
  }
  Value distances = b.map(sizes, type, {}, [&](LinalgBuilder &b, ValueRange) -> Value {
    Type index = b.getIndexType();
    SmallVector<Value> row;
    for (unsigned dim : {0u, 1u, 2u, 3u})
      row.push_back(b.loopIndex(dim, index));
    Value key = b.loopIndex(4, index), sum = b.constant(type, int64_t(0));
    for (int64_t byte = 0; byte < form.bits / 8; ++byte) {
      Value keyByte =
          tensor::ExtractOp::create(b, keyCodes, ValueRange{row[0], row[1], key, b.index(byte)});
      SmallVector<Value> at = row;
      at.push_back(b.index(byte));
      Value cost;
      if (form.weighted) {
        at.push_back(arith::IndexCastUIOp::create(b, index, keyByte));
        cost = tensor::ExtractOp::create(b, table, at);
      } else {
        Value queryByte = tensor::ExtractOp::create(b, query, at);
        cost = math::CtPopOp::create(b, arith::XOrIOp::create(b, queryByte, keyByte));
        if (type != cost.getType())
          cost = arith::ExtUIOp::create(b, type, cost);
      }
      sum = arith::AddIOp::create(b, sum, cost);
    }
    return sum;
  });
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
static Value buildBudget(LinalgBuilder &b, Value limit, int64_t millionths, int64_t min,
                         int64_t max) {
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), limit);
  Value scaled = arith::MulIOp::create(b, wide, b.i64(millionths));
  Value up = arith::AddIOp::create(b, scaled, b.i64(999999));
  Value budget = arith::DivUIOp::create(b, up, b.i64(1000000));
  budget = arith::MaxSIOp::create(b, budget, b.i64(min));
  return max == TieringAttr::none ? budget : arith::MinSIOp::create(b, budget, b.i64(max));
}

/// Stands for "no candidate" among distances and indices: larger than any.
static constexpr int64_t kNone = std::numeric_limits<int32_t>::max();

/// The smallest t in [low, high] with #{n : values[b,h,m,n] <= t} >=
/// wanted[b,h,m], for i32 values [B,H,M,N] (kNone where a key does not count).
/// `steps` is at least the number of bits of high - low.
static Value kthSmallest(LinalgBuilder &b, Value values, Value wanted, Value low, Value high,
                         Value steps) {
  Type i32 = b.getI32Type();
  SmallVector<OpFoldResult> rows = b.sizes(wanted);
  auto loop = scf::ForOp::create(b, b.index(0), steps, b.index(1),
                                 ValueRange{b.filled(rows, low), b.filled(rows, high)});
  LinalgBuilder inner(b.getLoc(), b);
  inner.setInsertionPointToStart(loop.getBody());
  Value lows = loop.getRegionIterArg(0), highs = loop.getRegionIterArg(1);
  Value middle = inner.map(rows, i32, {{lows, iota(3)}, {highs, iota(3)}},
                           [&](LinalgBuilder &b, ValueRange args) -> Value {
                             // Floor of the mean without overflow.
                             Value common = arith::AndIOp::create(b, args[0], args[1]);
                             Value differing = arith::XOrIOp::create(b, args[0], args[1]);
                             Value half = arith::ShRSIOp::create(b, differing, b.i32(1));
                             return arith::AddIOp::create(b, common, half);
                           });
  Value counts = inner.generic(
      4, {{values, iota(4)}, {middle, iota(3)}}, {inner.filled(rows, inner.i32(0)), iota(3)},
      [&](LinalgBuilder &b, ValueRange args) -> Value {
        Value hit = cmp(b, CmpIPredicate::sle, args[0], args[1]);
        return arith::AddIOp::create(b, args[2], arith::ExtUIOp::create(b, b.getI32Type(), hit));
      });
  auto update = [&](Value bound, bool isLow) {
    // In place: a bound is read and written as the accumulator.
    return inner.generic(3, {{middle, iota(3)}, {counts, iota(3)}, {wanted, iota(3)}},
                         {bound, iota(3)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
                           Value enough = cmp(b, CmpIPredicate::sge, args[1], args[2]);
                           if (!isLow)
                             return arith::SelectOp::create(b, enough, args[0], args[3]);
                           Value next = arith::AddIOp::create(b, args[0], b.i32(1));
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
  int64_t fraction = op.getTiering().getVoteFractionOrFull();
  Value wanted = b.map(rows, b.getI32Type(), {{limits, {0, 2}}},
                       [&](LinalgBuilder &b, ValueRange args) -> Value {
                         Value budget = buildBudget(b, args[0], fraction, 0, TieringAttr::none);
                         return arith::TruncIOp::create(b, b.getI32Type(), budget);
                       });
  Type i32 = b.getI32Type();
  Value visible = b.map(sizes, i32, {{distances, iota(4)}, {limits, {0, 2}}},
                        [&](LinalgBuilder &b, ValueRange args) -> Value {
                          Value exists = cmp(b, CmpIPredicate::slt, b.loopIndex(3, i32), args[1]);
                          return arith::SelectOp::create(b, exists, widenDistance(b, args[0], i32),
                                                         b.i32(kNone));
                        });
  // 16 bits hold every distance, signed or not.
  Value kth = kthSmallest(b, visible, wanted, b.i32(-32768), b.i32(32767), b.index(17));
  return b.map(rows, i32, {{kth, iota(3)}, {wanted, iota(3)}},
               [&](LinalgBuilder &b, ValueRange args) -> Value {
                 Value none = cmp(b, CmpIPredicate::eq, args[1], b.i32(0));
                 return arith::SelectOp::create(b, none, b.i32(-1), args[0]);
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
    Value votes = b.generic(
        4, {{distances, {0, 3, 1, 2}}, {radius, {0, 3, 1}}},
        {b.filled(voteSizes, b.i32(0)), iota(3)}, [&](LinalgBuilder &b, ValueRange args) -> Value {
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
  Value result =
      b.map(sizes, b.getI16Type(), inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
        Value final = arith::ShLIOp::create(b, widenDistance(b, args[0], i32),
                                            b.i32(tiering.getBitsFraction()));
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
/// Operands of a selection; the inits only tell shapes.
struct Selection {
  Value distances, lengths, forced, fullIndices, midIndices, keptInit;
  TieringAttr tiering;
  /// Bounds the distances of a code head, from 0, where it is known.
  std::optional<int64_t> largest;
};

/// Builds the lists of one selection.
class Selector {
public:
  Selector(LinalgBuilder &b, const Selection &op) : b(b), op(op), tiering(op.tiering) {}
  SmallVector<Value> build();

private:
  /// Lists without entries, where a size is known to be 0: slices of such
  /// tensors do not verify.
  SmallVector<Value> buildEmpty();
  /// The end of a tier: distances below `distance` enter, and of those equal to
  /// it the ones whose place among ties is at most `place`.
  struct Bound {
    Value distance, place;
  };
  /// The bound behind which the first `wanted` candidates stand.
  Bound findBound(Value wanted);
  /// Whether a candidate stands before a bound; `args` are those of boundInputs.
  SmallVector<Indexed> boundInputs(const Bound &bound, Value wanted);
  Value isBefore(LinalgBuilder &b, Value distance, ValueRange args);
  /// Place of loop dim 3 among keys of equal distance.
  Value buildPlace(LinalgBuilder &b);
  /// Distances summed over the code heads of a list, kNone where a key is no
  /// candidate: [B,Hl,M,N] i32.
  Value sumOverHeads(Value candidates);
  /// Accepted keys [B,Hl,M,N] i1 as a list and its counts.
  std::pair<Value, Value> compact(Value accepted, Value init);
  /// Largest distance among candidates in the tier, or i32 min.
  Value threshold(const Bound &bound, Value wanted);

  LinalgBuilder &b;
  const Selection &op;
  TieringAttr tiering;
  OpFoldResult batch, heads, rows, keys; // B, Hl, M, N
  SmallVector<OpFoldResult> listRows, all;
  Value distances; // summed, i32
  Value numKeys;   // i32
};
} // namespace

Value Selector::sumOverHeads(Value candidates) {
  Type i32 = b.getI32Type();
  Value split = b.splitDim(op.distances, 1, heads);
  Value sums =
      b.generic(5, {{split, {0, 1, 4, 2, 3}}}, {b.filled(all, b.i32(0)), iota(4)},
                [&](LinalgBuilder &b, ValueRange args) -> Value {
                  return arith::AddIOp::create(b, args[1], arith::ExtSIOp::create(b, i32, args[0]));
                });
  return b.map(all, i32, {{sums, iota(4)}, {candidates, {0, 2, 3}}},
               [&](LinalgBuilder &b, ValueRange args) -> Value {
                 return arith::SelectOp::create(b, args[1], args[0], b.i32(kNone));
               });
}

Value Selector::buildPlace(LinalgBuilder &b) {
  Value key = b.loopIndex(3, b.getI32Type());
  if (tiering.getTies() != Ties::Newest)
    return key;
  Value last = arith::SubIOp::create(b, numKeys, b.i32(1));
  return arith::SubIOp::create(b, last, key);
}

Selector::Bound Selector::findBound(Value wanted) {
  Type i32 = b.getI32Type();
  // Sums of E distances; without a bound on one they are i16.
  std::optional<int64_t> codeHeads = getConstantIntValue(b.size(op.distances, 1)),
                         listHeads = getConstantIntValue(heads);
  int64_t limit = int64_t(1) << 30;
  if (codeHeads && listHeads && *listHeads > 0)
    limit = std::min(limit,
                     op.largest.value_or(1 << 15) * std::max<int64_t>(1, *codeHeads / *listHeads));
  int64_t low = op.largest ? 0 : -limit;
  Value steps = b.index(llvm::Log2_64_Ceil(limit - low + 1) + 1);
  Value distance = kthSmallest(b, distances, wanted, b.i32(low), b.i32(limit), steps);
  if (tiering.getTies() == Ties::Inclusive)
    return {distance, Value()};
  // How many of the ties still fit, and which.
  Value left =
      b.generic(4, {{distances, iota(4)}, {distance, iota(3)}},
                {b.map(listRows, i32, {{wanted, iota(3)}},
                       [](LinalgBuilder &, ValueRange args) { return args[0]; }),
                 iota(3)},
                [&](LinalgBuilder &b, ValueRange args) -> Value {
                  Value below = cmp(b, CmpIPredicate::slt, args[0], args[1]);
                  return arith::SubIOp::create(b, args[2], arith::ExtUIOp::create(b, i32, below));
                });
  Value places = b.map(all, i32, {{distances, iota(4)}, {distance, iota(3)}},
                       [&](LinalgBuilder &b, ValueRange args) -> Value {
                         Value tied = cmp(b, CmpIPredicate::eq, args[0], args[1]);
                         return arith::SelectOp::create(b, tied, buildPlace(b), b.i32(kNone));
                       });
  Value place = kthSmallest(b, places, left, b.i32(0), numKeys,
                            arith::AddIOp::create(b, ceilLog2(b, keys), b.index(1)));
  return {distance, place};
}

SmallVector<Indexed> Selector::boundInputs(const Bound &bound, Value wanted) {
  SmallVector<Indexed> inputs = {{wanted, iota(3)}, {bound.distance, iota(3)}};
  if (bound.place)
    inputs.push_back({bound.place, iota(3)});
  return inputs;
}

Value Selector::isBefore(LinalgBuilder &b, Value distance, ValueRange args) {
  Value some = cmp(b, CmpIPredicate::sgt, args[0], b.i32(0));
  Value candidate = cmp(b, CmpIPredicate::ne, distance, b.i32(kNone));
  Value allowed = arith::AndIOp::create(b, some, candidate);
  if (tiering.getTies() == Ties::Inclusive)
    return arith::AndIOp::create(b, allowed, cmp(b, CmpIPredicate::sle, distance, args[1]));
  Value below = cmp(b, CmpIPredicate::slt, distance, args[1]);
  Value tied = cmp(b, CmpIPredicate::eq, distance, args[1]);
  Value early = cmp(b, CmpIPredicate::sle, buildPlace(b), args[2]);
  Value enters = arith::OrIOp::create(b, below, arith::AndIOp::create(b, tied, early));
  return arith::AndIOp::create(b, allowed, enters);
}

Value Selector::threshold(const Bound &bound, Value wanted) {
  return b.map(listRows, b.getI32Type(), {{bound.distance, iota(3)}, {wanted, iota(3)}},
               [&](LinalgBuilder &b, ValueRange args) -> Value {
                 Value none = cmp(b, CmpIPredicate::sle, args[1], b.i32(0));
                 Value lowest = b.i32(std::numeric_limits<int32_t>::min());
                 return arith::SelectOp::create(b, none, lowest, args[0]);
               });
}

std::pair<Value, Value> Selector::compact(Value accepted, Value init) {
  // Blocks of 16 keys: prefix[b,h,m,j] = accepted keys before block j, by a scan
  // that doubles its reach; then each slot of the list finds its block by
  // bisection and its key within the block by counting.
  constexpr int64_t kBlock = 16;
  Type i32 = b.getI32Type(), index = b.getIndexType();
  AffineExpr n = b.getAffineSymbolExpr(0);
  auto apply = [&](AffineExpr expr) {
    return affine::makeComposedFoldedAffineApply(b, b.getLoc(), expr, {keys});
  };
  // At least one block, so that there is something to read without keys.
  OpFoldResult blocks = apply(n.floorDiv(kBlock) + 1), ends = apply(n.floorDiv(kBlock) + 2),
               paddedKeys = apply((n.floorDiv(kBlock) + 1) * kBlock);
  SmallVector<OpFoldResult> zeros(4, b.getIndexAttr(0)), ones(4, b.getIndexAttr(1));
  auto at = [&](LinalgBuilder &b, Value tensor, ArrayRef<Value> last) -> Value {
    SmallVector<Value> indices;
    for (unsigned dim : {0u, 1u, 2u})
      indices.push_back(b.loopIndex(dim, index));
    indices.append(last.begin(), last.end());
    return tensor::ExtractOp::create(b, tensor, indices);
  };
  Value padded = tensor::InsertSliceOp::create(
      b, accepted,
      b.filled({batch, heads, rows, paddedKeys}, b.constant(b.getI1Type(), int64_t(0))), zeros, all,
      ones);
  Value blocked = b.splitLastDim(padded, kBlock); // [B,Hl,M,blocks,16]
  Value counted = b.generic(
      5, {{blocked, iota(5)}}, {b.filled({batch, heads, rows, blocks}, b.i32(0)), iota(4)},
      [&](LinalgBuilder &b, ValueRange args) -> Value {
        return arith::AddIOp::create(b, args[1], arith::ExtUIOp::create(b, i32, args[0]));
      });
  SmallVector<OpFoldResult> prefixSizes = {batch, heads, rows, ends}, shift = zeros;
  shift[3] = b.getIndexAttr(1);
  Value start =
      tensor::InsertSliceOp::create(b, counted, b.filled(prefixSizes, b.i32(0)), shift,
                                    SmallVector<OpFoldResult>{batch, heads, rows, blocks}, ones);
  auto loop = scf::ForOp::create(b, b.index(0), ceilLog2(b, ends), b.index(1), ValueRange{start});
  {
    LinalgBuilder inner(b.getLoc(), b);
    inner.setInsertionPointToStart(loop.getBody());
    Value current = loop.getRegionIterArg(0);
    Value distance = arith::ShLIOp::create(inner, inner.index(1), loop.getInductionVar());
    Value next = inner.map(
        prefixSizes, i32, {{current, iota(4)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value position = b.loopIndex(3, index);
          Value inside = cmp(b, CmpIPredicate::uge, position, distance);
          Value from = arith::SelectOp::create(
              b, inside, arith::SubIOp::create(b, position, distance), b.index(0));
          Value added = arith::SelectOp::create(b, inside, at(b, current, from), b.i32(0));
          return arith::AddIOp::create(b, args[0], added);
        });
    scf::YieldOp::create(inner, ValueRange{inner.castLike(next, current)});
    b.setInsertionPointAfter(loop);
  }
  Value prefix = loop.getResult(0);

  Value capacity = arith::IndexCastOp::create(b, i32, b.sizeValue(init, 3));
  Value lastBlock = b.materialize(blocks);
  Value counts = b.map(listRows, i32, {}, [&](LinalgBuilder &b, ValueRange) -> Value {
    return arith::MinSIOp::create(b, at(b, prefix, lastBlock), capacity);
  });
  // Unrolled: 27 bits reach any block of an i32 index, fewer where N is static.
  int64_t bits = 27;
  if (std::optional<int64_t> size = getConstantIntValue(blocks))
    bits = llvm::Log2_64_Ceil(*size + 1);
  Value indices = b.map(
      b.sizes(init), i32, {{counts, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
        // The last block whose prefix is at most the slot's number.
        Value slot = b.loopIndex(3, i32), block = b.index(0);
        for (int64_t bit = bits - 1; bit >= 0; --bit) {
          Value next = arith::AddIOp::create(b, block, b.index(int64_t(1) << bit));
          Value inside = cmp(b, CmpIPredicate::ult, next, lastBlock);
          Value safe = arith::SelectOp::create(b, inside, next, b.index(0));
          Value before = cmp(b, CmpIPredicate::sle, at(b, prefix, {safe}), slot);
          block = arith::SelectOp::create(b, arith::AndIOp::create(b, inside, before), next, block);
        }
        // Its key is behind every position at which too few are accepted.
        Value isFilled = cmp(b, CmpIPredicate::slt, slot, args[0]);
        Value seen = at(b, prefix, {block}), skipped = b.i32(0);
        Value someBlock = arith::SelectOp::create(b, cmp(b, CmpIPredicate::ult, block, lastBlock),
                                                  block, b.index(0));
        for (int64_t i = 0; i < kBlock; ++i) {
          Value flag = at(b, blocked, {someBlock, b.index(i)});
          seen = arith::AddIOp::create(b, seen, arith::ExtUIOp::create(b, i32, flag));
          Value tooFew = cmp(b, CmpIPredicate::sle, seen, slot);
          skipped = arith::AddIOp::create(b, skipped, arith::ExtUIOp::create(b, i32, tooFew));
        }
        Value first =
            arith::MulIOp::create(b, arith::IndexCastOp::create(b, i32, block), b.i32(kBlock));
        Value key = arith::AddIOp::create(b, first, skipped);
        return arith::SelectOp::create(b, isFilled, key, b.i32(-1));
      });
  return {indices, counts};
}

SmallVector<Value> Selector::buildEmpty() {
  SmallVector<Value> results;
  for (Value indices : {op.fullIndices, op.midIndices})
    if (indices)
      results.append({b.filled(b.sizes(indices), b.i32(-1)), b.filled(listRows, b.i32(0)),
                      b.filled(listRows, b.i32(std::numeric_limits<int32_t>::min()))});
  if (op.keptInit)
    results.push_back(b.filled({batch, keys}, b.constant(b.getI1Type(), int64_t(0))));
  return results;
}

SmallVector<Value> Selector::build() {
  Type i1 = b.getI1Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  SmallVector<OpFoldResult> sizes = b.sizes(op.distances);
  batch = sizes[0];
  heads = b.size(op.fullIndices, 1);
  rows = sizes[2];
  keys = sizes[3];
  listRows = {batch, heads, rows};
  all = {batch, heads, rows, keys};
  numKeys = arith::IndexCastOp::create(b, i32, b.materialize(keys));
  if (llvm::any_of(all, [](OpFoldResult size) { return getConstantIntValue(size) == 0; }))
    return buildEmpty();

  // Who is a candidate, who is forced: [B,M,N], the same for all heads.
  Value limits = buildLimits(b, batch, rows, keys, op.lengths);
  auto flags = [&](bool wantForced) {
    SmallVector<Indexed> inputs = {{limits, {0, 1}}};
    if (op.forced)
      inputs.push_back({op.forced, {0, 2}});
    return b.map({batch, rows, keys}, i1, inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value key = b.loopIndex(2, i32);
      Value visible = cmp(b, CmpIPredicate::slt, key, args[0]);
      Value windowStart = arith::SubIOp::create(b, args[0], b.i32(tiering.getWindow()));
      Value forced =
          arith::OrIOp::create(b, cmp(b, CmpIPredicate::slt, key, b.i32(tiering.getSinks())),
                               cmp(b, CmpIPredicate::sge, key, windowStart));
      if (op.forced)
        forced = arith::OrIOp::create(b, forced, args[1]);
      if (!wantForced)
        forced = arith::XOrIOp::create(b, forced, b.constant(i1, int64_t(1)));
      return arith::AndIOp::create(b, visible, forced);
    });
  };
  Value forced = flags(true), candidates = flags(false);
  Value numCandidates =
      b.generic(3, {{candidates, iota(3)}}, {b.filled({batch, rows}, b.i32(0)), {0, 1}},
                [&](LinalgBuilder &b, ValueRange args) -> Value {
                  return arith::AddIOp::create(b, args[1], arith::ExtUIOp::create(b, i32, args[0]));
                });
  distances = sumOverHeads(candidates);

  Value fullWanted =
      b.map(listRows, i32, {{limits, {0, 2}}, {numCandidates, {0, 2}}},
            [&](LinalgBuilder &b, ValueRange args) -> Value {
              Value budget = buildBudget(b, args[0], tiering.getFull(), tiering.getFullMin(),
                                         tiering.getFullMax());
              Value available = arith::ExtUIOp::create(b, i64, args[1]);
              return arith::TruncIOp::create(b, i32, arith::MinSIOp::create(b, budget, available));
            });
  Bound fullBound = findBound(fullWanted);
  SmallVector<Indexed> nearInputs = {{distances, iota(4)}};
  nearInputs.append(boundInputs(fullBound, fullWanted));
  unsigned numNear = nearInputs.size();
  SmallVector<Indexed> fullInputs = nearInputs;
  fullInputs.push_back({forced, {0, 2, 3}});
  Value full = b.map(all, i1, fullInputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
    return arith::OrIOp::create(b, isBefore(b, args[0], args.slice(1, numNear - 1)), args[numNear]);
  });
  auto [indices, counts] = compact(full, op.fullIndices);
  SmallVector<Value> results = {indices, counts, threshold(fullBound, fullWanted)};

  if (op.midIndices) {
    // The mid tier ends at the (entered + km)-th candidate: with inclusive ties
    // more than kf may have entered.
    Value entered = b.generic(4, nearInputs, {b.filled(listRows, b.i32(0)), iota(3)},
                              [&](LinalgBuilder &b, ValueRange args) -> Value {
                                Value near = isBefore(b, args[0], args.slice(1, numNear - 1));
                                return arith::AddIOp::create(b, args.back(),
                                                             arith::ExtUIOp::create(b, i32, near));
                              });
    Value midWanted = b.map(
        listRows, i32, {{limits, {0, 2}}, {numCandidates, {0, 2}}, {entered, iota(3)}},
        [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value budget =
              buildBudget(b, args[0], tiering.getMid(), tiering.getMidMin(), tiering.getMidMax());
          Value left = arith::ExtUIOp::create(b, i64, arith::SubIOp::create(b, args[1], args[2]));
          return arith::TruncIOp::create(b, i32, arith::MinSIOp::create(b, budget, left));
        });
    Value lastWanted = b.map(listRows, i32, {{entered, iota(3)}, {midWanted, iota(3)}},
                             [&](LinalgBuilder &b, ValueRange args) -> Value {
                               return arith::AddIOp::create(b, args[0], args[1]);
                             });
    Bound midBound = findBound(lastWanted);
    SmallVector<Indexed> midInputs = nearInputs;
    midInputs.append(boundInputs(midBound, midWanted));
    Value mid = b.map(all, i1, midInputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
      Value inFull = isBefore(b, args[0], args.slice(1, numNear - 1));
      Value outside = arith::XOrIOp::create(b, inFull, b.constant(i1, int64_t(1)));
      Value near = isBefore(b, args[0], args.slice(numNear, numNear - 1));
      return arith::AndIOp::create(b, near, outside);
    });
    auto [midIndices, midCounts] = compact(mid, op.midIndices);
    results.append({midIndices, midCounts, threshold(midBound, midWanted)});
  }

  if (op.keptInit) {
    // A list that was cut holds the keys up to its last one.
    Value listIndices = indices;
    Value lastKept =
        b.map(listRows, i32, {{counts, iota(3)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value none = cmp(b, CmpIPredicate::eq, args[0], b.i32(0));
          Value last = arith::SubIOp::create(b, args[0], b.i32(1));
          Value slot = arith::IndexCastOp::create(b, b.getIndexType(),
                                                  arith::MaxSIOp::create(b, last, b.i32(0)));
          SmallVector<Value> at;
          for (unsigned dim : {0u, 1u, 2u})
            at.push_back(b.loopIndex(dim, b.getIndexType()));
          at.push_back(slot);
          return arith::SelectOp::create(b, none, b.i32(-1),
                                         tensor::ExtractOp::create(b, listIndices, at));
        });
    // Loops b, h, n, then m reduced.
    Value inSomeRow = b.generic(
        4, {{full, {0, 1, 3, 2}}, {lastKept, {0, 1, 3}}},
        {b.filled({batch, heads, keys}, b.constant(i1, int64_t(0))), iota(3)},
        [&](LinalgBuilder &b, ValueRange args) -> Value {
          Value listed = cmp(b, CmpIPredicate::sle, b.loopIndex(2, i32), args[1]);
          return arith::OrIOp::create(b, args[2], arith::AndIOp::create(b, args[0], listed));
        });
    Value votes = b.generic(
        3, {{inSomeRow, {0, 2, 1}}}, {b.filled({batch, keys}, b.i32(0)), {0, 1}},
        [&](LinalgBuilder &b, ValueRange args) -> Value {
          return arith::AddIOp::create(b, args[1], arith::ExtUIOp::create(b, i32, args[0]));
        });
    results.push_back(b.map(
        {batch, keys}, i1, {{votes, iota(2)}}, [&](LinalgBuilder &b, ValueRange args) -> Value {
          return cmp(b, CmpIPredicate::sge, args[0], b.i32(tiering.getKeptVotes()));
        }));
  }
  return results;
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, SelectOp op) {
  return Selector(b, {op.getDistances(), op.getLengths(), op.getForced(), op.getFullIndices(),
                      op.getMidIndices(), op.getKeptInit(), op.getTiering(), std::nullopt})
      .build();
}

//===----------------------------------------------------------------------===//
// retrieve
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, RetrieveOp op) {
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  SmallVector<OpFoldResult> sizes = b.sizes(op.getQueryCodes());
  Value keyCodes = b.keyMajor(op.getKeyCodes());
  sizes[3] = b.size(keyCodes, 2);
  Type rawType = form.getMaxDistance() > 255 ? b.getI16Type() : b.getI8Type();
  Value raw = HammingDistanceOp::create(b, op.getQueryCodes(), keyCodes, b.empty(sizes, rawType))
                  .getResult(0);
  Value final = CalibrateOp::create(b, raw, op.getLengths(), op.getPrior(), op.getVoteDiscount(),
                                    op.getPriorDiscount(), op.getRadius(),
                                    b.empty(sizes, b.getI16Type()), op.getTiering())
                    .getResult(0);
  // Without discounts distances stay within 0 and the largest, which spares the
  // bisection most of its steps.
  std::optional<int64_t> largest;
  if (!op.getVoteDiscount() && !op.getPriorDiscount())
    largest = form.getMaxDistance() << op.getTiering().getBitsFraction();
  return Selector(b, {final, op.getLengths(), op.getForced(), op.getFullIndices(),
                      op.getMidIndices(), op.getKeptInit(), op.getTiering(), largest})
      .build();
}
