//===- SelectCompact.cpp - From thresholds to lists -----------------------===//
//
// A CTA a chunk of a row. It knows how many entries the chunks before it have,
// takes 8 keys a thread and step, and writes the entries where they belong:
// lists are in key order, and no CTA waits for another.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

namespace {
struct CompactSpec {
  unsigned bits;
  bool hasLengths, hasForced, mid, kept;
};

class CompactEmitter {
public:
  CompactEmitter(const CompactSpec &spec, gpu::GPUFuncOp func)
      : spec(spec), func(func), b(func), zero(b.i32(0)), one(b.i32(1)) {}

  void emit();

private:
  /// What a thread knows of its keys: bit i of a mask is key i.
  struct Masks {
    Value full;  ///< forced, or below threshold 1
    Value ties1; ///< at threshold 1
    Value mid;   ///< between the thresholds
    Value ties2; ///< at threshold 2
  };
  Masks emitMasks(Value key);
  void emitStep(Value key, const Masks &masks, ValueRange before);
  void emitPadding(Value list, Value capacity, Value count);
  /// Bit i: key + i is in [0, bound).
  Value getBelow(Value key, Value bound);
  /// The number of `mask`'s bits below bit i.
  Value countBelow(Value mask, int64_t i) {
    return i ? b.popcount(b.band(mask, b.i32((1 << i) - 1))) : zero;
  }

  const CompactSpec &spec;
  gpu::GPUFuncOp func;
  KernelBuilder b;
  Value zero, one;
  Value values, flags, fullList, midList;
  Value fullCapacity, midCapacity, sinks, window;
  unsigned keptArgument = 0;
  Value keptBase, keptBit;
  Value thread, lane, limit;
  SmallVector<Value> state;
};
} // namespace

Value CompactEmitter::getBelow(Value key, Value bound) {
  Value count = b.maxS(b.minS(b.sub(bound, key), b.i32(kCompactKeys)), zero);
  return b.sub(arith::ShLIOp::create(b, one, count), one);
}

CompactEmitter::Masks CompactEmitter::emitMasks(Value key) {
  Masks masks{zero, zero, zero, zero};
  Value threshold1 = state[kThreshold1], threshold2 = state[kThreshold2];
  int64_t perLoad = 128 / std::max<unsigned>(spec.bits, 16);
  SmallVector<Value> loaded;
  for (int64_t i = 0; i < kCompactKeys; i += perLoad)
    llvm::append_range(loaded,
                       b.loadVector(values, b.plus(key, i), perLoad, perLoad * spec.bits / 8));
  auto setBit = [&](Value &mask, Value condition, int64_t i) {
    mask = b.bor(mask, b.select(condition, b.i32(1 << i), zero));
  };
  for (auto [i, narrow] : llvm::enumerate(loaded)) {
    Value value =
        spec.bits == 32 ? narrow : Value(arith::ExtUIOp::create(b, b.getI32Type(), narrow));
    setBit(masks.full, b.cmp(CmpIPredicate::slt, value, threshold1), i);
    setBit(masks.ties1, b.cmp(CmpIPredicate::eq, value, threshold1), i);
    if (!spec.mid)
      continue;
    Value above = b.cmp(CmpIPredicate::sgt, value, threshold1);
    setBit(masks.mid, b.band(above, b.cmp(CmpIPredicate::slt, value, threshold2)), i);
    setBit(masks.ties2, b.cmp(CmpIPredicate::eq, value, threshold2), i);
  }
  Value visible = getBelow(key, limit);
  Value forced =
      b.bor(getBelow(key, sinks), b.bxor(getBelow(key, b.sub(limit, window)), b.i32(-1)));
  if (flags)
    for (int64_t i = 0; i < kCompactKeys; ++i) {
      Value last = b.maxS(b.sub(limit, one), zero); // what is not visible does not count
      Value at = b.minS(b.add(key, b.i32(i)), last);
      setBit(forced, b.load(flags, at), i);
    }
  forced = b.band(forced, visible);
  Value candidates = b.band(visible, b.bxor(forced, b.i32(-1)));
  masks.full = b.bor(b.band(masks.full, candidates), forced);
  masks.ties1 = b.band(masks.ties1, candidates);
  masks.mid = b.band(masks.mid, candidates);
  masks.ties2 = b.band(masks.ties2, candidates);
  return masks;
}

