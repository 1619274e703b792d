//===- DecodeScan.cpp - The decode kernel: distances ----------------------===//
//
// Distances by two exact identities of the code semantics. Group sum: the codes
// of the heads of a group collapse to one weighted code, as
//   sum_h w_h [k != s_h] = c + |W| [k != (W > 0)], W = sum of signed weights.
// Planes: with p-bit weights,
//   D = sum_i 2^i popcount((k xor s) and m_i), m_i bit i of the magnitudes.
//
//===----------------------------------------------------------------------===//
#include "Decode.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// The ring of bulk copies
//===----------------------------------------------------------------------===//

static constexpr int64_t kDrained = 128; // bytes from the full barriers

/// Thread 0: copies a step's codes to a stage.
void DecodeEmitter::emitFetch(Value step, Value stage) {
  Value stageBytes = b.i32(DecodeSpec::kStageBytes);
  Value done = b.mul(step, stageBytes);
  Value size = b.minS(stageBytes, b.sub(copiedBytes, done));
  Value barrier = b.add(fixedAddress, b.shl(stage, 3));
  effect("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", "r,r", {barrier, size});
  Value target = b.add(b.add(dynamicAddress, ringBase), b.mul(stage, stageBytes));
  Value source = AttendEmitter::row(b, codesAddress, step, stageBytes);
  effect("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
         "[$0], [$1], $2, [$3];",
         "r,l,r,r", {target, source, size, barrier});
}

static void waitFor(function_ref<void(StringRef, StringRef, ValueRange)> effect, Value barrier,
                    Value phase) {
  effect("{ .reg .pred p; W: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], "
         "$1; @!p bra W; }",
         "r,r", {barrier, phase});
}

void DecodeEmitter::emitFirstFetches(bool early) {
  Value first = b.cmp(CmpIPredicate::eq, thread, zero);
  Value stages = arg("stages");
  if (early)
    b.when(first, [&] {
      b.loop(zero, stages, one, [&](Value stage) {
        Value barrier = b.add(fixedAddress, b.shl(stage, 3));
        effect("mbarrier.init.shared::cta.b64 [$0], $1;", "r,r", {barrier, one});
        effect("mbarrier.init.shared::cta.b64 [$0], $1;", "r,r",
               {b.add(barrier, b.i32(kDrained)), b.i32(DecodeSpec::kWarps)});
      });
      b.inlineAsm("fence.mbarrier_init.release.cluster; "
                  "fence.proxy.async.shared::cta;");
    });
  if (early == spec.early)
    b.when(first,
           [&] { b.loop(zero, b.minS(stages, steps), one, [&](Value i) { emitFetch(i, i); }); });
}

//===----------------------------------------------------------------------===//
// The query side
//===----------------------------------------------------------------------===//

/// One warp a word: a lane adds up the weights of its bit over the heads,
/// ballots turn them into bit planes.
void DecodeEmitter::emitQueryPlanes() {
  int64_t count = spec.getWords(), codeBytes = spec.weighted ? spec.bits : spec.getCodeBytes();
  b.loop(thread, b.i32(spec.getBins()), threads,
         [&](Value i) { b.store(zero, fixed, b.add(i, b.i32(histBase))); });
  b.when(b.cmp(CmpIPredicate::ult, warp, b.i32(count)), [&] {
    // Query codes are [batch, KV heads * heads, queries, bytes].
    Value head = b.mul(b.add(b.mul(batch, kvHeads), kvHead), b.i32(spec.codeHeads));
    Value first = b.add(b.mul(head, b.i32(spec.queries)), row);
    Value offset = b.mul(b.toIndex(first), b.toIndex(b.i32(codeBytes)));
    Value perHead = b.toIndex(b.i32(spec.queries * codeBytes));
    Value size = b.toIndex(b.i32(spec.codeHeads * spec.queries * codeBytes));
    Value codes = b.view(arg("query_codes"), offset, size);
    Value bit = b.add(b.shl(warp, 5), lane);
    Value byte = b.toIndex(spec.weighted ? bit : b.shr(bit, 3));
    Value ifZero = zero, ifOne = zero; // what the bit costs
    for (int64_t i = 0; i < spec.codeHeads; ++i) {
      Value code = b.load(codes, b.add(byte, b.mul(perHead, b.toIndex(b.i32(i)))));
      if (spec.weighted) {
        Value weight = arith::ExtSIOp::create(b, b.getI32Type(), code);
        ifZero = b.add(ifZero, b.maxS(weight, zero));
        ifOne = b.add(ifOne, b.maxS(b.sub(zero, weight), zero));
        continue;
      }
      Value wide = arith::ExtUIOp::create(b, b.getI32Type(), code);
      Value set = b.band(arith::ShRUIOp::create(b, wide, b.band(lane, b.i32(7))), one);
      ifZero = b.add(ifZero, set);
      ifOne = b.add(ifOne, b.bxor(set, one));
    }
    Value common = b.minS(ifZero, ifOne);
    Value weight = b.shr(b.sub(b.maxS(ifZero, ifOne), common), spec.getScale() == 2);
    SmallVector<Value> groups = {b.ballot(b.cmp(CmpIPredicate::sgt, ifZero, ifOne))};
    for (int64_t i = 0; i < spec.getPlanes(); ++i)
      groups.push_back(b.ballot(b.cmp(CmpIPredicate::ne, b.band(weight, b.i32(1 << i)), zero)));
    Value offsetSum = b.warpReduce(NVVM::ReduxKind::ADD, common);
    Value used = b.warpReduce(NVVM::ReduxKind::OR, weight);
    Value weightSum = spec.mid ? b.warpReduce(NVVM::ReduxKind::ADD, weight) : zero;
    b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
      for (auto [i, group] : llvm::enumerate(groups))
        b.store(group, fixed, b.add(warp, b.i32(planeBase + i * count)));
      b.store(used, fixed, b.add(warp, b.i32(offsetBase)));
      b.store(offsetSum, fixed, b.add(warp, b.i32(offsetBase + count)));
      if (spec.mid)
        b.store(weightSum, fixed, b.add(warp, b.i32(offsetBase + 2 * count)));
    });
  });
}

