//===- Encode.cpp - Launches of hash encoders -----------------------------===//
//
// Few rows are bound by reading the weights, many by reading the rows: a kernel of
// multiply-adds for the first (EncodeRows.cpp), one for tensor cores for the second
// (EncodeTiles.cpp).
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// Static shared memory that every chip grants.
static constexpr int64_t kMaxSharedFloats = 48 * 1024 / 4;

static MemRefType getMemRefType(Value memref) { return cast<MemRefType>(memref.getType()); }

/// The largest number of elements that loads of a weight may take: rows lie close
/// to each other, and start on the size of a load.
static int64_t getVector(MemRefType type) {
  auto [strides, offset] = type.getStridesAndOffset();
  int64_t expected = 1;
  for (auto [stride, size] : llvm::reverse(llvm::zip(strides, type.getShape()))) {
    // Only the number of heads may be dynamic.
    if (ShapedType::isDynamic(expected) || (stride != expected && size != 1))
      return 0;
    expected = ShapedType::isDynamic(size) ? size : expected * size;
  }
  if (ShapedType::isDynamic(offset))
    return 0;
  int64_t vector = 128 / type.getElementTypeBitWidth();
  while (type.getShape().back() % vector != 0 || offset % vector != 0)
    vector /= 2;
  return vector;
}

bool EncoderSpec::isDynamic() const {
  return ShapedType::isDynamic(depth) || llvm::any_of(layers, [](const EncoderLayer &layer) {
           return ShapedType::isDynamic(layer.in) || ShapedType::isDynamic(layer.out);
         });
}

EncoderSpec EncoderSpec::get(HashEncodeOp op, const NVPTXTarget &target) {
  EncoderSpec spec;
  spec.startsEarly = target.hasBulkCopy;
  spec.input = getElementTypeOrSelf(op.getInput().getType());
  spec.depth = getMemRefType(op.getInput()).getShape().back();
  spec.group = op.getGroup();
  spec.levels = op.getLevels();
  spec.hasScale = static_cast<bool>(op.getScaleInit());
  spec.hasConstantWeights =
      llvm::all_of(op.getWeights(), isGiven) && llvm::all_of(op.getBiases(), isGiven);
  spec.activation = op.getActivation();
  // A size that one type leaves open another one may have.
  int64_t in = ShapedType::isDynamic(spec.depth) ? spec.depth : spec.depth * spec.group;
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    MemRefType type = getMemRefType(weight);
    int64_t rows = type.getShape()[type.getRank() - 2], out = type.getShape().back();
    if (ShapedType::isDynamic(in))
      in = rows;
    if (i == 0 && ShapedType::isDynamic(spec.depth) && !ShapedType::isDynamic(in))
      spec.depth = in / spec.group;
    Value bias = i < op.getBiases().size() ? op.getBiases()[i] : Value();
    spec.layers.push_back({type.getElementType(), bias ? getElementTypeOrSelf(bias) : Type(), in,
                           out, type.getRank() == 3, getVector(type)});
    in = out;
  }
  if (spec.isDynamic())
    for (EncoderLayer &layer : spec.layers)
      layer.vector = 0;
  return spec;
}

std::string EncoderSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "encode_";
  if (activation)
    os << stringifyActivation(*activation);
  else
    os << "linear";
  auto toString = [](int64_t size) {
    return ShapedType::isDynamic(size) ? "n" : std::to_string(size);
  };
  os << "_" << input << "_d" << toString(depth) << "_g" << group;
  for (const EncoderLayer &layer : layers) {
    os << "_" << layer.weight << "x" << toString(layer.out) << (layer.perHead ? "h" : "");
    if (layer.vector != 128 / layer.weight.getIntOrFloatBitWidth())
      os << "v" << layer.vector;
    if (layer.bias)
      os << "_" << layer.bias;
  }
  if (levels > 1)
    os << "_w" << levels;
  if (hasScale)
    os << "_scale";
  if (!hasConstantWeights)
    os << "_fresh";
  if (givesValues)
    os << "_values";
  return name;
}

bool EncoderSpec::isSplit() const {
  constexpr int64_t minBytes = 128 * 1024;
  int64_t bytes = 0;
  for (const EncoderLayer &layer : ArrayRef(layers).drop_back()) {
    if (layer.out % kSplitOutputs != 0 || layer.vector < 2)
      return false;
    bytes += layer.in * layer.out * layer.weight.getIntOrFloatBitWidth() / 8;
  }
  return bytes >= minBytes;
}

