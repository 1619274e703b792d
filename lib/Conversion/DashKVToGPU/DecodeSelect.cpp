//===- DecodeSelect.cpp - The decode kernel: who is attended --------------===//
//
// The threshold is exact, and so is who of the keys at the threshold takes
// part: in the order of keys, or against it, over all CTAs of the list.
//
//===----------------------------------------------------------------------===//
#include "Decode.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Histograms of all CTAs, and the threshold
//===----------------------------------------------------------------------===//

/// Sums of the histograms of all CTAs and of those before this one.
void DecodeEmitter::emitExchange() {
  if (!spec.split)
    return; // the own histogram is the total
  int64_t bins = spec.getBins(), quads = bins / 4;
  Value numQuads = b.mul(splits, b.i32(quads));
  Value gathered = b.shr(ringBase, 2); // the ring is free
  auto address = [&](Value to, Value from, Value word) {
    Value box = b.add(b.mul(to, splits), from);
    return boxAddress(b.add(b.mul(box, b.i32(bins)), word));
  };
  b.loop(thread, numQuads, threads, [&](Value i) {
    Value word = b.shl(b.remU(i, b.i32(quads)), 2);
    SmallVector<Value> counts = b.loadVector(fixed, b.add(word, b.i32(histBase)), 4, 16);
    Value to = address(b.divU(i, b.i32(quads)), rank, word);
    effect("st.volatile.global.v4.b32 [$0], {$1,$2,$3,$4};", "l,r,r,r,r",
           {to, counts[0], counts[1], counts[2], counts[3]});
  });
  b.loop(thread, numQuads, threads, [&](Value i) {
    Value word = b.shl(i, 2);
    SmallVector<Value> counts = poll(4, address(rank, zero, word));
    b.storeVector(counts, words, b.add(gathered, word), 16);
  });
  b.barrier();
  b.when(b.cmp(CmpIPredicate::ult, thread, b.i32(bins)), [&] {
    // Four at a time: their loads overlap.
    SmallVector<Value> sums =
        b.loop(zero, splits, b.i32(4), {zero, zero}, [&](Value first, ValueRange carried) {
          Value total = carried[0], before = carried[1];
          for (int64_t i = 0; i < 4; ++i) {
            Value from = b.add(first, b.i32(i));
            Value word = b.mul(b.minS(from, b.sub(splits, one)), b.i32(bins));
            Value count = b.load(words, b.add(b.add(gathered, word), thread));
            count = b.select(b.cmp(CmpIPredicate::slt, from, splits), count, zero);
            total = b.add(total, count);
            Value isBefore = b.cmp(CmpIPredicate::slt, from, rank);
            before = b.add(before, b.select(isBefore, count, zero));
          }
          return SmallVector<Value>{total, before};
        });
    b.store(sums[0], fixed, b.add(thread, b.i32(totalBase)));
    b.store(sums[1], fixed, b.add(thread, b.i32(beforeBase)));
  });
  b.barrier();
}

/// Every warp finds it: the bins are spread over the lanes.
DecodeEmitter::Threshold DecodeEmitter::emitThreshold(Value keep) {
  int64_t perLane = spec.getBins() / 32;
  Value first = b.mul(lane, b.i32(perLane));
  auto loadBins = [&](int64_t base) {
    SmallVector<Value> bins;
    for (int64_t i = 0; i < perLane; i += 4)
      llvm::append_range(bins, b.loadVector(fixed, b.add(first, b.i32(base + i)), 4, 16));
    return bins;
  };
  SmallVector<Value> bins = loadBins(spec.split ? totalBase : histBase), before;
  if (spec.split)
    before = loadBins(beforeBase);
  Value sum = bins[0];
  for (int64_t i = 1; i < perLane; ++i)
    sum = b.add(sum, bins[i]);
  Value upTo = b.sub(b.warpScan(sum, lane), sum);
  Value numInside = zero, countInside = zero, countBefore = zero;
  for (int64_t i = 0; i < perLane; ++i) {
    upTo = b.add(upTo, bins[i]);
    Value inside = b.cmp(CmpIPredicate::slt, upTo, keep); // all of this bin
    numInside = b.add(numInside, b.select(inside, one, zero));
    countInside = b.select(inside, upTo, countInside);
    if (spec.split)
      countBefore = b.add(countBefore, b.select(inside, before[i], zero));
  }
  Threshold result;
  result.distance = b.warpReduce(NVVM::ReduxKind::ADD, numInside);
  Value need = b.sub(keep, b.warpReduce(NVVM::ReduxKind::UMAX, countInside));
  Value own = load(histBase, result.distance);
  result.base = zero;
  Value earlier = zero; // ties that come first
  if (spec.split) {
    countBefore = b.warpReduce(NVVM::ReduxKind::ADD, countBefore);
    Value tiesBefore = load(beforeBase, result.distance);
    Value inLower;
    if (spec.newest) {
      Value ties = load(totalBase, result.distance);
      earlier = b.sub(b.sub(ties, tiesBefore), own);
      inLower = b.maxS(b.sub(b.sub(need, earlier), own), zero);
    } else {
      earlier = tiesBefore;
      inLower = b.minS(need, tiesBefore);
    }
    result.base = b.add(countBefore, inLower);
  }
  Value quota = b.maxS(b.minS(b.sub(need, earlier), own), zero);
  result.left = spec.newest ? b.sub(own, quota) : quota;
  return result;
}

