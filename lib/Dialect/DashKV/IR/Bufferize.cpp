//===- Bufferize.cpp - One-shot bufferization of the dashkv ops -----------===//
//
// Every op writes its results into the buffers of `outs` and reads the rest,
// so bufferizing is putting buffers in the place of tensors.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::dashkv;

namespace {
template <typename OpTy>
struct DashKVBufferize : DstBufferizableOpInterfaceExternalModel<DashKVBufferize<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    // Accumulating ops read what is in `outs`; the others overwrite it.
    constexpr bool accumulates =
        llvm::is_one_of<OpTy, OnlineAttentionOp, OnlineReduceOp, MergeOp>::value;
    return accumulates || !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    auto dst = cast<DestinationStyleOpInterface>(op);
    if (dst.hasPureBufferSemantics())
      return success();
    SmallVector<Value> buffers, results;
    for (OpOperand &operand : op->getOpOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
      if (dst.isDpsInit(&operand))
        results.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    mlir::clone(rewriter, op, /*newResultTypes=*/TypeRange(), buffers);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

template <typename... OpTys> void attach(MLIRContext *context) {
  (OpTys::template attachInterface<DashKVBufferize<OpTys>>(*context), ...);
}
} // namespace

void mlir::dashkv::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, DashKVDialect *) {
    attach<
#define GET_OP_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
        >(context);
  });
}
