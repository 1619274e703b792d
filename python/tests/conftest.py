"""Paths that several tests share."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def build_dir():
    """The build folder; DASHKV_BUILD_DIR names another one than build/."""
    path = Path(os.environ.get("DASHKV_BUILD_DIR", ROOT / "build"))
    if not (path / "bin" / "dashkv-opt").exists():
        pytest.skip(f"needs {path}/bin/dashkv-opt: scripts/build.sh")
    return path


@pytest.fixture(scope="session")
def library(build_dir):
    """libdashkv.so of the build, which the package loads then."""
    path = build_dir / "lib" / "libdashkv.so"
    if not path.exists():
        pytest.skip(f"needs {path}: scripts/build.sh")
    os.environ["DASHKV_LIBRARY"] = str(path)
    os.environ.setdefault("DASHKV_CACHE_DIR", str(build_dir / "test" / "cache"))
    return path


@pytest.fixture(scope="session")
def layer():
    """The arrays of a real layer: test/data/README.md."""
    with np.load(ROOT / "test" / "data" / "smollm2-layer14.npz") as file:
        return {name: file[name] for name in file}
