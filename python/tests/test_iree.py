"""The portable lowering in a stock IREE: PyTorch export, raising, tiering, linalg, iree-compile, run, compare."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dashkv import reference

compiler = pytest.importorskip("iree.compiler", reason="needs iree-base-compiler: scripts/setup.sh --tests")
runtime = pytest.importorskip("iree.runtime", reason="needs iree-base-runtime: scripts/setup.sh --tests")

INPUTS = Path(__file__).parents[2] / "test" / "Inputs" / "torch"
RAISE = "dashkv-normalize-attention,dashkv-raise-attention"
# Two things that IREE 3.13 needs: no named elementwise ops, which its own LLVM does not know; and control flow in
# place of scf.for, since a loop-carried tensor there loses its offset in the buffer that holds it. It takes tm_tensor
# as it is, so the contract at the end of dashkv-linalg-pipeline is left out.
TO_IREE = "dashkv-expand-tiered,convert-dashkv-to-linalg,func.func(linalg-generalize-named-ops),convert-scf-to-cf"
TIERING = "tiering=full=5%,full_min=0,dense_below=0"
ELEMENTS = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i8": np.int8, "i1": np.bool_}


def opt(build_dir, text, *passes):
    pipeline = f"--pass-pipeline=builtin.module({','.join(passes)})"
    command = [build_dir / "bin" / "dashkv-opt", pipeline]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def load(text):
    """Compiles a module with one function and returns that function."""
    flags = ["--iree-llvmcpu-target-cpu=host"]
    binary = compiler.compile_str(text, target_backends=["llvm-cpu"], extra_args=flags)
    context = runtime.SystemContext(config=runtime.Config("local-task"))
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, binary))
    function = context.modules.module[re.search(r"func\.func @(\w+)", text)[1]]

    def call(*arguments):
        results = function(*(np.asarray(a, order="C") for a in arguments))
        return [r.to_host() for r in (results if isinstance(results, tuple) else (results,))]

    return call


def signature(text):
    """[(shape with None where dynamic, element type, role)] of the arguments of the only function."""
    arguments = re.search(r"func\.func @\w+\((.*?)\) -> ", text)[1]
    found = re.findall(r'%\w+: tensor<((?:[\d?]+x)*)(\w+)>(?: \{dashkv\.role = "([\w.]+)"\})?', arguments)
    return [
        ([None if d == "?" else int(d) for d in dims.split("x")[:-1]], ELEMENTS[e], role) for dims, e, role in found
    ]


def batched(x):
    """What the functions take: a batch dimension in front, and f32 or i8."""
    return (
        x[None].view(np.int8) if x.dtype == np.uint8 else x[None].astype(np.int8 if x.dtype == np.int8 else np.float32)
    )


def decode_arguments(layer):
    """The last row of the real layer as arguments of smollm2-decode: the rotation is the identity, since the data is
    rotated already, and the slot that the step writes holds something else before."""
    q, k_new, v_new = layer["q"][:, -1:], layer["k"][:, -1:], layer["v"][:, -1:]
    k, v = layer["k"].copy(), layer["v"].copy()
    k[:, -1], v[:, -1] = 7, 7
    cos, sin = np.ones((1, 1, 64), np.float32), np.zeros((1, 1, 64), np.float32)
    return [batched(x) for x in (q, k_new, v_new, cos, sin, k, v)]


@pytest.mark.parametrize("name", ["smollm2-decode-dynamic-f32", "smollm2-decode-dynamic-f32-kept"])
def test_exact_decode(build_dir, layer, name):
    raised = opt(build_dir, (INPUTS / f"{name}.mlir").read_text(), RAISE)
    assert raised.count("dashkv.attention") == 1
    out, k, v = load(opt(build_dir, raised, TO_IREE))(*decode_arguments(layer))
    expected, _ = reference.attention(layer["q"][:, -1:], layer["k"], layer["v"], reference.visible(1, 2048))
    assert np.abs(out[0] - expected).max() < 1e-5
    assert (k[0] == layer["k"]).all()
    assert (v[0] == layer["v"]).all()


@pytest.mark.parametrize("encoder", ["linear", "mlp"])
def test_tiered_decode(build_dir, layer, encoder):
    text = (INPUTS / "smollm2-decode-dynamic-f32.mlir").read_text()
    tiered = opt(build_dir, text, RAISE, f"dashkv-apply-tiering{{{TIERING} encoder={encoder} hidden=256}}")
    assert tiered.count("dashkv.tiered_attention") == 1

    codes = layer["key_codes"].copy()
    codes[:, -1] = 255  # the step writes the code of the new key
    roles = {"key_codes": codes, "key_encoder.weight": layer["key_weight"], "key_encoder.bias": layer["key_bias"]}
    if encoder == "linear":
        roles |= {"query_encoder.weight": layer["query_weight"], "query_encoder.bias": layer["query_bias"]}
    else:
        roles |= {
            f"query_encoder.{kind}{i}": layer[f"mlp_{kind}{i + 1}"] for kind in ("weight", "bias") for i in range(3)
        }
    arguments = decode_arguments(layer)
    for _, _, role in signature(tiered)[len(arguments) :]:
        arguments.append(batched(roles[role]) if role == "key_codes" else roles[role].astype(np.float32))

    out, k, _, new_codes = load(opt(build_dir, tiered, TO_IREE))(*arguments)
    assert (k[0] == layer["k"]).all()
    assert (new_codes[0].view(np.uint8) == layer["key_codes"]).all()

    q, prefix = layer["q"][:, -1:], {"linear": "", "mlp": "mlp_"}[encoder]
    expected, full, kept = reference.tiered_attention(
        q,
        layer["k"],
        layer["v"],
        layer[prefix + "query_codes"][:, -1:],
        layer["key_codes"],
        reference.Tiering(full_min=0),
    )
    exact, _ = reference.attention(q, layer["k"], layer["v"], reference.visible(1, 2048))
    assert np.abs(out[0] - expected).max() < 1e-5
    # The figures of this row that make the comparison worth something: few keys, most of the attention.
    assert full.sum(axis=-1).max() == 171
    assert kept > 0.85
    assert 0.01 < np.linalg.norm(out[0] - exact) / np.linalg.norm(exact) < 0.2


def test_prefill_appends_codes(build_dir, layer):
    """A prefill stays exact and returns the codes of its keys, so that decoding can start."""
    text = (INPUTS / "smollm2-prefill-dynamic-f32.mlir").read_text()
    tiered = opt(build_dir, text, RAISE, f"dashkv-apply-tiering{{{TIERING}}}")
    assert tiered.count("dashkv.attention") == 1
    tokens = 100
    k, v = layer["k"][:, :tokens], layer["v"][:, :tokens]
    q = np.repeat(k, 3, axis=0)  # the file has queries of the last rows only
    cos, sin = np.ones((1, tokens, 64), np.float32), np.zeros((1, tokens, 64), np.float32)
    assert [role for _, _, role in signature(tiered)[5:]] == ["key_encoder.weight", "key_encoder.bias"]
    encoder = [layer[name].astype(np.float32) for name in ("key_weight", "key_bias")]
    out, _, _, codes = load(opt(build_dir, tiered, TO_IREE))(*(batched(x) for x in (q, k, v, cos, sin)), *encoder)
    expected, _ = reference.attention(q, k, v, reference.visible(tokens, tokens))
    assert np.abs(out[0] - expected).max() < 1e-4
    differ = np.unpackbits(codes[0].view(np.uint8) ^ layer["key_codes"][:, :tokens], axis=-1, bitorder="little")
    z = reference.linear(k, layer["key_weight"], layer["key_bias"])
    assert not (differ.astype(bool) & (np.abs(z) > 1e-3)).any()


def test_tiered_rows_from_codes(build_dir, layer):
    """All 32 rows at once, from packed codes: one query code a head, summed over the group."""
    text = """
    func.func @rows(%q: tensor<1x9x32x64xf32>, %k: tensor<1x3x?x64xf32>, %v: tensor<1x3x?x64xf32>,
                    %qc: tensor<1x9x32x8xi8>, %kc: tensor<1x3x?x8xi8>) -> tensor<1x9x32x64xf32> {
      %init = tensor.empty() : tensor<1x9x32x64xf32>
      %out = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x9x32x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>)
          codes(%qc, %kc : tensor<1x9x32x8xi8>, tensor<1x3x?x8xi8>) outs(%init : tensor<1x9x32x64xf32>)
          {tiering = #dashkv.tiering<full = 0.05, full_min = 0, dense_below = 0>}
      return %out : tensor<1x9x32x64xf32>
    }"""
    names = ("q", "k", "v", "packed_query_codes", "packed_key_codes")
    (out,) = load(opt(build_dir, text, TO_IREE))(*(batched(layer[name]) for name in names))
    assert np.abs(out[0] - layer["packed_out"]).max() < 1e-5


def random_arguments(text, keys=40):
    """Arguments for the only function; dynamic sizes become `keys`."""
    rng, arguments = np.random.default_rng(1), []
    for shape, element, _ in signature(text):
        shape = [keys if size is None else size for size in shape]
        if element == np.bool_:
            arguments.append(rng.random(shape) < 0.7)
        elif element == np.int64:
            arguments.append(np.full(shape, 5, element))
        else:
            # Weights are scaled like a trained model's, so that a layer's values stay near 1.
            arguments.append((rng.standard_normal(shape) * (0.05 if len(shape) == 2 else 1)).astype(element))
    return arguments


def assert_same(actual, expected):
    tolerance = 2e-2 if expected[0].dtype == np.float16 else 1e-4
    for a, e in zip(actual, expected, strict=True):
        assert np.isfinite(e).all()
        np.testing.assert_allclose(a.astype(np.float64), e.astype(np.float64), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "layer_type"), [("decode-dynamic", "DecodeStep"), ("prefill-dynamic", "Prefill")])
def test_exported_is_pytorch(name, layer_type):
    torch = pytest.importorskip("torch", reason="needs torch: scripts/setup.sh --tests")
    from dashkv.torch import layers

    exported = (INPUTS / f"smollm2-{name}-f32.mlir").read_text()
    arguments = random_arguments(exported)
    expected = getattr(layers, layer_type)()(*map(torch.tensor, arguments))
    assert_same(load(exported)(*arguments), [e.numpy() for e in expected])


# Its softmax gives NaN in a row that the mask hides whole, so raising asks for a promise that there is none.
NONEMPTY = "transformers-attention-static-eager-f32"


@pytest.mark.parametrize("name", sorted(path.stem for path in INPUTS.glob("*.mlir")))
def test_raised_is_exported(build_dir, name):
    """Raising is exact: the raised module and the exported one, both compiled by the stock IREE, agree."""
    exported = (INPUTS / f"{name}.mlir").read_text()
    raised = opt(build_dir, exported, RAISE + ("{assume-nonempty-rows}" if name == NONEMPTY else ""))
    assert raised.count("dashkv.attention") == 1
    arguments = random_arguments(exported)
    assert_same(load(opt(build_dir, raised, TO_IREE))(*arguments), load(exported)(*arguments))


def test_comparison_can_fail(build_dir, layer):
    """A module with another scale is noticed by the same tolerance."""
    text = """
    func.func @decode(%q: tensor<1x9x1x64xf32>, %k: tensor<1x3x?x64xf32>, %v: tensor<1x3x?x64xf32>) -> tensor<1x9x1x64xf32> {
      %init = tensor.empty() : tensor<1x9x1x64xf32>
      %out = dashkv.attention ins(%q, %k, %v : tensor<1x9x1x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>)
          outs(%init : tensor<1x9x1x64xf32>) {scale = 0.126 : f32}
      return %out : tensor<1x9x1x64xf32>
    }"""
    q = layer["q"][:, -1:]
    (out,) = load(opt(build_dir, text, TO_IREE))(batched(q), batched(layer["k"]), batched(layer["v"]))
    expected, _ = reference.attention(q, layer["k"], layer["v"], reference.visible(1, 2048))
    assert np.abs(out[0] - expected).max() > 1e-5
    expected, _ = reference.attention(q, layer["k"], layer["v"], reference.visible(1, 2048), scale=np.float32(0.126))
    assert np.abs(out[0] - expected).max() < 1e-5
