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

def DecomposeAttentionPass : Pass<"dashkv-decompose-attention"> {
  let summary = "Take exact attention apart into its steps";
  let description = [{
    `attention` becomes `online_attention` over all keys, from neutral statistics,
    and `finalize`, so that exact attention has the kernels of the tiers. Query
    heads that are two dims become one; statistics have the default layout
    whatever that of the operands. A causal op without lengths gets them, so that
    its keys can be cut into parts.

    Exact.
    Post: no `dashkv.attention` is left.
    Example: test/Transforms/decompose-attention.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def DecomposeSoftmaxPass : Pass<"dashkv-decompose-softmax"> {
  let summary = "Take linalg.softmax apart into generics";
  let description = [{
    What raising has left of it (the softmax of logits, or of attention that was
    declined) becomes its reductions and elementwise ops, as upstream defines
    them: no later pass has loops for the op.

    Exact.
    Post: no `linalg.softmax` on tensors is left.
    Example: test/Transforms/decompose-softmax.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def TileAndFusePass : Pass<"dashkv-tile-and-fuse"> {
  let summary = "Cut the steps of attention into parallel tiles";
  let description = [{
    The steps that end in a `finalize` become one `scf.forall` over batches and KV
    heads that computes them one after the other: `hash_encode` of the queries,
    `retrieve`, `estimate_scores`, `online_attention`, `online_reduce`, `finalize`.
    A step that others need as well, or whose results depend on all heads (votes,
    `kept`), stays outside and has a loop of its own.

    Where the `splits` of an `online_attention` or `online_reduce` are more than
    one, its keys or list slots are cut into as many parts: one loop over batches,
    KV heads and parts computes partials, and `merge` joins them in order. Parts
    are equally long up to the longest sequence or list, the last ones perhaps
    empty.

    Exact up to rounding, and only with splits; results do not depend on the number
    of threads.
    Pre: dashkv-select-tile-config has run; ops on tensors.
    Example: test/Transforms/tile-and-fuse.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def VerifyContractPass : Pass<"dashkv-verify-contract"> {
  let summary = "Check that only ops of a level are left";
  let description = [{
    `tiled`: ops of dashkv are steps, and where one has a `#dashkv.tile_config` its
    fields fit the op: whole vectors in a block of keys, splits only where keys can
    be cut and no part is left to cut. `portable`: no op of dashkv or of the interop
    dialects. `llvm`: nothing but the LLVM dialect, and OpenMP where threads are
    asked for. The first other op is an error at its location. Every pipeline ends
    with one.
    Example: test/Transforms/verify-contract.mlir.
  }];
  let options = [Option<"level", "level", "::mlir::dashkv::ContractLevel",
    /*default=*/"::mlir::dashkv::ContractLevel::Portable", "Level that must have been reached",
    [{::llvm::cl::values(
      clEnumValN(::mlir::dashkv::ContractLevel::Tiled, "tiled", "steps with a legal tile_config"),
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

def ApplyTieringPass : Pass<"dashkv-apply-tiering", "::mlir::ModuleOp"> {
  let summary = "Rewrite dashkv.attention to hashed, tiered attention";
  let description = [{
    NON-NUMERIC-PRESERVING: results change beyond rounding. Runs on request only.

    `attention` of a decode step (at most 8 query rows) becomes `hash_encode` of
    the queries and `tiered_attention`. With more rows (prefill) the attention
    stays exact. At most 16 rows that all see the same keys, with a KV head for
    each query head, are the heads of a group that stand where rows do
    (`[B,Hkv,G,D]`): they become query heads of one row. What the graph does not hold becomes an argument of the
    function, named by its attribute `dashkv.role` (prefixed by `layerI.` where
    the function holds several attention ops):

    | role | shape | meaning |
    |---|---|---|
    | `key_codes` | `[B,Hkv,N,L/8] i8`; with `code-layout=planes` `[B,Hkv,NB,L/8,64] i8`, NB = ceil(N / 64) | codes of the cached keys |
    | `key_encoder.weight`, `.bias` | `[Hkv,D,L]`, `[Hkv,L] f32` | linear encoder of keys, where keys are encoded |
    | `query_encoder.weight`, `.bias` | `[Hc,G*D,L]` (`codes=group`) or `[Hc,D,L]`, `[Hc,L] f32` | encoder of queries; with `encoder=mlp` three of each, numbered |
    | `lengths` | `[B] i32` | with `lengths`: keys that exist |
    | `forced` | `[B,N] i1` | with `forced`: keys always read |
    | `prior`, `prior_discount` | `[B,N] i1`, `[Hc] i16` | with `prior`: the previous layer's kept keys and their discount |
    | `vote_discount` | `[Hc] i16` | with `votes`: discount by agreement of heads |
    | `temperature`, `bias`, `table` | `[Hq]`, `[Hq] f32`, `[Hq,L+1 or 128] f32` | with a mid tier; the table with `residual-table` |

    Keys that the function writes into its cache (`tensor.insert_slice`,
    `tensor.concat`) or makes itself are encoded where they are made, once, and
    the updated codes are a new result with role `key_codes`; with `prior` so is
    `kept [B,N] i1`. With `code-layout=planes` the codes of all keys are packed by
    `linalg.pack`, those of few new keys are written into their blocks, and flags
    of keys have `NB * 64` in the place of N. Attention that cannot be tiered stays exact and gets a missed
    remark with one of these ids and a sentence: `on-memrefs`, `mask`, `layout`,
    `dynamic-size`, `no-heads`, `not-causal`, `cache-update`, `control-flow`,
    `element-type`, `code-layout`. An analysis remark has the number tiered.

    Pre: dashkv-raise-attention has run.
    Example: test/Transforms/apply-tiering.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::dashkv::DashKVDialect", "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"tiering", "tiering", "std::string", /*default=*/"\"\"", "Fields of #dashkv.tiering as full=2%,scope=head,... ; defaults where not given">,
    Option<"codeBits", "code-bits", "int64_t", /*default=*/"64", "Length of a code">,
    Option<"levels", "levels", "int64_t", /*default=*/"7", "Largest weight of a query code; 1 is a packed code (the paper's form)">,
    Option<"codeLayout", "code-layout", "::mlir::dashkv::CodeLayout", /*default=*/"::mlir::dashkv::CodeLayout::KeyMajor",
      "Layout of the codes of keys",
      [{::llvm::cl::values(clEnumValN(::mlir::dashkv::CodeLayout::KeyMajor, "key-major", "the bytes of a code one after the other"),
                           clEnumValN(::mlir::dashkv::CodeLayout::Planes, "planes", "each byte of the codes of 64 keys in a row: what CPUs scan fastest"))}]>,
    Option<"codes", "codes", "::mlir::dashkv::CodeHeads", /*default=*/"::mlir::dashkv::CodeHeads::Group", "Who has a query code",
      [{::llvm::cl::values(clEnumValN(::mlir::dashkv::CodeHeads::Group, "group", "each KV head, from all its query heads"),
                           clEnumValN(::mlir::dashkv::CodeHeads::Head, "head", "each query head (the paper's form)"))}]>,
    Option<"encoder", "encoder", "::mlir::dashkv::EncoderKind", /*default=*/"::mlir::dashkv::EncoderKind::Linear", "Form of the query encoder",
      [{::llvm::cl::values(clEnumValN(::mlir::dashkv::EncoderKind::Linear, "linear", "one linear map"),
                           clEnumValN(::mlir::dashkv::EncoderKind::Mlp, "mlp", "two hidden layers (the paper's form)"))}]>,
    Option<"hidden", "hidden", "int64_t", /*default=*/"256", "Size of the hidden layers of an mlp">,
    Option<"activation", "activation", "::mlir::dashkv::Activation", /*default=*/"::mlir::dashkv::Activation::Silu", "Activation of an mlp",
      [{::llvm::cl::values(clEnumValN(::mlir::dashkv::Activation::Relu, "relu", "max(x, 0)"),
                           clEnumValN(::mlir::dashkv::Activation::Silu, "silu", "x / (1 + exp(-x))"),
                           clEnumValN(::mlir::dashkv::Activation::Tanh, "tanh", "tanh(x)"))}]>,
    Option<"lengths", "lengths", "bool", /*default=*/"false", "Add an argument for the number of keys that exist">,
    Option<"forced", "forced", "bool", /*default=*/"false", "Add an argument for keys that are always read">,
    Option<"prior", "prior", "bool", /*default=*/"false", "Add the previous layer's kept keys and return this layer's">,
    Option<"votes", "votes", "bool", /*default=*/"false", "Add the discount for agreement between heads">,
    Option<"residualTable", "residual-table", "bool", /*default=*/"false", "Add a table of residuals to the mid tier">,
    ListOption<"denseLayers", "dense-layers", "unsigned", "Attention ops of a function, counted from 0, that stay exact">];
}

def FuseRetrievalPass : Pass<"dashkv-fuse-retrieval"> {
  let summary = "Fuse hamming_distance, calibrate and select into retrieve";
  let description = [{
    A `select` whose distances come from `calibrate` of `hamming_distance`, and
    go nowhere else, becomes `retrieve`, so that tensors of size N need never
    exist. Exact.
    Example: test/Transforms/fuse-retrieval.mlir.
  }];
  let dependentDialects = ["::mlir::dashkv::DashKVDialect"];
}

def FinalizeSignaturesPass : Pass<"dashkv-finalize-signatures", "::mlir::ModuleOp"> {
  let summary = "Drop results that are buffer arguments, and roles";
  let description = [{
    After bufferization a cache that is updated in place and returned is an
    argument of the function. Such a result is dropped (its caller has the
    buffer), in functions that nothing in the module calls; result numbers shift
    accordingly. `dashkv.role` attributes go as well: LLVM does not know them.
    Example: test/Transforms/finalize-signatures.mlir.
  }];
}

def NormalizeAttentionPass : Pass<"dashkv-normalize-attention"> {
  let summary = "Prepare attention graphs for raising";
  let description = [{
    Unused results of generics go (the argmax that exports compute beside a
    maximum), and sizes of computed tensors are asked of the value that decides
    them, so that scores have no users but attention. A `tm_tensor.scatter` that
    copies the elements of whole rows to a position (`index_copy` of torch, by which
    static caches are written) becomes `tensor.insert_slice`. Layouts and elementwise
    ops stay as they are: dashkv-raise-attention looks through them.

    Exact.
    Example: test/Transforms/normalize-attention.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"];
}

def RaiseAttentionPass : Pass<"dashkv-raise-attention"> {
  let summary = "Raise attention graphs to dashkv.attention";
  let description = [{
    Finds `softmax(scale * q k^T + mask) v` by what it computes: contractions by
    their maps, softmax by its reductions and their start values, everything
    between by scalar expressions of the indices. Reshapes, transposes,
    broadcasts, casts and the way work is cut into ops do not matter. One-op
    forms: `tm_tensor.attention`, `iree_linalg_ext.attention`,
    `iree_linalg_ext.online_attention` with its division, `linalg.softmax`.

    Keys and values become operands where they were not repeated yet (the cache).
    A compare of key and row index is `causal` if aligned at the last key, with a
    number of keys it is `lengths`; other masks are operands at their own rank.
    Constant scales on q, k or the scores become `scale`; others multiply q.

    Exact up to rounding. A row whose keys are all masked gives 0 in
    `dashkv.attention`; graphs that give something else there are raised only if
    such rows cannot occur, or with `assume-nonempty-rows`.

    Every near miss is a `missed` remark (`--remarks-filter=dashkv`) with one of
    these ids and a sentence: `wrong-softmax-axis`, `scores-used`, `weights-used`,
    `max-identity`, `max-source`, `sum-source`, `no-max`, `extra-denominator`,
    `scale-varies`, `nonzero-init`, `dropout`, `softcap`, `score-modifier`,
    `index-bias`, `mask-without-key-dim`, `mask-multiplies`, `empty-row`,
    `kv-heads-differ`, `heads-not-divisible`, `layout`, `crosses-region`,
    `element-type`. An analysis remark has the number raised.

    Pre: dashkv-normalize-attention has run where results or sizes of the scores
    have uses. Post: no matched graph is left; what is not matched is unchanged.
    Example: test/Transforms/raise-attention.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::dashkv::DashKVDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"assumeNonemptyRows", "assume-nonempty-rows", "bool", /*default=*/"false",
      "Rows always have a key that no mask hides">,
    Option<"allowUnstabilized", "allow-unstabilized", "bool", /*default=*/"false",
      "Raise softmax without a maximum as well">,
    Option<"materializeIndexMasks", "materialize-index-masks", "bool", /*default=*/"true",
      "Make a mask operand of index expressions inside the scores (sliding windows, ALiBi)">
  ];
}

#endif // DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES
