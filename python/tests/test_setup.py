"""What scripts/setup.sh makes, and says when it cannot work."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup.sh"


def run(*arguments, **options):
    return subprocess.run(["/bin/bash", SETUP, *arguments], capture_output=True, text=True, check=False, **options)


def test_unknown_argument():
    result = run("--everything")
    assert result.returncode == 1
    assert result.stderr == "setup: error: expected no argument or --tests, but got: --everything\n"


def test_without_apt(tmp_path):
    for tool in ("dirname", "python3"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    result = run(env={"PATH": str(tmp_path)})
    assert result.returncode == 1
    assert (
        "expected Debian 12 with apt-get; on another system install the counterparts of: llvm-22-dev" in result.stderr
    )


def test_without_root(tmp_path):
    """A user without sudo is told what is missing."""
    for tool in ("dirname", "python3", "apt-get"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/true")
    script = SETUP.read_text().replace("$EUID", "1000")
    patched = tmp_path / "scripts" / "setup.sh"
    patched.parent.mkdir()
    patched.write_text(script)
    result = subprocess.run(
        ["/bin/bash", patched], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert result.returncode == 1
    assert "expected root or sudo to install: llvm-22-dev" in result.stderr


def test_help():
    result = run("--help")
    assert result.returncode == 0
    assert "scripts/setup.sh --tests" in result.stdout


def test_command(tmp_path, library):
    program = SETUP.parents[1] / ".venv" / "bin" / "dashkv"
    if Path(sys.executable).parent != program.parent:
        pytest.skip("needs the environment that scripts/setup.sh makes")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("dashkv ")
