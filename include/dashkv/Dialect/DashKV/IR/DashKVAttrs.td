//===- DashKVAttrs.td - Attributes of the dashkv dialect -------*- tablegen -*-===//
#ifndef DASHKV_DIALECT_DASHKV_IR_ATTRS
#define DASHKV_DIALECT_DASHKV_IR_ATTRS

include "dashkv/Dialect/DashKV/IR/DashKVDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class DashKV_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::dashkv";
  let genSpecializedAttr = 0;
}

def DashKV_Scope : DashKV_Enum<"Scope", "whether query heads of a group share an index list", [
    I32EnumAttrCase<"Group", 0, "group">, I32EnumAttrCase<"Head", 1, "head">]>;

def DashKV_Ties : DashKV_Enum<"Ties", "which keys of equal distance enter a tier", [
    I32EnumAttrCase<"LowestIndex", 0, "lowest_index">,
    I32EnumAttrCase<"Newest", 1, "newest">,
    I32EnumAttrCase<"Inclusive", 2, "inclusive">]>;

def DashKV_EncoderKind : DashKV_Enum<"EncoderKind", "form of a hash encoder", [
    I32EnumAttrCase<"Linear", 0, "linear">, I32EnumAttrCase<"Mlp", 1, "mlp">]>;
def DashKV_EncoderKindAttr : EnumAttr<DashKV_Dialect, DashKV_EncoderKind, "encoder_kind"> {
  let assemblyFormat = "$value";
}

def DashKV_Activation : DashKV_Enum<"Activation", "activation of a hidden layer", [
    I32EnumAttrCase<"Relu", 0, "relu">, I32EnumAttrCase<"Silu", 1, "silu">,
    I32EnumAttrCase<"Tanh", 2, "tanh">]>;
def DashKV_ActivationAttr : EnumAttr<DashKV_Dialect, DashKV_Activation, "activation"> {
  let assemblyFormat = "`<` $value `>`";
}

def DashKV_ScanForm : DashKV_Enum<"ScanForm", "how a CPU counts differing bits", [
    I32EnumAttrCase<"Table", 0, "table">, I32EnumAttrCase<"Popcount", 1, "popcount">]>;

def DashKV_Prefetch : DashKV_Enum<"Prefetch", "which rows a CPU kernel asks for ahead of use", [
    I32EnumAttrCase<"Rows", 0, "rows">, I32EnumAttrCase<"Repeated", 1, "repeated">,
    I32EnumAttrCase<"None", 2, "none">]>;

def DashKV_ListFetch : DashKV_Enum<"ListFetch", "how rows of several index lists are fetched", [
    I32EnumAttrCase<"Each", 0, "each">, I32EnumAttrCase<"Union", 1, "union">]>;

def DashKV_TileConfigAttr : AttrDef<DashKV_Dialect, "TileConfig"> {
  let mnemonic = "tile_config";
  let summary = "Tile sizes and forms of a kernel on one CPU";
  let description = [{
    Chosen by `dashkv-select-tile-config` for a target, followed by
    `dashkv-tile-and-fuse` and `convert-dashkv-to-vector`, which ask nothing else
    of the target.

    | field | meaning |
    |---|---|
    | `vector` | bytes of a vector: 64 (AVX-512) or 32 (AVX2) |
    | `keys` | keys of a softmax block |
    | `splits` | parts into which the keys of a KV head are cut |
    | `scan` | `table`: byte shuffles of nibble tables; `popcount`: `math.ctpop` |
    | `prefetch` | `rows`: rows of this and the next block; `repeated`: again shortly before use, for CPUs that drop prefetches; `none` |
    | `lists` | `each`: list by list; `union`: a row that several lists hold is read once |

    Example: `#dashkv.tile_config<vector = 32, splits = 2>`
  }];
  let parameters = (ins
    "int64_t":$vector, DefaultValuedParameter<"int64_t", "32">:$keys,
    DefaultValuedParameter<"int64_t", "1">:$splits,
    DefaultValuedParameter<"::mlir::dashkv::ScanForm", "::mlir::dashkv::ScanForm::Table">:$scan,
    DefaultValuedParameter<"::mlir::dashkv::Prefetch", "::mlir::dashkv::Prefetch::Rows">:$prefetch,
    DefaultValuedParameter<"::mlir::dashkv::ListFetch", "::mlir::dashkv::ListFetch::Each">:$lists);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// f32 lanes of a vector.
    int64_t getLanes() const { return getVector() / 4; }
  }];
}

