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

/// Parts of the keys, so that `workers` threads are busy most of the time; no more
/// than there are worthwhile parts.
static int64_t chooseSplits(Operation *op, int64_t workers) {
  if (!isa<PartialReductionOpInterface>(op) || workers < 2)
    return 1;
  TileLoops loops = TileLoops::get(op);
  if (!loops.keys || loops.numTiles == 0)
    return 1;
  bool isList = !isa<OnlineAttentionOp>(op) || cast<OnlineAttentionOp>(op).getIndices();
  int64_t minimum = isList ? 64 : 1024, limit = 4 * workers;
  if (ShapedType::isStatic(loops.numKeys))
    limit = std::min(limit, loops.numKeys / minimum);
  int64_t best = 1;
  double bestShare = 0;
  for (int64_t splits = 1; splits <= limit; ++splits) {
    int64_t tiles = loops.numTiles * splits;
    double share = static_cast<double>(tiles) / (llvm::divideCeil(tiles, workers) * workers);
    if (share > bestShare + 0.01) {
      best = splits;
      bestShare = share;
    }
    if (share >= 0.8)
      break;
  }
  return best;
}

TileConfigAttr mlir::dashkv::chooseTileConfig(Operation *op, const CPUTarget &target,
                                              int64_t workers) {
  // A table of nibbles beats a popcount made of two shuffles; with an
  // instruction for it the popcount needs no table.
  ScanForm scan = target.hasBytePopcount ? ScanForm::Popcount : ScanForm::Table;
  Prefetch prefetch = target.dropsPrefetches ? Prefetch::Repeated : Prefetch::Rows;
  return TileConfigAttr::get(op->getContext(), target.vectorBytes, /*keys=*/32,
                             chooseSplits(op, workers), scan, prefetch, ListFetch::Each);
}

namespace {
struct SelectTileConfigPass : mlir::dashkv::impl::SelectTileConfigPassBase<SelectTileConfigPass> {
  using Base::Base;
  void runOnOperation() override {
    FailureOr<CPUTarget> cpu =
        CPUTarget::get(target, [&] { return emitError(getOperation()->getLoc()); });
    if (failed(cpu))
      return signalPassFailure();
    if (workers < 1 || splits < 0) {
      emitError(getOperation()->getLoc()) << "expected workers >= 1 and splits >= 0, but got "
                                          << workers.getValue() << " and " << splits.getValue();
      return signalPassFailure();
    }
    getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<DashKVDialect>(op->getDialect()) || op->hasAttr(kTileConfigAttrName))
        return;
      std::string why = cpu->vectorBytes ? whyNoKernel(op) : "the target has no AVX2";
      if (!why.empty()) {
        remark::missed(op->getLoc(), remark::RemarkOpts::name("no-kernel").category("dashkv-tile"))
            << "portable lowering of " << op->getName().getStringRef() << ": " << why;
        return;
      }
      TileConfigAttr config = chooseTileConfig(op, *cpu, workers);
      if (splits > 0 && isa<PartialReductionOpInterface>(op))
        config = TileConfigAttr::get(op->getContext(), config.getVector(), config.getKeys(), splits,
                                     config.getScan(), config.getPrefetch(), config.getLists());
      op->setAttr(kTileConfigAttrName, config);
    });
  }
};
} // namespace
