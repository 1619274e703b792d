"""Compiles MLIR modules and calls their functions on arrays: include/dashkv-c/DashKV.h for Python.

    kernel = dashkv.compile("layer.mlir", tiering="full=2%", workers=4)
    out = kernel(q, k, v, codes, weight, bias)     # NumPy arrays, or tensors of PyTorch; nothing is copied

Dense row-major arrays go where the function takes tensors; memrefs also take what their strides allow. An argument that
the module updates in place (a cache that it returns) is written, and such a result is the argument itself.
"""

import ctypes
import os
import struct
import sys
import warnings
from collections.abc import Callable, Sequence
from ctypes import byref, c_char_p, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dashkv import _arrays, _ffi, gpu

# Options beside those that have parameters.
OPTIONS = {"tiering_options", "lowering", "parallel", "runtime_checks", "assume_nonempty_rows", "remarks", "stages"}
PRODUCTS = ("mlir", "steps", "linalg", "kernels", "llvm", "asm", "obj", "shared", "header", "ptx", "cubin", "bundle")
PRODUCTS += ("iree", "report")
CHOICES = {"emit": PRODUCTS, "lowering": ("vector", "linalg"), "parallel": ("serial", "omp", "callback")}
REPORT_OPTIONS = {"report_keys", "report_batch", "report_format"}

# Formats of struct for scalars, 8 bytes each.
SCALARS = {"f32": "f4x", "f64": "d", "f16": "e6x", "i1": "?7x", "i8": "b7x", "i16": "h6x", "i32": "i4x"}
SCALARS |= {"i64": "q", "index": "q"}
# Layouts of arguments that are remembered for each argument.
MAX_LAYOUTS = 256


class Error(RuntimeError):
    """A module does not compile. The text has the diagnostics of MLIR."""


@dataclass(frozen=True)
class Parameter:
    """An argument or a result of a function."""

    kind: str
    """`tensor` (dense and row-major), `buffer` (a memref) or `scalar`."""
    type: str
    """As MLIR prints it."""
    dtype: str
    """MLIR's name of the element type: f32, bf16, i8, i1, ..."""
    shape: tuple[int | None, ...]
    """Sizes, None for one that is free."""
    strides: tuple[int | None, ...] | None
    """In elements, None for one that is free; None for row-major."""
    role: str
    """The dashkv.role of an argument, or an empty string."""
    alias: int | None
    """Of a result: the argument that it is, updated in place."""
    written: bool
    """Of an argument: whether a call may write to it."""


def _read_parameter(c: _ffi.CParameter) -> Parameter:
    kinds = {_ffi.TENSOR: "tensor", _ffi.BUFFER: "buffer", _ffi.SCALAR: "scalar"}
    shape = tuple(None if x == _ffi.FREE else x for x in c.shape[: c.rank])
    strides = None
    if c.strides:
        strides = tuple(None if x == _ffi.FREE_STRIDE else x for x in c.strides[: c.rank])
    alias = c.alias if c.alias >= 0 else None
    return Parameter(
        kinds[c.kind], c.type.decode(), c.dtype.decode(), shape, strides, c.role.decode(), alias, bool(c.written)
    )


def _check_names(options: dict[str, Any], known: set[str]) -> None:
    if unknown := set(options) - known:
        raise TypeError(f"expected options among {', '.join(sorted(known))}, but got {', '.join(sorted(unknown))}")


def _make_options(options: dict[str, Any]) -> Any:
    """The null-terminated list of `name=value` that the C API takes; None leaves an option out."""
    if options.get("tiering") == "":
        raise ValueError("expected fields of a tiering (full=2%) or default, but got nothing")
    if options.get("tiering_options") and options.get("tiering") is None:
        raise ValueError(f"expected a tiering beside tiering_options, but got only {options['tiering_options']}")
    workers = options.get("workers", 1)
    if not isinstance(workers, int) or workers < 1:
        raise ValueError(f"expected workers of at least 1, but got {workers}")
    texts = []
    for name, value in options.items():
        if value is not None and value not in CHOICES.get(name, (value,)):
            raise ValueError(f"expected {name} of {', '.join(CHOICES[name])}, but got {value}")
        if value is not None and value is not False:
            texts.append(f"{name.replace('_', '-')}={'true' if value is True else value}".encode())
    return (c_char_p * (len(texts) + 1))(*texts)


def _read_source(source: str | os.PathLike) -> tuple[bytes, bytes]:
    """The text and the name of a module."""
    if isinstance(source, str) and ("\n" in source or not source.endswith(".mlir")):
        return source.encode(), b"module.mlir"
    return Path(source).read_bytes(), os.fsencode(source)


def _finish(status: int) -> str:
    """Raises Error, or returns what was said on the way."""
    messages = _ffi.load().dashkvGetMessages().decode(errors="replace").rstrip("\n")
    if status:
        raise Error(messages or "expected a diagnostic of what failed, but the compiler gave none")
    return messages


