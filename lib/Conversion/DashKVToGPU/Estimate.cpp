//===- Estimate.cpp - Logits of listed keys from their codes --------------===//
//
// A CTA takes entries of the list of one query row. All forms of codes come to one
// table in shared memory: for each four bits of a key, what their 16 values add to
// the distance. A thread takes an entry; with an mlp, a warp.
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "KernelArguments.h"
#include "KernelBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

namespace {
constexpr int64_t kThreads = 256, kWarps = kThreads / 32;

/// All that tells kernels apart.
struct EstimateSpec {
  CodeForm form;
  bool codeScale = false, table = false;
  SmallVector<Type> weights, biases; ///< of an mlp
  std::optional<Activation> activation;

  bool isMlp() const { return activation.has_value(); }
  int64_t getNibbles() const { return form.bits / 4; }
  /// Entries of a CTA.
  int64_t getEntries() const { return isMlp() ? 8 * kWarps : kThreads; }
  std::string getName() const;
};

class EstimateKernel {
public:
  EstimateKernel(gpu::GPUFuncOp func, const EstimateSpec &spec, const KernelArguments &arguments)
      : func(func), spec(spec), arguments(arguments), b(func),
        table(func.getWorkgroupAttributions()[0]), zero(b.toIndex(b.i32(0))) {}
  void emit();

private:
  Value arg(StringRef name) { return arguments.get(func, name); }
  /// All of an operand; it is dense.
  Value getView(StringRef name) { return b.view(arg(name), zero, zero); }
  /// Sign (i1: set) and magnitude of a bit of the query.
  std::pair<Value, Value> getQueryBit(Value bit);
  void fillTable();
  /// Bytes of the code of a key, i32.
  SmallVector<Value> loadCode(Value key);
  Value getDistance(ArrayRef<Value> code);
  void store(Value entry, Value distance, Value residual);
  void emitMlp(Value first, Value last);
  /// The first layer's part of the query, for all entries.
  void fillQueryPart();
  Value emitResidual(ArrayRef<Value> code, Value layer1, Value layer2);
  Value loadWeight(int64_t layer, Value row, Value column);
  Value loadBias(int64_t layer, Value column);
  Value viewWords(Value offset, Value size);

  gpu::GPUFuncOp func;
  const EstimateSpec &spec;
  const KernelArguments &arguments;
  KernelBuilder b;
  Value table, zero;
  Value thread, lane, warp, batch, head, row; // row: (b * Hq + h) * M + m
  Value codeRow, kvHead, list;
  Value scale, bias, sum; // of all magnitudes
  Value sizes[2];         // of hidden layers
};
} // namespace

