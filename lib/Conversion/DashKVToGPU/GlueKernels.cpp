//===- GlueKernels.cpp - Structured ops and loops as kernels --------------===//
//
// Plain kernels: every element of an output is computed by a thread, or a
// reduction over rows that lie in memory one after the other by a warp.
//
//===----------------------------------------------------------------------===//
#include "Glue.h"
#include "KernelBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::dashkv;

static constexpr int64_t kThreads = 256, kLanes = 32;

bool mlir::dashkv::touches(Operation *op, Value root) {
  return op
      ->walk([&](Operation *inner) {
        if (isa<ViewLikeOpInterface, memref::ExtractStridedMetadataOp, memref::DimOp>(inner))
          return WalkResult::advance();
        return WalkResult(failure(llvm::any_of(inner->getOperands(), [&](Value operand) {
          return isa<BaseMemRefType>(operand.getType()) && getRoot(operand) == root;
        })));
      })
      .wasInterrupted();
}

//===----------------------------------------------------------------------===//
// Values of the host in a kernel
//===----------------------------------------------------------------------===//

namespace {
/// What a kernel takes from host code, and what that becomes in it.
class HostValues {
public:
  HostValues(Operation *op, LaunchBuilder &host) : op(op), host(host) {}

  /// Everything that the op of the kernel takes from outside.
  LogicalResult addAll() {
    llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), values);
    for (Value value : values)
      if (failed(add(value)))
        return failure();
    return success();
  }
  /// At the start of the kernel.
  void bind(KernelBuilder &b, gpu::GPUFuncOp kernel, IRMapping &mapping) const;

  SmallVector<KernelParameter> parameters;
  SmallVector<Value> arguments;

private:
  LogicalResult add(Value value);
  void addIndex(Value value) {
    parameters.push_back({host.getI32Type(), KernelParameter::Scalar});
    arguments.push_back(host.i32(value));
  }
  void addWide(Value value) {
    addIndex(value);
    addIndex(host.createOrFold<arith::ShRUIOp>(value, host.index(32)));
  }
  void addBuffer(Value value);
  LogicalResult addScalar(Value value);
  Value bindBuffer(KernelBuilder &b, MemRefType type, function_ref<Value()> next) const;
  Value bindScalar(KernelBuilder &b, Type type, function_ref<Value()> next) const;

  Operation *op;
  LaunchBuilder &host;
  /// In the order in which they are bound: arguments, and values computed again
  /// in the kernel.
  llvm::SetVector<Value> values;
  llvm::DenseSet<Value> recomputed;
};
} // namespace

static Value wide(KernelBuilder &b, Value low, Value high) {
  Value bits = arith::ConstantIndexOp::create(b, 32);
  return arith::OrIOp::create(b, b.toIndex(low), arith::ShLIOp::create(b, b.toIndex(high), bits));
}

/// Whether `op` is a launch of a kernel that loads from the buffer `root`, no more.
static bool onlyLoads(Operation *op, Value root) {
  auto launch = dyn_cast<gpu::LaunchFuncOp>(op);
  if (!launch)
    return isa<memref::LoadOp>(op);
  auto kernel =
      SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(launch, launch.getKernelAttr());
  if (!kernel)
    return false;
  for (auto [operand, argument] : llvm::zip(launch.getKernelOperands(), kernel.getArguments()))
    if (isa<BaseMemRefType>(operand.getType()) && getRoot(operand) == root &&
        anyUse(argument, [](OpOperand &use) { return !isa<memref::LoadOp>(use.getOwner()); }))
      return false;
  return true;
}

/// Whether `load` would give the same value just before `op`.
static bool isUnchanged(memref::LoadOp load, Operation *op) {
  if (load->getBlock() != op->getBlock())
    return false;
  Value root = getRoot(load.getMemRef());
  for (Operation *it = load->getNextNode(); it != op; it = it->getNextNode())
    if (touches(it, root) && !onlyLoads(it, root))
      return false;
  return true;
}

