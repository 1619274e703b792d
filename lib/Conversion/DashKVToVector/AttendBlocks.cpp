//===- AttendBlocks.cpp - Softmax over blocks of keys ---------------------===//
#include "AttendBlocks.h"
#include "Exp.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpFPredicate;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Horizontal sums
//===----------------------------------------------------------------------===//

/// Lanes of the two vectors whose sum joins vectors x and y at a level of the
/// tree: neighbours within 128 bits at first (unpack), then parts of 128 bits.
static std::array<SmallVector<int64_t>, 2> getJoin(int64_t lanes, int64_t level) {
  std::array<SmallVector<int64_t>, 2> join;
  if (level < 2)
    for (int64_t part = 0; part < lanes; part += 4)
      for (int64_t side : {0, 1})
        for (int64_t pair : {0, 1})
          for (int64_t vector : {0, 1})
            join[side].push_back(vector * lanes + part + side * 2 + pair);
  else
    for (int64_t part = 0; part < 2 * lanes; part += 8)
      for (int64_t side : {0, 1})
        for (int64_t lane = 0; lane < 4; ++lane)
          join[side].push_back(part + side * 4 + lane);
  return join;
}

/// Runs the tree on anything that can be joined.
template <typename T, typename Join> static T joinAll(SmallVector<T> items, Join join) {
  for (int64_t level = 0; items.size() > 1; ++level) {
    size_t half = items.size() / 2;
    for (size_t i = 0; i < half; ++i)
      items[i] = join(items[i], items[i + half], level);
    items.resize(half);
  }
  return items.front();
}

Value mlir::dashkv::emitSums(VectorBuilder &b, ArrayRef<Value> vectors) {
  int64_t lanes = vectors.size();
  // In what order the tree takes vectors so that lane i comes from vectors[i].
  SmallVector<SmallVector<int64_t>> origins;
  for (int64_t i = 0; i < lanes; ++i)
    origins.push_back(SmallVector<int64_t>(lanes, i));
  auto joinOrigins = [&](ArrayRef<int64_t> x, ArrayRef<int64_t> y, int64_t level) {
    SmallVector<int64_t> both = llvm::to_vector(llvm::concat<const int64_t>(x, y)), result;
    SmallVector<int64_t> join = getJoin(lanes, level)[0];
    for (int64_t lane : join)
      result.push_back(both[lane]);
    return result;
  };
  SmallVector<int64_t> order = joinAll(origins, joinOrigins);
  SmallVector<Value> ordered(lanes);
  for (int64_t lane = 0; lane < lanes; ++lane)
    ordered[order[lane]] = vectors[lane];
  return joinAll(ordered, [&](Value x, Value y, int64_t level) {
    auto join = getJoin(lanes, level);
    return b.addF(b.shuffle(x, y, join[0]), b.shuffle(x, y, join[1]));
  });
}

//===----------------------------------------------------------------------===//
// Sizes and buffers
//===----------------------------------------------------------------------===//

/// Query rows that are processed together.
static int64_t getGroup(int64_t lanes, int64_t maxRows) {
  // More rows use a widened key more often, but leave fewer keys for the
  // registers. A group that divides the rows computes none for nothing.
  SmallVector<int64_t> sizes = {4, 3, 5};
  if (lanes == 16)
    sizes = {8, 7, 6, 5, 4, 3};
  if (maxRows <= sizes.front())
    return maxRows;
  auto divisor = llvm::find_if(sizes, [&](int64_t size) { return maxRows % size == 0; });
  return divisor == sizes.end() ? 4 : *divisor;
}

