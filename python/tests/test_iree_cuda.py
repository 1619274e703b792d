"""Our PTX in a stock IREE: dashkv-compile --emit=iree, iree-link, iree-compile, and a run where a GPU is."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dashkv import reference

pytest.importorskip("iree.compiler", reason="needs iree-base-compiler: scripts/setup.sh --tests")

INPUTS = Path(__file__).parents[2] / "test" / "Inputs" / "torch"
TIERING = ["--tiering=full=5%,full_min=0,dense_below=0", "--tiering-options=encoder=linear"]
HAS_GPU = Path("/dev/nvidia0").exists()
TOOLS = Path(sys.executable).parent  # of the environment that the wheels are in


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def build(build_dir, folder, name, chip, *options):
    """Compiles an export to a vmfb and returns the library's text and the file."""
    library, main, linked, binary = (folder / f for f in ("library.mlir", "main.mlir", "linked.mlir", "main.vmfb"))
    compiler = build_dir / "bin" / "dashkv-compile"
    run(compiler, INPUTS / f"{name}.mlir", f"--target={chip}", "--emit=iree", *options, "-o", library)
    text = library.read_text()
    arguments, results = re.search(r"func\.func @decode\((.*)\) -> \((.*)\) \{", text).groups()
    types = ", ".join(a.split(": ")[1] for a in re.split(r", (?=%)", arguments))
    names = ", ".join(a.split(": ")[0] for a in re.split(r", (?=%)", arguments))
    count = len(re.findall("tensor<", results))
    main.write_text(f"""
    func.func private @dashkv.decode({types}) -> ({results})
    func.func @step({arguments}) -> ({results}) {{
      %r:{count} = func.call @dashkv.decode({names}) : ({types}) -> ({results})
      return {", ".join(f"%r#{i}" for i in range(count))} : {results}
    }}""")
    run(TOOLS / "iree-link", main, f"--link-module={library}", "-o", linked)
    target = chip.rstrip("a")
    run(TOOLS / "iree-compile", linked, "--iree-hal-target-device=cuda", f"--iree-cuda-target={target}", "-o", binary)
    return text, binary


@pytest.mark.parametrize("chip", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("options", [[], TIERING], ids=["exact", "tiered"])
def test_compiles(build_dir, tmp_path, chip, options):
    text, binary = build(build_dir, tmp_path, "smollm2-decode-dynamic-f32", chip, *options)
    kernels = re.findall(r"hal\.executable\.export public @(\w+)", text)
    assert any(k.startswith("dashkv_attend" if not options else "dashkv_encode") for k in kernels)
    # The PTX is in it as we wrote it, with the name of every kernel.
    content = binary.read_bytes()
    assert all(name.encode() in content for name in kernels)
    assert f".target {chip}".encode() in content


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
def test_runs(build_dir, tmp_path, layer):
    _, binary = build(build_dir, tmp_path, "smollm2-decode-dynamic-f32", "sm_80")
    q, k_new, v_new = layer["q"][:, -1:], layer["k"][:, -1:], layer["v"][:, -1:]
    cos, sin = np.ones((1, 1, 64), np.float32), np.zeros((1, 1, 64), np.float32)
    inputs = []
    for i, x in enumerate((q, k_new, v_new, cos, sin, layer["k"], layer["v"])):
        np.save(tmp_path / f"{i}.npy", x[None].astype(np.float32))
        inputs.append(f"--input=@{tmp_path}/{i}.npy")
    out = tmp_path / "out.npy"
    run(
        TOOLS / "iree-run-module", "--device=cuda", f"--module={binary}", "--function=step", *inputs, f"--output=@{out}"
    )
    expected, _ = reference.attention(q, layer["k"], layer["v"], reference.visible(1, 2048))
    assert np.abs(np.load(out)[0] - expected).max() < 1e-3
