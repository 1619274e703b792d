//===- Scan.cpp - The kernel that reads every key code --------------------===//
//
// Distances by two exact identities of the code semantics. Group sum: the codes
// of the heads of a group collapse to one weighted code, as
//   sum_h w_h [k != s_h] = c + |W| [k != (W > 0)], W = sum of signed weights.
// Planes: with p-bit weights,
//   D = sum_i 2^i popcount((k xor s) and m_i), m_i bit i of the magnitudes.
// Every CTA derives signs, planes and c of its rows from the query codes.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// How a thread reads key codes
//===----------------------------------------------------------------------===//

namespace {
struct KeyLoads {
  int64_t keys;   ///< neighbouring keys that a thread reads and writes together
  int64_t bytes;  ///< of a load
  int64_t groups; ///< such keys in flight

  explicit KeyLoads(const ScanSpec &spec) {
    int64_t codeBytes = spec.bits / 8;
    if (spec.planes) {
      keys = bytes = 4; // a byte of 4 keys a load
      groups = std::max<int64_t>(1, 16 / codeBytes);
    } else if (spec.aligned) {
      keys = std::max<int64_t>(1, 16 / codeBytes);
      bytes = 16;
      groups = std::max<int64_t>(1, 64 / std::max<int64_t>(16, codeBytes));
    } else {
      keys = 1;
      bytes = std::min<int64_t>(16, codeBytes & -codeBytes); // the largest power of two in it
      groups = std::clamp<int64_t>(32 / codeBytes, 1, 4);
    }
    // Sums of all keys are in registers.
    groups = std::min(groups, std::max<int64_t>(1, (spec.weighted ? 8 : 16) / keys));
  }
};

/// The query side of a row, in registers.
struct Row {
  Value index; ///< within the rows of this CTA
  SmallVector<Value> signs;
  /// Static planes: masks of plane i at i, empty where all bits are set.
  SmallVector<SmallVector<Value>> masks;
  /// Weighted codes: planes in use, whose masks are read when needed.
  Value numPlanes;
};

/// Neighbouring keys that one thread reads and writes together.
struct Group {
  Value key;      ///< i32; the first one is `offset` after it
  int64_t offset; ///< a constant, so that it becomes part of an instruction
  Value inside;   ///< whether the chunk has it; null: it has
  SmallVector<SmallVector<Value>> codes;
};

class ScanEmitter {
public:
  ScanEmitter(const ScanSpec &spec, gpu::GPUFuncOp func)
      : spec(spec), func(func), b(func), loads(spec), words(spec.getWords()), rows(spec.rowTile),
        rowBins(spec.getRowBins()), rowWords(spec.getRowWords()),
        counts(spec.count.kind != CountSpec::None) {}

  void emit();

private:
  void takeArguments();
  void emitIndices();
  void emitQueryPlanes();
  void emitScan();
  void emitSpecialKeys();
  void emitPadding();
  void emitThresholds();
  Row emitRow(Value index);
  void emitRows(ArrayRef<Group> groups, const Row *onlyRow);
  void emitRowOfGroups(ArrayRef<Group> groups, const Row &row);
  SmallVector<Value> emitDistances(ArrayRef<Group> groups, const Row &row);
  Group loadGroup(Value key, int64_t offset, Value inside);

  /// Element `i` of the [rows, size] array `array` at row `row`.
  Value at(Value row, int64_t size, Value i) { return b.add(b.mul(row, b.i32(size)), i); }
  /// The keys that a row sees.
  Value getLimit(Value row) {
    return getRowLimit(b, length, queries, b.remU(b.add(firstRow, row), queries));
  }
  /// The distances of a row of this CTA.
  Value getDistances(Value row) {
    Value pitch = b.toIndex(rowPitch);
    return b.view(distances, b.mul(b.add(globalRow, b.toIndex(row)), pitch), pitch);
  }

  const ScanSpec &spec;
  gpu::GPUFuncOp func;
  KernelBuilder b;
  KeyLoads loads;
  int64_t words, rows, rowBins, rowWords;
  bool counts;

