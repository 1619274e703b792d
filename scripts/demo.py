"""The demonstration that scripts/demo.sh runs: see there."""

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import time

import numpy as np

from dashkv import reference

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "demo-out"
LAYER = "smollm2-decode-dynamic-f32"
WIDE_LAYER = "llama3-decode-dynamic-f16"
# The trained encoders: packed key codes, weighted query codes, one a KV head, linear maps.
ENCODER = "codes=group encoder=linear levels=7"


def tool(name, *args):
    command = [str(ROOT / "build/bin" / name), *map(str, args)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"demo: {' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def real_cache():
    """One layer of SmolLM2-135M on 2,048 tokens: the last token attends to all of them."""
    data = np.load(ROOT / "test/data/smollm2-layer14.npz")
    q = data["q"][:, -1:].astype(np.float32)
    return data, q, data["k"].astype(np.float32), data["v"].astype(np.float32)


def drawn_cache(keys, seed=0):
    """A longer cache with the statistics of the real one: sinks and window are its own, between them stand real pairs
    of key and value, drawn at random, with noise of their covariance that keeps mean and covariance."""
    data, q, k, v = real_cache()
    rng = np.random.default_rng(seed)
    noise = 0.3
    drawn = []
    middle = rng.integers(4, k.shape[1] - 64, size=keys - 68)
    for array in (k, v):
        heads = []
        for head in array:
            mean, factor = head.mean(0), np.linalg.cholesky(np.cov(head.T) + 1e-6 * np.eye(head.shape[1]))
            fresh = rng.standard_normal((len(middle), head.shape[1])) @ factor.T
            body = mean + np.sqrt(1 - noise**2) * (head[middle] - mean) + noise * fresh
            heads.append(np.concatenate([head[:4], body, head[-64:]]))
        drawn.append(np.array(heads, np.float32))
    return data, q, *drawn


def encode_keys(data, k):
    return reference.pack(reference.linear(k, data["key_weight"], data["key_bias"])).view(np.int8)


def exact_attention(q, k, v):
    """Output and weights in float64: the one row sees every key."""
    return reference.attention(q, k, v, np.ones((1, k.shape[1]), bool))


def best_mass(weights, kv_heads, rows):
    """Attention mass that as many rows a KV head would keep at best, chosen with knowledge of the attention: sinks and
    window, then the keys with the largest mean over the heads of the group."""
    groups = weights[:, 0].reshape(kv_heads, -1, weights.shape[-1])
    order = groups.mean(1)
    order[:, :4] = order[:, -64:] = np.inf
    best = np.argsort(-order)[:, : round(rows / kv_heads)]
    return np.mean([group[:, chosen].sum(-1).mean() for group, chosen in zip(groups, best, strict=True)])


def write_inputs(folder, data, q, k, v):
    """The arguments of the layer: the newest key and value are not in the cache yet. The captured vectors are rotated
    already, so that the layer gets the rotation by zero."""
    folder.mkdir(parents=True, exist_ok=True)
    cache_k, cache_v, codes = k.copy(), v.copy(), encode_keys(data, k)
    cache_k[:, -1], cache_v[:, -1], codes[:, -1] = 0, 0, 0
    one = np.ones((1, 1, q.shape[-1]), np.float32)
    layer = [q, k[:, -1:], v[:, -1:], one, 0 * one, cache_k, cache_v]
    codes_and_encoders = {
        "key_codes": codes[None],
        "key_encoder.weight": data["key_weight"],
        "key_encoder.bias": data["key_bias"],
        "query_encoder.weight": data["query_weight"],
        "query_encoder.bias": data["query_bias"],
    }
    plain, named = [], []
    for i, array in enumerate(layer):
        np.save(folder / f"{i}.npy", np.ascontiguousarray(array[None], np.float32))
        plain.append(f"--input={folder / f'{i}.npy'}")
    for name, array in codes_and_encoders.items():
        np.save(folder / f"{name}.npy", array if array.dtype == np.int8 else array.astype(np.float32))
        named.append(f"--input={name}={folder / name}.npy")
    return plain, named


def relative_error(got, want):
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def run(name, cache, tiering, layer):
    """Compiles the layer for a tiering and runs it on a cache; returns a column of the table."""
    data, q, k, v = cache
    folder = OUT / name
    plain, named = write_inputs(folder, data, q, k, v)
    tiered, exact = folder / "tiered.mlir", folder / "exact.mlir"
    tool("dashkv-compile", layer, "--emit=mlir", "-o", exact)
    options = [f"--tiering={tiering}", f"--tiering-options={ENCODER}"]
    tool("dashkv-compile", layer, *options, "--emit=mlir", "-o", tiered)
    tool("dashkv-run", exact, "--entry=decode", *plain, f"--output={folder / 'exact.npy'}")
    report = folder / "report.json"
    tool(
        "dashkv-run", tiered, "--entry=decode", *plain, *named, "--compare=attention", "--repeat=9",
        f"--output={folder / 'tiered.npy'}", f"--json={report}",
    )  # fmt: skip
    want, weights = exact_attention(q, k, v)
    result = json.loads(report.read_text())
    result["keys"] = k.shape[1]
    result["best_mass"] = best_mass(weights, len(k), result["tiers"][0]["full_rows"])
    for kind in ("exact", "tiered"):
        result[f"{kind}_error"] = relative_error(np.load(folder / f"{kind}.npy")[0].astype(np.float64), want)
    return result


def table(columns):
    def row(title, show):
        return [title] + [show(c) for c in columns.values()]

    def tier(c):
        return c["tiers"][0]

    rows = [
        [""] + list(columns),
        row("keys in the cache", lambda c: f"{c['keys']:,}"),
        row("exact attention", lambda c: f"{c['exact_seconds'] * 1e3:.2f} ms"),
        row("tiered attention", lambda c: f"{c['tiered_seconds'] * 1e3:.2f} ms"),
        row("exact / tiered", lambda c: f"{c['exact_seconds'] / c['tiered_seconds']:.2f}x"),
        row("bytes read, exact", lambda c: f"{tier(c)['exact_bytes'] / 1e6:.2f} MB"),
        row("bytes read, tiered", lambda c: f"{tier(c)['tiered_bytes'] / 1e6:.2f} MB"),
        row("rows of K and V read", lambda c: f"{100 * tier(c)['full_rows'] / tier(c)['keys']:.1f} %"),
        row("kept attention mass", lambda c: f"{tier(c)['kept_mean']:.3f}"),
        row("kept by the best choice", lambda c: f"{c['best_mass']:.3f}"),
        row("error of exact", lambda c: f"{c['exact_error']:.1e}"),
        row("error of tiered", lambda c: f"{c['tiered_error']:.1e}"),
    ]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for i, r in enumerate(rows):
        print(
            "| "
            + " | ".join(text.ljust(w) if j == 0 else text.rjust(w) for j, (text, w) in enumerate(zip(r, widths)))
            + " |"
        )
        if i == 0:
            print("|" + "|".join("-" * (w + 1) + (":" if j else "-") for j, w in enumerate(widths)) + "|")


def show_ptx(path):
    """The kernels of a file, and the first instructions that count differing bits."""
    lines = path.read_text().splitlines()
    kernels = [line.split()[2].rstrip("(") for line in lines if line.startswith(".visible .entry")]
    print(f"  {path.relative_to(ROOT)}: {len(kernels)} kernels for sm_90a, among them")
    for name in kernels:
        if not name.startswith("dashkv_glue"):
            print(f"    {name}")
    code = [line for line in lines if not line.lstrip().startswith((".loc", "//")) and line.strip()]
    first = next(i for i, line in enumerate(code) if "popc" in line)
    print("\n".join(code[first - 4 : first + 8]))


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
        if line.startswith("flags"):
            return name + (", AVX-512" if "avx512f" in line else ", AVX2" if "avx2" in line else "")
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", action="store_true", help="export the layer from PyTorch anew")
    live = parser.parse_args().live
    start = time.time()
    OUT.mkdir(exist_ok=True)
    layer = ROOT / "test/Inputs/torch" / f"{LAYER}.mlir"
    if live:
        from dashkv.torch.export import export

        layer = OUT / f"{LAYER}.mlir"
        layer.write_text(export(LAYER))
        print(f"exported {layer.relative_to(ROOT)} from PyTorch")

    columns = {
        "SmolLM2, real text": run("real", real_cache(), "full=5%,full_min=0,dense_below=0", layer),
        "32K keys drawn from it": run("drawn", drawn_cache(32768), "full=2%", layer),
    }
    stages, ptx, assembly = OUT / "stages", OUT / "layer.ptx", OUT / "layer.s"
    wide, report = ROOT / f"test/Inputs/torch/{WIDE_LAYER}.mlir", OUT / f"{WIDE_LAYER}.html"
    options = ["--tiering=full=2%", f"--tiering-options={ENCODER}"]
    tool("dashkv-compile", layer, *options, f"--stages={stages}", "--emit=asm", "-o", assembly)
    tool("dashkv-compile", layer, *options, "--emit=ptx", "--target=sm_90a", "-o", ptx)
    tool("dashkv-compile", wide, *options, "--emit=report", "--target=sm_90a", "-o", report)

    print(f"\nOne decode step of one attention layer, f32, one core of: {cpu_name()}\n")
    table(columns)
    print(
        "\nTimes are medians of 9 calls of the whole layer (rotary embedding, append, encoding included), both forms from"
    )
    print("kernels that the compiler emits. Errors are relative to float64 attention over all keys.\n")
    for name in sorted(stages.iterdir()):
        print(f"  {name.relative_to(ROOT)}")
    print(f"  {assembly.relative_to(ROOT)}")
    print(
        f"  {report.relative_to(ROOT)}: a Llama 3 layer in f16, whose decode is one kernel; registers, instructions, times"
    )
    show_ptx(ptx)
    print(f"\n{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
