//===- EncodeRows.cpp - Encoders by multiply-adds -------------------------===//
//
// The kernel of few rows, and of encoders that no tensor core takes. A decode step
// is bound by reading the weights once, so a thread reads them 16 bytes at a time:
// neighbouring outputs n of one input k. Threads are `columns` along n times
// `slices` along k, neighbouring threads read neighbouring bytes, and the sums of
// the slices meet in shuffles and then in shared memory.
//
// Weights are constants of the step: the first of them are loaded before the
// kernel waits for its predecessor, those of a layer before the barrier that its
// inputs need.
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static constexpr int64_t kLanes = 32;
/// Loads that a thread issues before it uses the first.
static constexpr int64_t kBatchLoads = 8;

namespace {
/// How the threads of a CTA share the weights of a layer.
struct LayerShape {
  LayerShape(const EncoderSpec &spec, unsigned layer)
      : in(spec.layers[layer].in), out(spec.layers[layer].out),
        vector(std::max<int64_t>(1, spec.layers[layer].vector)),
        columns(spec.givesValues ? EncoderSpec::kSplitOutputs / vector
                                 : std::min<int64_t>(kLanes, llvm::PowerOf2Ceil(out / vector))),
        slices(spec.threads / columns) {}

  /// Passes over the outputs.
  int64_t getPasses() const { return llvm::divideCeil(out, getPassOutputs()); }
  int64_t getPassOutputs() const { return columns * vector; }
  /// Loads of a thread a pass.
  int64_t getLoads() const { return llvm::divideCeil(in, slices); }

  int64_t in, out, vector, columns, slices;
};

class RowsEmitter {
public:
  RowsEmitter(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments,
              Value shared, Value head)
      : b(b), spec(spec), arguments(arguments), shared(shared), head(head),
        thread(b.threadX(spec.threads)), lane(b.band(thread, b.i32(kLanes - 1))),
        warp(b.shr(thread, 5)) {}
  void emit(Value block, Value blocks);

private:
  using Loads = SmallVector<Value>;

  void emitBlock(Value first, const Loads &prefetched);
  void emitPrefetchToL2(unsigned layer);
  EncoderRow getRow(Value row) { return getEncoderRow(b, arguments, row, head); }
  void emitInput(Value first);
  /// Loads `first` to `first + count` of this thread, past `begin` (null or an
  /// i32): a vector of weights each.
  Loads emitLoads(unsigned layer, int64_t pass, Value begin, int64_t first, int64_t count);
  Value emitLoad(unsigned layer, int64_t pass, Value begin, int64_t i);
  Value getFirstOutput(unsigned layer, int64_t pass);
  Value getInput(unsigned layer, Value begin);
  Value getIsInside(unsigned layer, Value begin, int64_t i);
  /// Adds to `sums`, [rows][vector], the products with what was loaded.
  void emitProducts(unsigned layer, const Loads &weights, Value begin, int64_t first,
                    SmallVectorImpl<Value> &sums);
  /// The sums of this thread.
  SmallVector<Value> emitSums(unsigned layer, int64_t pass, const Loads &prefetched);
  void emitReduce(unsigned layer, int64_t pass, SmallVector<Value> sums);
  void emitOutputs(unsigned layer, int64_t pass, Value firstRow);

  Value at(int64_t region, Value index) { return b.add(index, b.i32(region)); }
  int64_t getPrefetch(unsigned layer) const {
    return std::min(LayerShape(spec, layer).getLoads(),
                    spec.rows == 1 ? 2 * kBatchLoads : kBatchLoads);
  }
  Loads emitPrefetch(unsigned layer, int64_t pass) {
    return emitLoads(layer, pass, Value(), 0, getPrefetch(layer));
  }

  KernelBuilder &b;
  const EncoderSpec &spec;
  const EncoderArguments &arguments;
  Value shared, head, thread, lane, warp;
};
} // namespace

/// The elements of a vector as f32. Conversions of bf16 run at a quarter of the rate
/// of shifts.
static SmallVector<Value> widen(KernelBuilder &b, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  int64_t count = type.getNumElements();
  SmallVector<Value> values;
  if (!type.getElementType().isBF16() || count % 2 != 0) {
    for (int64_t i = 0; i < count; ++i)
      values.push_back(b.toF32(vector::ExtractOp::create(b, vector, i)));
    return values;
  }
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value words = vector::BitCastOp::create(b, VectorType::get({count / 2}, i32), vector);
  for (int64_t i = 0; i < count / 2; ++i) {
    Value word = vector::ExtractOp::create(b, words, i);
    values.push_back(arith::BitcastOp::create(b, f32, b.shl(word, 16)));
    values.push_back(arith::BitcastOp::create(b, f32, b.band(word, b.i32(-65536))));
  }
  return values;
}