EncoderSpec EncoderSpec::getLayer(unsigned i) const {
  EncoderSpec spec = *this;
  spec.layers = {layers[i]};
  if (i > 0) {
    spec.depth = layers[i].in;
    spec.group = 1;
    spec.input = Float32Type::get(input.getContext());
  }
  spec.givesValues = i + 1 < layers.size();
  if (spec.givesValues)
    spec.hasScale = false;
  else
    spec.activation = std::nullopt;
  return spec;
}

void EncoderSpec::addParameters(SmallVectorImpl<KernelParameter> &parameters,
                                MLIRContext *context) const {
  Type i32 = IntegerType::get(context, 32), i64 = IntegerType::get(context, 64);
  auto add = [&](Type element, unsigned strides, KernelParameter::Kind kind) {
    parameters.push_back({element, kind});
    parameters.push_back({i64, KernelParameter::Scalar});
    parameters.append(strides, {i64, KernelParameter::Scalar});
  };
  add(input, 4, KernelParameter::Buffer);
  auto weights = hasConstantWeights ? KernelParameter::Constant : KernelParameter::Buffer;
  for (const EncoderLayer &layer : layers) {
    add(layer.weight, layer.vector ? 0 : 3, weights);
    if (layer.bias)
      add(layer.bias, 1, weights);
  }
  add(givesValues ? Type(Float32Type::get(context)) : IntegerType::get(context, 8), 4,
      KernelParameter::Buffer);
  if (hasScale)
    add(Float32Type::get(context), 3, KernelParameter::Buffer);
  parameters.append(3, {i32, KernelParameter::Scalar});
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
/// The operands of an encoder, or of one layer of it.
struct EncoderBuffers {
  Value input;
  ValueRange weights, biases;
  Value codes, scale;
};
} // namespace

/// Arguments of a kernel; the last is `sharing`, the rows that share weights.
static SmallVector<Value> getArguments(const EncoderBuffers &buffers, const EncoderSpec &spec,
                                       LaunchBuilder &b, Value sharing) {
  SmallVector<Value> arguments;
  auto add = [&](Value memref, ArrayRef<int64_t> dims) {
    DeviceBuffer buffer = b.flatten(memref);
    arguments.push_back(buffer.pointer);
    arguments.push_back(b.i64(buffer.offset));
    for (int64_t dim : dims)
      arguments.push_back(b.i64(dim < 0 ? b.index(0) : buffer.strides[dim]));
  };
  add(buffers.input, {0, 1, 2, 3});
  for (auto [i, layer] : llvm::enumerate(spec.layers)) {
    if (layer.vector)
      add(buffers.weights[i], {});
    else if (layer.perHead)
      add(buffers.weights[i], {0, 1, 2});
    else
      add(buffers.weights[i], {-1, 0, 1});
    if (layer.bias)
      add(buffers.biases[i], {layer.perHead ? 0 : -1});
  }
  add(buffers.codes, {0, 1, 2, 3});
  if (spec.hasScale)
    add(buffers.scale, {0, 1, 2});
  llvm::append_values(arguments, b.i32(b.dim(buffers.codes, 1)), b.i32(b.dim(buffers.codes, 2)),
                      b.i32(sharing));
  return arguments;
}

static EncoderBuffers getBuffers(HashEncodeOp op) {
  return {op.getInput(), op.getWeights(), op.getBiases(), op.getInit(), op.getScaleInit()};
}

static KernelSignature getSignature(const EncoderSpec &spec, MLIRContext *context) {
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name)
      << "dashkv_" << spec.getName() << "_r" << spec.rows << "_t" << spec.threads;
  spec.addParameters(signature.parameters, context);
  signature.threads = spec.threads;
  auto space = gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  signature.shared = {MemRefType::get({spec.getSharedFloats()}, Float32Type::get(context),
                                      MemRefLayoutAttrInterface(), space)};
  return signature;
}

static gpu::GPUFuncOp getRowsKernel(const EncoderSpec &spec, LaunchBuilder &b) {
  KernelSignature signature = getSignature(spec, b.getContext());
  return b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    KernelBuilder kb(func);
    ValueRange left = func.getArguments().take_front(signature.parameters.size());
    EncoderArguments arguments(kb, spec, left);
    kb.launchDependents();
    Value head = spec.isPerHead() ? kb.blockId(gpu::Dimension::y) : Value();
    emitEncodeRows(kb, spec, arguments, func.getWorkgroupAttributions()[0],
                   kb.blockId(gpu::Dimension::x), kb.gridSize(gpu::Dimension::x), head);
  });
}

