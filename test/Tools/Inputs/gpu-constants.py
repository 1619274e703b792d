"""Inputs of gpu-constants.mlir, and a comparison of its two results."""

import pathlib
import sys

import numpy as np

job, folder = sys.argv[1], pathlib.Path(sys.argv[2])
if job == "make":
    rng = np.random.default_rng(0)
    for name, heads, rows in ("q", 4, 1), ("k", 2, 96), ("v", 2, 96):
        np.save(folder / f"{name}.npy", rng.standard_normal((1, heads, rows, 64)).astype(np.float16))
else:
    gpu, cpu = (np.load(folder / f"{name}.npy").astype(np.float64) for name in ("gpu", "cpu"))
    assert np.corrcoef(gpu.ravel(), cpu.ravel())[0, 1] > 0.99999, "the results are not alike"
    assert np.abs(gpu - cpu).max() < 2e-3 * np.abs(cpu).max(), np.abs(gpu - cpu).max()
