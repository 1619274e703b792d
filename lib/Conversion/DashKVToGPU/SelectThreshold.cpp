//===- SelectThreshold.cpp - From histograms to thresholds ----------------===//
//
// What the last CTA of a row does: the digits of a threshold one after the other,
// which of the keys at the threshold enter a tier, and where in the lists the
// keys of each chunk begin.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// Words of `words` before those of the row: the flag of isLastBlock, the bin
/// found, the number of keys below it, the rank looked for.
enum Word : int64_t { kFlag, kBin, kBelow, kRank, kFirstState };
/// Loads in flight of a thread that reads histograms.
static constexpr int64_t kHistogramLoads = 8;
static constexpr int64_t kNone = std::numeric_limits<int32_t>::min();

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// Calls `pointer` and `scalar` for every parameter in order.
template <typename Arguments, typename Function>
static void forEachParameter(const CountSpec &spec, Arguments &args, Function pointer,
                             Function scalar) {
  for (auto *value : {&args.histogram, &args.counters, &args.states})
    pointer(*value);
  if (spec.kind == CountSpec::Radius) {
    pointer(args.radius);
    scalar(args.full);
    return;
  }
  for (auto *value : {&args.chunkStates, &args.fullCounts, &args.fullThreshold})
    pointer(*value);
  if (spec.mid)
    for (auto *value : {&args.midCounts, &args.midThreshold})
      pointer(*value);
  for (auto *value : {&args.fullCapacity, &args.full, &args.fullMin, &args.fullMax, &args.sinks,
                      &args.window, &args.shift})
    scalar(*value);
  if (spec.mid)
    for (auto *value : {&args.midCapacity, &args.mid, &args.midMin, &args.midMax})
      scalar(*value);
}

void CountSpec::addParameters(MLIRContext *context,
                              SmallVectorImpl<KernelParameter> &parameters) const {
  if (kind == None)
    return;
  Type i32 = IntegerType::get(context, 32);
  CountArguments args;
  using Function = function_ref<void(Value &)>;
  forEachParameter<CountArguments, Function>(
      *this, args, [&](Value &) { parameters.push_back({i32}); },
      [&](Value &) { parameters.push_back({i32, KernelParameter::Scalar}); });
}

CountArguments CountArguments::take(const CountSpec &spec, ValueRange args) {
  CountArguments result;
  auto set = [&](Value &value) {
    value = args.front();
    args = args.drop_front();
  };
  using Function = function_ref<void(Value &)>;
  if (spec.kind != CountSpec::None)
    forEachParameter<CountArguments, Function>(spec, result, set, set);
  return result;
}

SmallVector<Value> CountArguments::getLaunchArguments(const CountSpec &spec) const {
  SmallVector<Value> result;
  auto add = [&](const Value &value) { result.push_back(value); };
  using Function = function_ref<void(const Value &)>;
  if (spec.kind != CountSpec::None)
    forEachParameter<const CountArguments, Function>(spec, *this, add, add);
  return result;
}