static gpu::GPUFuncOp getAnyKernel(const EncoderSpec &spec, LaunchBuilder &b) {
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name) << "dashkv_" << spec.getName() << "_any";
  spec.addParameters(signature.parameters, b.getContext());
  size_t count = signature.parameters.size();
  signature.parameters.append(spec.layers.size() + 2, {b.getI32Type(), KernelParameter::Scalar});
  return b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    KernelBuilder kb(func);
    ValueRange left = func.getArguments().take_front(signature.parameters.size());
    ValueRange sizes = left.drop_front(count);
    EncoderArguments arguments(kb, spec, left);
    kb.launchDependents();
    emitEncodeAny(kb, spec, arguments, sizes,
                  spec.isPerHead() ? kb.blockId(gpu::Dimension::y) : Value());
  });
}

static gpu::GPUFuncOp getTilesKernel(const EncoderSpec &spec, LaunchBuilder &b) {
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name) << "dashkv_" << spec.getName() << "_tiles";
  spec.addParameters(signature.parameters, b.getContext());
  return b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    KernelBuilder kb(func);
    ValueRange left = func.getArguments().take_front(signature.parameters.size());
    EncoderArguments arguments(kb, spec, left);
    kb.launchDependents();
    emitEncodeTiles(kb, spec, arguments);
  });
}

/// How many rows a CTA may take at once: they and their sums lie in shared memory.
static int64_t getMaxRows(EncoderSpec spec) {
  for (spec.rows = 8; spec.rows > 1; spec.rows /= 2)
    if (spec.getSharedFloats() <= kMaxSharedFloats)
      break;
  return spec.rows;
}

namespace {
class EncoderLaunches {
public:
  EncoderLaunches(HashEncodeOp op, const EncoderSpec &spec, LaunchBuilder &b);
  LogicalResult emit();
  bool areFewRows() const;
  /// Both at once; `areFewRows` of both. Built where `other` is.
  void launchWith(EncoderLaunches &other);

private:
  void launchRows();
  void launchFewRows();
  void launchLayers();
  void launchAny();
  void launchManyRows();
  void launchTiles();
  /// Whether rows are so many that tensor cores count, and lie as these need it;
  /// null if never.
  Value areTiles();
  void branch(Value condition, function_ref<void()> then, function_ref<void()> otherwise);

  HashEncodeOp op;
  EncoderSpec few, many;
  LaunchBuilder &b;
  Value one, heads, queries, rows, sharing, gridY;
  SmallVector<Value> arguments;
};
} // namespace

EncoderLaunches::EncoderLaunches(HashEncodeOp op, const EncoderSpec &spec, LaunchBuilder &b)
    : op(op), few(spec), many(spec), b(b), one(b.index(1)), heads(b.dim(op.getInit(), 1)),
      queries(b.dim(op.getInit(), 2)), rows(b.mul(b.dim(op.getInit(), 0), queries)),
      sharing(spec.isPerHead() ? rows : b.mul(rows, heads)), gridY(spec.isPerHead() ? heads : one) {
  if (few.isDynamic())
    return;
  // 512 threads issue more loads before the first is used.
  few.threads = few.layers.front().in * few.layers.front().out > 64 * 1024 / 4 ? 512 : 256;
  many.rows = getMaxRows(many);
}

void EncoderLaunches::branch(Value condition, function_ref<void()> then,
                             function_ref<void()> otherwise) {
  if (std::optional<int64_t> known = getConstantIntValue(condition))
    return *known ? then() : otherwise();
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void EncoderLaunches::launchFewRows() {
  if (few.isSplit())
    return launchLayers();
  b.launch(getRowsKernel(few, b), {sharing, gridY, one}, arguments);
}

/// One multiprocessor takes long to read the weights of a large mlp. Split by outputs
/// each layer is a launch, but its weights arrive while the one before runs.
void EncoderLaunches::launchLayers() {
  EncoderBuffers whole = getBuffers(op), buffers = whole;
  for (unsigned i = 0; i < few.layers.size(); ++i) {
    EncoderSpec spec = few.getLayer(i);
    spec.threads = 512;
    buffers.weights = whole.weights.slice(i, 1);
    if (!whole.biases.empty())
      buffers.biases = whole.biases.slice(i, 1);
    Value splits = one;
    buffers.codes = whole.codes;
    if (spec.givesValues) {
      int64_t size = few.layers[i].out;
      splits = b.index(size / EncoderSpec::kSplitOutputs);
      SmallVector<int64_t> shape(getMemRefType(op.getInit()).getShape());
      shape.back() = size;
      SmallVector<Value> dynamic;
      for (int64_t dim = 0; dim < 3; ++dim)
        if (ShapedType::isDynamic(shape[dim]))
          dynamic.push_back(b.dim(op.getInit(), dim));
      buffers.codes = memref::AllocOp::create(b, MemRefType::get(shape, b.getF32Type()), dynamic);
    }
    // A layer that the heads share has rows of all heads.
    bool perHead = spec.isPerHead();
    Value layerSharing = perHead ? rows : b.mul(rows, heads);
    b.launch(getRowsKernel(spec, b), {layerSharing, perHead ? heads : one, splits},
             getArguments(buffers, spec, b, layerSharing));
    buffers.input = buffers.codes;
  }
}

void EncoderLaunches::launchAny() {
  SmallVector<Value> sizes = {b.dim(op.getInput(), 3)};
  Value values[] = {b.mul(sizes[0], b.index(few.group)), b.index(0)}; // into even, odd layers
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    sizes.push_back(b.dim(weight, getMemRefType(weight).getRank() - 1));
    Value &next = values[(i + 1) % 2];
    next = b.max(next, sizes.back());
  }
  for (Value size : sizes)
    arguments.push_back(b.i32(size));
  arguments.push_back(b.i32(values[0]));
  b.launch(getAnyKernel(few, b), {sharing, gridY, one}, arguments,
           b.mul(b.add(values[0], values[1]), b.index(4)));
}

