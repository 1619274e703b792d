"""Rows on one GPU: inputs that rotate beyond L2, steps in CUDA graphs, results checked in float64."""

import modules
import numpy as np
import oracle
import probe as probes
from arrays import PATTERNS, Array, bytes_of
from cases import listed, traffic
from launcher import EXCLUSIVE, IN_TURN, Launcher, LauncherError

L2_PASSES = 4  # a set is touched again after this many L2 caches of others
MOST_SETS, MOST_STEPS = 24, 400
GRAPH_SECONDS = 1e-3
REPLAYS = 3  # of a graph in a round


class Skipped(Exception):
    """Why a row has no time."""


class Pool:
    """Device memory that is cut into sets of one size, all random; grown when a case needs more."""

    def __init__(self, driver, probe, allocate):
        self.driver, self.probe, self.allocate = driver, probe, allocate
        self.size, self.pointer, self.owner, self.filled = 0, 0, None, None

    def grow(self, size, pattern):
        if size > self.size:
            self.owner = None  # before the new one is allocated
            self.pointer, self.owner = self.allocate(size)
            self.size, self.filled = size, None
        if self.filled != pattern:
            self.probe.fill(self.pointer, self.size, hash(pattern) & 0xFFFF | id(self) << 16 & 0xFFFF0000, *pattern)
            self.filled = pattern