AttendBlocks::AttendBlocks(VectorBuilder &b, TileConfigAttr config, int64_t maxRows, int64_t depth,
                           int64_t valueDepth)
    : b(b), lanes(config.getLanes()), block(config.getKeys()), prefetch(config.getPrefetch()),
      group(getGroup(lanes, maxRows)), depth{depth, lanes}, valueDepth{valueDepth, lanes} {
  // Most sums that leave registers for keys and queries, of 32 or 16.
  int64_t mostSums = lanes == 16 ? 16 : 10;
  keyStep = std::min<int64_t>(lanes, llvm::bit_floor<uint64_t>(mostSums / group));
  // Rows of all groups stay in the first cache with a block of keys.
  constexpr int64_t kMostRows = 32;
  capacity = llvm::alignTo(std::min(maxRows, std::max(kMostRows, group)), group);
  isPartial = maxRows % group != 0 || maxRows > capacity;
  Type f32 = b.getF32Type();
  if (depth)
    query = b.stackBuffer({capacity, this->depth.getPaddedSize()}, f32);
  acc = b.stackBuffer({capacity, this->valueDepth.getPaddedSize()}, f32);
  scores = b.stackBuffer({group, block}, f32);
  max = b.stackBuffer({capacity}, f32);
  sum = b.stackBuffer({capacity}, f32);
}

void AttendBlocks::begin(Value rows, function_ref<Value(Value, int64_t)> queryChunk,
                         function_ref<std::pair<Value, Value>(Value)> statistics) {
  Value zeros = b.constant(b.f32s(lanes), 0.0);
  auto clear = [&](Value buffer, Value row, const Chunks &chunks) {
    for (int64_t c = 0; c < chunks.getCount(); ++c)
      b.storeVector(zeros, buffer, {row, b.index(c * lanes)});
  };
  b.loop(rows, [&](Value row) {
    for (int64_t c = 0; c < depth.getCount(); ++c) {
      Value chunk = queryChunk(row, c);
      if (int64_t overlap = c + 1 == depth.getCount() ? depth.getOverlap() : 0) {
        // Lanes that the chunk before holds too count once.
        SmallVector<int64_t> once = llvm::to_vector(llvm::seq<int64_t>(lanes, 2 * lanes));
        for (int64_t lane = 0; lane < overlap; ++lane)
          once[lane] = 0;
        chunk = b.shuffle(zeros, chunk, once);
      }
      b.storeVector(chunk, query, {row, b.index(c * lanes)});
    }
    clear(acc, row, valueDepth);
    auto [oldMax, oldSum] = statistics(row);
    b.store(oldMax, max, {row});
    b.store(oldSum, sum, {row});
  });
  if (!isPartial)
    return;
  Value groups = b.ceilDiv(rows, b.index(group));
  b.loop(rows, b.mul(groups, group), b.index(1), [&](Value row) {
    clear(query, row, depth);
    clear(acc, row, valueDepth);
    Value zero = b.constant(b.getF32Type(), 0.0);
    b.store(zero, max, {row});
    b.store(zero, sum, {row});
  });
}

Value AttendBlocks::getValues(Value row, int64_t chunk) {
  return b.loadVector(acc, {row, b.index(chunk * lanes)}, lanes);
}

void AttendBlocks::readScores(Value begin, Value end,
                              function_ref<void(Value, Value, int64_t)> read) {
  Value isWhole = b.cmp(CmpIPredicate::eq, end, b.index(block));
  auto readWhole = [&] {
    for (int64_t column = 0; column < block; column += lanes)
      read(b.add(begin, column), b.index(column), lanes);
    return VectorBuilder::Values();
  };
  auto readPart = [&] {
    b.loop(end, [&](Value column) { read(b.add(begin, column), column, 1); });
    return VectorBuilder::Values();
  };
  b.branch(isWhole, readWhole, readPart);
}

void AttendBlocks::attend(Value rows, const RowReader *keys, const RowReader &values,
                          const KeySource &source) {
  b.loop(b.index(0), source.count, b.index(block), [&](Value begin) {
    Value end = b.minU(b.index(block), b.sub(source.count, begin));
    b.loop(b.index(0), capacity == group ? b.index(group) : rows, b.index(group), [&](Value first) {
      if (keys)
        emitScores(first, begin, end, *keys, values, source);
      if (source.score)
        for (int64_t i = 0; i < group; ++i)
          source.score(getRow(first, i), b.index(i), begin, end);
      emitSoftmax(first, begin, source);
      emitValues(first, begin, end, keys ? *keys : values, values, source);
    });
  });
}