/// More planes than these are rare in weighted codes, and are not kept in
/// registers.
static constexpr int64_t kPlanesInRegisters = 4;

void DecodeEmitter::readQueryPlanes() {
  int64_t count = spec.getWords();
  auto readWords = [&](int64_t base) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(load(base, b.i32(i)));
    return values;
  };
  signs = readWords(planeBase);
  masks.clear();
  for (int64_t i = 0; i < std::min(spec.getPlanes(), kPlanesInRegisters); ++i)
    masks.push_back(readWords(planeBase + (1 + i) * count));
  Value used;
  for (Value word : readWords(offsetBase))
    used = used ? Value(arith::OrIOp::create(b, used, word)) : word;
  Value leading = math::CountLeadingZerosOp::create(b, used);
  // A code that breaks the contract must not lead past the planes.
  planesInUse = b.minS(b.sub(b.i32(32), leading), b.i32(spec.getPlanes()));
}

SmallVector<Value> DecodeEmitter::emitDistances(ArrayRef<SmallVector<Value>> codes) {
  int64_t count = spec.getWords();
  SmallVector<SmallVector<Value>> differing;
  for (const SmallVector<Value> &code : codes) {
    SmallVector<Value> &key = differing.emplace_back();
    for (auto [word, sign] : llvm::zip_equal(code, signs))
      key.push_back(b.bxor(word, sign));
  }
  auto addPlane = [&](ValueRange sums, ArrayRef<Value> mask, Value shift) {
    SmallVector<Value> result;
    for (auto [i, key] : llvm::enumerate(differing)) {
      Value ones;
      for (auto [word, bits] : llvm::zip_equal(key, mask)) {
        Value set = b.popcount(b.band(word, bits));
        ones = ones ? b.add(ones, set) : set;
      }
      if (shift)
        ones = arith::ShLIOp::create(b, ones, shift);
      result.push_back(sums.empty() ? ones : b.add(sums[i], ones));
    }
    return result;
  };
  SmallVector<Value> sums = addPlane({}, masks[0], Value());
  SmallVector<Type> types(codes.size(), b.getI32Type());
  // Weights rarely have all their bits: of many planes only those in use are
  // counted.
  int64_t certain = spec.weighted ? 2 : spec.getPlanes();
  std::function<SmallVector<Value>(SmallVector<Value>, int64_t)> addFrom =
      [&](SmallVector<Value> sums, int64_t plane) -> SmallVector<Value> {
    if (plane == spec.getPlanes())
      return sums;
    if (plane < certain)
      return addFrom(addPlane(sums, masks[plane], b.i32(plane)), plane + 1);
    Value isUsed = b.cmp(CmpIPredicate::sgt, planesInUse, b.i32(plane));
    return ifElse(
        isUsed, types,
        [&]() -> SmallVector<Value> {
          if (plane < kPlanesInRegisters)
            return addFrom(addPlane(sums, masks[plane], b.i32(plane)), plane + 1);
          return b.loop(b.i32(plane), planesInUse, one, sums, [&](Value i, ValueRange carried) {
            SmallVector<Value> mask;
            for (int64_t word = 0; word < count; ++word)
              mask.push_back(load(planeBase + count + word, b.mul(i, b.i32(count))));
            return addPlane(carried, mask, i);
          });
        },
        [&] { return sums; });
  };
  sums = addFrom(sums, 1);
  if (spec.weighted || spec.getMaxDistance() > spec.getTop())
    for (Value &sum : sums)
      sum = b.minS(sum, b.i32(spec.getTop()));
  return sums;
}