  // Arguments and shared buffers.
  Value queryCodes, keyCodes, lengths, forced, distances;
  Value numKeys, rowPitch, numRows, queries, keyOffset, batchStride, headStride;
  CountArguments count;
  Value bin, plane, offset;
  Value weights; ///< union of the weights of a row; weighted codes only
  SmallVector<Value> thresholdShared;
  // Positions, uniform over the CTA but `thread`.
  Value thread, batch, chunk, chunks;
  Value firstRow;  ///< of this CTA among the rows of its KV head, i32
  Value tileRows;  ///< rows of this CTA
  Value globalRow; ///< of this CTA among all rows, index
  Value kvHead;    ///< among those of the batch entry
  Value kvHeads;
  Value length; ///< keys that exist
  ChunkRange range;
  Value zero, one, threads;
};
} // namespace

void ScanEmitter::takeArguments() {
  ValueRange args = func.getArguments();
  auto next = [&] {
    Value value = args.front();
    args = args.drop_front();
    return value;
  };
  queryCodes = next();
  keyCodes = next();
  if (spec.hasLengths)
    lengths = next();
  if (spec.hasForced)
    forced = next();
  distances = next();
  for (Value *value :
       {&numKeys, &rowPitch, &numRows, &queries, &keyOffset, &batchStride, &headStride})
    *value = next();
  count = CountArguments::take(spec.count, args);

  ArrayRef<BlockArgument> shared = func.getWorkgroupAttributions();
  plane = shared[0];
  offset = shared[1];
  shared = shared.drop_front(2);
  if (spec.weighted) {
    weights = shared.front();
    shared = shared.drop_front();
  }
  if (counts) {
    bin = shared.front();
    thresholdShared.assign(shared.begin() + 1, shared.end());
  }
}

void ScanEmitter::emit() {
  takeArguments();
  b.launchDependents();
  b.waitForPrevious();
  emitIndices();
  if (counts)
    b.loop(thread, b.i32(rows * rowBins), threads, [&](Value i) { b.store(zero, bin, i); });
  b.loop(thread, b.i32(rows), threads, [&](Value i) {
    b.store(zero, offset, i);
    if (weights)
      b.store(zero, weights, i);
  });
  b.barrier();
  emitQueryPlanes();
  b.barrier();
  emitScan();
  if (!counts)
    return;
  b.barrier();
  emitSpecialKeys();
  emitPadding();
  b.barrier();
  emitThresholds();
}

void ScanEmitter::emitIndices() {
  zero = b.i32(0);
  one = b.i32(1);
  threads = b.i32(kRetrieveThreads);
  thread = b.threadX(kRetrieveThreads);
  chunk = b.blockId(gpu::Dimension::x);
  chunks = b.gridSize(gpu::Dimension::x);
  batch = b.blockId(gpu::Dimension::z);
  // Grid y is [Hkv, row tiles].
  Value tiles = b.divU(b.add(numRows, b.i32(rows - 1)), b.i32(rows));
  Value y = b.blockId(gpu::Dimension::y);
  kvHead = b.divU(y, tiles);
  kvHeads = b.divU(b.gridSize(gpu::Dimension::y), tiles);
  firstRow = b.mul(b.sub(y, b.mul(kvHead, tiles)), b.i32(rows));
  tileRows = b.minS(b.sub(numRows, firstRow), b.i32(rows));
  Value head = b.add(b.mul(b.toIndex(batch), b.toIndex(kvHeads)), b.toIndex(kvHead));
  globalRow = b.add(b.mul(head, b.toIndex(numRows)), b.toIndex(firstRow));
  length = getLength(b, lengths, batch, numKeys);
  range = getChunkRange(b, length, chunk, chunks);
}

