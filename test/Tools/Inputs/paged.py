"""Writes a paged cache and the contiguous one that it stands for: paged.py FOLDER

Pools `[pages, KV heads, 16, 64]` (k, v), the same with a page's rows before its heads (kr, vr), a table `[2, 8]` whose
entries past the lengths name no page, caches `[2, 2, 128, 64]` (kc, vc), lengths, and the operands of a tiered step."""

import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(0)
lengths = np.array([100, 37], np.int32)
order = iter(random.permutation(12))
table = np.full((2, 8), -1, np.int32)
arrays = {"k": np.full((12, 2, 16, 64), np.nan, np.float16), "v": np.full((12, 2, 16, 64), np.nan, np.float16)}
caches = {"kc": np.zeros((2, 2, 128, 64), np.float16), "vc": np.zeros((2, 2, 128, 64), np.float16)}
for sequence, length in enumerate(lengths):
    for block in range(-(-length // 16)):
        page = table[sequence, block] = next(order)
        for name in "kv":
            arrays[name][page] = random.standard_normal((2, 16, 64))
            caches[f"{name}c"][sequence, :, 16 * block : 16 * block + 16] = arrays[name][page]
for name in "kv":
    arrays[f"{name}r"] = arrays[name].transpose(0, 2, 1, 3).copy()
arrays |= caches | {"table": table, "lengths": lengths}
arrays["q"] = random.standard_normal((2, 8, 1, 64)).astype(np.float16)
arrays["qc"] = random.integers(-1, 2, (2, 2, 1, 64), np.int8)
arrays["codes"] = random.integers(-128, 128, (2, 2, 128, 8), np.int8)
for name, array in arrays.items():
    np.save(folder / f"{name}.npy", array)