/// Writes the entries of a thread; `before` counts full, ties 1, mid, ties 2.
void CompactEmitter::emitStep(Value key, const Masks &masks, ValueRange before) {
  /// Ties in [begin, end) before tie number `tie`.
  auto taken = [&](Value tie, int64_t begin) {
    return b.sub(b.maxS(b.minS(tie, state[begin + 1]), state[begin]), state[begin]);
  };
  auto isTaken = [&](Value tie, int64_t begin) {
    return b.band(b.cmp(CmpIPredicate::sge, tie, state[begin]),
                  b.cmp(CmpIPredicate::slt, tie, state[begin + 1]));
  };
  auto has = [&](Value mask, int64_t i) {
    return b.cmp(CmpIPredicate::ne, b.band(mask, b.i32(1 << i)), zero);
  };
  Value maybeFull = b.bor(masks.full, masks.ties1);
  b.when(b.cmp(CmpIPredicate::ne, maybeFull, zero), [&] {
    for (int64_t i = 0; i < kCompactKeys; ++i) {
      Value tie = b.add(before[1], countBelow(masks.ties1, i));
      Value position = b.add(b.add(before[0], countBelow(masks.full, i)), taken(tie, kFullBegin));
      Value selected =
          b.bor(has(masks.full, i), b.band(has(masks.ties1, i), isTaken(tie, kFullBegin)));
      Value fits = b.cmp(CmpIPredicate::slt, position, fullCapacity);
      b.when(b.band(selected, fits), [&] {
        Value entry = b.add(key, b.i32(i));
        b.store(entry, fullList, position);
        if (spec.kept)
          b.atomic(LLVM::AtomicBinOp::_or, keptBit, func.getArgument(keptArgument),
                   b.add(keptBase, b.toIndex(entry)));
      });
    }
  });
  if (!spec.mid)
    return;
  Value maybeMid = b.bor(b.bor(masks.mid, masks.ties1), masks.ties2);
  b.when(b.cmp(CmpIPredicate::ne, maybeMid, zero), [&] {
    for (int64_t i = 0; i < kCompactKeys; ++i) {
      Value tie1 = b.add(before[1], countBelow(masks.ties1, i));
      Value tie2 = b.add(before[3], countBelow(masks.ties2, i));
      Value position = b.add(b.add(before[2], countBelow(masks.mid, i)),
                             b.add(taken(tie1, kMidBegin1), taken(tie2, kMidBegin2)));
      Value ties = b.bor(b.band(has(masks.ties1, i), isTaken(tie1, kMidBegin1)),
                         b.band(has(masks.ties2, i), isTaken(tie2, kMidBegin2)));
      Value fits = b.cmp(CmpIPredicate::slt, position, midCapacity);
      b.when(b.band(b.bor(has(masks.mid, i), ties), fits),
             [&] { b.store(b.add(key, b.i32(i)), midList, position); });
    }
  });
}

/// -1 from the count on, a share a CTA.
void CompactEmitter::emitPadding(Value list, Value capacity, Value count) {
  Value threads = b.i32(kRetrieveThreads);
  Value first = b.add(b.mul(b.blockId(gpu::Dimension::x), threads), thread);
  Value step = b.mul(b.gridSize(gpu::Dimension::x), threads);
  b.loop(b.add(b.minS(count, capacity), first), capacity, step,
         [&](Value i) { b.store(b.i32(-1), list, i); });
}

