//===- RetrieveOrder.cpp - Exact ranks of distances -----------------------===//
#include "Selection.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;
using Values = VectorBuilder::Values;

//===----------------------------------------------------------------------===//
// Words of 64 flags
//===----------------------------------------------------------------------===//

Value mlir::dashkv::countBits(VectorBuilder &b, Value word) {
  return math::CtPopOp::create(b, word);
}

Value mlir::dashkv::lowBits(VectorBuilder &b, Value count) {
  Value none = b.constant(b.getI64Type(), 0), all = b.constant(b.getI64Type(), -1);
  Value shifted = b.bxor(b.shl(all, b.maxS(count, none)), all);
  return b.select(b.cmp(CmpIPredicate::sge, count, b.constant(b.getI64Type(), 64)), all, shifted);
}

/// The address of flag n: an i1 in memory is a byte, but a vector of i1 is not a
/// vector of such bytes.
static Value getFlagAddress(VectorBuilder &b, Value flags, Value batch, Value n) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, flags);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, flags);
  Value row = b.add(metadata.getOffset(), b.mul(batch, metadata.getStrides()[0]));
  Value address = b.castU(b.add(base, b.add(row, n)), b.getI64Type());
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), address);
}

Value mlir::dashkv::loadFlags(VectorBuilder &b, Value flags, Value batch, Value n, Value end) {
  Type i64 = b.getI64Type();
  Value isWhole = b.cmp(CmpIPredicate::ule, b.add(n, kBlockKeys), end);
  auto whole = [&] {
    auto type = b.bytes(kBlockKeys);
    Value bytes = LLVM::LoadOp::create(b, type, getFlagAddress(b, flags, batch, n), 1);
    return Values{b.bitsOf(b.cmp(CmpIPredicate::ne, bytes, b.constant(type, 0)))};
  };
  auto some = [&] {
    return b.loop(n, end, b.index(1), b.constant(i64, 0), [&](Value key, ValueRange carried) {
      Value flag = b.castU(b.load(flags, {batch, key}), i64);
      return Values{b.bor(carried[0], b.shl(flag, b.castU(b.sub(key, n), i64)))};
    });
  };
  return b.branch(isWhole, whole, some)[0];
}

