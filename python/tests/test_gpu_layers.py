"""Whole layers on a simulated GPU: attention and everything around it, against the export in a stock IREE."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_iree import INPUTS, NONEMPTY, RAISE, TIERING, TO_IREE, assert_same, load, opt, random_arguments

ROOT = Path(__file__).parents[2]


def run_simulated(build_dir, folder, source, arguments, *options):
    """Results of the function in `source`, compiled for a GPU and run on the simulated driver."""
    simulated = build_dir / "lib" / "simulated"
    if not (simulated / "libcuda.so.1").exists():
        pytest.skip("needs the simulated driver: scripts/build.sh")
    bundle = folder / "layer.dashkv"
    command = [build_dir / "bin" / "dashkv-compile", source, "--target=sm_90a", "--emit=bundle", *options, "-o", bundle]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    for i, array in enumerate(arguments):
        np.save(folder / f"{i}.npy", array)
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(simulated),
        "DASHKV_LAUNCHER": str(build_dir / "lib" / "libdashkv_launcher.so"),
    }
    run = [sys.executable, Path(__file__).with_name("gpu_layer.py"), bundle, folder]
    result = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT / "python", env=environment)
    assert result.returncode == 0, result.stderr
    return [np.load(folder / f"r{i}.npy") for i in range(len(list(folder.glob("r*.npy"))))]


@pytest.mark.parametrize("name", sorted(path.stem for path in INPUTS.glob("*.mlir")))
def test_layer_is_exported(build_dir, tmp_path, name):
    exported = (INPUTS / f"{name}.mlir").read_text()
    arguments = random_arguments(exported)
    options = ["--assume-nonempty-rows"] if name == NONEMPTY else []
    actual = run_simulated(build_dir, tmp_path, INPUTS / f"{name}.mlir", arguments, *options)
    assert_same(actual, load(exported)(*arguments))


@pytest.mark.parametrize("name", ["smollm2-layer-decode-dynamic-f32", "llama3-decode-dynamic-f16"])
def test_tiered_layer_is_portable(build_dir, tmp_path, name):
    tiered = opt(build_dir, (INPUTS / f"{name}.mlir").read_text(), RAISE, f"dashkv-apply-tiering{{{TIERING}}}")
    arguments = random_arguments(tiered, keys=600)
    source = tmp_path / "tiered.mlir"
    source.write_text(tiered)
    actual = run_simulated(build_dir, tmp_path, source, arguments)
    assert_same(actual, load(opt(build_dir, tiered, TO_IREE))(*arguments))


@pytest.mark.parametrize("name", sorted(path.stem for path in INPUTS.glob("*.mlir")))
def test_tiered_layer_compiles(build_dir, tmp_path, name):
    """Whole, where its attention can be tiered."""
    command = [build_dir / "bin" / "dashkv-compile", INPUTS / f"{name}.mlir", "--target=sm_80", "--emit=ptx"]
    options = [
        "--tiering=full=2%",
        "--tiering-options=codes=group encoder=linear levels=7",
        "-o",
        tmp_path / "layer.ptx",
    ]
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    declined = "expected attention that can be tiered" in result.stderr or name == NONEMPTY
    assert result.returncode == 0 or declined, result.stderr
