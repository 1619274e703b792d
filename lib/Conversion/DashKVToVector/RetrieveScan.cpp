//===- RetrieveScan.cpp - Tables and the scan of codes --------------------===//
#include "Scan.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;
using Values = VectorBuilder::Values;

/// Entries of a table: the values of a nibble.
static constexpr int64_t kEntries = 16;

ScanShape ScanShape::get(CodeForm form, TileConfigAttr config) {
  ScanShape shape;
  shape.form = form;
  shape.vectorBytes = config.getVector();
  shape.popcount = config.getScan() == ScanForm::Popcount;
  // A CPU that drops prefetches when it has too many does so less if they are near.
  shape.ahead = config.getPrefetch() == Prefetch::None       ? 0
                : config.getPrefetch() == Prefetch::Repeated ? 2048
                                                             : 8192;
  return shape;
}

std::string mlir::dashkv::whyNotContiguous(Value keyCodes) {
  if (auto keys = dyn_cast<MemRefType>(keyCodes.getType())) {
    SmallVector<int64_t> strides;
    int64_t offset, size = 1;
    if (failed(keys.getStridesAndOffset(strides, offset)))
      return "the codes have no strides";
    for (int64_t dim = keys.getRank() - 1; dim > 1; --dim) {
      if (strides[dim] != size)
        return "the codes of a head are not contiguous";
      size *= keys.getDimSize(dim);
    }
  }
  return "";
}

Value mlir::dashkv::flattenCodes(VectorBuilder &b, Value keyCodes, Value batch, Value head) {
  int64_t rank = cast<MemRefType>(keyCodes.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), sizes(rank, b.getIndexAttr(1)),
      strides(rank, b.getIndexAttr(1));
  offsets[0] = batch;
  offsets[1] = head;
  Value size = b.index(1);
  for (int64_t dim = 2; dim < rank; ++dim) {
    Value length = b.dim(keyCodes, dim);
    sizes[dim] = length;
    size = b.mul(size, length);
  }
  Value slice = memref::SubViewOp::create(b, keyCodes, offsets, sizes, strides);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, slice);
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), layout);
  return memref::ReinterpretCastOp::create(
      b, type, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()),
      ArrayRef<OpFoldResult>{size}, ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

CodeScan::CodeScan(VectorBuilder &b, ScanShape shape, Value queryCodes, int64_t rows)
    : shape(shape), b(b), queryCodes(queryCodes) {
  SmallVector<int64_t> sizes = {rows, shape.lists, 2 * shape.planes(), kEntries};
  if (shape.countsBits())
    sizes = {rows, shape.lists, shape.planes(), shape.vectorBytes};
  tables = b.stackBuffer(sizes, b.getI8Type());
  if (!shape.form.planes && !llvm::is_contained({4, 8, 16, 32}, shape.planes()))
    planeBuffer = b.stackBuffer({shape.planes(), kBlockKeys}, b.getI8Type());
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Adds what one query head makes of the values of the two nibbles of a byte.
void CodeScan::buildNibbleTables(Value batch, Value head, Value m, Value plane,
                                 SmallVector<Value> &sums) {
  auto wide = b.vec(kEntries, b.getI16Type());
  for (int64_t nibble = 0; nibble < 2; ++nibble) {
    Value &sum = sums[nibble];
    if (!shape.form.weighted) {
      Value byte = b.load(queryCodes, {batch, head, m, plane});
      Value bits = nibble ? b.shrU(byte, 4) : b.band(byte, b.constant(b.getI8Type(), 15));
      Value differing = b.bxor(b.iota(kEntries, b.getI8Type()), b.splat(bits, kEntries));
      sum = b.add(sum, b.castU(math::CtPopOp::create(b, differing), wide));
      continue;
    }
    for (int64_t bit = 0; bit < 4; ++bit) {
      Value at = b.add(b.mul(plane, 8), 4 * nibble + bit);
      Value weight = b.castS(b.load(queryCodes, {batch, head, m, at}), b.getI16Type());
      Value none = b.constant(b.getI16Type(), 0), magnitude = math::AbsIOp::create(b, weight);
      Value wantsOne = b.cmp(CmpIPredicate::sgt, weight, none);
      Value ifOne = b.select(wantsOne, none, magnitude);
      Value ifZero = b.select(wantsOne, magnitude, none);
      SmallVector<bool> isOne;
      for (int64_t value = 0; value < kEntries; ++value)
        isOne.push_back(value >> bit & 1);
      Value ones = arith::ConstantOp::create(
          b, DenseElementsAttr::get(b.vec(kEntries, b.getI1Type()), isOne));
      sum = b.add(sum, b.select(ones, b.splat(ifOne, kEntries), b.splat(ifZero, kEntries)));
    }
  }
}

Value CodeScan::buildTables(Value batch, Value head, Value m, Value row, int64_t list) {
  Type i8 = b.getI8Type(), i16 = b.getI16Type(), i32 = b.getI32Type();
  Value at = b.index(list), zero = b.constant(i32, 0), first = b.index(0);
  if (shape.countsBits()) {
    b.loop(b.index(shape.planes()), [&](Value plane) {
      Value byte = b.load(queryCodes, {batch, head, m, plane});
      b.storeVector(b.splat(byte, shape.vectorBytes), tables, {row, at, plane, first});
    });
    return zero;
  }
  auto wide = b.vec(kEntries, i16);
  return b.loop(first, b.index(shape.planes()), b.index(1), zero, [&](Value plane, ValueRange c) {
    Value none = b.constant(wide, 0), offset = c[0];
    SmallVector<Value> sums = {none, none};
    if (shape.heads == 1)
      buildNibbleTables(batch, head, m, plane, sums);
    else
      sums =
          b.loop(first, b.index(shape.heads), b.index(1), sums, [&](Value h, ValueRange carried) {
            SmallVector<Value> sums(carried);
            buildNibbleTables(batch, b.add(head, h), m, plane, sums);
            return sums;
          });
    for (int64_t nibble = 0; nibble < 2; ++nibble) {
      Value sum = sums[nibble];
      if (shape.heads > 1 || shape.form.weighted) {
        Value least = vector::ReductionOp::create(b, vector::CombiningKind::MINUI, sum);
        offset = b.add(offset, b.castU(least, i32));
        sum = b.sub(sum, b.splat(least, kEntries));
      }
      if (shape.shift())
        sum = b.shrU(sum, 1);
      sum = b.castU(b.minU(sum, b.constant(wide, 255)), b.vec(kEntries, i8));
      b.storeVector(sum, tables, {row, at, b.add(b.mul(plane, 2), nibble), first});
    }
    return Values{offset};
  })[0];
}

Value CodeScan::loadTable(Value row, int64_t list, int64_t nibble) {
  Value entries = b.loadVector(tables, {row, b.index(list), b.index(nibble), b.index(0)}, kEntries);
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < shape.vectorBytes; ++lane)
    lanes.push_back(lane % kEntries);
  return b.shuffle(entries, entries, lanes);
}