void mlir::dashkv::storeFlags(VectorBuilder &b, Value word, Value flags, Value batch, Value n,
                              Value end) {
  Value isWhole = b.cmp(CmpIPredicate::ule, b.add(n, kBlockKeys), end);
  auto whole = [&] {
    auto type = b.bytes(kBlockKeys);
    Value mask = b.bitcast(b.splat(word, 1), b.vec(kBlockKeys, b.getI1Type()));
    LLVM::StoreOp::create(b, b.castU(mask, type), getFlagAddress(b, flags, batch, n), 1);
    return Values();
  };
  auto some = [&] {
    b.loop(n, end, b.index(1), [&](Value key) {
      Value bit = b.shrU(word, b.castU(b.sub(key, n), b.getI64Type()));
      b.store(b.castU(bit, b.getI1Type()), flags, {batch, key});
    });
    return Values();
  };
  b.branch(isWhole, whole, some);
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

Value mlir::dashkv::sumBytes(VectorBuilder &b, Value bytes) {
  int64_t lanes = cast<VectorType>(bytes.getType()).getNumElements();
  Value wide = b.castU(bytes, b.vec(lanes, b.getI16Type())); // 64 * 255 fit
  return b.castU(vector::ReductionOp::create(b, vector::CombiningKind::ADD, wide), b.getI32Type());
}

Value mlir::dashkv::countLanes(VectorBuilder &b, Value sum, Value above) {
  return b.sub(sum, b.castS(above, sum.getType()));
}

/// The sum of the amounts of the discounts whose bit is set in `number`.
static Value sumDiscounts(VectorBuilder &b, ArrayRef<Discount> discounts, size_t number) {
  Value sum;
  for (auto [bit, discount] : llvm::enumerate(discounts))
    if (number >> bit & 1)
      sum = sum ? b.add(sum, discount.amount) : discount.amount;
  return sum;
}

KeyOrder::Classes KeyOrder::getThresholds(Value v) {
  Type type = row.type(), i32 = b.getI32Type();
  if (discounts.empty())
    return {b.castU(b.add(v, 1), type)};
  Classes thresholds;
  for (size_t number = 0; number < getNumClasses(); ++number) {
    Value bound = v;
    if (Value discount = sumDiscounts(b, discounts, number))
      bound = b.add(bound, discount);
    // Arithmetic shifts round down.
    bound = arith::ShRSIOp::create(b, bound, b.constant(i32, scale.fraction));
    bound = arith::ShRSIOp::create(b, b.sub(bound, scale.offset), b.constant(i32, scale.shift));
    bound = b.minS(b.maxS(b.add(bound, 1), b.constant(i32, 0)), b.constant(i32, row.highest()));
    thresholds.push_back(b.castU(bound, type));
  }
  return thresholds;
}

Value KeyOrder::getDistance(Value v) {
  if (!discounts.empty())
    return v;
  return b.shl(b.add(scale.offset, b.shl(v, scale.shift)), scale.fraction);
}

std::pair<Value, Value> KeyOrder::getRange(int64_t largest) {
  Type i32 = b.getI32Type();
  bool saturates = largest >= row.highest();
  int64_t last = std::min(largest, row.highest());
  if (discounts.empty())
    return {b.constant(i32, 0), b.constant(i32, last)};
  Value all = sumDiscounts(b, discounts, getNumClasses() - 1);
  auto distance = [&](int64_t x) {
    return b.shl(b.add(scale.offset, x << scale.shift), scale.fraction);
  };
  Value high = distance(last);
  return {b.sub(distance(0), all), saturates ? b.sub(high, all) : high};
}

KeyOrder::Keys KeyOrder::load(Value block, int64_t first, int64_t lanes) {
  Value at = b.add(b.add(row.begin, b.mul(block, kBlockKeys)), first);
  Keys keys = {b.loadVector(row.elements, at, lanes), {}};
  for (const Discount &discount : discounts) {
    Value word = b.load(discount.words, b.add(discount.begin, block));
    Value bits = b.castU(b.shrU(word, first), b.getIntegerType(lanes));
    keys.flags.push_back(b.bitcast(b.splat(bits, 1), b.vec(lanes, b.getI1Type())));
  }
  return keys;
}

KeyOrder::Classes KeyOrder::splat(const Classes &thresholds, int64_t lanes) {
  Classes result;
  for (Value threshold : thresholds)
    result.push_back(b.splat(threshold, lanes));
  return result;
}

Value KeyOrder::isAbove(const Keys &keys, const Classes &thresholds) {
  // Halve the classes flag by flag, the last one first.
  Classes left = thresholds;
  for (Value flag : llvm::reverse(keys.flags)) {
    size_t half = left.size() / 2;
    for (size_t i = 0; i < half; ++i)
      left[i] = b.select(flag, left[half + i], left[i]);
    left.resize(half);
  }
  auto predicate = row.isWide() ? CmpIPredicate::sge : CmpIPredicate::uge;
  return b.cmp(predicate, keys.elements, left[0]);
}

SmallVector<Value> KeyOrder::countAbove(Value blocks, ArrayRef<Classes> thresholds) {
  // Counters of a byte, emptied before they overflow.
  Type i32 = b.getI32Type();
  int64_t lanes = vectorBytes, parts = kBlockKeys / lanes;
  Value period = b.index(255 / parts);
  SmallVector<Classes> splats;
  for (const Classes &threshold : thresholds)
    splats.push_back(splat(threshold, lanes));
  Values zeros(thresholds.size(), b.constant(i32, 0));
  return b.loop(b.index(0), blocks, period, zeros, [&](Value begin, ValueRange sums) {
    Value end = b.minU(b.add(begin, period), blocks);
    Values none(thresholds.size(), b.constant(b.bytes(lanes), 0));
    Values counters = b.loop(begin, end, b.index(1), none, [&](Value block, ValueRange carried) {
      Values counters(carried);
      for (int64_t part = 0; part < parts; ++part) {
        Keys keys = load(block, part * lanes, lanes);
        for (auto [counter, splat] : llvm::zip(counters, splats))
          counter = countLanes(b, counter, isAbove(keys, splat));
      }
      return counters;
    });
    Values result;
    for (auto [sum, counter] : llvm::zip(sums, counters))
      result.push_back(b.add(sum, sumBytes(b, counter)));
    return result;
  });
}

KeyOrder::Place KeyOrder::findPlace(Value blocks, Value wanted, Value low, Value high,
                                    Value total) {
  constexpr int64_t kBounds = 8;
  Type i32 = b.getI32Type();
  Value lanes = b.mul(b.castU(blocks, i32), kBlockKeys);
  Values found = b.whileLoop(
      {low, high, b.constant(i32, 0), total},
      [&](ValueRange c) { return b.cmp(CmpIPredicate::slt, c[0], c[1]); },
      [&](ValueRange c) {
        Value low = c[0], high = c[1], below = c[2], upTo = c[3];
        Value step = b.add(b.div(b.sub(high, low), b.constant(i32, kBounds + 1)), 1);
        SmallVector<Value> bounds, counts;
        SmallVector<Classes> thresholds;
        Value bound = b.sub(low, 1), last = b.sub(high, 1);
        for (int64_t i = 0; i < kBounds; ++i) {
          bound = b.minS(b.add(bound, step), last);
          bounds.push_back(bound);
          thresholds.push_back(getThresholds(bound));
        }
        for (Value above : countAbove(blocks, thresholds))
          counts.push_back(b.sub(lanes, above));
        // Between the last bound with too few and the first with enough.
        Value newLow = b.add(bounds.back(), 1), newBelow = counts.back();
        for (int64_t i = kBounds - 1; i >= 0; --i) {
          Value enough = b.cmp(CmpIPredicate::sge, counts[i], wanted);
          high = b.select(enough, bounds[i], high);
          upTo = b.select(enough, counts[i], upTo);
          newLow = b.select(enough, i ? b.add(bounds[i - 1], 1) : low, newLow);
          newBelow = b.select(enough, i ? counts[i - 1] : below, newBelow);
        }
        return Values{newLow, high, newBelow, upTo};
      });
  return {found[0], found[2], found[3]};
}
