"""Needles in caches of 32K to 1M keys, drawn from the keys of a real model.

A needle is a real pair: a row of a text and the key, outside its sinks and window, that a KV head's queries attend to
most there, if they give it at least `SHARE` of their attention. The key is put at a random place of a long cache; the
other keys are drawn from the layer's keys, with noise that keeps their mean and covariance. A selector hits if it
keeps the needle. This asks for retrieval alone: one layer, no text.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashkv.eval.harness import Prefix, Step, show_rows

SHARE = 0.1
NOISE = 0.3


@dataclass
class Pair:
    """A row's queries [Hq, D] of a layer, and its needles: by KV head a key [D], or None."""

    layer: int
    query: Tensor
    scale: float
    keys: list[Tensor | None]


def find_pairs(model, prefix: Prefix, tokens: Tensor, layers: tuple[int, ...], rows: int, tiering) -> list[Pair]:
    """The `rows` rows of each layer whose needles have the largest shares, among tokens [R] after the prefix."""
    found: dict[int, list] = {layer: [] for layer in layers}

    def visit(step, _out):
        if step.layer in found:
            found[step.layer] += _pairs_of(step, tiering)

    show_rows(model, prefix, tokens, visit)
    best = (sorted(pairs, key=lambda pair: -pair[0])[:rows] for pairs in found.values())
    return [pair for pairs in best for _, pair in pairs]


def _pairs_of(step: Step, tiering) -> list[tuple[float, Pair]]:
    mass = step.mass.reshape(step.kv_heads, step.group, *step.mass.shape[1:]).mean(1)
    n, limits = torch.arange(mass.shape[-1]), torch.from_numpy(step.limits)[:, None]
    share, place = mass.masked_fill((n < tiering.sinks) | (n >= limits - tiering.window), 0.0).max(-1)
    pairs = []
    for row in range(step.rows):
        keys = [step.key[h, place[h, row]] if share[h, row] >= SHARE else None for h in range(step.kv_heads)]
        if any(key is not None for key in keys):
            pairs.append((float(share[:, row].max()), Pair(step.layer, step.query[:, row], step.scale, keys)))
    return pairs


def draw_cache(keys: Tensor, count: int, sinks: int, window: int, rng: np.random.Generator) -> Tensor:
    """`count` keys [Hkv, count, D] with the statistics of keys [Hkv, N, D], between the sinks and the window of these."""
    heads = []
    middle = torch.from_numpy(rng.integers(sinks, keys.shape[1] - window, count - sinks - window))
    for head in keys:
        mean = head.mean(0)
        factor = torch.linalg.cholesky(torch.cov(head.T) + 1e-6 * torch.eye(head.shape[1]))
        noise = torch.from_numpy(rng.standard_normal((len(middle), head.shape[1]), dtype=np.float32)) @ factor.T
        body = mean + (1 - NOISE**2) ** 0.5 * (head[middle] - mean) + NOISE * noise
        heads.append(torch.cat([head[:sinks], body, head[-window:]]))
    return torch.stack(heads)


@torch.inference_mode()
def hits(prefix: Prefix, pairs: list[Pair], count: int, selectors: list, seed: int, tiering) -> np.ndarray:
    """Whether each selector keeps each needle in a cache of `count` keys: [selectors, needles] bool.

    The caches of a layer are drawn once and hold the needles of one row at a time."""
    rng = np.random.default_rng([seed, count])
    found = [[] for _ in selectors]
    for layer in sorted({pair.layer for pair in pairs}):
        cache = draw_cache(prefix.keys[layer], count, tiering.sinks, tiering.window, rng)
        for pair in (pair for pair in pairs if pair.layer == layer):
            places = rng.integers(tiering.sinks, count - tiering.window, len(pair.keys))
            held = cache[torch.arange(len(places)), places].clone()
            for head, (key, place) in enumerate(zip(pair.keys, places, strict=True)):
                if key is not None:
                    cache[head, place] = key
            for results, selector in zip(found, selectors, strict=True):
                # Values play no part: the keys stand in for them.
                step = Step(layer, pair.query[:, None], cache, cache, pair.scale, prefix, {"shared": {}}, True)
                kept = selector.attend(step).kept
                kept = kept.reshape(step.kv_heads, -1, count).any(1)
                results += [bool(kept[h, place]) for h, place in enumerate(places) if pair.keys[h] is not None]
            cache[torch.arange(len(places)), places] = held
    return np.array(found)