def DashKV_TieringAttr : AttrDef<DashKV_Dialect, "Tiering"> {
  let mnemonic = "tiering";
  let summary = "How many keys each tier takes and how they are chosen";
  let description = [{
    | field | default | meaning |
    |---|---|---|
    | `full`, `full_min`, `full_max` | 0.05, 128, none | budget of the full tier |
    | `mid`, `mid_min`, `mid_max` | 0.0, 0, none | budget of the mid tier, whose logits are estimated |
    | `sinks`, `window` | 4, 64 | first and last visible keys, always in the full tier |
    | `scope` | `group` | one list a KV head, or `head`: one a query head |
    | `ties` | `lowest_index` | `newest`: highest index first; `inclusive`: the whole tie class enters |
    | `bits_fraction` | 2 | r, fractional bits of calibrated distances, 0 to 6 |
    | `vote_threshold` | Hc / 3 | votes must exceed it |
    | `vote_fraction` | as `full` | percentile that serves as the radius when none is given |
    | `dense_below` | 4096 | keys of the longest sequence under which the op is exact |
    | `kept_votes` | 1 | lists that must hold a key for `kept` |

    `budget(limit) = clamp(ceil(fraction * limit), min, max)`. Fractions are
    held as integer millionths, so that every target rounds alike **[ours]**.
    The defaults are ours (the paper does not publish its values). A field is
    printed only where it differs from its default.

    Example: `#dashkv.tiering<full = 0.02, scope = head>`

    (c6) fractions are in [0, 1], min <= max, sinks and window >= 0.
  }];
  let parameters = (ins
    "int64_t":$full, "int64_t":$fullMin, "int64_t":$fullMax,
    "int64_t":$mid, "int64_t":$midMin, "int64_t":$midMax,
    "int64_t":$sinks, "int64_t":$window,
    "::mlir::dashkv::Scope":$scope, "::mlir::dashkv::Ties":$ties,
    "int64_t":$bitsFraction, "int64_t":$voteThreshold, "int64_t":$voteFraction,
    "int64_t":$denseBelow, "int64_t":$keptVotes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Value of an optional field that was not given.
    static constexpr int64_t none = -1;
    /// The default tiering.
    static TieringAttr getDefault(::mlir::MLIRContext *context);
    /// Parses `full=2%,scope=head,...` (the form of command lines): the fields
    /// above, fractions also as percentages. Errors go to `error`.
    static ::mlir::FailureOr<TieringAttr> parseText(::mlir::MLIRContext *context,
                                                    ::llvm::StringRef text,
                                                    std::string &error);

    /// Number of keys that the tier takes of `limit` visible ones.
    int64_t getFullBudget(int64_t limit) const;
    int64_t getMidBudget(int64_t limit) const;
    /// Smallest capacity that no list of `keys` keys can overflow.
    int64_t getFullCapacity(int64_t keys, bool hasForced) const;
    int64_t getMidCapacity(int64_t keys) const;
    bool hasMid() const { return getMid() > 0 || getMidMin() > 0; }
    int64_t getVoteThresholdFor(int64_t codeHeads) const {
      return getVoteThreshold() == none ? codeHeads / 3 : getVoteThreshold();
    }
    int64_t getVoteFractionOrFull() const {
      return getVoteFraction() == none ? getFull() : getVoteFraction();
    }
  }];
}

#endif // DASHKV_DIALECT_DASHKV_IR_ATTRS
