"""python -m dashkv."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dashkv import cli, doctor

pytestmark = pytest.mark.usefixtures("library")

MODULE = """
func.func @add(%a: tensor<?xf32>, %b: tensor<?xf32> {dashkv.role = "bias"}) -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %1 = linalg.sub ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The module, arrays, and a step of attention, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "add.mlir").write_text(MODULE)
    step = cli.STEP.format(heads=4, kv_heads=2, size=64, type="f32", scale=0.125)
    (tmp_path / "step.mlir").write_text(step)
    np.save("a.npy", np.array([1, 2, 3], np.float32))
    np.save("b.npy", np.array([10, 20, 30], np.float32))
    return tmp_path


def run(capsys, *arguments):
    """Status, standard output and standard error of a command."""
    status = cli.main([str(x) for x in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def fails(capsys, *arguments):
    """The message of a command that fails."""
    status, out, err = run(capsys, *arguments)
    assert status == 1 and not out
    return err


def test_version_and_help(capsys):
    status, out, _ = run(capsys, "--version")
    assert status == 0 and out.startswith("dashkv 0.") and "LLVM 22.1" in out
    status, out, _ = run(capsys)
    assert status == 2 and all(name in out for name in [*cli.COMMANDS, *cli.EXTRAS])
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as done:
            cli.main([name, "--help"])
        assert done.value.code == 0


def test_is_a_program():
    done = subprocess.run([sys.executable, "-m", "dashkv", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("dashkv ")


def test_compile(folder, capfdbinary):
    assert cli.main(["compile", "step.mlir", "--tiering=full=2%", "--emit=obj", "-o", "step.o"]) == 0
    assert (folder / "step.o").read_bytes()[:4] == b"\x7fELF"
    assert oct((folder / "step.o").stat().st_mode)[-3:] == oct(0o666 & ~cli._umask())[-3:]
    assert cli.main(["compile", "step.mlir", "--tiering=full=2%", "--tiering-options=levels=1"]) == 0
    assert b"dashkv.tiered_attention" in capfdbinary.readouterr().out
    assert cli.main(["compile", "step.mlir", "--remarks", "-o", "out.mlir", "--stages=stages"]) == 0
    assert sorted(os.listdir("stages")) == ["0-input.mlir", "1-raised.mlir"]


def test_compile_errors(folder, capsys):
    assert fails(capsys, "compile", "none.mlir") == "dashkv: error: none.mlir: No such file or directory\n"
    message = fails(capsys, "compile", "add.mlir", "-o", "out.mlir")
    assert "add.mlir:0:0: error: expected attention in the module, but found none" in message
    assert "cannot read the tiering" in fails(capsys, "compile", "step.mlir", "--tiering=speed=9", "-o", "out.mlir")
    assert "but got nothing" in fails(capsys, "compile", "step.mlir", "--tiering=", "-o", "out.mlir")
    assert "expected a tiering beside tiering_options, but got only levels=1" in fails(
        capsys, "compile", "step.mlir", "--tiering-options=levels=1", "-o", "out.mlir"
    )
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run(capsys, "compile", "step.mlir", "-o", "pipe")[0] == 0
    assert b"dashkv.attention" in os.read(reader, 10_000) and (folder / "pipe").is_fifo()
    os.close(reader)
    (folder / "here").mkdir()
    for place in ("none/out.mlir", "here"):
        message = fails(capsys, "compile", "step.mlir", "-o", place)
        assert f"expected a file to write in a folder that can be written, but got {folder / place}" in message
    assert not (folder / "out.mlir").exists()
    assert sorted(x for x in os.listdir() if x.startswith(".")) == []  # no temporary file is left
    with pytest.raises(SystemExit):
        cli.main(["compile", "step.mlir", "--emit=poem"])
    with pytest.raises(SystemExit):
        cli.main(["compile", "step.mlir", "--workers=0"])
    assert "expected a whole number above 0, but got 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["compile", "step.mlir", "--workers=x"])
    assert "expected a whole number above 0, but got x" in capsys.readouterr().err


def test_run(folder, capsys):
    inputs = ["--input=bias=b.npy", "--input=a.npy"]
    status, out, _ = run(
        capsys, "run", "add.mlir", *inputs, "--output=sum.npy", "--output=difference.npy", "--repeat=3"
    )
    assert status == 0 and out.startswith("add: ") and out.endswith("ms (median of 3)\n")
    assert np.load("sum.npy").tolist() == [11, 22, 33] and np.load("difference.npy").tolist() == [-9, -18, -27]
    assert run(capsys, "run", "add.mlir", "--input=1=b.npy", "--input=a.npy", "--output=", "--output=d.npy")[0] == 0
    assert np.load("d.npy").tolist() == [-9, -18, -27]


def test_run_errors(folder, capsys):
    def message(*arguments):
        return fails(capsys, "run", "add.mlir", "--output=out.npy", *arguments)

    a, b = "--input=a.npy", "--input=b.npy"
    assert "expected an --input for argument 1 (bias), but got none" in message(a)
    assert "expected at most 2 arguments, but got a.npy" in message(a, b, a)
    assert "expected at most 2 arguments, but got 7=a.npy" in message("--input=7=a.npy")
    assert "expected one file for argument 0, but got 0=a.npy as well" in message(a, "--input=0=a.npy")
    assert "expected a number or a dashkv.role of an argument, but got 'weight'" in message("--input=weight=a.npy")
    assert "expected at most 2 outputs, but got 3" in message(a, b, "--output=", "--output=")
    assert "none.npy: No such file or directory" in message("--input=none.npy", b)
    (folder / "empty.npy").write_bytes(b"")
    (folder / "short.npy").write_bytes((folder / "a.npy").read_bytes()[:-4])
    for name in ("empty.npy", "short.npy", "add.mlir"):
        assert f"expected an array in a .npy file, but {name} is none" in message(f"--input={name}", b)
    assert "entry (add), but got 'main'" in message(a, b, "--entry=main")
    assert "expected a CPU as target of run" in message(a, b, "--target=sm_90a")
    np.save("wide.npy", np.zeros(3))
    assert "expected argument 0 of 'add' to be tensor<?xf32> (float32), but got float64[3]" in message(
        "--input=wide.npy", b
    )
    assert not (folder / "out.npy").exists()


def test_report(folder, capsys):
    status, out, _ = run(capsys, "report", "step.mlir", "--tiering=full=2%", "--keys=4096")
    assert status == 0 and "Kernels for sm_90a" in out and "for 4096 keys" in out
    assert run(capsys, "report", "step.mlir", "--target=sm_80", "-o", "report.json")[0] == 0
    assert json.loads((folder / "report.json").read_text())
    assert run(capsys, "report", "step.mlir", "-o", "report.html")[0] == 0
    assert "<html" in (folder / "report.html").read_text()
    assert "expected a GPU target" in fails(capsys, "report", "step.mlir", "--target=native")


def test_bench(capsys):
    status, out, _ = run(
        capsys, "bench", "--keys=256,512", "--repeat=1", "--type=bf16", "--tiering=full=50%,dense_below=0"
    )
    assert status == 0
    lines = out.splitlines()
    assert lines[1].split() == ["keys", "exact", "tiered", "exact/tiered"]
    assert [line.split()[0] for line in lines[2:]] == ["256", "512"]
    assert [line.endswith("both exact: dense_below=4096") for line in run(
        capsys, "bench", "--keys=256,4096", "--repeat=1")[1].splitlines()[2:]] == [True, False]  # fmt: skip
    assert "expected a CPU as target of bench" in fails(capsys, "bench", "--keys=64", "--target=sm_90a")
    assert "Unable to allocate" in run(capsys, "bench", "--keys=99999999999")[2]
    assert "expected numbers above 0 in --keys, but got 1,x" in fails(capsys, "bench", "--keys=1,x")
    assert "expected --heads in groups of --kv-heads, but got 3 and 2" in fails(capsys, "bench", "--heads=3")


def test_interruption(capsys, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.compiler, "compile", interrupt)
    assert run(capsys, "bench") == (130, "", "\ndashkv: stopped\n")


def test_doctor(capsys, monkeypatch, tmp_path):
    status, out, _ = run(capsys, "doctor")
    assert status == 0 and "ok library: 0." in out and "ok compiler: compiles and runs" in out
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("DASHKV_CACHE_DIR", str(file))
    monkeypatch.setenv("DASHKV_LAUNCHER", str(tmp_path / "none.so"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.setitem(doctor.PACKAGES, "no-such-package", "train")
    status, out, _ = run(capsys, "doctor")  # nothing of these is needed
    assert status == 0
    assert f"- cache: expected to write to {file}, but got: " in out
    assert "- launcher: expected libdashkv_launcher.so, but found none in" in out
    assert "- ptxas: no ptxas in PATH or CUDA_HOME" in out
    assert "- no-such-package: not installed: pip install 'dashkv[train]'" in out
    monkeypatch.setattr(doctor, "MODULE", "oops")
    status, out, _ = run(capsys, "doctor")
    assert status == 1 and "FAILED compiler: expected a small module to compile and to run, but got: " in out


def test_doctor_without_library(tmp_path):
    environment = os.environ | {"DASHKV_LIBRARY": str(tmp_path / "none.so")}
    done = subprocess.run(
        [sys.executable, "-m", "dashkv", "doctor"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and not done.stderr
    assert "FAILED library: expected libdashkv.so, but found none in" in done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "dashkv", "--version"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("dashkv: error: expected libdashkv.so")


@pytest.mark.parametrize("command", list(cli.EXTRAS))
def test_missing_extras(capsys, monkeypatch, command):
    def no_module(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli.importlib, "import_module", no_module)
    message = fails(capsys, command)
    assert f"expected the package torch for '{command}', but found none: pip install 'dashkv[train]'" in message


@pytest.mark.parametrize("command", list(cli.EXTRAS))
def test_extras_take_arguments(command):
    pytest.importorskip("transformers")
    with pytest.raises(SystemExit) as done:
        cli.main([command, "--help"])
    assert done.value.code == 0
