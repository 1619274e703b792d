"""Kernels of dashkv: the MLIR of a decode step, its compilation, and calls through MLIR's C interface."""

import ctypes
import functools
import hashlib
import itertools
import os
import re
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cases import CODE_BITS, DEPTH, KV_HEADS

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DASHKV_BUILD_DIR", ROOT / "build"))
HIDDEN = 256  # of the mlp encoder, as in the paper
LEVELS = 7
TOOL_SECONDS, TOOL_BYTES = 20, 4 << 30


def tensor(shape, element):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def memref(shape, element):
    return f"memref<{'x'.join(map(str, shape))}x{element}>"


@dataclass
class Step:
    """The function of one row: `text`, its arguments in order by name, the ranks of its results by name."""

    text: str
    arguments: list
    results: dict


def code_shape(case, planes):
    """Key codes of a cache of any length: byte planes of 64 keys, or key by key."""
    if planes:
        return (case.batch, KV_HEADS, "?", CODE_BITS // 8, 64)
    return (case.batch, KV_HEADS, "?", CODE_BITS // 8)


def query_code_shape(case, codes):
    if codes == "weighted":
        return (case.batch, KV_HEADS, 1, CODE_BITS)
    return (case.batch, case.heads, 1, CODE_BITS // 8)


def encoder_shapes(case, codes):
    """Shapes of the weights, then of the biases; all heads share them."""
    if codes == "weighted":
        return [(case.group * DEPTH, CODE_BITS)], [(CODE_BITS,)]
    sizes = (DEPTH, HIDDEN, HIDDEN, CODE_BITS)
    return list(itertools.pairwise(sizes)), [(size,) for size in sizes[1:]]


def tiering(row):
    fields = f"full = {row.full}" + (f", mid = {row.mid}" if row.mid else "")
    return f"#dashkv.tiering<{fields}{', scope = head' if row.scope == 'head' else ''}>"


def step(case, row, planes=True):
    """The step as a front end would hand it over: caches of any length, results that the callee allocates."""
    query = tensor((case.batch, case.heads, 1, DEPTH), case.dtype)
    cache = tensor((case.batch, KV_HEADS, "?", DEPTH), case.dtype)
    key_codes = tensor(code_shape(case, planes), "i8")
    codes = tensor(query_code_shape(case, row.codes), "i8") if row.codes else ""
    if row.kind == "exact":
        text = f"""func.func @decode_step(%q: {query}, %k: {cache}, %v: {cache}) -> {query} {{
  %init = tensor.empty() : {query}
  %out = dashkv.attention ins(%q, %k, %v : {query}, {cache}, {cache}) outs(%init : {query})
  return %out : {query}
}}
"""
        return Step(text, ["q", "k", "v"], {"out": 4})
    if row.kind == "scan":
        # On buffers: distances are as long as the cache, and a result of that size would cost an allocation a call.
        codes, key_codes = codes.replace("tensor", "memref"), key_codes.replace("tensor", "memref")
        distances = memref((case.batch, *query_code_shape(case, row.codes)[1:3], "?"), "i8")
        text = f"""func.func @decode_step(%qc: {codes}, %kc: {key_codes}, %d: {distances}) {{
  dashkv.hamming_distance ins(%qc, %kc : {codes}, {key_codes}) outs(%d : {distances})
  return
}}
"""
        return Step(text, ["qc", "kc", "d"], {})
    if row.kind == "retrieve":
        lists = case.heads if row.scope == "head" else KV_HEADS
        indices, counts = tensor((case.batch, lists, 1, "?"), "i32"), tensor((case.batch, lists, 1), "i32")
        text = f"""func.func @decode_step(%qc: {codes}, %kc: {key_codes}, %capacity: index) -> ({indices}, {counts}) {{
  %i = tensor.empty(%capacity) : {indices}
  %c = tensor.empty() : {counts}
  %0:3 = dashkv.retrieve codes(%qc, %kc : {codes}, {key_codes})
    outs(%i, %c, %c : {indices}, {counts}, {counts}) {{tiering = {tiering(row)}}}
  return %0#0, %0#1 : {indices}, {counts}
}}
"""
        return Step(text, ["qc", "kc", "capacity"], {"indices": 4, "counts": 3})

    weights, biases = encoder_shapes(case, row.codes)
    names = [f"w{i}" for i in range(len(weights))] + [f"b{i}" for i in range(len(biases))]
    types = [tensor(shape, "f32") for shape in weights + biases]
    parameters = "".join(f", %{name}: {type_}" for name, type_ in zip(names, types, strict=True))
    if row.codes == "weighted":
        kind, attributes = "linear", f"group = {case.group} : i64, levels = {LEVELS} : i64"
    else:
        kind, attributes = "mlp", "activation = #dashkv.activation<silu>"

    def group(keyword, start, stop):
        listed = ", ".join("%" + name for name in names[start:stop])
        return f"{keyword}({listed} : {', '.join(types[start:stop])})"

    encode = f"""  %ci = tensor.empty() : {codes}
  %qc = dashkv.hash_encode {kind} ins(%q : {query}) {group("weights", 0, len(weights))}
    {group("biases", len(weights), None)} outs(%ci : {codes}) {{{attributes}}}
"""
    if row.kind == "encode":
        text = f"func.func @decode_step(%q: {query}{parameters}) -> {codes} {{\n{encode}  return %qc : {codes}\n}}\n"
        return Step(text, ["q", *names], {"qc": 4})
    scoring = ""
    if row.mid:
        heads = tensor((case.heads,), "f32")
        parameters += f", %temperature: {heads}, %bias: {heads}"
        names += ["temperature", "bias"]
        scoring = f" scoring(%temperature, %bias : {heads}, {heads})"
    text = f"""func.func @decode_step(%q: {query}, %k: {cache}, %v: {cache}, %kc: {key_codes}{parameters}) -> ({query}, {codes}) {{
{encode}  %init = tensor.empty() : {query}
  %out = dashkv.tiered_attention ins(%q, %k, %v : {query}, {cache}, {cache})
    codes(%qc, %kc : {codes}, {key_codes}){scoring} outs(%init : {query}) {{tiering = {tiering(row)}}}
  return %out, %qc : {query}, {codes}
}}
"""
    return Step(text, ["q", "k", "v", "kc", *names], {"out": 4, "qc": 4})


class CompileError(Exception):
    pass


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (TOOL_BYTES, TOOL_BYTES))


def run_tool(command):
    """Output of a tool that may fail, but neither hang nor take the memory of the measurement."""
    command = list(map(str, command))
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=TOOL_SECONDS, preexec_fn=limit_memory
        )
    except subprocess.TimeoutExpired as reason:
        raise CompileError(f"{Path(command[0]).name} ran longer than {TOOL_SECONDS} s") from reason
    if done.returncode:
        name, errors = Path(command[0]).name, re.findall(r"error: (.*)", done.stderr)
        raise CompileError(f"{name}: {errors[0]}" if errors else f"{name} ended with {done.returncode}")
    return done.stdout


class Compiler:
    """dashkv-compile with a folder that keeps what it made."""

    def __init__(self, folder, threads):
        self.tool = BUILD / "bin" / "dashkv-compile"
        self.folder, self.threads = Path(folder), threads
        self.folder.mkdir(parents=True, exist_ok=True)
        self.help = run_tool([self.tool, "--help"])
        self.failures = {}  # a kernel that does not compile is tried once, not at every length

    def flags(self):
        """Options of dashkv-compile for this number of threads, and libraries that its objects then need."""
        if "--parallel" not in self.help:
            if self.threads > 1:
                raise CompileError("dashkv-compile has no parallel form")
            return [], []
        if self.threads == 1:
            return ["--parallel=serial"], []
        omp = run_tool(["clang++-22", "-print-file-name=libomp.so"]).strip()
        return ["--parallel=omp", f"--workers={self.threads}"], [omp]

    def compile(self, text):
        """Path of a shared object, and the seconds that dashkv-compile took for it."""
        if text in self.failures:
            raise self.failures[text]
        try:
            return self.make(text)
        except CompileError as reason:
            self.failures[text] = reason
            raise

    def make(self, text):
        flags, libraries = self.flags()
        flags = [f"--target={os.environ.get('DASHKV_BENCHMARK_TARGET', 'native')}", *flags]
        stamp = self.tool.stat()
        key = "\0".join([text, *flags, str(stamp.st_mtime_ns), str(stamp.st_size)])
        stem = self.folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        source, obj, shared, seconds = (stem.with_suffix(s) for s in (".mlir", ".o", ".so", ".seconds"))
        if not seconds.exists():
            source.write_text(text)
            start = time.perf_counter()
            run_tool([self.tool, source, "--emit=obj", *flags, "-o", obj])
            took = time.perf_counter() - start
            run_tool(["cc", "-shared", "-o", shared, obj, *libraries, "-lm"])
            seconds.write_text(repr(took))
        return shared, float(seconds.read_text())


def descriptor(pointer, shape):
    """A memref descriptor as int64 words: allocated, aligned, offset, sizes, strides (row-major)."""
    strides = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
    return np.array([pointer, pointer, 0, *shape, *strides], np.int64)


class Function:
    """_mlir_ciface_decode_step of a shared object. The callee allocates the results, the caller frees them."""

    def __init__(self, shared, results):
        self.entry = ctypes.CDLL(str(shared))["_mlir_ciface_decode_step"]
        self.entry.restype = None
        self.free = ctypes.CDLL(None).free
        self.free.argtypes = [ctypes.c_void_p]
        self.bound = []
        self.offsets, self.ranks, at = {}, results, 0
        for name, rank in results.items():
            self.offsets[name] = at
            at += 3 + 2 * rank
        self.words = np.zeros(max(at, 1), np.int64)
        self.result = [ctypes.c_void_p(self.words.ctypes.data)] if results else []

    def bind(self, arguments):
        """A call without arguments; arrays of int64 are descriptors, integers go by value."""
        converted = [ctypes.c_int64(x) if isinstance(x, int) else ctypes.c_void_p(x.ctypes.data) for x in arguments]
        call = functools.partial(self.entry, *self.result, *converted)
        self.bound.append(arguments)  # pointers do not keep the arrays alive
        return call

    def read(self, name, dtype):
        """A copy of a result as bytes of `dtype`."""
        at, rank = self.offsets[name], self.ranks[name]
        shape = self.words[at + 3 : at + 3 + rank]
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        start = int(self.words[at + 1]) + int(self.words[at + 2]) * np.dtype(dtype).itemsize
        data = np.frombuffer(ctypes.string_at(start, size), dtype)
        return data.reshape(shape)

    def release(self):
        for at in self.offsets.values():
            self.free(int(self.words[at]))
