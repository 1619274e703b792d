//===- LowerCopies.cpp - Copies of strided buffers as loops ---------------===//
//
// Upstream lowers memref.copy between strided buffers to a call of a runtime
// library. Loops need none, so that compiled objects stand alone.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_LOWERCOPIESPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;

namespace {
struct LowerCopiesPass : mlir::dashkv::impl::LowerCopiesPassBase<LowerCopiesPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp copy) {
      auto isContiguous = [](Value value) {
        auto type = dyn_cast<MemRefType>(value.getType());
        return type && type.getLayout().isIdentity();
      };
      bool isRanked = isa<MemRefType>(copy.getSource().getType()) &&
                      isa<MemRefType>(copy.getTarget().getType());
      if (isRanked && !(isContiguous(copy.getSource()) && isContiguous(copy.getTarget())))
        copies.push_back(copy);
    });
    IRRewriter rewriter(&getContext());
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
    }
  }
};
} // namespace
