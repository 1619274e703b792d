"""Whole layers on a simulated GPU: attention and everything around it, against the export in a stock IREE."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_iree import INPUTS, NONEMPTY, assert_same, load, random_arguments

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(path.stem for path in INPUTS.glob("*.mlir")))
def test_layer_is_exported(build_dir, tmp_path, name):
    simulated = build_dir / "lib" / "simulated"
    if not (simulated / "libcuda.so.1").exists():
        pytest.skip("needs the simulated driver: scripts/build.sh")
    exported = (INPUTS / f"{name}.mlir").read_text()
    bundle = tmp_path / "layer.dashkv"
    command = [build_dir / "bin" / "dashkv-compile", INPUTS / f"{name}.mlir", "--target=sm_90a", "--emit=bundle"]
    options = ["--assume-nonempty-rows"] if name == NONEMPTY else []
    compiled = subprocess.run([*command, *options, "-o", bundle], capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    arguments = random_arguments(exported)
    for i, array in enumerate(arguments):
        np.save(tmp_path / f"{i}.npy", array)
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(simulated),
        "DASHKV_LAUNCHER": str(build_dir / "lib" / "libdashkv_launcher.so"),
    }
    script = Path(__file__).with_name("gpu_layer.py")
    run = [sys.executable, script, bundle, tmp_path]
    result = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT / "python", env=environment)
    assert result.returncode == 0, result.stderr
    expected = load(exported)(*arguments)
    actual = [np.load(tmp_path / f"r{i}.npy") for i in range(len(expected))]
    assert_same(actual, expected)
