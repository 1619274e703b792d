#!/usr/bin/env python3
"""Checks and measures dashkv on this GPU, from the folder that prepare.py wrote.

    python3 run.py                  under three minutes: checks, then the table
    python3 run.py --check          the checks alone
    python3 run.py --n 128K --batch 1 --only 'tiered|SDPA'

Needs NumPy and the NVIDIA driver; PyTorch and FlashInfer where they are installed. Writes results.json, results.md and
time.svg beside this file, or to --out. Without a GPU it says so and exits with 0.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import arrays
import cases
import check
import cuda
import launcher
import measure
import output
import peers
import probe
from modules import Form

HERE = Path(__file__).resolve().parent


def number(text):
    found = re.fullmatch(r"(\d+)([KM]?)", text.strip().upper())
    if not found:
        raise argparse.ArgumentTypeError(f"expected a number like 8192, 8K or 1M, but got {text}")
    return int(found[1]) << {"": 0, "K": 10, "M": 20}[found[2]]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE, help="what prepare.py wrote")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    parser.add_argument("--check", action="store_true", help="the checks, no times")
    parser.add_argument("--checks", default="", metavar="REGEX", help="only checks whose name matches")
    parser.add_argument("--no-checks", action="store_true", help="times alone")
    parser.add_argument("--no-sanitizer", action="store_true")
    parser.add_argument("--n", type=number, nargs="+", default=list(cases.KEYS), metavar="KEYS")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--group", type=int, nargs="+", help="4 and 8 by default")
    parser.add_argument("--only", default="", metavar="REGEX", help="only rows whose label matches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=170, help="time for all; what does not fit is skipped and says so"
    )
    parser.add_argument("--small", action="store_true", help="few bytes and repeats: for a simulated GPU")
    options = parser.parse_args(arguments)
    options.out = options.out or options.folder
    return options


def run_checks(driver, library, kernels, options, over, kv_heads):
    """Results of the small shapes."""
    memory, results = arrays.Memory(driver, probe.Probe(driver)), []
    for item in check.CHECKS:
        made = check.Check(check.vary(item.form, kv_heads=kv_heads), item.keys, item.lengths)
        if not re.search(options.checks, made.name):
            continue
        result = {"name": made.name, "status": "skipped", "reason": "no kernels in this folder"}
        results.append(result)
        if over():
            result["reason"] = "the time for this run is used up"
        elif made.form in kernels:
            try:
                loaded = launcher.Launcher(library, kernels[made.form])
                found = check.run(driver, loaded, memory, made)
                loaded.close()
                result |= {"status": "wrong" if found else "ok", "reason": "; ".join(found[:3])}
            except (launcher.LauncherError, cuda.CudaError) as reason:
                result |= {"status": "failed", "reason": str(reason)}
                if isinstance(reason, cuda.CudaError):  # the context is lost
                    break
        print(f"  {result['status']:8} {made.name}  {result['reason']}", file=sys.stderr, flush=True)
    return results


def sanitize(options, over):
    """What compute-sanitizer says about a few of the checks, a line a tool."""
    tool = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if not tool:
        return ["compute-sanitizer: skipped, it is not installed"]
    lines = []
    chosen = "^(tiered full=0.05 dense_below=0, 1000|exact, 1000|retrieve full=0.05, 3000|encode encode=linear)"
    for name in ("memcheck", "racecheck"):
        if over():
            lines.append(f"compute-sanitizer {name}: skipped, the time for this run is used up")
            continue
        command = [tool, "--tool", name, "--error-exitcode", "9", sys.executable, str(HERE / "run.py")]
        command += ["--folder", str(options.folder), "--out", str(options.out / name), "--check", "--no-sanitizer"]
        (options.out / name).mkdir(exist_ok=True)
        try:
            done = subprocess.run(
                [*command, "--checks", chosen], capture_output=True, text=True, timeout=60, check=False
            )
            summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", done.stdout)
            lines.append(f"compute-sanitizer {name}: {summary[-1] if summary else f'exit status {done.returncode}'}")
        except subprocess.TimeoutExpired:
            lines.append(f"compute-sanitizer {name}: skipped, it takes more than a minute")
    return lines


def main(arguments=None):
    options = parse(arguments)
    start = time.monotonic()
    over = lambda: time.monotonic() - start > options.seconds
    index = json.loads((options.folder / "index.json").read_text())
    kernels = {
        cases.from_dict(Form, entry["form"]): options.folder / entry["file"]
        for entry in index["kernels"]
        if "file" in entry
    }
    try:
        driver = cuda.Driver()
    except cuda.CudaError as reason:
        print(f"run: skipped: {reason}")
        return 0
    library = launcher.Library(options.folder / "libdashkv_launcher.so")
    others = peers.Peers(measure.Skipped)
    about = {
        "device": driver.name,
        "date": datetime.date.today().isoformat(),
        "commit": index["commit"],
        "driver": f"{driver.version // 1000}.{driver.version % 1000 // 10}",
        "peers": others.version,
        "multiprocessors": driver.multiprocessors,
        "l2": driver.l2,
        "groups": options.group or index["groups"],
        "chip": "",
        "read_rates": [],
    }
    run = {"about": about, "checks": [], "sanitizer": [], "cases": []}
    if not options.no_checks:
        run["checks"] = run_checks(driver, library, kernels, options, over, index["kv_heads"])
    if not options.check:
        machine = measure.Machine(driver, library, kernels, others, options.small)
        sizes = (1 << 20,) if options.small else (64 << 20, 512 << 20)
        about["read_rates"] = [(size, machine.read_rate(size)) for size in sizes]
        about["chip"] = machine.launcher(next(iter(kernels))).chip
        memory = arrays.Memory(driver, machine.probe)
        for case in cases.plan(options.n, options.batch, about["groups"], index["kv_heads"]):
            rows = [row for row in cases.rows(case) if re.search(options.only, row.label)]
            results = measure.run_case(machine, memory, case, rows, options.rounds, over)
            run["cases"].append({"case": vars(case), "results": results})
            print(f"  {time.monotonic() - start:4.0f} s  {case.label}", file=sys.stderr, flush=True)
    if not options.no_sanitizer:
        run["sanitizer"] = sanitize(options, over)
    about["seconds"] = round(time.monotonic() - start, 1)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(run, indent=1) + "\n")
    (options.out / "results.md").write_text(output.markdown(run))
    if plot := output.svg(run):
        (options.out / "time.svg").write_text(plot)
    print(output.markdown(run))
    states = [c["status"] for c in run["checks"]] + [r["status"] for entry in run["cases"] for r in entry["results"]]
    bad = sum(state in ("wrong", "failed") for state in states)
    bad += sum("SUMMARY: 0 errors" not in x and "skipped" not in x and "0 hazards" not in x for x in run["sanitizer"])
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    sys.exit(main())