std::string EstimateSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "dashkv_estimate_" << (form.weighted ? "weighted" : "packed") << "_l" << form.bits;
  if (form.planes)
    os << "_planes";
  if (codeScale)
    os << "_scale";
  if (table)
    os << "_table";
  if (isMlp()) {
    os << "_" << stringifyActivation(*activation);
    for (auto [weight, bias] : llvm::zip_equal(weights, biases))
      os << "_" << weight << bias;
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Distances
//===----------------------------------------------------------------------===//

std::pair<Value, Value> EstimateKernel::getQueryBit(Value bit) {
  Type i32 = b.getI32Type();
  Value codes = getView("query_codes"), none = b.i32(0);
  if (!spec.form.weighted) {
    Value byte = b.load(codes, b.add(b.mul(codeRow, b.i32(spec.form.bits / 8)), b.shr(bit, 3)));
    Value shifted =
        arith::ShRUIOp::create(b, arith::ExtUIOp::create(b, i32, byte), b.band(bit, b.i32(7)));
    return {b.cmp(CmpIPredicate::ne, b.band(shifted, b.i32(1)), none), b.i32(1)};
  }
  Value weight = b.load(codes, b.add(b.mul(codeRow, b.i32(spec.form.bits)), bit));
  weight = arith::ExtSIOp::create(b, i32, weight);
  Value sign = b.cmp(CmpIPredicate::sgt, weight, none);
  return {sign, b.select(sign, weight, b.sub(none, weight))};
}

void EstimateKernel::fillTable() {
  b.loop(thread, b.i32(16 * spec.getNibbles()), b.i32(kThreads), [&](Value entry) {
    Value first = b.shl(b.shr(entry, 4), 2), value = b.band(entry, b.i32(15)), sum = b.i32(0);
    for (int64_t i = 0; i < 4; ++i) {
      auto [sign, magnitude] = getQueryBit(b.add(first, b.i32(i)));
      Value bit = b.cmp(CmpIPredicate::ne, b.band(value, b.i32(1 << i)), b.i32(0));
      Value differs = arith::XOrIOp::create(b, bit, sign);
      sum = b.add(sum, b.select(differs, magnitude, b.i32(0)));
    }
    b.store(sum, table, entry);
  });
  b.barrier();
  // A code and its complement differ from the query in all bits together.
  sum = b.i32(0);
  for (int64_t i = 0; i < spec.getNibbles(); ++i)
    sum = b.add(sum, b.add(b.load(table, b.i32(16 * i)), b.load(table, b.i32(16 * i + 15))));
}

SmallVector<Value> EstimateKernel::loadCode(Value key) {
  int64_t bytes = spec.form.bits / 8;
  Value codes = getView("key_codes");
  Value slice = b.mul(b.toIndex(b.add(b.mul(batch, arg("Hkv")), kvHead)), b.toIndex(arg("N")));
  SmallVector<Value> code;
  auto append = [&](ValueRange loaded) {
    for (Value byte : loaded)
      code.push_back(arith::ExtUIOp::create(b, b.getI32Type(), byte));
  };
  auto scaled = [&](Value index, int64_t factor) {
    return b.mul(index, arith::ConstantIndexOp::create(b, factor));
  };
  if (spec.form.planes) {
    constexpr int64_t block = CodeForm::blockKeys;
    Value first = b.add(slice, b.toIndex(b.band(key, b.i32(-block))));
    Value at = b.add(scaled(first, bytes), b.toIndex(b.band(key, b.i32(block - 1))));
    for (int64_t i = 0; i < bytes; ++i)
      append(b.load(codes, b.plus(at, i * block)));
    return code;
  }
  Value at = scaled(b.add(slice, b.toIndex(key)), bytes);
  int64_t step = bytes % 4 == 0 ? 4 : 1;
  for (int64_t i = 0; i < bytes; i += step)
    append(b.loadVector(codes, b.plus(at, i), step, step));
  return code;
}

Value EstimateKernel::getDistance(ArrayRef<Value> code) {
  Value distance = b.i32(0);
  for (auto [i, byte] : llvm::enumerate(code)) {
    Value low = b.add(b.band(byte, b.i32(15)), b.i32(32 * i));
    Value high = b.add(b.shr(byte, 4), b.i32(32 * i + 16));
    distance = b.add(distance, b.add(b.load(table, low), b.load(table, high)));
  }
  return distance;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void EstimateKernel::store(Value entry, Value distance, Value residual) {
  Value dot = arith::SIToFPOp::create(b, b.getF32Type(), b.sub(sum, b.shl(distance, 1)));
  Value score = b.fma(scale, dot, bias);
  if (residual)
    score = b.addF(score, residual);
  Value at = b.mul(b.toIndex(row), b.toIndex(arg("capacity")));
  b.store(score, b.view(arg("out"), at, zero), entry);
}

void EstimateKernel::emit() {
  b.launchDependents();
  thread = b.threadX(kThreads);
  lane = b.band(thread, b.i32(31));
  warp = b.shr(thread, 5);
  row = b.blockId(gpu::Dimension::x);
  Value queries = arg("M"), heads = arg("Hq");
  Value position = b.remU(row, queries), rest = b.divU(row, queries);
  head = b.remU(rest, heads);
  batch = b.divU(rest, heads);
  auto serving = [&](StringRef few) { return b.divU(head, b.divU(heads, arg(few))); };
  auto getRow = [&](StringRef few) {
    return b.add(b.mul(b.add(b.mul(batch, arg(few)), serving(few)), queries), position);
  };
  kvHead = serving("Hkv");
  codeRow = getRow("Hc");
  list = getRow("Hl");
  b.waitForPrevious();
  scale = b.load(getView("temperature"), head);
  if (spec.codeScale)
    scale = b.mulF(scale, b.load(getView("code_scale"), codeRow));
  bias = b.load(getView("bias"), head);
  Value capacity = arg("capacity");
  Value count = b.minS(b.load(getView("counts"), list), capacity);
  Value first = b.mul(b.blockId(gpu::Dimension::y), b.i32(spec.getEntries()));
  Value end = b.minS(b.add(first, b.i32(spec.getEntries())), capacity);
  Value last = b.maxS(b.minS(end, count), first);
  fillTable();
  // Past the count there is nothing.
  b.loop(b.add(last, thread), end, b.i32(kThreads), [&](Value entry) {
    Value at = b.mul(b.toIndex(row), b.toIndex(capacity));
    b.store(b.f32(-std::numeric_limits<float>::infinity()), b.view(arg("out"), at, zero), entry);
  });
  if (spec.isMlp())
    return emitMlp(first, last);
  Value keys = b.view(arg("indices"), b.mul(b.toIndex(list), b.toIndex(capacity)), zero);
  b.loop(b.add(first, thread), last, b.i32(kThreads), [&](Value entry) {
    Value distance = getDistance(loadCode(b.load(keys, entry))), residual;
    if (spec.table)
      residual = b.load(getView("table"), b.add(b.mul(head, arg("table_stride")), distance));
    store(entry, distance, residual);
  });
}

//===----------------------------------------------------------------------===//
// A residual mlp
//===----------------------------------------------------------------------===//

/// A weight, of the head if each has its own.
Value EstimateKernel::loadWeight(int64_t layer, Value row, Value column) {
  std::string name = "weight" + std::to_string(layer);
  Value columns = layer < 2 ? sizes[layer] : b.i32(1);
  Value at = b.add(b.mul(head, arg(name + "_stride")), b.add(b.mul(row, columns), column));
  return b.toF32(b.load(getView(name), at));
}
Value EstimateKernel::loadBias(int64_t layer, Value column) {
  std::string name = "bias" + std::to_string(layer);
  return b.toF32(b.load(getView(name), b.add(b.mul(head, arg(name + "_stride")), column)));
}

Value EstimateKernel::viewWords(Value offset, Value size) {
  auto type = cast<MemRefType>(table.getType());
  auto bytes = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), MemRefLayoutAttrInterface(),
                               type.getMemorySpace());
  auto words = MemRefType::get({ShapedType::kDynamic}, b.getF32Type(), MemRefLayoutAttrInterface(),
                               type.getMemorySpace());
  Value dynamic = gpu::DynamicSharedMemoryOp::create(b, bytes);
  return memref::ViewOp::create(b, words, dynamic, b.toIndex(b.shl(offset, 2)),
                                ValueRange(b.toIndex(size)));
}