//===----------------------------------------------------------------------===//
// One block of keys, one group of query rows
//===----------------------------------------------------------------------===//

void AttendBlocks::emitScores(Value first, Value begin, Value end, const RowReader &keys,
                              const RowReader &values, const KeySource &source) {
  b.loop(b.index(0), end, b.index(keyStep), [&](Value k) {
    Value base = b.add(begin, k);
    SmallVector<Value> rows;
    for (int64_t i = 0; i < keyStep; ++i)
      rows.push_back(source.row(b.add(base, i)));
    // Values of this block, which are read once the scores are complete.
    if (prefetch != Prefetch::None)
      for (Value row : rows)
        values.prefetch(row);
    // A CPU that drops prefetches is asked again shortly before use.
    constexpr int64_t kAgainAhead = 10;
    if (prefetch == Prefetch::Repeated && !source.isSequential)
      for (int64_t i = 0; i < keyStep; ++i)
        keys.prefetch(source.row(b.add(base, i + kAgainAhead)));

    Value zeros = b.constant(b.f32s(lanes), 0.0);
    SmallVector<Value> sums(group * keyStep, zeros); // [group, keyStep]
    for (int64_t c = 0; c < depth.getCount(); ++c) {
      SmallVector<Value> queries;
      for (int64_t i = 0; i < group; ++i)
        queries.push_back(b.loadVector(query, {getRow(first, i), b.index(c * lanes)}, lanes));
      for (int64_t j = 0; j < keyStep; ++j) {
        Value key = keys.load(rows[j], c);
        for (int64_t i = 0; i < group; ++i)
          sums[i * keyStep + j] = b.fma(key, queries[i], sums[i * keyStep + j]);
      }
    }
    for (int64_t at = 0; at < group * keyStep; at += lanes) {
      SmallVector<Value> part(lanes, zeros);
      int64_t size = std::min<int64_t>(lanes, group * keyStep - at);
      std::copy_n(sums.begin() + at, size, part.begin());
      Value joined = emitSums(b, part);
      for (int64_t i = 0; i < size; i += keyStep) {
        auto piece = llvm::to_vector(llvm::seq<int64_t>(i, i + keyStep));
        b.storeVector(b.shuffle(joined, joined, piece), scores, {b.index((at + i) / keyStep), k});
      }
    }
  });
}

void AttendBlocks::emitSoftmax(Value first, Value begin, const KeySource &source) {
  Type i32 = b.getI32Type();
  VectorType floats = b.f32s(lanes);
  Value infinity = b.constant(floats, -std::numeric_limits<double>::infinity());
  Value iota = b.iota(lanes, i32);
  int64_t parts = block / lanes;
  // Which lanes of each part are below a limit (i32).
  auto below = [&](Value limit) {
    Value left = b.sub(limit, b.castU(begin, i32));
    SmallVector<Value> masks;
    for (int64_t part = 0; part < parts; ++part)
      masks.push_back(b.cmp(CmpIPredicate::slt, iota, b.splat(b.sub(left, part * lanes), lanes)));
    return masks;
  };
  SmallVector<Value> all;
  if (!source.limit)
    all = below(b.castU(source.count, i32));

  SmallVector<SmallVector<Value>> visible(group);
  SmallVector<Value> newMax, grew;
  Value anyGrew;
  for (int64_t i = 0; i < group; ++i) {
    Value row = getRow(first, i), largest;
    SmallVector<Value> masks = source.limit ? below(source.limit(row)) : all;
    for (int64_t part = 0; part < parts; ++part) {
      Value mask = masks[part];
      if (source.mask)
        mask = b.band(mask, source.mask(row, b.add(begin, part * lanes)));
      Value score = b.loadVector(scores, {b.index(i), b.index(part * lanes)}, lanes);
      score = b.select(mask, score, infinity);
      visible[i].push_back(score);
      largest = largest ? b.maxF(largest, score) : score;
    }
    Value oldMax = getMax(row);
    newMax.push_back(b.maxF(oldMax, b.reduceMaxF(largest)));
    Value isLarger = b.cmpF(CmpFPredicate::OGT, newMax.back(), oldMax);
    anyGrew = anyGrew ? b.bor(anyGrew, isLarger) : isLarger;
  }

  // Rare once some blocks have passed.
  b.when(anyGrew, [&] {
    for (int64_t i = 0; i < group; ++i) {
      Value row = getRow(first, i);
      Value factor = emitExp(b, b.splat(b.subF(getMax(row), newMax[i]), lanes));
      for (int64_t c = 0; c < valueDepth.getCount(); ++c)
        b.storeVector(b.mulF(getValues(row, c), factor), acc, {row, b.index(c * lanes)});
      b.store(b.mulF(getSum(row), b.extract(factor, 0)), sum, {row});
      b.store(newMax[i], max, {row});
    }
  });

  for (int64_t i = 0; i < group; ++i) {
    Value row = getRow(first, i), top = b.splat(newMax[i], lanes), total;
    for (int64_t part = 0; part < parts; ++part) {
      Value weight = emitExp(b, b.subF(visible[i][part], top));
      b.storeVector(weight, scores, {b.index(i), b.index(part * lanes)});
      total = total ? b.addF(total, weight) : weight;
    }
    b.store(b.addF(getSum(row), b.reduceAddF(total)), sum, {row});
  }
}

