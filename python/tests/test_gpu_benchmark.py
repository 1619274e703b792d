"""benchmarks/gpu without a GPU: a run on the simulated driver, the arithmetic of its tables, and its oracle."""

import ctypes.util
import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from dashkv import reference

FOLDER = ROOT / "benchmarks" / "gpu"
NAMES = ("arrays", "cases", "check", "modules", "oracle", "output", "cuda", "launcher", "probe")


@pytest.fixture(scope="module")
def gpu():
    """The modules of the benchmark: their names are those of other modules in this process too."""
    kept = {name: sys.modules.pop(name, None) for name in NAMES}
    sys.path.insert(0, str(FOLDER))
    try:
        made = {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update({name: module for name, module in kept.items() if module})
    return type("Modules", (), made)


@pytest.fixture(scope="module")
def prepared(build_dir, tmp_path_factory):
    """A folder with a few kernel sets of two KV heads."""
    for needed in (build_dir / "lib" / "libdashkv_launcher.so", build_dir / "lib" / "simulated" / "libcuda.so.1"):
        if not needed.exists():
            pytest.skip(f"needs {needed}: scripts/build.sh")
    out = tmp_path_factory.mktemp("gpu") / "prepared"
    only = "^(tiered|exact|retrieve|scan|encode|gather)( kv_heads=2)?( full=0.05)?( encode=linear)?( dense_below=0)?$"
    only += "|gather kv_heads=2 lengths=False|encode kv_heads=2 lengths=False|scan kv_heads=2 lengths=False"
    command = [FOLDER / "prepare.py", "--kv-heads", "2", "--groups", "4", "--chips", "sm_90a"]
    # Without ptxas: the simulated driver takes PTX.
    environment = os.environ | {"DASHKV_BUILD_DIR": str(build_dir), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, *command, "--only", only, "--out", out],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return out


def run(folder, out, *options, library=None):
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    if library:
        environment["LD_LIBRARY_PATH"] = str(library)
    command = [sys.executable, folder / "run.py", "--out", out, *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_prepared_folder_is_small_and_complete(prepared):
    index = json.loads((prepared / "index.json").read_text())
    assert index["kernels"] and all("file" in entry for entry in index["kernels"])
    assert sum(path.stat().st_size for path in prepared.rglob("*") if path.is_file()) < 40 << 20


@pytest.mark.skipif(ctypes.util.find_library("cuda") is not None, reason="there is an NVIDIA driver")
def test_without_a_driver_it_says_so(prepared, tmp_path):
    done = run(prepared, tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("run: skipped: no CUDA driver: libcuda.so.1")


def test_checks_pass_on_the_simulated_gpu(prepared, build_dir, tmp_path):
    only = "full=0.05 dense_below=0, 1000|exact kv_heads=2, |retrieve kv_heads=2 full=0.05, |encode=linear, 1 keys|scan|gather"
    options = ["--check", "--no-sanitizer", "--checks", only]
    done = run(prepared, tmp_path, *options, library=build_dir / "lib" / "simulated")
    results = json.loads((tmp_path / "results.json").read_text())
    assert done.returncode == 0, done.stdout
    assert [c for c in results["checks"] if c["status"] != "ok"] == []
    assert len(results["checks"]) >= 6
    assert " 0 failed, 0 skipped" in done.stdout


def test_rows_run_on_the_simulated_gpu(prepared, build_dir, tmp_path):
    options = ["--small", "--no-checks", "--no-sanitizer", "--n", "5000", "--batch", "1", "--rounds", "2"]
    only = ["--only", "read|gather|exact|tiered 2 %$|in turn|retrieve|scan|encode$"]
    done = run(prepared, tmp_path, *options, *only, library=build_dir / "lib" / "simulated")
    results = json.loads((tmp_path / "results.json").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["row"]: row for row in results["cases"][0]["results"]}
    own = [row for row in rows.values() if row["system"] == "dashkv"]
    assert {row["status"] for row in own} == {"ok"} and all(len(row["seconds"]) == 2 for row in own)
    assert {"dashkv exact", "dashkv tiered 2 %", "dashkv tiered 2 %, launches in turn", "dashkv scan"} <= rows.keys()
    assert (tmp_path / "time.svg").exists()


def test_time_that_is_used_up_is_told(prepared, build_dir, tmp_path):
    options = ["--small", "--no-sanitizer", "--n", "5000", "--batch", "1", "--seconds", "0"]
    done = run(prepared, tmp_path, *options, library=build_dir / "lib" / "simulated")
    assert "the time for this run is used up" in done.stdout


def make_run(gpu, **seconds):
    """A run with one case, as results.json holds it."""
    case = gpu.cases.Case(131072, 1, 4)
    results = []
    for row in gpu.cases.rows(case):
        if row.label in seconds:
            status = "wrong" if seconds[row.label] < 0 else "ok"
            results.append(
                {
                    "row": row.label,
                    "system": row.system,
                    "status": status,
                    "reason": "lists" if status == "wrong" else "",
                }
                | {"bytes": gpu.cases.traffic(case, row), "error": 1e-3, "seconds": 3 * [abs(seconds[row.label])]}
            )
    about = {
        "device": "Some GPU",
        "date": "2026-01-01",
        "commit": "abc",
        "chip": "sm_90a",
        "driver": "13.0",
        "peers": "none",
    }
    about |= {"multiprocessors": 132, "l2": 50 << 20, "read_rates": [(1 << 29, 4e12)], "groups": [4]}
    return {"about": about, "checks": [], "sanitizer": [], "cases": [{"case": vars(case), "results": results}]}


def test_ratios_are_to_the_best_dense(gpu):
    times = {"torch SDPA cuDNN": 120e-6, "torch SDPA flash": 150e-6, "dashkv exact": 130e-6, "dashkv tiered 2 %": 15e-6}
    run = make_run(gpu, **times)
    text = gpu.output.markdown(run)
    assert "| dashkv tiered 2 % | 15.0 |" in text and "| 8.0x |" in text
    targets = {name.split(",")[0]: (value, holds) for name, _, value, holds in gpu.output.target_rows(run)}
    assert targets["dashkv tiered 2 %"] == ("8.0x", True)
    assert targets["exact"] == ("92 %", True)
    assert targets["dashkv tiered 5 %"] == (None, None)
    assert "not measured" in text
    assert gpu.output.svg(run).count("<polyline") == 4


def test_wrong_results_are_shown_and_count_for_nothing(gpu):
    run = make_run(gpu, **{"torch SDPA cuDNN": 120e-6, "torch SDPA flash": -10e-6, "dashkv tiered 2 %": -15e-6})
    text = gpu.output.markdown(run)
    assert "WRONG: lists" in text
    targets = {name.split(",")[0]: value for name, _, value, _ in gpu.output.target_rows(run)}
    assert targets["dashkv tiered 2 %"] is None
    assert gpu.output.best_dense(run["cases"][0]["results"])["row"] == "torch SDPA cuDNN"


def test_byte_model(gpu):
    case = gpu.cases.Case(131072, 8, 4)
    rows = {row.label: gpu.cases.traffic(case, row) for row in gpu.cases.rows(case)}
    assert rows["torch SDPA cuDNN"] == rows["dashkv exact"] == 8 * 8 * 131072 * 512
    assert rows["read codes"] == rows["dashkv scan"] == 8 * 8 * 131072 * 8
    listed = -(-131072 * 2 // 100) + 68
    assert rows["dashkv tiered 2 %"] == 8 * 8 * (131072 * 8 + listed * 512)


@pytest.mark.parametrize("codes", ["packed", "weighted"])
def test_oracle_agrees_with_the_reference(gpu, codes):
    form = gpu.modules.Form("tiered", codes=codes, group=2, kv_heads=1, dense_below=0, rows=2, full=0.1)
    generator = np.random.default_rng(3)
    query, key, value = (generator.standard_normal(shape) for shape in ((2, 2, 16), (400, 16), (400, 16)))
    keys = generator.integers(0, 256, (400, 8), np.uint8)
    if codes == "packed":
        made = generator.integers(0, 256, (2, 2, 8), np.uint8)
    else:
        made = generator.integers(-2, 3, (1, 2, 64)).astype(np.int8)
    out, _ = gpu.oracle.step(form, query, key, value, 400, 400, made, keys, np.zeros(2), np.zeros(2))
    tiering = reference.Tiering(full=100_000)
    want, _, _ = reference.tiered_attention(query, key[None], value[None], made, keys[None], tiering)
    assert gpu.oracle.relative_error(out, want) < 1e-12


def test_oracle_tells_lists_apart(gpu):
    """A list with one wrong key is an error far above the tolerance of a checked list."""
    form = gpu.modules.Form("retrieve", full=0.05)
    distance = np.arange(1000) % 7
    full, _ = gpu.oracle.lists(distance, 1000, form)
    newest, _ = gpu.oracle.lists(distance, 1000, gpu.modules.Form("retrieve", full=0.05, ties="newest"))
    assert len(full) == len(newest) == 128 + 68 and not np.array_equal(full, newest)


def test_f8_values(gpu):
    assert gpu.arrays.E4M3[0x38] == 1 and gpu.arrays.E4M3[0xC0] == -2 and gpu.arrays.E4M3[0x7E] == 448
    assert gpu.arrays.E4M3[1] == 2.0**-9 and np.isnan(gpu.arrays.E4M3[0x7F])
