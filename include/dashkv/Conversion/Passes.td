//===- Passes.td - Conversions out of the dashkv dialect -------*- tablegen -*-===//
#ifndef DASHKV_CONVERSION_PASSES
#define DASHKV_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def ConvertDashKVToLinalgPass : Pass<"convert-dashkv-to-linalg"> {
  let summary = "Lower dashkv ops to linalg, scf and tensor ops";
  let description = [{
    The portable lowering, and the executable reference of every other one. Any
    MLIR backend takes its output. Integer results equal the scalar oracle bit
    for bit, float results up to rounding.

    Pre: dashkv-expand-tiered has run; ops on tensors or memrefs.
    Post: no dashkv op is left; a left-over is an error at its location.
    Example: test/Conversion/dashkv-to-linalg.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // DASHKV_CONVERSION_PASSES
