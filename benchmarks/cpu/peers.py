"""The rows of other libraries, on the same caches as ours. Each class is loaded in a process of its own."""

import ctypes
import math
import os
from pathlib import Path

import buffers
import numpy as np
import oracle
from cases import DEPTH, KV_HEADS, budget
from own import Caches, kv_head, queries, queries_of
from runner import Missing, Runner


class System:
    """What the peers share: the caches, the number of threads, the case."""

    def __init__(self, threads):
        self.threads, self.case, self.caches = threads, None, {}

    def new_case(self, case):
        self.case = case

    def caches_of(self, dtype):
        """A set of pools a type, so that rows of two types may take turns."""
        return self.caches.setdefault(dtype, Caches())


def exact_error(case, keys, values, query, out, keep=None):
    """Largest relative error of the checked heads; out [B, Hkv, G, D] as f32."""
    errors = []
    for batch, head in oracle.some_kv_heads(case):
        arrays = [queries_of(case, query, batch, head)]
        arrays += [kv_head(case, x, batch, head) for x in (keys, values)]
        errors.append(oracle.relative_error(out[batch, head], oracle.exact(*arrays, keep=keep)))
    return {"error": math.nan if any(map(math.isnan, errors)) else max(errors)}


class Torch(System):
    """PyTorch: SDPA as written by most (enable_gqa) and by the careful (a group's queries as rows), and flex."""

    def __init__(self, threads, folder):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "inductor")
        import torch

        super().__init__(threads)
        self.torch, self.version = torch, torch.__version__
        torch.set_num_threads(threads)

    def runner(self, case, row):
        return TorchRunner(self, case, row)


class TorchRunner(Runner):
    PARTITION = 128  # keys of a part of flash decoding in flex attention

    def __init__(self, system, case, row):
        torch, dtype = system.torch, row.dtype or case.dtype
        self.torch = torch
        self.case = type(case)(case.keys, case.batch, case.group, dtype, case.threads)
        self.type = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[dtype]
        self.keys, self.values = system.caches_of(dtype).keys_and_values(self.case)
        self.queries = queries(self.case)
        self.folded = row.form == "folded"
        self.attend = self.flex() if row.kind == "flex" else self.sdpa()
        sets = math.lcm(len(self.keys), len(self.queries))
        self.arguments = [self.tensors(i) for i in range(min(sets, 64))]

    def tensors(self, i):
        case = self.case
        query = (case.batch, KV_HEADS, case.group, DEPTH) if self.folded else (case.batch, case.heads, 1, DEPTH)
        cache = (case.batch, KV_HEADS, case.keys, DEPTH)
        return [
            self.torch.frombuffer(x[i], dtype=self.type).view(shape)
            for x, shape in ((self.queries, query), (self.keys, cache), (self.values, cache))
        ]

    def sdpa(self):
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.nn.functional import scaled_dot_product_attention

        def attend(q, k, v):
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
                return scaled_dot_product_attention(q, k, v, enable_gqa=not self.folded)

        return attend

    def flex(self):
        from torch.nn.attention.flex_attention import flex_attention

        compiled = self.torch.compile(flex_attention, dynamic=False)
        options = {"PARTITION_SIZE": self.PARTITION}
        return lambda q, k, v: compiled(q, k, v, enable_gqa=True, kernel_options=options)

    def call(self, i):
        with self.torch.inference_mode():
            self.out = self.attend(*self.arguments[i % len(self.arguments)])

    def check(self):
        case = self.case
        out = self.out.float().numpy().reshape(case.batch, KV_HEADS, case.group, DEPTH)
        return exact_error(case, self.keys[0], self.values[0], self.queries[0], out)


GGML_TYPES = {"f32": 0, "f16": 1, "bf16": 30}  # enum ggml_type