void AttendBlocks::emitValues(Value first, Value begin, Value end, const RowReader &ahead,
                              const RowReader &values, const KeySource &source) {
  int64_t count = valueDepth.getCount(), budget = lanes == 16 ? 16 : 12;
  int64_t passes = llvm::divideCeil(count, std::clamp<int64_t>(budget / group, 1, count));
  // Rows of the next block are asked for a few lines a pass, spread evenly over
  // the passes and the two keys of a step.
  bool wantsNext =
      prefetch == Prefetch::Rows || (prefetch == Prefetch::Repeated && !source.isSequential);
  int64_t lines = ahead.getNumLines(), units = 2 * lines;
  constexpr int64_t kAgainAhead = 16;
  for (int64_t pass = 0, from = 0, to; pass < passes; ++pass, from = to) {
    to = from + count / passes + (pass < count % passes);
    SmallVector<Value> sums;
    for (int64_t i = 0; i < group; ++i)
      for (int64_t c = from; c < to; ++c)
        sums.push_back(getValues(getRow(first, i), c));
    sums = b.loop(b.index(0), end, b.index(2), sums, [&](Value k, ValueRange carried) {
      SmallVector<Value> sums(carried);
      for (int64_t key : {0, 1}) {
        Value slot = b.add(k, key), position = b.add(begin, slot);
        Value row = source.row(position), next;
        for (int64_t unit = key; unit < units; unit += 2) {
          if (!wantsNext || unit * passes / units != pass)
            continue;
          if (!next)
            next = source.row(b.add(position, block));
          ahead.prefetch(next, unit / 2);
        }
        if (prefetch == Prefetch::Repeated && !source.isSequential)
          values.prefetchChunks(source.row(b.add(position, kAgainAhead)), from, to);
        SmallVector<Value> chunks;
        for (int64_t c = from; c < to; ++c)
          chunks.push_back(values.load(row, c));
        for (int64_t i = 0; i < group; ++i) {
          Value weight = b.splat(b.load(scores, {b.index(i), slot}), lanes);
          for (int64_t c = 0; c < to - from; ++c) {
            Value &total = sums[i * (to - from) + c];
            total = b.fma(chunks[c], weight, total);
          }
        }
      }
      return sums;
    });
    for (int64_t i = 0; i < group; ++i)
      for (int64_t c = from; c < to; ++c)
        b.storeVector(sums[i * (to - from) + c - from], acc,
                      {getRow(first, i), b.index(c * lanes)});
  }
}
