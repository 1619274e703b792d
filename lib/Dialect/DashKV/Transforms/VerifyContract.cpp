//===- VerifyContract.cpp - What must hold between levels -----------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_VERIFYCONTRACTPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

static StringRef stringify(ContractLevel level) {
  return level == ContractLevel::Portable ? "portable" : "llvm";
}

static bool isLegalAt(ContractLevel level, Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  if (level == ContractLevel::Portable)
    return dialect != "dashkv" && dialect != "tm_tensor" && dialect != "iree_linalg_ext";
  return isa<ModuleOp>(op) || dialect == LLVM::LLVMDialect::getDialectNamespace();
}

namespace {
struct VerifyContractPass : mlir::dashkv::impl::VerifyContractPassBase<VerifyContractPass> {
  using Base::Base;
  void runOnOperation() override {
    WalkResult result = getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isLegalAt(level, op))
        return WalkResult::advance();
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
