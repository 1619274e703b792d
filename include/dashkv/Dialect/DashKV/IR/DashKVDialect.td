//===- DashKVDialect.td - The dashkv dialect -------------------*- tablegen -*-===//
#ifndef DASHKV_DIALECT_DASHKV_IR_DIALECT
#define DASHKV_DIALECT_DASHKV_IR_DIALECT

include "mlir/IR/DialectBase.td"

def DashKV_Dialect : Dialect {
  let name = "dashkv";
  let cppNamespace = "::mlir::dashkv";
  let summary = "Attention over a KV cache as retrieval by hash codes";
  let description = [{
    Ops for the DASH-KV method (arXiv 2604.19351): keys are hashed once to
    short binary codes, queries are encoded each step, the codes are scanned by
    exclusive or and popcount, and only the nearest keys are read in full
    precision. What the paper leaves open is a parameter with a default of our
    own and marked **[ours]**; what it states is marked **[paper]**.

    | symbol | meaning |
    |---|---|
    | B, M, N | batch, query rows of this step, keys in the cache |
    | Hq, Hkv, G | query heads, key/value heads, G = Hq / Hkv |
    | D, Dv | head size of queries and keys, head size of values |
    | L | code length in bits, a multiple of 8, 8 to 256 |
    | Hc | heads of the query codes: Hq (a code a head) or Hkv (a code a group) |
    | Hl | heads of the index lists: Hq (scope `head`) or Hkv (scope `group`) |
    | C | capacity of an index list |
    | r | fractional bits of calibrated distances |

    All ops are in destination-passing style and work on tensors and on
    memrefs. Result types are those of the tensors in `outs` and are not
    printed. Codes are builtin `i8` tensors: bit b of a code is bit `b mod 8` of
    byte `b div 8`. A *packed* query code has L/8 bytes like a key code; a
    *weighted* one **[ours]** has L signed bytes whose sign is the bit and whose
    magnitude is the weight, with magnitudes that add up to at most 127.

    Row m of batch b sees `limit = clamp(lengths[b] - M + 1 + m, 0, N)` keys
    (bottom-right causal), with `lengths[b] = N` where the operand is absent.

    Five attributes are discardable: `dashkv.role`, a string on arguments and
    results of functions, names what `dashkv-apply-tiering` has added;
    `dashkv.tile_config`, on any op of the step level, is the choice of
    `dashkv-select-tile-config`; `dashkv.resident` on GPU kernels and
    `dashkv.init` on allocations are marks of `convert-dashkv-to-gpu`, and
    `dashkv.independent` on an `scf.for` is one of `convert-interop-to-scf`.
  }];
  let dependentDialects = [];
  let useDefaultAttributePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let hasOperationAttrVerify = 1;
}

#endif // DASHKV_DIALECT_DASHKV_IR_DIALECT
