"""What the CPU benchmark measures: shapes, rows, which rows run on which shapes, and the bytes that each must read."""

from dataclasses import asdict, dataclass, replace
from itertools import product

KV_HEADS, DEPTH, CODE_BITS = 8, 128, 64
FRACTIONS = (0.0156, 0.02, 0.05, 0.10)
ELEMENT_BYTES = {"f16": 2, "bf16": 2, "f32": 4}
SINKS, WINDOW, FULL_MIN = 4, 64, 128  # the defaults of #dashkv.tiering
KEYS = (8192, 32768, 131072, 524288, 1048576)
KEY_MAJOR = "key-major"  # codes key by key; byte planes of 64 keys otherwise
CENTER = 131072  # the length at which targets are stated


@dataclass(frozen=True)
class Case:
    """The shape of one decode step: one query row, `group` query heads on each of 8 KV heads of 128 values."""

    keys: int
    batch: int = 1
    group: int = 4
    dtype: str = "f16"
    threads: int = 1

    @property
    def heads(self):
        return KV_HEADS * self.group

    @property
    def row_bytes(self):
        return DEPTH * ELEMENT_BYTES[self.dtype]

    @property
    def cache_bytes(self):
        """Bytes of K, which are those of V."""
        return self.batch * KV_HEADS * self.keys * self.row_bytes

    @property
    def code_bytes(self):
        return self.batch * KV_HEADS * self.keys * CODE_BITS // 8

    @property
    def label(self):
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"N={count(self.keys)} B={self.batch} G={self.group} {self.dtype} {threads}"


@dataclass(frozen=True)
class Row:
    """One thing to time. `system` is the process that runs it; the other fields say what of it."""

    system: str
    kind: str
    full: float = 0.0
    mid: float = 0.0
    scope: str = ""
    codes: str = ""
    form: str = ""
    dtype: str = ""  # of a peer that runs another type than the case

    @property
    def label(self):
        percent = f"{100 * self.full:.3g} %" + (f" + mid {100 * self.mid:.3g} %" if self.mid else "")
        if self.system == "probe":
            return {
                "stream": "read: stream",
                "codes": "read: codes",
                "rows": f"read: random rows of {self.form}",
            }[self.kind]
        if self.system == "dashkv":
            return {
                "exact": "dashkv exact",
                "tiered": f"dashkv tiered {percent} {self.scope}, {self.codes}"
                + (f", {self.form}" if self.form else ""),
                "retrieve": f"dashkv retrieve {percent} {self.scope}, {self.codes}",
                "scan": f"dashkv scan, {self.codes}",
                "encode": f"dashkv encode queries, {self.codes}",
            }[self.kind]
        if self.system == "ggml":
            return "ggml" + (f", {percent} by a mask" if self.full else "")
        if self.system == "torch":
            return f"torch {self.kind} {self.form}".rstrip() + (f" {self.dtype}" if self.dtype else "")
        return f"faiss binary scan {percent}"


def count(number):
    """8192 as 8K, 1048576 as 1M."""
    if number % (1 << 20) == 0:
        return f"{number >> 20}M"
    return f"{number >> 10}K" if number % 1024 == 0 else str(number)


