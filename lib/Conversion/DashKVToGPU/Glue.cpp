//===- Glue.cpp - What stands around attention, on the GPU ----------------===//
//
// Implements dashkv-lower-glue-to-gpu. A decoder layer leaves projections, norms,
// rotary positions and cache updates around its attention. None of it is hot in a
// long context, but all of it has to run where the data is.
//
//===----------------------------------------------------------------------===//
#include "Glue.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_LOWERGLUETOGPUPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

bool mlir::dashkv::isLaunchCode(func::FuncOp function) {
  return !function
              .walk([](Operation *op) {
                bool isGPU = isa_and_nonnull<gpu::GPUDialect>(op->getDialect());
                return WalkResult(failure(isGPU && !isa<gpu::LaunchFuncOp>(op)));
              })
              .wasInterrupted();
}

LogicalResult mlir::dashkv::reportHostRead(Operation *op) {
  return emitError(op->getLoc())
         << "the host would read device memory here: launches depend on shapes alone";
}

//===----------------------------------------------------------------------===//
// What need not be written
//===----------------------------------------------------------------------===//

/// Whether `buffer` is all of its root.
static bool coversRoot(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer == getRoot(buffer);
}

/// Whether `op` writes each element of its only output, whatever that holds.
static bool overwrites(linalg::LinalgOp op, const InitialValues &initial) {
  if (op.getNumDpsInits() != 1)
    return false;
  OpOperand &init = *op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(&init);
  return coversRoot(init.get()) && map.isProjectedPermutation() &&
         (initial.contains(&init) || !op.payloadUsesValueFromOperand(&init));
}

/// The value of every element that `op` writes, if it is the same constant.
static TypedAttr getFilledValue(Operation *op) {
  auto fill = dyn_cast<linalg::LinalgOp>(op);
  if (!fill || fill.getNumReductionLoops() != 0 || !overwrites(fill, InitialValues()))
    return {};
  Value value = fill.getBlock()->getTerminator()->getOperand(0);
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == fill.getBlock()) {
    OpOperand *operand = fill.getMatchingOpOperand(argument);
    value = operand->get(); // a scalar, or a buffer, which is no constant
  }
  TypedAttr attr;
  return matchPattern(value, m_Constant(&attr)) ? attr : TypedAttr();
}

/// The constant that all elements of `buffer` hold before `op`.
static TypedAttr findFilledValue(Value buffer, Operation *op) {
  Value root = getRoot(buffer);
  for (Operation *it = op->getPrevNode(); it; it = it->getPrevNode()) {
    if (!touches(it, root))
      continue;
    auto copy = dyn_cast<memref::CopyOp>(it);
    if (copy && getRoot(copy.getTarget()) == root && coversRoot(copy.getTarget()))
      return findFilledValue(copy.getSource(), it);
    if (auto structured = dyn_cast<linalg::LinalgOp>(it);
        structured && structured.getNumDpsInits() == 1 &&
        getRoot(structured.getDpsInitOperand(0)->get()) == root)
      return getFilledValue(it);
    if (isa<memref::CopyOp>(it) && getRoot(copy.getSource()) == root)
      continue; // a read
    auto structured = dyn_cast<linalg::LinalgOp>(it);
    if (structured &&
        llvm::none_of(structured.getDpsInits(), [&](Value init) { return getRoot(init) == root; }))
      continue;
    return {};
  }
  return {};
}

