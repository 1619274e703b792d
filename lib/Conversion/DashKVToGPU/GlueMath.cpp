//===- GlueMath.cpp - Functions of numbers without a library --------------===//
//
// Upstream turns ops of math and some of arith into calls of libdevice, which is
// part of the CUDA toolkit. Kernels of ours call nothing.
//
//===----------------------------------------------------------------------===//
#include "Glue.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::dashkv;

/// What is an instruction, or a short sequence of them, as LLVM's intrinsic.
static StringRef getIntrinsic(Operation *op) {
  bool isF64 = op->getNumResults() == 1 && op->getResult(0).getType().isF64();
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("math.absf", "llvm.fabs")
      .Case("math.ceil", "llvm.ceil")
      .Case("math.copysign", "llvm.copysign")
      .Case("math.floor", "llvm.floor")
      .Case("math.fma", "llvm.fma")
      .Case("math.rint", "llvm.rint")
      .Case("math.roundeven", "llvm.roundeven")
      .Case("math.sqrt", "llvm.sqrt")
      .Case("math.trunc", "llvm.trunc")
      .Case("arith.maxnumf", "llvm.maxnum")
      .Case("arith.minnumf", "llvm.minnum")
      .Case("math.rsqrt", isF64 ? "" : "llvm.nvvm.rsqrt.approx.f")
      .Default("");
}

namespace {
struct CallIntrinsic : RewritePattern {
  explicit CallIntrinsic(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    StringRef name = getIntrinsic(op);
    if (name.empty())
      return failure();
    auto type = dyn_cast<FloatType>(op->getResult(0).getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "not a scalar");
    if (type.getWidth() < 32) { // half types, in f32
      Operation *wide = rewriter.clone(*op);
      wide->getResult(0).setType(rewriter.getF32Type());
      rewriter.setInsertionPoint(wide);
      for (OpOperand &operand : wide->getOpOperands())
        operand.set(
            arith::ExtFOp::create(rewriter, op->getLoc(), rewriter.getF32Type(), operand.get()));
      rewriter.setInsertionPointAfter(wide);
      rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type, wide->getResult(0));
      return success();
    }
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(op, type, rewriter.getStringAttr(name),
                                                       op->getOperands());
    return success();
  }
};
} // namespace

LogicalResult mlir::dashkv::lowerMathForGPU(gpu::GPUFuncOp kernel) {
  MLIRContext *context = kernel.getContext();
  RewritePatternSet patterns(context);
  patterns.add<CallIntrinsic>(context);
  populateMathF32ExpansionPatterns(patterns, [](StringRef) { return true; });
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef) { return true; });
  math::populateExpansionPatterns(patterns, {"acosh", "asinh", "atanh", "clampf", "cosh", "exp2",
                                             "fpowi", "powf", "round", "sinh", "tan"});
  if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
    return failure();
  WalkResult result = kernel.walk([&](Operation *op) {
    bool isInteger =
        llvm::all_of(op->getResultTypes(), [](Type type) { return type.isIntOrIndex(); });
    bool callsLibrary =
        isa<arith::RemFOp>(op) || (isa<math::MathDialect>(op->getDialect()) && !isInteger);
    // LLVM has no f8: only kernels of attention convert it.
    SmallVector<Type, 3> types(op->getResultTypes());
    llvm::append_range(types, op->getOperandTypes());
    auto *narrow = llvm::find_if(types, [](Type type) {
      auto number = dyn_cast<FloatType>(type);
      return number && number.getWidth() < 16;
    });
    bool isNarrow = narrow != types.end() && isa<arith::ArithDialect>(op->getDialect());
    if (!callsLibrary && !isNarrow)
      return WalkResult::advance();
    emitError(op->getLoc()) << "no instructions of the GPU for " << op->getName() << " of "
                            << (isNarrow ? *narrow : types.front());
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