def budget(fraction, keys):
    """Keys that a tier takes: fractions are integer millionths, so that this is exact."""
    return -(-round(fraction * 1_000_000) * keys // 1_000_000)


def listed(row, keys):
    """Keys in the full list, and in the mid list."""
    forced = min(SINKS + WINDOW, keys)
    full = min(max(budget(row.full, keys), FULL_MIN), keys - forced)
    return forced + full, min(budget(row.mid, keys), keys - forced - full)


def traffic(case, row):
    """The byte model: bytes read in order, and bytes read by rows at random.

    With one list a query head, a row that several lists hold is read once: at random lists, 1 - (1 - f)^G of all.
    """
    per_sequence = case.batch * KV_HEADS
    codes = case.code_bytes
    if row.system == "probe":
        return {"stream": (2 * case.cache_bytes, 0), "codes": (codes, 0)}.get(
            row.kind, (0, round(0.02 * 2 * case.cache_bytes))
        )
    if row.kind == "encode":
        return 0, 0
    if row.kind in ("scan", "retrieve"):
        return codes, 0
    if row.kind == "tiered":
        full, mid = listed(row, case.keys)
        if row.scope == "head":
            full, mid = (case.keys * (1 - (1 - n / case.keys) ** case.group) for n in (full, mid))
        return codes, round(per_sequence * (2 * full + mid) * case.row_bytes)
    if row.system == "ggml" and row.full:
        return 0, round(per_sequence * 2 * budget(row.full, case.keys) * case.row_bytes)
    if row.system == "faiss":
        return codes, 0
    size = ELEMENT_BYTES[row.dtype or case.dtype]
    return 2 * case.batch * KV_HEADS * case.keys * DEPTH * size, 0


# Rows by what they are for.
PROBES = [Row("probe", "stream"), Row("probe", "codes")]
PROBES += [
    # CPUs differ in how far ahead they want to be told: 16 rows are best on some, 64 on others.
    Row("probe", "rows", form=f"{size} B{ahead}")
    for size in (256, 512)
    for ahead in ("", ", prefetched 16 ahead", ", prefetched 64 ahead")
]
EXACT = Row("dashkv", "exact")


def tiered(full, scope="group", codes=None, mid=0.0, form=""):
    """Weighted codes of a group belong to scope group, one packed code a query head to scope head."""
    return Row("dashkv", "tiered", full, mid, scope, codes or ("weighted" if scope == "group" else "packed"), form)


HEADLINE = [EXACT, tiered(0.02), tiered(0.05), tiered(0.02, "head"), tiered(0.05, "head")]
PARTS = [
    Row("dashkv", "scan", codes="weighted"),
    Row("dashkv", "retrieve", 0.02, scope="group", codes="weighted"),
    Row("dashkv", "retrieve", 0.02, scope="head", codes="packed"),
    Row("dashkv", "encode", codes="weighted"),
    Row("dashkv", "encode", codes="packed"),
]
GGML = [Row("ggml", "attention"), Row("ggml", "attention", 0.02)]
FOLDED = Row("torch", "SDPA", form="folded", dtype="bf16")
TORCH = [Row("torch", "SDPA", form="enable_gqa"), Row("torch", "SDPA", form="folded"), FOLDED]
FLEX = Row("torch", "flex", dtype="bf16")
FAISS = Row("faiss", "scan", 0.02)
OTHER_SETTINGS = [
    tiered(0.0156),
    tiered(0.10),
    tiered(0.02, form=KEY_MAJOR),
    tiered(0.02, codes="packed"),
    tiered(0.02, mid=0.05),
    tiered(0.02, "head", mid=0.05),
]


def default_plan(keys, threads):
    """One thing varied at a time: every N with one thread, everything else round N = 128K."""
    keys = sorted(keys)
    center = CENTER if CENTER in keys else keys[-1]
    plan = []
    for n in keys:
        rows = PROBES + HEADLINE + [tiered(0.0156), tiered(0.10)] + PARTS + GGML + TORCH
        if n == center:
            rows = PROBES + HEADLINE + OTHER_SETTINGS + PARTS + GGML + TORCH
        if n <= center:
            rows = [*rows, FAISS]
        plan.append((Case(n), [*rows, FLEX] if n in (32768, center) else rows))
    for group in (1, 8):
        plan.append((Case(center, group=group), PROBES + HEADLINE + PARTS[:2]))
    batched = min(center, 32768)
    plan.append((Case(batched, batch=8), PROBES + HEADLINE[:4] + GGML[:1] + [FOLDED]))
    for dtype in ("bf16", "f32"):
        # SDPA in its own type; bf16 is FOLDED already.
        rows = PROBES + HEADLINE + GGML[:1] + TORCH[:2]
        plan.append((Case(center, dtype=dtype), rows))
    for count_ in threads:
        if count_ > 1:
            rows = PROBES + HEADLINE + PARTS[1:2] + GGML + [TORCH[1], FOLDED, FAISS]
            plan.append((Case(center, threads=count_), rows))
    if 1 not in threads:
        plan = [(replace(case, threads=threads[0]), rows) for case, rows in plan if case.threads == 1]
    return plan


def quick_plan(keys, threads):
    """The headline rows and every peer that compiles nothing, on short caches."""
    rows = PROBES + HEADLINE + PARTS + GGML + TORCH + [FAISS]
    return [(Case(n, threads=t), rows) for t in threads for n in sorted(keys)]


def full_plan(keys, threads):
    """Every combination, for hours."""
    settings = [
        tiered(full, scope, codes, mid)
        for full, mid, (scope, codes) in product(
            FRACTIONS, (0.0, 0.05), [("group", "weighted"), ("group", "packed"), ("head", "packed")]
        )
    ]
    rows = PROBES + [EXACT] + settings + PARTS + GGML + TORCH + [FLEX, FAISS]
    shapes = product(threads, ELEMENT_BYTES, (1, 8), (1, 4, 8), sorted(keys))
    return [(Case(n, batch, group, dtype, t), rows) for t, dtype, batch, group, n in shapes]


def to_dict(item):
    return asdict(item)
