"""What codes keep of a layer's attention, on captured queries and keys."""

from dataclasses import dataclass

import numpy as np
import torch

from dashkv.encoders import Encoder, LayerEncoder, encode_keys, encode_queries


@dataclass(frozen=True)
class Kept:
    """Attention mass that falls on the keys read, mean over rows and heads."""

    forced: float  # sinks and window alone
    codes: float  # with the keys that the codes select
    oracle: float  # with as many keys of the largest mean attention of the group


class Rows:
    """Rows of one layer and context with their exact attention, to measure several selections on."""

    def __init__(
        self, query: np.ndarray, key: np.ndarray, scale: float, count: int = 128, sinks: int = 4, window: int = 64
    ):
        """query [Hq, N, D], key [Hkv, N, D]: rows evenly from the last quarter."""
        tokens = query.shape[1]
        self.positions = np.unique(np.linspace(tokens * 3 // 4, tokens - 1, count).astype(int))
        self.query = np.asarray(query[:, self.positions], np.float32)
        self.key = np.asarray(key, np.float32)
        kv_heads = len(self.key)
        n = torch.arange(tokens)
        positions = torch.from_numpy(self.positions)[:, None]
        grouped = torch.from_numpy(self.query.reshape(kv_heads, -1, self.query.shape[-1]))
        scores = grouped @ torch.from_numpy(self.key).transpose(1, 2) * scale
        self.scores = scores.reshape(kv_heads, -1, len(positions), tokens)  # [Hkv, G, M, N], q.k * scale
        self.attention = self.scores.masked_fill(n > positions, float("-inf")).softmax(dim=-1)
        self.candidates = (n >= sinks) & (n <= positions - window)  # [M, N]
        self.forced = (n <= positions) & ~self.candidates

    def select(self, order: torch.Tensor, fraction: float) -> torch.Tensor:
        """Forced keys and the ceil(fraction * visible) candidates of the largest order [H, M, N], the first of equals.

        H is Hkv for a list a group or Hq for a list a query head. Returns [H, M, N] bool.
        """
        budgets = np.ceil(fraction * (self.positions + 1)).astype(int)
        ordered = order.masked_fill(~self.candidates, float("-inf")).sort(dim=-1, descending=True, stable=True).indices
        rank = torch.empty_like(ordered).scatter_(-1, ordered, torch.arange(ordered.shape[-1]).expand_as(ordered))
        return self.candidates & (rank < torch.from_numpy(budgets)[:, None]) | self.forced

    def by_head(self, full: torch.Tensor) -> torch.Tensor:
        """Lists [Hkv or Hq, M, N] as one a query head [Hq, M, N]."""
        return full.repeat_interleave(len(self.query) // len(full), dim=0)

    def kept(self, full: torch.Tensor) -> float:
        """Attention mass of lists [Hkv or Hq, M, N], mean over heads and rows."""
        return float((self.attention.flatten(0, 1) * self.by_head(full)).sum(dim=-1).mean())

    def order(self, encoder: Encoder, distances: torch.Tensor) -> torch.Tensor:
        """Order of selection for select() from distances [Hc, M, N] of any scale.

        Summed over the group's codes, except for weighted codes a head: each has a scale of its own, so heads have lists.
        """
        if encoder.form == "weighted" and encoder.group == 1:
            return -distances
        return -distances.reshape(len(self.key), -1, *distances.shape[1:]).sum(dim=1)

    def codes(self, encoder: Encoder, layer: LayerEncoder) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query weights [Hc, M, L] (-1 and 1 when packed), key signs [Hkv, N, L] and code_scale [Hc, M, 1], as f32."""
        codes, scale = encode_queries(encoder, layer, self.query)
        weights = signs(codes) if scale is None else torch.from_numpy(codes.astype(np.float32))
        unit = np.ones(codes.shape[:2], np.float32) if scale is None else scale
        return weights, signs(encode_keys(layer, self.key)), torch.from_numpy(unit)[..., None]

    def measure(self, encoder: Encoder, layer: LayerEncoder, fraction: float = 0.05) -> Kept:
        """What the codes keep at a budget, beside an oracle that makes as many lists."""
        weights, keys, _ = self.codes(encoder, layer)
        order = self.order(encoder, distances(weights, keys))
        best = self.attention.mean(dim=1) if len(order) == len(keys) else self.attention.flatten(0, 1)
        return Kept(
            self.kept(self.forced.expand_as(order)),
            self.kept(self.select(order, fraction)),
            self.kept(self.select(best, fraction)),
        )


def signs(codes: np.ndarray) -> torch.Tensor:
    """Packed codes [..., L/8] as -1 and 1 [..., L]."""
    return torch.from_numpy(np.unpackbits(codes, axis=-1, bitorder="little").astype(np.float32)) * 2 - 1


def distances(weights: torch.Tensor, key_signs: torch.Tensor) -> torch.Tensor:
    """Distances [Hc, M, N], integers as f32, of query weights [Hc, M, L] and key signs [Hkv, N, L]."""
    kv_heads, keys, bits = key_signs.shape
    dots = weights.reshape(kv_heads, -1, bits) @ key_signs.transpose(1, 2)
    return (weights.abs().sum(dim=-1, keepdim=True) - dots.reshape(*weights.shape[:2], keys)) / 2
