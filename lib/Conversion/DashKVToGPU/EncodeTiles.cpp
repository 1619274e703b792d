//===- EncodeTiles.cpp - Linear encoders on tensor cores ------------------===//
//
// The kernel of many rows: mma.m16n8k16 with rows of the op as its 16 rows and
// bits of the code as its 8 columns. It is bound by reading the rows, which come
// straight from global memory into fragments, 16 bytes a lane; the weights lie in
// shared memory in the order of fragments.
//
// Three orders are free, and chosen so that nothing moves between lanes. Inputs k:
// lane (r, t) takes the 8 values from 32 i + 8 t on, of rows and of weights, as the
// k of two instructions. Columns: those of lane t are bits L/4 t to L/4 (t + 1), so
// that it has whole bytes of a code. Rows: as they come.
//
// What f32 has more than bf16 is kept: a value is the sum of up to three numbers
// of bf16, and products below the rounding of f32 are left out. Such sums are NaN
// where an infinity meets a zero; tiles that have one are done again by
// multiply-adds.
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr int64_t kLanes = 32, kWarps = 8;
/// What the smallest chip grants a CTA.
static constexpr int64_t kMaxSharedBytes = 99 * 1024;

/// Numbers of bf16 that make a value of `type`.
static int64_t getPlanes(Type type) { return type.isF32() ? 3 : type.isF16() ? 2 : 1; }

EncoderTile::EncoderTile(const EncoderSpec &spec)
    : bits(spec.getBits()), depth(llvm::alignTo<32>(spec.layers.front().in)),
      nativeF16(spec.input.isF16() && spec.layers.front().weight.isF16()),
      inputPlanes(nativeF16 ? 1 : getPlanes(spec.input)),
      weightPlanes(nativeF16 ? 1 : getPlanes(spec.layers.front().weight)),
      // Sums and a quarter of the inputs stay in registers.
      blocks(bits <= 64 && !spec.input.isF32() ? 2 : 1) {}

bool EncoderTile::supports(const EncoderSpec &spec) {
  if (spec.activation || spec.levels != 1 || spec.getBits() % 32 != 0)
    return false;
  // A lane's 8 values are of one head, and so are 32 values of four lanes.
  if (spec.depth % 8 != 0 || (spec.group > 1 && spec.depth % 32 != 0))
    return false;
  return EncoderTile(spec).getSharedBytes() <= kMaxSharedBytes;
}

namespace {
class TileEmitter {
public:
  TileEmitter(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments)
      : b(b), spec(spec), tile(spec), arguments(arguments), thread(b.threadX(kWarps * kLanes)),
        lane(b.band(thread, b.i32(kLanes - 1))), warp(b.shr(thread, 5)), rowInTile(b.shr(lane, 2)),
        part(b.band(lane, b.i32(3))), head(b.blockId(gpu::Dimension::y)),
        batch(b.blockId(gpu::Dimension::z)) {}
  void emit();

private:
  using Words = SmallVector<Value>;

  void emitWeights();
  void emitTile(Value first);
  /// The 8 values from 32 `i` + 8 `part` on of a row, as vectors.
  SmallVector<Value> loadInput(Value row, Value i);
  /// The planes of 8 values, four registers each.
  SmallVector<Words> split(ArrayRef<Value> loaded);
  void emitProducts(ArrayRef<SmallVector<SmallVector<Value>>> rows, Value i,
                    MutableArrayRef<Value> sums);
  void emitCodes(Value first, int64_t half, ArrayRef<Value> sums);
  void emitExact(Value first);

  KernelBuilder &b;
  const EncoderSpec &spec;
  EncoderTile tile;
  const EncoderArguments &arguments;
  Value thread, lane, warp, rowInTile, part, head, batch;
  /// Views of the dynamic shared memory.
  Value halves, words, biases;
};
} // namespace