/// One warp a word of a row: a lane adds up the weights of its bit over the
/// heads, ballots turn them into bit planes.
void ScanEmitter::emitQueryPlanes() {
  Value lane = b.band(thread, b.i32(31));
  Value warp = b.shr(thread, 5);
  int64_t codeBytes = spec.weighted ? spec.bits : spec.bits / 8;
  // Query codes are [Hkv, rows, bytes], or summed [Hkv, heads, M, bytes].
  Value rowsOfCodes = spec.summands > 1 ? b.mul(queries, b.i32(spec.summands)) : numRows;
  Value perHead = b.mul(b.toIndex(rowsOfCodes), b.toIndex(b.i32(codeBytes)));
  Value head = b.add(b.mul(b.toIndex(batch), b.toIndex(kvHeads)), b.toIndex(kvHead));
  Value codes = b.view(queryCodes, b.mul(head, perHead), perHead);
  Value headStep = b.mul(queries, b.i32(codeBytes));

  b.loop(warp, b.mul(tileRows, b.i32(words)), b.i32(kRetrieveThreads / 32), [&](Value pair) {
    Value row = b.divU(pair, b.i32(words));
    Value word = b.remU(pair, b.i32(words));
    Value bit = b.add(b.shl(word, 5), lane);
    Value exists;
    if (spec.bits % 32) {
      exists = b.cmp(CmpIPredicate::slt, bit, b.i32(spec.bits));
      bit = b.select(exists, bit, zero);
    }
    Value byte = spec.weighted ? bit : b.shr(bit, 3);
    Value first = at(b.add(firstRow, row), codeBytes, byte);
    // What the bit costs when the key's bit is 0 and when it is 1.
    SmallVector<Value> cost = b.loop(
        zero, b.i32(spec.summands), one, {zero, zero},
        [&](Value head, ValueRange sums) -> SmallVector<Value> {
          Value code = b.load(codes, b.add(b.mul(head, headStep), first));
          Value ifZero, ifOne;
          if (spec.weighted) {
            Value weight = arith::ExtSIOp::create(b, b.getI32Type(), code);
            ifZero = b.maxS(weight, zero);
            ifOne = b.maxS(b.sub(zero, weight), zero);
          } else {
            Value bits = arith::ExtUIOp::create(b, b.getI32Type(), code);
            Value shifted = arith::ShRUIOp::create(b, bits, b.band(lane, b.i32(7)));
            ifZero = b.band(shifted, one);
            ifOne = b.bxor(ifZero, one);
          }
          return {b.add(sums[0], ifZero), b.add(sums[1], ifOne)};
        },
        /*unroll=*/true); // the loads overlap
    if (exists)
      for (Value &sum : cost)
        sum = b.select(exists, sum, zero);
    Value common = b.minS(cost[0], cost[1]);
    Value weight = b.sub(b.maxS(cost[0], cost[1]), common);
    weight = b.shr(weight, spec.getScale() == 2);
    Value sign = b.ballot(b.cmp(CmpIPredicate::sgt, cost[0], cost[1]));
    SmallVector<Value> masks;
    for (int64_t i = spec.isLowestPlaneFull(); i < spec.getPlanes(); ++i)
      masks.push_back(b.ballot(b.cmp(CmpIPredicate::ne, b.band(weight, b.i32(1 << i)), zero)));
    Value offsetSum = b.warpReduce(NVVM::ReduxKind::ADD, common);
    Value weightUnion = weights ? b.warpReduce(NVVM::ReduxKind::OR, weight) : Value();
    b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
      Value slot = at(row, rowWords, word);
      b.store(sign, plane, slot);
      for (auto [i, mask] : llvm::enumerate(masks))
        b.store(mask, plane, b.add(slot, b.i32((i + 1) * words)));
      b.atomic(LLVM::AtomicBinOp::add, offsetSum, offset, row);
      if (weights)
        b.atomic(LLVM::AtomicBinOp::_or, weightUnion, weights, row);
    });
  });
}

Row ScanEmitter::emitRow(Value index) {
  Row row;
  row.index = index;
  auto loadWords = [&](int64_t group) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < words; ++i)
      values.push_back(b.load(plane, at(index, rowWords, b.i32(group * words + i))));
    return values;
  };
  row.signs = loadWords(0);
  if (spec.weighted) {
    Value leading = math::CountLeadingZerosOp::create(b, b.load(weights, index));
    // A code that breaks the contract must not lead past the planes.
    row.numPlanes = b.minS(b.sub(b.i32(32), leading), b.i32(spec.getPlanes()));
    return row;
  }
  bool full = spec.isLowestPlaneFull();
  if (full)
    row.masks.emplace_back();
  for (int64_t i = full; i < spec.getPlanes(); ++i)
    row.masks.push_back(loadWords(1 + i - full));
  return row;
}

