"""libdashkv.so by ctypes (include/dashkv-c/DashKV.h)."""

import ctypes
import functools
import os
import pathlib
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_size_t, c_void_p

# dashkvParameter.kind, and where a size or a stride may be anything.
TENSOR, BUFFER, SCALAR = 0, 1, 2
FREE, FREE_STRIDE = -1, -(2**63)


class CParameter(Structure):
    """dashkvParameter."""

    _fields_ = [
        ("kind", c_int32),
        ("rank", c_int32),
        ("alias", c_int32),
        ("written", c_int32),
        ("type", c_char_p),
        ("dtype", c_char_p),
        ("role", c_char_p),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
    ]


# Result and arguments of each function.
_TEXTS = POINTER(c_char_p)
SIGNATURES = {
    "GetMessages": (c_char_p,),
    "GetVersion": (c_char_p,),
    "GetLLVMVersion": (c_char_p,),
    "GetCPU": (c_char_p,),
    "GetVectorBytes": (c_int32,),
    "GetCacheFolder": (c_char_p,),
    "Emit": (c_int32, c_char_p, c_size_t, c_char_p, _TEXTS, POINTER(c_void_p), POINTER(c_size_t)),
    "Free": (None, c_void_p),
    "Compile": (c_int32, c_char_p, c_size_t, c_char_p, _TEXTS, POINTER(c_void_p)),
    "ModuleDestroy": (None, c_void_p),
    "ModuleIsFromCache": (c_int32, c_void_p),
    "ModuleGetNumFunctions": (c_int32, c_void_p),
    "ModuleGetFunction": (c_void_p, c_void_p, c_int32),
    "ModuleFind": (c_void_p, c_void_p, c_char_p),
    "FunctionGetName": (c_char_p, c_void_p),
    "FunctionGetNumArguments": (c_int32, c_void_p),
    "FunctionGetNumResults": (c_int32, c_void_p),
    "FunctionGetArgument": (POINTER(CParameter), c_void_p, c_int32),
    "FunctionGetResult": (POINTER(CParameter), c_void_p, c_int32),
    "FunctionCall": (c_int32, c_void_p, POINTER(c_void_p), c_int32, POINTER(c_int64)),
}


class LibraryError(ImportError):
    """libdashkv.so, or a library that it needs, is not there."""


def find_library() -> pathlib.Path:
    """$DASHKV_LIBRARY, else beside this file, else in the build folder of the repository."""
    here = pathlib.Path(__file__).resolve().parent
    paths = [here / "libdashkv.so", here.parents[1] / "build" / "lib" / "libdashkv.so"]
    if "DASHKV_LIBRARY" in os.environ:
        paths = [pathlib.Path(os.environ["DASHKV_LIBRARY"])]
    for path in paths:
        if path.exists():
            return path
    raise LibraryError(f"expected libdashkv.so, but found none in {', '.join(map(str, paths))}")


@functools.cache
def load() -> ctypes.CDLL:
    """The library, with the types of its functions."""
    path = find_library()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise LibraryError(
            f"cannot load {path}: {error}; it needs the Debian packages libmlir-22 and libllvm22"
        ) from error
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, f"dashkv{name}")
        function.restype, function.argtypes = result, arguments
    return library
