"""Dense attention of others on the same memory: PyTorch's SDPA by backend, and FlashInfer."""

import modules
import numpy as np
import oracle

try:
    import torch

    TORCH = torch if torch.cuda.is_available() else None
    REASON = "" if TORCH else "PyTorch finds no GPU"
except ImportError:
    TORCH, REASON = None, "PyTorch is not installed"

REPLAYS = 3
PAGE = 16  # keys of a page of FlashInfer


class Steps:
    """Steps of one row in a CUDA graph of PyTorch."""

    def __init__(self, sets, call):
        stream = TORCH.cuda.Stream()
        with TORCH.cuda.stream(stream):
            for i in range(3):
                self.out = call(i % sets)
        stream.synchronize()
        self.steps, self.graph = sets, TORCH.cuda.CUDAGraph()
        with TORCH.cuda.graph(self.graph):
            for i in range(sets):
                self.out = call(i)
        self.graph.replay()
        TORCH.cuda.synchronize()

    def time(self):
        start, end = (TORCH.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(REPLAYS):
            self.graph.replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / (REPLAYS * self.steps)


class Row:
    """`call(i)` computes [B, Hq, 1, D] or [B, Hq, D] on set i; `keys` gives K or V of one head of set 0."""

    def __init__(self, sets, case, call, keys):
        self.sets, self.case, self.call, self.keys = sets, case, call, keys
        self.steps = Steps(sets.count, call)

    def check(self):
        case, head = self.case, self.case.kv_heads - 1
        heads = slice(head * case.group, (head + 1) * case.group)
        got = self.call(0)[case.batch - 1].reshape(case.heads, -1)[heads].double().cpu().numpy()
        query = self.sets.array("q").floats(case.batch - 1)[heads, 0]
        want = oracle.attention(query, *(self.keys(x, case.batch - 1, head) for x in "kv"))
        error = oracle.relative_error(got, want)
        return error, "" if error <= oracle.TOLERANCE[case.dtype] else f"relative error {error:.1e}"

    def close(self):
        TORCH.cuda.synchronize()


class Peers:
    def __init__(self, skipped):
        """`skipped` makes the exception of a row that cannot be."""
        self.torch, self.skipped = TORCH, skipped
        self.version = f"PyTorch {TORCH.__version__}, cuDNN {TORCH.backends.cudnn.version()}" if TORCH else REASON

    def allocate(self, size):
        """Pointer and owner of memory that PyTorch knows too."""
        self.torch.cuda.empty_cache()
        owner = self.torch.empty(size, dtype=self.torch.uint8, device="cuda")
        return owner.data_ptr(), owner

    def tensor(self, sets, name, i):
        pool = sets.machine.pools[name]
        start = sets.pointer(name, i) - pool.pointer
        size = int(np.prod(sets.shapes[name])) * 2
        return pool.owner[start : start + size].view(self.torch.bfloat16).view(sets.shapes[name])

    def row(self, sets, case, row):
        if not self.torch:
            raise self.skipped(REASON)
        try:
            make = self.flashinfer if row.system == "flashinfer" else self.sdpa
            return make(sets, case, row)
        except (RuntimeError, ValueError, TypeError, AttributeError) as reason:
            raise self.skipped(str(reason).strip().split("\n")[0]) from reason

    def sdpa(self, sets, case, row):
        from torch.nn.attention import SDPBackend, sdpa_kernel

        backend = SDPBackend.CUDNN_ATTENTION if "cuDNN" in row.label else SDPBackend.FLASH_ATTENTION
        attend = self.torch.nn.functional.scaled_dot_product_attention

        def call(i):
            with sdpa_kernel(backend):
                return attend(*(self.tensor(sets, x, i) for x in "qkv"), enable_gqa=True)

        return Row(sets, case, call, lambda name, batch, head: sets.array(name).floats(batch, head))

    def flashinfer(self, sets, case, row):
        try:
            import flashinfer
        except ImportError as reason:
            raise self.skipped("FlashInfer is not installed") from reason
        pages = case.keys // PAGE
        shape = (case.batch * pages, case.kv_heads, PAGE, modules.DEPTH)
        space = self.torch.empty(256 << 20, dtype=self.torch.uint8, device="cuda")
        starts = self.torch.arange(case.batch + 1, dtype=self.torch.int32, device="cuda") * pages
        indices = self.torch.arange(case.batch * pages, dtype=self.torch.int32, device="cuda")
        last = self.torch.full((case.batch,), PAGE, dtype=self.torch.int32, device="cuda")
        wrapper = flashinfer.BatchDecodeWithPagedKVCacheWrapper(
            space, "HND", use_cuda_graph=True, use_tensor_cores=True, paged_kv_indptr_buffer=starts.clone(),
            paged_kv_indices_buffer=indices.clone(), paged_kv_last_page_len_buffer=last.clone(),
        )  # fmt: skip
        sizes = case.heads, case.kv_heads, modules.DEPTH, PAGE
        wrapper.plan(starts, indices, last, *sizes, q_data_type=self.torch.bfloat16, kv_data_type=self.torch.bfloat16)

        def call(i):
            key, value = (self.tensor(sets, x, i).view(shape) for x in "kv")
            return wrapper.run(self.tensor(sets, "q", i)[:, :, 0], (key, value))

        def keys(name, batch, head):
            """The same memory, as pages of all heads."""
            made = self.tensor(sets, name, 0).view(case.batch, pages, *shape[1:])[batch, :, head]
            return made.reshape(case.keys, -1).double().cpu().numpy()

        return Row(sets, case, call, keys)