SmallVector<Value> ScanEmitter::emitDistances(ArrayRef<Group> groups, const Row &row) {
  SmallVector<SmallVector<Value>> differing; // per key
  for (const Group &group : groups)
    for (const SmallVector<Value> &code : group.codes) {
      SmallVector<Value> &words = differing.emplace_back();
      for (auto [key, sign] : llvm::zip_equal(code, row.signs))
        words.push_back(b.bxor(key, sign));
    }
  // Horner's rule over the planes, highest first.
  auto addPlane = [&](ValueRange sums, ArrayRef<Value> mask) {
    SmallVector<Value> result;
    for (size_t key = 0; key < differing.size(); ++key) {
      Value sum = sums.empty() ? Value() : b.shl(sums[key], 1);
      for (auto [i, word] : llvm::enumerate(differing[key])) {
        Value count = b.popcount(mask.empty() ? word : b.band(word, mask[i]));
        sum = sum ? b.add(sum, count) : count;
      }
      result.push_back(sum);
    }
    return result;
  };
  SmallVector<Value> sums;
  if (!spec.weighted) {
    for (ArrayRef<Value> mask : llvm::reverse(row.masks))
      sums = addPlane(sums, mask);
    return sums;
  }
  // Weights rarely have all their bits: only planes in use are counted.
  Value base = at(row.index, rowWords, zero);
  sums = b.loop(zero, row.numPlanes, one, SmallVector<Value>(differing.size(), zero),
                [&](Value i, ValueRange carried) {
                  Value slot = at(b.sub(row.numPlanes, i), words, base);
                  SmallVector<Value> mask;
                  for (int64_t word = 0; word < words; ++word)
                    mask.push_back(b.load(plane, b.add(slot, b.i32(word))));
                  return addPlane(carried, mask);
                });
  for (Value &sum : sums)
    sum = b.minS(sum, b.i32(spec.getMaxDistance()));
  return sums;
}

/// Writes and counts the distances of `groups` to one row. Keys that the row does
/// not see or that are forced are counted as well, and taken out at the end.
void ScanEmitter::emitRowOfGroups(ArrayRef<Group> groups, const Row &row) {
  Value out = getDistances(row.index);
  Type type = b.getIntegerType(spec.getDistanceBits());
  SmallVector<Value> sums = emitDistances(groups, row);
  Value firstBin = at(row.index, rowBins, zero);
  ArrayRef<Value> rest = sums;
  for (const Group &group : groups) {
    ArrayRef<Value> mine = rest.take_front(group.codes.size());
    rest = rest.drop_front(mine.size());
    auto write = [&] {
      SmallVector<Value> narrow;
      for (Value sum : mine)
        narrow.push_back(arith::TruncIOp::create(b, type, sum));
      b.storeVector(narrow, out, b.plus(group.key, group.offset),
                    mine.size() * spec.getDistanceBits() / 8);
      if (!counts)
        return;
      for (auto [i, sum] : llvm::enumerate(mine)) {
        Value count = one;
        // Adding 0 costs less than a branch.
        if (group.inside && i > 0)
          count = arith::ExtUIOp::create(
              b, b.getI32Type(),
              b.cmp(CmpIPredicate::slt, b.add(group.key, b.i32(group.offset + i)), range.end));
        b.atomic(LLVM::AtomicBinOp::add, count, bin, b.add(firstBin, sum));
      }
    };
    if (group.inside)
      b.when(group.inside, write);
    else
      write();
  }
}

void ScanEmitter::emitRows(ArrayRef<Group> groups, const Row *onlyRow) {
  if (onlyRow)
    return emitRowOfGroups(groups, *onlyRow);
  b.loop(zero, tileRows, one, [&](Value index) { emitRowOfGroups(groups, emitRow(index)); });
}

/// `count` words from byte `index` on.
static SmallVector<Value> loadWords(KernelBuilder &b, Value bytes, Value index, int64_t count,
                                    int64_t alignment) {
  auto type = VectorType::get({4 * count}, b.getI8Type());
  Value vector = vector::LoadOp::create(b, type, bytes, index, /*nontemporal=*/false,
                                        llvm::MaybeAlign(alignment));
  vector = vector::BitCastOp::create(b, VectorType::get({count}, b.getI32Type()), vector);
  SmallVector<Value> words;
  for (int64_t i = 0; i < count; ++i)
    words.push_back(vector::ExtractOp::create(b, vector, i));
  return words;
}

/// Four words, each a byte of four keys, to the word of each key.
static SmallVector<Value> transposeBytes(KernelBuilder &b, ArrayRef<Value> rows) {
  auto permute = [&](Value low, Value high, int64_t selector) -> Value {
    Value operands[] = {low, high, b.i32(selector)};
    return LLVM::CallIntrinsicOp::create(b, b.getI32Type(), b.getStringAttr("llvm.nvvm.prmt"),
                                         operands)
        .getResult(0);
  };
  SmallVector<Value> in(rows);
  while (in.size() < 4)
    in.push_back(b.i32(0));
  Value low01 = permute(in[0], in[1], 0x5140), high01 = permute(in[0], in[1], 0x7362);
  Value low23 = permute(in[2], in[3], 0x5140), high23 = permute(in[2], in[3], 0x7362);
  return {permute(low01, low23, 0x5410), permute(low01, low23, 0x7632),
          permute(high01, high23, 0x5410), permute(high01, high23, 0x7632)};
}