bool mlir::dashkv::readsMemory(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<BaseMemRefType>(value.getType()))
    return isa<ViewLikeOpInterface>(op) && llvm::any_of(op->getOperands(), readsMemory);
  return isa<memref::LoadOp>(op) ||
         (!isa<memref::DimOp>(op) && llvm::any_of(op->getOperands(), readsMemory));
}

LogicalResult HostValues::add(Value value) {
  if (values.contains(value))
    return success();
  Operation *source = value.getDefiningOp();
  if (source && (source->hasTrait<OpTrait::ConstantLike>() || readsMemory(value))) {
    auto load = dyn_cast<memref::LoadOp>(source);
    if (load ? !isUnchanged(load, op) : !isMemoryEffectFree(source) || source->getNumRegions())
      return reportHostRead(source);
    for (Value operand : source->getOperands())
      if (failed(add(operand)))
        return failure();
    recomputed.insert(value);
  } else if (isa<MemRefType>(value.getType())) {
    addBuffer(value);
  } else if (failed(addScalar(value))) {
    return failure();
  }
  values.insert(value);
  return success();
}

void HostValues::addBuffer(Value value) {
  auto type = cast<MemRefType>(value.getType());
  DeviceBuffer buffer = host.flatten(value);
  parameters.push_back({type.getElementType()});
  arguments.push_back(buffer.pointer);
  auto [strides, offset] = type.getStridesAndOffset();
  if (ShapedType::isDynamic(offset))
    addWide(buffer.offset);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (type.isDynamicDim(i))
      addIndex(buffer.sizes[i]);
    if (!type.getLayout().isIdentity() && ShapedType::isDynamic(strides[i]))
      addIndex(buffer.strides[i]);
  }
}

Value HostValues::bindBuffer(KernelBuilder &b, MemRefType type, function_ref<Value()> next) const {
  Value pointer = next();
  auto [staticStrides, staticOffset] = type.getStridesAndOffset();
  OpFoldResult offset = b.getIndexAttr(staticOffset);
  if (ShapedType::isDynamic(staticOffset)) {
    Value low = next();
    offset = wide(b, low, next());
  }
  SmallVector<OpFoldResult> sizes, strides;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool isDynamic = type.isDynamicDim(i);
    sizes.push_back(isDynamic ? OpFoldResult(b.toIndex(next()))
                              : b.getIndexAttr(type.getDimSize(i)));
    strides.push_back(b.getIndexAttr(staticStrides[i]));
    if (!type.getLayout().isIdentity() && ShapedType::isDynamic(staticStrides[i]))
      strides[i] = b.toIndex(next());
  }
  if (type.getLayout().isIdentity())
    for (int64_t i = type.getRank() - 2; i >= 0; --i)
      if (ShapedType::isDynamic(staticStrides[i])) {
        auto value = [&](OpFoldResult v) {
          return getValueOrCreateConstantIndexOp(b, b.getLoc(), v);
        };
        strides[i] = b.mul(value(strides[i + 1]), value(sizes[i + 1]));
      }
  return memref::ReinterpretCastOp::create(b, type, pointer, offset, sizes, strides);
}

LogicalResult HostValues::addScalar(Value value) {
  Type type = value.getType();
  if (type.isIndex()) {
    addWide(value);
  } else if (type.isInteger(64)) {
    addWide(host.createOrFold<arith::IndexCastOp>(host.getIndexType(), value));
  } else if (type.isIntOrFloat() && type.getIntOrFloatBitWidth() <= 32) {
    Value wider = value;
    Type parameter = isa<FloatType>(type) ? Type(host.getF32Type()) : host.getI32Type();
    if (type != parameter)
      wider = isa<FloatType>(type) ? host.createOrFold<arith::ExtFOp>(parameter, value)
                                   : host.createOrFold<arith::ExtUIOp>(parameter, value);
    parameters.push_back({parameter, KernelParameter::Scalar});
    arguments.push_back(wider);
  } else {
    return op->emitError("no kernel can take a value of type ") << type;
  }
  return success();
}