void EstimateKernel::fillQueryPart() {
  Value part = viewWords(b.i32(0), sizes[0]);
  b.loop(thread, sizes[0], b.i32(kThreads), [&](Value unit) {
    Value added = b.loop(b.i32(0), b.i32(spec.form.bits), b.i32(1), loadBias(0, unit),
                         [&](Value bit, ValueRange sum) {
                           Value sign = getQueryBit(bit).first;
                           Value weight = loadWeight(0, bit, unit);
                           Value term = b.select(sign, weight, b.subF(b.f32(0), weight));
                           return SmallVector<Value>{b.addF(sum[0], term)};
                         })[0];
    b.store(added, part, unit);
  });
  b.barrier();
}

/// The layers of one key, by a warp; every lane gets the result.
Value EstimateKernel::emitResidual(ArrayRef<Value> code, Value layer1, Value layer2) {
  Value step = b.i32(32), part = viewWords(b.i32(0), sizes[0]);
  b.loop(lane, sizes[0], step, [&](Value unit) {
    Value added = b.load(part, unit);
    for (auto [i, byte] : llvm::enumerate(code))
      added = b.loop(b.i32(0), b.i32(8), b.i32(1), added,
                     [&, i = i, byte = byte](Value j, ValueRange sum) {
                       Value bit = b.band(arith::ShRUIOp::create(b, byte, j), b.i32(1));
                       Value weight = loadWeight(0, b.add(j, b.i32(spec.form.bits + 8 * i)), unit);
                       Value set = b.cmp(CmpIPredicate::ne, bit, b.i32(0));
                       Value term = b.select(set, weight, b.subF(b.f32(0), weight));
                       return SmallVector<Value>{b.addF(sum[0], term)};
                     })[0];
    b.store(emitActivation(b, *spec.activation, added), layer1, unit);
  });
  b.syncWarp();
  b.loop(lane, sizes[1], step, [&](Value unit) {
    Value added =
        b.loop(b.i32(0), sizes[0], b.i32(1), loadBias(1, unit), [&](Value i, ValueRange sum) {
          Value weight = loadWeight(1, i, unit);
          return SmallVector<Value>{b.fma(b.load(layer1, i), weight, sum[0])};
        })[0];
    b.store(emitActivation(b, *spec.activation, added), layer2, unit);
  });
  b.syncWarp();
  Value none = b.i32(0);
  Value result = b.loop(lane, sizes[1], step, b.f32(0), [&](Value unit, ValueRange sum) {
    return SmallVector<Value>{b.fma(b.load(layer2, unit), loadWeight(2, unit, none), sum[0])};
  })[0];
  for (int64_t mask = 1; mask < 32; mask *= 2)
    result = b.addF(result, b.shuffleXor(result, mask));
  return b.addF(result, loadBias(2, none));
}