/// The codes of the keys from `key + offset` on; of the last keys of the chunk
/// where it ends before.
Group ScanEmitter::loadGroup(Value key, int64_t offset, Value inside) {
  Group group{key, offset, inside, {}};
  int64_t codeBytes = spec.bits / 8;
  if (inside) { // a load that the others need as well
    Value last = b.sub(range.end, one);
    group.key = b.add(key, b.i32(offset));
    group.offset = 0;
    key = b.minS(group.key, b.band(last, b.i32(-loads.keys)));
    offset = 0;
  }
  Value base = b.add(b.toIndex(keyOffset), b.mul(b.toIndex(batch), b.toIndex(batchStride)));
  base = b.add(base, b.mul(b.toIndex(kvHead), b.toIndex(headStride)));
  Value size = b.mul(b.toIndex(numKeys), b.toIndex(b.i32(codeBytes)));
  Value codes = b.view(keyCodes, base, size);
  auto word = [&](ArrayRef<Value> bytes) {
    Value result;
    for (auto [i, byte] : llvm::enumerate(bytes)) {
      Value part = b.shl(arith::ExtUIOp::create(b, b.getI32Type(), byte), 8 * i);
      result = result ? arith::OrIOp::create(b, result, part) : part;
    }
    return result;
  };
  if (spec.planes) {
    // Byte j of key n is at [n / 64, j, n % 64].
    Value n = b.add(key, b.i32(offset));
    Value first = b.add(b.mul(b.shr(n, 6), b.i32(64 * codeBytes)), b.band(n, b.i32(63)));
    group.codes.resize(loads.keys);
    for (int64_t j = 0; j < codeBytes; j += 4) {
      SmallVector<Value> bytes;
      for (int64_t i = j; i < std::min(j + 4, codeBytes); ++i)
        bytes.push_back(loadWords(b, codes, b.plus(first, 64 * i), 1, 4)[0]);
      for (auto [code, value] : llvm::zip_equal(group.codes, transposeBytes(b, bytes)))
        code.push_back(value);
    }
    return group;
  }
  Value first = b.mul(b.toIndex(key), b.toIndex(b.i32(codeBytes)));
  SmallVector<Value> flat; // words, or smaller where loads are
  int64_t total = loads.keys * codeBytes;
  for (int64_t i = 0; i < total; i += loads.bytes) {
    Value at = b.plus(first, offset * codeBytes + i);
    if (loads.bytes >= 4)
      llvm::append_range(flat, loadWords(b, codes, at, loads.bytes / 4, loads.bytes));
    else
      llvm::append_range(flat, b.loadVector(codes, at, loads.bytes, loads.bytes));
  }
  if (loads.bytes < 4) {
    SmallVector<Value> assembled;
    for (int64_t i = 0; i < total; i += 4)
      assembled.push_back(word(ArrayRef<Value>(flat).slice(i, std::min<int64_t>(4, total - i))));
    flat = assembled;
  }
  for (int64_t i = 0; i < loads.keys; ++i)
    group.codes.emplace_back(ArrayRef<Value>(flat).slice(i * words, words));
  return group;
}

void ScanEmitter::emitScan() {
  int64_t sliceKeys = kRetrieveThreads * loads.keys;
  int64_t tileKeys = loads.groups * sliceKeys;
  // The planes of a single row stay in registers for the whole scan.
  Row onlyRow;
  if (rows == 1)
    onlyRow = emitRow(zero);
  const Row *only = rows == 1 ? &onlyRow : nullptr;

  Value inSlice = b.mul(thread, b.i32(loads.keys)), step = b.i32(tileKeys);
  Value tiled = b.sub(range.end, b.remU(b.sub(range.end, range.begin), step));
  b.loop(range.begin, tiled, step, [&](Value tile) {
    Value key = b.add(tile, inSlice);
    SmallVector<Group> groups;
    for (int64_t i = 0; i < loads.groups; ++i)
      groups.push_back(loadGroup(key, i * sliceKeys, Value()));
    emitRows(groups, only);
  });
  // Less than a tile is left.
  b.when(b.cmp(CmpIPredicate::slt, tiled, range.end), [&] {
    Value key = b.add(tiled, inSlice);
    SmallVector<Group> groups;
    for (int64_t i = 0; i < loads.groups; ++i) {
      Value first = b.add(key, b.i32(i * sliceKeys));
      groups.push_back(loadGroup(key, i * sliceKeys, b.cmp(CmpIPredicate::slt, first, range.end)));
    }
    emitRows(groups, only);
  });
}

