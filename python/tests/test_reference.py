"""The C++ oracle against NumPy in float64 and against a real layer."""

import ctypes
import json

import numpy as np
import pytest

from dashkv import reference


def pointer(array):
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


class Oracle:
    """unittests/Reference/ReferenceC.cpp on NumPy arrays."""

    def __init__(self, library):
        self.library = library

    def call(self, name, sizes, *arguments):
        array = np.array(sizes, np.int64)
        converted = [pointer(x) if x is None or isinstance(x, np.ndarray) else ctypes.c_int64(x) for x in arguments]
        getattr(self.library, name)(pointer(array), *converted)

    def attention(self, q, k, v, mask=None, lengths=None, causal=False):
        q, k, v = (np.ascontiguousarray(x, np.float32) for x in (q, k, v))
        batch, heads, rows, depth = q.shape
        out = np.empty((batch, heads, rows, v.shape[3]), np.float32)
        lse = np.empty(out.shape[:3], np.float32)
        if mask is not None:
            mask = np.ascontiguousarray(np.broadcast_to(mask, (batch, heads, rows, k.shape[2])), np.float32)
        if lengths is not None:
            lengths = np.array(lengths, np.int32)
        sizes = (batch, heads, k.shape[1], rows, k.shape[2], depth, v.shape[3])
        self.call("dashkvReferenceAttention", sizes, q, k, v, mask, lengths, int(causal), out, lse)
        return out, lse

    def tiered_attention(self, q, k, v, query_codes, key_codes, full):
        q, k, v = (np.ascontiguousarray(x, np.float32) for x in (q, k, v))
        query_codes, key_codes = (np.ascontiguousarray(x).view(np.int8) for x in (query_codes, key_codes))
        out = np.empty((*q.shape[:2], v.shape[2]), np.float32)
        listed = np.empty((k.shape[0], q.shape[1], k.shape[1]), np.uint8)
        sizes = (len(q), len(k), len(query_codes), *q.shape[1:2], *k.shape[1:], v.shape[2])
        sizes += (query_codes.shape[2], key_codes.shape[2])
        self.call("dashkvReferenceTieredAttention", sizes, full, q, k, v, query_codes, key_codes, out, listed)
        return out, listed.astype(bool)

    def hash_encode(self, x, weight, bias, levels, group):
        x, weight, bias = (np.ascontiguousarray(a, np.float32) for a in (x, weight, bias))
        bits = bias.shape[1]
        codes = np.empty((len(weight), x.shape[1], bits if levels > 1 else bits // 8), np.int8)
        self.call("dashkvReferenceHashEncode", (*x.shape, group, bits), levels, x, weight, bias, codes)
        return codes


@pytest.fixture(scope="module")
def oracle(build_dir):
    path = build_dir / "lib" / "libdashkv-reference.so"
    if not path.exists():
        pytest.skip(f"needs {path}: scripts/build.sh")
    return Oracle(ctypes.CDLL(str(path)))


def attention64(q, k, v, mask=None, lengths=None, causal=False):
    """Output and lse in NumPy, written from the definition."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = (np.repeat(x, group, axis=1) for x in (k, v))
    scores = np.einsum("bhmd,bhnd->bhmn", q, k) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    batch, _, rows, keys = scores.shape
    lengths = np.full(batch, keys) if lengths is None else np.array(lengths)
    limit = np.repeat(lengths[:, None], rows, axis=1)
    if causal:
        limit = limit - rows + 1 + np.arange(rows)
    visible = np.arange(keys) < limit[:, :, None]
    scores = np.where(visible[:, None], scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True, initial=-np.finfo(np.float64).max)
    weights = np.exp(scores - top)
    total = weights.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.where(total[..., None] > 0, weights @ v / total[..., None], 0)
        lse = np.where(total > 0, top[..., 0] + np.log(total), -np.inf)
    return out, lse


def check(actual, expected):
    """Rounding the result to f32 is all that may differ: the oracle sums in double."""
    for got, want in zip(actual, expected, strict=True):
        assert (np.isinf(got) == np.isinf(want)).all()
        finite = np.isfinite(want)
        largest = np.abs(np.where(finite, want, 0)).max(axis=-1, keepdims=True, initial=0)
        difference = np.subtract(got, want, where=finite, out=np.zeros(want.shape))
        assert (np.abs(difference) <= 1e-7 * largest + 1e-30).all()
    out, want = actual[0].ravel().astype(np.float64), expected[0].ravel()
    if want.std() > 0:
        assert np.corrcoef(out, want)[0, 1] > 1 - 1e-9


def random_operands(seed, batch, heads, kv_heads, rows, keys, depth, value_depth, binades=0):
    """Normal numbers, each scaled by a random power of two over the given number of binades."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        exponent = rng.integers(-binades // 2, binades // 2 + 1, shape)
        return np.ldexp(rng.standard_normal(shape), exponent).astype(np.float32)

    shapes = ((batch, heads, rows, depth), (batch, kv_heads, keys, depth), (batch, kv_heads, keys, value_depth))
    return tuple(draw(*shape) for shape in shapes)


@pytest.mark.parametrize("binades", [0, 4, 10])
@pytest.mark.parametrize(
    "shape",
    [(1, 4, 4, 1, 37, 64, 64), (2, 6, 2, 3, 50, 80, 32), (1, 8, 1, 8, 5, 16, 8), (2, 2, 1, 1, 1, 4, 4)],
    ids=str,
)
def test_attention(oracle, shape, binades):
    q, k, v = random_operands(1, *shape, binades)
    check(oracle.attention(q, k, v), attention64(q, k, v))


@pytest.mark.parametrize("causal", [False, True])
def test_lengths(oracle, causal):
    """Lengths below M leave rows without keys, which give 0."""
    q, k, v = random_operands(2, 4, 4, 2, 5, 33, 16, 24, binades=4)
    options = {"lengths": [0, 2, 20, 33], "causal": causal}
    expected = attention64(q, k, v, **options)
    check(oracle.attention(q, k, v, **options), expected)
    assert np.isinf(expected[1]).sum() == (5 + 3 if causal else 5) * 4


def test_causal(oracle):
    q, k, v = random_operands(3, 1, 3, 3, 30, 30, 8, 8)
    out, lse = oracle.attention(q, k, v, causal=True)
    check((out, lse), attention64(q, k, v, causal=True))
    assert np.array_equal(out[:, :, 0], v[:, :, 0])  # the first row sees the first key alone


@pytest.mark.parametrize("causal", [False, True])
def test_mask(oracle, causal):
    rng = np.random.default_rng(4)
    q, k, v = random_operands(4, 2, 4, 2, 3, 20, 8, 8)
    mask = np.where(rng.random((2, 4, 3, 20)) < 0.4, -np.inf, rng.standard_normal((2, 4, 3, 20))).astype(np.float32)
    mask[1, 2, 0] = -np.inf  # an empty row
    expected = attention64(q, k, v, mask=mask, causal=causal)
    check(oracle.attention(q, k, v, mask=mask, causal=causal), expected)
    assert np.isneginf(expected[1][1, 2, 0])


def test_large_logits(oracle):
    """Logits of several thousand: only differences may be exponentiated."""
    q, k, v = random_operands(5, 1, 2, 1, 4, 64, 32, 16)
    check(oracle.attention(100 * q, 30 * k, v), attention64(100 * q, 30 * k, v))


def test_comparison_can_fail(oracle):
    q, k, v = random_operands(6, 1, 4, 2, 2, 30, 16, 16)
    out, lse = oracle.attention(q, k, v)
    expected = attention64(q, k, v)
    for wrong in (out[:, ::-1], -out, out * np.float32(1 + 1e-6), np.roll(out, 1, axis=-1)):
        with pytest.raises(AssertionError):
            check((wrong, lse), expected)
    with pytest.raises(AssertionError):
        check((out, np.where(lse < lse.max(), lse, -np.inf)), expected)


# A real layer: test/data/README.md.

SELECTORS = [
    ("query_codes", "key_codes", "", "linear"),
    ("mlp_query_codes", "key_codes", "mlp_", "mlp"),
    ("packed_query_codes", "packed_key_codes", "packed_", "packed"),
]


def test_layer_exact(oracle, layer):
    out, _ = oracle.attention(layer["q"][None], layer["k"][None], layer["v"][None], causal=True)
    assert np.abs(out[0] - layer["exact_out"]).max() < 1e-6


@pytest.mark.parametrize(("query_codes", "key_codes", "prefix", "encoder"), SELECTORS)
def test_layer_tiered(oracle, layer, query_codes, key_codes, prefix, encoder):
    """From the given codes the full tier follows bit for bit, and with it output and kept mass."""
    out, full = oracle.tiered_attention(
        layer["q"], layer["k"], layer["v"], layer[query_codes], layer[key_codes], full=50_000
    )
    expected = np.unpackbits(layer[prefix + "full"], axis=-1, bitorder="little").astype(bool)
    assert np.array_equal(full, expected)
    assert np.abs(out - layer[prefix + "out"]).max() < 1e-6
    mass = reference.kept_mass(layer["q"], layer["k"], layer["v"], full)
    assert mass == pytest.approx(json.loads(str(layer["meta"]))["kept_mass"][encoder], abs=1e-4)


def test_layer_other_budget_differs(oracle, layer):
    """The check above notices a single key."""
    _, full = oracle.tiered_attention(
        layer["q"], layer["k"], layer["v"], layer["query_codes"], layer["key_codes"], full=50_400
    )
    expected = np.unpackbits(layer["full"], axis=-1, bitorder="little").astype(bool)
    assert (full.sum(axis=-1) - expected.sum(axis=-1)).max() == 1


def test_layer_codes(oracle, layer):
    """Codes made anew agree wherever a value is not within rounding of a threshold."""
    packed = oracle.hash_encode(layer["k"], layer["key_weight"], layer["key_bias"], levels=1, group=1)
    z = reference.linear(layer["k"], layer["key_weight"], layer["key_bias"])
    differ = np.unpackbits(packed.view(np.uint8) ^ layer["key_codes"], axis=-1, bitorder="little").astype(bool)
    assert not (differ & (np.abs(z) > 1e-3)).any()
    weighted = oracle.hash_encode(layer["q"], layer["query_weight"], layer["query_bias"], levels=7, group=3)
    assert (weighted != layer["query_codes"]).mean() < 1e-3
    assert np.abs(weighted.astype(int) - layer["query_codes"]).max() <= 1


def test_planes():
    codes = np.random.default_rng(3).integers(0, 256, (2, 100, 8), np.uint8)
    planes = reference.pack_planes(codes, fill=7)
    assert planes.shape == (2, 2, 8, 64) and (planes[:, 1, :, 36:] == 7).all()
    for key in (0, 63, 64, 99):
        assert (planes[:, key // 64, :, key % 64] == codes[:, key]).all()
    assert (reference.unpack_planes(planes, 100) == codes).all()