//===----------------------------------------------------------------------===//
// Key-major codes to byte planes
//===----------------------------------------------------------------------===//

/// `(key, byte)` of each lane of a vector as `key * planes + byte`.
using Lanes = SmallVector<int64_t>;

static std::pair<Value, Lanes> shuffle(VectorBuilder &b, const std::pair<Value, Lanes> &x,
                                       const std::pair<Value, Lanes> &y, ArrayRef<int64_t> lanes) {
  Lanes result;
  int64_t size = x.second.size();
  for (int64_t lane : lanes)
    result.push_back(lane < size ? x.second[lane] : y.second[lane - size]);
  return {b.shuffle(x.first, y.first, lanes), result};
}

SmallVector<Value> CodeScan::transpose(Value bytes, Value at, int64_t half,
                                       SmallVector<int64_t> &order) {
  int64_t planes = shape.planes(), size = shape.vectorBytes;
  SmallVector<std::pair<Value, Lanes>> vectors;
  for (int64_t v = 0; v < planes; ++v) {
    Lanes lanes;
    for (int64_t lane = 0; lane < size; ++lane)
      lanes.push_back(v * size + lane);
    vectors.emplace_back(b.loadVector(bytes, b.add(at, v * size), size), lanes);
  }
  if (planes == 32) {
    // Keys fill two 16-byte lanes: keep one of them.
    SmallVector<std::pair<Value, Lanes>> halves;
    SmallVector<int64_t> lanes;
    for (int64_t lane = 0; lane < 2 * size; ++lane)
      if (lane / 16 % 2 == half)
        lanes.push_back(lane);
    for (int64_t v = 0; v < planes; v += 2)
      halves.push_back(shuffle(b, vectors[v], vectors[v + 1], lanes));
    vectors = halves;
  }

  // Interleaving the bytes of two vectors moves one bit of their number into the
  // position within 16 bytes and the highest bit of that out of it: four times,
  // and the number of a vector is that of a byte.
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < size; lane += 16)
    for (int64_t i = 0; i < 8; ++i) {
      low.append({lane + i, size + lane + i});
      high.append({lane + 8 + i, size + lane + 8 + i});
    }
  int64_t numBits = llvm::Log2_64(vectors.size());
  for (int64_t step = 0; step < 4; ++step) {
    size_t bit = size_t(1) << (numBits - 1 - step % numBits);
    for (size_t v = 0; v < vectors.size(); ++v) {
      if (v & bit)
        continue;
      std::pair<Value, Lanes> x = vectors[v], y = vectors[v | bit];
      vectors[v] = shuffle(b, x, y, low);
      vectors[v | bit] = shuffle(b, x, y, high);
    }
  }

  SmallVector<Value> result(vectors.size());
  order.assign(size, 0);
  for (auto &[value, lanes] : vectors) {
    result[lanes[0] % planes % vectors.size()] = value;
    for (auto [lane, id] : llvm::enumerate(lanes))
      order[id / planes] = lane;
  }
  return result;
}