void EncoderLaunches::launchManyRows() {
  Value tiles = b.ceilDiv(sharing, b.index(many.rows));
  Value blocks = b.ceilDiv(b.mul(b.index(4), b.multiprocessors()), gridY);
  b.launch(getRowsKernel(many, b), {b.min(tiles, blocks), gridY, one}, arguments);
}

/// Several rows at once, where there is a CTA for every multiprocessor without.
void EncoderLaunches::launchRows() {
  std::optional<int64_t> known = getConstantIntValue(sharing);
  if (many.rows == 1 || (known && *known <= 1))
    return launchFewRows();
  Value isMany = b.cmp(CmpIPredicate::ugt, b.mul(rows, heads), b.multiprocessors());
  branch(isMany, [&] { launchManyRows(); }, [&] { launchFewRows(); });
}

void EncoderLaunches::launchTiles() {
  EncoderTile tile(few);
  Value batch = b.dim(op.getInit(), 0), tiles = b.ceilDiv(queries, b.index(tile.getRows()));
  // The weights are laid out once a CTA.
  Value blocks = b.ceilDiv(b.mul(b.index(2), b.multiprocessors()), b.max(b.mul(batch, heads), one));
  b.launch(getTilesKernel(few, b), {b.min(tiles, blocks), heads, batch}, arguments,
           b.index(tile.getSharedBytes()));
}

/// Whether `value` is seen to be a multiple of `factor`.
static bool isMultiple(Value value, int64_t factor) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return *known % factor == 0;
  auto product = value.getDefiningOp<arith::MulIOp>();
  return product && (isMultiple(product.getLhs(), factor) || isMultiple(product.getRhs(), factor));
}

Value EncoderLaunches::areTiles() {
  constexpr int64_t minQueries = 64;
  std::optional<int64_t> known = getConstantIntValue(queries);
  auto [strides, offset] = getMemRefType(op.getInput()).getStridesAndOffset();
  if (!EncoderTile::supports(few) || (known && *known < minQueries) || strides.back() != 1)
    return Value();
  Value areTiles = b.cmp(CmpIPredicate::uge, queries, b.index(minQueries));
  DeviceBuffer input = b.flatten(op.getInput());
  SmallVector<Value> steps(ArrayRef<Value>(input.strides).drop_back());
  steps.push_back(input.offset);
  int64_t vector = 128 / few.input.getIntOrFloatBitWidth();
  for (Value step : steps) {
    if (isMultiple(step, vector))
      continue;
    Value rest = b.createOrFold<arith::AndIOp>(step, b.index(vector - 1));
    Value isAligned = b.cmp(CmpIPredicate::eq, rest, b.index(0));
    areTiles = b.createOrFold<arith::AndIOp>(areTiles, isAligned);
  }
  return areTiles;
}

LogicalResult EncoderLaunches::emit() {
  if (few.isDynamic()) {
    arguments = getArguments(getBuffers(op), few, b, sharing);
    launchAny();
    return success();
  }
  if (few.getSharedFloats() > kMaxSharedFloats)
    return op.emitOpError("expected layers whose values take at most ")
           << kMaxSharedFloats * 4 << " bytes of shared memory, but these take "
           << few.getSharedFloats() * 4;
  arguments = getArguments(getBuffers(op), few, b, sharing);
  Value tiles = areTiles();
  if (!tiles)
    launchRows();
  else
    branch(tiles, [&] { launchTiles(); }, [&] { launchRows(); });
  return success();
}

