//===- DashKVOps.td - Ops of the dashkv dialect ----------------*- tablegen -*-===//
//
// Model level: attention, hash_encode, tiered_attention. Step level: the rest.
// The labels (c1) to (c15) stand here, at the check and at its test.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_DIALECT_DASHKV_IR_OPS
#define DASHKV_DIALECT_DASHKV_IR_OPS

include "dashkv/Dialect/DashKV/IR/DashKVAttrs.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"
include "mlir/IR/BuiltinAttributes.td"

def DashKV_Shaped : AnyTypeOf<[AnyRankedTensor, AnyMemRef], "ranked tensor or memref",
                              "::mlir::ShapedType">;

/// An op in destination-passing style on tensors or memrefs. The operands in
/// `outs` come last; `firstInit` is the index of their first group.
class DashKV_StructuredOp<string mnemonic, int firstInit, list<Trait> traits = []>
    : Op<DashKV_Dialect, mnemonic, !listconcat(traits, [
        DestinationStyleOpInterface, InferTypeOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<TilingInterface, [
          "getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
          "getResultTilePosition", "generateResultTileValue",
          "getIterationDomainTileFromResultTile", "isOpFusableWithConsumerSlice"]>])> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let hasFolder = 1;
  code baseClassDeclaration = [{
    /// Index of the first operand group that belongs to `outs`.
    static constexpr int firstInitGroup = }] # firstInit # [{;
    ::mlir::MutableOperandRange getDpsInitsMutable();
    static ::llvm::LogicalResult
    inferReturnTypes(::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
                     ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
                     ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
                     ::llvm::SmallVectorImpl<::mlir::Type> &inferred);
    static bool isCompatibleReturnTypes(::mlir::TypeRange l, ::mlir::TypeRange r) { return l == r; }
  }];
  let extraClassDeclaration = baseClassDeclaration;
}

/// An op that adds keys to softmax statistics: parts of the keys give partials,
/// which `dashkv.merge` joins.
def DashKV_PartialReduction : DeclareOpInterfaceMethods<PartialReductionOpInterface, [
  "generateInitialTensorForPartialReduction", "tileToPartialReduction", "mergeReductions",
  "getPartialResultTilePosition"]>;

//===----------------------------------------------------------------------===//
// Model level
//===----------------------------------------------------------------------===//

def DashKV_ModelOps : OpDocGroup {
  let summary = "Model level";
  let description = "What graphs are raised to, and what users write.";
}
let opDocGroup = DashKV_ModelOps in {

/// What the ops on queries, keys and values share: layouts by maps and a scale.
class DashKV_AttentionLikeOp<string mnemonic, int firstInit, list<Trait> traits = []>
    : DashKV_StructuredOp<mnemonic, firstInit, !listconcat([AttrSizedOperandSegments], traits)> {
  code attentionClassDeclaration = baseClassDeclaration # [{
    /// Maps of query, key, value, [mask] and out: those given, or the default.
    ::llvm::SmallVector<::mlir::AffineMap> getMaps();
    /// Names of the iteration dims. Valid ops always have them.
    ::mlir::dashkv::AttentionDims getDims();
    /// The scale given, or 1/sqrt(D); fails when D is dynamic and none is given.
    ::mlir::FailureOr<float> getScaleValue();
  }];
  let extraClassDeclaration = attentionClassDeclaration;
}

