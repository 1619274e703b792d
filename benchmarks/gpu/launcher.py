"""libdashkv_launcher.so by ctypes (include/dashkv-c/Launcher.h)."""

import ctypes
import gzip
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p

EXCLUSIVE, IN_TURN = 1, 2


class Tensor(ctypes.Structure):
    _fields_ = [
        ("dtype", c_char_p),
        ("role", c_char_p),
        ("rank", c_int32),
        ("alias", c_int32),
        ("shape", POINTER(c_int64)),
    ]

    @property
    def sizes(self):
        return tuple(self.shape[i] for i in range(self.rank))


class LauncherError(Exception):
    pass


class Library:
    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        self.lib.dashkvLauncherError.restype = c_char_p
        for name in ("GetChip", "GetDevice"):
            getattr(self.lib, f"dashkvLauncher{name}").restype = c_char_p

    def call(self, name, *arguments):
        if getattr(self.lib, f"dashkv{name}")(*arguments):
            raise LauncherError(self.lib.dashkvLauncherError().decode())


class Launcher:
    """The functions of a packed bundle on the first device."""

    def __init__(self, library, path):
        self.library, self.bundle, self.handle = library, c_void_p(), c_void_p()
        data = gzip.decompress(path.read_bytes())
        library.call("BundleRead", c_char_p(data), c_uint64(len(data)), byref(self.bundle))
        library.call("LauncherOpen", self.bundle, c_int32(0), byref(self.handle))
        self.chip = library.lib.dashkvLauncherGetChip(self.handle).decode()

    def plan(self, shapes, flags=0, function="step"):
        """`shapes` are those of the arguments, in order."""
        return Plan(self, shapes, flags, function)

    def close(self):
        self.library.lib.dashkvLauncherClose(self.handle)
        self.library.lib.dashkvBundleClose(self.bundle)


class Plan:
    def __init__(self, launcher, shapes, flags, function):
        self.library, self.handle = launcher.library, c_void_p()
        sizes = [(c_int64 * len(shape))(*shape) for shape in shapes]
        pointers = (POINTER(c_int64) * len(sizes))(*(ctypes.cast(x, POINTER(c_int64)) for x in sizes))
        name = c_char_p(function.encode())
        self.library.call("PlanCreate", launcher.handle, name, pointers, c_uint32(flags), byref(self.handle))

    def bind(self, pointers):
        """Device pointers of the arguments, in order; None keeps what is bound."""
        for i, pointer in enumerate(pointers):
            if pointer is not None:
                self.library.call("PlanBindArgument", self.handle, c_int32(i), c_uint64(pointer))

    def result(self, index):
        """Shape, type and device pointer of a result."""
        tensor, pointer = Tensor(), c_uint64()
        self.library.call("PlanGetResult", self.handle, c_int32(index), byref(tensor), byref(pointer))
        return tensor.sizes, tensor.dtype.decode(), pointer.value

    def run(self, stream):
        self.library.call("PlanRun", self.handle, stream)

    def destroy(self):
        self.library.lib.dashkvPlanDestroy(self.handle)