std::string CountSpec::getName() const {
  if (kind == None)
    return "";
  std::string name;
  llvm::raw_string_ostream os(name);
  os << (kind == Radius ? "_radius" : "_tiers") << (mid ? "_mid" : "");
  if (kind == Tiers && ties != Ties::LowestIndex)
    os << "_" << stringifyTies(ties);
  if (digits > 1)
    os << "_digit" << digit << "of" << digits << (second ? "_second" : "");
  return name;
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

Value mlir::dashkv::getLength(KernelBuilder &b, Value lengths, Value batch, Value keys) {
  if (!lengths)
    return keys;
  Value all = b.view(lengths, b.toIndex(b.i32(0)), b.toIndex(b.gridSize(gpu::Dimension::z)));
  return b.maxS(b.minS(b.load(all, batch), keys), b.i32(0));
}

Value mlir::dashkv::getRowLimit(KernelBuilder &b, Value length, Value queries, Value query) {
  Value limit = b.add(b.sub(b.add(length, b.i32(1)), queries), query);
  return b.maxS(limit, b.i32(0));
}

ChunkRange mlir::dashkv::getChunkRange(KernelBuilder &b, Value length, Value chunk, Value chunks) {
  Value share = b.divU(b.add(length, b.sub(chunks, b.i32(1))), chunks);
  Value keys = b.band(b.add(share, b.i32(kPitchKeys - 1)), b.i32(-kPitchKeys));
  Value begin = b.minS(b.mul(chunk, keys), length);
  return {begin, b.minS(b.add(begin, keys), length)};
}

void mlir::dashkv::emitWriteHistogram(KernelBuilder &b, Value shared, Value base, Value histogram,
                                      Value row, Value chunks, Value chunk, int64_t bins,
                                      Value thread) {
  Value size = b.toIndex(b.i32(bins + 1));
  Value slot = b.add(b.mul(row, b.toIndex(chunks)), b.toIndex(chunk));
  Value out = b.view(histogram, b.mul(slot, size), size);
  b.loop(thread, b.i32(bins + 1), b.i32(kRetrieveThreads),
         [&](Value i) { b.store(b.load(shared, b.add(base, i)), out, i); });
}

//===----------------------------------------------------------------------===//
// ThresholdEmitter
//===----------------------------------------------------------------------===//

SmallVector<MemRefType> ThresholdEmitter::getShared(MLIRContext *context, int64_t bins) {
  return {getSharedType(context, llvm::alignTo(bins, 32)), getSharedType(context, 2 * kMaxChunks),
          getSharedType(context, kFirstState + kStateWords)};
}

ThresholdEmitter::ThresholdEmitter(KernelBuilder &b, const CountSpec &spec,
                                   const CountArguments &args, int64_t bins, Value thread,
                                   Value chunks, ValueRange shared)
    : b(b), spec(spec), args(args), bins(bins), thread(thread), chunks(chunks), totals(shared[0]),
      counts(shared[1]), words(shared[2]) {
  lane = b.band(thread, b.i32(31));
}

Value ThresholdEmitter::getState(int64_t word) { return b.load(words, b.i32(kFirstState + word)); }
void ThresholdEmitter::setState(int64_t word, Value value) {
  b.store(value, words, b.i32(kFirstState + word));
}
void ThresholdEmitter::onLane(int64_t number, function_ref<void()> body) {
  b.when(b.cmp(CmpIPredicate::eq, thread, b.i32(number)), body);
}

void ThresholdEmitter::emitRow(Value row, Value limit, Value offset, int64_t scale, int64_t bias) {
  this->row = row;
  this->limit = limit;
  this->offset = offset;
  this->scale = scale;
  this->bias = bias;
  Value threads = b.i32(kRetrieveThreads), numChunks = b.toIndex(chunks);
  Value stateSize = b.toIndex(b.i32(kStateWords));
  state = b.view(args.states, b.mul(row, stateSize), stateSize);
  Value histogramSize = b.mul(numChunks, b.toIndex(b.i32(bins + 1)));
  histogram = b.view(args.histogram, b.mul(row, histogramSize), histogramSize);
  if (spec.kind == CountSpec::Tiers) {
    Value chunkSize = b.mul(numChunks, b.toIndex(b.i32(kChunkWords)));
    chunkState = b.view(args.chunkStates, b.mul(row, chunkSize), chunkSize);
  }
  b.loop(thread, b.i32(kStateWords), threads, [&](Value i) {
    Value before = spec.isFirst() ? b.i32(0) : b.load(state, i);
    b.store(before, words, b.add(i, b.i32(kFirstState)));
  });
  emitTotals();
  emitTarget(spec.second);
  if (spec.kind == CountSpec::Tiers) {
    emitChunks(spec.second);
    if (spec.digits == 1 && spec.mid) {
      emitTarget(/*second=*/true);
      emitChunks(/*second=*/true);
    }
    if (spec.isLast())
      emitFinal();
  } else {
    b.barrier();
  }
  b.loop(thread, b.i32(kStateWords), threads,
         [&](Value i) { b.store(b.load(words, b.add(i, b.i32(kFirstState))), state, i); });
  b.barrier();
}

/// Calls `body` for the histogram entries of a thread that are not 0: the chunk
/// and the bin.
static void forEachCount(KernelBuilder &b, Value histogram, Value chunks, int64_t bins,
                         Value thread, function_ref<void(Value, Value, Value)> body) {
  Value size = b.i32(bins + 1), count = b.mul(chunks, size), zero = b.i32(0);
  Value step = b.i32(kHistogramLoads * kRetrieveThreads);
  b.loop(thread, count, step, [&](Value first) {
    SmallVector<std::pair<Value, Value>> loaded; // all of them before their first use
    for (int64_t i = 0; i < kHistogramLoads; ++i) {
      Value entry = b.add(first, b.i32(i * kRetrieveThreads));
      Value inside = b.cmp(CmpIPredicate::slt, entry, count);
      Value value = b.load(histogram, b.select(inside, entry, first));
      loaded.push_back({entry, b.select(inside, value, zero)});
    }
    for (auto [entry, value] : loaded)
      b.when(b.cmp(CmpIPredicate::ne, value, zero), [&, entry = entry, value = value] {
        Value chunk = b.divU(entry, size);
        body(chunk, b.sub(entry, b.mul(chunk, size)), value);
      });
  });
}

void ThresholdEmitter::emitTotals() {
  b.loop(thread, b.i32(llvm::alignTo(bins, 32)), b.i32(kRetrieveThreads),
         [&](Value i) { b.store(b.i32(0), totals, i); });
  b.barrier();
  forEachCount(b, histogram, chunks, bins, thread, [&](Value, Value bin, Value value) {
    b.when(b.cmp(CmpIPredicate::slt, bin, b.i32(bins)),
           [&] { b.atomic(LLVM::AtomicBinOp::add, value, totals, bin); });
  });
  b.barrier();
}

/// clamp(ceil(fraction * limit), min, max), in millionths as everywhere.
Value ThresholdEmitter::getBudget(Value fraction, Value min, Value max) {
  auto extend = [&](Value value) -> Value {
    return arith::ExtUIOp::create(b, b.getI64Type(), value);
  };
  auto i64 = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  Value product = b.add(b.mul(extend(fraction), extend(limit)), i64(999999));
  Value part = b.divU(product, i64(1000000)); // at most limit
  part = arith::TruncIOp::create(b, b.getI32Type(), part);
  if (!min)
    return part;
  return b.minS(b.maxS(part, min), max);
}

/// Finds the bin of the key of the wanted rank, and what it says.
void ThresholdEmitter::emitTarget(bool second) {
  Value zero = b.i32(0), one = b.i32(1);
  int64_t perLane = llvm::divideCeil(bins, 32);
  b.when(b.cmp(CmpIPredicate::slt, thread, b.i32(32)), [&] {
    Value first = b.mul(lane, b.i32(perLane));
    Value own = b.loop(zero, b.i32(perLane), one, {zero}, [&](Value i, ValueRange sum) {
      return SmallVector<Value>{b.add(sum[0], b.load(totals, b.add(first, i)))};
    })[0];
    Value upTo = b.warpScan(own, lane);
    Value before = b.sub(upTo, own);
    Value rank;
    if (spec.digit > 0) {
      rank = getState(kNeed);
    } else if (spec.kind == CountSpec::Radius) {
      rank = getBudget(args.full, Value(), Value());
    } else if (!second) {
      Value candidates = b.shuffleIdx(upTo, b.i32(31));
      rank = b.minS(getBudget(args.full, args.fullMin, args.fullMax), candidates);
      onLane(0, [&] { setState(kCandidates, candidates); });
    } else {
      Value full = getState(kFullTaken), left = b.sub(getState(kCandidates), full);
      Value mid = b.minS(getBudget(args.mid, args.midMin, args.midMax), left);
      rank = b.select(b.cmp(CmpIPredicate::sgt, mid, zero), b.add(full, mid), zero);
    }
    Value hit =
        b.band(b.cmp(CmpIPredicate::slt, before, rank), b.cmp(CmpIPredicate::sge, upTo, rank));
    Value none = b.cmp(CmpIPredicate::eq, b.ballot(hit), zero);
    b.when(hit, [&] {
      SmallVector<Value> found =
          b.loop(zero, b.i32(perLane), one, {first, before}, [&](Value i, ValueRange carried) {
            Value bin = b.add(first, i);
            Value sum = b.add(carried[1], b.load(totals, bin));
            Value go = b.band(b.cmp(CmpIPredicate::eq, bin, carried[0]),
                              b.cmp(CmpIPredicate::slt, sum, rank));
            return SmallVector<Value>{b.select(go, b.add(bin, one), carried[0]),
                                      b.select(go, sum, carried[1])};
          });
      b.store(found[0], words, b.i32(kBin));
      b.store(found[1], words, b.i32(kBelow));
    });
    onLane(0, [&] {
      b.store(rank, words, b.i32(kRank));
      b.when(none, [&] {
        b.store(b.i32(-1), words, b.i32(kBin));
        b.store(zero, words, b.i32(kBelow));
      });
    });
  });
  b.barrier();
  onLane(0, [&] {
    Value bin = b.load(words, b.i32(kBin)), rank = b.load(words, b.i32(kRank));
    Value rest = b.sub(rank, b.load(words, b.i32(kBelow)));
    Value none = b.cmp(CmpIPredicate::slt, bin, zero);
    Value prefix = bin;
    if (spec.digit > 0)
      prefix = arith::OrIOp::create(b, b.shl(getState(kPrefix), 8), bin);
    setState(kPrefix, prefix);
    setState(kNeed, b.select(none, zero, rest));
    if (spec.digit + 1 < spec.digits)
      return;
    Value value = b.sub(prefix, b.i32(bias));
    if (spec.kind == CountSpec::Radius) {
      Value rows = b.add(row, b.toIndex(one));
      Value out = b.view(args.radius, b.toIndex(zero), rows);
      b.store(b.select(none, b.i32(-1), value), out, row);
      return;
    }
    Value ties = b.select(none, zero, b.load(totals, b.maxS(bin, zero)));
    Value taken = spec.ties == Ties::Inclusive ? ties : b.select(none, zero, rest);
    int64_t words = second ? kThreshold2 : kThreshold1;
    setState(words, b.select(none, b.i32(kNone), value));
    setState(words + 1, taken);
    setState(words + 2, ties);
    if (second)
      return;
    if (spec.digits == 1) {
      setState(kFullTaken, b.add(b.sub(rank, b.select(none, zero, rest)), taken));
    } else {
      // The rank of the first digit is what was wanted in all.
      Value wanted =
          b.minS(getBudget(args.full, args.fullMin, args.fullMax), getState(kCandidates));
      setState(kFullTaken, b.add(b.sub(wanted, b.select(none, zero, rest)), taken));
    }
  });
}

/// Counts of every chunk below and at the bin found.
void ThresholdEmitter::emitChunks(bool second) {
  Value zero = b.i32(0), threads = b.i32(kRetrieveThreads);
  b.loop(thread, b.i32(2 * kMaxChunks), threads, [&](Value i) { b.store(zero, counts, i); });
  b.barrier();
  Value found = b.load(words, b.i32(kBin));
  forEachCount(b, histogram, chunks, bins, thread, [&](Value chunk, Value bin, Value value) {
    b.when(b.cmp(CmpIPredicate::sle, bin, found), [&] {
      Value equal = b.cmp(CmpIPredicate::eq, bin, found);
      Value slot = b.add(b.shl(chunk, 1), arith::ExtUIOp::create(b, b.getI32Type(), equal));
      b.atomic(LLVM::AtomicBinOp::add, value, counts, slot);
    });
  });
  b.barrier();
  int64_t belowWord = second ? kBelow2 : kBelow1;
  b.loop(thread, chunks, threads, [&](Value chunk) {
    auto slot = [&](int64_t word) { return b.add(b.mul(chunk, b.i32(kChunkWords)), b.i32(word)); };
    Value below = b.load(counts, b.shl(chunk, 1));
    if (spec.digit > 0)
      below = b.add(below, b.load(chunkState, slot(belowWord)));
    b.store(below, chunkState, slot(belowWord));
    if (spec.digit + 1 == spec.digits)
      b.store(b.load(counts, b.add(b.shl(chunk, 1), b.i32(1))), chunkState, slot(belowWord + 1));
    if (spec.isFirst() && !second) {
      Value forced = b.add(b.mul(chunk, b.i32(bins + 1)), b.i32(bins));
      b.store(b.load(histogram, forced), chunkState, slot(kForced));
    }
  });
  b.barrier();
}

/// Which ties enter, where chunks begin, and the results of the row.
void ThresholdEmitter::emitFinal() {
  Value zero = b.i32(0), one = b.i32(1);
  onLane(0, [&] {
    Value taken1 = getState(kTaken1), ties1 = getState(kTies1);
    bool newest = spec.ties == Ties::Newest;
    Value fullBegin = newest ? b.sub(ties1, taken1) : zero;
    setState(kFullBegin, fullBegin);
    setState(kFullEnd, b.add(fullBegin, taken1));
    if (!spec.mid)
      return;
    Value threshold1 = getState(kThreshold1), threshold2 = getState(kThreshold2);
    Value ties2 = getState(kTies2), taken2 = getState(kTaken2);
    Value same = b.cmp(CmpIPredicate::eq, threshold1, threshold2);
    Value higher = b.cmp(CmpIPredicate::sgt, threshold2, threshold1);
    // Where there is no mid tier its threshold is kNone and the ranks are 0.
    Value rest = b.select(same, b.maxS(b.sub(taken2, taken1), zero),
                          b.select(higher, b.sub(ties1, taken1), zero));
    Value midBegin1 = newest ? b.sub(fullBegin, rest) : taken1;
    setState(kMidBegin1, midBegin1);
    setState(kMidEnd1, b.add(midBegin1, rest));
    Value rest2 = b.select(higher, taken2, zero);
    Value midBegin2 = newest ? b.sub(ties2, rest2) : zero;
    setState(kMidBegin2, midBegin2);
    setState(kMidEnd2, b.add(midBegin2, rest2));
  });
  b.barrier();
  b.when(b.cmp(CmpIPredicate::slt, thread, b.i32(32)), [&] {
    Value last = b.i32(31);
    int64_t numSums = spec.mid ? 4 : 2;
    SmallVector<Value> sums =
        b.loop(zero, chunks, b.i32(32), SmallVector<Value>(numSums, zero),
               [&](Value first, ValueRange before) {
                 Value chunk = b.add(first, lane);
                 Value inside = b.cmp(CmpIPredicate::slt, chunk, chunks);
                 Value base = b.mul(b.select(inside, chunk, zero), b.i32(kChunkWords));
                 auto count = [&](int64_t word) {
                   return b.select(inside, b.load(chunkState, b.add(base, b.i32(word))), zero);
                 };
                 Value below1 = count(kBelow1), equal1 = count(kEqual1);
                 SmallVector<Value> own = {b.add(count(kForced), below1), equal1};
                 if (spec.mid) {
                   Value between = b.sub(b.sub(count(kBelow2), below1), equal1);
                   llvm::append_values(own, b.maxS(between, zero), count(kEqual2));
                 }
                 SmallVector<Value> next, starts;
                 for (int64_t i = 0; i < numSums; ++i) {
                   Value upTo = b.warpScan(own[i], lane);
                   starts.push_back(b.add(before[i], b.sub(upTo, own[i])));
                   next.push_back(b.add(before[i], b.shuffleIdx(upTo, last)));
                 }
                 b.when(inside, [&] {
                   for (int64_t i = 0; i < numSums; ++i)
                     b.store(starts[i], chunkState, b.add(base, b.i32(kBelow1 + i)));
                 });
                 return next;
               });
    onLane(0, [&] {
      Value index = b.add(row, b.toIndex(one));
      auto finish = [&](Value keys, Value counts, Value thresholds, Value capacity,
                        int64_t countWord, int64_t thresholdWord) {
        setState(countWord, keys);
        b.store(b.minS(keys, capacity), b.view(counts, b.toIndex(zero), index), row);
        Value threshold = getState(thresholdWord);
        if (spec.digits == 1) {
          Value none = b.cmp(CmpIPredicate::eq, threshold, b.i32(kNone));
          Value value = b.add(offset, b.mul(threshold, b.i32(scale)));
          value = arith::ShLIOp::create(b, value, args.shift);
          threshold = b.select(none, threshold, value);
        }
        b.store(threshold, b.view(thresholds, b.toIndex(zero), index), row);
      };
      Value full = b.add(sums[0], b.sub(getState(kFullEnd), getState(kFullBegin)));
      finish(full, args.fullCounts, args.fullThreshold, args.fullCapacity, kFullCount, kThreshold1);
      if (!spec.mid)
        return;
      Value mid = b.add(sums[2], b.sub(getState(kMidEnd1), getState(kMidBegin1)));
      mid = b.add(mid, b.sub(getState(kMidEnd2), getState(kMidBegin2)));
      finish(mid, args.midCounts, args.midThreshold, args.midCapacity, kMidCount, kThreshold2);
    });
  });
  b.barrier();
}
