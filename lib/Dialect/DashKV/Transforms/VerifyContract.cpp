//===- VerifyContract.cpp - What must hold between levels -----------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_VERIFYCONTRACTPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

static StringRef stringify(ContractLevel level) {
  switch (level) {
  case ContractLevel::Tiled:
    return "tiled";
  case ContractLevel::Portable:
    return "portable";
  case ContractLevel::LLVM:
    return "llvm";
  }
  llvm_unreachable("all levels are there");
}

static bool isLegalAt(ContractLevel level, Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  bool isInterop = dialect == "tm_tensor" || dialect == "iree_linalg_ext";
  if (level == ContractLevel::Tiled)
    return !isInterop && !isa<AttentionOp, TieredAttentionOp>(op);
  if (level == ContractLevel::Portable)
    return dialect != "dashkv" && !isInterop;
  // Threads of OpenMP are ops of their own until LLVM IR.
  return isa<ModuleOp>(op) || dialect == LLVM::LLVMDialect::getDialectNamespace() ||
         dialect == "omp";
}

/// A float type of `op` that LLVM does not have, or null.
static Type findNarrowFloat(Operation *op) {
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
          element && element.getWidth() <= 8)
        return element;
  return {};
}

/// Whether the tile_config of `op`, if any, fits it; `vector` is that of the ops
/// before it, 0 at first.
static LogicalResult verifyTileConfig(Operation *op, int64_t &vector) {
  auto config = op->getAttrOfType<TileConfigAttr>(kTileConfigAttrName);
  if (!config)
    return success();
  auto error = [&] { return emitError(op->getLoc()) << op->getName() << ": "; };
  if (vector && vector != config.getVector())
    return error() << "expected vectors of " << vector << " bytes as in the ops before, but got "
                   << config.getVector();
  vector = config.getVector();
  if (config.getSplits() == 1)
    return success();
  if (!isa<PartialReductionOpInterface>(op))
    return error() << "expected no splits where no keys are added, but got " << config.getSplits();
  // An op without elements is computed as a whole.
  bool isEmpty = llvm::any_of(op->getOperandTypes(), [](Type type) {
    return llvm::is_contained(cast<ShapedType>(type).getShape(), 0);
  });
  if (!isEmpty && !op->getParentOfType<scf::ForallOp>())
    return error() << "expected a loop over " << config.getSplits()
                   << " parts of the keys; run dashkv-tile-and-fuse";
  return success();
}

namespace {
struct VerifyContractPass : mlir::dashkv::impl::VerifyContractPassBase<VerifyContractPass> {
  using Base::Base;
  void runOnOperation() override {
    int64_t vector = 0;
    WalkResult result = getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (level == ContractLevel::Tiled && failed(verifyTileConfig(op, vector)))
        return WalkResult::interrupt();
      if (isLegalAt(level, op))
        return WalkResult::advance();
      if (Type narrow = level == ContractLevel::LLVM ? findNarrowFloat(op) : Type()) {
        // Of an access and an op on what it gives, people wrote the op.
        if (isa<UnrealizedConversionCastOp>(op) && !op->use_empty())
          op = *op->user_begin();
        emitError(op->getLoc()) << "no lowering for " << op->getName() << " of " << narrow
                                << ": only attention converts such numbers";
        return WalkResult::interrupt();
      }
      // The free function prints the source line only, not the op's regions.
      InFlightDiagnostic diagnostic = emitError(op->getLoc());
      diagnostic << "no lowering for " << op->getName() << " at level " << stringify(level);
      if (op->getName().getStringRef().contains("attention"))
        diagnostic << "; dashkv-raise-attention and dashkv-expand-tiered take attention apart";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
