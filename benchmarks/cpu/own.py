"""The rows of dashkv itself, and the probe of memory bandwidth on buffers of the same kind."""

import ctypes
import functools
import math
import re
from pathlib import Path

import buffers
import kernels
import numpy as np
import oracle
from cases import CODE_BITS, DEPTH, KEY_MAJOR, KV_HEADS, listed
from runner import Missing, Runner

# Sets of a pool pass the last-level cache this many times before one comes again.
POOL_CACHES = 4
QUERIES = 8
PERIOD = 512  # calls after which the same sets meet again
# Rounding of f16 and bf16 outputs; wrong lists or wrong weights give errors near 1.
TOLERANCE = {"f16": 2e-3, "bf16": 1e-2, "f32": 1e-4}


class Caches:
    """Keys, values and codes for every call of every row, grown when a case needs more."""

    def __init__(self):
        self.pools = {}

    def pool(self, name, dtype, size, seed):
        size = max(size, POOL_CACHES * buffers.last_level_cache())
        if name not in self.pools or self.pools[name][0] != dtype or len(self.pools[name][1]) < size:
            self.pools.pop(name, None)  # before the new one is allocated
            self.pools[name] = dtype, buffers.random(size, dtype, seed)
        return self.pools[name][1]

    def keys_and_values(self, case):
        """Sets of K, and of V, whose rows are K[batch, head, key]."""
        return [
            buffers.Rotation(self.pool(name, case.dtype, case.cache_bytes, seed), case.cache_bytes)
            for name, seed in (("k", 1), ("v", 2))
        ]

    def codes(self, case):
        return buffers.Rotation(self.pool("codes", "bytes", case.code_bytes, 3), case.code_bytes)


class Encoder:
    """Sets of weights and biases: in a model each layer has its own, and no cache holds them from step to step."""

    def __init__(self, caches, weights, biases):
        self.shapes = {f"w{i}": shape for i, shape in enumerate(weights)}
        self.shapes |= {f"b{i}": shape for i, shape in enumerate(biases)}
        self.starts, size = {}, 0
        for name, shape in self.shapes.items():
            self.starts[name] = size
            size += 4 * math.prod(shape)
        self.sets = buffers.Rotation(caches.pool("encoder", "f32", size, 9), size)

    def first(self):
        """Weights and biases of the first set."""
        arrays = [
            self.sets[0][self.starts[name] :].view(np.float32)[: math.prod(shape)].reshape(shape)
            for name, shape in self.shapes.items()
        ]
        return arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]


def queries(case):
    """[sets, batch, heads, depth] as raw bytes of each set."""
    size = case.batch * case.heads * case.row_bytes
    return buffers.Rotation(buffers.random(QUERIES * size, case.dtype, 4), size)


def kv_head(case, data, batch, head):
    """Keys or values of one KV head as f32."""
    size = case.keys * case.row_bytes
    start = (batch * KV_HEADS + head) * size
    return buffers.float32(data[start : start + size], case.dtype).reshape(case.keys, DEPTH)


def queries_of(case, data, batch, head):
    """The queries of one KV head: [G, D] f32."""
    shaped = buffers.float32(data, case.dtype).reshape(case.batch, KV_HEADS, case.group, DEPTH)
    return shaped[batch, head]


class Own:
    """Kernels that dashkv-compile makes, and the probe: one process, because they read the same buffers."""

    def __init__(self, threads, folder):
        self.threads, self.folder = threads, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.version = self.commit()
        self.caches, self.case = Caches(), None

    @staticmethod
    def commit():
        """The commit of the sources, marked where they have changed since."""
        try:
            return kernels.run_tool(["git", "-C", kernels.ROOT, "describe", "--always", "--dirty"]).strip()
        except (FileNotFoundError, kernels.CompileError):
            return "of an unknown commit"

    @functools.cached_property
    def compiler(self):
        if not (kernels.BUILD / "bin" / "dashkv-compile").exists():
            raise Missing("dashkv-compile is not built")
        return kernels.Compiler(self.folder / "kernels", self.threads)

    @functools.cached_property
    def probe(self):
        return Probe(self.folder)

    def new_case(self, case):
        self.case = case

    def runner(self, case, row):
        return (ProbeRunner if row.system == "probe" else KernelRunner)(self, case, row)


