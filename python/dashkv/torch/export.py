"""Exports attention layers from PyTorch to MLIR (linalg on tensors) through torch-mlir.

    .venv/bin/python -m dashkv.torch.export NAME             prints one layer
    .venv/bin/python -m dashkv.torch.export --all DIRECTORY  writes every layer as DIRECTORY/NAME.mlir
    .venv/bin/python -m dashkv.torch.export --list           prints the names

From Python: `export(NAME)` returns the text. Needs torch, torch-mlir and, for the names that start with transformers,
that package, in the versions that scripts/setup.sh --tests installs.

How a name reads: model shape (llama3: Llama-3-8B, 32 query and 8 KV heads of 128; smollm2: SmolLM2-135M, 9 and 3 heads
of 64), what runs (decode: one new row against a cache; rows4: four new rows; prefill; layer: with its projections),
"dynamic" when the number of keys is known at run time only, the element type, the mask argument if any, and the
spelling. The transformers names, in the SmolLM2 shape, say instead: attention alone or the whole layer, how the cache
grows (concat: DynamicCache; static: StaticCache with a mask; empty: a prefill), and the attention implementation.
Spellings:
  (none)   torch-mlir's default decomposition of scaled_dot_product_attention, strict symbolic shapes
  kept     the op stays whole and becomes tm_tensor.attention
  loose    the default decomposition without strict symbolic shapes: dynamic operands of a product pass through
           generics that read them by tensor.extract
"""

import argparse
import os
import sys
import warnings

import torch
from torch.export import Dim
from torch_mlir import fx, ir
from torch_mlir.extras.fx_decomp_util import get_decomposition_table
from torch_mlir.passmanager import PassManager

from dashkv.torch.layers import LLAMA3_8B, SMOLLM2_135M, DecodeStep, Prefill, ProjectedDecodeStep, ProjectedPrefill

KEPT_OPS = ("scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu")
LOWERING = "builtin.module(torch-backend-to-linalg-on-tensors-backend-pipeline)"


