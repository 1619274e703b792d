//===- Passes.td - Passes on the dashkv dialect ----------------*- tablegen -*-===//
#ifndef DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES
#define DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def ExpandTieredPass : Pass<"dashkv-expand-tiered"> {
  let summary = "Expand dashkv.tiered_attention into its steps";
  let description = [{
    `tiered_attention` becomes `retrieve`, `online_attention` over the full
    lists, with a mid tier `estimate_scores` and `online_reduce`, and `finalize`.
    Where the number of keys may be below `dense_below`, the whole stands in an
    `scf.if` whose other branch is exact attention; a condition that is known at
    compile time leaves one of the two.

    Exact: the steps are the definition of the op.
    Post: no `dashkv.tiered_attention` is left.
    Example: test/Transforms/expand-tiered.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def VerifyContractPass : Pass<"dashkv-verify-contract"> {
  let summary = "Check that only ops of a level are left";
  let description = [{
    `portable`: no op of dashkv or of the interop dialects. `llvm`: nothing but
    the LLVM dialect. The first other op is an error at its location. Every
    pipeline ends with one.
    Example: test/Transforms/verify-contract.mlir.
  }];
  let options = [Option<"level", "level", "::mlir::dashkv::ContractLevel",
    /*default=*/"::mlir::dashkv::ContractLevel::Portable", "Level that must have been reached",
    [{::llvm::cl::values(
      clEnumValN(::mlir::dashkv::ContractLevel::Portable, "portable", "upstream dialects only"),
      clEnumValN(::mlir::dashkv::ContractLevel::LLVM, "llvm", "the LLVM dialect only"))}]>];
}

def LowerCopiesPass : Pass<"dashkv-lower-copies"> {
  let summary = "Turn copies between strided buffers into linalg.copy";
  let description = [{
    Upstream lowers such a `memref.copy` to a call into a runtime library. As
    linalg it becomes a loop, so that compiled objects stand alone.
    Post: every `memref.copy` left is between contiguous buffers.
    Example: test/Transforms/lower-copies.mlir.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

#endif // DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES
