//===- IREELinalgExtOps.td - Shim of IREE's iree_linalg_ext ----*- tablegen -*-===//
//
// The attention ops of the `iree_linalg_ext` dialect in the syntax of IREE 3.13.
// They parse, print and verify ranks; other iree_linalg_ext ops pass through in
// generic form.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_DIALECT_INTEROP_IREELINALGEXTOPS
#define DASHKV_DIALECT_INTEROP_IREELINALGEXTOPS

include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def IREELinalgExt_Dialect : Dialect {
  let name = "iree_linalg_ext";
  let cppNamespace = "::mlir::dashkv::iree_linalg_ext";
  let summary = "Shim of IREE's iree_linalg_ext dialect";
  let description = [{
    Reads attention ops as IREE prints them. The project that owns the dialect is
    IREE; nothing here lowers its ops.
  }];
}

class IREELinalgExt_Op<string mnemonic, list<Trait> traits = []>
    : Op<IREELinalgExt_Dialect, mnemonic, traits>;

/// What attention and online_attention share. The maps are those of query, key,
/// value, scale, [mask] and outs over dims named (b, h, m, n, k1, k2) there: k1 is
/// our d, k2 our n, and n our dv.
class IREELinalgExt_AttentionLikeOp<string mnemonic>
    : IREELinalgExt_Op<mnemonic, [AttrSizedOperandSegments,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        SingleBlock]> {
  let arguments = (ins AnyShaped:$query, AnyShaped:$key, AnyShaped:$value, AnyFloat:$scale,
    Optional<AnyShaped>:$mask, Variadic<AnyShaped>:$outputs,
    AffineMapArrayAttr:$indexing_maps, OptionalAttr<DictionaryAttr>:$decomposition_config);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$region);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def IREELinalgExt_AttentionOp : IREELinalgExt_AttentionLikeOp<"attention"> {
  let summary = "Attention of IREE";
  let description = [{
    `softmax(region(scale * q k^T) + mask) v`, a mask of i1 keeps where it is true.
    The region modifies a score and is the identity in practice.

    Example:
    ```mlir
    #q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
    #k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
    #v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
    #s = affine_map<(b, m, n, d, dv) -> ()>
    #o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
    %r = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]>
           ins(%q, %k, %v, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32)
           outs(%init : tensor<8x1x64xf32>) {
         ^bb0(%score: f32):
           iree_linalg_ext.yield %score : f32
         } -> tensor<8x1x64xf32>
    ```
  }];
}

def IREELinalgExt_OnlineAttentionOp : IREELinalgExt_AttentionLikeOp<"online_attention"> {
  let summary = "Running softmax statistics of IREE's attention";
  let description = [{
    Adds the keys to the accumulator, row maximum and row sum in `outs`. A caller
    starts from (0, lowest finite, 0) and multiplies the accumulator by 1/sum.
  }];
}

def IREELinalgExt_YieldOp : IREELinalgExt_Op<"yield", [Pure, Terminator]> {
  let summary = "Terminator of iree_linalg_ext regions";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
}

#endif // DASHKV_DIALECT_INTEROP_IREELINALGEXTOPS