Value HostValues::bindScalar(KernelBuilder &b, Type type, function_ref<Value()> next) const {
  Value low = next();
  if (type.isIndex() || type.isInteger(64)) {
    Value value = wide(b, low, next());
    return type.isIndex() ? value : Value(arith::IndexCastOp::create(b, type, value));
  }
  if (type == low.getType())
    return low;
  return isa<FloatType>(type) ? Value(arith::TruncFOp::create(b, type, low))
                              : Value(arith::TruncIOp::create(b, type, low));
}

void HostValues::bind(KernelBuilder &b, gpu::GPUFuncOp kernel, IRMapping &mapping) const {
  unsigned used = 0;
  auto next = [&]() -> Value { return kernel.getArgument(used++); };
  for (Value value : values) {
    if (recomputed.contains(value))
      b.clone(*value.getDefiningOp(), mapping);
    else if (auto type = dyn_cast<MemRefType>(value.getType()))
      mapping.map(value, bindBuffer(b, type, next));
    else
      mapping.map(value, bindScalar(b, value.getType(), next));
  }
}

//===----------------------------------------------------------------------===//
// Structured ops
//===----------------------------------------------------------------------===//

namespace {
/// The kernel of a structured op.
class StructuredKernel {
public:
  StructuredKernel(linalg::LinalgOp op, const InitialValues &initial) : op(op), initial(initial) {
    op.getParallelDims(parallel);
    op.getReductionDims(reduction);
    isWarp = chooseWarp();
  }

  StringRef getKind();
  /// The number of threads, on the host.
  Value countThreads(LaunchBuilder &b);
  void emit(KernelBuilder &b, IRMapping mapping);

private:
  bool chooseWarp();
  int64_t getFootprint(OpOperand &operand);
  Value getSize(KernelBuilder &b, unsigned dim, IRMapping &mapping);
  Value count(KernelBuilder &b, ArrayRef<unsigned> dims, IRMapping &mapping);
  void delinearize(KernelBuilder &b, Value i, ArrayRef<unsigned> dims, IRMapping &mapping);
  SmallVector<Value> getIndices(KernelBuilder &b, OpOperand &operand);
  /// The value of an output before the op.
  Value getInitial(KernelBuilder &b, OpOperand &init, IRMapping &mapping);
  SmallVector<Value> emitBody(KernelBuilder &b, ValueRange carried, IRMapping mapping);
  void emitPoint(KernelBuilder &b, IRMapping &mapping);
  void emitWarp(KernelBuilder &b, Value lane, IRMapping &mapping);
  Value combine(KernelBuilder &b, unsigned output, Value x, Value y);

  linalg::LinalgOp op;
  const InitialValues &initial;
  SmallVector<unsigned> parallel, reduction;
  bool isWarp;
  /// What reduces each output, in the warp form.
  SmallVector<Operation *> combiners;
  /// Of the loops.
  SmallVector<Value> ivs;
};
} // namespace

StringRef StructuredKernel::getKind() {
  if (!reduction.empty())
    return "reduce";
  if (isa<linalg::CopyOp>(op))
    return "copy";
  bool isFill =
      op.getDpsInputs().empty() && !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0));
  return isFill || isa<linalg::FillOp>(op) ? "fill" : "map";
}

int64_t StructuredKernel::getFootprint(OpOperand &operand) {
  constexpr int64_t guess = 1024; // of a dynamic size
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t product = 1;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (op.getMatchingIndexingMap(&operand).isFunctionOfDim(dim))
      product *= ShapedType::isDynamic(size) ? guess : size;
  return product;
}

