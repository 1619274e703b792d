#!/usr/bin/env python3
"""Decode attention on this CPU: dashkv beside what memory delivers and beside other libraries, in one run.

    benchmarks/cpu/setup.sh            installs the peers; without it their rows say that they are missing
    benchmarks/cpu/run.py              under ten minutes
    benchmarks/cpu/run.py --quick      under one: short caches, nothing varied
    benchmarks/cpu/run.py --only 'tiered 2 %|exact' --n 128K

Writes results.json, results.md and time.svg to --out and prints the table. docs/Benchmarks.md explains the rows.
"""

import argparse
import json
import os
import platform
import re
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import buffers
import cases
import report

HERE = Path(__file__).resolve().parent
VENV = Path(os.environ.get("DASHKV_BENCH_VENV", HERE / ".venv"))
ROUND_SECONDS = 0.15  # of each row in each round, at least one call
MOST_CALLS = 25  # of each row in each round
ANSWER_SECONDS = 180  # after which a process counts as stuck; torch.compile needs half a minute


def number(text):
    """8192, 8K or 1M."""
    found = re.fullmatch(r"(\d+)([KM]?)", text.strip().upper())
    if not found:
        raise argparse.ArgumentTypeError(f"expected a number like 8192, 8K or 1M, but got {text}")
    keys = int(found[1]) << {"": 0, "K": 10, "M": 20}[found[2]]
    if keys < 4096 or keys % 64:
        raise argparse.ArgumentTypeError(f"expected at least 4096 keys, a multiple of 64, but got {text}")
    return keys


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the headline rows on 8K and 32K keys")
    size.add_argument("--full", action="store_true", help="every combination, for hours")
    parser.add_argument("--n", type=number, nargs="+", metavar="KEYS", help="cache lengths (8K 128K 1M)")
    parser.add_argument("--threads", type=int, nargs="+", help="1 and all cores by default")
    parser.add_argument("--target", default="native", help="CPU that dashkv compiles for (x86-64-v3: AVX2)")
    parser.add_argument("--only", default="", metavar="REGEX", help="only rows whose label matches")
    parser.add_argument("--no-peers", action="store_true", help="only dashkv and the probe")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of each shape (3; quick 2)")
    parser.add_argument("--slowest", type=float, default=1.5, metavar="SECONDS", help="skip rows with longer calls")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="FOLDER")
    options = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))
    if options.threads is None:
        options.threads = [1] if options.quick else sorted({1, len(cores)})
    if not all(0 < n <= len(cores) for n in options.threads):
        parser.error(f"expected 1 to {len(cores)} threads")
    options.rounds = options.rounds or (2 if options.quick else 3)
    return options


def make_plan(options):
    """Cases with their rows; cases that share processes (threads, dtype) follow each other."""
    keys = options.n or (cases.KEYS[:2] if options.quick else cases.KEYS)
    make = cases.quick_plan if options.quick else cases.full_plan if options.full else cases.default_plan
    plan = []
    for case, rows in make(keys, options.threads):
        rows = [row for row in rows if re.search(options.only, row.label)]
        if options.no_peers:
            rows = [row for row in rows if row.system in ("probe", "dashkv")]
        if rows:
            plan.append((case, rows))
    order = {shared: i for i, shared in enumerate(dict.fromkeys((c.threads, c.dtype) for c, _ in plan))}
    return sorted(plan, key=lambda item: order[item[0].threads, item[0].dtype])


