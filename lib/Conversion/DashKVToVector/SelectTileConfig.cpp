//===- SelectTileConfig.cpp - Forms and sizes of the CPU kernels ----------===//
#include "dashkv/Conversion/DashKVToVector.h"
#include "dashkv/Conversion/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_SELECTTILECONFIGPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

TileConfigAttr mlir::dashkv::chooseTileConfig(Operation *op, const CPUTarget &target, int64_t) {
  // A table of nibbles beats a popcount made of two shuffles; with an
  // instruction for it the popcount needs no table.
  ScanForm scan = target.hasBytePopcount ? ScanForm::Popcount : ScanForm::Table;
  Prefetch prefetch = target.dropsPrefetches ? Prefetch::Repeated : Prefetch::Rows;
  return TileConfigAttr::get(op->getContext(), target.vectorBytes, /*keys=*/32, /*splits=*/1, scan,
                             prefetch, ListFetch::Each);
}

namespace {
struct SelectTileConfigPass : mlir::dashkv::impl::SelectTileConfigPassBase<SelectTileConfigPass> {
  using Base::Base;
  void runOnOperation() override {
    FailureOr<CPUTarget> cpu =
        CPUTarget::get(target, [&] { return emitError(getOperation()->getLoc()); });
    if (failed(cpu))
      return signalPassFailure();
    getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<DashKVDialect>(op->getDialect()) || op->hasAttr(kTileConfigAttrName))
        return;
      std::string why = cpu->vectorBytes ? whyNoKernel(op) : "the target has no AVX2";
      if (!why.empty()) {
        remark::missed(op->getLoc(), remark::RemarkOpts::name("no-kernel").category("dashkv-tile"))
            << "portable lowering of " << op->getName().getStringRef() << ": " << why;
        return;
      }
      op->setAttr(kTileConfigAttrName, chooseTileConfig(op, *cpu, workers));
    });
  }
};
} // namespace