/// A warp takes a point where the largest input is contiguous along the reduction,
/// so that its lanes read neighbours.
bool StructuredKernel::chooseWarp() {
  if (reduction.empty())
    return false;
  int64_t length = 1, largest = -1;
  for (unsigned dim : reduction)
    length *= op.getStaticLoopRanges()[dim];
  if (length > 0 && length < kLanes) // a dynamic size makes it negative
    return false;
  bool isContiguous = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (int64_t size = getFootprint(*input); map.getNumResults() > 0 && size > largest) {
      largest = size;
      isContiguous = llvm::any_of(
          reduction, [&](unsigned dim) { return map.getResults().back().isFunctionOfDim(dim); });
    }
  }
  if (!isContiguous)
    return false;
  for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
    SmallVector<Operation *> found;
    if (!matchReduction(op.getRegionOutputArgs(), i, found) || found.size() != 1)
      return false;
    Operation *combiner = found.front();
    Type type = getElementTypeOrSelf(init.get().getType());
    if (!(type.isF32() || type.isInteger(32)) || !arith::getNeutralElement(combiner) ||
        !llvm::is_contained(combiner->getOperands(), op.getMatchingBlockArgument(&init)))
      return false;
    combiners.push_back(combiner);
  }
  return true;
}

Value StructuredKernel::countThreads(LaunchBuilder &b) {
  Value result = b.index(isWarp ? kLanes : 1);
  for (unsigned dim : parallel) {
    Value operand;
    unsigned position;
    if (succeeded(op.mapIterationSpaceDimToOperandDim(dim, operand, position)))
      result = b.mul(result, b.dim(operand, position));
  }
  return result;
}

Value StructuredKernel::getSize(KernelBuilder &b, unsigned dim, IRMapping &mapping) {
  Value operand;
  unsigned position;
  if (failed(op.mapIterationSpaceDimToOperandDim(dim, operand, position)))
    llvm_unreachable("the verifier of linalg wants a size for each dim");
  return b.createOrFold<memref::DimOp>(mapping.lookup(operand), position);
}

Value StructuredKernel::count(KernelBuilder &b, ArrayRef<unsigned> dims, IRMapping &mapping) {
  Value result = arith::ConstantIndexOp::create(b, 1);
  for (unsigned dim : dims)
    result = b.createOrFold<arith::MulIOp>(result, getSize(b, dim, mapping));
  return result;
}

void StructuredKernel::delinearize(KernelBuilder &b, Value i, ArrayRef<unsigned> dims,
                                   IRMapping &mapping) {
  for (unsigned dim : llvm::reverse(dims)) {
    Value size = getSize(b, dim, mapping);
    bool isLast = dim == dims.front();
    ivs[dim] = isLast ? i : b.createOrFold<arith::RemUIOp>(i, size);
    if (!isLast)
      i = b.createOrFold<arith::DivUIOp>(i, size);
  }
}

SmallVector<Value> StructuredKernel::getIndices(KernelBuilder &b, OpOperand &operand) {
  SmallVector<Value> indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      indices.push_back(ivs[dim.getPosition()]);
    } else if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      indices.push_back(arith::ConstantIndexOp::create(b, constant.getValue()));
    } else {
      SmallVector<Value> operands(ivs); // those of a reduction exist in it only
      for (auto [dim, iv] : llvm::enumerate(operands))
        if (!expr.isFunctionOfDim(dim))
          iv = arith::ConstantIndexOp::create(b, 0);
      AffineMap map = AffineMap::get(op.getNumLoops(), 0, expr);
      indices.push_back(affine::AffineApplyOp::create(b, map, operands));
    }
  }
  return indices;
}

Value StructuredKernel::getInitial(KernelBuilder &b, OpOperand &init, IRMapping &mapping) {
  if (TypedAttr value = initial.lookup(&init))
    return arith::ConstantOp::create(b, value);
  if (!op.payloadUsesValueFromOperand(&init))
    return Value();
  return memref::LoadOp::create(b, mapping.lookup(init.get()), getIndices(b, init));
}

