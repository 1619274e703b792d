//===- DashKVToGPU.cpp - Outline kernels for NVIDIA GPUs ------------------===//
//
// Implements convert-dashkv-to-gpu: one parameterised kernel for each distinct
// op, in a gpu.module for one chip.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Conversion/DashKVToGPU.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

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
  SymbolTable(module).insert(kernels); // renames it if the name is taken
  return kernels;
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

    SmallVector<RetrieveOp> retrieves;
    llvm::SetVector<StringRef> onHost;
    bool failed = false;
    module.walk([&](Operation *op) {
      if (!isa_and_nonnull<DashKVDialect>(op->getDialect()))
        return;
      if (auto retrieve = dyn_cast<RetrieveOp>(op)) {
        retrieves.push_back(retrieve);
        return;
      }
      if (partial) {
        onHost.insert(op->getName().getStringRef());
        return;
      }
      InFlightDiagnostic diagnostic = emitError(op->getLoc()) << "no lowering for " << op->getName()
                                                              << " on target " << target;
      if (isa<TieredAttentionOp>(op))
        diagnostic << "; run dashkv-expand-tiered first";
      else
        diagnostic << "; supported: " << RetrieveOp::getOperationName();
      failed = true;
    });
    if (failed)
      return signalPassFailure();
    if (!onHost.empty())
      emitRemark(module.getLoc()) << "no lowering on target " << target << " for "
                                  << llvm::join(onHost, ", ") << ": left to the host";

    gpu::GPUModuleOp kernels;
    for (RetrieveOp op : retrieves) {
      FailureOr<ScanSpec> spec = ScanSpec::get(op, *found);
      if (mlir::failed(spec))
        return signalPassFailure();
      if (!kernels)
        kernels = createKernelModule(module, "dashkv_kernels", *found);
      std::string name = spec->getName();
      if (!kernels.lookupSymbol(name))
        emitScanKernel(kernels, op.getLoc(), *spec);
      op->setAttr(kKernelAttrName, SymbolRefAttr::get(kernels.getSymNameAttr(),
                                                      FlatSymbolRefAttr::get(&getContext(), name)));
    }
  }
};
} // namespace