/// Takes the keys of the chunk that are no candidates out of the histograms.
void ScanEmitter::emitSpecialKeys() {
  Type type = b.getI32Type();
  bool tiers = spec.count.kind == CountSpec::Tiers;
  b.loop(zero, tileRows, one, [&](Value row) {
    Value limit = getLimit(row), mine = getDistances(row);
    Value firstBin = at(row, rowBins, zero);
    auto drop = [&](Value key) {
      Value distance = arith::ExtUIOp::create(b, type, b.load(mine, key));
      b.atomic(LLVM::AtomicBinOp::sub, one, bin, b.add(firstBin, distance));
      if (!tiers)
        return;
      Value visible = b.cmp(CmpIPredicate::slt, key, limit);
      b.atomic(LLVM::AtomicBinOp::add, arith::ExtUIOp::create(b, type, visible), bin,
               b.add(firstBin, b.i32(spec.getBins())));
    };
    Value sinks = zero, tail = limit;
    if (tiers) {
      sinks = count.sinks;
      tail = b.maxS(b.maxS(b.sub(limit, count.window), sinks), zero);
      b.loop(b.add(range.begin, thread), b.minS(range.end, sinks), threads, drop);
      if (forced) {
        Value n = b.toIndex(numKeys);
        Value flags = b.view(forced, b.mul(b.toIndex(batch), n), n);
        b.loop(b.add(b.maxS(range.begin, sinks), thread), b.minS(range.end, tail), threads,
               [&](Value key) { b.when(b.load(flags, key), [&] { drop(key); }); });
      }
    }
    b.loop(b.add(b.maxS(range.begin, tail), thread), range.end, threads, drop);
  });
}

/// Distances that compaction reads but does not use.
void ScanEmitter::emitPadding() {
  if (spec.count.kind != CountSpec::Tiers)
    return;
  Value key = b.add(length, thread);
  Value padded = b.band(b.add(length, b.i32(kCompactKeys - 1)), b.i32(-kCompactKeys));
  Value last = b.band(b.cmp(CmpIPredicate::slt, range.begin, range.end),
                      b.cmp(CmpIPredicate::eq, range.end, length));
  b.when(b.band(last, b.cmp(CmpIPredicate::slt, key, padded)), [&] {
    Value none = arith::TruncIOp::create(b, b.getIntegerType(spec.getDistanceBits()), zero);
    b.loop(zero, tileRows, one, [&](Value row) { b.store(none, getDistances(row), key); });
  });
}

void ScanEmitter::emitThresholds() {
  int64_t bins = spec.getBins();
  b.loop(zero, tileRows, one, [&](Value row) {
    emitWriteHistogram(b, bin, at(row, rowBins, zero), count.histogram,
                       b.add(globalRow, b.toIndex(row)), chunks, chunk, bins, thread);
  });
  if (spec.hasThresholdKernel()) { // which has a CTA a row
    b.when(b.cmp(CmpIPredicate::eq, chunk, zero), [&] {
      b.loop(thread, tileRows, threads, [&](Value row) {
        Value words = b.toIndex(b.i32(kStateWords));
        Value first = b.mul(b.add(globalRow, b.toIndex(row)), words);
        b.store(b.load(offset, row), b.view(count.states, first, words), b.i32(kOffset));
      });
    });
    return;
  }
  ThresholdEmitter thresholds(b, spec.count, count, bins, thread, chunks, thresholdShared);
  Value cta = b.add(b.mul(batch, b.gridSize(gpu::Dimension::y)), b.blockId(gpu::Dimension::y));
  Value last = b.isLastBlock(count.counters, cta, chunks, thread, thresholds.getFlag());
  b.when(last, [&] {
    thresholds.emitRow(globalRow, getLimit(zero), b.load(offset, zero), spec.getScale(),
                       /*bias=*/0);
  });
}

void mlir::dashkv::emitScan(gpu::GPUFuncOp func, const ScanSpec &spec) {
  ScanEmitter(spec, func).emit();
}