void CompactEmitter::emit() {
  unsigned taken = 0;
  auto next = [&] { return func.getArgument(taken++); };
  Value valuePointer = next();
  Value lengths = spec.hasLengths ? next() : Value();
  Value forced = spec.hasForced ? next() : Value();
  Value states = next(), chunkStates = next(), fullPointer = next();
  Value midPointer = spec.mid ? next() : Value();
  if (spec.kept)
    keptArgument = taken++;
  Value pitch = next(), queries = next(), numKeys = next();
  fullCapacity = next();
  midCapacity = spec.mid ? next() : Value();
  sinks = next();
  window = next();
  Value sums = func.getWorkgroupAttributions()[0];

  b.launchDependents();
  b.waitForPrevious();
  thread = b.threadX(kRetrieveThreads);
  lane = b.band(thread, b.i32(31));
  Value warp = b.shr(thread, 5);
  Value chunk = b.blockId(gpu::Dimension::x), chunks = b.gridSize(gpu::Dimension::x);
  Value rowOfBatch = b.blockId(gpu::Dimension::y), batch = b.blockId(gpu::Dimension::z);
  Value row = b.toIndex(b.add(b.mul(batch, b.gridSize(gpu::Dimension::y)), rowOfBatch));
  Value length = getLength(b, lengths, batch, numKeys);
  Value head = b.divU(rowOfBatch, queries);
  limit = getRowLimit(b, length, queries, b.sub(rowOfBatch, b.mul(head, queries)));
  ChunkRange range = getChunkRange(b, length, chunk, chunks);
  auto rowOf = [&](Value pointer, Value size) {
    size = b.toIndex(size);
    return b.view(pointer, b.mul(row, size), size);
  };
  values = rowOf(valuePointer, pitch);
  fullList = rowOf(fullPointer, fullCapacity);
  if (spec.mid)
    midList = rowOf(midPointer, midCapacity);
  if (forced) {
    Value size = b.toIndex(numKeys);
    flags = b.view(forced, b.mul(b.toIndex(batch), size), size);
  }
  if (spec.kept) { // 32 heads a word
    Value heads = b.divU(b.gridSize(gpu::Dimension::y), queries);
    Value words = b.shr(b.add(heads, b.i32(31)), 5);
    Value word = b.add(b.mul(batch, words), b.shr(head, 5));
    keptBase = b.mul(b.toIndex(word), b.toIndex(numKeys));
    keptBit = arith::ShLIOp::create(b, one, b.band(head, b.i32(31)));
  }

  Value stateRow = rowOf(states, b.i32(kStateWords));
  for (int64_t i = 0; i <= kMidCount; ++i)
    state.push_back(b.load(stateRow, b.i32(i)));
  Value chunkSize = b.toIndex(b.i32(kChunkWords));
  Value slot = b.add(b.mul(row, b.toIndex(chunks)), b.toIndex(chunk));
  Value chunkState = b.view(chunkStates, b.mul(slot, chunkSize), chunkSize);
  int64_t numCounts = spec.mid ? 4 : 2;
  SmallVector<Value> start;
  for (int64_t i = 0; i < numCounts; ++i)
    start.push_back(b.load(chunkState, b.i32(kBelow1 + i)));

  // Two counts a word: a step has less than 2^16 keys.
  int64_t numWarps = kRetrieveThreads / 32, numWords = numCounts / 2;
  Value stepKeys = b.i32(kRetrieveThreads * kCompactKeys);
  SmallVector<Value> init(start);
  init.push_back(zero); // the half of `sums` in use: one barrier a step
  b.loop(range.begin, range.end, stepKeys, init, [&](Value first, ValueRange carried) {
    Value key = b.add(first, b.mul(thread, b.i32(kCompactKeys)));
    // Threads past the end read keys that exist, and count none.
    Value readable = b.minS(key, b.band(b.sub(range.end, one), b.i32(-kCompactKeys)));
    Masks masks = emitMasks(readable);
    Value inside = b.cmp(CmpIPredicate::slt, key, range.end);
    SmallVector<Value> own;
    for (Value *mask : {&masks.full, &masks.ties1, &masks.mid, &masks.ties2}) {
      *mask = b.select(inside, *mask, zero);
      own.push_back(b.popcount(*mask));
    }
    Value half = carried.back();
    SmallVector<Value> before, packed, upTo;
    for (int64_t i = 0; i < numWords; ++i) {
      packed.push_back(b.add(own[2 * i], b.shl(own[2 * i + 1], 16)));
      upTo.push_back(b.warpScan(packed[i], lane));
    }
    b.when(b.cmp(CmpIPredicate::eq, lane, b.i32(31)), [&] {
      for (int64_t i = 0; i < numWords; ++i)
        b.store(upTo[i], sums, b.add(b.add(half, warp), b.i32(i * numWarps)));
    });
    b.barrier();
    SmallVector<Value> next;
    for (int64_t i = 0; i < numWords; ++i) {
      Value lower = b.sub(upTo[i], packed[i]), total = zero;
      for (int64_t j = 0; j < numWarps; ++j) {
        Value sum = b.load(sums, b.add(half, b.i32(i * numWarps + j)));
        total = b.add(total, sum);
        lower = b.add(lower, b.select(b.cmp(CmpIPredicate::slt, b.i32(j), warp), sum, zero));
      }
      Value low = b.i32(0xffff);
      before.push_back(b.add(carried[2 * i], b.band(lower, low)));
      before.push_back(b.add(carried[2 * i + 1], b.shr(lower, 16)));
      next.push_back(b.add(carried[2 * i], b.band(total, low)));
      next.push_back(b.add(carried[2 * i + 1], b.shr(total, 16)));
    }
    emitStep(key, masks, before);
    next.push_back(b.bxor(half, b.i32(2 * numWarps)));
    return next;
  });
  emitPadding(fullList, fullCapacity, state[kFullCount]);
  if (spec.mid)
    emitPadding(midList, midCapacity, state[kMidCount]);
}