//===----------------------------------------------------------------------===//
// The scan
//===----------------------------------------------------------------------===//

/// A thread takes two times 16 bytes of codes a step, the second after those of
/// all threads unless they belong to one key.
static int64_t getSecondByte(const DecodeSpec &spec) {
  return spec.bits == 256 ? 16 : 16 * DecodeSpec::kThreads;
}

/// Where this thread's bytes of a step start, within it. Past the end the last
/// ones are read again: what comes of it is dropped by `emitExclude`.
static std::array<Value, 2> getStepBytes(KernelBuilder &b, const DecodeSpec &spec, Value thread,
                                         Value left) {
  int64_t size = spec.bits == 256 ? 32 : 16;
  Value first = b.mul(thread, b.i32(size));
  Value last = b.sub(left, b.i32(size));
  Value second = b.add(first, b.i32(getSecondByte(spec)));
  first = b.minS(first, last);
  second = spec.bits == 256 ? b.add(first, b.i32(16)) : b.minS(second, last);
  return {first, second};
}

SmallVector<Value> DecodeEmitter::loadGlobalCodes(Value step) {
  Value stageBytes = b.i32(DecodeSpec::kStageBytes), done = b.mul(step, stageBytes);
  SmallVector<Value> result;
  for (Value byte : getStepBytes(b, spec, thread, b.sub(copiedBytes, done))) {
    Value address = AttendEmitter::row(b, codesAddress, b.add(done, byte), one);
    SmallVector<Type> types(4, b.getI32Type());
    llvm::append_range(result, b.inlineAsm("ld.global.nc.v4.b32 {$0,$1,$2,$3}, [$4];",
                                           "=r,=r,=r,=r,l", types, address));
  }
  return result;
}

SmallVector<Value> DecodeEmitter::loadRing(Value step, Value stage) {
  Value stageBytes = b.i32(DecodeSpec::kStageBytes);
  Value left = b.minS(b.sub(copiedBytes, b.mul(step, stageBytes)), stageBytes);
  Value base = b.add(ringBase, b.mul(stage, stageBytes));
  SmallVector<Value> result;
  for (Value byte : getStepBytes(b, spec, thread, left))
    llvm::append_range(result, b.loadVector(words, b.shr(b.add(base, byte), 2), 4, 16));
  return result;
}

/// Distances of the keys whose codes are `codes`: two times 4 words. Calls
/// `whenRead` where these are there for certain.
void DecodeEmitter::emitScanStep(Value step, ArrayRef<Value> codes, function_ref<void()> whenRead) {
  int64_t count = spec.getWords();
  SmallVector<SmallVector<Value>> keys;
  for (int64_t i = 0; i < 8; i += count)
    keys.emplace_back(codes.slice(i, count));
  SmallVector<Value> distances = emitDistances(keys);
  whenRead();

  // Keys of 16 bytes stand next to each other.
  int64_t together = spec.getAlignedKeys();
  Value first = b.add(distanceBase, b.mul(step, b.i32(spec.getStageKeys())));
  for (int64_t i = 0, e = distances.size(); i < e; i += together) {
    Value packed = distances[i];
    for (int64_t j = 1; j < together; ++j)
      packed = b.add(packed, b.shl(distances[i + j], 8 * j));
    Value byte =
        b.add(first, b.add(b.mul(thread, b.i32(together)), b.i32(i * DecodeSpec::kThreads)));
    if (together == 4)
      b.store(packed, words, b.shr(byte, 2));
    else if (together == 2)
      b.store(arith::TruncIOp::create(b, b.getI16Type(), packed), halves, b.shr(byte, 1));
    else
      b.store(arith::TruncIOp::create(b, b.getI8Type(), packed), bytes, byte);
  }
  for (Value distance : distances)
    b.atomic(LLVM::AtomicBinOp::add, one, fixed, b.add(distance, b.i32(histBase)));
}

