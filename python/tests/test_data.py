"""The codes, lists and outputs in test/data follow from its queries, keys, values and encoders."""

import json

import numpy as np
import pytest

from dashkv import reference

TIERING = reference.Tiering(full_min=0)


def unpack(bits):
    return np.unpackbits(bits, axis=-1, bitorder="little").astype(bool)


def relative_error(out, expected):
    return np.linalg.norm(out - expected) / np.linalg.norm(expected)


@pytest.fixture
def group_query(layer):
    return reference.concatenate_group(layer["q"], 3)


def test_key_codes(layer):
    z = reference.linear(layer["k"], layer["key_weight"], layer["key_bias"])
    differ = np.unpackbits(reference.pack(z) ^ layer["key_codes"], axis=-1, bitorder="little").astype(bool)
    assert not (differ & (np.abs(z) > 1e-3)).any()


def test_linear_query_codes(layer, group_query):
    z = reference.linear(group_query, layer["query_weight"], layer["query_bias"])
    assert (reference.weigh(z, 7) != layer["query_codes"]).mean() < 1e-3


def test_mlp_query_codes(layer, group_query):
    weights, biases = ([layer[f"mlp_{kind}{i}"] for i in (1, 2, 3)] for kind in ("weight", "bias"))
    z = reference.mlp(group_query, weights, biases)
    assert (reference.weigh(z, 7) != layer["mlp_query_codes"]).mean() < 1e-3


@pytest.mark.parametrize("name", ["query_codes", "mlp_query_codes"])
def test_weights_fit_a_distance(layer, name):
    assert np.abs(layer[name].astype(int)).sum(axis=-1).max() <= 127


@pytest.mark.parametrize(
    ("query_codes", "key_codes", "prefix", "encoder"),
    [
        ("query_codes", "key_codes", "", "linear"),
        ("mlp_query_codes", "key_codes", "mlp_", "mlp"),
        ("packed_query_codes", "packed_key_codes", "packed_", "packed"),
    ],
)
def test_selection(layer, query_codes, key_codes, prefix, encoder):
    q, k, v = layer["q"], layer["k"], layer["v"]
    out, full, mass = reference.tiered_attention(q, k, v, layer[query_codes], layer[key_codes], TIERING)
    assert (full == unpack(layer[prefix + "full"])).all()
    assert np.abs(out - layer[prefix + "out"]).max() < 1e-6
    meta = json.loads(str(layer["meta"]))
    assert mass == pytest.approx(meta["kept_mass"][encoder], abs=1e-4)
    assert relative_error(out, layer["exact_out"]) == pytest.approx(meta["output_error"][encoder], abs=1e-4)


def test_codes_keep_most_of_the_attention(layer):
    """The bar: the weighted linear code keeps 97.5 % of what the best lists of this size keep, far above forced alone."""
    kept = json.loads(str(layer["meta"]))["kept_mass"]
    assert kept["linear"] > 0.975 * kept["oracle"]
    assert kept["packed"] - kept["forced"] > 0.1


def test_exact(layer):
    out, _ = reference.attention(layer["q"], layer["k"], layer["v"], reference.visible(32, 2048))
    assert np.abs(out - layer["exact_out"]).max() < 1e-6


def test_comparison_can_fail(layer):
    """Selecting by the codes of other rows keeps less: the checks above are not vacuous."""
    q, k, v = layer["q"], layer["k"], layer["v"]
    wrong = np.roll(layer["query_codes"], 1, axis=0)
    _, full, mass = reference.tiered_attention(q, k, v, wrong, layer["key_codes"], TIERING)
    assert (full != unpack(layer["full"])).any()
    assert mass < json.loads(str(layer["meta"]))["kept_mass"]["linear"] - 0.05
