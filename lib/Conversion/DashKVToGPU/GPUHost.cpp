//===- GPUHost.cpp - Host code for the runtime of the gpu dialect ---------===//
//
// Implements dashkv-lower-gpu-host. Simple and in order: every op waits for the
// device. Who wants launches that overlap and graphs takes a kernel bundle.
//
//===----------------------------------------------------------------------===//
#include "Glue.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_LOWERGPUHOSTPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// The function of libdashkv_cuda_runtime after which a launch is cooperative.
static constexpr llvm::StringLiteral kCooperativeName = "dashkv_cooperative_launch";

namespace {
struct LowerGPUHostPass : mlir::dashkv::impl::LowerGPUHostPassBase<LowerGPUHostPass> {
  using Base::Base;
  void runOnOperation() override {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (isLaunchCode(function) && failed(lower(function)))
        signalPassFailure();
  }

private:
  LogicalResult lower(func::FuncOp function);
  func::FuncOp getCooperative();
};
} // namespace

func::FuncOp LowerGPUHostPass::getCooperative() {
  ModuleOp module = getOperation();
  auto declaration = module.lookupSymbol<func::FuncOp>(kCooperativeName);
  if (!declaration) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    declaration = func::FuncOp::create(builder, module.getLoc(), kCooperativeName,
                                       builder.getFunctionType({}, {}));
    declaration.setPrivate();
  }
  return declaration;
}

/// Whether `buffer` or a view of it leaves the region it is made in.
static bool escapes(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    if (user->hasTrait<OpTrait::IsTerminator>())
      return true;
    return llvm::any_of(user->getResults(), [&](Value result) {
      return isa<BaseMemRefType>(result.getType()) && escapes(result);
    });
  });
}

/// An op of the gpu dialect between two waits for the device.
template <typename Emit> static void emitWaiting(ImplicitLocOpBuilder &b, Emit emit) {
  auto token = gpu::AsyncTokenType::get(b.getContext());
  Value start = gpu::WaitOp::create(b, token, ValueRange()).getAsyncToken();
  Value end = emit(token, start);
  gpu::WaitOp::create(b, Type(), end);
}

static LogicalResult lowerAlloc(memref::AllocOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type element = op.getType().getElementType();
  auto init = op->getAttrOfType<IntegerAttr>(kInitAttrName);
  if (init && !element.isInteger(32))
    return op.emitError("expected i32 in a workspace with '")
           << kInitAttrName << "', but got " << element;
  Value buffer;
  emitWaiting(b, [&](Type token, Value start) -> Value {
    auto alloc = gpu::AllocOp::create(b, op.getType(), token, start, op.getDynamicSizes(),
                                      ValueRange(), /*hostShared=*/false);
    buffer = alloc.getMemref();
    if (!init)
      return alloc.getAsyncToken();
    APInt value = APInt::getSplat(32, init.getValue());
    Value word = arith::ConstantOp::create(b, b.getIntegerAttr(element, value));
    return gpu::MemsetOp::create(b, token, alloc.getAsyncToken(), buffer, word).getAsyncToken();
  });
  bool isLeft = escapes(op);
  op.replaceAllUsesWith(buffer);
  if (!isLeft) {
    b.setInsertionPoint(op->getBlock()->getTerminator());
    emitWaiting(b, [&](Type token, Value start) -> Value {
      return gpu::DeallocOp::create(b, token, start, buffer).getAsyncToken();
    });
  }
  op.erase();
  return success();
}

/// A constant is in host memory: kernels get a copy.
static void lowerConstant(memref::GetGlobalOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  b.setInsertionPointAfter(op);
  Value buffer;
  Operation *copy = nullptr;
  emitWaiting(b, [&](Type token, Value start) -> Value {
    auto alloc = gpu::AllocOp::create(b, op.getType(), token, start, ValueRange(), ValueRange(),
                                      /*hostShared=*/false);
    buffer = alloc.getMemref();
    copy = gpu::MemcpyOp::create(b, token, alloc.getAsyncToken(), buffer, op);
    return copy->getResult(0);
  });
  op.getResult().replaceAllUsesExcept(buffer, copy);
  b.setInsertionPoint(op->getBlock()->getTerminator());
  emitWaiting(b, [&](Type token, Value start) -> Value {
    return gpu::DeallocOp::create(b, token, start, buffer).getAsyncToken();
  });
}

static void lowerCopy(memref::CopyOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  emitWaiting(b, [&](Type token, Value start) -> Value {
    return gpu::MemcpyOp::create(b, token, start, op.getTarget(), op.getSource()).getAsyncToken();
  });
  op.erase();
}

LogicalResult LowerGPUHostPass::lower(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops) {
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      if (failed(lowerAlloc(alloc)))
        return failure();
    } else if (auto constant = dyn_cast<memref::GetGlobalOp>(op)) {
      lowerConstant(constant);
    } else if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      lowerCopy(copy);
    } else if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op)) {
      auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(op, launch.getKernel());
      if (kernel && kernel->hasAttr(kResidentAttrName)) {
        OpBuilder builder(op);
        func::CallOp::create(builder, op->getLoc(), getCooperative(), ValueRange());
      }
    }
  }
  return success();
}