//===----------------------------------------------------------------------===//
// Two encoders in one launch
//===----------------------------------------------------------------------===//

/// Set on the second of two encoders when the first is lowered.
static constexpr llvm::StringLiteral kLaunchedAttrName = "dashkv.launched";

/// Whether the rows are so few that nothing else is launched than a CTA a row.
bool EncoderLaunches::areFewRows() const {
  std::optional<int64_t> known = getConstantIntValue(sharing);
  return known && *known <= 8 && !few.isDynamic() && !few.isSplit() &&
         few.getSharedFloats() <= kMaxSharedFloats;
}

/// The encoder after `op` that may run at the same time: nothing between them
/// touches memory, and neither writes what the other one uses.
static HashEncodeOp getConcurrent(HashEncodeOp op) {
  auto isHarmless = [](Operation *op) {
    auto copy = dyn_cast<memref::CopyOp>(op); // of codes that are in their place
    return (copy && copy.getSource() == copy.getTarget()) || isa<memref::AllocOp>(op) ||
           isMemoryEffectFree(op);
  };
  Operation *next = op->getNextNode();
  while (next && isHarmless(next))
    next = next->getNextNode();
  auto other = dyn_cast_or_null<HashEncodeOp>(next);
  if (!other)
    return other;
  auto writes = [](HashEncodeOp op, HashEncodeOp user) {
    return llvm::any_of(op.getDpsInits(), [&](Value init) {
      return llvm::any_of(user->getOperands(),
                          [&](Value used) { return getRoot(used) == getRoot(init); });
    });
  };
  return writes(op, other) || writes(other, op) ? HashEncodeOp() : other;
}

void EncoderLaunches::launchWith(EncoderLaunches &other) {
  few.threads = other.few.threads = std::max(few.threads, other.few.threads);
  arguments = getArguments(getBuffers(op), few, b, sharing);
  size_t count = arguments.size();
  llvm::append_range(arguments, getArguments(getBuffers(other.op), other.few, b, other.sharing));
  arguments.push_back(b.i32(gridY));

  bool isLarger = other.few.getSharedFloats() > few.getSharedFloats();
  KernelSignature signature = getSignature(isLarger ? other.few : few, b.getContext());
  signature.name = "dashkv_" + few.getName() + "_and_" + other.few.getName();
  signature.parameters.clear();
  few.addParameters(signature.parameters, b.getContext());
  other.few.addParameters(signature.parameters, b.getContext());
  signature.parameters.push_back({b.getI32Type(), KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    KernelBuilder kb(func);
    kb.launchDependents();
    ValueRange values = func.getArguments().take_front(signature.parameters.size());
    Value block = kb.blockId(gpu::Dimension::x), y = kb.blockId(gpu::Dimension::y);
    Value size = kb.gridSize(gpu::Dimension::x), begin = values.back();
    auto emit = [&](const EncoderSpec &spec, ValueRange values, Value head) {
      EncoderArguments arguments(kb, spec, values);
      kb.when(kb.cmp(CmpIPredicate::ult, block, arguments.sharing), [&] {
        emitEncodeRows(kb, spec, arguments, func.getWorkgroupAttributions()[0], block, size,
                       spec.isPerHead() ? head : Value());
      });
    };
    kb.when(kb.cmp(CmpIPredicate::ult, y, begin), [&] { emit(few, values, y); });
    kb.when(kb.cmp(CmpIPredicate::uge, y, begin),
            [&] { emit(other.few, values.drop_front(count), kb.sub(y, begin)); });
  });
  b.launch(kernel, {b.max(sharing, other.sharing), b.add(gridY, other.gridY), one}, arguments);
}

LogicalResult mlir::dashkv::lowerToLaunches(HashEncodeOp op, LaunchBuilder &b) {
  if (op->hasAttr(kLaunchedAttrName))
    return success();
  EncoderSpec spec = EncoderSpec::get(op, b.getTarget());
  // The encoders of the queries and of the new keys of a layer: a launch less.
  if (HashEncodeOp next = getConcurrent(op)) {
    LaunchBuilder nextBuilder(next, b.kernels);
    EncoderLaunches first(op, spec, nextBuilder),
        second(next, EncoderSpec::get(next, b.getTarget()), nextBuilder);
    if (first.areFewRows() && second.areFewRows()) {
      first.launchWith(second);
      next->setAttr(kLaunchedAttrName, b.getUnitAttr());
      return success();
    }
  }
  return EncoderLaunches(op, spec, b).emit();
}