void EstimateKernel::emitMlp(Value first, Value last) {
  sizes[0] = arg("hidden0");
  sizes[1] = arg("hidden1");
  fillQueryPart();
  Value own = b.add(sizes[0], b.mul(warp, b.add(sizes[0], sizes[1])));
  Value layer1 = viewWords(own, sizes[0]), layer2 = viewWords(b.add(own, sizes[0]), sizes[1]);
  Value capacity = arg("capacity");
  Value keys = b.view(arg("indices"), b.mul(b.toIndex(list), b.toIndex(capacity)), zero);
  b.loop(b.add(first, warp), last, b.i32(kWarps), [&](Value entry) {
    SmallVector<Value> code = loadCode(b.load(keys, entry));
    Value distance = getDistance(code), residual = emitResidual(code, layer1, layer2);
    b.when(b.cmp(CmpIPredicate::eq, lane, b.i32(0)), [&] { store(entry, distance, residual); });
    b.syncWarp(); // the layers are written again
  });
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

LogicalResult mlir::dashkv::lowerToLaunches(EstimateScoresOp op, LaunchBuilder &b) {
  EstimateSpec spec;
  spec.form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  spec.codeScale = static_cast<bool>(op.getCodeScale());
  spec.table = static_cast<bool>(op.getTable());
  spec.activation = op.getActivation();

  KernelArguments arguments;
  auto add = [&](StringRef name, Value operand) {
    arguments.add(name, {getElementTypeOrSelf(operand.getType())}, b.pointer(operand));
  };
  add("query_codes", op.getQueryCodes());
  add("key_codes", op.getKeyCodes());
  add("indices", op.getIndices());
  add("counts", op.getCounts());
  add("temperature", op.getTemperature());
  add("bias", op.getBias());
  if (spec.codeScale)
    add("code_scale", op.getCodeScale());
  if (spec.table) {
    add("table", op.getTable());
    auto type = cast<MemRefType>(op.getTable().getType());
    arguments.addScalar("table_stride", b.i32(type.getDimSize(0) == 1 ? 0 : type.getDimSize(1)));
  }
  Value hidden[2], bytes;
  for (auto [i, weight, bias] : llvm::enumerate(op.getMlpWeights(), op.getMlpBiases())) {
    spec.weights.push_back(getElementTypeOrSelf(weight.getType()));
    spec.biases.push_back(getElementTypeOrSelf(bias.getType()));
    int64_t rank = cast<MemRefType>(weight.getType()).getRank();
    bool own = rank == 3, ownBias = cast<MemRefType>(bias.getType()).getRank() == 2;
    Value in = b.dim(weight, rank - 2), out = b.dim(weight, rank - 1), none = b.index(0);
    std::string index = std::to_string(i);
    add("weight" + index, weight);
    add("bias" + index, bias);
    arguments.addScalar("weight" + index + "_stride", b.i32(own ? b.mul(in, out) : none));
    arguments.addScalar("bias" + index + "_stride", b.i32(ownBias ? out : none));
    if (i < 2) {
      hidden[i] = out;
      arguments.addScalar("hidden" + index, b.i32(out));
    }
  }
  Value capacity = b.dim(op.getIndices(), 3), heads = b.dim(op.getTemperature(), 0);
  Value queries = b.dim(op.getQueryCodes(), 2), batch = b.dim(op.getQueryCodes(), 0);
  Value keys = b.dim(op.getKeyCodes(), 2);
  if (spec.form.planes)
    keys = b.mul(keys, b.index(CodeForm::blockKeys));
  std::pair<StringRef, Value> sizes[] = {{"Hq", heads},
                                         {"Hkv", b.dim(op.getKeyCodes(), 1)},
                                         {"Hc", b.dim(op.getQueryCodes(), 1)},
                                         {"Hl", b.dim(op.getIndices(), 1)},
                                         {"M", queries},
                                         {"N", keys},
                                         {"capacity", capacity}};
  for (auto [name, size] : sizes)
    arguments.addScalar(name, b.i32(size));
  arguments.add("out", {b.getF32Type()}, b.pointer(op.getInit(), LaunchBuilder::Access::Write));

  KernelSignature signature;
  signature.name = spec.getName();
  signature.parameters = arguments.parameters;
  signature.threads = kThreads;
  signature.shared = {getSharedType(b.getContext(), 16 * spec.getNibbles())};
  gpu::GPUFuncOp kernel = b.kernels.get(op.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    EstimateKernel(func, spec, arguments).emit();
  });
  if (spec.isMlp()) {
    Value words = b.add(hidden[0], b.mul(b.add(hidden[0], hidden[1]), b.index(kWarps)));
    bytes = b.mul(words, b.index(4));
  }
  Value rows = b.mul(batch, b.mul(heads, queries));
  Value blocks = b.ceilDiv(capacity, b.index(spec.getEntries()));
  b.launch(kernel, {rows, b.max(blocks, b.index(1)), b.index(1)}, arguments.values, bytes);
  return success();
}
