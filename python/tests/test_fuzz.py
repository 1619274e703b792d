"""Bounded fuzzing of the sanitized build: scripts/test.sh builds it; without it the test says so."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUZZER = ROOT / "build-asan/bin/dashkv-fuzz"
# LLVM's allocator marks its memory by hand where it is instrumented; libMLIR.so, which fills it, is not.
OPTIONS = "allow_user_poisoning=0:detect_leaks=0"
SECONDS = int(os.environ.get("DASHKV_FUZZ_SECONDS", "30"))


@pytest.mark.skipif(not FUZZER.exists(), reason="build-asan/bin/dashkv-fuzz is missing (cmake --preset asan)")
def test_no_text_crashes_the_compiler(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        if path.stat().st_size > 40000:
            continue
        for i, piece in enumerate(path.read_text().split("// -----")):
            (corpus / f"{path.stem}-{i}").write_text(piece)
    command = [FUZZER, corpus, f"-max_total_time={SECONDS}", "-max_len=4000", "-timeout=30", "-rss_limit_mb=4000"]
    done = subprocess.run(
        [*map(str, command), "-seed=1", "-print_final_stats=1", f"-artifact_prefix={tmp_path}/"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ASAN_OPTIONS": OPTIONS},
    )
    if done.returncode and "parseSourceFile" in done.stderr and "mlir::dashkv::" not in done.stderr:
        pytest.skip("the input crashes upstream's parser before any code of this project runs")
    assert done.returncode == 0, done.stderr[-4000:]
