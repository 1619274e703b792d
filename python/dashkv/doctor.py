"""`dashkv doctor`: what dashkv needs, and what it could use, on this machine."""

import ctypes
import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dashkv import _ffi, compiler, gpu

# A module that needs no kernels, so that what fails is the installation.
MODULE = """
func.func @double(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
"""

# Optional packages and the extra that brings each.
PACKAGES = {
    "torch": "torch",
    "transformers": "torch",
    "safetensors": "torch",
    "tqdm": "train",
    "matplotlib": "train",
    "nvidia-cuda-nvcc": "gpu",
}


class Missing(Exception):
    """What a check did not find."""


def check_library() -> str:
    try:
        library = _ffi.load()
    except _ffi.LibraryError as error:
        raise Missing(str(error)) from None
    version, llvm = library.dashkvGetVersion().decode(), library.dashkvGetLLVMVersion().decode()
    return f"{version} with LLVM {llvm}, {_ffi.find_library()}"


def check_cpu() -> str:
    library = _ffi.load()
    cpu, size = library.dashkvGetCPU().decode(), library.dashkvGetVectorBytes()
    if not size:
        return f"{cpu} ({platform.machine()}): neither AVX2 nor AVX-512, so only the portable lowering: expect it slow"
    return f"{cpu}, kernels on vectors of {size * 8} bits"


def check_compiler() -> str:
    try:
        kernel = compiler.compile(MODULE, cache=False)
        result = kernel(np.arange(4, dtype=np.float32))
    except (compiler.Error, ValueError) as error:
        raise Missing(f"expected a small module to compile and to run, but got: {error}") from None
    if result.tolist() != [0, 2, 4, 6]:
        raise Missing(f"expected [0, 2, 4, 6] of a small module, but got {result.tolist()}")
    return "compiles and runs"


def check_cache() -> str:
    folder = _ffi.load().dashkvGetCacheFolder().decode()
    if not folder:
        raise Missing("expected a home folder or DASHKV_CACHE_DIR, but got neither: code is compiled anew each time")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Missing(f"expected to write to {folder}, but got: {error.strerror}") from None
    size = sum(file.stat().st_size for file in Path(folder).glob("llvmcache-*"))
    return f"{folder}, {size / 1e6:.1f} MB"


def check_threads() -> str:
    try:
        compiler.compile(MODULE, workers=2, cache=False)
    except compiler.Error as error:
        raise Missing(f"{error}".removeprefix("error: ")) from None
    return f"libomp, {os.cpu_count()} processors"


def check_launcher() -> str:
    try:
        gpu.Library()
        return str(gpu.find_library())
    except (gpu.LauncherError, OSError) as error:
        raise Missing(str(error)) from None


def check_gpu() -> str:
    """The driver's version and the first device, by the driver's own functions."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise Missing("no NVIDIA driver (libcuda.so.1)") from None
    version, count, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    status = driver.cuInit(0)
    if status:
        raise Missing(f"the NVIDIA driver does not start: error {status}")
    driver.cuDriverGetVersion(ctypes.byref(version))
    driver.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        raise Missing("the NVIDIA driver finds no GPU")
    driver.cuDeviceGetName(name, 256, 0)
    return f"{name.value.decode()}, {count.value} device(s), CUDA {version.value // 1000}.{version.value % 1000 // 10}"


def check_ptxas() -> str:
    home = os.environ.get("CUDA_HOME")
    path = shutil.which("ptxas") or (shutil.which("ptxas", path=os.path.join(home, "bin")) if home else None)
    if not path:
        raise Missing("no ptxas in PATH or CUDA_HOME: bundles hold PTX, which the driver compiles")
    return path


def check_package(name: str, extra: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise Missing(f"not installed: pip install 'dashkv[{extra}]'") from None


def main() -> int:
    """Prints a line for each check; 1 if dashkv cannot work."""
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.platform()}")
    checks: list[tuple[str, bool, Callable[[], str]]] = [("library", True, check_library)]
    try:
        _ffi.load()
        checks += [("CPU", True, check_cpu), ("compiler", True, check_compiler), ("cache", False, check_cache)]
        checks += [("threads", False, check_threads)]
    except _ffi.LibraryError:
        pass  # which the first check tells
    checks += [("launcher", False, check_launcher), ("GPU", False, check_gpu), ("ptxas", False, check_ptxas)]
    for name, extra in PACKAGES.items():
        checks.append((name, False, lambda name=name, extra=extra: check_package(name, extra)))
    failed = False
    for name, needed, check in checks:
        try:
            mark, text = "ok", check()
        except Missing as missing:
            mark, text = "FAILED" if needed else "-", str(missing)
            failed |= needed
        print(f"{mark:>6} {name}: {text}")
    return int(failed)