def to_mlir(module, args, dynamic_shapes=None, spelling="", function="main"):
    """Returns linalg-on-tensors text of `module` called with `args`."""
    options = {}
    if spelling == "kept":
        table = {op: f for op, f in get_decomposition_table().items() if op._overloadpacket.__name__ not in KEPT_OPS}
        options = {"decomposition_table": table, "backend_legal_ops": ["aten.scaled_dot_product_attention"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.export about its own tree code
        result = fx.export_and_import(
            module.eval(), *args, output_type="torch", func_name=function, dynamic_shapes=dynamic_shapes, **options
        )
    with result.context:
        if spelling != "loose":
            # Sizes broadcast only where torch says so; otherwise K and V hide behind tensor.extract.
            for operation in result.body.operations:
                operation.attributes["torch.assume_strict_symbolic_shapes"] = ir.UnitAttr.get()
        PassManager.parse(LOWERING).run(result.operation)
    return str(result)


def zeros(*shape, dtype=torch.float32):
    """Every argument is a tensor of its own: one tensor passed twice is one placeholder to torch.export."""
    return torch.zeros(shape, dtype=dtype)


def mask_of(kind, rows, keys, dtype):
    return {
        "": (),
        "additive": (zeros(1, 1, rows, keys, dtype=dtype),),
        "bool": (torch.ones(1, 1, rows, keys, dtype=torch.bool),),
    }[kind]


def weights(heads, dtype):
    """wq, wk, wv, wo as torch.nn.functional.linear takes them: [out, in]."""
    hidden, kv = heads.query * heads.size, heads.kv * heads.size
    return tuple(
        zeros(*shape, dtype=dtype) for shape in ((hidden, hidden), (kv, hidden), (kv, hidden), (hidden, hidden))
    )


def decode(heads, dtype=torch.float32, keys=1024, rows=1, dynamic=True, mask="", spelling=""):
    q, new, rope, cache = (
        (1, heads.query, rows, heads.size),
        (1, heads.kv, rows, heads.size),
        (1, 1, rows, heads.size),
        (1, heads.kv, keys, heads.size),
    )
    args = tuple(zeros(*shape, dtype=dtype) for shape in (q, new, new, rope, rope, cache, cache))
    args += mask_of(mask, rows, keys, dtype)
    n = Dim("keys", min=2 * rows, max=1 << 20)
    shapes = (None,) * 5 + ({2: n}, {2: n}) + (({3: n},) if mask else ())
    return to_mlir(DecodeStep(), args, dynamic_args(DecodeStep, shapes) if dynamic else None, spelling, "decode")


def prefill(heads, dtype=torch.float32, tokens=128, dynamic=False, mask="", spelling=""):
    q, kv, rope = (1, heads.query, tokens, heads.size), (1, heads.kv, tokens, heads.size), (1, 1, tokens, heads.size)
    args = tuple(zeros(*shape, dtype=dtype) for shape in (q, kv, kv, rope, rope)) + mask_of(mask, tokens, tokens, dtype)
    m = Dim("tokens", min=2, max=1 << 20)
    shapes = ({2: m},) * 5 + (({2: m, 3: m},) if mask else ())
    return to_mlir(Prefill(), args, dynamic_args(Prefill, shapes) if dynamic else None, spelling, "prefill")


def layer_decode(heads, dtype=torch.float32, keys=1024, spelling=""):
    rope, cache = (1, 1, 1, heads.size), (1, heads.kv, keys, heads.size)
    args = (zeros(1, 1, heads.query * heads.size, dtype=dtype), *weights(heads, dtype))
    args += tuple(zeros(*shape, dtype=dtype) for shape in (rope, rope, cache, cache))
    n = Dim("keys", min=2, max=1 << 20)
    shapes = dynamic_args(ProjectedDecodeStep, (None,) * 7 + ({2: n}, {2: n}))
    return to_mlir(ProjectedDecodeStep(heads), args, shapes, spelling, "decode")


def layer_prefill(heads, dtype=torch.float32, tokens=128, spelling=""):
    rope = (1, 1, tokens, heads.size)
    args = (
        zeros(1, tokens, heads.query * heads.size, dtype=dtype),
        *weights(heads, dtype),
        zeros(*rope, dtype=dtype),
        zeros(*rope, dtype=dtype),
    )
    return to_mlir(ProjectedPrefill(heads), args, None, spelling, "prefill")


def dynamic_args(layer, shapes):
    """torch.export wants the dynamic sizes by argument name."""
    names = layer.forward.__code__.co_varnames[1 : len(shapes) + 1]
    return dict(zip(names, shapes))


def transformers_step(layer, cache, implementation, dtype=torch.float32, dynamic=False, spelling=""):
    """One step of a Llama layer of transformers in the SmolLM2 shape.

    layer: "attention" or "layer" (with norms and MLP); cache: "empty" for a prefill, "concat" grows by concatenation,
    "static" has a fixed capacity, a position and a mask; implementation: "sdpa" or "eager".
    """
    from dashkv.torch.transformers_layers import CachedLayer

    heads = SMOLLM2_135M
    wrapper = CachedLayer(layer, cache, heads, implementation)
    rows, keys = (128, 0) if cache == "empty" else (1, 128)
    rope, cached = (1, rows, heads.size), (1, heads.kv, keys, heads.size)
    args = [(1, rows, heads.query * heads.size), rope, rope] + [cached] * (2 if keys else 0)
    args = tuple(zeros(*shape, dtype=dtype) for shape in args)
    n = Dim("keys", min=2, max=1 << 20)
    shapes = (None,) * 3 + (({2: n}, {2: n}) if keys else ())
    if cache == "static":
        args += (torch.tensor(keys // 2), *mask_of("bool" if implementation == "sdpa" else "additive", 1, keys, dtype))
        shapes += (None, {3: n})
    parameters = tuple(zeros(*shape, dtype=dtype) for shape in wrapper.parameter_shapes.values())
    shapes += (None,) * len(parameters)
    # All arguments from the fourth on are one variadic argument of the wrapper.
    shapes = (*shapes[:3], shapes[3:])
    return to_mlir(wrapper, (*args, *parameters), shapes if dynamic else None, spelling, "step")


F16 = torch.float16
LAYERS = {
    "llama3-decode-dynamic-f32": lambda: decode(LLAMA3_8B),
    "llama3-decode-dynamic-f32-kept": lambda: decode(LLAMA3_8B, spelling="kept"),
    "llama3-decode-dynamic-f32-loose": lambda: decode(LLAMA3_8B, spelling="loose"),
    "llama3-decode-dynamic-f16": lambda: decode(LLAMA3_8B, F16),
    "llama3-decode-f32": lambda: decode(LLAMA3_8B, dynamic=False),
    "llama3-decode-dynamic-f32-additive": lambda: decode(LLAMA3_8B, mask="additive"),
    "llama3-decode-dynamic-f32-bool": lambda: decode(LLAMA3_8B, mask="bool"),
    "llama3-prefill-f32": lambda: prefill(LLAMA3_8B),
    "llama3-prefill-f32-kept": lambda: prefill(LLAMA3_8B, spelling="kept"),
    "llama3-prefill-f16": lambda: prefill(LLAMA3_8B, F16),
    "smollm2-decode-dynamic-f32": lambda: decode(SMOLLM2_135M),
    "smollm2-decode-dynamic-f32-kept": lambda: decode(SMOLLM2_135M, spelling="kept"),
    "smollm2-decode-f32": lambda: decode(SMOLLM2_135M, dynamic=False),
    "smollm2-rows4-dynamic-f32-bool": lambda: decode(SMOLLM2_135M, rows=4, mask="bool"),
    "smollm2-prefill-f32": lambda: prefill(SMOLLM2_135M),
    "smollm2-prefill-dynamic-f32": lambda: prefill(SMOLLM2_135M, dynamic=True),
    "smollm2-prefill-f32-additive": lambda: prefill(SMOLLM2_135M, mask="additive"),
    "llama3-layer-decode-dynamic-f32": lambda: layer_decode(LLAMA3_8B),
    "smollm2-layer-decode-dynamic-f32": lambda: layer_decode(SMOLLM2_135M),
    "smollm2-layer-decode-dynamic-f16-kept": lambda: layer_decode(SMOLLM2_135M, F16, spelling="kept"),
    "smollm2-layer-prefill-f32": lambda: layer_prefill(SMOLLM2_135M),
    "transformers-attention-concat-sdpa-dynamic-f32": lambda: transformers_step(
        "attention", "concat", "sdpa", dynamic=True
    ),
    "transformers-attention-concat-sdpa-f32-kept": lambda: transformers_step(
        "attention", "concat", "sdpa", spelling="kept"
    ),
    "transformers-attention-concat-eager-f32": lambda: transformers_step("attention", "concat", "eager"),
    "transformers-attention-concat-eager-f16": lambda: transformers_step("attention", "concat", "eager", F16),
    "transformers-attention-static-sdpa-f32": lambda: transformers_step("attention", "static", "sdpa"),
    "transformers-attention-static-sdpa-f32-kept": lambda: transformers_step(
        "attention", "static", "sdpa", spelling="kept"
    ),
    "transformers-attention-static-eager-f32": lambda: transformers_step("attention", "static", "eager"),
    "transformers-attention-empty-sdpa-f32": lambda: transformers_step("attention", "empty", "sdpa"),
    "transformers-layer-concat-sdpa-dynamic-f32": lambda: transformers_step("layer", "concat", "sdpa", dynamic=True),
    "transformers-layer-static-sdpa-f16": lambda: transformers_step("layer", "static", "sdpa", F16),
}


def export(name):
    """Returns the MLIR text of the layer `name`, its first line saying how it was made."""
    return f"// .venv/bin/python -m dashkv.torch.export {name}\n" + LAYERS[name]()


def main(argv=None):
    parser = argparse.ArgumentParser(prog="dashkv.torch.export", description="Exports attention layers to MLIR.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("name", nargs="?", metavar="NAME", help="prints this layer")
    what.add_argument("--all", metavar="DIRECTORY", help="writes every layer to DIRECTORY/NAME.mlir")
    what.add_argument("--list", action="store_true", help="prints the names")
    options = parser.parse_args(argv)
    if options.list:
        print("\n".join(LAYERS))
    elif options.name in LAYERS:
        sys.stdout.write(export(options.name))
    elif options.name:
        sys.exit(f"error: expected a name that --list prints, but got '{options.name}'")
    else:
        try:
            for name in LAYERS:
                with open(os.path.join(options.all, name + ".mlir"), "w") as file:
                    file.write(export(name))
        except OSError as error:
            sys.exit(f"error: cannot write to '{options.all}': {error.strerror}")


if __name__ == "__main__":
    main()