void mlir::dashkv::launchCompact(const CompactOperands &operands, LaunchBuilder &b) {
  Type i32 = b.getI32Type();
  CompactSpec spec{operands.values.getBits(), static_cast<bool>(operands.lengths),
                   static_cast<bool>(operands.forced), static_cast<bool>(operands.midIndices),
                   static_cast<bool>(operands.kept)};
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name)
      << "dashkv_compact_i" << spec.bits << (spec.hasLengths ? "_lengths" : "")
      << (spec.hasForced ? "_forced" : "") << (spec.mid ? "_mid" : "")
      << (spec.kept ? "_kept" : "");
  signature.threads = kRetrieveThreads;
  signature.minBlocks = 4;
  // Not noalias: read past the caches, values of an earlier step might be seen.
  signature.parameters = {{b.getIntegerType(spec.bits)}};
  SmallVector<Value> arguments = {operands.values.pointer};
  auto add = [&](Value pointer) {
    if (!pointer)
      return;
    signature.parameters.push_back({cast<MemRefType>(pointer.getType()).getElementType()});
    arguments.push_back(pointer);
  };
  auto addSize = [&](Value size) {
    if (!size)
      return;
    signature.parameters.push_back({i32, KernelParameter::Scalar});
    arguments.push_back(size.getType().isIndex() ? b.i32(size) : size);
  };
  for (Value memref : {operands.lengths, operands.forced})
    if (memref)
      add(b.pointer(memref));
  for (Value pointer : {operands.states, operands.chunkStates, operands.fullIndices,
                        operands.midIndices, operands.kept})
    add(pointer);
  for (Value size : {operands.values.pitch, operands.queries, operands.keys, operands.fullCapacity,
                     operands.midCapacity, operands.sinks, operands.window})
    addSize(size);
  signature.shared = {getSharedType(b.getContext(), 4 * kRetrieveThreads / 32)};
  gpu::GPUFuncOp kernel = b.kernels.get(
      b.getLoc(), signature, [&](gpu::GPUFuncOp func) { CompactEmitter(spec, func).emit(); });
  b.launch(kernel, {operands.chunks, operands.rows, operands.batch}, arguments);
}