/// Two f32 rounded to one register of bf16; `low` is in the low half.
static Value packBF16(KernelBuilder &b, Value low, Value high) {
  auto type = VectorType::get({2}, b.getBF16Type());
  Value packed = LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr("llvm.nvvm.ff2bf16x2.rn"),
                                               ValueRange{high, low})
                     .getResult(0);
  return LLVM::BitcastOp::create(b, b.getI32Type(), packed);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Element (k, n) of the weights.
static Value loadWeight(KernelBuilder &b, const EncoderSpec &spec,
                        const EncoderArguments &arguments, Value head, Value k, Value n) {
  const EncoderLayer &layer = spec.layers.front();
  const EncoderOperand &weights = arguments.weights.front();
  SmallVector<Value> strides = weights.strides;
  if (layer.vector)
    strides = {b.toIndex(b.i32(layer.in * layer.out)), b.toIndex(b.i32(layer.out)),
               b.toIndex(b.i32(1))};
  Value address = b.add(weights.offset, b.mul(b.toIndex(k), strides[1]));
  address = b.add(address, b.mul(b.toIndex(n), strides[2]));
  if (layer.perHead)
    address = b.add(address, b.mul(b.toIndex(head), strides[0]));
  return b.load(b.view(weights.pointer, address, b.toIndex(b.i32(1))), b.i32(0));
}

static Value loadBias(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments,
                      Value head, Value n) {
  const EncoderOperand &bias = arguments.biases.front();
  Value base = bias.offset;
  if (spec.layers.front().perHead)
    base = b.add(base, b.mul(b.toIndex(head), bias.strides[0]));
  return b.toF32(b.load(b.view(bias.pointer, base, b.toIndex(b.i32(spec.getBits()))), n));
}

