"""Memory of arrays of any library: NumPy, PyTorch, and what speaks DLPack. Nothing is copied or imported."""

import ctypes
import sys
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p, py_object
from typing import Any, NamedTuple

import numpy as np

# For each element type of MLIR the names of arrays that hold it. NumPy has no bf16 and no f8: their bits are unsigned
# integers, or the types of ml_dtypes. Integers of MLIR have no sign.
ACCEPTED = {
    "f64": {"float64"},
    "f32": {"float32"},
    "f16": {"float16"},
    "bf16": {"bfloat16", "uint16", "void16"},
    "f8E4M3FN": {"float8_e4m3fn", "uint8", "void8"},
    "i1": {"bool"},
    "i8": {"int8", "uint8"},
    "i16": {"int16", "uint16"},
    "i32": {"int32", "uint32"},
    "i64": {"int64", "uint64"},
    "index": {"int64", "uint64"},
}

# Results as NumPy arrays; PyTorch sees bf16 and f8 by their own types.
NUMPY = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "f8E4M3FN": np.dtype(np.uint8),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "index": np.dtype(np.int64),
}
TORCH = {"bf16": "bfloat16", "f8E4M3FN": "float8_e4m3fn"}


class Memory(NamedTuple):
    """An array: where it is, and `owner`, which keeps it there. `strides` count elements, `dtype` is a name."""

    pointer: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    writable: bool
    owner: Any


def describe(dtype: str, shape: tuple[int, ...]) -> str:
    """`float32[1, 8, 64]`."""
    return f"{dtype}[{', '.join(map(str, shape))}]"


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a dense array, in elements."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return tuple(strides)


def is_dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether an array is row-major; strides of sizes up to one say nothing."""
    return 0 in shape or all(
        size <= 1 or got == wanted for size, got, wanted in zip(shape, strides, row_major(shape), strict=True)
    )


def is_torch(value: Any) -> bool:
    """Whether `value` is a tensor of PyTorch, which is loaded then."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def read(value: Any) -> Memory:
    """The memory of an array.

    Raises TypeError for what is no array in the memory of this machine's CPU, or is recorded for gradients; ValueError
    for strides that are no whole elements.
    """
    if isinstance(value, np.ndarray):
        return _read_numpy(value)
    if is_torch(value):
        return _read_torch(value)
    if hasattr(value, "__dlpack__"):
        return _read_dlpack(value)
    if hasattr(value, "__array_interface__"):
        return _read_numpy(np.asarray(value))
    raise TypeError(f"expected a NumPy array, a tensor of PyTorch or an object with __dlpack__, but got {type(value)}")


def name_dtype(dtype: np.dtype) -> str:
    """The name of a NumPy type, which for a type of another byte order is none of ours."""
    return dtype.name if dtype.isnative else dtype.str


def _read_numpy(array: np.ndarray) -> Memory:
    size = array.dtype.itemsize
    if any(stride % size for stride in array.strides):
        raise ValueError(f"expected strides that are multiples of {size} bytes, but got {array.strides}")
    strides = tuple(stride // size for stride in array.strides)
    return Memory(array.ctypes.data, name_dtype(array.dtype), array.shape, strides, array.flags.writeable, array)


def _read_torch(tensor: Any) -> Memory:
    check_torch(tensor)
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Memory(tensor.data_ptr(), dtype, tuple(tensor.shape), tensor.stride(), True, tensor)


def check_torch(tensor: Any) -> None:
    """Raises TypeError unless compiled code can read `tensor` and autograd need not know."""
    torch = sys.modules["torch"]
    if not tensor.is_cpu or tensor.layout != torch.strided:
        raise TypeError(f"expected a dense tensor on the CPU, but got one of {tensor.layout} on {tensor.device}")
    if tensor.is_conj() or tensor.is_neg():
        raise TypeError("expected a tensor that is stored as it is read; call resolve_conj() and resolve_neg()")
    if tensor.requires_grad and torch.is_grad_enabled():
        raise TypeError("expected a tensor without requires_grad, or torch.no_grad(): compiled code has no gradient")


class _Device(Structure):
    _fields_ = [("type", c_int32), ("id", c_int32)]


class _DataType(Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class _Tensor(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device", _Device),
        ("ndim", c_int32),
        ("dtype", _DataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class _VersionedTensor(Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("tensor", _Tensor),
    ]


_READ_ONLY = 1
_CPU = 1
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool", 10: "float8_e4m3fn"}

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = c_void_p, [py_object, c_char_p]
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.argtypes = [py_object, c_char_p]


def _read_dlpack(value: Any) -> Memory:
    """Reads the capsule of an exporter, which stays its owner (https://dmlc.github.io/dlpack/latest/python_spec.html)."""
    device, number = value.__dlpack_device__()
    if device != _CPU:
        raise TypeError(
            f"expected an array in the memory of the CPU, but got one on DLPack device {int(device)}:{number}"
        )
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # before version 1
        capsule = value.__dlpack__()
    writable = True
    if _is_valid(capsule, b"dltensor_versioned"):
        versioned = ctypes.cast(_get_pointer(capsule, b"dltensor_versioned"), POINTER(_VersionedTensor)).contents
        tensor, writable = versioned.tensor, not versioned.flags & _READ_ONLY
    else:
        tensor = ctypes.cast(_get_pointer(capsule, b"dltensor"), POINTER(_Tensor)).contents
    code, bits = _CODES.get(tensor.dtype.code), tensor.dtype.bits
    if code is None or tensor.dtype.lanes != 1:
        raise TypeError(
            f"expected a DLPack array of numbers, but got type code {tensor.dtype.code}, {tensor.dtype.lanes} lanes"
        )
    dtype = code if code in ("bool", "float8_e4m3fn") else f"{code}{bits}"
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else row_major(shape)
    pointer = (tensor.data or 0) + tensor.byte_offset
    # The capsule goes away with the owner of this; `value` keeps its own memory.
    return Memory(pointer, dtype, shape, strides, writable, (value, capsule))


class Buffer:
    """Memory that compiled code has allocated: an array interface, and `free` at the end."""

    __slots__ = ("__array_interface__", "_allocated", "_free")

    def __init__(self, allocated: int, pointer: int, shape: tuple[int, ...], dtype: np.dtype, free: Any):
        self._allocated, self._free = allocated, free
        self.__array_interface__ = {"version": 3, "data": (pointer, False), "shape": shape, "typestr": dtype.str}

    def __del__(self):
        self._free(self._allocated)


def wrap(allocated: int, pointer: int, shape: tuple[int, ...], dtype: str, as_torch: bool, free: Any) -> Any:
    """A result of type `dtype` (MLIR's name) as an array that owns its memory."""
    numpy = NUMPY[dtype]
    if 0 in shape:
        free(allocated)
        array = np.empty(shape, numpy)
    else:
        array = np.asarray(Buffer(allocated, pointer, shape, numpy, free))
    if not as_torch:
        return array
    torch = sys.modules["torch"]
    if dtype in TORCH:
        return torch.from_numpy(array).view(getattr(torch, TORCH[dtype]))
    return torch.from_numpy(array)
