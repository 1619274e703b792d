"""Runs kernel bundles on a GPU: libdashkv_launcher.so by ctypes (include/dashkv-c/Launcher.h).

    launcher = Launcher("layer.dashkv")
    plan = launcher.plan([x.shape for x in arguments])
    plan.bind(arguments)              # torch tensors, or device pointers as integers
    for _ in range(steps):
        plan.replay(torch.cuda.current_stream().cuda_stream)

Shapes are those of the whole cache. What changes from step to step, such as lengths, is in device memory. The module
needs Python and the NVIDIA driver, so that it can be copied next to the library to a machine with nothing else.
"""

import ctypes
import os
import pathlib
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p

# Flags of a plan: nothing else runs on the device; kernels never overlap.
EXCLUSIVE, IN_TURN = 1, 2


class LauncherError(Exception):
    """What was expected and what was found."""


class Tensor(ctypes.Structure):
    """An argument or a result: a dense row-major array in device memory."""

    _fields_ = [
        ("_dtype", c_char_p),
        ("_role", c_char_p),
        ("rank", c_int32),
        ("alias", c_int32),
        ("_shape", POINTER(c_int64)),
    ]

    @property
    def dtype(self):
        """MLIR's name of the element type: f32, bf16, i8, ..."""
        return self._dtype.decode()

    @property
    def role(self):
        """The dashkv.role of an argument, or an empty string."""
        return self._role.decode()

    @property
    def shape(self):
        """Sizes, None for one that is free; None of a result before there is a plan."""
        return tuple(x if x >= 0 else None for x in self._shape[: self.rank]) if self._shape else None


def find_library():
    """$DASHKV_LAUNCHER, else beside this file, else in the build folder of the repository."""
    here = pathlib.Path(__file__).resolve().parent
    paths = [here / "libdashkv_launcher.so", here.parents[1] / "build" / "lib" / "libdashkv_launcher.so"]
    if "DASHKV_LAUNCHER" in os.environ:
        paths = [pathlib.Path(os.environ["DASHKV_LAUNCHER"])]
    for path in paths:
        if path.exists():
            return path
    raise LauncherError(f"expected libdashkv_launcher.so, but found none in {', '.join(map(str, paths))}")


class Library:
    """The launcher's library."""

    def __init__(self, path=None):
        self.lib = ctypes.CDLL(str(path or find_library()))
        for name in ("LauncherError", "BundleGetFunction", "LauncherGetChip", "LauncherGetDevice"):
            getattr(self.lib, f"dashkv{name}").restype = c_char_p
        self.lib.dashkvPlanGetMemory.restype = c_uint64

    def call(self, name, *arguments):
        if getattr(self.lib, f"dashkv{name}")(*arguments):
            raise LauncherError(self.lib.dashkvLauncherError().decode())


class Bundle:
    """A kernel bundle; no GPU is needed. `library` is a Library or where it is."""

    def __init__(self, path, library=None):
        self.library = library if isinstance(library, Library) else Library(library)
        self.handle = c_void_p()
        self.library.call("BundleOpen", c_char_p(os.fsencode(path)), byref(self.handle))

    @classmethod
    def read(cls, data, library=None):
        """A bundle given its bytes."""
        bundle = cls.__new__(cls)
        bundle.library, bundle.handle = library if isinstance(library, Library) else Library(library), c_void_p()
        bundle.library.call("BundleRead", c_char_p(data), c_uint64(len(data)), byref(bundle.handle))
        return bundle

    @property
    def functions(self):
        count = self.library.lib.dashkvBundleGetNumFunctions(self.handle)
        return [self.library.lib.dashkvBundleGetFunction(self.handle, c_int32(i)).decode() for i in range(count)]

    def signature(self, function="main"):
        """Arguments and results as lists of Tensor."""
        name, counts = c_char_p(function.encode()), (c_int32(), c_int32())
        self.library.call("BundleGetSignature", self.handle, name, byref(counts[0]), byref(counts[1]))
        lists = []
        for kind, count in zip(("Argument", "Result"), counts, strict=True):
            tensors = [Tensor() for _ in range(count.value)]
            for i, tensor in enumerate(tensors):
                self.library.call(f"BundleGet{kind}", self.handle, name, c_int32(i), byref(tensor))
            lists.append(tensors)
        return tuple(lists)

    def close(self):
        self.library.lib.dashkvBundleClose(self.handle)
        self.handle = c_void_p()


