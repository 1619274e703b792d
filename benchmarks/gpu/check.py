"""Small shapes against the oracle: lists and codes exactly, outputs in float64, repeats bit by bit."""

from dataclasses import dataclass

import arrays
import modules
import numpy as np
import oracle
from modules import Form

REPEATS = 3


@dataclass(frozen=True)
class Check:
    form: Form
    keys: int
    lengths: tuple  # one a sequence

    @property
    def name(self):
        return f"{self.form.name}, {self.keys} keys, lengths {' '.join(map(str, self.lengths))}"


TIERED = Form("tiered", dense_below=0, full=0.05)


def vary(form, **fields):
    return Form(**{**form.__dict__, **fields})


# One thing varied at a time. Sizes are off the sizes of tiles; dense_below = 0 keeps short caches tiered.
CHECKS = [
    Check(TIERED, 1000, (1000,)),
    Check(TIERED, 3000, (3000, 130, 2999)),
    Check(vary(TIERED, dtype="f16", group=1), 777, (777, 70)),
    Check(vary(TIERED, group=8), 2048, (2048,)),
    Check(vary(TIERED, group=3, codes="packed"), 1025, (1025, 1000)),
    Check(vary(TIERED, codes="packed", encode="mlp"), 1500, (1500,)),
    Check(vary(TIERED, encode="linear"), 1500, (1400, 1500)),
    Check(vary(TIERED, bits=32), 900, (900,)),
    Check(vary(TIERED, bits=128), 900, (900, 899)),
    Check(vary(TIERED, dtype="f8"), 1200, (1200,)),
    Check(vary(TIERED, mid=0.05), 1600, (1600, 1500)),
    Check(vary(TIERED, rows=4), 1300, (1300, 200)),
    Check(vary(TIERED, scope="head", codes="packed"), 1100, (1100, 1000)),
    Check(vary(TIERED, ties="newest"), 1000, (1000,)),
    Check(Form("tiered", full=0.05), 5000, (5000, 900)),
    Check(Form("tiered", full=0.05), 2000, (2000, 1)),
    Check(Form("exact"), 1000, (1000, 1, 999)),
    Check(Form("exact", dtype="f16", group=1), 515, (515,)),
    Check(Form("exact", dtype="f8", group=8), 640, (640, 639)),
    Check(Form("exact", group=3, rows=4), 700, (700, 5)),
    Check(Form("retrieve", full=0.05), 3000, (3000, 100, 2500)),
    Check(Form("retrieve", full=0.05, codes="packed"), 2000, (2000,)),
    Check(Form("retrieve", full=0.05, codes="packed", scope="head"), 1500, (1500, 1400)),
    Check(Form("retrieve", full=0.05, ties="newest"), 1500, (1500,)),
    Check(Form("scan"), 1234, (1234,)),
    Check(Form("gather"), 2000, (2000,)),
    Check(Form("encode", encode="linear"), 1, (1, 1)),
    Check(Form("encode", encode="mlp", codes="packed"), 1, (1, 1)),
]


def random_values(generator, shape, dtype):
    """Values as memory holds them: both signs, exponents of 0.25 to 2."""
    values = (generator.uniform(0.25, 2, shape) * generator.choice([-1.0, 1.0], shape)).astype(np.float32)
    if dtype == "bf16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    if dtype == "f8":
        size = np.abs(np.nan_to_num(arrays.E4M3))
        return generator.choice(np.flatnonzero((size >= 0.25) & (size < 2)), shape).astype(np.uint8)
    return values.astype(arrays.HOST[dtype])