class Process:
    """A worker and what it last said; one that ends or is stuck is started anew for the next row."""

    def __init__(self, system, threads, folder, target="native"):
        self.system, self.threads, self.folder, self.target = system, threads, folder, target
        self.child, self.case, self.opened = None, None, {}
        self.starts, self.buffer = 0, b""

    def start(self):
        # The last cores: the system's own work is on the first.
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[-self.threads :]))
        python = sys.executable
        if self.system != "dashkv" and (VENV / "bin" / "python").exists():
            python = str(VENV / "bin" / "python")
        environment = os.environ | {
            "OMP_NUM_THREADS": str(self.threads),
            # Threads that wait for work would keep the cores from the next row, which is another process.
            "KMP_BLOCKTIME": "1",
            "OMP_PROC_BIND": "false",
            "DASHKV_BENCHMARK_TARGET": self.target,
        }
        command = [python, str(HERE / "worker.py"), self.system, str(self.threads), cpus, str(self.folder)]
        with open(self.folder / f"{self.system}.log", "a") as log:
            self.child = subprocess.Popen(
                command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        self.buffer, self.case = b"", None
        self.starts += 1
        self.opened = self.exchange({"do": "open"})

    def stop(self):
        if self.child is None:
            return
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        self.child = None

    def resident(self):
        """Bytes that it holds, which the next case uses again or frees."""
        if self.child is None:
            return 0
        with open(f"/proc/{self.child.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def exchange(self, request):
        """One request, one answer; {"failed": why} if none comes."""
        try:
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            end = time.monotonic() + ANSWER_SECONDS
            while b"\n" not in self.buffer:
                ready, _, _ = select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))
                if not ready:
                    self.stop()
                    return {"failed": f"no answer in {ANSWER_SECONDS} s"}
                data = os.read(self.child.stdout.fileno(), 1 << 16)
                if not data:
                    raise BrokenPipeError
                self.buffer += data
        except BrokenPipeError:
            status = self.child.wait()
            self.stop()
            why = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            return {"failed": f"the process ended: {why}"}
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, case, request):
        """A request about a row of `case`."""
        if self.child is None and "missing" not in self.opened:
            self.start()
        if "version" not in self.opened:
            return self.opened
        if self.case != case:
            answer = self.exchange({"do": "case", "case": cases.to_dict(case)})
            if answer:
                return answer
            self.case = case
        return self.exchange(request)


class Progress:
    """One line on standard error: what runs, how much is done, how long the rest may take."""

    def __init__(self, plan, rounds):
        self.start, self.done = time.monotonic(), 0.0
        self.rounds = rounds
        self.total = sum(self.weight(case, row) for case, rows in plan for row in rows)
        self.interactive = sys.stderr.isatty()
        self.shown = 0.0

    @staticmethod
    def weight(case, row):
        """Guessed seconds: data is made and checked once, then calls fill the rounds."""
        stream, rows = cases.traffic(case, row)
        slow = {"ggml": 8, "torch": 10}.get(row.system, 1)
        return 0.6 + slow * (stream + 3 * rows) / 2e9 + (30 if row.kind == "flex" else 0)

    def step(self, case, row, part):
        """A row has done `part` of its work."""
        self.done += part * self.weight(case, row)

    def show(self, case, row, what):
        elapsed = time.monotonic() - self.start
        left = elapsed / self.done * (self.total - self.done) if self.done > 0.02 * self.total else None
        share = f"{100 * self.done / self.total:3.0f} %"
        rest = "" if left is None else f", about {clock(left)} left"
        line = f"{share} {clock(elapsed)}{rest}  {case.label}: {row.label} ({what})"
        if self.interactive:
            print(f"\r\033[K{line[:140]}", end="", file=sys.stderr, flush=True)
        elif elapsed - self.shown > 10:
            self.shown = elapsed
            print(line, file=sys.stderr, flush=True)

    def end(self):
        if self.interactive:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def memory_available():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))


def needed(case, row):
    """Bytes of K and V, most of what a row makes its process hold."""
    dtype = row.dtype or case.dtype
    return 2 * case.batch * cases.KV_HEADS * case.keys * cases.DEPTH * cases.ELEMENT_BYTES[dtype]


