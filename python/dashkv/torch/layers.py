"""Attention layers to export: one decode step or one prefill, rotary embedding and KV cache as arguments.

Caches are updated functionally, because a mutated argument has no lowering in torch-mlir: each layer returns the
new caches after its output.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Heads:
    """Attention shape of a model; the hidden size is query * size."""

    query: int
    kv: int
    size: int


LLAMA3_8B = Heads(query=32, kv=8, size=128)
SMOLLM2_135M = Heads(query=9, kv=3, size=64)


def rotate(x, cos, sin):
    """Rotary embedding in the half-split layout of Llama; cos and sin are [1, 1, rows, size]."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


def append(cache, new):
    """Writes `new` [B, H, rows, D] into the last rows of `cache`: one tensor.insert_slice in MLIR."""
    cache = cache.clone()
    cache[:, :, -new.shape[2] :] = new
    return cache


class DecodeStep(torch.nn.Module):
    """New rows against a cache whose last slots they take."""

    def forward(self, q, k_new, v_new, cos, sin, k_cache, v_cache, mask=None):
        q, k_new = rotate(q, cos, sin), rotate(k_new, cos, sin)
        k, v = append(k_cache, k_new), append(v_cache, v_new)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True), k, v


class Prefill(torch.nn.Module):
    """All tokens of a prompt at once; the rotated keys and the values become the cache."""

    def forward(self, q, k, v, cos, sin, mask=None):
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        return (
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True),
            k,
            v.clone(),
        )


class ProjectedDecodeStep(torch.nn.Module):
    """DecodeStep between its projections; weights are arguments, so the exported text holds no constants."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.step = DecodeStep()

    def forward(self, hidden, wq, wk, wv, wo, cos, sin, k_cache, v_cache):
        q, k, v = project(hidden, wq, wk, wv, self.heads)
        out, k, v = self.step(q, k, v, cos, sin, k_cache, v_cache)
        return merge(out, wo), k, v


class ProjectedPrefill(torch.nn.Module):
    """Prefill between its projections."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.prefill = Prefill()

    def forward(self, hidden, wq, wk, wv, wo, cos, sin):
        q, k, v = project(hidden, wq, wk, wv, self.heads)
        out, k, v = self.prefill(q, k, v, cos, sin)
        return merge(out, wo), k, v


def project(hidden, wq, wk, wv, heads):
    shape = (*hidden.shape[:2], -1, heads.size)
    return tuple(F.linear(hidden, w).view(shape).transpose(1, 2) for w in (wq, wk, wv))


def merge(out, wo):
    return F.linear(out.transpose(1, 2).flatten(2), wo)