/// Regions of the shared buffer: values that go into even and odd layers, [k][row],
/// then partial sums, [warp][row][n]. Values of the last layer are [row][n].
static int64_t getValues(const EncoderSpec &spec, unsigned parity) {
  int64_t size = 0;
  for (unsigned layer = 0; layer <= spec.layers.size(); ++layer)
    if (layer % 2 == parity)
      size = std::max(size, layer < spec.layers.size() ? spec.layers[layer].in : spec.getBits());
  return llvm::alignTo<4>(size * spec.rows);
}
static int64_t getValuesBegin(const EncoderSpec &spec, unsigned layer) {
  return layer % 2 == 0 ? 0 : getValues(spec, 0);
}
static int64_t getPartialsBegin(const EncoderSpec &spec) {
  return getValues(spec, 0) + getValues(spec, 1);
}

int64_t EncoderSpec::getSharedFloats() const {
  int64_t outputs = 0;
  for (unsigned layer = 0; layer < layers.size(); ++layer)
    outputs = std::max(outputs, LayerShape(*this, layer).getPassOutputs());
  return getPartialsBegin(*this) + threads / kLanes * rows * outputs;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Load `i` of this thread, past `begin` loads.
Value RowsEmitter::emitLoad(unsigned layer, int64_t pass, Value begin, int64_t i) {
  const EncoderLayer &info = spec.layers[layer];
  const EncoderOperand &weights = arguments.weights[layer];
  LayerShape shape(spec, layer);
  Value n = b.mul(b.band(thread, b.i32(shape.columns - 1)), b.i32(shape.vector));
  n = b.add(n, getFirstOutput(layer, pass));
  if (shape.out % shape.getPassOutputs() != 0) // a column past the end reads the last one
    n = b.minS(n, b.i32(shape.out - shape.vector));
  Value k = getInput(layer, begin);
  int64_t offset = i * shape.slices;
  Value isInside = getIsInside(layer, begin, i);
  if (isInside) {
    k = b.minS(b.add(k, b.i32(offset)), b.i32(shape.in - 1));
    offset = 0;
  }
  auto type = VectorType::get({shape.vector}, info.weight);
  Value loaded;
  if (info.vector == 0) {
    Value address = weights.offset;
    if (info.perHead)
      address = b.add(address, b.mul(b.toIndex(head), weights.strides[0]));
    address = b.add(address, b.mul(b.plus(k, offset), weights.strides[1]));
    address = b.add(address, b.mul(b.toIndex(n), weights.strides[2]));
    Value view = b.view(weights.pointer, address, b.toIndex(b.i32(1)));
    loaded = vector::FromElementsOp::create(b, type, b.load(view, b.i32(0)));
  } else {
    Value size = b.toIndex(b.i32(info.in * info.out)), base = weights.offset;
    if (info.perHead)
      base = b.add(base, b.mul(b.toIndex(head), size));
    Value view = b.view(weights.pointer, base, size);
    int64_t bytes = shape.vector * info.weight.getIntOrFloatBitWidth() / 8;
    // The constant is added last: it becomes the offset of the load.
    Value index = b.plus(b.add(b.mul(k, b.i32(info.out)), n), offset * info.out);
    loaded = vector::LoadOp::create(b, type, view, index, /*nontemporal=*/false,
                                    llvm::MaybeAlign(bytes));
  }
  if (!isInside)
    return loaded;
  return b.select(isInside, loaded, arith::ConstantOp::create(b, b.getZeroAttr(type)));
}

Value RowsEmitter::getFirstOutput(unsigned layer, int64_t pass) {
  int64_t outputs = LayerShape(spec, layer).getPassOutputs();
  if (spec.givesValues)
    return b.mul(b.blockId(gpu::Dimension::z), b.i32(outputs));
  return b.i32(pass * outputs);
}

RowsEmitter::Loads RowsEmitter::emitLoads(unsigned layer, int64_t pass, Value begin, int64_t first,
                                          int64_t count) {
  Loads loads;
  for (int64_t i = 0; i < count; ++i)
    loads.push_back(emitLoad(layer, pass, begin, first + i));
  return loads;
}

/// The input of this thread's load number `begin`, or its first one.
Value RowsEmitter::getInput(unsigned layer, Value begin) {
  LayerShape shape(spec, layer);
  Value slice = b.shr(thread, llvm::Log2_64(shape.columns));
  return begin ? b.add(slice, b.mul(begin, b.i32(shape.slices))) : slice;
}

/// Whether load `i` is one of this thread's; null where it is of every thread.
/// Loops, which have a `begin`, end before a load that some have not.
Value RowsEmitter::getIsInside(unsigned layer, Value begin, int64_t i) {
  LayerShape shape(spec, layer);
  if (begin || i + 1 < shape.getLoads() || shape.in % shape.slices == 0)
    return Value();
  Value k = b.add(getInput(layer, Value()), b.i32(i * shape.slices));
  return b.cmp(CmpIPredicate::ult, k, b.i32(shape.in));
}

//===----------------------------------------------------------------------===//
// A layer
//===----------------------------------------------------------------------===//

void RowsEmitter::emitProducts(unsigned layer, const Loads &weights, Value begin, int64_t first,
                               SmallVectorImpl<Value> &sums) {
  LayerShape shape(spec, layer);
  int64_t width = std::min<int64_t>(spec.rows, 4);
  for (auto [n, vector] : llvm::enumerate(weights)) {
    int64_t i = first + n, offset = i * shape.slices;
    Value k = getInput(layer, begin), isInside = getIsInside(layer, begin, i);
    if (isInside) {
      k = b.minS(b.add(k, b.i32(offset)), b.i32(shape.in - 1));
      offset = 0;
    }
    Value base = at(getValuesBegin(spec, layer), b.mul(k, b.i32(spec.rows)));
    SmallVector<Value> x;
    for (int64_t row = 0; row < spec.rows; row += width)
      llvm::append_range(
          x, b.loadVector(shared, b.plus(base, offset * spec.rows + row), width, 4 * width));
    if (isInside) // 0 times infinity is NaN: both are 0
      for (Value &value : x)
        value = b.select(isInside, value, b.f32(0));
    SmallVector<Value> values = widen(b, vector);
    for (int64_t j = 0; j < shape.vector; ++j) {
      Value weight = values[j];
      for (int64_t row = 0; row < spec.rows; ++row) {
        Value &sum = sums[row * shape.vector + j];
        sum = b.fma(x[row], weight, sum);
      }
    }
  }
}

SmallVector<Value> RowsEmitter::emitSums(unsigned layer, int64_t pass, const Loads &prefetched) {
  LayerShape shape(spec, layer);
  int64_t loads = shape.getLoads(), done = prefetched.size();
  // Not all of what follows may be in flight: registers.
  int64_t batch = std::min<int64_t>(kBatchLoads, loads - done);
  SmallVector<Value> sums(spec.rows * shape.vector, b.f32(0));
  emitProducts(layer, prefetched, Value(), 0, sums);
  if (batch > 0) {
    int64_t whole = (loads - done) / batch * batch;
    bool ends = done + whole == loads && shape.in % shape.slices != 0;
    if (ends) // outside of the loop is the load that some threads have not
      whole -= batch;
    if (whole > 0)
      sums = b.loop(b.i32(0), b.i32(whole), b.i32(batch), sums, [&](Value i, ValueRange carried) {
        SmallVector<Value> next(carried);
        Loads weights = emitLoads(layer, pass, i, done, batch);
        emitProducts(layer, weights, i, done, next);
        return next;
      });
    if (int64_t rest = loads - done - whole; rest > 0) {
      Loads weights = emitLoads(layer, pass, Value(), done + whole, rest);
      emitProducts(layer, weights, Value(), done + whole, sums);
    }
  }
  return sums;
}

/// Adds the slices of a warp by shuffles, each of which halves the sums that a
/// lane keeps, and stores what is left.
void RowsEmitter::emitReduce(unsigned layer, int64_t pass, SmallVector<Value> sums) {
  LayerShape shape(spec, layer);
  Value begin = b.i32(0); // of the sums that the lane keeps
  for (int64_t mask = shape.columns; mask < kLanes; mask *= 2) {
    size_t half = sums.size() / 2;
    if (half == 0) {
      sums[0] = b.addF(sums[0], b.shuffleXor(sums[0], mask));
      continue;
    }
    Value upper = b.cmp(CmpIPredicate::ne, b.band(lane, b.i32(mask)), b.i32(0));
    for (size_t i = 0; i < half; ++i) {
      Value kept = b.select(upper, sums[half + i], sums[i]);
      Value sent = b.select(upper, sums[i], sums[half + i]);
      sums[i] = b.addF(kept, b.shuffleXor(sent, mask));
    }
    sums.resize(half);
    begin = b.add(begin, b.select(upper, b.i32(half), b.i32(0)));
  }
  Value column = b.mul(b.band(thread, b.i32(shape.columns - 1)), b.i32(shape.vector));
  int64_t outputs = shape.getPassOutputs(), kept = sums.size();
  Value base = b.add(b.mul(warp, b.i32(spec.rows * outputs)), column);
  base = at(getPartialsBegin(spec), base);
  // Lanes keep whole rows, or a part of one.
  int64_t parts = std::min(kept, shape.vector), width = std::min<int64_t>(4, parts);
  Value row = b.shr(begin, llvm::Log2_64(shape.vector));
  Value inRow = b.band(begin, b.i32(shape.vector - 1));
  base = b.add(base, b.add(b.mul(row, b.i32(outputs)), inRow));
  for (int64_t i = 0; i < kept; i += width) {
    ArrayRef<Value> values = ArrayRef<Value>(sums).slice(i, width);
    int64_t offset = i / shape.vector * outputs + i % shape.vector;
    b.storeVector(values, shared, b.plus(base, offset), 4 * width);
  }
}

/// A thread an output adds the partial sums of the warps.
void RowsEmitter::emitOutputs(unsigned layer, int64_t pass, Value firstRow) {
  LayerShape shape(spec, layer);
  const EncoderLayer &info = spec.layers[layer];
  int64_t outputs = shape.getPassOutputs(), warps = spec.threads / kLanes;
  int64_t first = pass * outputs, valid = std::min(outputs, shape.out - first);
  bool isLast = layer + 1 == spec.layers.size();
  int64_t to = getValuesBegin(spec, layer + 1);
  b.loop(thread, b.i32(spec.rows * valid), b.i32(spec.threads), [&](Value i) {
    Value row = b.divU(i, b.i32(valid)), n = b.remU(i, b.i32(valid));
    Value from = at(getPartialsBegin(spec), b.add(b.mul(row, b.i32(outputs)), n));
    Value sum;
    for (int64_t w = 0; w < warps; ++w) {
      Value part = b.load(shared, b.plus(from, w * spec.rows * outputs));
      sum = sum ? b.addF(sum, part) : part;
    }
    n = b.add(n, getFirstOutput(layer, pass));
    if (info.bias) {
      const EncoderOperand &bias = arguments.biases[layer];
      Value base = bias.offset;
      if (info.perHead)
        base = b.add(base, b.mul(b.toIndex(head), bias.strides[0]));
      Value view = b.view(bias.pointer, base, b.toIndex(b.i32(info.out)));
      sum = b.addF(sum, b.toF32(b.load(view, n)));
    }
    if (spec.activation && (!isLast || spec.givesValues))
      sum = emitActivation(b, *spec.activation, sum);
    if (spec.givesValues) {
      EncoderRow to = getRow(b.add(firstRow, row));
      Value address = getAddress(b, arguments.codes, {to.batch, to.head, to.query, n});
      b.store(sum, b.view(arguments.codes.pointer, address, b.toIndex(b.i32(1))), b.i32(0));
      return;
    }
    Value index = isLast ? b.add(b.mul(row, b.i32(spec.getBits())), n)
                         : b.add(b.mul(n, b.i32(spec.rows)), row);
    b.store(sum, shared, at(to, index));
  });
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// The values of the heads of a group, one head after the other.
void RowsEmitter::emitInput(Value first) {
  int64_t size = spec.layers.front().in, threads = spec.threads / spec.rows;
  Value inBlock = b.shr(thread, llvm::Log2_64(threads));
  Value last = b.sub(arguments.sharing, b.i32(1)); // rows past the end repeat it
  EncoderRow row = getRow(b.minS(b.add(first, inBlock), last));
  Value base =
      getAddress(b, arguments.input, {row.batch, b.mul(row.head, b.i32(spec.group)), row.query});
  Value view = b.view(arguments.input.pointer, base, b.toIndex(b.i32(1)));
  Value begin = b.band(thread, b.i32(threads - 1));
  auto copy = [&](Value k) {
    Value member = b.divU(k, b.i32(spec.depth)), d = b.remU(k, b.i32(spec.depth));
    Value offset = b.add(b.mul(b.toIndex(member), arguments.input.strides[1]),
                         b.mul(b.toIndex(d), arguments.input.strides[3]));
    Value x = b.toF32(b.load(view, offset));
    b.store(x, shared, b.add(b.mul(k, b.i32(spec.rows)), inBlock));
  };
  b.loop(
      begin, b.i32(size), b.i32(threads), ValueRange(),
      [&](Value k, ValueRange) {
        copy(k);
        return SmallVector<Value>();
      },
      /*unroll=*/true);
}

void RowsEmitter::emitBlock(Value first, const Loads &prefetched) {
  emitInput(first);
  b.barrier();
  Loads loads = prefetched;
  for (unsigned layer = 0; layer < spec.layers.size(); ++layer) {
    int64_t passes = spec.givesValues ? 1 : LayerShape(spec, layer).getPasses();
    for (int64_t pass = 0; pass < passes; ++pass) {
      if (pass > 0)
        b.barrier(); // before partial sums are overwritten
      SmallVector<Value> sums = emitSums(layer, pass, loads);
      bool isLast = pass + 1 == passes;
      if (!isLast || layer + 1 < spec.layers.size())
        loads = isLast ? emitPrefetch(layer + 1, 0) : emitPrefetch(layer, pass + 1);
      emitReduce(layer, pass, sums);
      b.barrier();
      emitOutputs(layer, pass, first);
    }
    if (spec.givesValues)
      return;
    b.barrier();
  }
  int64_t values = getValuesBegin(spec, spec.layers.size());
  int64_t warps = spec.threads / kLanes;
  for (int64_t i = 0; i < spec.rows; i += warps) {
    Value inBlock = b.add(warp, b.i32(i)), row = b.add(first, inBlock);
    Value isRow = b.cmp(CmpIPredicate::ult, row, arguments.sharing);
    if (spec.rows < warps)
      isRow = b.band(isRow, b.cmp(CmpIPredicate::ult, inBlock, b.i32(spec.rows)));
    b.when(isRow, [&] {
      Value begin = at(values, b.mul(inBlock, b.i32(spec.getBits())));
      emitCode(b, spec, arguments, getRow(row), loadCodeValues(b, spec, shared, begin, lane), lane);
    });
  }
}

/// Lines of the weights that registers do not hold yet come while the kernel waits.
void RowsEmitter::emitPrefetchToL2(unsigned layer) {
  constexpr int64_t lineBytes = 128;
  const EncoderLayer &info = spec.layers[layer];
  LayerShape shape(spec, layer);
  bool isOnePass = spec.givesValues || shape.getPasses() == 1;
  if (layer == 0 && isOnePass && shape.getLoads() <= getPrefetch(layer))
    return;
  const EncoderOperand &weights = arguments.weights[layer];
  int64_t elementBytes = info.weight.getIntOrFloatBitWidth() / 8;
  int64_t bytes = info.in * info.out * elementBytes;
  Type i64 = b.getI64Type();
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, weights.pointer);
  base = b.add(base, b.mul(weights.offset, b.toIndex(b.i32(elementBytes))));
  if (info.perHead)
    base = b.add(base, b.mul(b.toIndex(head), b.toIndex(b.i32(bytes))));
  b.loop(thread, b.i32(bytes / lineBytes), b.i32(spec.threads), [&](Value line) {
    Value address = b.add(base, b.toIndex(b.mul(line, b.i32(lineBytes))));
    address = arith::IndexCastOp::create(b, i64, address);
    auto global = static_cast<unsigned>(NVVM::NVVMMemorySpace::Global);
    Value pointer =
        LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), global), address);
    auto level = NVVM::PrefetchCacheLevelAttr::get(b.getContext(), NVVM::PrefetchCacheLevel::L2);
    NVVM::PrefetchOp::create(b, level, /*evictPriority=*/nullptr, pointer, /*predicate=*/Value(),
                             /*tensormap=*/false);
  });
}

void RowsEmitter::emit(Value block, Value blocks) {
  if (!spec.hasConstantWeights)
    b.waitForPrevious();
  Loads prefetched = emitPrefetch(0, 0);
  for (unsigned layer = 0; layer < spec.layers.size(); ++layer)
    if (spec.layers[layer].vector && spec.startsEarly && spec.hasConstantWeights)
      emitPrefetchToL2(layer);
  if (spec.hasConstantWeights)
    b.waitForPrevious();
  Value rows = b.i32(spec.rows);
  if (spec.rows == 1) { // a CTA a row
    emitBlock(block, prefetched);
    return;
  }
  b.loop(b.mul(block, rows), arguments.sharing, b.mul(blocks, rows), [&](Value first) {
    emitBlock(first, prefetched);
    b.barrier(); // before the next input
  });
}

void mlir::dashkv::emitEncodeRows(KernelBuilder &b, const EncoderSpec &spec,
                                  const EncoderArguments &arguments, Value shared, Value block,
                                  Value blocks, Value head) {
  RowsEmitter(b, spec, arguments, shared, head).emit(block, blocks);
}
