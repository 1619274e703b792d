"""Encoder files: what comes back, what is refused, and the codes they give."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from conftest import ROOT

from dashkv import encoders, reference
from dashkv.encoders import Encoder, EncoderError, LayerEncoder

safetensors = pytest.importorskip("safetensors.numpy")

MODEL = {
    "model_type": "llama",
    "layers": 3,
    "query_heads": 4,
    "kv_heads": 2,
    "head_size": 16,
    "rope_theta": 10000.0,
    "dtype": "float32",
    "weights": "a" * 64,
}


def filled(form="weighted", query="linear"):
    """An encoder with every field set; layer 2 has none and is dense."""
    rng = np.random.default_rng(5)
    encoder = Encoder.random(MODEL, form, bits=24, seed=1)
    heads, codes = MODEL["query_heads"], encoder.code_heads
    for layer in encoder.layers[:2]:
        if query == "mlp":
            sizes = (encoder.group * MODEL["head_size"], 32, 32, encoder.bits)
            layer.query_weights = [
                rng.standard_normal((codes, *pair)).astype(np.float32) for pair in itertools.pairwise(sizes)
            ]
            layer.query_biases = [rng.standard_normal((codes, size)).astype(np.float32) for size in sizes[1:]]
        layer.vote_discount = np.full(codes, 3, np.int16)
        layer.vote_threshold = 2
        layer.radius = np.arange(codes, dtype=np.int32)
        layer.prior_discount = np.full(codes, 1, np.int16)
        layer.temperature, layer.bias = rng.standard_normal((2, heads)).astype(np.float32)
        layer.table = rng.standard_normal((heads, 128 if form == "weighted" else 25)).astype(np.float32)
        layer.residual_weights = [np.ones((heads, *pair), np.float32) for pair in itertools.pairwise((48, 8, 4, 1))]
        layer.residual_biases = [np.ones((heads, size), np.float32) for size in (8, 4, 1)]
    encoder.query = query
    encoder.layers[2] = None
    encoder.dense_layers = (2,)
    encoder.training = {"seed": 1}
    return encoder


def same(a, b):
    """Field by field, arrays by value and dtype."""
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, item.name), getattr(b, item.name)) for item in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("query", ["linear", "mlp"])
@pytest.mark.parametrize("form", ["weighted", "packed"])
def test_round_trip(tmp_path, form, query):
    encoder = filled(form, query)
    encoder.save(tmp_path / "e.safetensors")
    assert same(Encoder.load(tmp_path / "e.safetensors"), encoder)
    assert [file.name for file in tmp_path.iterdir()] == ["e.safetensors"]


def test_halves_only_without_loss(tmp_path):
    encoder = Encoder.random(MODEL)
    encoder.layers[0].key_weight = encoder.layers[0].key_weight.astype(np.float16).astype(np.float32)
    encoder.save(tmp_path / "e.safetensors")
    stored = safetensors.load_file(tmp_path / "e.safetensors")
    assert stored["layers.0.key_weight"].dtype == np.float16
    assert stored["layers.1.key_weight"].dtype == np.float32


def test_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "e.safetensors"
    Encoder.random(MODEL).save(path)
    before = path.read_bytes()
    broken = Encoder.random(MODEL, seed=2)
    broken.layers[1].key_bias = broken.layers[1].key_bias[:, :5]
    with pytest.raises(
        EncoderError, match=r"layer 1: expected key_bias as float32 \[2, 64\], but got float32 \[2, 5\]"
    ):
        broken.save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def damage(path, metadata=None, **changes):
    """Rewrites a file with other metadata; `tensors` and `header` are functions that change them in place."""
    with encoders._safetensors().safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["dashkv-encoder"])
    tensors = safetensors.load_file(path)
    changes.get("tensors", lambda _: None)(tensors)
    changes.get("header", lambda _: None)(header)
    safetensors.save_file(tensors, path, metadata or {"dashkv-encoder": json.dumps(header)})


REFUSED = {
    "schema": ({"header": lambda h: h.update(schema=2)}, "expected schema 1, but got 2"),
    "no schema": ({"header": lambda h: h.pop("schema")}, "expected a header with form, bits, .* but it is damaged"),
    "format": ({"metadata": {"format": "pt"}}, "expected metadata dashkv-encoder, but got format"),
    "no header": ({"metadata": {"dashkv-encoder": "{"}}, "expected a header with form, bits, .* but it is damaged"),
    "missing field": ({"header": lambda h: h.pop("bits")}, "expected a header with form, bits, .* but it is damaged"),
    "form": ({"header": lambda h: h.update(form="real")}, "expected form packed or weighted, but got real"),
    "levels": ({"header": lambda h: h.update(levels=1)}, "expected levels of 2 to 15, but got 1"),
    "bits": ({"header": lambda h: h.update(bits=12)}, "expected 8 to 256 bits, a multiple of 8, but got 12"),
    "group": ({"header": lambda h: h.update(group=3)}, "expected group 1 or 2, but got 3"),
    "query": ({"header": lambda h: h.update(query="conv")}, "expected a linear or mlp query map, but got conv"),
    "map": ({"header": lambda h: h.update(query="mlp")}, "layer 0: expected a query map of kind mlp, but got 1 maps"),
    "activation": ({"header": lambda h: h.update(activation="gelu")}, "expected an activation of .* but got gelu"),
    "dense": ({"header": lambda h: h.update(dense_layers=[7])}, r"expected dense layers of 0 to 2, but got \(7,\)"),
    "heads": ({"header": lambda h: h["model"].update(kv_heads=3)}, "expected query heads that are a multiple of"),
    "size": ({"header": lambda h: h["model"].update(head_size=0)}, "expected a positive head_size of the model"),
    "fewer layers": ({"header": lambda h: h["model"].update(layers=2) or h.update(dense_layers=[])}, "expected 2 vote thresholds, but got 3"),
    "no layer": ({"header": lambda h: h.update(dense_layers=[])}, "expected an encoder for layer 2, which is not dense"),
    "unknown": ({"tensors": lambda t: t.update(wk=np.ones(3, np.float32))}, "expected tensors of layers 0 to 2, but got wk"),
    "missing": ({"tensors": lambda t: t.pop("layers.1.key_bias")}, "expected key_bias in layer 1, but there is none"),
    "shape": (
        {"tensors": lambda t: t.update({"layers.0.key_weight": np.ones((2, 8, 24), np.float32)})},
        r"layer 0: expected key_weight as float32 \[2, 16, 24\], but got float32 \[2, 8, 24\]",
    ),
    "dtype": (
        {"tensors": lambda t: t.update({"layers.0.key_weight": np.ones((2, 16, 24))})},
        "expected f16, f32, i16 or i32 in layers.0.key_weight, but got float64",
    ),
    "integer": (
        {"tensors": lambda t: t.update({"layers.0.radius": np.ones(2, np.float32)})},
        r"layer 0: expected radius as int32 \[2\], but got float32 \[2\]",
    ),
    "nan": (
        {"tensors": lambda t: t["layers.0.bias"].fill(np.nan)},
        "layer 0: expected finite numbers in bias, but got infinite ones or NaN",
    ),
    "negative": (
        {"tensors": lambda t: t["layers.0.vote_discount"].fill(-1)},
        "layer 0: expected vote_discount of at least 0, but got -1",
    ),
    "list": (
        {"tensors": lambda t: t.update({"layers.0.query_weights.2": t.pop("layers.0.query_weights.0")})},
        r"expected query_weights.0, .1, .. in layer 0, but got query_weights.2",
    ),
    "biases": (
        {"tensors": lambda t: t.pop("layers.0.residual_biases.2")},
        "layer 0: expected as many residual biases as weights, but got 2",
    ),
    "residual": (
        {"tensors": lambda t: [t.pop(f"layers.0.residual_{name}.2") for name in ("weights", "biases")]},
        "layer 0: expected a residual of 3 maps, but got 2",
    ),
    "flipped": (
        {"tensors": lambda t: t["layers.1.key_bias"].view(np.uint32).__ixor__(1)},
        "expected tensors with the SHA-256 of the header, but they are damaged",
    ),
    "no digest": ({"header": lambda h: h.pop("sha256")}, "expected a header with form, bits, .* but it is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    path = tmp_path / "e.safetensors"
    filled().save(path)
    changes, message = REFUSED[case]
    damage(path, **changes)
    with pytest.raises(EncoderError, match=message) as error:
        Encoder.load(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_damaged_file(tmp_path, keep):
    path = tmp_path / "e.safetensors"
    filled().save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EncoderError, match="expected a safetensors file, but it is damaged"):
        Encoder.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected an encoder file, but there is none at"):
        Encoder.load(tmp_path / "e.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 4}, "expected an encoder for a model with layers = 4, but this one was made for layers = 3"),
        ({"model_type": "qwen2"}, "model_type = qwen2, but this one was made for model_type = llama"),
        ({"rope_theta": 5e5}, "rope_theta = 500000.0, but this one was made for rope_theta = 10000.0"),
        ({"weights": "b" * 64}, "weights with SHA-256 bbbbbbbbbbbb, but this one was made for aaaaaaaaaaaa"),
    ],
)
def test_check(change, message):
    encoder = Encoder.random(MODEL)
    encoder.check(MODEL)
    with pytest.raises(EncoderError, match=message):
        encoder.check(MODEL | change)
    if "weights" in change:
        encoder.check(MODEL | change | {"dtype": "bfloat16"})  # rounded weights have another hash


def test_codes_of_a_real_layer(layer):
    """The codes that the file of a real layer holds, made anew from its encoders."""
    model = MODEL | {"layers": 1, "query_heads": 9, "kv_heads": 3, "head_size": 64}

    def array(name):
        return layer[name].astype(np.float32)

    for prefix, query in (("", "linear"), ("mlp_", "mlp")):
        names = [""] if query == "linear" else ["1", "2", "3"]
        one = LayerEncoder(
            array("key_weight"),
            array("key_bias"),
            [array(f"{prefix or 'query_'}weight{n}") for n in names],
            [array(f"{prefix or 'query_'}bias{n}") for n in names],
        )
        encoder = Encoder("weighted", 64, 7, 3, query, "silu", model, [one])
        encoder.validate()
        assert (encoders.encode_keys(one, layer["k"]) != layer["key_codes"]).mean() < 1e-3
        codes, scale = encoders.encode_queries(encoder, one, layer["q"])
        assert (codes != layer[f"{prefix}query_codes"]).mean() < 1e-3
        z = encoders.query_values(encoder, one, layer["q"])
        assert np.corrcoef((codes * scale[..., None]).ravel(), z.ravel())[0, 1] > 0.98


def test_codes_in_batches():
    encoder = Encoder.random(MODEL, "weighted", bits=32)
    layer = encoder.layers[1]
    rng = np.random.default_rng(0)
    query, key = rng.standard_normal((2, 4, 5, 16)), rng.standard_normal((2, 2, 7, 16))
    codes, scale = encoders.encode_queries(encoder, layer, query)
    assert codes.shape == (2, 2, 5, 32) and scale.shape == (2, 2, 5) and codes.dtype == np.int8
    assert np.array_equal(codes[1], encoders.encode_queries(encoder, layer, query[1])[0])
    keys = encoders.encode_keys(layer, key)
    assert keys.shape == (2, 2, 7, 4) and np.array_equal(keys[1], encoders.encode_keys(layer, key[1]))


@pytest.mark.parametrize("levels", [2, 7, 15])
def test_weights_of_extreme_values(levels):
    """NaN counts as 0, infinity as the largest number; the sum of a code never passes 127."""
    rng = np.random.default_rng(2)
    z = np.ldexp(rng.standard_normal((50, 64)), rng.integers(-60, 60, (50, 1))).astype(np.float32)
    z[0] = 0
    z[1, ::2], z[2, 3] = np.nan, np.inf
    codes, scale = reference.weigh_with_scale(z, levels)
    assert (codes[0] == 0).all() and scale[0] == 0
    assert (codes[1, ::2] == 0).all() and codes[1].any()
    assert codes[2, 3] == levels and np.count_nonzero(codes[2]) == 1
    sums = np.abs(codes.astype(int)).sum(axis=-1)
    assert sums.max() <= 127 and np.abs(codes).max() == levels
    assert np.isfinite(scale).all()


def test_random_is_centred():
    """With the keys' mean about half of the bits are set."""
    rng = np.random.default_rng(3)
    keys = rng.standard_normal((3, 2, 500, 16)).astype(np.float32) + 5
    encoder = Encoder.random(MODEL, "packed", key_means=keys.mean(axis=2))
    share = np.unpackbits(encoders.encode_keys(encoder.layers[0], keys[0])).mean()
    assert 0.45 < share < 0.55
    assert encoder.code_heads == 4
    again = Encoder.random(MODEL, "packed", key_means=keys.mean(axis=2))
    assert same(again, encoder)


@pytest.mark.parametrize(("name", "bits", "share"), [("smollm2-encoder", 64, 0.97), ("smollm2-encoder-32", 32, 0.96)])
def test_encoder_of_smollm2(layer, name, bits, share):
    """A trained file keeps what a selection can keep, on text that it was not trained on: test/data/README.md."""
    encoder = Encoder.load(ROOT / "test" / "data" / f"{name}.safetensors")
    assert (
        encoder.bits == bits
        and encoder.form == "weighted"
        and encoder.dense_layers == (0,)
        and len(encoder.layers) == 30
    )
    trained = encoder.layers[14]
    codes, _ = encoders.encode_queries(encoder, trained, layer["q"])
    keys = encoders.encode_keys(trained, layer["k"])
    tiering = reference.Tiering(full_min=0)
    mass = reference.tiered_attention(layer["q"], layer["k"], layer["v"], codes, keys, tiering)[2]
    best = json.loads(str(layer["meta"]))["kept_mass"]["oracle"]
    assert mass > share * best