class Run:
    def __init__(self, options, plan):
        self.options, self.plan = options, plan
        self.folder, self.target = options.out, options.target
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress = Progress(plan, options.rounds)
        self.processes, self.shared = {}, None
        self.versions, self.results = {}, []
        self.rates = {}  # seconds a byte of K of a row, from shorter caches

    def process(self, case, row):
        if self.shared != (case.threads, case.dtype):
            self.stop()
            self.shared, self.rates = (case.threads, case.dtype), {}
        system = "dashkv" if row.system == "probe" else row.system
        if system not in self.processes:
            self.processes[system] = Process(system, case.threads, self.folder, self.target)
        return self.processes[system]

    def stop(self):
        for process in self.processes.values():
            process.stop()
        self.processes = {}

    def prepare(self, case, row):
        """Asks for one row to be made ready; returns its result, not yet timed."""
        result = {"case": cases.to_dict(case), "row": cases.to_dict(row), "label": row.label, "rounds": []}
        rate = self.rates.get((row, case.group))
        if rate and rate * case.cache_bytes > self.options.slowest:
            guess = rate * case.cache_bytes
            return result | {"status": "skipped", "reason": f"about {guess:.1f} s a call, by shorter caches"}
        process = self.process(case, row)
        if 1.3 * needed(case, row) > memory_available() + process.resident():
            return result | {"status": "skipped", "reason": f"needs {needed(case, row) / 1e9:.1f} GB of memory"}
        answer = process.ask(case, {"do": "prepare", "row": cases.to_dict(row)})
        if "version" in process.opened:
            self.versions[process.system] = process.opened["version"]
        for status in ("missing", "failed"):
            if status in answer:
                return result | {"status": status, "reason": answer[status]}
        self.prepared[row] = process.starts
        self.rates[row, case.group] = answer["seconds"] / case.cache_bytes
        status = "wrong" if answer.get("wrong") else "ok"
        return result | answer | {"status": status, "reason": answer.get("wrong", "")}

    def time(self, case, row, calls):
        process = self.process(case, row)
        if self.prepared[row] != process.starts or process.child is None:
            # Another row took the process down, and with it what was prepared there.
            process.ask(case, {"do": "prepare", "row": cases.to_dict(row)})
            self.prepared[row] = process.starts
        return process.ask(case, {"do": "time", "row": cases.to_dict(row), "calls": calls})

    def run_case(self, case, rows):
        made, self.prepared = [], {}
        for row in rows:
            self.progress.show(case, row, "check")
            made.append((row, self.prepare(case, row)))
            self.progress.step(case, row, 0.5)
        for round_ in range(self.options.rounds):
            for row, result in made:
                self.progress.show(case, row, f"round {round_ + 1}")
                self.progress.step(case, row, 0.5 / self.options.rounds)
                if result["status"] not in ("ok", "wrong"):
                    continue
                calls = max(1, min(MOST_CALLS, int(ROUND_SECONDS / result["seconds"])))
                answer = self.time(case, row, calls)
                if "times" in answer:
                    result["rounds"].append(answer["times"])
                else:
                    result |= {"status": "failed", "reason": answer.get("failed", "no times")}
                if case.threads > 1:
                    time.sleep(0.005)  # the time in which waiting threads of this row go to sleep
        for _, result in made:
            finish(result)
            self.results.append(result)

    def run(self):
        try:
            for case, rows in self.plan:
                self.run_case(case, rows)
        finally:
            self.stop()
            self.progress.end()
        return {
            "schema": report.SCHEMA,
            "host": host(),
            "target": self.target,
            "versions": self.versions,
            "settings": {"rounds": self.options.rounds, "seconds": round(time.monotonic() - self.progress.start, 1)},
            "results": self.results,
        }


def finish(result):
    times = [t for times in result["rounds"] for t in times]
    if times:
        result["best"], result["median"] = min(times), statistics.median(times)
    result.pop("seconds", None)
    result.pop("wrong", None)


def host():
    """What a reader must know of the machine to judge the numbers, and nothing that names it."""
    cpu, flags = platform.machine(), []
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                cpu = value.strip()
            if name.strip() == "flags":
                flags = [x for x in value.split() if re.match(r"avx|fma|f16c|amx|gfni", x)]
                break
    try:
        pages = re.search(r"\[(\w+)\]", Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text())[1]
    except OSError:
        pages = "unknown"
    return {
        "cpu": cpu,
        "flags": flags,
        "cores": len(os.sched_getaffinity(0)),
        "last_level_cache": buffers.last_level_cache(),
        "huge_pages": pages,
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def plot(folder):
    """Draws time.svg in whatever environment has matplotlib."""
    for python in (VENV / "bin" / "python", Path(sys.executable)):
        command = [str(python), str(HERE / "report.py"), str(folder / "results.json"), str(folder / "time.svg")]
        try:
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                return f"plot: {folder / 'time.svg'}"
        except FileNotFoundError:
            continue
    return "plot: none (matplotlib is not installed, or there is nothing to draw)"


def main(arguments=None):
    options = parse(arguments)
    plan = make_plan(options)
    if not plan:
        sys.exit(f"run.py: no row matches {options.only}")
    data = Run(options, plan).run()
    data["targets"] = report.targets(data)
    (options.out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    text = report.markdown(data)
    (options.out / "results.md").write_text(text)
    print(text)
    print(f"results: {options.out / 'results.json'}")
    print(plot(options.out))


if __name__ == "__main__":
    main()
