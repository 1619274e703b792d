"""What the results must be, in float64 NumPy from the definitions. A benchmark of wrong results is worthless."""

import sys
from pathlib import Path

import numpy as np
from cases import DEPTH, KV_HEADS, SINKS, WINDOW, listed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from dashkv import reference

SCALE = DEPTH**-0.5
CHUNK = 1 << 16


def relative_error(got, want):
    got, want = (np.asarray(x, np.float64) for x in (got, want))
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def some_kv_heads(case):
    """(batch, KV head) pairs whose results are checked: the first and the last."""
    return [(0, 0), (case.batch - 1, KV_HEADS - 1)]


def attention(query, logits_and_values):
    """Softmax over pieces of (logits [G, n], values [n, D]), merged in float64."""
    top = np.full((len(query), 1), -np.inf)
    total, out = np.zeros((len(query), 1)), np.zeros((len(query), DEPTH))
    for logits, values in logits_and_values:
        if not logits.size:
            continue
        new = np.maximum(top, logits.max(axis=1, keepdims=True))
        weights, shrink = np.exp(logits - new), np.exp(top - new)
        total = total * shrink + weights.sum(axis=1, keepdims=True)
        out = out * shrink + weights @ values
        top = new
    return out / total


def exact(query, key, value, keep=None):
    """One KV head: query [G, D], key and value [N, D] in any type; `keep` are the indices of keys that take part."""

    def pieces():
        indices = np.arange(len(key)) if keep is None else keep
        for start in range(0, len(indices), CHUNK):
            part = indices[start : start + CHUNK]
            yield SCALE * query.astype(np.float64) @ key[part].T.astype(np.float64), value[part].astype(np.float64)

    return attention(query, pieces())


def distances(codes, key_codes):
    """[Hc, N] of the code heads of one KV head."""
    return reference.distances(codes[:, None, :], key_codes[None])[:, 0]


def lists(distance, row):
    """Full and mid list for one list head from its summed distance [N], ascending."""
    keys = len(distance)
    forced = np.r_[0:SINKS, keys - WINDOW : keys]
    candidates = np.arange(SINKS, keys - WINDOW)
    full, mid = listed(row, keys)
    order = candidates[np.argsort(distance[candidates], kind="stable")]
    taken = full - len(forced)
    return np.sort(np.r_[forced, order[:taken]]), np.sort(order[taken : taken + mid])


def group_lists(codes, key_codes, row):
    """Lists of each list head of one KV head: one of the whole group, or one a query head."""
    found = distances(codes, key_codes)
    if row.scope == "group":
        found = found.sum(axis=0, keepdims=True)
    return [lists(distance, row) for distance in found]


def tiered(query, key, value, codes, key_codes, row, temperature=None, bias=None):
    """Output [G, D] of one KV head, from the query codes that the kernel made."""
    out = []
    found, tiers = distances(codes, key_codes), group_lists(codes, key_codes, row)
    for head, row_of_query in enumerate(query):
        full, mid = tiers[head % len(tiers)]
        code = codes[head % len(codes)]
        total = np.abs(code.astype(np.int64)).sum() if code.dtype == np.int8 else 8 * len(code)
        dot = total - 2 * found[head % len(found)][mid]
        pieces = [(SCALE * row_of_query[None].astype(np.float64) @ key[full].T.astype(np.float64), value[full])]
        if len(mid):
            pieces.append(((temperature[head].astype(np.float64) * dot + bias[head])[None], value[mid]))
        out.append(attention(row_of_query[None], pieces)[0])
    return np.array(out)


def query_codes(query, weights, biases, codes, levels):
    """z of the encoder and the codes that follow from it: query [B, Hq, D]."""
    if codes == "weighted":
        x = query.reshape(query.shape[0], KV_HEADS, -1)
        z = x @ weights[0] + biases[0]
        return z, reference.weigh(z, levels)
    z = query
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if i:
            z = z / (1 + np.exp(-z))
        z = z @ weight + bias
    return z, reference.pack(z)


def differing(got, want):
    """The part of code bits, or of weights, that differ: rounding may decide those near a threshold."""
    if got.dtype == np.uint8:
        got, want = (np.unpackbits(x, axis=-1) for x in (got, want))
    return float((got != want).mean())