void DecodeEmitter::emitScan() {
  if (!spec.bulk) {
    // The loads of a step are on their way during the step before.
    Value any = b.cmp(CmpIPredicate::sgt, steps, zero);
    b.when(any, [&] {
      b.loop(zero, steps, one, loadGlobalCodes(zero), [&](Value step, ValueRange codes) {
        Value next = b.minS(b.add(step, one), b.sub(steps, one));
        SmallVector<Value> ahead = loadGlobalCodes(next);
        emitScanStep(step, llvm::to_vector(codes), [] {});
        return ahead;
      });
    });
    return;
  }
  Value stages = arg("stages"), lastStage = b.sub(stages, one);
  Value isFirst = b.cmp(CmpIPredicate::eq, thread, zero);
  auto wait = [&](Value barrier, Value phase) {
    waitFor([&](StringRef text, StringRef constraints,
                ValueRange operands) { effect(text, constraints, operands); },
            barrier, phase);
  };
  auto barrierOf = [&](Value stage) { return b.add(fixedAddress, b.shl(stage, 3)); };
  b.loop(zero, steps, one, {zero, zero}, [&](Value step, ValueRange carried) -> SmallVector<Value> {
    Value stage = carried[0], phase = carried[1];
    Value barrier = barrierOf(stage);
    wait(barrier, phase);
    SmallVector<Value> codes = loadRing(step, stage);
    emitScanStep(step, codes, [&] {
      b.inlineAsm("bar.warp.sync 0xffffffff;");
      b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
        effect("mbarrier.arrive.shared::cta.b64 _, [$0];", "r", {b.add(barrier, b.i32(kDrained))});
      });
    });
    // Refill the stage of the step before.
    Value ahead = b.add(step, lastStage);
    Value refill = arith::AndIOp::create(b, isFirst, b.cmp(CmpIPredicate::slt, ahead, steps));
    refill = arith::AndIOp::create(b, refill, b.cmp(CmpIPredicate::sgt, step, zero));
    Value wraps = b.cmp(CmpIPredicate::eq, stage, zero);
    b.when(refill, [&] {
      Value previous = b.select(wraps, lastStage, b.sub(stage, one));
      Value itsPhase = b.select(wraps, b.bxor(phase, one), phase);
      wait(b.add(barrierOf(previous), b.i32(kDrained)), itsPhase);
      emitFetch(ahead, previous);
    });
    Value next = b.add(stage, one);
    Value last = b.cmp(CmpIPredicate::eq, next, stages);
    return {b.select(last, zero, next), b.select(last, b.bxor(phase, one), phase)};
  });
}

/// Takes positions that are no candidates out of the histogram.
void DecodeEmitter::emitExclude() {
  Value excluded = arith::ConstantOp::create(b, b.getI8IntegerAttr(spec.getExcluded()));
  auto drop = [&](Value position) {
    Value at = b.add(distanceBase, position);
    Value distance = arith::ExtUIOp::create(b, b.getI32Type(), b.load(bytes, at));
    b.atomic(LLVM::AtomicBinOp::add, b.i32(-1), fixed, b.add(distance, b.i32(histBase)));
    b.store(excluded, bytes, at);
  };
  Value written = b.mul(steps, b.i32(spec.getStageKeys()));
  b.loop(b.add(numKeys, thread), written, threads, drop);
  if (spec.getDistanceGranularity() > spec.getStageKeys()) {
    // Compaction reads whole spans.
    Value span = b.i32(DecodeSpec::kSpan - 1);
    Value end = b.band(b.add(written, span), b.bxor(span, b.i32(-1)));
    b.loop(b.add(written, thread), end, threads,
           [&](Value position) { b.store(excluded, bytes, b.add(distanceBase, position)); });
  }
  if (spec.getAlignedKeys() > 1) // keys of the KV head before
    b.loop(b.add(start, thread), b.minS(skew, numKeys), threads, drop);
  b.loop(thread, numForced, threads, [&](Value i) {
    Value position = b.add(emitForcedKey(i), b.sub(skew, start));
    b.when(b.cmp(CmpIPredicate::ult, position, numKeys), [&] { drop(position); });
  });
}

Value DecodeEmitter::emitForcedKey(Value i) {
  Value inSinks = b.cmp(CmpIPredicate::slt, i, sinkEnd);
  return b.select(inSinks, i, b.add(i, windowShift));
}
