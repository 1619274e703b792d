//===- TMTensorOps.td - Shim of torch-mlir's tm_tensor ---------*- tablegen -*-===//
//
// The ops of the `tm_tensor` dialect that attention exports use, in upstream's
// syntax. They parse, print and verify ranks; other tm_tensor ops pass through
// in generic form.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_DIALECT_INTEROP_TMTENSOROPS
#define DASHKV_DIALECT_INTEROP_TMTENSOROPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def TMTensor_Dialect : Dialect {
  let name = "tm_tensor";
  let cppNamespace = "::mlir::dashkv::tm_tensor";
  let summary = "Shim of torch-mlir's tm_tensor dialect";
  let description = [{
    Reads exports of torch-mlir that keep an attention or scatter op. The project
    that owns the dialect is torch-mlir. Attention is raised, a scatter (the update
    of a static cache) and a scan become loops by convert-interop-to-scf.
  }];
}

class TMTensor_Op<string mnemonic, list<Trait> traits = []>
    : Op<TMTensor_Dialect, mnemonic, traits>;

def TMTensor_AttentionOp : TMTensor_Op<"attention",
    [AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Scaled dot product attention of torch-mlir";
  let description = [{
    `softmax(scale * q k^T + mask) v` with inputs query `[..., M, D]`, key
    `[..., N, D]`, value `[..., N, Dv]` and an optional mask `[..., M, N]`: true
    keeps a key when i1, added to the logits when float. `scale` is 1/sqrt(D) when
    absent. The value of `outs` is not read.

    Example:
    ```mlir
    %r = tm_tensor.attention {scale = 1.250000e-01 : f64}
           ins(%q, %k, %v : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>)
           outs(%init : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyShaped>:$inputs, Variadic<AnyShaped>:$outputs,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    attr-dict (`ins` `(` $inputs^ `:` type($inputs) `)`)? `outs` `(` $outputs `:` type($outputs) `)`
    (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Value getQuery() { return getInputs()[0]; }
    ::mlir::Value getKey() { return getInputs()[1]; }
    ::mlir::Value getValue() { return getInputs()[2]; }
    /// The mask, or null.
    ::mlir::Value getMask() { return getInputs().size() > 3 ? getInputs()[3] : ::mlir::Value(); }
  }];
}

def TMTensor_ScatterOp : TMTensor_Op<"scatter",
    [AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
     SingleBlock]> {
  let summary = "Scatter of torch-mlir";
  let description = [{
    Writes slices of the updates (first input) to the places of the original that
    the indices (second input, `[updates, index depth]`) name; the region combines
    an update with the element in its place. `dimension_map` holds the dims of the
    original that an index addresses.
  }];
  let arguments = (ins Variadic<AnyShaped>:$inputs, Variadic<AnyShaped>:$outputs,
    DenseI64ArrayAttr:$dimension_map, DefaultValuedAttr<BoolAttr, "true">:$unique_indices);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$region);
  let assemblyFormat = [{
    attr-dict `unique_indices` `(` $unique_indices `)` (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` $region (`->` type($results)^)?
  }];
  let hasVerifier = 1;
}

def TMTensor_ScanOp : TMTensor_Op<"scan",
    [AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
     SingleBlock]> {
  let summary = "Scan of torch-mlir, as in a cumulative sum";
  let description = [{
    Combines the elements along `dimension`, each with (`inclusive`) or without
    itself, from the value of the second output on; outputs are the running values
    and the last of them. Exports of transformers compute positions with it.
  }];
  let arguments = (ins Variadic<AnyShaped>:$inputs, Variadic<AnyShaped>:$outputs,
    I64Attr:$dimension, BoolAttr:$inclusive);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$region);
  let assemblyFormat = [{
    attr-dict `dimension` `(` $dimension `)` `inclusive` `(` $inclusive `)`
    `ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $outputs `:` type($outputs) `)`
    $region (`->` type($results)^)?
  }];
  let hasVerifier = 1;
}

def TMTensor_SortOp : TMTensor_Op<"sort",
    [AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
     SingleBlock]> {
  let summary = "Sort of torch-mlir";
  let description = [{
    Sorts the outputs along `dimension`, all by the order that the region gives.
  }];
  let arguments = (ins Variadic<AnyShaped>:$inputs, Variadic<AnyShaped>:$outputs,
    I64Attr:$dimension);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$region);
  let assemblyFormat = [{
    attr-dict `dimension` `(` $dimension `)` (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` $region (`->` type($results)^)?
  }];
  let hasVerifier = 1;
}

def TMTensor_YieldOp : TMTensor_Op<"yield", [Pure, Terminator]> {
  let summary = "Terminator of tm_tensor regions";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
}

#endif // DASHKV_DIALECT_INTEROP_TMTENSOROPS