//===----------------------------------------------------------------------===//
// Compaction
//===----------------------------------------------------------------------===//

/// A lane compares 8 words of 4 keys at once. Bit 8 * i + j of a mask is key
/// 4 * j + i.
static constexpr int64_t kLaneWords = 8;
static constexpr int64_t kSpan = DecodeSpec::kSpan;
static_assert(kSpan == 32 * 4 * kLaneWords);
static constexpr int64_t kHighBits = 0x80808080;

struct DecodeEmitter::Limits {
  Value atMost, below; ///< narrow: what makes larger bytes reach 128
  Value belowMask;     ///< narrow: the addition overflows for a threshold of 0
  Value distance;      ///< in every byte
  Value high, low;     ///< its bits 7 set, and clear
};

DecodeEmitter::Limits DecodeEmitter::getLimits(Value distance) {
  Limits limits;
  Value everyByte = b.i32(0x01010101), high = b.i32(kHighBits);
  if (spec.isNarrow()) {
    limits.atMost = b.mul(b.sub(b.i32(127), distance), everyByte);
    limits.below = b.add(limits.atMost, everyByte);
    limits.belowMask = b.select(b.cmp(CmpIPredicate::eq, distance, zero), zero, high);
    return limits;
  }
  limits.distance = b.mul(distance, everyByte);
  limits.high = arith::OrIOp::create(b, limits.distance, high);
  limits.low = b.band(limits.distance, b.i32(~kHighBits));
  return limits;
}

DecodeEmitter::Masks DecodeEmitter::emitMasks(Value position, const Limits &limits) {
  Value first = b.shr(b.add(distanceBase, position), 2);
  first = b.add(first, b.mul(lane, b.i32(kLaneWords)));
  SmallVector<Value> keys = b.loadVector(words, first, 4, 16);
  llvm::append_range(keys, b.loadVector(words, b.add(first, b.i32(4)), 4, 16));
  Value high = b.i32(kHighBits), low = b.i32(~kHighBits), ones = b.i32(-1);
  Masks masks;
  auto merge = [&](Value &mask, Value bits, int64_t word) {
    bits = b.shr(bits, 7 - word);
    mask = mask ? Value(arith::OrIOp::create(b, mask, bits)) : bits;
  };
  for (auto [i, word] : llvm::enumerate(keys)) {
    if (spec.isNarrow()) {
      Value larger = b.add(word, limits.atMost), reached = b.add(word, limits.below);
      merge(masks.atMost, b.band(b.bxor(larger, ones), high), i);
      merge(masks.below, b.band(b.bxor(reached, ones), limits.belowMask), i);
      continue;
    }
    // Bytes without sign: by bit 7 if it differs, else by the borrow of the
    // rest.
    Value differs = b.bxor(word, limits.distance), same = b.bxor(differs, ones);
    Value fits = b.sub(limits.high, b.band(word, low));
    Value reaches = b.sub(arith::OrIOp::create(b, word, high), limits.low);
    auto decide = [&](Value larger, Value rest) {
      return Value(arith::OrIOp::create(b, b.band(differs, larger), b.band(same, rest)));
    };
    merge(masks.atMost, b.band(decide(limits.distance, fits), high), i);
    merge(masks.below, b.band(b.bxor(decide(word, reaches), ones), high), i);
  }
  return masks;
}

std::pair<Value, Value> DecodeEmitter::emitFirstTies(Value ties, Value left) {
  Type i32 = b.getI32Type();
  SmallVector<Value> result = ifElse(
      b.cmp(CmpIPredicate::sgt, left, zero), {i32, i32},
      [&]() -> SmallVector<Value> {
        Value mine = b.popcount(ties), here = b.warpReduce(NVVM::ReduxKind::ADD, mine);
        Value taken = ifElse(
            b.cmp(CmpIPredicate::sle, here, left), i32, [&]() { return SmallVector<Value>{ties}; },
            [&]() -> SmallVector<Value> {
              // One after another, in the order of keys.
              Value rest = b.add(b.sub(left, b.warpScan(mine, lane)), mine);
              Value ordered = zero;
              for (int64_t i = 0; i < kLaneWords; ++i) {
                Value word = b.band(b.shr(ties, i), b.i32(0x01010101));
                word = b.band(b.shr(b.mul(word, b.i32(0x01020408)), 24), b.i32(15));
                ordered = arith::OrIOp::create(b, ordered, b.shl(word, 4 * i));
              }
              return {whileLoop(
                  {ordered, rest, zero},
                  [&](ValueRange carried) -> Value {
                    return arith::AndIOp::create(b, b.cmp(CmpIPredicate::ne, carried[0], zero),
                                                 b.cmp(CmpIPredicate::sgt, carried[1], zero));
                  },
                  [&](ValueRange carried) -> SmallVector<Value> {
                    Value key = math::CountTrailingZerosOp::create(b, carried[0]);
                    Value bit = b.add(b.shl(b.band(key, b.i32(3)), 3), b.shr(key, 2));
                    Value set = arith::ShLIOp::create(b, one, bit);
                    return {b.band(carried[0], b.sub(carried[0], one)), b.sub(carried[1], one),
                            arith::OrIOp::create(b, carried[2], set)};
                  })[2]};
            })[0];
        return {taken, b.maxS(b.sub(left, here), zero)};
      },
      [&]() -> SmallVector<Value> { return {zero, zero}; });
  return {result[0], result[1]};
}

/// Marks `key` as one of the full tier, for the next layer.
void DecodeEmitter::emitKept(Value key) {
  Value keys = b.toIndex(arg("keys"));
  Value flags = b.view(arg("kept"), b.mul(b.toIndex(batch), keys), keys);
  b.store(arith::ConstantOp::create(b, b.getBoolAttr(true)), flags, key);
}

/// The first word of the mailboxes of a list.
Value DecodeEmitter::getListBoxes(int64_t tier) {
  Value word = b.mul(b.mul(splits, splits), b.i32(spec.getBins()));
  return tier == 0 ? word : b.add(word, b.mul(splits, arg("full_words")));
}

/// Gives `key` as entry `i` of a list to its CTA.
void DecodeEmitter::emitDeal(Value i, Value key, int64_t tier) {
  if (spec.hasKept && tier == 0)
    emitKept(key);
  if (!spec.split)
    return b.store(key, words, b.add(listBase[tier], i));
  Value to = b.band(i, b.sub(splits, one));
  Value slot = arith::ShRUIOp::create(b, i, logSplits);
  Value size = arg(tier == 0 ? "full_words" : "mid_words");
  sendWord(b.add(b.add(getListBoxes(tier), slot), b.mul(to, size)), key);
}

/// Of a threshold, while a warp goes through its keys.
struct DecodeEmitter::Tier {
  Limits limits;
  Value left; ///< of `Threshold::left`
};

/// The keys of a span up to the threshold.
Value DecodeEmitter::emitTake(Value position, Tier &tier) {
  Masks masks = emitMasks(position, tier.limits);
  Value ties = b.bxor(masks.atMost, masks.below), firstTies;
  std::tie(firstTies, tier.left) = emitFirstTies(ties, tier.left);
  return spec.newest ? b.bxor(masks.atMost, firstTies)
                     : Value(arith::OrIOp::create(b, masks.below, firstTies));
}

/// Deals the keys of a mask as entries from `next` on; returns where they end.
Value DecodeEmitter::emitDealt(Value take, Value next, Value position, int64_t tier) {
  Value number = b.popcount(take);
  Value some = b.any(b.cmp(CmpIPredicate::ne, number, zero));
  return ifElse(
      some, b.getI32Type(),
      [&]() -> SmallVector<Value> {
        Value upTo = b.warpScan(number, lane);
        Value at = b.sub(b.add(next, upTo), number);
        Value key = b.add(position, b.mul(lane, b.i32(4 * kLaneWords)));
        key = b.add(key, b.sub(start, skew));
        whileLoop(
            {take, at},
            [&](ValueRange carried) { return b.cmp(CmpIPredicate::ne, carried[0], zero); },
            [&](ValueRange carried) -> SmallVector<Value> {
              Value bit = math::CountTrailingZerosOp::create(b, carried[0]);
              Value within = b.add(b.shl(b.band(bit, b.i32(7)), 2), b.shr(bit, 3));
              emitDeal(carried[1], b.add(key, within), tier);
              return {b.band(carried[0], b.sub(carried[0], one)), b.add(carried[1], one)};
            });
        return {b.add(next, b.shuffleIdx(upTo, b.i32(31)))};
      },
      [&]() -> SmallVector<Value> { return {next}; })[0];
}

