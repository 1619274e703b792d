"""What results must be, in float64 NumPy from the definitions: integers exactly, outputs within rounding."""

import sys
from pathlib import Path

import numpy as np

try:
    import reference  # in a prepared folder
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
    from dashkv import reference

SINKS, WINDOW, FULL_MIN = 4, 64, 128  # the defaults of #dashkv.tiering
CHUNK = 1 << 16
# Of the norm of an output: rounding of the element type, and of the weights, which are rounded to it.
TOLERANCE = {"f16": 2e-3, "bf16": 1e-2, "f8": 1e-2, "f32": 1e-4}


def budget(fraction, limit):
    """Fractions are integer millionths, so that all targets round alike."""
    return -(-round(fraction * 1_000_000) * limit // 1_000_000)


def relative_error(got, want):
    norm = np.linalg.norm(want)
    return float(np.linalg.norm(np.asarray(got, np.float64) - want) / (norm or 1))


def softmax_of(pieces):
    """Softmax over pieces of (logits [R, n], values [n, D]), joined in float64."""
    top = total = out = None
    for logits, values in pieces:
        if not logits.size:
            continue
        new = logits.max(axis=1, keepdims=True) if top is None else np.maximum(top, logits.max(axis=1, keepdims=True))
        weights = np.exp(logits - new)
        shrink = 0.0 if top is None else np.exp(top - new)
        total = weights.sum(axis=1, keepdims=True) + (0.0 if top is None else total * shrink)
        out = weights @ values + (0.0 if top is None else out * shrink)
        top = new
    return out / total


def attention(query, key, value, indices=None):
    """Rows of queries [R, D] on listed keys, or on all."""
    indices = np.arange(len(key)) if indices is None else indices

    def pieces():
        for start in range(0, len(indices), CHUNK):
            part = indices[start : start + CHUNK]
            yield query @ key[part].T * query.shape[1] ** -0.5, value[part]

    return softmax_of(pieces())


def lists(distance, limit, form):
    """Full and mid list of one row from its distances [N], ascending."""
    forced = np.zeros(len(distance), bool)
    forced[:SINKS] = True
    forced[max(0, limit - WINDOW) : limit] = True
    forced[limit:] = False
    candidates = np.flatnonzero(~forced[:limit])
    full = min(max(budget(form.full, limit), FULL_MIN), len(candidates))
    mid = min(budget(form.mid, limit), len(candidates) - full)
    keys = distance[candidates].astype(np.int64)
    if form.ties == "newest":
        order = candidates[::-1][np.argsort(keys[::-1], kind="stable")]
    else:
        order = candidates[np.argsort(keys, kind="stable")]
    return np.sort(np.r_[np.flatnonzero(forced), order[:full]]), np.sort(order[full : full + mid])


def all_lists(form, query_codes, key_codes, length):
    """For one KV head and row: distances [code heads, n] and the lists of each list head."""
    rows = query_codes.shape[1]
    found = reference.distances(query_codes, key_codes[None, :length])
    summed = found if form.scope == "head" else found.sum(axis=0, keepdims=True)
    tiers = [[lists(summed[head, m], length - rows + 1 + m, form) for m in range(rows)] for head in range(len(summed))]
    return found, tiers


def step(form, query, key, value, length, longest, codes=None, key_codes=None, temperature=None, bias=None):
    """Output [G, M, D] of one KV head. query [G, M, D], key and value [N, D]; codes [Hc / Hkv, M, ...]."""
    group, rows, depth = query.shape
    if form.kind == "exact" or (form.lengths and longest < form.dense_below):
        out = np.empty((group, rows, depth))
        for m in range(rows):
            limit = length - rows + 1 + m if rows > 1 or form.kind != "exact" else length
            out[:, m] = attention(query[:, m], key[:limit], value[:limit])
        return out, None
    found, tiers = all_lists(form, codes, key_codes, length)
    out = np.empty((group, rows, depth))
    for head in range(group):
        for m in range(rows):
            full, mid = tiers[head % len(tiers)][m]
            x = query[head, m][None]
            pieces = [(x @ key[full].T * depth**-0.5, value[full])]
            if len(mid):
                code = codes[head % len(codes), m]
                total = np.abs(code.astype(np.int64)).sum() if form.codes == "weighted" else form.bits
                dot = total - 2 * found[head % len(found), m, mid].astype(np.float64)
                pieces.append(((temperature[head] * dot + bias[head])[None], value[mid]))
            out[head, m] = softmax_of(pieces)[0]
    return out, tiers


def encode(form, query, weights, biases, levels):
    """Query codes [Hc, M, ...] of queries [Hq, M, D] in f32."""
    x = query.astype(np.float32)
    if form.code_heads != form.heads:
        x = reference.concatenate_group(x, form.kv_heads)
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if i:
            with np.errstate(over="ignore"):  # silu of large negative numbers is 0
                x = x / (1 + np.exp(-x))
        x = x @ weight + bias
    return reference.weigh(x, levels) if form.codes == "weighted" else reference.pack(x)


def differing(got, want):
    """The part of code bits, or of weights, that differ: rounding may decide those near a threshold."""
    if got.dtype == np.uint8:
        got, want = (np.unpackbits(x, axis=-1) for x in (got, want))
    return float((got != want).mean())