/// The results of the body at `ivs`; `carried` stands for the outputs.
SmallVector<Value> StructuredKernel::emitBody(KernelBuilder &b, ValueRange carried,
                                              IRMapping mapping) {
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value value = mapping.lookup(input->get());
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (isa<MemRefType>(value.getType()) && !argument.use_empty())
      value = memref::LoadOp::create(b, value, getIndices(b, *input));
    mapping.map(argument, value);
  }
  for (auto [argument, value] : llvm::zip_equal(op.getRegionOutputArgs(), carried))
    if (value)
      mapping.map(argument, value);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  return llvm::map_to_vector(op.getBlock()->getTerminator()->getOperands(),
                             [&](Value value) { return mapping.lookupOrDefault(value); });
}

/// All of a point in one thread.
void StructuredKernel::emitPoint(KernelBuilder &b, IRMapping &mapping) {
  SmallVector<Value> values;
  for (OpOperand &init : op.getDpsInitsMutable())
    values.push_back(getInitial(b, init, mapping));
  if (reduction.empty()) {
    values = emitBody(b, values, mapping);
  } else {
    // An output that the body never reads is not carried, but has its last value.
    for (auto [value, init] : llvm::zip_equal(values, op.getDpsInitsMutable()))
      if (!value)
        value = memref::LoadOp::create(b, mapping.lookup(init.get()), getIndices(b, init));
    Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
    auto loop = scf::ForOp::create(b, zero, count(b, reduction, mapping), one, values);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      delinearize(b, loop.getInductionVar(), reduction, mapping);
      scf::YieldOp::create(b, emitBody(b, loop.getRegionIterArgs(), mapping));
    }
    values.assign(loop.result_begin(), loop.result_end());
  }
  for (auto [value, init] : llvm::zip_equal(values, op.getDpsInitsMutable()))
    memref::StoreOp::create(b, value, mapping.lookup(init.get()), getIndices(b, init));
}

Value StructuredKernel::combine(KernelBuilder &b, unsigned output, Value x, Value y) {
  Operation *combined = b.clone(*combiners[output]);
  combined->setOperands({x, y});
  return combined->getResult(0);
}

/// A point in all lanes: each takes every 32nd step of the reduction.
void StructuredKernel::emitWarp(KernelBuilder &b, Value lane, IRMapping &mapping) {
  SmallVector<Value> neutral;
  for (Operation *combiner : combiners)
    neutral.push_back(arith::ConstantOp::create(b, *arith::getNeutralElement(combiner)));
  Value step = arith::ConstantIndexOp::create(b, kLanes);
  auto loop = scf::ForOp::create(b, b.toIndex(lane), count(b, reduction, mapping), step, neutral);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    delinearize(b, loop.getInductionVar(), reduction, mapping);
    scf::YieldOp::create(b, emitBody(b, loop.getRegionIterArgs(), mapping));
  }
  SmallVector<Value> totals(loop.getResults());
  for (auto [i, total] : llvm::enumerate(totals))
    for (int64_t distance = kLanes / 2; distance > 0; distance /= 2)
      total = combine(b, i, total, b.shuffleXor(total, distance));
  b.when(b.cmp(arith::CmpIPredicate::eq, lane, b.i32(0)), [&] {
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
      memref::StoreOp::create(b, combine(b, i, getInitial(b, init, mapping), totals[i]),
                              mapping.lookup(init.get()), getIndices(b, init));
  });
}

/// The number of the thread in the grid, an index.
static Value getThread(KernelBuilder &b, Value threadInBlock) {
  Value block = b.toIndex(b.blockId(gpu::Dimension::x));
  Value first = b.mul(block, arith::ConstantIndexOp::create(b, kThreads));
  return b.add(first, b.toIndex(threadInBlock));
}

