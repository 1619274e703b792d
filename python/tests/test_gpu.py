"""The launcher by ctypes, on a simulated GPU that interprets PTX."""

import ctypes
import subprocess
from ctypes import byref, c_size_t, c_uint, c_uint64, c_void_p

import numpy as np
import pytest

from dashkv import gpu

MODULE = """
func.func @main(%acc: tensor<?x4x1x64xf32> {dashkv.role = "acc"}, %max: tensor<?x4x1xf32>,
    %sum: tensor<?x4x1xf32>, %init: tensor<?x4x1x64xf16>) -> tensor<?x4x1x64xf16> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<?x4x1x64xf32>, tensor<?x4x1xf32>, tensor<?x4x1xf32>)
    outs(%init : tensor<?x4x1x64xf16>)
  return %out : tensor<?x4x1x64xf16>
}"""


class Cuda:
    """Memory of the simulated device."""

    def __init__(self, path):
        # The launcher asks for libcuda.so.1 by its name, which is loaded then.
        self.lib = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        context = c_void_p()
        self.call("cuInit", c_uint(0))
        self.call("cuDevicePrimaryCtxRetain", byref(context), c_uint(0))
        self.call("cuCtxPushCurrent_v2", context)

    def call(self, name, *arguments):
        assert getattr(self.lib, name)(*arguments) == 0, name

    def upload(self, array, pointer=None):
        pointer = pointer or c_uint64()
        if not pointer.value:
            self.call("cuMemAlloc_v2", byref(pointer), c_size_t(array.nbytes))
        self.call("cuMemcpyHtoD_v2", pointer, c_void_p(array.ctypes.data), c_size_t(array.nbytes))
        return pointer

    def download(self, pointer, shape, dtype):
        array = np.empty(shape, dtype)
        self.call("cuCtxSynchronize")
        self.call("cuMemcpyDtoH_v2", c_void_p(array.ctypes.data), pointer, c_size_t(array.nbytes))
        return array


@pytest.fixture(scope="module")
def cuda(build_dir):
    path = build_dir / "lib" / "simulated" / "libcuda.so.1"
    if not path.exists():
        pytest.skip(f"needs {path}: ninja -C build simulated-cuda")
    return Cuda(path)


@pytest.fixture(scope="module")
def bundle(build_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "main.mlir").write_text(MODULE)
    command = [build_dir / "bin" / "dashkv-compile", folder / "main.mlir", "--emit=bundle", "--target=sm_80,sm_90a"]
    subprocess.run([*map(str, command), "-o", str(folder / "main.dashkv")], check=True)
    return gpu.Bundle(folder / "main.dashkv", build_dir / "lib" / "libdashkv_launcher.so")


def test_a_bundle_describes_itself(bundle):
    assert bundle.functions == ["main"]
    arguments, results = bundle.signature()
    assert [x.shape for x in arguments] == [(None, 4, 1, 64), (None, 4, 1), (None, 4, 1), (None, 4, 1, 64)]
    assert [x.dtype for x in arguments] == ["f32", "f32", "f32", "f16"]
    assert [x.role for x in arguments] == ["acc", "", "", ""]
    assert [x.alias for x in results] == [3]
    with pytest.raises(gpu.LauncherError, match="expected a function of the bundle, but got 'other'"):
        bundle.signature("other")


def test_a_plan_runs_and_replays(bundle, cuda):
    launcher = gpu.Launcher(bundle)
    assert launcher.chip == "sm_90a"
    acc = np.arange(512, dtype=np.float32).reshape(2, 4, 1, 64)
    row = np.full((2, 4, 1), 2, np.float32)
    plan = launcher.plan([acc.shape, row.shape, row.shape, acc.shape])
    memory = [cuda.upload(x) for x in (acc, row, row, np.zeros(acc.shape, np.float16))]
    plan.bind([x.value for x in memory])
    plan.run()
    shape, dtype, pointer = plan.result(0)
    assert (shape, dtype, pointer) == (acc.shape, "f16", memory[3].value)
    assert (cuda.download(memory[3], shape, np.float16) == acc / 2).all()
    # Other data in the same memory: the graph reads it.
    cuda.upload(acc + 2, memory[0])
    plan.capture()
    for _ in range(2):
        plan.replay()
        assert (cuda.download(memory[3], shape, np.float16) == acc / 2 + 1).all()
    assert plan.time(2) >= 0
    assert plan.memory == 0
    plan.destroy()
    launcher.close()


def test_errors_are_exceptions(bundle, cuda, tmp_path):
    launcher = gpu.Launcher(bundle)
    with pytest.raises(gpu.LauncherError, match=r"expected shapes of the arguments 0 \(acc\)"):
        launcher.plan([(2, 4)])
    with pytest.raises(gpu.LauncherError, match=r"expected argument 0 \(acc\) of 'main' to be \[\?, 4, 1, 64\]"):
        launcher.plan([(2, 4, 1, 32), (2, 4, 1), (2, 4, 1), (2, 4, 1, 64)])
    plan = launcher.plan([(2, 4, 1, 64), (2, 4, 1), (2, 4, 1), (2, 4, 1, 64)])
    with pytest.raises(gpu.LauncherError, match="but none is bound"):
        plan.run()
    with pytest.raises(gpu.LauncherError, match="which is argument 3"):
        plan.bind_result(0, 256)
    plan.destroy()
    (tmp_path / "text").write_text("text")
    with pytest.raises(gpu.LauncherError, match="expected a kernel bundle, but its first bytes differ"):
        gpu.Bundle(tmp_path / "text", bundle.library)
    with pytest.raises(gpu.LauncherError, match="cannot read"):
        gpu.Bundle(tmp_path / "none", bundle.library)