def DashKV_AttentionOp : DashKV_AttentionLikeOp<"attention", 8> {
  let summary = "Exact attention";
  let description = [{
    `out = softmax(scale * Q K^T + mask) V`, sums and softmax statistics in f32.

    - query `[B,Hq,M,D]`, key `[B,Hkv,N,D]`, value `[B,Hkv,N,Dv]`, out
      `[B,Hq,M,Dv]`; query head h reads KV head `h div G`. Other layouts by
      `indexing_maps` over (b, h, m, n, d, dv), in the order query, key, value,
      [mask], out; with (b, h, g, m, n, d, dv) the group is a dim of its own.
    - `mask`: float, added to the logits; `[B,Hq,M,N]`, or any projection of it
      that has the key dim. A query row that has no key left gives 0.
    - `lengths [B] i32`: keys `n >= lengths[b]` do not exist.
    - `block_table [B,T] i32`: a paged cache **[ours]**. key and value are then pools
      of P pages of S rows that all sequences share: their `b` counts pages and
      their `n` rows of a page, so `[P,Hkv,S,D]` by default and `[P,S,Hkv,D]` by
      maps. Key n of sequence b is row `n mod S` of page `block_table[b, n div S]`,
      and N = T * S. Entries of which no key exists may be anything and are never
      followed; a page may serve several sequences.
    - `kv_scales [Hkv] f32` (key, value): factors of f8 keys and values.
    - `scale`: 1/sqrt(D) when absent; no unit.
    - `causal`: row m sees keys `n <= lengths[b] - M + m` (bottom-right).
    - `lse [B,Hq,M] f32`: natural logarithm of the sum of exponentials, -inf for
      an empty row.

    (c1) q, k, v are f16, bf16 or f32, k and v also f8E4M3FN with `kv_scales`;
    (c2) Hq is a multiple of Hkv; (c4) ranks and dims agree through the maps;
    (c5) maps are projected permutations; (c12) lengths are `[B] i32`;
    (c14) results agree with outs; (c15) a block table is `[B,T] i32`, keys and
    values have the same pages, N = T * S, and P * S is below 2^31.

    An op and not a chain of generics, because everything downstream (tiering,
    choice of kernel) starts from knowing that it is attention.

    Example:
    ```mlir
    %0 = dashkv.attention ins(%q, %k, %v : tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>)
           outs(%init : tensor<1x32x1x128xf16>) {scale = 0.0883883461 : f32}
    ```
  }];
  let arguments = (ins DashKV_Shaped:$query, DashKV_Shaped:$key, DashKV_Shaped:$value,
    Optional<DashKV_Shaped>:$mask, Optional<DashKV_Shaped>:$lengths,
    Optional<DashKV_Shaped>:$block_table,
    Optional<DashKV_Shaped>:$key_scale, Optional<DashKV_Shaped>:$value_scale,
    DashKV_Shaped:$init, Optional<DashKV_Shaped>:$lse_init,
    OptionalAttr<F32Attr>:$scale, UnitAttr:$causal,
    OptionalAttr<AffineMapArrayAttr>:$indexing_maps);
  let assemblyFormat = [{
    (`causal` $causal^)? `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    (`mask` `(` $mask^ `:` type($mask) `)`)? (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`block_table` `(` $block_table^ `:` type($block_table) `)`)?
    (`kv_scales` `(` $key_scale^ `,` $value_scale `:` type($key_scale) `,` type($value_scale) `)`)?
    `outs` `(` $init `:` type($init) `)` (`lse` `(` $lse_init^ `:` type($lse_init) `)`)? attr-dict
  }];
  let hasCanonicalizer = 1;
}

def DashKV_HashEncodeOp : DashKV_StructuredOp<"hash_encode", 3, [AttrSizedOperandSegments]> {
  let summary = "Hash vectors to binary or weighted codes";
  let description = [{
    `linear`: `z = x W (+ b)` **[paper, keys]**. `mlp`:
    `z = W3 a(W2 a(W1 x + b1) + b2) + b3` **[paper, queries]** with the
    activation a (`relu`, `silu` or `tanh`) **[ours]**. All sums in f32.

    - input `[B,H,M,D]`, weights `[D,L]` (shared by the heads) or `[H,D,L]`,
      biases `[L]` or `[H,L]`; hidden sizes follow from the weights.
    - `group = G`: the input of an encoder is the concatenation of G neighbouring
      heads (G*D values), and the result has H/G heads.
    - `levels = 1`: packed result `[B,Hc,M,L/8] i8`, `bit_b = z_b > 0` (0 and NaN
      give 0).
    - `levels = W` (2 to 15) **[ours]**: weighted result `[B,Hc,M,L] i8`,
      `w_b = sign(z_b) * min(W, floor(|z_b| * s))` with
      `s = min((W + 1) / max|z|, 126 / sum|z|)`, at most the largest finite f32; NaN counts as 0 and infinities as
      the largest finite value.
    - `code_scale [B,Hc,M] f32` = 1/s (1 when packed, 0 for an all-zero row), so
      that `w_b * code_scale` approximates `z_b`.

    (c1) float input and weights; (c3) L is a multiple of 8 in 8..256; (c4) heads
    and rows agree; (c9) weights chain; (c10) an mlp has an activation, a linear
    encoder has none; (c14) results agree with outs.

    Example:
    ```mlir
    %codes = dashkv.hash_encode linear ins(%k : tensor<1x8x64x128xf16>) weights(%w : tensor<8x128x64xf32>)
               biases(%b : tensor<8x64xf32>) outs(%init : tensor<1x8x64x8xi8>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$input, Variadic<DashKV_Shaped>:$weights,
    Variadic<DashKV_Shaped>:$biases, DashKV_Shaped:$init, Optional<DashKV_Shaped>:$scale_init,
    DashKV_EncoderKindAttr:$kind, OptionalAttr<DashKV_ActivationAttr>:$activation,
    DefaultValuedAttr<I64Attr, "1">:$levels, DefaultValuedAttr<I64Attr, "1">:$group);
  let assemblyFormat = [{
    `` $kind `ins` `(` $input `:` type($input) `)` `weights` `(` $weights `:` type($weights) `)`
    (`biases` `(` $biases^ `:` type($biases) `)`)?
    `outs` `(` $init `:` type($init) `)` (`code_scale` `(` $scale_init^ `:` type($scale_init) `)`)? attr-dict
  }];
}

def DashKV_TieredAttentionOp : DashKV_AttentionLikeOp<"tiered_attention", 20> {
  let summary = "Attention over the nearest keys, chosen by codes";
  let description = [{
    Approximate. Expands to `retrieve`, `online_attention` over the full lists,
    [`estimate_scores`, `online_reduce` over the mid lists], `finalize`. Keys that
    no list holds are skipped in this step and remain candidates in the next
    (reactivation **[paper]**). With `full = 1.0` the result equals
    `dashkv.attention` up to rounding. With M > 1 rows it is always causal
    (bottom-right).

    - query, key, value, `lengths`, `block_table`, `kv_scales`, `scale`,
      `indexing_maps` (query, key, value, out) as in `dashkv.attention`. Codes and
      flags of keys are not paged: they go by n;
    - `codes`: query codes `[B,Hc,M,L/8]` (packed) or `[B,Hc,M,L]` (weighted) and
      key codes `[B,Hkv,N,L/8]` (key-major) or `[B,Hkv,NB,L/8,64]` (byte planes)
      with NB = ceil(N / 64). In byte planes `forced`, `prior` and `kept` have
      NB * 64 keys; those at and past N, whatever their codes, take no part;
    - `forced [B,N] i1`: keys of the full tier whatever their distance;
    - `prior [B,N] i1`, `prior_discount [Hc] i16`, `vote_discount [Hc] i16`,
      `radius [B,Hc,M] i32`: see `dashkv.calibrate`;
    - `code_scale`, `temperature`, `bias`, `table`, `mlp_weights`, `mlp_biases`:
      see `dashkv.estimate_scores`; temperature and bias are there iff the tiering
      has a mid tier;
    - `lse [B,Hq,M] f32` over the keys that took part;
    - `kept [B,N] i1`: n is in the full list of some row of at least `kept_votes`
      list heads; the next layer's `prior`.

    When no sequence has `dense_below` keys the op is exact, and `kept` is
    `n < lengths[b]` **[ours]**.

    (c1) to (c15) as for the ops it expands to.

    Example:
    ```mlir
    %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>)
           codes(%qc, %kc : tensor<1x8x1x64xi8>, tensor<1x8x?x8xi8>)
           outs(%init : tensor<1x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>}
    ```
  }];
  let arguments = (ins DashKV_Shaped:$query, DashKV_Shaped:$key, DashKV_Shaped:$value,
    DashKV_Shaped:$query_codes, DashKV_Shaped:$key_codes,
    Optional<DashKV_Shaped>:$lengths, Optional<DashKV_Shaped>:$block_table,
    Optional<DashKV_Shaped>:$forced,
    Optional<DashKV_Shaped>:$prior, Optional<DashKV_Shaped>:$vote_discount,
    Optional<DashKV_Shaped>:$prior_discount, Optional<DashKV_Shaped>:$radius,
    Optional<DashKV_Shaped>:$code_scale, Optional<DashKV_Shaped>:$temperature,
    Optional<DashKV_Shaped>:$bias, Optional<DashKV_Shaped>:$table,
    Variadic<DashKV_Shaped>:$mlp_weights, Variadic<DashKV_Shaped>:$mlp_biases,
    Optional<DashKV_Shaped>:$key_scale, Optional<DashKV_Shaped>:$value_scale,
    DashKV_Shaped:$init, Optional<DashKV_Shaped>:$lse_init, Optional<DashKV_Shaped>:$kept_init,
    DashKV_TieringAttr:$tiering, OptionalAttr<F32Attr>:$scale,
    OptionalAttr<DashKV_ActivationAttr>:$activation,
    OptionalAttr<AffineMapArrayAttr>:$indexing_maps);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    `codes` `(` $query_codes `,` $key_codes `:` type($query_codes) `,` type($key_codes) `)`
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`block_table` `(` $block_table^ `:` type($block_table) `)`)? (`forced` `(` $forced^ `:` type($forced) `)`)?
    (`prior` `(` $prior^ `:` type($prior) `)`)? (`vote_discount` `(` $vote_discount^ `:` type($vote_discount) `)`)?
    (`prior_discount` `(` $prior_discount^ `:` type($prior_discount) `)`)? (`radius` `(` $radius^ `:` type($radius) `)`)?
    (`code_scale` `(` $code_scale^ `:` type($code_scale) `)`)?
    (`scoring` `(` $temperature^ `,` $bias `:` type($temperature) `,` type($bias) `)`)?
    (`table` `(` $table^ `:` type($table) `)`)?
    (`mlp` `(` $mlp_weights^ `:` type($mlp_weights) `)` `biases` `(` $mlp_biases `:` type($mlp_biases) `)`)?
    (`kv_scales` `(` $key_scale^ `,` $value_scale `:` type($key_scale) `,` type($value_scale) `)`)?
    `outs` `(` $init `:` type($init) `)` (`lse` `(` $lse_init^ `:` type($lse_init) `)`)?
    (`kept` `(` $kept_init^ `:` type($kept_init) `)`)? attr-dict
  }];
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Step level: from codes to index lists
//===----------------------------------------------------------------------===//