class Launcher:
    """The kernels of a bundle on a device."""

    def __init__(self, bundle, library=None, device=0):
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle(bundle, library)
        self.library, self.handle = self.bundle.library, c_void_p()
        self.library.call("LauncherOpen", self.bundle.handle, c_int32(device), byref(self.handle))
        self.chip = self.library.lib.dashkvLauncherGetChip(self.handle).decode()
        self.device = self.library.lib.dashkvLauncherGetDevice(self.handle).decode()

    def plan(self, shapes, flags=0, function="main"):
        """A plan of a function for arguments of these shapes."""
        return Plan(self, shapes, flags, function)

    def close(self):
        self.library.lib.dashkvLauncherClose(self.handle)
        self.handle = c_void_p()


def address(memory):
    """A device pointer, given one or a torch tensor."""
    if isinstance(memory, int):
        return memory
    if not (memory.is_cuda and memory.is_contiguous()):
        raise LauncherError("expected a contiguous tensor on the GPU, or a device pointer")
    return memory.data_ptr()


class Plan:
    """A function for given shapes. Who binds tensors keeps them alive."""

    def __init__(self, launcher, shapes, flags, function):
        self.library, self.handle = launcher.library, c_void_p()
        arguments, self.results = launcher.bundle.signature(function)
        shapes = [tuple(shape) for shape in shapes]
        if [len(shape) for shape in shapes] != [argument.rank for argument in arguments]:
            wanted = ", ".join(f"{i} ({x.role}): {x.shape}" for i, x in enumerate(arguments))
            raise LauncherError(f"expected shapes of the arguments {wanted}, but got {shapes}")
        sizes = [(c_int64 * len(shape))(*shape) for shape in shapes]
        pointers = (POINTER(c_int64) * len(sizes))(*(ctypes.cast(x, POINTER(c_int64)) for x in sizes))
        name = c_char_p(function.encode())
        self.library.call("PlanCreate", launcher.handle, name, pointers, c_uint32(flags), byref(self.handle))

    @property
    def memory(self):
        """Bytes of device memory that the plan holds."""
        return self.library.lib.dashkvPlanGetMemory(self.handle)

    def bind(self, memory):
        """Memory of the arguments, in order; None keeps what is bound."""
        for i, one in enumerate(memory):
            if one is not None:
                self.library.call("PlanBindArgument", self.handle, c_int32(i), c_uint64(address(one)))

    def bind_result(self, index, memory):
        """Where a result goes that is no argument updated in place; else it gets memory of the plan."""
        self.library.call("PlanBindResult", self.handle, c_int32(index), c_uint64(address(memory)))

    def result(self, index):
        """Shape, element type and device pointer of a result."""
        tensor, pointer = Tensor(), c_uint64()
        self.library.call("PlanGetResult", self.handle, c_int32(index), byref(tensor), byref(pointer))
        return tensor.shape, tensor.dtype, pointer.value

    def run(self, stream=0):
        """One step on a CUstream, an integer as in torch.cuda.current_stream().cuda_stream."""
        self.library.call("PlanRun", self.handle, as_stream(stream))

    def replay(self, stream=0):
        """The same by a CUDA graph, which is captured when it is missing."""
        self.library.call("PlanReplay", self.handle, as_stream(stream))

    def capture(self):
        self.library.call("PlanCapture", self.handle)

    def time(self, repetitions, stream=0, graph=True):
        """Seconds of a step on the device, the mean of `repetitions`."""
        seconds = c_double()
        self.library.call(
            "PlanTime", self.handle, as_stream(stream), c_int32(repetitions), c_int32(graph), byref(seconds)
        )
        return seconds.value

    def destroy(self):
        self.library.lib.dashkvPlanDestroy(self.handle)
        self.handle = c_void_p()


def as_stream(stream):
    return stream if isinstance(stream, c_void_p) else c_void_p(stream)


def describe(bundle):
    """The functions of a bundle, a line for each argument and result."""
    for function in bundle.functions:
        yield function
        for kind, tensors in zip(("argument", "result"), bundle.signature(function), strict=True):
            for i, tensor in enumerate(tensors):
                sizes = ["?" if x is None else str(x) for x in tensor.shape or ()]
                text = f"{tensor.dtype}[{', '.join(sizes)}] {tensor.role}" if tensor.shape else tensor.dtype
                text = f"argument {tensor.alias}" if tensor.alias >= 0 else text
                yield f"  {kind} {i}: {text}".rstrip()


if __name__ == "__main__":
    import sys

    if len(sys.argv) != 2:
        sys.exit("usage: python -m dashkv.gpu BUNDLE    (lists functions, their arguments and results)")
    try:
        print("\n".join(describe(Bundle(sys.argv[1]))))
    except LauncherError as error:
        sys.exit(f"error: {error}")
