"""The exported layers that are checked in are what the pinned PyTorch and torch-mlir give today."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: scripts/setup.sh --tests")
pytest.importorskip("torch_mlir", reason="needs torch-mlir: scripts/setup.sh --tests")
pytest.importorskip("transformers", reason="needs transformers: scripts/setup.sh --tests")

from dashkv.torch import export

INPUTS = Path(__file__).parents[2] / "test" / "Inputs" / "torch"


@pytest.mark.parametrize("name", export.LAYERS)
def test_checked_in_text_is_current(name):
    path = INPUTS / f"{name}.mlir"
    assert path.exists(), f"run .venv/bin/python -m dashkv.torch.export --all {INPUTS}"
    text = path.read_text()
    assert text == export.export(name), f"{path} drifted; {text.splitlines()[0][3:]} prints the new text"
    assert len(text) < 200_000, "the text holds large constants"


def test_no_other_files():
    assert sorted(path.stem for path in INPUTS.glob("*.mlir")) == sorted(export.LAYERS)


def test_unknown_name(capsys):
    with pytest.raises(SystemExit, match="expected a name that --list prints, but got 'no-such-layer'"):
        export.main(["no-such-layer"])
    assert capsys.readouterr().out == ""


def test_unwritable_directory(tmp_path):
    with pytest.raises(SystemExit, match="cannot write to '.*missing': No such file or directory"):
        export.main(["--all", str(tmp_path / "missing")])


def test_list(capsys):
    export.main(["--list"])
    assert capsys.readouterr().out.split() == list(export.LAYERS)