void StructuredKernel::emit(KernelBuilder &b, IRMapping mapping) {
  ivs.resize(op.getNumLoops());
  Value threadInBlock = b.threadX(kThreads), point = getThread(b, threadInBlock);
  if (isWarp)
    point = arith::DivUIOp::create(b, point, arith::ConstantIndexOp::create(b, kLanes));
  Value isInside = b.cmp(arith::CmpIPredicate::ult, point, count(b, parallel, mapping));
  b.when(isInside, [&] {
    delinearize(b, point, parallel, mapping);
    if (isWarp)
      emitWarp(b, b.band(threadInBlock, b.i32(kLanes - 1)), mapping);
    else
      emitPoint(b, mapping);
  });
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Launches the kernel of this body, or an equal one that stands there already.
static LogicalResult launchGlue(LaunchBuilder &b, StringRef kind, const HostValues &host,
                                Value threads,
                                function_ref<void(KernelBuilder &, IRMapping &)> emit) {
  static constexpr llvm::StringLiteral prefix = "dashkv_glue_";
  auto isGlue = [](gpu::GPUFuncOp func) { return func.getName().starts_with(prefix); };
  SmallVector<gpu::GPUFuncOp> others;
  if (gpu::GPUModuleOp kernels = b.kernels.find())
    others = llvm::filter_to_vector(kernels.getOps<gpu::GPUFuncOp>(), isGlue);
  KernelSignature signature;
  signature.name = (prefix + Twine(others.size()) + "_" + kind).str();
  signature.parameters = host.parameters;
  signature.threads = kThreads;
  gpu::GPUFuncOp kernel = b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    KernelBuilder body(func);
    body.launchDependents();
    body.waitForPrevious();
    IRMapping mapping;
    host.bind(body, func, mapping);
    emit(body, mapping);
  });
  if (failed(lowerMathForGPU(kernel)))
    return failure();
  for (gpu::GPUFuncOp other : others)
    if (other.getFunctionType() == kernel.getFunctionType() &&
        OperationEquivalence::isRegionEquivalentTo(&other.getBody(), &kernel.getBody(),
                                                   OperationEquivalence::IgnoreLocations)) {
      kernel.erase();
      kernel = other;
      break;
    }
  Value one = b.index(1);
  // A grid without blocks cannot be launched.
  Value blocks = b.max(b.ceilDiv(threads, b.index(kThreads)), one);
  b.launch(kernel, {blocks, one, one}, host.arguments);
  return success();
}

LogicalResult mlir::dashkv::lowerGlueToLaunch(linalg::LinalgOp op, const InitialValues &initial,
                                              LaunchBuilder &b) {
  HostValues host(op, b);
  if (failed(host.addAll()))
    return failure();
  StructuredKernel kernel(op, initial);
  return launchGlue(b, kernel.getKind(), host, kernel.countThreads(b),
                    [&](KernelBuilder &body, IRMapping &mapping) { kernel.emit(body, mapping); });
}

LogicalResult mlir::dashkv::lowerGlueToLaunch(Operation *op, LaunchBuilder &b) {
  HostValues host(op, b);
  if (failed(host.addAll()))
    return failure();
  auto loop = dyn_cast<scf::ForOp>(op);
  bool isParallel = loop && op->hasAttr(kIndependentAttrName);
  Value threads = b.index(1);
  if (isParallel)
    threads = b.ceilDiv(b.createOrFold<arith::SubIOp>(loop.getUpperBound(), loop.getLowerBound()),
                        loop.getStep());
  return launchGlue(
      b, loop ? "loop" : "store", host, threads, [&](KernelBuilder &body, IRMapping &mapping) {
        Value thread = getThread(body, body.threadX(kThreads));
        if (!isParallel) {
          Value zero = arith::ConstantIndexOp::create(body, 0);
          body.when(body.cmp(arith::CmpIPredicate::eq, thread, zero),
                    [&] { body.clone(*op, mapping); });
          return;
        }
        Value i = body.add(mapping.lookup(loop.getLowerBound()),
                           body.mul(thread, mapping.lookup(loop.getStep())));
        Value isInside =
            body.cmp(arith::CmpIPredicate::slt, i, mapping.lookup(loop.getUpperBound()));
        body.when(isInside, [&] {
          mapping.map(loop.getInductionVar(), i);
          for (Operation &inner : loop.getBody()->without_terminator())
            body.clone(inner, mapping);
        });
      });
}
