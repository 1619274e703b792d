//===- DashKVToGPU.cpp - Launches of kernels for NVIDIA GPUs --------------===//
//
// Implements convert-dashkv-to-gpu: each op becomes launches of parameterised
// kernels, which stand in one gpu.module for one chip.
//
//===----------------------------------------------------------------------===//
#include "Glue.h"
#include "Launches.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_CONVERTDASHKVTOGPUPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// The layout LLVM uses for nvptx64. Without it 64-bit accesses are translated
/// with the alignment of 32-bit ones and split in two.
static constexpr llvm::StringLiteral kDataLayout =
    "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64";

gpu::GPUModuleOp mlir::dashkv::createKernelModule(ModuleOp module, StringRef name,
                                                  const NVPTXTarget &target) {
  OpBuilder builder(module.getContext());
  Attribute targets[] = {target.getAttr(module.getContext())};
  auto kernels = gpu::GPUModuleOp::create(builder, module.getLoc(), name, targets);
  kernels->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(), builder.getStringAttr(kDataLayout));
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), builder.getUnitAttr());
  SymbolTable(module).insert(kernels); // renames it if the name is taken
  return kernels;
}

/// Kernels of dashkv ops take addresses from the host. What begins at a position
/// that is in device memory (the row that a step appends) passes through a buffer
/// of its own, and kernels of the glue copy it.
static void separateLateViews(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  auto effects = cast<MemoryEffectOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    Value view = operand.get();
    auto type = dyn_cast<MemRefType>(view.getType());
    if (!type || !readsMemory(view))
      continue;
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        sizes.push_back(b.createOrFold<memref::DimOp>(view, dim));
    Value dense =
        memref::AllocOp::create(b, MemRefType::get(type.getShape(), type.getElementType()), sizes);
    if (effects.getEffectOnValue<MemoryEffects::Read>(view))
      memref::CopyOp::create(b, view, dense);
    if (effects.getEffectOnValue<MemoryEffects::Write>(view)) {
      b.setInsertionPointAfter(op);
      memref::CopyOp::create(b, dense, view);
      b.setInsertionPoint(op);
    }
    operand.set(dense);
  }
}

namespace {
struct ConvertDashKVToGPUPass
    : mlir::dashkv::impl::ConvertDashKVToGPUPassBase<ConvertDashKVToGPUPass> {
  using Base::Base;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<NVPTXTarget> found =
        NVPTXTarget::get(target, [&] { return emitError(module.getLoc()); });
    if (failed(found))
      return signalPassFailure();

    SmallVector<Operation *> ops;
    module.walk([&](Operation *op) {
      if (isa_and_nonnull<DashKVDialect>(op->getDialect()))
        ops.push_back(op);
    });
    GPUKernels kernels(module, *found, resident);
    bool failed = false;
    for (Operation *op : ops) {
      if (!cast<DestinationStyleOpInterface>(op).hasPureBufferSemantics()) {
        op->emitOpError("expected buffers, but got tensors; bufferize first");
        failed = true;
        continue;
      }
      separateLateViews(op);
      LaunchBuilder builder(op, kernels);
      LogicalResult lowered = TypeSwitch<Operation *, LogicalResult>(op)
                                  .Case<
#define GET_OP_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
                                      >([&](auto op) { return lowerToLaunches(op, builder); });
      if (mlir::failed(lowered)) {
        failed = true;
        continue;
      }
      builder.finish();
      op->erase();
    }
    if (failed)
      signalPassFailure();
  }
};
} // namespace
