"""The installed package: the wheel's Python part, and the libraries of the build as the wheel installs them."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel without what CMake builds, which takes minutes."""
    pytest.importorskip("scikit_build_core", reason="needs scikit-build-core: scripts/setup.sh --tests")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "-C", "wheel.cmake=false", "-w", folder, ROOT]
    subprocess.run(command, check=True)
    (path,) = folder.glob("dashkv-*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, library, build_dir, tmp_path_factory):
    """A fresh environment with the package, its libraries, and NumPy of this one; its programs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for part in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / part.name).symlink_to(part)
    install = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", "--no-deps", wheel], check=True)
    install = ["cmake", "--install", build_dir, "--component", "python", "--prefix", packages]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "bin"


def run(environment, tmp_path, program, *arguments):
    """Standard output, with nothing of the repository in sight."""
    keep = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [environment / program, *arguments], cwd=tmp_path, env=keep | {"DASHKV_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        metadata = file.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
        entry_points = file.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    (version,) = re.findall(r"project\(dashkv VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert f"\nVersion: {version}\n" in metadata
    assert all(f"\nProvides-Extra: {extra}\n" in metadata for extra in ("torch", "train", "gpu"))
    assert re.findall(r"^Requires-Dist: (?!.*extra ==)(.*)$", metadata, re.MULTILINE) == ["numpy>=1.26"]
    assert "dashkv = dashkv.cli:main" in entry_points
    modules = {path.relative_to(ROOT / "python").as_posix() for path in (ROOT / "python" / "dashkv").rglob("*.py")}
    assert modules | {"dashkv/py.typed"} == {name for name in names if name.startswith("dashkv/")}


def test_installed_package(environment, tmp_path):
    (version,) = re.findall(r"project\(dashkv VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert run(environment, tmp_path, "dashkv", "--version").startswith(f"dashkv {version}, LLVM 22.1")
    doctor = run(environment, tmp_path, "dashkv", "doctor")
    assert f"ok library: {version}" in doctor and f"{environment.parent}/lib" in doctor
    assert "ok compiler: compiles and runs" in doctor and "ok launcher: " in doctor
    assert "- torch: not installed: pip install 'dashkv[torch]'" in doctor
    assert run(environment, tmp_path, "python", "-m", "dashkv", "bench", "--keys=256", "--repeat=1").count("\n") == 3


def test_installed_package_compiles(environment, tmp_path):
    (tmp_path / "use.py").write_text("""
import dashkv, json, numpy as np, sys
kernel = dashkv.compile('''
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %r = linalg.exp ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}''')
x = np.zeros(3, np.float32)
assert kernel(x) is x
print(json.dumps([x.tolist(), dashkv.__file__, sorted(sys.modules)]))
""")
    values, file, modules = json.loads(run(environment, tmp_path, "python", "use.py"))
    assert values == [1, 1, 1] and file.startswith(str(environment.parent))
    assert not {"torch", "transformers", "safetensors", "tqdm"} & set(modules)
