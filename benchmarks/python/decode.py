"""Tokens a second of a whole model at several context lengths: our kernels, transformers with sdpa, llama.cpp.

    .venv/bin/python benchmarks/python/decode.py --encoder encoder.safetensors --out results.json

The model is SmolLM2-135M-Instruct with the same weights for all, in f32 (llama.cpp also in Q4_1, as they are shipped).
One prompt of the longest length is run once and its caches are cut to the shorter ones; at each length the systems take
turns, a few greedy tokens at a time, and the median time of a token counts. Times at 64 tokens show what is not
attention. Without --encoder random hyperplanes stand in: the speed does not depend on what was learned.
"""

import argparse
import datetime
import json
import os
import pydoc_data.topics
import sys
import tempfile
from pathlib import Path

import torch
import transformers

from dashkv import kernels, models
from dashkv.encoders import Encoder
from dashkv.eval import speed
from dashkv.eval.llama_cpp import LlamaCpp, Missing

TIERINGS = {f"dashkv {full:.0%}": f"full={full},dense_below=0" for full in (0.05, 0.02)}


def first_tokens(systems, prompt):
    """What each system says after the prompt; the caches end one token short of it."""
    tokens = {}
    for name, system in systems.items():
        system.crop(len(prompt) - 1)
        tokens[name] = system.run(prompt[-1:])
    return tokens


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
    encoder.check(fingerprint)
    text = "\n\n".join(pydoc_data.topics.topics.values())
    prompt = tokenizer(text, return_tensors="np")["input_ids"][0, : max(options.lengths)]
    systems, missing = speed.own_systems(model, encoder, TIERINGS, prompt, options.tokens), []
    try:
        systems |= speed.llama_systems("smollm2", prompt, options.tokens, options.threads, options.folder)
    except Missing as reason:
        missing.append(f"llama.cpp: {reason}")
    tokens = first_tokens(systems, prompt)
    rows = []
    for length in sorted(options.lengths, reverse=True):
        clock, processor = map(speed.medians, speed.measure(systems, length, options.tokens, options.turns))
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
