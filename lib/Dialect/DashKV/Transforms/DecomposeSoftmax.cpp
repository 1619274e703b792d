//===- DecomposeSoftmax.cpp - linalg.softmax outside of attention ---------===//
//
// What raising has left: the softmax of logits, of a router, or of attention that
// was declined. Upstream has no loops for the op.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_DECOMPOSESOFTMAXPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;

namespace {
struct DecomposeSoftmaxPass : mlir::dashkv::impl::DecomposeSoftmaxPassBase<DecomposeSoftmaxPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<linalg::SoftmaxOp> ops;
    getOperation()->walk([&](linalg::SoftmaxOp op) {
      if (op.hasPureTensorSemantics())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::SoftmaxOp op : ops) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
      if (succeeded(results))
        rewriter.replaceOp(op, *results);
    }
  }
};
} // namespace
