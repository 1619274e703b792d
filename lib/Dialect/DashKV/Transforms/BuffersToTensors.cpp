//===- BuffersToTensors.cpp - Ops on memrefs as ops on tensors ------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
struct BuffersToTensors : OpInterfaceRewritePattern<DestinationStyleOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(DestinationStyleOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!isa<DashKVDialect>(op->getDialect()) || !op.hasPureBufferSemantics())
      return rewriter.notifyMatchFailure(op, "not a dashkv op on memrefs");
    Location loc = op.getLoc();
    SmallVector<Value> tensors, buffers;
    SmallVector<Type> types;
    for (OpOperand &operand : op->getOpOperands()) {
      Value buffer = operand.get();
      bool isInit = op.isDpsInit(&operand);
      Type type = memref::getTensorTypeFromMemRefType(buffer.getType());
      tensors.push_back(bufferization::ToTensorOp::create(rewriter, loc, type, buffer,
                                                          /*restrict=*/true, /*writable=*/isInit));
      if (isInit) {
        buffers.push_back(buffer);
        types.push_back(type);
      }
    }
    Operation *onTensors = mlir::clone(rewriter, op, types, tensors);
    for (auto [result, buffer] : llvm::zip_equal(onTensors->getResults(), buffers))
      bufferization::MaterializeInDestinationOp::create(rewriter, loc, /*result=*/Type(), result,
                                                        buffer, /*restrict=*/true,
                                                        /*writable=*/true);
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mlir::dashkv::populateBuffersToTensorsPatterns(RewritePatternSet &patterns) {
  patterns.add<BuffersToTensors>(patterns.getContext());
}
