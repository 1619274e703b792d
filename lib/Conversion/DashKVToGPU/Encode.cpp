//===- Encode.cpp - Launches of hash encoders -----------------------------===//
//
// Few rows are bound by reading the weights, many by reading the rows: a kernel of
// multiply-adds for the first (EncodeRows.cpp), one for tensor cores for the second
// (EncodeTiles.cpp).
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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
    if (stride != expected && size != 1)
      return 0;
    // Only the number of heads may be dynamic.
    expected *= size;
  }
  if (ShapedType::isDynamic(offset))
    return 0;
  int64_t vector = 128 / type.getElementTypeBitWidth();
  while (type.getShape().back() % vector != 0 || offset % vector != 0)
    vector /= 2;
  return vector;
}

FailureOr<EncoderSpec> EncoderSpec::get(HashEncodeOp op) {
  EncoderSpec spec;
  spec.input = getElementTypeOrSelf(op.getInput().getType());
  spec.depth = getMemRefType(op.getInput()).getShape().back();
  spec.group = op.getGroup();
  spec.levels = op.getLevels();
  spec.hasScale = static_cast<bool>(op.getScaleInit());
  spec.activation = op.getActivation();
  int64_t in = ShapedType::isDynamic(spec.depth) ? spec.depth : spec.depth * spec.group;
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    MemRefType type = getMemRefType(weight);
    int64_t out = type.getShape().back();
    if (ShapedType::isDynamic(in) || ShapedType::isDynamic(out))
      return op.emitOpError("expected a static head size and static sizes of layers on a GPU, but "
                            "got an input of ")
             << op.getInput().getType() << " and weights of " << type;
    Value bias = i < op.getBiases().size() ? op.getBiases()[i] : Value();
    // The verifier leaves a dynamic size of the input side open.
    spec.layers.push_back({type.getElementType(), bias ? getElementTypeOrSelf(bias) : Type(), in,
                           out, type.getRank() == 3, getVector(type)});
    in = out;
  }
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
  os << "_" << input << "_d" << depth << "_g" << group;
  for (const EncoderLayer &layer : layers) {
    os << "_" << layer.weight << "x" << layer.out << (layer.perHead ? "h" : "");
    if (layer.vector != 128 / layer.weight.getIntOrFloatBitWidth())
      os << "v" << layer.vector;
    if (layer.bias)
      os << "_" << layer.bias;
  }
  if (levels > 1)
    os << "_w" << levels;
  if (hasScale)
    os << "_scale";
  return name;
}

void EncoderSpec::addParameters(SmallVectorImpl<KernelParameter> &parameters,
                                MLIRContext *context) const {
  Type i32 = IntegerType::get(context, 32), i64 = IntegerType::get(context, 64);
  auto add = [&](Type element, unsigned strides, KernelParameter::Kind kind) {
    parameters.push_back({element, kind});
    parameters.push_back({i64, KernelParameter::Scalar});
    parameters.append(strides, {i32, KernelParameter::Scalar});
  };
  add(input, 4, KernelParameter::Buffer);
  for (const EncoderLayer &layer : layers) {
    add(layer.weight, layer.vector ? 0 : 3, KernelParameter::Constant);
    if (layer.bias)
      add(layer.bias, 1, KernelParameter::Constant);
  }
  add(IntegerType::get(context, 8), 4, KernelParameter::Buffer);
  if (hasScale)
    add(Float32Type::get(context), 3, KernelParameter::Buffer);
  parameters.append(3, {i32, KernelParameter::Scalar});
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Arguments of the kernels of `op`; the last is `sharing`, the rows that share
/// weights.
static SmallVector<Value> getArguments(HashEncodeOp op, const EncoderSpec &spec, LaunchBuilder &b,
                                       Value sharing) {
  SmallVector<Value> arguments;
  auto add = [&](Value memref, ArrayRef<int64_t> dims) {
    DeviceBuffer buffer = b.flatten(memref);
    arguments.push_back(buffer.pointer);
    arguments.push_back(b.i64(buffer.offset));
    for (int64_t dim : dims)
      arguments.push_back(dim < 0 ? b.i32(int64_t(0)) : b.i32(buffer.strides[dim]));
  };
  add(op.getInput(), {0, 1, 2, 3});
  for (auto [i, layer] : llvm::enumerate(spec.layers)) {
    if (layer.vector)
      add(op.getWeights()[i], {});
    else if (layer.perHead)
      add(op.getWeights()[i], {0, 1, 2});
    else
      add(op.getWeights()[i], {-1, 0, 1});
    if (layer.bias)
      add(op.getBiases()[i], {layer.perHead ? 0 : -1});
  }
  add(op.getInit(), {0, 1, 2, 3});
  if (spec.hasScale)
    add(op.getScaleInit(), {0, 1, 2});
  llvm::append_values(arguments, b.i32(b.dim(op.getInit(), 1)), b.i32(b.dim(op.getInit(), 2)),
                      b.i32(sharing));
  return arguments;
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

/// How many rows a CTA may take at once: they and their sums lie in shared memory.
static int64_t getMaxRows(EncoderSpec spec) {
  spec.threads = 256;
  for (spec.rows = 8; spec.rows > 1; spec.rows /= 2)
    if (spec.getSharedFloats() <= kMaxSharedFloats)
      break;
  return spec.rows;
}

LogicalResult mlir::dashkv::lowerToLaunches(HashEncodeOp op, LaunchBuilder &b) {
  FailureOr<EncoderSpec> found = EncoderSpec::get(op);
  if (failed(found))
    return failure();
  EncoderSpec few = *found;
  // A thread issues all loads of a linear layer at once where 512 can.
  few.threads = few.layers.front().in * few.layers.front().out > 64 * 1024 / 4 ? 512 : 256;
  if (few.getSharedFloats() > kMaxSharedFloats)
    return op.emitOpError("expected layers of at most ")
           << kMaxSharedFloats * 4 << " bytes of f32 values on a GPU, but these take "
           << few.getSharedFloats() * 4;

  Value one = b.index(1), heads = b.dim(op.getInit(), 1);
  Value rows = b.mul(b.dim(op.getInit(), 0), b.dim(op.getInit(), 2));
  bool perHead = few.isPerHead();
  Value sharing = perHead ? rows : b.mul(rows, heads), gridY = perHead ? heads : one;
  SmallVector<Value> arguments = getArguments(op, few, b, sharing);
  auto launchFew = [&] { b.launch(getRowsKernel(few, b), {sharing, gridY, one}, arguments); };
  // Several rows at once, where they would not fill the device one by one.
  EncoderSpec many = *found;
  many.rows = getMaxRows(many);
  auto launchMany = [&] {
    Value tiles = b.ceilDiv(sharing, b.index(many.rows));
    Value blocks = b.ceilDiv(b.mul(b.index(4), b.multiprocessors()), gridY);
    b.launch(getRowsKernel(many, b), {b.min(tiles, blocks), gridY, one}, arguments);
  };
  auto constant = getConstantIntValue(sharing);
  if (many.rows == 1 || (constant && *constant <= 1)) {
    launchFew();
    return success();
  }
  Value isMany = b.cmp(CmpIPredicate::ugt, b.mul(rows, heads), b.multiprocessors());
  auto branch = scf::IfOp::create(b, isMany, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  launchMany();
  b.setInsertionPointToStart(branch.elseBlock());
  launchFew();
  return success();
}
