"""Steps of dashkv.kernels against NumPy, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from dashkv import kernels, reference
from dashkv.encoders import Encoder, LayerEncoder, encode_queries, run_chain
from dashkv.encoders import encode_keys as encode_keys_in_numpy
from dashkv.kernels import Layer, Tiering

MODEL = {"model_type": "llama", "layers": 1, "query_heads": 4, "kv_heads": 2, "head_size": 32, "rope_theta": 1e4}
HQ, HKV, D = 4, 2, 32
SPARSE = Tiering(full=0.05, full_min=16, sinks=2, window=8, dense_below=0)


def random(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape, np.float32)


def encoder(form="weighted", **fitted):
    made = Encoder.random(MODEL, form, 64, seed=3, key_means=random(1, HKV, D) / 4)
    made.layers[0] = replace(made.layers[0], **fitted)
    return made


class Sequences:
    """Caches of two sequences with room to grow: what lies past their keys is NaN, so that reading it shows."""

    def __init__(self, made, rows=1, lengths=(300, 411), capacity=512):
        self.layer = Layer.of(made, 0)
        batch = len(lengths)
        self.q = random(batch, HQ, rows, D, seed=1)
        self.k, self.v = random(batch, HKV, capacity, D, seed=2), random(batch, HKV, capacity, D, seed=3)
        self.lengths = np.array(lengths, np.int32)
        self.codes = kernels.encode_keys(self.k, self.layer)
        for b, length in enumerate(lengths):
            self.k[b, :, length:] = self.v[b, :, length:] = np.nan
            self.codes[b, :, length // 64 + 1 :] = 0xFF

    def decode(self, tiering, **options):
        return kernels.decode(self.q, self.k, self.v, self.codes, self.lengths, self.layer, tiering, **options)

    def alone(self, b):
        """q, k and v of a sequence without what lies past its keys."""
        n = self.lengths[b]
        return self.q[b], self.k[b, :, :n], self.v[b, :, :n]


@pytest.mark.parametrize("planes", [True, False])
def test_codes_are_those_of_numpy_and_go_where_they_belong(planes):
    made = encoder()
    layer, k = Layer.of(made, 0), random(2, HKV, 70, D)
    want = encode_keys_in_numpy(made.layers[0], k)
    codes = kernels.encode_keys(k, layer)
    assert codes.shape == (2, HKV, 2, 8, 64)
    assert np.array_equal(reference.unpack_planes(codes, 70), want)

    # New keys of each sequence at its own place, and nothing else changes.
    starts = np.array([60, 5], np.int32)
    codes = np.full((2, HKV, 3, 8, 64) if planes else (2, HKV, 192, 8), 0xAA, np.uint8)
    assert kernels.encode_keys(k, layer, codes, starts) is codes
    flat = reference.unpack_planes(codes, 192) if planes else codes
    for b, start in enumerate(starts):
        assert np.array_equal(flat[b, :, start : start + 70], want[b])
        assert (np.delete(flat[b], np.s_[start : start + 70], axis=1) == 0xAA).all()


@pytest.mark.parametrize("form", ["weighted", "packed"])
@pytest.mark.parametrize("rows", [1, 4])
def test_decode_is_the_reference(form, rows):
    made = encoder(form)
    case = Sequences(made, rows)
    out, kept = case.decode(SPARSE, want_kept=True)
    indices, counts = kernels.retrieve(case.q, case.codes, case.lengths, case.layer, SPARSE)
    assert indices.shape[-1] == SPARSE.capacity(512)
    for b, n in enumerate(case.lengths):
        q, k, v = case.alone(b)
        codes = encode_queries(made, made.layers[0], q)[0], encode_keys_in_numpy(made.layers[0], k)
        same = reference.Tiering(full_min=16, sinks=2, window=8)
        want, full, _ = reference.tiered_attention(q, k, v, *codes, same)
        assert np.abs(out[b] - want).max() < 1e-5
        assert np.array_equal(kept[b, :n], full.any((0, 1))) and not kept[b, n:].any()
        for head, row in np.ndindex(HKV, rows):
            listed = indices[b, head, row]
            count = counts[b, head, row]
            assert np.array_equal(listed[:count], np.flatnonzero(full[head, row])) and (listed[count:] == -1).all()


def calibrated(distance, layer, prior, tiering):
    """D_final [Hc, N] of semantics, dashkv.calibrate."""
    votes = (distance <= layer.radius[:, None]).sum(0) > layer.vote_threshold
    final = (distance << tiering.bits_fraction) - layer.vote_discount[:, None] * votes
    return final - layer.prior_discount[:, None] * prior


def nearest(order, tiering, already, fraction, least):
    """Which keys a tier takes, lowest index first among equals."""
    n = np.arange(len(order))
    candidates = n[~already]
    picked = candidates[np.argsort(order[candidates], kind="stable")]
    mask = np.zeros(len(order), bool)
    mask[picked[: max(int(np.ceil(fraction * len(order) - 1e-9)), least)]] = True
    return mask


def signs(codes, bits):
    """Packed codes [..., L/8] as [..., L] in -1 and 1."""
    return np.unpackbits(codes, axis=-1, count=bits, bitorder="little").astype(np.float32) * 2 - 1


@pytest.mark.parametrize("residual", ["table", "mlp"])
def test_votes_prior_and_mid_tier_of_every_head(residual):
    """Packed codes, scope head: the paper's form with all its parts, one row."""
    rng = np.random.default_rng(5)
    fitted = {
        "vote_discount": np.array([8, 4, 8, 0], np.int16),
        "vote_threshold": 1,
        "radius": np.array([26, 28, 27, 30], np.int32),
        "prior_discount": np.array([4, 8, 4, 4], np.int16),
        "temperature": rng.random(HQ, np.float32) * np.float32(0.1),
        "bias": random(HQ),
    }
    if residual == "table":
        fitted["table"] = random(HQ, 65)
    else:
        fitted["residual_weights"] = [random(HQ, *pair) / 4 for pair in ((128, 16), (16, 8), (8, 1))]
        fitted["residual_biases"] = [random(HQ, size) for size in (16, 8, 1)]
    made = encoder("packed", **fitted)
    layer = made.layers[0]
    tiering = replace(SPARSE, mid=0.1, scope="head")
    case = Sequences(made)
    prior = rng.random((2, 512)) < 0.2
    out, kept = case.decode(tiering, prior=prior, want_kept=True)
    for b, n in enumerate(case.lengths):
        q, k, v = case.alone(b)
        codes = encode_queries(made, layer, q)[0], encode_keys_in_numpy(layer, k)
        distance = reference.distances(*codes)[:, 0]
        final = calibrated(distance, layer, prior[b, :n], tiering)
        everyone = np.zeros(n, bool)
        for h in range(HQ):
            at = np.arange(n)
            forced = (at < 2) | (at >= n - 8)
            full = forced | nearest(final[h], tiering, forced, 0.05, 16)
            mid = nearest(final[h], tiering, full, 0.1, 0)
            estimate = layer.temperature[h] * (64 - 2 * distance[h]) + layer.bias[h]
            if residual == "table":
                estimate += layer.table[h][distance[h]]
            else:
                x = np.concatenate([np.tile(signs(codes[0][h], 64), (n, 1)), signs(codes[1][h // 2], 64)], axis=1)
                chain = [
                    [array[h : h + 1] for array in arrays] for arrays in (layer.residual_weights, layer.residual_biases)
                ]
                estimate += run_chain(x[None], *chain, made.activation)[0, :, 0]
            scores = np.where(full, k[h // 2] @ q[h, 0] / np.sqrt(D), np.where(mid, estimate, -np.inf))
            weights = np.exp(scores - scores.max())
            assert np.abs(out[b, h, 0] - weights @ v[h // 2] / weights.sum()).max() < 1e-5
            everyone |= full
        assert np.array_equal(kept[b, :n], everyone)


def test_mid_tier_of_weighted_codes_scales_its_estimates():
    made = encoder(temperature=np.full(HQ, 0.05, np.float32), bias=np.zeros(HQ, np.float32))
    case = Sequences(made)
    out = case.decode(replace(SPARSE, full=0.0, full_min=0, mid=1.0, sinks=0, window=1))
    q, k, v = case.alone(0)
    codes, scale = encode_queries(made, made.layers[0], q)
    distance = reference.distances(codes, encode_keys_in_numpy(made.layers[0], k))[:, 0]
    total = np.abs(codes.astype(int)).sum(-1)
    estimate = np.repeat(0.05 * scale * (total - 2 * distance), 2, axis=0)
    exact = np.einsum("hd,hnd->hn", q[:, 0], np.repeat(k, 2, axis=0)) / np.sqrt(D)
    scores = np.where(np.arange(k.shape[1]) == k.shape[1] - 1, exact, estimate)
    weights = reference.softmax(scores)
    assert np.abs(out[0, :, 0] - np.einsum("hn,hnd->hd", weights, np.repeat(v, 2, axis=0))).max() < 1e-5


def test_no_keys_give_zeros():
    for capacity in (0, 65):
        case = Sequences(encoder(), lengths=(0, 0), capacity=capacity)
        assert np.array_equal(case.decode(SPARSE), np.zeros((2, HQ, 1, D)))
        assert np.array_equal(kernels.attention(case.q, case.k, case.v, case.lengths), np.zeros((2, HQ, 1, D)))
        assert not kernels.retrieve(case.q, case.codes, case.lengths, case.layer, SPARSE)[1].any()


@pytest.mark.parametrize("tiering", [replace(SPARSE, full=1.0), Tiering()])
def test_full_budget_and_short_sequences_are_exact(tiering):
    case = Sequences(encoder(), rows=3)
    out, kept = case.decode(tiering, want_kept=True)
    exact = kernels.attention(case.q, case.k, case.v, case.lengths)
    assert np.abs(out - exact).max() < 1e-6
    for b, n in enumerate(case.lengths):
        want, _ = reference.attention(*case.alone(b), reference.visible(3, n))
        assert np.abs(exact[b] - want).max() < 1e-5
        assert kept[b, :n].all() and not kept[b, n:].any()
    everything = kernels.attention(case.q, case.k, case.v, case.lengths, causal=False, scale=0.5)
    want, _ = reference.attention(*case.alone(1), np.ones((3, case.lengths[1]), bool), 0.5)
    assert np.abs(everything[1] - want).max() < 1e-5


def test_strides_are_free_and_out_is_filled():
    case = Sequences(encoder())
    want = case.decode(SPARSE)
    case.k, case.v = (np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) for x in (case.k, case.v))
    room = np.zeros((2, HKV, 10, 8, 64), np.uint8)
    room[:, :, 1:9] = case.codes
    case.codes = room[:, :, 1:9]
    out = np.empty((2, 1, HQ, D), np.float32).swapaxes(1, 2)
    assert case.decode(SPARSE, out=out) is out
    assert np.array_equal(out, want)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_of_torch(name):
    torch = pytest.importorskip("torch")
    case = Sequences(encoder())
    exact = case.decode(SPARSE)
    case.q, case.k, case.v = (torch.from_numpy(x).to(getattr(torch, name)) for x in (case.q, case.k, case.v))
    case.codes = kernels.encode_keys(case.k.nan_to_num(), case.layer, torch.zeros(2, HKV, 8, 8, 64, dtype=torch.uint8))
    case.lengths = torch.from_numpy(case.lengths)
    out = case.decode(SPARSE)
    assert out.dtype == case.q.dtype
    # Codes of rounded keys differ in a few bits, and with them the last keys of a list.
    assert np.abs(out.float().numpy() - exact).mean() < 0.02


def test_an_mlp_encodes_queries():
    made = encoder("packed")
    sizes = [(HQ, D, 24), (HQ, 24, 16), (HQ, 16, 64)]
    weights = [random(*shape) / 4 for shape in sizes]
    biases = [random(shape[0], shape[2]) for shape in sizes]
    made.query, made.activation = "mlp", "silu"
    made.layers[0] = replace(made.layers[0], query_weights=weights, query_biases=biases)
    made.validate()
    case = Sequences(made)
    indices, counts = kernels.retrieve(case.q, case.codes, case.lengths, case.layer, SPARSE)
    distance = reference.distances(
        encode_queries(made, made.layers[0], case.q[1])[0], encode_keys_in_numpy(made.layers[0], case.alone(1)[1])
    )
    full = reference.select_full(distance, HKV, reference.Tiering(full_min=16, sinks=2, window=8))
    for head in range(HKV):
        assert np.array_equal(indices[1, head, 0, : counts[1, head, 0]], np.flatnonzero(full[head, 0]))


def test_tiering_from_text():
    assert Tiering.parse("default") == Tiering()
    assert Tiering.parse("full=2%, scope = head,full_max=900,mid=0.1") == Tiering(
        full=0.02, scope="head", full_max=900, mid=0.1
    )
    case = Sequences(encoder())
    assert np.array_equal(case.decode("full=5%,full_min=16,sinks=2,window=8,dense_below=0"), case.decode(SPARSE))
    with pytest.raises(ValueError, match="expected fields of a tiering .* but got 'budget=3'"):
        Tiering.parse("budget=3")
    with pytest.raises(ValueError, match="expected fields of a tiering .* but got ''"):
        Tiering.parse("")
    with pytest.raises(ValueError, match="expected a fraction or a percentage for full, but got 'much'"):
        Tiering.parse("full=much")
    with pytest.raises(ValueError, match="expected an integer for sinks, but got '1.5'"):
        Tiering.parse("sinks=1.5")
    for text, message in (
        ("full=nan", "expected full of 0 to 100 %, but got nan %"),
        ("mid=-1%", "expected mid of 0 to 100 %, but got -1 %"),
        ("full_min=-5", "expected full_min of at least 0 and below 2.31, but got -5"),
        ("scope=layer", "expected scope of group, head, but got layer"),
        ("ties=random", "expected ties of lowest_index, newest, inclusive, but got random"),
    ):
        with pytest.raises(ValueError, match=message):
            Tiering.parse(text)


def test_what_the_compiler_refuses_is_its_error():
    import dashkv

    with pytest.raises(dashkv.Error, match="expected full_min <= full_max, but got 16 and 8"):
        Sequences(encoder()).decode(replace(SPARSE, full_max=8))


def change(**arrays):
    def changed(case):
        for name, f in arrays.items():
            setattr(case, name, f(getattr(case, name)))

    return changed


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (change(q=lambda x: x.astype(np.float64)), TypeError, "expected q of float32, but got float64"),
        (
            change(k=lambda x: np.nan_to_num(x).astype(np.int32)),
            TypeError,
            "expected k of float32 or float16 or bfloat16, but got",
        ),
        (change(v=lambda x: x.astype(np.float16)), TypeError, "expected v of float32, but got float16"),
        (change(lengths=lambda x: x.astype(np.int64)), TypeError, "expected lengths of int32, but got int64"),
        (change(codes=lambda x: x.astype(np.int32)), TypeError, "expected codes of uint8 or int8, but got int32"),
        (change(q=lambda x: x[0]), ValueError, r"expected q of rank 4, but got \[4, 1, 32\]"),
        (change(q=lambda x: x[..., ::2]), ValueError, r"expected q \[2, 4, 1, 32\], but got \[2, 4, 1, 16\]"),
        (change(q=lambda x: x[:, :3]), ValueError, "expected query heads that are a multiple of 2 KV heads, but got 3"),
        (change(q=lambda x: x[:, :2]), ValueError, "expected 4 query heads of size 32, for which the encoder was made"),
        (change(lengths=lambda x: x[:1]), ValueError, r"expected lengths \[2\], but got \[1\]"),
        (change(lengths=lambda x: x + 102), ValueError, r"expected lengths of 0 to 512 keys, but got \[402, 513\]"),
        (change(lengths=lambda x: x - 301), ValueError, r"expected lengths of 0 to 512 keys, but got \[-1, 110\]"),
        (
            change(codes=lambda x: x[:, :, :7]),
            ValueError,
            "expected codes of 8 blocks of 64 keys for 512 keys, but got 7",
        ),
        (change(codes=lambda x: x[:, :, :, :4]), ValueError, "expected codes"),
        (change(codes=lambda x: x[0, 0]), ValueError, "expected codes of rank 5"),
        (
            change(k=lambda x: np.asfortranarray(x)),
            ValueError,
            "expected k with neighbours in its last dimension, but their stride is 2048",
        ),
    ],
)
def test_arrays_that_do_not_fit(wrong, error, message):
    case = Sequences(encoder())
    wrong(case)
    with pytest.raises(error, match=message):
        case.decode(SPARSE)


def test_other_wrong_arguments():
    case = Sequences(encoder())
    with pytest.raises(ValueError, match=r"expected prior \[2, 512\], but got \[2, 300\]"):
        case.decode(SPARSE, prior=np.zeros((2, 300), bool))
    with pytest.raises(ValueError, match=r"expected out \[2, 4, 1, 32\], but got \[2, 4, 32\]"):
        case.decode(SPARSE, out=np.zeros((2, 4, 32), np.float32))
    with pytest.raises(ValueError, match="expected an encoder with temperature and bias for the mid tier"):
        case.decode(replace(SPARSE, mid=0.1))
    with pytest.raises(
        ValueError, match="expected 70 keys to fit into 512 from a start of 0 on, but starts are 0 to 500"
    ):
        kernels.encode_keys(random(2, HKV, 70, D), case.layer, case.codes, np.array([0, 500], np.int32))
    with pytest.raises(ValueError, match="expected 2 KV heads of size 32, for which the encoder was made, but got 1"):
        kernels.encode_keys(random(2, 1, 70, D), case.layer)
    with pytest.raises(ValueError, match="expected a layer of 0 to 0, but got 1"):
        Layer.of(encoder(), 1)
    dense = encoder()
    dense.layers, dense.dense_layers = [None], (0,)
    with pytest.raises(ValueError, match="expected a layer with an encoder, but layer 0 is dense"):
        Layer.of(dense, 0)
    with pytest.raises(ValueError, match="expected at least one worker, but got 0"):
        kernels.set_num_workers(0)


def test_arrays_on_a_device():
    torch = pytest.importorskip("torch")
    case = Sequences(encoder())
    case.q = torch.from_numpy(case.q).to("meta")
    with pytest.raises(TypeError, match="expected q on the CPU, but it is on meta"):
        case.decode(SPARSE)


def test_layer_encoder_of_tensors_is_as_good():
    torch = pytest.importorskip("torch")
    made = encoder()
    case = Sequences(made)
    want = case.decode(SPARSE)
    given = made.layers[0]
    tensors = LayerEncoder(
        torch.from_numpy(given.key_weight),
        torch.from_numpy(given.key_bias),
        [torch.from_numpy(x) for x in given.query_weights],
        [torch.from_numpy(x) for x in given.query_biases],
    )
    case.layer = Layer(made.levels, made.group, made.activation, tensors)
    assert np.array_equal(case.decode(SPARSE), want)
