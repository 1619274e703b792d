"""The benchmark of a whole model, on a tiny one."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "python"))

import decode

from dashkv.encoders import Encoder
from dashkv.eval import llama_cpp, speed
from dashkv.models import fingerprint


@pytest.fixture
def systems():
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **heads)).eval()
    return speed.own_systems(model, Encoder.random(fingerprint(model)), decode.TIERINGS, np.arange(300) % 64, 8)


def test_systems_take_turns_and_end_as_they_were(systems):
    rows = []
    for length in (200, 100):
        clock, processor = map(speed.medians, speed.measure(systems, length, tokens=3, turns=2))
        assert all(system.cache.get_seq_length() == length for system in systems.values())
        assert list(clock) == ["transformers sdpa", "dashkv exact", "dashkv 5%", "dashkv 2%"]
        assert all(0 < seconds < 1 for seconds in (*clock.values(), *processor.values()))
        rows.append({"keys": length, "seconds": clock, "cpu_seconds": processor})
    lines = decode.table({"threads": 1, "rows": rows}).splitlines()
    assert lines[0] == "| keys | transformers sdpa | dashkv exact | dashkv 5% | dashkv 2% |"
    assert lines[2].startswith("| 200 | ") and "(1.00)" in lines[2]


def test_exact_attention_goes_on_as_sdpa_does(systems):
    tokens = [systems[name].run(np.array([7])) for name in ("transformers sdpa", "dashkv exact")]
    assert tokens[0] == tokens[1]


def test_llama_cpp_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("DASHKV_BENCH_NODE_MODULES", str(tmp_path))
    with pytest.raises(llama_cpp.Missing, match="linux-x64 is not installed"):
        llama_cpp.LlamaCpp(tmp_path / "model.gguf", 100, 1)


def test_llama_cpp_takes_gguf_files_only():
    with pytest.raises(llama_cpp.Missing, match="takes models from GGUF files, and org/model is none"):
        speed.llama_systems("org/model", np.arange(3), 1, 1)