def operands(check):
    """The arguments of a step by name: arrays as memory holds them, and types where NumPy has none."""
    form, keys, batch = check.form, check.keys, len(check.lengths)
    generator = np.random.default_rng(7)
    types = {"q": "f16" if form.dtype == "f8" else form.dtype, "k": form.dtype, "v": form.dtype}
    cache = (batch, form.kv_heads, keys, form.depth)
    codes = (batch, form.code_heads, form.rows, form.code_bytes)
    lists = form.heads if form.scope == "head" else form.kv_heads
    capacity = min(keys, oracle.budget(form.full, keys) + oracle.FULL_MIN + oracle.SINKS + oracle.WINDOW)
    statistics = (batch, form.heads, form.rows)
    made = {
        "q": random_values(generator, (batch, form.heads, form.rows, form.depth), types["q"]),
        "k": random_values(generator, cache, form.dtype),
        "v": random_values(generator, cache, form.dtype),
        "kc": generator.integers(0, 256, (batch, form.kv_heads, keys, form.bits // 8), np.uint8),
        # Weights of -1 to 1 for long codes: their sum stays below 127.
        "qc": generator.integers(-2 if form.bits <= 64 else -1, 3 if form.bits <= 64 else 2, codes).astype(np.int8)
        if form.codes == "weighted"
        else generator.integers(0, 256, codes, np.uint8),
        "lengths": np.array(check.lengths, np.int32),
        "temperature": generator.uniform(0.01, 0.05, form.heads).astype(np.float32),
        "bias": generator.uniform(-0.5, 0.5, form.heads).astype(np.float32),
        "k_scale": generator.uniform(0.5, 1, form.kv_heads).astype(np.float32),
        "v_scale": generator.uniform(0.5, 1, form.kv_heads).astype(np.float32),
        "d": np.zeros((batch, form.code_heads, form.rows, keys), np.uint8),
        "indices": np.full((batch, lists, form.rows, capacity), -7, np.int32),
        "counts": np.zeros((batch, lists, form.rows), np.int32),
        "thresholds": np.zeros((batch, lists, form.rows), np.int32),
        "acc": np.zeros((*statistics, form.depth), np.float32),
        "top": np.full(statistics, np.finfo(np.float32).min, np.float32),
        "sum": np.zeros(statistics, np.float32),
    }
    if form.kind == "gather":
        chosen = [
            np.sort(generator.choice(keys, capacity - 9, replace=False)) for _ in range(batch * lists * form.rows)
        ]
        made["indices"][..., : capacity - 9] = np.reshape(chosen, (batch, lists, form.rows, -1))
        made["indices"][..., capacity - 9 :] = -1
        made["counts"][:] = capacity - 9
    first = form.depth * (form.group if form.codes == "weighted" else 1)
    sizes = (first, form.bits) if form.encode == "linear" else (first, modules.HIDDEN, modules.HIDDEN, form.bits)
    for i in range(len(sizes) - 1):
        made[f"w{i}"] = (generator.standard_normal(sizes[i : i + 2]) * sizes[i] ** -0.5).astype(np.float32)
        made[f"b{i}"] = (0.1 * generator.standard_normal(sizes[i + 1])).astype(np.float32)
    return made, types


class Case:
    """One check, bound: results are read by their place in the module."""

    def __init__(self, driver, launcher, memory, check):
        self.driver, self.check, self.form = driver, check, check.form
        self.module = modules.write(check.form)
        self.made, self.types = operands(check)
        self.device = {x: memory.upload(self.made[x], self.types.get(x)) for x in self.module.arguments}
        self.plan = launcher.plan([self.device[x].shape for x in self.module.arguments])
        self.plan.bind([self.device[x].pointer for x in self.module.arguments])

    def run(self):
        """All results, as memory holds them."""
        for name in ("acc", "top", "sum"):
            if name in self.device:
                self.driver.upload(self.device[name].pointer, self.made[name])
        self.plan.run(self.driver.stream)
        results = []
        for i in range(len(self.module.results)):
            shape, dtype, pointer = self.plan.result(i)
            kind = {"i8": np.uint8, "f8E4M3FN": np.uint8}.get(dtype) or arrays.HOST[dtype]
            results.append(self.driver.download(np.empty(shape, kind), pointer))
        return dict(zip(self.module.results, results, strict=True))

    def floats(self, name, batch, heads):
        part = arrays.to_float(self.made[name][batch, heads], self.types.get(name, "f32"))
        scale = self.made.get(f"{name}_scale") if self.form.dtype == "f8" and name in "kv" else None
        return part if scale is None else part * scale[heads]

    def problems(self, results):
        form = self.form
        codes = self.made["qc"]
        if form.encode:
            codes = results["qc"].view(np.int8) if form.codes == "weighted" else results["qc"]
            weights, biases = (
                [self.made[f"{x}{i}"] for i in range(9) if f"{x}{i}" in self.module.arguments] for x in "wb"
            )
            for b in range(len(self.check.lengths)):
                query = arrays.to_float(self.made["q"][b], self.types["q"])
                part = oracle.differing(codes[b], oracle.encode(form, query, weights, biases, modules.LEVELS))
                if part > 0.01:
                    yield f"{100 * part:.1f} % of the query codes differ"
        if form.kind == "encode":
            return
        group, each = form.group, form.code_heads // form.kv_heads
        for b, length in enumerate(self.check.lengths):
            for head in range(form.kv_heads):
                heads, code_heads = (slice(head * x, (head + 1) * x) for x in (group, each))
                own = codes[b, code_heads]
                yield from self.head_problems(results, b, head, length, heads, own)

    def head_problems(self, results, b, head, length, heads, codes):
        form, where = self.form, f"sequence {b}, KV head {head}"
        key_codes = self.made["kc"][b, head]
        if form.kind == "scan":
            want, _ = oracle.all_lists(Form("retrieve"), codes, key_codes, self.check.keys)
            each = len(codes)
            if not np.array_equal(results["out"][b, head * each : (head + 1) * each], want):
                yield f"{where}: distances differ"
        elif form.kind == "retrieve":
            _, tiers = oracle.all_lists(form, codes, key_codes, length)
            for i, rows in enumerate(tiers):
                for m, (full, _) in enumerate(rows):
                    at = (b, head * len(tiers) + i, m)
                    count = results["out#1"][at]
                    if not np.array_equal(results["out#0"][at][:count], full):
                        yield f"{where}: the list of row {m} differs"
                    if (results["out#0"][at][count:] != -1).any():
                        yield f"{where}: expected -1 after the list of row {m}"
        elif form.kind == "gather":
            query, key, value = (self.floats(x, b, y) for x, y in (("q", heads), ("k", head), ("v", head)))
            at = (b, head, 0)
            keep = self.made["indices"][at][: self.made["counts"][at]]
            want = oracle.attention(query[:, 0], key, value, keep)
            got = results["out#0"][b, heads, 0] / results["out#2"][b, heads, 0][..., None]
            yield from self.error(where, got, want)
        else:
            query, key, value = (self.floats(x, b, y) for x, y in (("q", heads), ("k", head), ("v", head)))
            scoring = self.made["temperature"][heads], self.made["bias"][heads]
            want, _ = oracle.step(form, query, key, value, length, max(self.check.lengths), codes, key_codes, *scoring)
            yield from self.error(where, arrays.to_float(results["out"][b, heads], self.types["q"]), want)

    def error(self, where, got, want):
        error = oracle.relative_error(got, want)
        if not error <= oracle.TOLERANCE[self.form.dtype]:
            yield f"{where}: relative error {error:.1e}"


def run(driver, launcher, memory, check):
    """What is wrong with one check; empty if nothing is."""
    case = Case(driver, launcher, memory, check)
    first = case.run()
    found = list(case.problems(first))
    for _ in range(REPEATS):
        if any(first[name].tobytes() != again.tobytes() for name, again in case.run().items()):
            found.append("a repeat differs")
    case.plan.destroy()
    memory.free()
    return found