/// Fills shared memory: plane, i, column tile j, lane, 8 values.
void TileEmitter::emitWeights() {
  int64_t in = spec.layers.front().in, bits = tile.bits, quarter = bits / 4;
  int64_t planeHalves = tile.depth * bits;
  Type i16 = b.getI16Type();
  b.loop(
      thread, b.i32(planeHalves), b.i32(kWarps * kLanes), ValueRange(),
      [&](Value index, ValueRange) {
        Value k = b.divU(index, b.i32(bits)), n = b.remU(index, b.i32(bits));
        Value inside = b.cmp(CmpIPredicate::ult, k, b.i32(in));
        Value weight = loadWeight(b, spec, arguments, head, b.minS(k, b.i32(in - 1)), n);
        Value inQuarter = b.remU(n, b.i32(quarter));
        Value column = b.add(b.shl(b.divU(n, b.i32(quarter)), 1), b.band(inQuarter, b.i32(1)));
        Value to = b.add(b.shl(column, 2), b.band(b.shr(k, 3), b.i32(3))); // lane
        Value tileIndex = b.add(b.mul(b.shr(k, 5), b.i32(bits / 8)), b.shr(inQuarter, 1));
        to = b.add(b.shl(b.add(b.shl(tileIndex, 5), to), 3), b.band(k, b.i32(7)));
        Value rest = tile.nativeF16 ? weight : b.toF32(weight);
        for (int64_t plane = 0; plane < tile.weightPlanes; ++plane) {
          Value rounded = tile.nativeF16 ? rest : b.fromF32(rest, b.getBF16Type());
          Value half = arith::BitcastOp::create(b, i16, rounded);
          half = b.select(inside, half, arith::ConstantOp::create(b, b.getI16IntegerAttr(0)));
          b.store(half, halves, b.plus(to, plane * planeHalves));
          if (plane + 1 < tile.weightPlanes)
            rest = b.subF(rest, b.toF32(rounded));
        }
        return SmallVector<Value>();
      },
      /*unroll=*/true);
  if (spec.layers.front().bias)
    b.loop(thread, b.i32(bits), b.i32(kWarps * kLanes),
           [&](Value n) { b.store(loadBias(b, spec, arguments, head, n), biases, n); });
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

SmallVector<Value> TileEmitter::loadInput(Value row, Value i) {
  // `row` is the offset of head 0 of the group.
  Value k = b.add(b.shl(i, 5), b.shl(part, 3)), address = row, inside;
  if (spec.layers.front().in % 32 != 0) {
    inside = b.cmp(CmpIPredicate::ult, k, b.i32(spec.layers.front().in));
    k = b.select(inside, k, b.i32(0));
  }
  if (spec.group > 1) {
    Value member = b.divU(k, b.i32(spec.depth));
    address = b.add(address, b.mul(b.toIndex(member), arguments.input.strides[1]));
    k = b.remU(k, b.i32(spec.depth));
  }
  int64_t width = 128 / spec.input.getIntOrFloatBitWidth();
  auto type = VectorType::get({width}, spec.input);
  Value view = b.view(arguments.input.pointer, b.add(address, b.toIndex(k)), b.toIndex(b.i32(8)));
  SmallVector<Value> loaded;
  for (int64_t begin = 0; begin < 8; begin += width) {
    Value vector = vector::LoadOp::create(b, type, view, b.toIndex(b.i32(begin)),
                                          /*nontemporal=*/false, llvm::MaybeAlign(16));
    if (inside)
      vector = b.select(inside, vector, arith::ConstantOp::create(b, b.getZeroAttr(type)));
    loaded.push_back(vector);
  }
  return loaded;
}

SmallVector<TileEmitter::Words> TileEmitter::split(ArrayRef<Value> loaded) {
  SmallVector<Words> planes(tile.inputPlanes);
  if (tile.inputPlanes == 1) {
    Value words = vector::BitCastOp::create(b, VectorType::get({4}, b.getI32Type()), loaded[0]);
    for (int64_t i = 0; i < 4; ++i)
      planes[0].push_back(vector::ExtractOp::create(b, words, i));
    return planes;
  }
  SmallVector<Value> rest;
  for (Value vector : loaded)
    for (int64_t i = 0, e = cast<VectorType>(vector.getType()).getNumElements(); i < e; ++i)
      rest.push_back(b.toF32(vector::ExtractOp::create(b, vector, i)));
  for (auto [plane, words] : llvm::enumerate(planes))
    for (int64_t i = 0; i < 8; i += 2) {
      Value word = packBF16(b, rest[i], rest[i + 1]);
      words.push_back(word);
      if (plane + 1 == planes.size())
        continue;
      Value low = b.shl(word, 16), high = b.band(word, b.i32(-65536));
      rest[i] = b.subF(rest[i], arith::BitcastOp::create(b, b.getF32Type(), low));
      rest[i + 1] = b.subF(rest[i + 1], arith::BitcastOp::create(b, b.getF32Type(), high));
    }
  return planes;
}

/// `rows`: [block][half] of what was loaded; `sums`: [block][column tile][4].
void TileEmitter::emitProducts(ArrayRef<SmallVector<SmallVector<Value>>> rows, Value i,
                               MutableArrayRef<Value> sums) {
  int64_t tiles = tile.bits / 8, planeWords = tile.depth * tile.bits / 2;
  SmallVector<SmallVector<SmallVector<Words>>> inputs; // [block][half][plane]
  for (auto &block : rows) {
    inputs.emplace_back();
    for (auto &half : block)
      inputs.back().push_back(split(half));
  }
  Value base = b.add(b.mul(i, b.i32(tiles * kLanes * 4)), b.shl(lane, 2));
  for (int64_t j = 0; j < tiles; ++j)
    for (int64_t w = 0; w < tile.weightPlanes; ++w) {
      SmallVector<Value> columns =
          b.loadVector(words, b.plus(base, w * planeWords + j * kLanes * 4), 4, 16);
      for (int64_t x = 0; x < tile.inputPlanes && x + w < 3; ++x)
        for (auto [block, input] : llvm::enumerate(inputs)) {
          const Words &upper = input[0][x], &lower = input[1][x];
          for (int64_t step = 0; step < 4; step += 2)
            b.multiply(sums.slice((block * tiles + j) * 4, 4),
                       {upper[step], lower[step], upper[step + 1], lower[step + 1]},
                       {columns[step], columns[step + 1]}, !tile.nativeF16);
        }
    }
}

/// Rows `first` + `rowInTile` and 8 more, from the sums of a block.
void TileEmitter::emitCodes(Value first, int64_t half, ArrayRef<Value> sums) {
  int64_t bytes = tile.bits / 32; // of a lane
  Value row = b.add(b.add(first, b.i32(8 * half)), rowInTile), zero = b.i32(0);
  SmallVector<Value> values;
  for (int64_t byte = 0; byte < bytes; ++byte) {
    Value value;
    for (int64_t bit = 0; bit < 8; ++bit) {
      int64_t column = 8 * byte + bit;
      Value z = sums[column / 2 * 4 + 2 * half + column % 2];
      Value isSet = b.cmpF(CmpFPredicate::OGT, z, b.f32(0));
      Value mask = b.select(isSet, b.i32(1 << bit), zero);
      value = value ? b.bor(value, mask) : mask;
    }
    values.push_back(arith::TruncIOp::create(b, b.getI8Type(), value));
  }
  b.when(b.cmp(CmpIPredicate::ult, row, arguments.queries), [&] {
    Value offset = getAddress(b, arguments.codes, {batch, head, row});
    Value codes = b.view(arguments.codes.pointer, offset, b.toIndex(b.i32(1)));
    Value begin = b.mul(part, b.i32(bytes));
    for (auto [i, value] : llvm::enumerate(values))
      b.store(value, codes, b.mul(b.plus(begin, i), arguments.codes.strides.back()));
    if (!spec.hasScale)
      return;
    b.when(b.cmp(CmpIPredicate::eq, part, zero), [&] {
      Value at = getAddress(b, arguments.scale, {batch, head, row});
      b.store(b.f32(1), b.view(arguments.scale.pointer, at, b.toIndex(b.i32(1))), zero);
    });
  });
}

/// The rows of a tile once more, one after the other.
void TileEmitter::emitExact(Value first) {
  int64_t perLane = tile.bits / kLanes;
  Value last = b.minS(b.add(first, b.i32(16 * tile.blocks)), arguments.queries);
  b.loop(first, last, b.i32(1), [&](Value query) {
    EncoderRow row{batch, head, query};
    SmallVector<Value> sums;
    auto column = [&](int64_t i) { return b.add(lane, b.i32(kLanes * i)); };
    for (int64_t i = 0; i < perLane; ++i)
      sums.push_back(spec.layers.front().bias ? b.load(biases, column(i)) : b.f32(0));
    sums = b.loop(
        b.i32(0), b.i32(spec.layers.front().in), b.i32(1), sums, [&](Value k, ValueRange carried) {
          Value member = b.add(b.mul(head, b.i32(spec.group)), b.divU(k, b.i32(spec.depth)));
          Value address =
              getAddress(b, arguments.input, {batch, member, query, b.remU(k, b.i32(spec.depth))});
          Value x = b.toF32(
              b.load(b.view(arguments.input.pointer, address, b.toIndex(b.i32(1))), b.i32(0)));
          SmallVector<Value> next;
          for (int64_t i = 0; i < perLane; ++i) {
            Value weight = loadWeight(b, spec, arguments, head, k, column(i));
            next.push_back(b.fma(x, b.toF32(weight), carried[i]));
          }
          return next;
        });
    emitCode(b, spec, arguments, row, sums, lane);
  });
}

void TileEmitter::emitTile(Value first) {
  int64_t tiles = tile.bits / 8, steps = tile.depth / 32;
  int64_t group = tile.bits > 128 ? 2 : 4; // sums leave few registers
  while (steps % group != 0)
    --group;
  SmallVector<SmallVector<Value>> rows(tile.blocks);  // offsets
  Value lastRow = b.sub(arguments.queries, b.i32(1)); // rows past the end repeat it
  for (int64_t block = 0; block < tile.blocks; ++block)
    for (int64_t half = 0; half < 2; ++half) {
      Value row = b.add(b.add(first, b.i32(16 * block + 8 * half)), rowInTile);
      rows[block].push_back(getAddress(
          b, arguments.input, {batch, b.mul(head, b.i32(spec.group)), b.minS(row, lastRow)}));
    }
  SmallVector<Value> sums;
  for (int64_t j = 0; j < tiles; ++j) {
    Value pair[] = {b.f32(0), b.f32(0)};
    if (spec.layers.front().bias) {
      Value n = b.plus(b.mul(part, b.i32(tile.bits / 4)), 2 * j);
      llvm::copy(b.loadVector(biases, n, 2, 8), pair);
    }
    sums.append({pair[0], pair[1], pair[0], pair[1]});
  }
  SmallVector<Value> block = sums;
  for (int64_t i = 1; i < tile.blocks; ++i)
    sums.append(block);

  auto emitGroup = [&](Value begin, SmallVectorImpl<Value> &sums) {
    SmallVector<SmallVector<SmallVector<SmallVector<Value>>>> loaded(group);
    for (int64_t i = 0; i < group; ++i) // all loads are in flight before the first use
      for (int64_t block = 0; block < tile.blocks; ++block) {
        loaded[i].emplace_back();
        for (Value row : rows[block])
          loaded[i].back().push_back(loadInput(row, b.add(begin, b.i32(i))));
      }
    for (int64_t i = 0; i < group; ++i)
      emitProducts(loaded[i], b.add(begin, b.i32(i)), sums);
  };
  if (group == steps)
    emitGroup(b.i32(0), sums);
  else
    sums = b.loop(b.i32(0), b.i32(steps), b.i32(group), sums, [&](Value i, ValueRange carried) {
      SmallVector<Value> next(carried);
      emitGroup(i, next);
      return next;
    });

  auto emitAll = [&] {
    for (int64_t i = 0; i < tile.blocks; ++i)
      for (int64_t half = 0; half < 2; ++half)
        emitCodes(b.add(first, b.i32(16 * i)), half,
                  ArrayRef<Value>(sums).slice(i * tiles * 4, tiles * 4));
  };
  emitAll();
  if (tile.inputPlanes == 1 && tile.weightPlanes == 1)
    return;
  Value total = b.f32(0); // NaN once a sum is not finite
  for (Value sum : sums)
    total = b.fma(sum, b.f32(0), total);
  b.when(b.any(b.cmpF(CmpFPredicate::UNO, total, total)), [&] { emitExact(first); });
}

void TileEmitter::emit() {
  auto shared = [&](Type element) {
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    return MemRefType::get({ShapedType::kDynamic}, element, MemRefLayoutAttrInterface(), space);
  };
  Value bytes = gpu::DynamicSharedMemoryOp::create(b, shared(b.getI8Type()));
  auto view = [&](Type element, int64_t begin, int64_t size) -> Value {
    return memref::ViewOp::create(b, shared(element), bytes, b.toIndex(b.i32(begin)),
                                  ValueRange{b.toIndex(b.i32(size))});
  };
  int64_t weightBytes = tile.getWeightBytes();
  halves = view(b.getI16Type(), 0, weightBytes / 2);
  words = view(b.getI32Type(), 0, weightBytes / 4);
  biases = view(b.getF32Type(), weightBytes, tile.bits);
  if (!spec.hasConstantWeights)
    b.waitForPrevious();
  emitWeights();
  b.barrier();
  if (spec.hasConstantWeights)
    b.waitForPrevious();
  int64_t rows = 16 * tile.blocks;
  Value warps = b.mul(b.gridSize(gpu::Dimension::x), b.i32(kWarps));
  Value first = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(kWarps)), warp);
  b.loop(b.mul(first, b.i32(rows)), arguments.queries, b.mul(warps, b.i32(rows)),
         [&](Value first) { emitTile(first); });
}

void mlir::dashkv::emitEncodeTiles(KernelBuilder &b, const EncoderSpec &spec,
                                   const EncoderArguments &arguments) {
  TileEmitter(b, spec, arguments).emit();
}