void CodeScan::transposeBytes(Value bytes, Value at) {
  b.loop(b.index(kBlockKeys), [&](Value key) {
    Value begin = b.add(at, b.mul(key, shape.planes()));
    for (int64_t plane = 0; plane < shape.planes(); ++plane)
      b.store(b.load(bytes, b.add(begin, plane)), planeBuffer, {b.index(plane), key});
  });
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

void CodeScan::accumulate(ArrayRef<SmallVector<Value>> planes, int64_t first, Value row,
                          Distances &sums) {
  auto type = b.bytes(shape.vectorBytes);
  bool saturates = shape.largest() > 255;
  auto add = [&](Value &sum, Value value) {
    if (sum && saturates) // one instruction
      value = b.minU(value, b.bxor(sum, b.constant(type, -1)));
    sum = sum ? b.add(sum, value) : value;
  };
  for (auto [index, vectors] : llvm::enumerate(planes)) {
    int64_t plane = first + index;
    int64_t into = shape.halves && plane >= shape.planes() / 2;
    if (shape.countsBits()) {
      for (int64_t list = 0; list < shape.lists; ++list) {
        Value query = b.loadVector(tables, {row, b.index(list), b.index(plane), b.index(0)},
                                   shape.vectorBytes);
        for (auto [part, keys] : llvm::enumerate(vectors))
          add(sums[into + list][part], math::CtPopOp::create(b, b.bxor(keys, query)));
      }
      continue;
    }
    SmallVector<SmallVector<Value>> nibbles(2);
    for (Value keys : vectors) {
      nibbles[0].push_back(b.band(keys, b.constant(type, 15)));
      nibbles[1].push_back(b.shrU(keys, 4));
    }
    for (int64_t list = 0; list < shape.lists; ++list)
      for (int64_t nibble = 0; nibble < 2; ++nibble) {
        int64_t number = 2 * plane + nibble;
        Value table = held.empty() ? loadTable(row, list, number) : held[number];
        for (auto [part, values] : llvm::enumerate(nibbles[nibble]))
          add(sums[into + list][part], b.lookUpBytes(table, values));
      }
  }
}

Values CodeScan::scan(const CodeBlocks &blocks, Value row, ValueRange init, Consumer consume) {
  // With 32 registers, the tables of one list stay in half of them.
  held.clear();
  if (shape.vectorBytes == 64 && shape.lists == 1 && shape.planes() <= 8 && !shape.countsBits())
    for (int64_t nibble = 0; nibble < 2 * shape.planes(); ++nibble)
      held.push_back(loadTable(row, 0, nibble));
  int64_t planes = shape.planes(), parts = shape.parts(), size = shape.vectorBytes;
  int64_t aheadBlocks = llvm::divideCeil(shape.ahead, shape.blockBytes());
  return b.loop(blocks.begin, blocks.end, b.index(1), init, [&](Value i, ValueRange carried) {
    auto locate = [&](Value i) {
      return b.mul(b.add(b.mul(i, blocks.stride), blocks.start), shape.blockBytes());
    };
    Value at = locate(i), next = locate(b.add(i, aheadBlocks));
    for (int64_t line = 0; shape.ahead && line < shape.blockBytes(); line += 64)
      b.prefetch(blocks.bytes, b.add(next, line));

    int64_t numSums = shape.halves ? 2 : shape.lists;
    Distances sums(numSums, SmallVector<Value>(parts));
    if (planeBuffer || shape.form.planes) {
      if (planeBuffer)
        transposeBytes(blocks.bytes, at);
      for (int64_t plane = 0; plane < planes; ++plane) {
        SmallVector<Value> vectors;
        for (int64_t part = 0; part < parts; ++part)
          vectors.push_back(
              planeBuffer
                  ? b.loadVector(planeBuffer, {b.index(plane), b.index(part * size)}, size)
                  : b.loadVector(blocks.bytes, b.add(at, plane * kBlockKeys + part * size), size));
        accumulate({vectors}, plane, row, sums);
      }
      return consume(i, sums, carried);
    }
    for (int64_t part = 0; part < parts; ++part) {
      Value begin = b.add(at, part * size * planes);
      Distances partSums(numSums, SmallVector<Value>(1));
      SmallVector<int64_t> order;
      for (int64_t half = 0, halves = llvm::divideCeil(planes, 16); half < halves; ++half) {
        SmallVector<SmallVector<Value>> vectors;
        for (Value plane : transpose(blocks.bytes, begin, half, order))
          vectors.push_back({plane});
        accumulate(vectors, 16 * half, row, partSums);
      }
      for (int64_t list = 0; list < numSums; ++list)
        sums[list][part] = b.shuffle(partSums[list][0], partSums[list][0], order);
    }
    return consume(i, sums, carried);
  });
}