def emit(source: str | os.PathLike, emit: str, target: str = "native", tiering: str | None = None, **options) -> bytes:
    """Makes a product of dashkv-compile.

    `emit` is mlir, steps, linalg, kernels, llvm, asm, obj, shared, header, ptx, cubin, bundle, iree or report; `source`,
    `target`, `tiering` and `options` are those of `compile`, and report_keys, report_batch and report_format (text,
    json, html). Raises Error, and ValueError for values that no option has; warnings and remarks become warnings of Python.
    """
    _check_names(options, OPTIONS | REPORT_OPTIONS | {"workers"})
    text, name = _read_source(source)
    product, size, library = c_void_p(), c_size_t(), _ffi.load()
    texts = _make_options({"emit": emit, "target": target, "tiering": tiering, **options})
    messages = _finish(library.dashkvEmit(text, len(text), name, texts, byref(product), byref(size)))
    data = ctypes.string_at(product, size.value)
    library.dashkvFree(product)
    if messages:
        warnings.warn(messages, stacklevel=2)
    return data


def compile(
    source: str | os.PathLike,
    target: str = "native",
    tiering: str | None = None,
    entry: str | None = None,
    workers: int = 1,
    cache: bool | str | os.PathLike = True,
    **options,
) -> "Kernel | gpu.Bundle":
    """Compiles a module for this CPU, or for a GPU.

    source: MLIR text of dashkv, linalg or torch-mlir's ops, or the path of a file (text on one line that ends with
        .mlir, or a Path).
    target: native, a CPU that this one is compatible with (x86-64-v3), or GPUs (sm_90a): for those the result is a
        `dashkv.gpu.Bundle`, which `dashkv.gpu.Launcher` runs.
    tiering: fields of #dashkv.tiering (full=2%,scope=head), or `default`; attention becomes approximate. None leaves it
        exact.
    entry: the function to call; by default the only public one, or main.
    workers: threads that share a call, those of libomp unless parallel="callback".
    cache: whether compiled code is kept on disk, or the folder for it.
    options: tiering_options, lowering (vector, linalg), parallel (serial, omp, callback), runtime_checks,
        assume_nonempty_rows, remarks, stages: as dashkv-compile --help explains them.

    Raises Error with MLIR's diagnostics, and ValueError for values that no option has. Warnings and remarks become warnings of Python.
    """
    _check_names(options, OPTIONS)
    if target.startswith("sm_"):
        if entry is not None:
            raise TypeError("expected no entry of a GPU bundle: Launcher.plan takes it")
        options |= {"workers": workers} if workers != 1 else {}
        return gpu.Bundle.read(emit(source, "bundle", target, tiering, **options))
    folder = None if cache is True else "" if cache is False else os.fspath(cache)
    module = Module(source, target=target, tiering=tiering, workers=workers, cache=folder, **options)
    if module.messages:
        warnings.warn(module.messages, stacklevel=2)
    return module.find(entry)


class Module:
    """Compiled code of a module. Any number of threads may call its functions at once."""

    def __init__(self, source: str | os.PathLike, **options):
        text, name = _read_source(source)
        self._library, handle = _ffi.load(), c_void_p()
        self.messages = _finish(
            self._library.dashkvCompile(text, len(text), name, _make_options(options), byref(handle))
        )
        self._handle, self._destroy = handle, self._library.dashkvModuleDestroy
        self.from_cache = bool(self._library.dashkvModuleIsFromCache(handle))
        """Whether the code came from the disk."""

    def __del__(self):
        if hasattr(self, "_handle"):
            self._destroy(self._handle)

    @property
    def functions(self) -> list[str]:
        """Names of the public functions."""
        count = self._library.dashkvModuleGetNumFunctions(self._handle)
        handles = [self._library.dashkvModuleGetFunction(self._handle, i) for i in range(count)]
        return [self._library.dashkvFunctionGetName(handle).decode() for handle in handles]

    def find(self, name: str | None = None) -> "Kernel":
        """The function of this name; by default the only one, or main. Raises Error if there is none."""
        names = self.functions
        if name is None:
            name = names[0] if len(names) == 1 else "main"
        handle = self._library.dashkvModuleFind(self._handle, name.encode())
        if not handle:
            listed = ", ".join(names) or "it has none"
            raise Error(f"expected a public function with a body as entry ({listed}), but got '{name}'")
        return Kernel(self, name, handle)