def DashKV_RetrievalOps : OpDocGroup {
  let summary = "Retrieval steps";
  let description = "From codes to index lists, in integers: results are the same on every target.";
}
let opDocGroup = DashKV_RetrievalOps in {

def DashKV_HammingDistanceOp : DashKV_StructuredOp<"hamming_distance", 2> {
  let summary = "Count differing bits between query and key codes";
  let description = [{
    Packed: `out[b,h,m,n] = popcount(qc[b,h,m,:] xor kc[b,kv(h),n,:])`, 0 to L.
    Weighted **[ours]**: `sum over b of |w_b| * [k_b != (w_b > 0)]`, 0 to 127.
    `kv(h) = h div (Hc / Hkv)`. The result is `[B,Hc,M,N] i8` (unsigned), `i16`
    when packed with L = 256. All N keys have a distance.

    Key codes are `[B,Hkv,N,L/8]` (key-major), or `[B,Hkv,NB,L/8,64]` (byte planes
    **[ours]**, the `linalg.pack` of key-major codes with tiles of 64 keys): byte j
    of key n is at `[.., n div 64, j, n mod 64]`, and N is NB * 64.

    (c1) codes are i8; (c2) Hc is a multiple of Hkv; (c3) key codes are of L/8
    bytes, in byte planes of 64 keys, query codes end in L/8 (packed) or L
    (weighted) bytes; (c4) batches agree; (c14) results agree with outs.

    An op and not a generic, because its bit width steers vector and warp
    lowering.

    Example:
    ```mlir
    %d = dashkv.hamming_distance ins(%qc, %kc : tensor<1x32x1x8xi8>, tensor<1x8x1024x8xi8>)
           outs(%init : tensor<1x32x1x1024xi8>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$query_codes, DashKV_Shaped:$key_codes, DashKV_Shaped:$init);
  let assemblyFormat = [{
    `ins` `(` $query_codes `,` $key_codes `:` type($query_codes) `,` type($key_codes) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict
  }];
}

def DashKV_CalibrateOp : DashKV_StructuredOp<"calibrate", 6, [AttrSizedOperandSegments]> {
  let summary = "Correct distances by agreement between heads and by the previous layer";
  let description = [{
    Structure **[paper]**, fixed point **[ours]**:
    ```
    votes[b,m,n] = #{ h : D[b,h,m,n] <= radius[b,h,m] }
    out[b,h,m,n] = (D[b,h,m,n] << r) - vote_discount[h] * [votes[b,m,n] > vote_threshold]
                   - prior_discount[h] * prior[b,n]
    ```
    in i32, truncated to the i16 result `[B,Hc,M,N]`; negative values stay. No
    `vote_discount`: no votes. No `radius [B,Hc,M] i32` but a `vote_discount`:
    the radius is the k-th smallest distance of the visible keys of the row,
    `k = ceil(vote_fraction * limit)`, and -1 when k = 0.

    (c1) distances are i8 (unsigned) or i16; (c4) dims agree; (c8) discounts are
    i16, a constant one is >= 0; (c11) prior is `[B,N] i1`; (c12) lengths are
    `[B] i32`; (c14) results agree with outs.

    Example:
    ```mlir
    %f = dashkv.calibrate ins(%d : tensor<1x32x1x1024xi8>) vote_discount(%v : tensor<32xi16>)
           outs(%init : tensor<1x32x1x1024xi16>) {tiering = #dashkv.tiering<>}
    ```
  }];
  let arguments = (ins DashKV_Shaped:$distances, Optional<DashKV_Shaped>:$lengths,
    Optional<DashKV_Shaped>:$prior, Optional<DashKV_Shaped>:$vote_discount,
    Optional<DashKV_Shaped>:$prior_discount, Optional<DashKV_Shaped>:$radius,
    DashKV_Shaped:$init, DashKV_TieringAttr:$tiering);
  let assemblyFormat = [{
    `ins` `(` $distances `:` type($distances) `)` (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`prior` `(` $prior^ `:` type($prior) `)`)? (`vote_discount` `(` $vote_discount^ `:` type($vote_discount) `)`)?
    (`prior_discount` `(` $prior_discount^ `:` type($prior_discount) `)`)? (`radius` `(` $radius^ `:` type($radius) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict
  }];
}

defvar selectDescription = [{
    ```
    limit  = clamp(lengths[b] - M + 1 + m, 0, N)
    forced = n < sinks, or n >= limit - window, or forced[b,n]   (all below limit)
    order  = candidates sorted by (distance, tie); candidates are visible and not forced
    full   = forced + the first min(budget_full(limit), #candidates) of order
    mid    = the next min(budget_mid(limit), #candidates left) of order
    ```
    Scope `head` **[paper]**: one list a query head (needs Hc = Hq). Scope `group`
    **[ours]**: one list a KV head, by the i32 sum of the distances of the
    group's code heads. `ties = inclusive`: every candidate at the distance of
    the last one enters as well.

    Lists are `[B,Hl,M,C] i32`, ascending, padded with -1; counts and thresholds
    `[B,Hl,M] i32`. A threshold is the largest distance of the candidates in the
    tier, -2147483648 when there is none. A list longer than C is cut. `kept
    [B,N] i1`: at least `kept_votes` list heads hold n in the full list of some
    row. The result is a set: any algorithm with the same set conforms.

    (c7) static capacities hold the static upper bound of the budget (N when
    `inclusive` or `forced` is given); (c11) forced and prior are `[B,N] i1`;
    (c12) lengths are `[B] i32`; (c14) results agree with outs.
}];

def DashKV_SelectOp : DashKV_StructuredOp<"select", 3, [AttrSizedOperandSegments]> {
  let summary = "Choose the keys of each tier by calibrated distance";
  let description = selectDescription # [{
    Example:
    ```mlir
    %i, %c, %t = dashkv.select ins(%f : tensor<1x32x1x1024xi16>)
        outs(%i0, %c0, %t0 : tensor<1x8x1x196xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<>}
    ```
  }];
  let arguments = (ins DashKV_Shaped:$distances, Optional<DashKV_Shaped>:$lengths,
    Optional<DashKV_Shaped>:$forced,
    DashKV_Shaped:$full_indices, DashKV_Shaped:$full_counts, DashKV_Shaped:$full_threshold,
    Optional<DashKV_Shaped>:$mid_indices, Optional<DashKV_Shaped>:$mid_counts,
    Optional<DashKV_Shaped>:$mid_threshold, Optional<DashKV_Shaped>:$kept_init,
    DashKV_TieringAttr:$tiering);
  let assemblyFormat = [{
    `ins` `(` $distances `:` type($distances) `)` (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`forced` `(` $forced^ `:` type($forced) `)`)?
    `outs` `(` $full_indices `,` $full_counts `,` $full_threshold `:` type($full_indices) `,` type($full_counts) `,` type($full_threshold) `)`
    (`mid` `(` $mid_indices^ `,` $mid_counts `,` $mid_threshold `:` type($mid_indices) `,` type($mid_counts) `,` type($mid_threshold) `)`)?
    (`kept` `(` $kept_init^ `:` type($kept_init) `)`)? attr-dict
  }];
}

def DashKV_RetrieveOp : DashKV_StructuredOp<"retrieve", 8, [AttrSizedOperandSegments]> {
  let summary = "Distances, calibration and selection in one step";
  let description = !strconcat([{
    `hamming_distance`, `calibrate` and `select` as one op, so that results of
    size N need never exist. Operands as there; N is that of the key codes, and
    `lengths` leaves out what byte planes hold past the last key.
  }], selectDescription, [{
    (c1) to (c4) as for `hamming_distance`, (c8) as for `calibrate`.

    Example:
    ```mlir
    %i, %c, %t = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x64xi8>, tensor<1x8x1024x8xi8>)
        outs(%i0, %c0, %t0 : tensor<1x8x1x196xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<>}
    ```
  }]);
  let arguments = (ins DashKV_Shaped:$query_codes, DashKV_Shaped:$key_codes,
    Optional<DashKV_Shaped>:$lengths, Optional<DashKV_Shaped>:$forced,
    Optional<DashKV_Shaped>:$prior, Optional<DashKV_Shaped>:$vote_discount,
    Optional<DashKV_Shaped>:$prior_discount, Optional<DashKV_Shaped>:$radius,
    DashKV_Shaped:$full_indices, DashKV_Shaped:$full_counts, DashKV_Shaped:$full_threshold,
    Optional<DashKV_Shaped>:$mid_indices, Optional<DashKV_Shaped>:$mid_counts,
    Optional<DashKV_Shaped>:$mid_threshold, Optional<DashKV_Shaped>:$kept_init,
    DashKV_TieringAttr:$tiering);
  let assemblyFormat = [{
    `codes` `(` $query_codes `,` $key_codes `:` type($query_codes) `,` type($key_codes) `)`
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)? (`forced` `(` $forced^ `:` type($forced) `)`)?
    (`prior` `(` $prior^ `:` type($prior) `)`)? (`vote_discount` `(` $vote_discount^ `:` type($vote_discount) `)`)?
    (`prior_discount` `(` $prior_discount^ `:` type($prior_discount) `)`)? (`radius` `(` $radius^ `:` type($radius) `)`)?
    `outs` `(` $full_indices `,` $full_counts `,` $full_threshold `:` type($full_indices) `,` type($full_counts) `,` type($full_threshold) `)`
    (`mid` `(` $mid_indices^ `,` $mid_counts `,` $mid_threshold `:` type($mid_indices) `,` type($mid_counts) `,` type($mid_threshold) `)`)?
    (`kept` `(` $kept_init^ `:` type($kept_init) `)`)? attr-dict
  }];
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Step level: attention over lists
//===----------------------------------------------------------------------===//

def DashKV_ListOps : OpDocGroup {
  let summary = "Softmax steps";
  let description = "Attention in pieces: running maximum, sum and weighted values in f32.";
}
let opDocGroup = DashKV_ListOps in {

def DashKV_EstimateScoresOp : DashKV_StructuredOp<"estimate_scores", 10, [AttrSizedOperandSegments]> {
  let summary = "Logits of listed keys from codes alone";
  let description = [{
    Mid-tier logits without reading keys **[paper: hash dot product + residual
    MLP]**: with `dot = S - 2 D`, S = L (packed) or the sum of |w_b| (weighted),
    `out = temperature[h] * code_scale[b,h,m] * dot + bias[h] + residual`, in the
    units of `scale * q.k` (natural logarithm).

    - `codes`: as for `dashkv.hamming_distance`, key-major or in byte planes;
    - `list`: indices `[B,Hl,M,C]` and counts `[B,Hl,M]` of `dashkv.select`;
    - `scoring`: temperature and bias, `[Hq] f32`; `code_scale [B,Hc,M] f32`, 1 when absent;
    - residual: none, a `table [Hq or 1, L+1 or 128] f32` indexed by D, or an `mlp`
      with `activation` on the 2L values (h_q, h_k) in {-1,+1}, weights `[2L,h1]`,
      `[h1,h2]`, `[h2,1]` or with a leading dim Hq, and biases.
    - out `[B,Hq,M,C] f32`; -inf past the count.

    (c3) code forms; (c4) dims agree; (c9) weights chain; (c10) an mlp has an
    activation; (c13) the table has L+1 columns (packed) or 128 (weighted);
    (c14) results agree with outs.

    Example:
    ```mlir
    %s = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x64xi8>, tensor<1x8x1024x8xi8>)
           list(%i, %c : tensor<1x8x1x52xi32>, tensor<1x8x1xi32>) scoring(%t, %b : tensor<32xf32>, tensor<32xf32>)
           outs(%init : tensor<1x32x1x52xf32>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$query_codes, DashKV_Shaped:$key_codes,
    DashKV_Shaped:$indices, DashKV_Shaped:$counts,
    DashKV_Shaped:$temperature, DashKV_Shaped:$bias, Optional<DashKV_Shaped>:$code_scale,
    Optional<DashKV_Shaped>:$table, Variadic<DashKV_Shaped>:$mlp_weights,
    Variadic<DashKV_Shaped>:$mlp_biases, DashKV_Shaped:$init,
    OptionalAttr<DashKV_ActivationAttr>:$activation);
  let assemblyFormat = [{
    `codes` `(` $query_codes `,` $key_codes `:` type($query_codes) `,` type($key_codes) `)`
    `list` `(` $indices `,` $counts `:` type($indices) `,` type($counts) `)`
    `scoring` `(` $temperature `,` $bias `:` type($temperature) `,` type($bias) `)`
    (`code_scale` `(` $code_scale^ `:` type($code_scale) `)`)? (`table` `(` $table^ `:` type($table) `)`)?
    (`mlp` `(` $mlp_weights^ `:` type($mlp_weights) `)` `biases` `(` $mlp_biases `:` type($mlp_biases) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict
  }];
}

def DashKV_OnlineAttentionOp : DashKV_AttentionLikeOp<"online_attention", 10, [DashKV_PartialReduction]> {
  let summary = "Add keys to running softmax statistics";
  let description = [{
    Adds all keys, or the listed ones, to the running statistics of `outs`: with
    logits s and `max' = maximum(max, s)`,
    `acc' = acc * exp(max - max') + sum exp(s - max') v`, `sum'` likewise.
    Associative and commutative up to rounding. Neutral start values: acc 0, max
    the lowest finite f32, sum 0.

    - query, key, value, `mask`, `lengths`, `block_table`, `kv_scales`, `scale`,
      `causal` as in `dashkv.attention`; `indexing_maps` of query, key, value,
      [mask], acc;
    - `list`: indices `[B,Hl,M,C]` and counts `[B,Hl,M]`, i32; without it all keys
      below `lengths[b]` take part. Excludes `mask` and `causal`;
    - acc `[B,Hq,M,Dv]`, max and sum `[B,Hq,M]`, f32.

    (c1) to (c5), (c12), (c14), (c15) as for `dashkv.attention`.

    Example:
    ```mlir
    %a, %m, %s = dashkv.online_attention ins(%q, %k, %v : tensor<1x32x1x128xf16>, tensor<1x8x1024x128xf16>, tensor<1x8x1024x128xf16>)
        list(%i, %c : tensor<1x8x1x196xi32>, tensor<1x8x1xi32>)
        outs(%a0, %m0, %s0 : tensor<1x32x1x128xf32>, tensor<1x32x1xf32>, tensor<1x32x1xf32>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$query, DashKV_Shaped:$key, DashKV_Shaped:$value,
    Optional<DashKV_Shaped>:$mask, Optional<DashKV_Shaped>:$indices,
    Optional<DashKV_Shaped>:$counts, Optional<DashKV_Shaped>:$lengths,
    Optional<DashKV_Shaped>:$block_table,
    Optional<DashKV_Shaped>:$key_scale, Optional<DashKV_Shaped>:$value_scale,
    DashKV_Shaped:$acc, DashKV_Shaped:$max, DashKV_Shaped:$sum,
    OptionalAttr<F32Attr>:$scale, UnitAttr:$causal,
    OptionalAttr<AffineMapArrayAttr>:$indexing_maps);
  let assemblyFormat = [{
    (`causal` $causal^)? `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    (`mask` `(` $mask^ `:` type($mask) `)`)?
    (`list` `(` $indices^ `,` $counts `:` type($indices) `,` type($counts) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`block_table` `(` $block_table^ `:` type($block_table) `)`)?
    (`kv_scales` `(` $key_scale^ `,` $value_scale `:` type($key_scale) `,` type($value_scale) `)`)?
    `outs` `(` $acc `,` $max `,` $sum `:` type($acc) `,` type($max) `,` type($sum) `)` attr-dict
  }];
}

def DashKV_OnlineReduceOp : DashKV_StructuredOp<"online_reduce", 6, [AttrSizedOperandSegments, DashKV_PartialReduction]> {
  let summary = "Add listed values with given logits to running softmax statistics";
  let description = [{
    As `dashkv.online_attention` over a list, with the logits `scores [B,Hq,M,C]
    f32` given (mid tier): reads rows of `value [B,Hkv,N,Dv]` only.
    `value_scale [Hkv] f32` is the factor of f8 and i8 values. With `block_table
    [B,T] i32` value is a pool of pages `[P,Hkv,S,Dv]` as in `dashkv.attention`.

    (c1) values are f16, bf16 or f32, or f8E4M3FN or i8 with `value_scale`; (c2) Hq is a multiple of Hkv; (c4) dims agree;
    (c14) results agree with outs; (c15) a block table is `[B,T] i32`.

    Example:
    ```mlir
    %a, %m, %s = dashkv.online_reduce ins(%scores, %v : tensor<1x32x1x52xf32>, tensor<1x8x1024x128xf16>)
        list(%i, %c : tensor<1x8x1x52xi32>, tensor<1x8x1xi32>)
        outs(%a0, %m0, %s0 : tensor<1x32x1x128xf32>, tensor<1x32x1xf32>, tensor<1x32x1xf32>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$scores, DashKV_Shaped:$value, DashKV_Shaped:$indices,
    DashKV_Shaped:$counts, Optional<DashKV_Shaped>:$block_table,
    Optional<DashKV_Shaped>:$value_scale,
    DashKV_Shaped:$acc, DashKV_Shaped:$max, DashKV_Shaped:$sum);
  let assemblyFormat = [{
    `ins` `(` $scores `,` $value `:` type($scores) `,` type($value) `)`
    `list` `(` $indices `,` $counts `:` type($indices) `,` type($counts) `)`
    (`block_table` `(` $block_table^ `:` type($block_table) `)`)?
    (`value_scale` `(` $value_scale^ `:` type($value_scale) `)`)?
    `outs` `(` $acc `,` $max `,` $sum `:` type($acc) `,` type($max) `,` type($sum) `)` attr-dict
  }];
}

def DashKV_MergeOp : DashKV_StructuredOp<"merge", 3> {
  let summary = "Merge softmax statistics of disjoint key sets";
  let description = [{
    Merges the partials `accs [S,B,Hq,M,Dv]`, `maxs` and `sums [S,B,Hq,M]` into
    those of `outs` (without the leading dim), all f32, in the order of S:
    `rescale_i = exp(max_i - max)`.

    (c1) f32; (c4) dims agree; (c14) results agree with outs.

    Example:
    ```mlir
    %a, %m, %s = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x32x1x128xf32>, tensor<4x1x32x1xf32>, tensor<4x1x32x1xf32>)
        outs(%a0, %m0, %s0 : tensor<1x32x1x128xf32>, tensor<1x32x1xf32>, tensor<1x32x1xf32>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$accs, DashKV_Shaped:$maxs, DashKV_Shaped:$sums,
    DashKV_Shaped:$acc, DashKV_Shaped:$max, DashKV_Shaped:$sum);
  let assemblyFormat = [{
    `ins` `(` $accs `,` $maxs `,` $sums `:` type($accs) `,` type($maxs) `,` type($sums) `)`
    `outs` `(` $acc `,` $max `,` $sum `:` type($acc) `,` type($max) `,` type($sum) `)` attr-dict
  }];
}

def DashKV_FinalizeOp : DashKV_StructuredOp<"finalize", 3> {
  let summary = "Turn softmax statistics into attention output";
  let description = [{
    `out = acc / sum`, `lse = max + log(sum)`; sum = 0 gives 0 and -inf. acc
    `[B,Hq,M,Dv]`, max and sum `[B,Hq,M]`, f32; out is f16, bf16 or f32.

    (c1) element types; (c4) dims agree; (c14) results agree with outs.

    Example:
    ```mlir
    %o = dashkv.finalize ins(%a, %m, %s : tensor<1x32x1x128xf32>, tensor<1x32x1xf32>, tensor<1x32x1xf32>)
           outs(%init : tensor<1x32x1x128xf16>)
    ```
  }];
  let arguments = (ins DashKV_Shaped:$acc, DashKV_Shaped:$max, DashKV_Shaped:$sum,
    DashKV_Shaped:$init, Optional<DashKV_Shaped>:$lse_init);
  let assemblyFormat = [{
    `ins` `(` $acc `,` $max `,` $sum `:` type($acc) `,` type($max) `,` type($sum) `)`
    `outs` `(` $init `:` type($init) `)` (`lse` `(` $lse_init^ `:` type($lse_init) `)`)? attr-dict
  }];
}

} // opDocGroup

#endif // DASHKV_DIALECT_DASHKV_IR_OPS
