"""Decode speed of the whole model against the length of its cache: transformers with sdpa, and dashkv's kernels.

Caches are filled with random keys and values, on which speed does not depend; each form appends and attends to the
same number of tokens, one after the other in turns, so that a busy machine slows all alike.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from transformers import DynamicCache

from dashkv.encoders import Encoder
from dashkv.kernel_text import Tiering


@torch.inference_mode()
def decode_seconds(
    model, encoder: Encoder, tiering: Tiering, length: int, tokens: int, seed: int
) -> dict[str, np.ndarray]:
    """Seconds of each of `tokens` steps by form, batch 1, in a cache of `length` keys to begin with."""
    import dashkv.torch.attention  # noqa: F401, registers attn_implementation="dashkv"
    from dashkv.torch.cache import DashKVCache

    dense = replace(encoder, dense_layers=tuple(range(len(encoder.layers))))
    caches = {
        "transformers, sdpa": ("sdpa", DynamicCache(config=model.config)),
        "dashkv, exact": ("dashkv", DashKVCache(model, dense, tiering, length + tokens)),
        "dashkv": ("dashkv", DashKVCache(model, encoder, tiering, length + tokens)),
    }
    rng = torch.Generator().manual_seed(seed)
    shape = (1, encoder.model["kv_heads"], length, encoder.model["head_size"])
    for index in range(encoder.model["layers"]):
        key, value = (torch.randn(shape, generator=rng) for _ in range(2))
        for kind, cache in caches.values():
            if kind == "dashkv":
                layer = cache.layers[index]
                layer.lazy_initialization(key, value)
                layer.append(key, value, None)
            else:
                cache.update(key, value, index)
    steps = {name: _step(model, kind, cache) for name, (kind, cache) in caches.items()}
    before = model.config._attn_implementation
    seconds = {name: [] for name in steps}
    try:
        for index in range(tokens + 1):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                if index:  # the first step compiles kernels and warms up
                    seconds[name].append(time.perf_counter() - start)
    finally:
        model.set_attn_implementation(before)
    return {name: np.array(x) for name, x in seconds.items()}


def _step(model, kind: str, cache) -> Callable[[], None]:
    token = torch.tensor([[0]])

    def step() -> None:
        model.set_attn_implementation(kind)
        model(token, cache=cache, use_cache=True)

    return step