class Sets:
    """The arguments of a case that change from step to step."""

    def __init__(self, machine, case, needed):
        self.machine, self.case = machine, case
        sequence = case.batch * case.kv_heads
        self.shapes = {
            "q": (case.batch, case.heads, 1, modules.DEPTH),
            "k": (case.batch, case.kv_heads, case.keys, modules.DEPTH),
            "v": (case.batch, case.kv_heads, case.keys, modules.DEPTH),
            "kc": (case.batch, case.kv_heads, case.keys, 8),
            "w": (4 * case.group * modules.DEPTH * modules.HIDDEN,),
        }
        self.types = {"q": case.dtype, "k": case.dtype, "v": case.dtype, "kc": "i8", "w": "f32"}
        self.sizes = {n: -(-int(np.prod(s)) * bytes_of(self.types[n]) // 256) * 256 for n, s in self.shapes.items()}
        touched = (
            sequence * case.keys * 8 + sequence * 2 * 2 * modules.DEPTH * listed(modules.Form("tiered"), case.keys)[0]
        )
        self.count = min(machine.most_sets, max(1, -(-L2_PASSES * machine.driver.l2 // touched)))
        free, _ = machine.driver.memory()
        pools = machine.pools
        have = sum(pool.size for pool in pools.values())
        want = sum(self.count * self.sizes[n] for n in needed)
        if want > 0.9 * (free + have):
            raise Skipped(f"needs {want / 1e9:.0f} GB of memory")
        if free + have - want < 0 or any(self.count * self.sizes[n] > pools[n].size for n in needed):
            machine.driver.synchronize()
        for name in needed:
            pools[name].grow(self.count * self.sizes[name], PATTERNS[self.types[name]])

    def pointer(self, name, i):
        return self.machine.pools[name].pointer + i % self.count * self.sizes[name]

    def array(self, name, i=0):
        return Array(self.machine.driver, self.pointer(name, i), self.shapes[name], self.types[name])


class Steps:
    """Steps of one row, captured; `enqueue(i)` puts the step of set i into the stream."""

    def __init__(self, machine, sets, enqueue):
        self.driver = driver = machine.driver
        self.replays, rounds = 1 if machine.small else REPLAYS, 1
        for i in range(2):
            enqueue(i % sets)
        driver.synchronize()
        if not machine.small:
            once = driver.time(lambda: [enqueue(i) for i in range(sets)]) / sets
            rounds = min(MOST_STEPS, GRAPH_SECONDS / once) / sets
        self.steps = sets * max(1, round(rounds))
        self.graph = driver.capture(lambda: [enqueue(i % sets) for i in range(self.steps)])
        driver.replay(self.graph)

    def time(self):
        """Seconds of a step."""
        replay = lambda: [self.driver.replay(self.graph) for _ in range(self.replays)]
        return self.driver.time(replay) / (self.replays * self.steps)

    def close(self):
        self.driver.synchronize()
        self.driver.drop(self.graph)


class Machine:
    """The driver, the launcher's library, the kernel sets of a folder, and memory for all cases."""

    def __init__(self, driver, library, kernels, peers, small):
        self.most_sets, self.small = 2 if small else MOST_SETS, small
        self.driver, self.library, self.kernels, self.peers = driver, library, kernels, peers
        self.probe = probes.Probe(driver)
        allocate = peers.allocate if peers.torch else lambda size: (driver.allocate(size), None)
        self.pools = {name: Pool(driver, self.probe, allocate) for name in ("q", "k", "v", "kc", "w")}
        self.launchers = {}

    def launcher(self, form):
        if form not in self.launchers:
            if form not in self.kernels:
                raise Skipped("no kernels in this folder")
            self.launchers[form] = Launcher(self.library, self.kernels[form])
        return self.launchers[form]

    def read_rate(self, size):
        """Bytes a second of reading `size` bytes in order."""
        self.pools["k"].grow(max(size, 0 if self.small else L2_PASSES * self.driver.l2), PATTERNS["bf16"])
        sets = max(1, self.pools["k"].size // size)
        done = self.probe.read(self.pools["k"].pointer, size)
        steps = Steps(self, sets, lambda i: self.probe.read(self.pools["k"].pointer + i * size, size))
        seconds = min(steps.time() for _ in range(3))
        steps.close()
        return done / seconds if seconds > 0 else 0.0


class OwnRow:
    """A row of dashkv on a case."""

    def __init__(self, machine, memory, sets, case, row):
        self.machine, self.sets, self.case, self.row = machine, sets, case, row
        self.form, _driver = row.form, machine.driver
        self.module = modules.write(self.form)
        self.fixed = {}
        for name in self.module.arguments:
            made = self.make(name)
            if made is not None:
                self.fixed[name] = memory.upload(made)
        shapes = [self.shape(name) for name in self.module.arguments]
        self.plan = machine.launcher(self.form).plan(shapes, EXCLUSIVE if row.overlap else IN_TURN)
        self.steps = Steps(machine, sets.count, self.enqueue)

    def make(self, name):
        """An argument that is the same in all steps, on the host; None if it rotates."""
        case, form = self.case, self.form
        full, _ = listed(form, case.keys)
        lists = (case.batch, case.kv_heads, 1)
        generator = np.random.default_rng(5)
        if name == "lengths":
            return np.full(case.batch, case.keys, np.int32)
        if name in ("temperature", "bias"):
            return np.linspace(0.01, 0.03, case.heads, dtype=np.float32)
        if name == "qc":  # weights of -2 to 2: their sum stays below 127
            return generator.integers(-2, 3, (case.batch, form.code_heads, 1, form.code_bytes)).astype(np.int8)
        if name == "d":
            return np.zeros((case.batch, form.code_heads, 1, case.keys), np.uint8)
        if name == "indices" and form.kind == "gather":
            return random_lists(case, full).reshape(*lists, full)
        if name == "indices":
            return np.zeros((*lists, full), np.int32)
        if name in ("counts", "thresholds"):
            return np.full(lists, full, np.int32)
        if name == "acc":
            return np.zeros((case.batch, case.heads, 1, form.depth), np.float32)
        if name in ("top", "sum"):
            return np.full((case.batch, case.heads, 1), np.finfo(np.float32).min if name == "top" else 0, np.float32)
        return None

    def shape(self, name):
        if name in self.fixed:
            return self.fixed[name].shape
        return self.encoder_shapes().get(name) or self.sets.shapes[name]

    def encoder_shapes(self):
        form = self.form
        first = form.depth * (form.group if form.codes == "weighted" else 1)
        sizes = (first, form.bits) if form.encode == "linear" else (first, modules.HIDDEN, modules.HIDDEN, form.bits)
        shapes = {f"w{i}": sizes[i : i + 2] for i in range(len(sizes) - 1)}
        return shapes | {f"b{i}": sizes[i + 1 : i + 2] for i in range(len(sizes) - 1)}

    def pointer(self, name, i):
        """Of a rotating argument."""
        shapes = self.encoder_shapes()
        if name not in shapes:
            return self.sets.pointer(name, i)
        before = list(shapes)[: list(shapes).index(name)]
        return self.sets.pointer("w", i) + 16 * sum(-(-int(np.prod(shapes[x])) // 4) for x in before)

    def enqueue(self, i):
        self.plan.bind([None if x in self.fixed and i else self.argument(x, i) for x in self.module.arguments])
        self.plan.run(self.machine.driver.stream)

    def argument(self, name, i):
        return self.fixed[name].pointer if name in self.fixed else self.pointer(name, i)

    def result(self, name):
        shape, dtype, pointer = self.plan.result(self.module.results.index(name))
        dtype = "i8" if dtype == "i8" else dtype
        return Array(self.machine.driver, pointer, shape, dtype)

    def check(self):
        """Relative error of one KV head of set 0, and what is wrong."""
        case, form = self.case, self.form
        for name in ("acc", "top", "sum"):
            if name in self.fixed:
                self.machine.driver.upload(self.fixed[name].pointer, self.make(name))
        self.enqueue(0)
        repeats = [
            self.result(name).host().tobytes() for name in self.module.results if name != "out" or form.kind != "scan"
        ]
        batch, head = case.batch - 1, case.kv_heads - 1
        heads = slice(head * case.group, (head + 1) * case.group)
        codes = self.codes(batch, head)
        key_codes = None if codes is None else self.sets.array("kc").host(batch, head)
        if form.kind == "encode":
            return self.code_error(batch)
        if form.kind == "scan":
            want, _ = oracle.all_lists(modules.Form("retrieve"), codes, key_codes, case.keys)
            return 0.0, "" if np.array_equal(self.result("out").host(batch, head), want[0]) else "distances differ"
        if form.kind == "retrieve":
            _, tiers = oracle.all_lists(form, codes, key_codes, case.keys)
            count = self.result("out#1").host(batch, head, 0)
            got = self.result("out#0").host(batch, head, 0)[: int(count)]
            return 0.0, "" if np.array_equal(got, tiers[0][0][0]) else "the list differs"
        query = self.sets.array("q").floats(batch)[heads]
        key, value = (self.sets.array(x).floats(batch, head) for x in "kv")
        if form.kind == "gather":
            keep = self.fixed["indices"].host(batch, head, 0)
            want = oracle.attention(query[:, 0], key, value, keep)
            got = self.result("out#0").host(batch)[heads, 0] / self.result("out#2").host(batch)[heads]
        else:
            scoring = np.linspace(0.01, 0.03, case.heads, dtype=np.float32)[heads]
            want, _ = oracle.step(form, query, key, value, case.keys, case.keys, codes, key_codes, scoring, scoring)
            got = self.result("out").floats(batch)[heads]
        error = oracle.relative_error(got, want)
        wrong = "" if error <= oracle.TOLERANCE[case.dtype] else f"relative error {error:.1e}"
        if form.kind != "gather":
            for i in range(self.sets.count):  # others between
                self.enqueue(i)
            self.enqueue(0)
            again = [self.result(name).host().tobytes() for name in self.module.results]
            wrong = wrong or ("" if repeats == again else "a repeat differs")
        if form.encode:
            wrong = wrong or self.code_error(batch)[1]
        return error, wrong

    def codes(self, batch, head):
        each = self.form.code_heads // self.case.kv_heads
        part = slice(head * each, (head + 1) * each)
        if "qc" in self.fixed:
            made = self.fixed["qc"].host(batch)[part]
        elif "qc" in self.module.results:
            made = self.result("qc").host(batch)[part]
        else:
            return None
        return made.view(np.int8 if self.form.codes == "weighted" else np.uint8)

    def code_error(self, batch):
        """The part of query codes that differ, and what is wrong."""
        shapes = self.encoder_shapes()
        made = {n: Array(self.machine.driver, self.pointer(n, 0), s, "f32").host() for n, s in shapes.items()}
        weights, biases = ([made[n] for n in shapes if n[0] == x] for x in "wb")
        query = self.sets.array("q").floats(batch)
        want = oracle.encode(self.form, query, weights, biases, modules.LEVELS)
        got = self.result("qc").host(batch).view(want.dtype)
        part = oracle.differing(got, want)
        return part, "" if part <= 0.01 else f"{100 * part:.1f} % of the query codes differ"

    def close(self):
        self.steps.close()
        self.plan.destroy()


def random_lists(case, size):
    """Ascending keys for each KV head."""
    generator = np.random.default_rng(6)
    made = np.empty((case.batch * case.kv_heads, size), np.int32)
    for row in made:
        chosen = (
            generator.choice(case.keys, size, replace=False)
            if case.keys < 1 << 18
            else distinct(generator, case.keys, size)
        )
        row[:] = np.sort(chosen)
    return made


def distinct(generator, keys, size):
    """The same without a permutation of all keys."""
    made = np.unique(generator.integers(0, keys, 2 * size))
    return generator.permutation(made)[:size]


class ProbeRow:
    def __init__(self, machine, memory, sets, case, row):
        self.machine, self.sets, self.case = machine, sets, case
        if row.label == "read codes":
            size = sets.sizes["kc"]
            enqueue = lambda i: machine.probe.read(sets.pointer("kc", i), size)
        else:
            count, _ = listed(modules.Form("gather"), case.keys)
            lists = memory.upload(random_lists(case, count))
            head_bytes, heads = case.keys * modules.DEPTH * 2, case.batch * case.kv_heads
            enqueue = lambda i: machine.probe.gather(
                sets.pointer("k", i), sets.pointer("v", i), lists.pointer, count, head_bytes, heads
            )
        self.steps = Steps(machine, sets.count, enqueue)

    def check(self):
        return 0.0, ""

    def close(self):
        self.steps.close()


def prepare(machine, memory, sets, case, row):
    """A row, ready to be timed."""
    kinds = {"dashkv": OwnRow, "probe": ProbeRow}
    if row.system in kinds:
        return kinds[row.system](machine, memory, sets, case, row)
    return machine.peers.row(sets, case, row)


def run_case(machine, memory, case, rows, rounds, over):
    """Results of the rows of one case, timed in turn; `over` tells whether time is up."""
    results, ready = [], []
    try:
        sets = Sets(machine, case, ("q", "k", "v", "kc", "w"))
    except Skipped as reason:
        return [{"row": row.label, "system": row.system, "status": "skipped", "reason": str(reason)} for row in rows]
    for row in rows:
        result = {"row": row.label, "system": row.system, "bytes": traffic(case, row), "seconds": []}
        results.append(result)
        if over():
            result |= {"status": "skipped", "reason": "the time for this run is used up"}
            continue
        try:
            made = prepare(machine, memory, sets, case, row)
            error, wrong = made.check()
            result |= {"status": "wrong" if wrong else "ok", "reason": wrong, "error": error}
            ready.append((made, result))
        except (Skipped, LauncherError) as reason:
            result |= {"status": "skipped" if isinstance(reason, Skipped) else "failed", "reason": str(reason)}
    for _ in range(rounds):
        for made, result in ready:
            result["seconds"].append(made.steps.time())
    for made, _ in ready:
        made.close()
    memory.free()
    return results
