"""benchmarks/cpu: a tiny run, the arithmetic of its report, and that its checks see what is wrong."""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from dashkv import reference

FOLDER = ROOT / "benchmarks" / "cpu"
sys.path.insert(0, str(FOLDER))
import buffers
import cases
import oracle
import report
import run as driver

CENTER = cases.Case(131072)
GROUP, HEAD = cases.tiered(0.02), cases.tiered(0.02, "head")


def run(tmp_path, build_dir, *options):
    """One round of run.py on 8K keys in an environment without peers; returns its JSON and what it printed."""
    environment = os.environ | {
        "DASHKV_BUILD_DIR": str(build_dir),
        "DASHKV_BENCH_VENV": str(tmp_path / "none"),
        "DASHKV_BENCH_NODE_MODULES": str(tmp_path / "none"),
    }
    command = [sys.executable, FOLDER / "run.py", "--quick", "--n", "8K", "--rounds", "1", "--out", tmp_path, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads((tmp_path / "results.json").read_text()), done.stdout


def test_run(tmp_path, build_dir):
    data, printed = run(tmp_path, build_dir, "--no-peers", "--only", "stream|codes|exact|2 % group|scan|encode")
    assert data["schema"] == report.SCHEMA
    assert data["host"].keys() >= {"cpu", "flags", "cores", "last_level_cache", "huge_pages"}
    labels = [result["label"] for result in data["results"]]
    assert labels[:3] == ["read: stream", "read: codes", "dashkv exact"]
    for result in data["results"]:
        assert (result["status"], result["reason"]) == ("ok", ""), result["label"]
        assert 0 < result["best"] <= result["median"]
        assert len(result["rounds"]) == 1 and all(t > 0 for t in result["rounds"][0])
        assert result["row"]["system"] == "probe" or result["error"] < 1e-2
        assert result["label"] in printed
    assert {line["status"] for line in data["targets"]} <= {"pass", "miss", "no target", "not measured"}


def test_missing_peers_say_so(tmp_path, build_dir):
    data, printed = run(tmp_path, build_dir, "--only", "^ggml$|faiss")
    reasons = {result["label"]: (result["status"], result["reason"]) for result in data["results"]}
    assert reasons["ggml"] == ("missing", "the npm package @node-llama-cpp/linux-x64 is not installed")
    assert reasons["faiss binary scan 2 %"] == ("missing", "No module named 'faiss'")
    assert "missing: No module named 'faiss'" in printed


def test_a_row_that_no_label_matches_is_an_error(tmp_path):
    command = [sys.executable, FOLDER / "run.py", "--quick", "--only", "nothing like this", "--out", tmp_path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode and "no row matches" in done.stderr


def test_a_process_that_dies_is_reported_and_replaced(tmp_path):
    process = driver.Process("dashkv", 1, tmp_path)
    process.start()
    try:
        process.child.kill()
        request = {"do": "prepare", "row": cases.to_dict(cases.EXACT)}
        assert process.ask(CENTER, request) == {"failed": "the process ended: SIGKILL"}
        # The next row has a new process, which knows nothing of what the old one had prepared.
        request = {"do": "time", "row": cases.to_dict(cases.EXACT), "calls": 1}
        assert "KeyError" in process.ask(CENTER, request)["failed"]
        assert process.starts == 2
    finally:
        process.stop()


def test_lengths_are_read_with_their_units():
    assert [driver.number(text) for text in ("8192", "8K", "1m")] == [8192, 8192, 1 << 20]
    for text in ("8G", "100", "8200"):
        with pytest.raises(argparse.ArgumentTypeError):
            driver.number(text)


@pytest.mark.parametrize("make", [cases.quick_plan, cases.default_plan, cases.full_plan])
def test_plans_have_each_row_once(make):
    for case, rows in make(cases.KEYS, [1, 2]):
        assert len(rows) == len(set(rows)), case


def test_default_plan_covers_what_may_vary():
    plan = cases.default_plan(cases.KEYS, [1, 4])
    shapes = [case for case, _ in plan]
    assert {case.keys for case in shapes} == set(cases.KEYS)
    assert {case.batch for case in shapes} == {1, 8}
    assert {case.group for case in shapes} == {1, 4, 8}
    assert {case.dtype for case in shapes} == set(cases.ELEMENT_BYTES)
    assert {case.threads for case in shapes} == {1, 4}
    ours = [row for _, rows in plan for row in rows if row.kind == "tiered"]
    assert {row.full for row in ours} == set(cases.FRACTIONS)
    assert {row.mid for row in ours} == {0.0, 0.05}
    assert {(row.scope, row.codes) for row in ours} == {
        ("group", "weighted"),
        ("group", "packed"),
        ("head", "packed"),
    }


def test_byte_model():
    # K and V of 8 heads of 128K keys of 256 B; codes of 8 B.
    assert cases.traffic(CENTER, cases.EXACT) == (2 * 8 * 131072 * 256, 0)
    # ceil(0.02 N) nearest keys, 4 sinks and the window of 64: rows of K and of V.
    assert cases.listed(GROUP, 131072) == (2622 + 68, 0)
    assert cases.traffic(CENTER, GROUP) == (8 * 131072 * 8, 8 * 2690 * 512)
    # A mid tier reads V alone.
    assert cases.traffic(CENTER, cases.tiered(0.02, mid=0.05)) == (8 * 131072 * 8, 8 * (2 * 2690 + 6554) * 256)
    # Four lists at random overlap a little.
    union = 131072 * (1 - (1 - 2690 / 131072) ** 4)
    assert cases.traffic(CENTER, HEAD)[1] == round(8 * 2 * union * 256)
    # A short cache has at least 128 keys beside the forced ones, and not more than there are.
    assert cases.listed(GROUP, 4096) == (128 + 68, 0)
    assert cases.listed(cases.tiered(1.0), 8192) == (8192, 0)


def made(case, row, *rounds, **facts):
    times = sorted(t for one in rounds for t in one)
    timing = {"best": times[0], "median": times[len(times) // 2]} if times else {}
    result = {"case": cases.to_dict(case), "row": cases.to_dict(row), "label": row.label, "rounds": list(rounds)}
    return result | {"status": "ok", "reason": ""} | timing | facts


@pytest.fixture
def data():
    """A run with round numbers: 20 GB/s in order, 10 GB/s at random."""
    full, codes, rows = 536_870_912, 8_388_608, 8 * 2690 * 512
    results = [
        made(CENTER, cases.PROBES[0], [full / 20e9], bytes=full),
        made(CENTER, cases.PROBES[1], [codes / 20e9], bytes=codes),
        made(CENTER, cases.PROBES[2], [0.002], bytes=1e7),
        made(CENTER, cases.PROBES[3], [0.001], bytes=1e7),
        made(CENTER, cases.EXACT, [0.030], error=2e-4, compile_seconds=0.4),
        made(CENTER, GROUP, [codes / 20e9 + rows / 10e9], error=2e-4, compile_seconds=0.6),
        made(CENTER, cases.PARTS[0], [codes / 18e9], error=0.0),
        made(CENTER, cases.GGML[0], [0.150], error=2e-2),
        made(CENTER, cases.FAISS, status="missing", reason="No module named 'faiss'"),
    ]
    host = {"cpu": "A CPU", "flags": ["avx2"], "cores": 2, "last_level_cache": 1 << 25, "huge_pages": "always"}
    host["load"] = 0.1
    data = {"schema": 1, "host": host, "versions": {"ggml": "1"}, "settings": {"seconds": 60.0}, "results": results}
    data["targets"] = report.targets(data)
    return data


def target(data, name):
    return next(line for line in data["targets"] if line["name"].startswith(name))


def test_targets(data):
    assert target(data, "group scan")["value"] == pytest.approx(90)
    assert target(data, "group scan")["status"] == "pass"
    exact = target(data, "exact, of stream bandwidth")
    assert exact["value"] == pytest.approx(100 * 0.0268435456 / 0.030) and exact["status"] == "pass"
    group = target(data, "tiered 2 % group, over exact")
    step = 8_388_608 / 20e9 + 8 * 2690 * 512 / 10e9
    assert group["value"] == pytest.approx(0.030 / step) and group["floor"] == 17
    assert target(data, "tiered 2 % group, over ggml")["value"] == pytest.approx(0.150 / step)
    assert target(data, "tiered 2 % group, time over the byte model")["value"] == pytest.approx(1)
    assert target(data, "compilation")["status"] == "miss"  # at most 0.5 s, but 0.6
    assert target(data, "tiered 5 % group")["status"] == "not measured"


def test_retrieve_bounds_the_scan_from_below(data):
    data["results"][6]["rounds"] = [[1.0]]  # a slow hamming_distance
    data["results"].append(made(CENTER, cases.PARTS[1], [8_388_608 / 16e9], error=0.0))
    data["targets"] = report.targets(data)
    assert target(data, "group scan")["value"] == pytest.approx(80)
    assert target(data, "the same with")["status"] == "no target"


def test_targets_depend_on_the_vectors(data):
    data["host"]["flags"].append("avx512bw")
    data["targets"] = report.targets(data)
    assert target(data, "tiered 2 % group, over exact")["floor"] == 15
    assert target(data, "exact, of stream bandwidth")["floor"] == 80


def test_ratios_are_taken_round_by_round():
    # The machine slows down by half in the second round: both rows do, and the ratio stays.
    slow = made(CENTER, cases.EXACT, [2.0, 2.0], [4.0, 4.0], [2.0, 2.0])
    fast = made(CENTER, GROUP, [1.0, 9.0, 1.0], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
    assert report.ratio(slow, fast) == 2


def test_table(data):
    text = report.markdown(data)
    assert "A CPU, AVX2, 2 cores, last-level cache 32 MiB" in text
    row = next(line for line in text.splitlines() if line.startswith("| dashkv exact"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["30", "30", "17.9", "1x", "26.8", "1.12", "2.0e-04"]
    # Rows at 10 GB/s as measured, and as if at the 20 GB/s of reading in order.
    row = next(line for line in text.splitlines() if line.startswith("| dashkv tiered"))
    assert [cell.strip() for cell in row.split("|")[6:8]] == ["1.52 / 0.97", "1.00"]
    row = next(line for line in text.splitlines() if line.startswith("| faiss"))
    assert "missing: No module named 'faiss'" in row
    lengths = {len(line) for line in text.splitlines() if line.startswith("| dashkv")}
    assert len(lengths) == 1


def test_small_pages_are_shown(data):
    assert "huge pages:" not in report.markdown(data)
    data["results"][0]["huge_share"] = 0.4
    assert "Only 40 % of the caches are on huge pages" in report.markdown(data)


def test_wrong_results_are_shown_and_count_for_nothing(data):
    data["results"][5] |= {"status": "wrong", "reason": "relative error 4.0e-01"}
    data["targets"] = report.targets(data)
    assert "WRONG: relative error 4.0e-01" in report.markdown(data)
    assert target(data, "tiered 2 % group, over exact")["status"] == "not measured"


def test_series(data):
    found = {label: (measured, modelled) for label, _, measured, modelled in report.series(report.Table(data))}
    assert found["dashkv exact"] == ([(131072, 0.030)], [(131072, pytest.approx(0.0268435456))])
    assert found["ggml"] == ([(131072, 0.150)], [])
    assert found["torch SDPA, best form"] == ([], [])


def test_random_data_is_a_prefix_and_never_zero():
    for dtype, size in cases.ELEMENT_BYTES.items():
        small, large = (buffers.random(n * size, dtype, 1) for n in (1000, 300_000))
        assert np.array_equal(small, large[: len(small)])
        values = buffers.float32(large, dtype)
        assert ((np.abs(values) >= 0.5) & (np.abs(values) < 1)).all()
        assert (values > 0).any() and (values < 0).any()
        assert np.array_equal(buffers.raw(values, dtype), large)


def test_buffers_are_private_and_ask_for_huge_pages():
    pool = buffers.allocate(8 << 20)
    pool[:] = 1
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(found[1], 16) <= pool.ctypes.data < int(found[2], 16)
        elif inside and line.startswith("VmFlags:"):
            flags = line.split()
            assert "hg" in flags and "sh" not in flags  # shared memory would get none
            return
    pytest.fail("the buffer is in no mapping")


@pytest.mark.parametrize("codes", ["weighted", "packed"])
def test_oracle_agrees_with_the_reference(codes):
    rng, keys = np.random.default_rng(0), 512
    query, (key, value) = rng.standard_normal((4, 128)), rng.standard_normal((2, keys, 128))
    key_codes = rng.integers(0, 256, (keys, 8), dtype=np.uint8)
    query_codes = rng.integers(0, 256, (4, 8), dtype=np.uint8)
    if codes == "weighted":
        query_codes = rng.integers(-1, 2, (1, 64)).astype(np.int8)
    row = cases.tiered(0.05, codes=codes)
    got = oracle.tiered(query, key, value, query_codes, key_codes, row)
    want, full, _ = reference.tiered_attention(
        query[:, None], key[None], value[None], query_codes[:, None], key_codes[None], reference.Tiering()
    )
    assert oracle.relative_error(got, want[:, 0]) < 1e-12
    assert np.array_equal(oracle.group_lists(query_codes, key_codes, row)[0][0], np.flatnonzero(full[0, 0]))


def test_oracle_tells_lists_apart():
    """One other key in the list is far above the tolerance of the benchmark."""
    rng = np.random.default_rng(0)
    query, (key, value) = rng.standard_normal((4, 128)), rng.standard_normal((2, 8192, 128))
    keep = np.arange(160)
    right, wrong = (oracle.exact(query, key, value, x) for x in (keep, np.r_[keep[:-1], 5000]))
    assert oracle.relative_error(wrong, right) > 1e-2
    assert oracle.relative_error(oracle.exact(query, key, value), right) > 0.5


def test_mid_tier_uses_estimated_scores():
    rng, keys = np.random.default_rng(1), 256
    query, (key, value) = rng.standard_normal((1, 128)), rng.standard_normal((2, keys, 128))
    key_codes = rng.integers(0, 256, (keys, 8), dtype=np.uint8)
    query_codes = rng.integers(0, 256, (1, 8), dtype=np.uint8)
    row = cases.tiered(0.05, "head", mid=0.1)
    full, mid = oracle.group_lists(query_codes, key_codes, row)[0]
    assert (len(full), len(mid)) == cases.listed(row, keys) and not set(full) & set(mid)
    temperature, bias = np.array([0.1]), np.array([0.5])
    got = oracle.tiered(query, key, value, query_codes, key_codes, row, temperature, bias)
    distance = np.unpackbits(query_codes ^ key_codes[mid], axis=1).sum(1)
    logits = np.r_[128**-0.5 * key[full] @ query[0], 0.1 * (64 - 2.0 * distance) + 0.5]
    weights = np.exp(logits - logits.max())
    want = weights @ np.r_[value[full], value[mid]] / weights.sum()
    assert oracle.relative_error(got[0], want) < 1e-12
