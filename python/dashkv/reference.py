"""The full tier of dashkv.tiered_attention restated in NumPy, for tests and measurements.

Written from the semantics and not from the C++ oracle, so that the two check each other. Scope group, ties
lowest_index, one batch: the defaults of #dashkv.tiering. Arrays have no batch dimension: queries [Hq, M, D],
keys [Hkv, N, D], codes [Hkv, N, L/8] (u8) and [Hc, M, L] (i8, weighted) or [Hq, M, L/8] (u8, packed).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tiering:
    """Fields of #dashkv.tiering that matter to the full tier; `full` is in millionths."""

    full: int = 50_000
    full_min: int = 128
    sinks: int = 4
    window: int = 64

    def budget(self, limit):
        return max(-(-self.full * limit // 1_000_000), self.full_min)


def visible(rows, keys):
    """Keys that each row sees: bottom-right causal, [M, N]."""
    return np.arange(keys)[None, :] < limits(rows, keys)[:, None]


def limits(rows, keys):
    return keys - rows + 1 + np.arange(rows)


def attention(query, key, value, mask, scale=None):
    """Softmax attention in float64. mask [M, N] or [Hq, M, N] bool; a row without keys gives 0."""
    group = query.shape[0] // key.shape[0]
    key, value = (np.repeat(x.astype(np.float64), group, axis=0) for x in (key, value))
    scores = query.astype(np.float64) @ key.swapaxes(1, 2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    weights = softmax(np.where(mask, scores, -np.inf))
    return weights @ value, weights


def softmax(scores):
    top = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(top), 0, top))
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)


def linear(x, weight, bias):
    """z of a linear encoder in f32, one weight a head."""
    return x.astype(np.float32) @ weight.astype(np.float32) + bias.astype(np.float32)[:, None]


def mlp(x, weights, biases):
    """z of an encoder with silu between its linear maps."""
    z = linear(x, weights[0], biases[0])
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        z = linear(z / (1 + np.exp(-z)), weight, bias)
    return z


def concatenate_group(query, kv_heads):
    """[Hq, M, D] to [Hkv, M, G*D]: the input of an encoder that reads a group's queries together."""
    heads, rows, size = query.shape
    return query.reshape(kv_heads, heads // kv_heads, rows, size).swapaxes(1, 2).reshape(kv_heads, rows, -1)


def pack(z):
    """Bit b is z_b > 0, in bit b mod 8 of byte b div 8."""
    return np.packbits(z > 0, axis=-1, bitorder="little")


def weigh(z, levels):
    """Weighted codes [..., L] i8: the sign is the bit, the magnitudes add up to at most 127."""
    return weigh_with_scale(z, levels)[0]


def weigh_with_scale(z, levels):
    """Weighted codes and code_scale [...] f32, so that codes * code_scale approximates z; z = 0 gives 0 and 0."""
    z = z.astype(np.float32)
    largest = np.finfo(np.float32).max
    size = np.where(np.isnan(z), np.float32(0), np.minimum(np.abs(z), largest))
    top = size.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", over="ignore"):
        by_total = np.float32(126) / size.sum(axis=-1, keepdims=True)
        scale = np.minimum(np.minimum(np.float32(levels + 1) / top, by_total), largest)
        inverse = np.where(top > 0, 1 / scale, np.float32(0))[..., 0]
    scale = np.where(top > 0, scale, np.float32(0))
    codes = np.where(z < 0, -1, 1) * np.minimum(levels, np.floor(size * scale))
    return codes.astype(np.int8), inverse


def pack_planes(codes, fill=0):
    """Key-major codes [.., N, L/8] as byte planes [.., ceil(N / 64), L/8, 64]; bytes past the last key are `fill`."""
    *outer, keys, size = codes.shape
    blocks = -(-keys // 64)
    padded = np.full((*outer, blocks * 64, size), fill, codes.dtype)
    padded[..., :keys, :] = codes
    return np.ascontiguousarray(padded.reshape(*outer, blocks, 64, size).swapaxes(-1, -2))


def unpack_planes(planes, keys):
    """The codes of the first `keys` keys of byte planes, key-major."""
    *outer, blocks, size, _ = planes.shape
    return planes.swapaxes(-1, -2).reshape(*outer, blocks * 64, size)[..., :keys, :]


def distances(query_codes, key_codes):
    """Hamming distances of packed codes, weighted ones of weighted codes: [Hc, M, N] int32."""
    keys = np.unpackbits(key_codes, axis=-1, bitorder="little").astype(np.int32)
    keys = np.repeat(keys, query_codes.shape[0] // key_codes.shape[0], axis=0)
    if query_codes.dtype == np.int8:
        bits, weight = (query_codes > 0).astype(np.int32), np.abs(query_codes.astype(np.int32))
    else:
        bits, weight = np.unpackbits(query_codes, axis=-1, bitorder="little").astype(np.int32), np.int32(1)
    # w [k != q] = w q + w (1 - 2 q) k
    return (weight * bits).sum(axis=-1, keepdims=True) + (weight * (1 - 2 * bits)) @ keys.swapaxes(1, 2)


def select_full(distance, kv_heads, tiering):
    """The full tier of each KV head and row: [Hkv, M, N] bool, from the group's summed distances."""
    heads, rows, keys = distance.shape
    summed = distance.reshape(kv_heads, heads // kv_heads, rows, keys).sum(axis=1)
    n, full = np.arange(keys), np.zeros((kv_heads, rows, keys), bool)
    for row, limit in enumerate(limits(rows, keys)):
        forced = (n < limit) & ((n < tiering.sinks) | (n >= limit - tiering.window))
        candidates = n[(n < limit) & ~forced]
        full[:, row] = forced
        for head in range(kv_heads):
            order = np.argsort(summed[head, row, candidates], kind="stable")
            full[head, row, candidates[order[: tiering.budget(limit)]]] = True
    return full


def tiered_attention(query, key, value, query_codes, key_codes, tiering, scale=None):
    """Returns output, full tier [Hkv, M, N] and kept attention mass (mean over heads and rows)."""
    kv_heads = key.shape[0]
    full = select_full(distances(query_codes, key_codes), kv_heads, tiering)
    listed = np.repeat(full, query.shape[0] // kv_heads, axis=0)
    out, _ = attention(query, key, value, listed, scale)
    return out, full, kept_mass(query, key, value, full, scale)


def kept_mass(query, key, value, full, scale=None):
    """Share of the exact attention that falls on the full tier, mean over heads and rows."""
    _, weights = attention(query, key, value, visible(query.shape[1], key.shape[1]), scale)
    return float((weights * np.repeat(full, query.shape[0] // key.shape[0], axis=0)).sum(-1).mean())