class Ggml(System):
    """ggml's attention through its C API, from the shared objects of an npm package."""

    def __init__(self, threads, folder):
        super().__init__(threads)
        modules = Path(os.environ.get("DASHKV_BENCH_NODE_MODULES", Path(__file__).with_name("node_modules")))
        bins = modules / "@node-llama-cpp" / "linux-x64" / "bins" / "linux-x64"
        if not (bins / "libggml-base.so").exists():
            raise Missing("the npm package @node-llama-cpp/linux-x64 is not installed")
        self.base = ctypes.CDLL(str(bins / "libggml-base.so"), ctypes.RTLD_GLOBAL)
        self.cpu, self.variant = self.best_variant(bins)
        self.declare()
        self.version = f"{self.base.ggml_version().decode()} ({self.variant})"
        self.backend = self.cpu.ggml_backend_cpu_init()
        self.cpu.ggml_backend_cpu_set_n_threads(self.backend, threads)

    @staticmethod
    def best_variant(bins):
        """Each variant tells how well it fits this CPU; 0 is not at all."""
        found = []
        for path in sorted(bins.glob("libggml-cpu-*.so")):
            library = ctypes.CDLL(str(path))
            found.append((library.ggml_backend_score(), path.stem.removeprefix("libggml-cpu-"), library))
        score, name, library = max(found, key=lambda x: x[0])
        if score <= 0:
            raise Missing("no variant of ggml fits this CPU")
        return library, name

    def declare(self):
        pointer, integer, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
        base, cpu = self.base, self.cpu

        class InitParams(ctypes.Structure):
            _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", pointer), ("no_alloc", ctypes.c_bool)]

        self.InitParams = InitParams
        for library, name, result, arguments in (
            (base, "ggml_version", ctypes.c_char_p, []),
            (base, "ggml_init", pointer, [InitParams]),
            (base, "ggml_free", None, [pointer]),
            (base, "ggml_new_tensor_4d", pointer, [pointer, ctypes.c_int] + [integer] * 4),
            (base, "ggml_flash_attn_ext", pointer, [pointer] * 5 + [number] * 3),
            (base, "ggml_new_graph_custom", pointer, [pointer, ctypes.c_size_t, ctypes.c_bool]),
            (base, "ggml_build_forward_expand", None, [pointer, pointer]),
            (base, "ggml_backend_cpu_buffer_from_ptr", pointer, [pointer, ctypes.c_size_t]),
            (base, "ggml_backend_tensor_alloc", ctypes.c_int, [pointer] * 3),
            (base, "ggml_backend_graph_compute", ctypes.c_int, [pointer, pointer]),
            (cpu, "ggml_backend_cpu_init", pointer, []),
            (cpu, "ggml_backend_cpu_set_n_threads", None, [pointer, ctypes.c_int]),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments

    def runner(self, case, row):
        return GgmlRunner(self, case, row)


def aligned(shape, dtype):
    """An array where ggml accepts one."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return buffers.allocate(size, huge=False).view(dtype).reshape(shape)


class GgmlRunner(Runner):
    MASK_ROWS = 64  # ggml wants masks padded to that many query rows

    def __init__(self, system, case, row):
        self.system, self.case = system, case
        self.keys, self.values = system.caches_of(case.dtype).keys_and_values(case)
        self.queries = queries(case)
        self.keep = None
        if row.full:
            chosen = np.random.default_rng(7).choice(case.keys, budget(row.full, case.keys), replace=False)
            self.keep = np.sort(chosen)
            self.mask = aligned((self.MASK_ROWS, case.keys), np.float16)
            self.mask[:] = -np.inf
            self.mask[:, self.keep] = 0
        self.context = system.base.ggml_init(system.InitParams(16 << 20, None, True))
        self.held = []  # arrays that tensors point to
        self.out = aligned((case.batch, 1, case.heads, DEPTH), np.float32)
        sets = math.lcm(len(self.keys), len(self.queries))
        self.graphs = [self.graph(i) for i in range(min(sets, 64))]

    def tensor(self, array, kind, *shape):
        made = self.system.base.ggml_new_tensor_4d(self.context, kind, *shape)
        return self.place(made, array)

    def place(self, made, array):
        """Lets a tensor use the memory of an array."""
        base = self.system.base
        self.held.append(array)
        # Graphs may be a hundred and ggml asks for alignment only, so that each tensor has a buffer of its own.
        buffer = base.ggml_backend_cpu_buffer_from_ptr(array.ctypes.data, array.nbytes)
        if base.ggml_backend_tensor_alloc(buffer, made, array.ctypes.data):
            raise RuntimeError("ggml could not place a tensor")
        return made

    def graph(self, i):
        base, case = self.system.base, self.case
        kind = GGML_TYPES[case.dtype]
        query = aligned((case.batch * case.heads * DEPTH,), np.float32)
        query[:] = buffers.float32(self.queries[i], case.dtype)
        q = self.tensor(query, GGML_TYPES["f32"], DEPTH, 1, case.heads, case.batch)
        k, v = (self.tensor(x[i], kind, DEPTH, case.keys, KV_HEADS, case.batch) for x in (self.keys, self.values))
        mask = None
        if self.keep is not None:
            mask = self.tensor(self.mask, GGML_TYPES["f16"], case.keys, self.MASK_ROWS, 1, 1)
        attention = base.ggml_flash_attn_ext(self.context, q, k, v, mask, DEPTH**-0.5, 0.0, 0.0)
        self.place(attention, self.out)
        graph = base.ggml_new_graph_custom(self.context, 8, False)
        base.ggml_build_forward_expand(graph, attention)
        return graph

    def call(self, i):
        if self.system.base.ggml_backend_graph_compute(self.system.backend, self.graphs[i % len(self.graphs)]):
            raise RuntimeError("ggml could not compute")

    def check(self):
        case = self.case
        out = self.out.reshape(case.batch, KV_HEADS, case.group, DEPTH)
        return exact_error(case, self.keys[0], self.values[0], self.queries[0], out, self.keep)

    def __del__(self):
        self.system.base.ggml_free(self.context)


class Faiss(System):
    """faiss's exhaustive search of binary codes: one index a KV head, the queries of its group at once."""

    def __init__(self, threads, folder):
        import faiss

        super().__init__(threads)
        self.faiss, self.version = faiss, faiss.__version__
        faiss.omp_set_num_threads(threads)

    def runner(self, case, row):
        return FaissRunner(self, case, row)


class FaissRunner(Runner):
    def __init__(self, system, case, row):
        faiss, self.case = system.faiss, case
        self.codes = system.caches_of("bytes").codes(case)
        self.wanted = budget(row.full, case.keys)
        self.indexes = []
        # An index copies its codes; two last-level caches of them are cold enough and quickly made.
        sets = max(2, 2 * buffers.last_level_cache() // case.code_bytes)
        for i in range(min(len(self.codes), sets)):
            heads = []
            for codes in self.head_codes(i):
                index = faiss.IndexBinaryFlat(8 * codes.shape[1])
                index.use_heap = False  # counts distances: faster for this many results
                index.add(codes)
                heads.append(index)
            self.indexes.append(heads)
        self.query = np.random.default_rng(8).integers(0, 256, (case.group, 8), np.uint8)

    def head_codes(self, i):
        return self.codes[i].reshape(self.case.batch * KV_HEADS, self.case.keys, -1)

    def call(self, i):
        for index in self.indexes[i % len(self.indexes)]:
            self.found = index.search(self.query, self.wanted)

    def check(self):
        """The distances of the last index: ties may be broken either way."""
        distance = oracle.distances(self.query, self.head_codes(0)[-1])
        want = np.sort(np.partition(distance, self.wanted - 1, axis=1)[:, : self.wanted], axis=1)
        equal = np.array_equal(np.sort(self.found[0], axis=1), want)
        return {"error": 0.0, "wrong": "" if equal else "distances"}