/// A warp owns consecutive keys: it counts, then it writes. The mid tier is
/// what the second threshold adds to the first.
void DecodeEmitter::emitCompaction(ArrayRef<Threshold> thresholds) {
  int64_t tiers = spec.getTiers();
  SmallVector<Tier> tier(tiers);
  for (int64_t i = 0; i < tiers; ++i)
    tier[i].limits = getLimits(thresholds[i].distance);
  Value end = b.mul(steps, b.i32(spec.getStageKeys())), span = b.i32(kSpan);
  Value spans = b.divU(b.add(end, b.i32(kSpan - 1)), span);
  Value perWarp = b.divU(b.add(spans, b.i32(DecodeSpec::kWarps - 1)), b.i32(DecodeSpec::kWarps));
  perWarp = b.mul(perWarp, span);
  Value first = b.minS(b.mul(warp, perWarp), end), last = b.minS(b.add(first, perWarp), end);

  SmallVector<Value> counts =
      b.loop(first, last, span, SmallVector<Value>(2 * tiers, zero),
             [&](Value position, ValueRange carried) {
               SmallVector<Value> result;
               for (int64_t i = 0; i < tiers; ++i) {
                 Masks masks = emitMasks(position, tier[i].limits);
                 result.push_back(b.add(carried[2 * i], b.popcount(masks.below)));
                 result.push_back(b.add(carried[2 * i + 1], b.popcount(masks.atMost)));
               }
               return result;
             });
  for (Value &count : counts)
    count = b.warpReduce(NVVM::ReduxKind::ADD, count);
  b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
    for (auto [i, count] : llvm::enumerate(counts))
      b.store(count, fixed, b.add(warp, b.i32(countBase + i * DecodeSpec::kWarps)));
  });
  b.barrier();
  // Entries of the warps before this one.
  Value isBefore = b.cmp(CmpIPredicate::ult, lane, warp);
  auto sumBefore = [&](int64_t i) {
    Value other = b.minS(lane, b.i32(DecodeSpec::kWarps - 1));
    Value count = load(countBase + i * DecodeSpec::kWarps, other);
    return b.warpReduce(NVVM::ReduxKind::ADD, b.select(isBefore, count, zero));
  };
  SmallVector<Value> next;
  for (int64_t i = 0; i < tiers; ++i) {
    Value below = sumBefore(2 * i), ties = b.sub(sumBefore(2 * i + 1), below);
    Value passed = b.minS(thresholds[i].left, ties);
    Value in = b.add(below, spec.newest ? b.sub(ties, passed) : passed);
    next.push_back(b.add(thresholds[i].base, in));
    tier[i].left = b.sub(thresholds[i].left, passed);
  }
  if (spec.mid)
    next[1] = b.sub(next[1], next[0]);
  next[0] = b.add(next[0], numForced);

  SmallVector<Value> init = next;
  for (const Tier &t : tier)
    init.push_back(t.left);
  b.loop(first, last, span, init, [&](Value position, ValueRange carried) {
    SmallVector<Value> nextThen, leftThen;
    Value before;
    for (int64_t i = 0; i < tiers; ++i) {
      tier[i].left = carried[tiers + i];
      Value upTo = emitTake(position, tier[i]);
      Value take = before ? b.bxor(upTo, before) : upTo; // tiers nest
      nextThen.push_back(emitDealt(take, carried[i], position, i));
      leftThen.push_back(tier[i].left);
      before = upTo;
    }
    nextThen.append(leftThen);
    return nextThen;
  });
  // The forced keys come first; a CTA deals them.
  Value forced = numForced;
  if (spec.split)
    forced = b.select(b.cmp(CmpIPredicate::eq, rank, zero), numForced, zero);
  b.loop(thread, forced, threads, [&](Value i) { emitDeal(i, emitForcedKey(i), 0); });
}

/// Takes this CTA's entries out of the mailboxes.
void DecodeEmitter::emitReceive() {
  if (!spec.split)
    return;
  for (int64_t tier = 0; tier < spec.getTiers(); ++tier) {
    Value size = arg(tier == 0 ? "full_words" : "mid_words");
    Value mine = b.add(getListBoxes(tier), b.mul(rank, size));
    b.loop(thread, count[tier], threads, [&](Value i) {
      Value key = poll(1, boxAddress(b.add(mine, i)))[0];
      b.store(key, words, b.add(listBase[tier], i));
    });
  }
}