class Kernel:
    """A compiled function. Calling it takes arrays and returns one array, or a tuple of any other number of them."""

    def __init__(self, module: Module, name: str, handle: int):
        library = module._library
        self.module, self.name = module, name
        self.arguments: tuple[Parameter, ...] = tuple(
            _read_parameter(library.dashkvFunctionGetArgument(handle, i).contents)
            for i in range(library.dashkvFunctionGetNumArguments(handle))
        )
        self.results: tuple[Parameter, ...] = tuple(
            _read_parameter(library.dashkvFunctionGetResult(handle, i).contents)
            for i in range(library.dashkvFunctionGetNumResults(handle))
        )
        self._handle, self._call, self._free = c_void_p(handle), library.dashkvFunctionCall, library.dashkvFree
        self._writers: list[_ArgumentWriter] = []
        start = 0
        for i, argument in enumerate(self.arguments):
            self._writers.append(_ArgumentWriter(name, i, argument, start))
            start = self._writers[-1].end
        self._result_words = sum(3 + 2 * len(x.shape) for x in self.results if x.alias is None)
        self._frames: list[_Frame] = []

    def __repr__(self) -> str:
        arguments = ", ".join(f"{x.role}: {x.type}" if x.role else x.type for x in self.arguments)
        return f"<dashkv.Kernel {self.name}({arguments}) -> ({', '.join(x.type for x in self.results)})>"

    def __call__(self, *args: Any) -> Any:
        """Calls the function.

        args: for each argument an array of its element type and shape in the memory of the CPU: NumPy, PyTorch, or any
            object with __dlpack__; for a scalar a number. bf16 and f8 in NumPy are uint16 and uint8 with their bits, or
            the types of ml_dtypes. Arrays that are written overlap no other.
        Results are tensors of PyTorch if any argument is one, else NumPy arrays; nothing is copied.

        Raises TypeError for a wrong number of arguments, a wrong type, device, or gradients; ValueError for a wrong
        shape or strides, and for an array that is read-only but is written. Nothing was called then.
        """
        # Frames are reused, and each is in use by one call only.
        try:
            frame = self._frames.pop()
        except IndexError:
            frame = _Frame(self)
        try:
            as_torch = frame.write(args)
            return frame.run(args, as_torch)
        finally:
            frame.owners.clear()
            self._frames.append(frame)

    def prepare(self, *args: Any) -> Callable[[], Any]:
        """Checks arguments once: the result takes none, calls with these, and keeps them alive.

        For loops that update arrays in place: a call then costs little more than the code. One thread at a time.
        """
        frame = _Frame(self)
        as_torch = frame.write(args)
        return lambda: frame.run(args, as_torch)

    def _raise_count(self, got: int) -> None:
        wanted = ", ".join(f"{i} {x.role or x.type}" for i, x in enumerate(self.arguments))
        raise TypeError(f"expected {len(self.arguments)} arguments of '{self.name}' ({wanted}), but got {got}")


# Exact types of PyTorch tensors, once there was one.
_TENSORS: set[type] = set()


