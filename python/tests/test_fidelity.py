"""The program that makes docs/Fidelity.md: its plan names what there is, and the page says what the JSON files say."""

import dataclasses
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from test_eval import WORDS, model, tokenizer  # noqa: F401, fixtures

from dashkv.encoders import Encoder
from dashkv.eval.harness import EvalError
from dashkv.eval.selectors import Budget
from dashkv.eval.suite import Suite
from dashkv.models import fingerprint

path = Path(__file__).parents[2] / "benchmarks" / "fidelity" / "run.py"
spec = importlib.util.spec_from_file_location("fidelity_run", path)
fidelity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fidelity)


def encoder(key: dict, name: str) -> Encoder:
    """A random encoder of the form that a file name stands for, with all parts."""
    form, bits = re.match(r"([a-z]+)(\d+)", name).groups()
    made = Encoder.random(key, form, int(bits))
    count = made.code_heads
    parts = {"vote_discount": np.full(count, 3, np.int16), "prior_discount": np.full(count, 2, np.int16)}
    parts |= {
        "temperature": np.full(key["query_heads"], 0.1, np.float32),
        "bias": np.zeros(key["query_heads"], np.float32),
    }
    return dataclasses.replace(made, layers=[dataclasses.replace(x, **parts) for x in made.layers])


def test_the_plan_names_selectors_that_there_are():
    key = {"model_type": "llama", "layers": 1, "query_heads": 4, "kv_heads": 2, "head_size": 32, "rope_theta": 1e4}
    encoders = {label: encoder(key, name) for name, label in fidelity.ENCODERS.items()}
    there = {selector.name for selector in Suite(Budget(), key, encoders).selectors()}
    for run in fidelity.RUNS:
        assert set(run.selectors) <= there, run.name


@pytest.fixture
def run():
    return fidelity.Run("small", "Small", "A remark.", "--measures tokens --lengths 300 --rows 64 --full-min 16 --equal bytes,rows",
                        ["oracle, group", "dashkv weighted 64", "dashkv weighted 64, seed 1"], "quality")  # fmt: skip


def test_two_seeds_in_one_report_and_its_page(model, tokenizer, run, tmp_path, monkeypatch):  # noqa: F811
    text = tmp_path / "text.txt"
    text.write_text(" ".join(np.random.default_rng(0).choice(WORDS, 6000)))
    for seed, name in enumerate(("weighted64", "weighted64-seed1")):
        Encoder.random(fingerprint(model), seed=seed).save(tmp_path / f"{name}.safetensors")
    files = {file.stem: file for file in sorted(tmp_path.glob("*.safetensors"))}
    extra = ["--text", str(text), "--restated"]
    data = fidelity.evaluate(run, files, extra, tmp_path / "work", lambda: (model, tokenizer))
    by_bytes, by_rows = data["tokens"]
    assert [row["selector"] for row in by_bytes["rows"]] == run.selectors
    assert by_bytes["rows"] == by_rows["rows"]  # of selectors with the reference's rows and bytes
    assert by_rows["full"] == by_bytes["full"] + ", equal rows"
    assert data["tokens"][0]["rows"][1]["kl"] != data["tokens"][0]["rows"][2]["kl"]
    assert "--encoder weighted64.safetensors --encoder 'dashkv weighted 64, seed 1=weighted64-seed1" in data["command"]
    # Without the second file its row is left out.
    data = fidelity.evaluate(
        run, {"weighted64": files["weighted64"]}, extra, tmp_path / "work", lambda: (model, tokenizer)
    )
    assert [row["selector"] for row in data["tokens"][0]["rows"]] == run.selectors[:2]
    monkeypatch.setattr(fidelity, "RUNS", [run])
    (tmp_path / "small.json").write_text(json.dumps(data))
    page = tmp_path / "page.md"
    page.write_text(f"# Fidelity\nBy hand.\n{fidelity.MARK}\nold tables\n")
    fidelity.write_page(page, tmp_path)
    text = page.read_text()
    assert text.startswith(f"# Fidelity\nBy hand.\n{fidelity.MARK}\n\n## Small\n\nA remark.\n\n```\ndashkv eval")
    assert "| dashkv weighted 64 |" in text and "### Next tokens at 300 tokens" in text and "old" not in text
    assert "](figures/fidelity-quality.svg)" in text
    fidelity.write_page(page, tmp_path)
    assert page.read_text() == text
    page.write_text("no mark")
    with pytest.raises(EvalError, match="expected the line '<!-- Below"):
        fidelity.write_page(page, tmp_path)


def test_the_page_is_made_of_the_committed_numbers():
    _, mark, tables = fidelity.PAGE.read_text().partition(fidelity.MARK)
    assert mark and tables.strip() == fidelity.tables(fidelity.HERE).strip()