/// Whether what `op` writes to all of `target` is overwritten before it is read.
static bool isDead(Operation *op, Value target, const InitialValues &initial) {
  Value root = getRoot(target);
  if (!coversRoot(target) || !root.getDefiningOp<memref::AllocOp>())
    return false;
  for (Operation *it = op->getNextNode(); it; it = it->getNextNode()) {
    if (!touches(it, root))
      continue;
    if (auto copy = dyn_cast<memref::CopyOp>(it))
      return getRoot(copy.getSource()) != root && coversRoot(copy.getTarget());
    auto structured = dyn_cast<linalg::LinalgOp>(it);
    if (!structured || !overwrites(structured, initial))
      return false;
    auto isRoot = [&](Value value) {
      return isa<BaseMemRefType>(value.getType()) && getRoot(value) == root;
    };
    bool readsInBody = it->walk([&](memref::LoadOp load) {
                           return WalkResult(failure(isRoot(load.getMemRef())));
                         }).wasInterrupted();
    return isRoot(structured.getDpsInitOperand(0)->get()) && !readsInBody &&
           llvm::none_of(structured.getDpsInputs(), isRoot);
  }
  return false;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct LowerGlueToGPUPass : mlir::dashkv::impl::LowerGlueToGPUPassBase<LowerGlueToGPUPass> {
  using Base::Base;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<NVPTXTarget> found =
        NVPTXTarget::get(target, [&] { return emitError(module.getLoc()); });
    if (failed(found))
      return signalPassFailure();
    GPUKernels kernels(module, *found);
    for (auto function : module.getOps<func::FuncOp>())
      if (isLaunchCode(function) && failed(lower(function, kernels)))
        signalPassFailure();
  }

private:
  LogicalResult lower(func::FuncOp function, GPUKernels &kernels);
};
} // namespace

static bool isHostLoop(Operation *op) {
  return isa<scf::ForOp>(op) && op->getNumResults() == 0 &&
         !op->walk([](gpu::LaunchFuncOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// Copies that a memcpy cannot do become structured ops.
static void generalizeCopies(func::FuncOp function) {
  auto isDense = [](Value value) {
    auto type = dyn_cast<MemRefType>(value.getType());
    return type && type.getLayout().isIdentity();
  };
  function.walk([&](memref::CopyOp copy) {
    IRRewriter rewriter(copy);
    if (copy.getSource() == copy.getTarget())
      rewriter.eraseOp(copy);
    else if (!isDense(copy.getSource()) || !isDense(copy.getTarget()))
      rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
  });
}

/// Whether more depends on `op` than what kernels compute again.
static bool isNeeded(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return user->hasTrait<OpTrait::IsTerminator>() || !isMemoryEffectFree(user) || isNeeded(user);
  });
}

/// Erases writes that nothing reads. From the end, since they read others.
static void eraseDead(ArrayRef<Operation *> ops, const InitialValues &initial,
                      llvm::DenseSet<Operation *> &erased) {
  for (Operation *op : llvm::reverse(ops)) {
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    auto copy = dyn_cast<memref::CopyOp>(op);
    Value target;
    if (copy)
      target = copy.getTarget();
    else if (structured && structured.getNumDpsInits() == 1)
      target = structured.getDpsInitOperand(0)->get();
    if (target && isDead(op, target, initial)) {
      erased.insert(op);
      op->erase();
    }
  }
}

LogicalResult LowerGlueToGPUPass::lower(func::FuncOp function, GPUKernels &kernels) {
  generalizeCopies(function);
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool isLoop = isHostLoop(op);
    if (isLoop || isa<linalg::LinalgOp, memref::CopyOp, memref::StoreOp>(op))
      ops.push_back(op);
    return isLoop || isa<linalg::LinalgOp>(op) ? WalkResult::skip() : WalkResult::advance();
  });

  InitialValues initial;
  for (Operation *op : ops)
    if (auto structured = dyn_cast<linalg::LinalgOp>(op))
      for (OpOperand &init : structured.getDpsInitsMutable())
        if (structured.payloadUsesValueFromOperand(&init))
          if (TypedAttr value = findFilledValue(init.get(), op))
            initial[&init] = value;
  llvm::DenseSet<Operation *> erased;
  eraseDead(ops, initial, erased);

  bool failed = false;
  for (Operation *op : ops) {
    if (erased.contains(op) || isa<memref::CopyOp>(op))
      continue;
    LaunchBuilder builder(op, kernels);
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (mlir::failed(structured ? lowerGlueToLaunch(structured, initial, builder)
                                : lowerGlueToLaunch(op, builder)))
      failed = true;
    else
      op->erase();
  }
  if (failed)
    return failure();

  function.walk([&](Operation *op) {
    if (isa_and_nonnull<linalg::LinalgDialect>(op->getDialect())) {
      emitError(op->getLoc()) << "no kernel for " << op->getName();
      failed = true;
    } else if (isa<memref::LoadOp>(op) && isNeeded(op)) {
      (void)reportHostRead(op);
      failed = true;
    }
  });
  return failure(failed);
}