class _ArgumentWriter:
    """Turns what is passed for one argument into the words of its descriptor (DashKV.h), and checks it.

    Sizes and strides are checked by the library, which knows the type.
    """

    def __init__(self, function: str, index: int, parameter: Parameter, start: int):
        role = f" ({parameter.role})" if parameter.role else ""
        self.what = f"argument {index}{role} of '{function}'"
        self.index, self.parameter = index, parameter
        self.accepted = _arrays.ACCEPTED[parameter.dtype]
        self.is_scalar = parameter.kind == "scalar"
        if self.is_scalar and parameter.dtype not in SCALARS:
            raise Error(f"expected {self.what} to be of a type that Python has numbers of, but got {parameter.type}")
        # The words of a frame that are for this argument.
        self.start, self.end = start, start + (1 if self.is_scalar else 3 + 2 * len(parameter.shape))
        # Offset, sizes and strides of arrays by type, shape and strides as the array gives them.
        self.layouts: dict[tuple, tuple[int, ...]] = {}

    def write(self, value: Any, frame: "_Frame") -> bool:
        """Writes the words; tells whether `value` is a tensor of PyTorch."""
        kind = type(value)
        if is_torch := kind in _TENSORS:
            layout = self.layouts.get((value.dtype, value.shape, value.stride()))
            if layout is None or not value.is_cpu or value.requires_grad or value.is_neg():
                return self.write_any(value, frame)
            pointer = value.data_ptr()
        elif kind is np.ndarray:
            layout = self.layouts.get((value.dtype, value.shape, value.strides))
            if layout is None:
                return self.write_any(value, frame)
            try:
                pointer = ctypes.addressof(ctypes.c_char.from_buffer(value))
            except (TypeError, ValueError):  # read-only, strided or empty: the slower way
                if self.parameter.written and not value.flags.writeable:
                    return self.write_any(value, frame)
                pointer = value.ctypes.data
        else:
            return self.write_any(value, frame)
        words, start = frame.words, self.start
        words[start] = words[start + 1] = pointer
        if frame.layouts[self.index] is not layout:
            words[start + 2 : self.end] = layout
            frame.layouts[self.index] = layout
        return is_torch

    def write_any(self, value: Any, frame: "_Frame") -> bool:
        """The same for any object, with all checks but those of the library."""
        if self.is_scalar:
            self.write_scalar(value, frame)
            return _arrays.is_torch(value)
        try:
            memory = _arrays.read(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.what}: {error}") from None
        got = _arrays.describe(memory.dtype, memory.shape)
        if memory.dtype not in self.accepted:
            wanted = " or ".join(sorted(self.accepted))
            raise TypeError(f"expected {self.what} to be {self.parameter.type} ({wanted}), but got {got}")
        if len(memory.shape) != len(self.parameter.shape):
            raise ValueError(f"expected {self.what} to be {self.parameter.type}, but got {got}")
        if self.parameter.written and not memory.writable:
            raise ValueError(
                f"expected {self.what} to be writable, because the function updates it, but got one that is not"
            )
        layout = (0, *memory.shape, *self.normalize(memory.shape, memory.strides))
        frame.words[self.start : self.end] = (memory.pointer, memory.pointer, *layout)
        frame.layouts[self.index] = None
        frame.owners.append(memory.owner)
        self.remember(value, layout)
        return _arrays.is_torch(value)

    def normalize(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
        """Strides of sizes that need none become what the type asks for."""
        if self.parameter.strides is None:
            return _arrays.row_major(shape) if _arrays.is_dense(shape, strides) else strides
        return tuple(
            wanted if wanted is not None and (size <= 1 or 0 in shape) else stride
            for size, stride, wanted in zip(shape, strides, self.parameter.strides, strict=True)
        )

    def remember(self, value: Any, layout: tuple[int, ...]) -> None:
        """Makes the next `write` of an array like this one quick."""
        if len(self.layouts) >= MAX_LAYOUTS:
            self.layouts.clear()
        if _arrays.is_torch(value):
            if type(value) is sys.modules["torch"].Tensor:
                _TENSORS.add(type(value))
            self.layouts[value.dtype, value.shape, value.stride()] = layout
        elif isinstance(value, np.ndarray):
            self.layouts[value.dtype, value.shape, value.strides] = layout

    def write_scalar(self, value: Any, frame: "_Frame") -> None:
        """Writes a number in the form of the type."""
        number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
        wanted = bool if self.parameter.dtype == "i1" else float if self.parameter.dtype[0] == "f" else int
        allowed = (int, float) if wanted is float else wanted
        if not isinstance(number, allowed) or (wanted is int and isinstance(number, bool)):
            raise TypeError(f"expected {self.what} to be a number of type {self.parameter.type}, but got {value!r}")
        try:
            struct.pack_into(f"={SCALARS[self.parameter.dtype]}", frame.words, 8 * self.start, number)
        except (struct.error, OverflowError):
            raise ValueError(
                f"expected {self.what} to be in the range of {self.parameter.type}, but got {value!r}"
            ) from None


class _Frame:
    """Memory of one call at a time: descriptors of arguments and results."""

    def __init__(self, kernel: Kernel):
        self.kernel, self.writers = kernel, kernel._writers
        self.words = (c_int64 * (self.writers[-1].end if self.writers else 1))()
        self.results = (c_int64 * max(1, kernel._result_words))()
        address = ctypes.addressof(self.words)
        self.pointers = (c_void_p * max(1, len(self.writers)))(*(address + 8 * x.start for x in self.writers))
        # The layouts that the words have, and what keeps memory that arguments do not keep themselves.
        self.layouts: list[tuple[int, ...] | None] = [None] * len(self.writers)
        self.owners: list[Any] = []

    def write(self, args: Sequence[Any]) -> bool:
        """Stores the descriptors of arguments; tells whether any is a tensor of PyTorch."""
        if len(args) != len(self.writers):
            self.kernel._raise_count(len(args))
        as_torch = False
        for writer, value in zip(self.writers, args, strict=True):
            if writer.write(value, self):
                as_torch = True
        return as_torch

    def run(self, args: Sequence[Any], as_torch: bool) -> Any:
        """Calls the code with the arguments that were written."""
        kernel = self.kernel
        if kernel._call(kernel._handle, self.pointers, len(self.writers), self.results):
            raise ValueError(kernel.module._library.dashkvGetMessages().decode(errors="replace"))
        results, position = [], 0
        for parameter in kernel.results:
            if parameter.alias is not None:
                results.append(args[parameter.alias])
                continue
            rank = len(parameter.shape)
            allocated, pointer, _offset, *sizes = self.results[position : position + 3 + rank]
            results.append(_arrays.wrap(allocated, pointer, tuple(sizes), parameter.dtype, as_torch, kernel._free))
            position += 3 + 2 * rank
        return results[0] if len(results) == 1 else tuple(results)