class KernelRunner(Runner):
    """One row of dashkv: the first call of `bound` is the one that is checked."""

    def __init__(self, system, case, row):
        self.case, self.row = case, row
        self.keys, self.values = system.caches.keys_and_values(case)
        self.codes, self.queries = system.caches.codes(case), queries(case)
        generator = np.random.default_rng(5)
        self.encoder = Encoder(system.caches, *kernels.encoder_shapes(case, row.codes)) if row.codes else None
        if row.codes:
            shape = kernels.query_code_shape(case, row.codes)
            # Weights of -2 to 2: their sum stays below 127.
            low, high, kind = (-2, 3, np.int8) if row.codes == "weighted" else (0, 256, np.uint8)
            self.query_codes = generator.integers(low, high, shape, kind)
        self.temperature = np.full(case.heads, 0.02, np.float32)
        self.bias = np.linspace(-0.5, 0.5, case.heads, dtype=np.float32)
        self.planes = row.form != KEY_MAJOR
        step = kernels.step(case, row, self.planes)
        shared, self.seconds = system.compiler.compile(step.text)
        self.function = kernels.Function(shared, step.results)
        self.bound = self.bind(step)

    def bind(self, step):
        """One call for each combination of sets; the sets turn independently of each other."""
        case = self.case
        cache = (case.batch, KV_HEADS, case.keys, DEPTH)
        code_shape = [x if x != "?" else case.keys // (64 if self.planes else 1) for x in self.code_shape()]
        shapes = {"q": (case.batch, case.heads, 1, DEPTH), "k": cache, "v": cache, "kc": tuple(code_shape)}
        rotations = {"q": self.queries, "k": self.keys, "v": self.values, "kc": self.codes}
        starts = dict.fromkeys(rotations, 0)
        if self.encoder:
            shapes |= self.encoder.shapes
            rotations |= dict.fromkeys(self.encoder.shapes, self.encoder.sets)
            starts |= self.encoder.starts
        fixed = {"temperature": self.temperature, "bias": self.bias}
        if self.row.codes:
            fixed["qc"] = self.query_codes
        if "d" in step.arguments:
            heads = self.query_codes.shape[1]
            self.distances = np.zeros((case.batch, heads, 1, case.keys), np.uint8)
            fixed["d"] = self.distances
        full, _ = listed(self.row, case.keys)
        descriptors = {name: kernels.descriptor(x.ctypes.data, x.shape) for name, x in fixed.items()}
        period = min(PERIOD, math.lcm(*(len(rotation) for rotation in rotations.values())))
        bound = []
        for i in range(period):
            arguments = []
            for name in step.arguments:
                if name == "capacity":
                    arguments.append(full)
                elif name in rotations:
                    address = rotations[name][i].ctypes.data + starts[name]
                    arguments.append(kernels.descriptor(address, shapes[name]))
                else:
                    arguments.append(descriptors[name])
            bound.append(self.function.bind(arguments))
        return bound

    def code_shape(self):
        return kernels.code_shape(self.case, self.planes)

    def call(self, i):
        self.bound[i % len(self.bound)]()

    def release(self):
        self.function.release()

    def key_codes(self, batch, head):
        """[N, L/8] of one KV head from the layout that the kernel reads."""
        shape = (self.case.batch, KV_HEADS, -1, CODE_BITS // 8, 64) if self.planes else (self.case.batch, KV_HEADS, -1)
        part = self.codes[0].reshape(shape)[batch, head]
        return (part.swapaxes(1, 2) if self.planes else part).reshape(self.case.keys, CODE_BITS // 8)

    def head_codes(self, codes, batch, head):
        """The query codes [Hc / Hkv, ...] of one KV head."""
        each = codes.shape[1] // KV_HEADS
        return codes[batch, head * each : (head + 1) * each, 0]

    def check(self):
        case, row = self.case, self.row
        facts = {"compile_seconds": self.seconds}
        if row.kind in ("scan", "retrieve"):
            wrong = [self.wrong_lists(*where) for where in oracle.some_kv_heads(case)]
            return facts | {"error": 0.0, "wrong": next(filter(None, wrong), "")}
        codes = None
        if "qc" in self.function.ranks:
            codes = self.function.read("qc", np.int8 if row.codes == "weighted" else np.uint8)
            x = buffers.float32(self.queries[0], case.dtype).reshape(case.batch, case.heads, DEPTH)
            _, want = oracle.query_codes(x, *self.encoder.first(), row.codes, kernels.LEVELS)
            differ = oracle.differing(codes[:, :, 0], want)
            facts["codes_differing"] = differ
            if differ > 0.01:
                return facts | {"error": differ, "wrong": f"{100 * differ:.1f} % of the query codes differ"}
        if row.kind == "encode":
            return facts | {"error": 0.0, "wrong": ""}
        raw = np.uint16 if case.dtype == "bf16" else {"f16": np.float16, "f32": np.float32}[case.dtype]
        out = buffers.float32(self.function.read("out", raw).reshape(-1).view(np.uint8), case.dtype)
        out = out.reshape(case.batch, KV_HEADS, case.group, DEPTH)
        errors = []
        for batch, head in oracle.some_kv_heads(case):
            arrays = [queries_of(case, self.queries[0], batch, head)]
            arrays += [kv_head(case, x[0], batch, head) for x in (self.keys, self.values)]
            if row.kind == "exact":
                want = oracle.exact(*arrays)
            else:
                ours = self.head_codes(codes, batch, head)
                heads = slice(head * case.group, (head + 1) * case.group)
                scoring = self.temperature[heads], self.bias[heads]
                want = oracle.tiered(*arrays, ours, self.key_codes(batch, head), row, *scoring)
            errors.append(oracle.relative_error(out[batch, head], want))
        error = max(errors) if not any(map(math.isnan, errors)) else math.nan
        bad = not error <= TOLERANCE[case.dtype]
        return facts | {"error": error, "wrong": f"relative error {error:.1e}" if bad else ""}

    def wrong_lists(self, batch, head):
        """What is wrong with the distances or lists of one KV head, which are integers and must be equal."""
        codes = self.head_codes(self.query_codes, batch, head)
        if self.row.kind == "scan":
            each = len(codes)
            got = self.distances[batch, head * each : (head + 1) * each, 0]
            return "" if np.array_equal(got, oracle.distances(codes, self.key_codes(batch, head))) else "distances"
        want = oracle.group_lists(codes, self.key_codes(batch, head), self.row)
        indices, counts = (self.function.read(name, np.int32) for name in ("indices", "counts"))
        for i, (full, _) in enumerate(want):
            at = (batch, head * len(want) + i, 0)
            if not np.array_equal(indices[at][: counts[at]], full):
                return "index lists"
        return ""


class Probe:
    """The reading loops of probe.cpp, compiled for this machine."""

    def __init__(self, folder):
        shared = folder / "probe.so"
        source = Path(__file__).with_name("probe.cpp")
        flags = ["-O3", "-march=native", "-fPIC", "-shared", "-pthread"]
        for compiler in ("clang++-22", "g++"):
            try:
                kernels.run_tool([compiler, *flags, source, "-o", shared])
                break
            except (FileNotFoundError, kernels.CompileError) as reason:
                why = reason
        else:
            raise Missing(f"no C++ compiler: {why}")
        library = ctypes.CDLL(str(shared))
        self.stream, self.rows = library.probeStream, library.probeRows
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        self.stream.argtypes = [pointer, size, size]
        self.rows.argtypes = [pointer, size, pointer, size, size, size]


class ProbeRunner(Runner):
    """Reads the caches that the kernels read: all of K and V, 2 % of their rows, or all codes."""

    def __init__(self, system, case, row):
        self.threads, self.probe = system.threads, system.probe
        both = system.caches.keys_and_values(case)
        self.kind = row.kind
        if row.kind == "codes":
            self.parts = [[x] for x in system.caches.codes(case).sets]
        else:
            self.parts = list(zip(*(x.sets for x in both), strict=True))
        if row.kind == "rows":
            self.size = int(row.form.split()[0])
            ahead = re.search(r"(\d+) ahead", row.form)
            self.ahead = int(ahead[1]) if ahead else 0
            rows = case.cache_bytes // self.size
            generator = np.random.default_rng(6)
            read = 0.02 * 2 * case.cache_bytes  # short lists need many others before they are cold again
            lists = max(4, round(POOL_CACHES * buffers.last_level_cache() / read))
            self.indices = [
                np.flatnonzero(generator.random(rows, np.float32) < 0.02).astype(np.uint32) for _ in range(lists)
            ]

    def call(self, i):
        for data in self.parts[i % len(self.parts)]:
            if self.kind == "rows":
                rows = self.indices[i % len(self.indices)]
                self.probe.rows(data.ctypes.data, self.size, rows.ctypes.data, len(rows), self.ahead, self.threads)
            else:
                self.probe.stream(data.ctypes.data, len(data), self.threads)

    def check(self):
        """Bytes of one call, from which the bandwidth follows."""
        if self.kind == "rows":
            rows = np.mean([len(x) for x in self.indices])
            return {"bytes": float(rows * self.size * len(self.parts[0]))}
        total = float(sum(len(data) for data in self.parts[0]))
        return {"bytes": total, "huge_share": buffers.huge_share()}
