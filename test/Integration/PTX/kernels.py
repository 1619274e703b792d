"""Checks what ptxas makes of every kernel, on one chip: kernels.py CHIP [--all] [--only REGEX]

For each form of an op: dashkv-compile --emit=report, then limits of registers, no spill, no stack, no call, no local
memory, no generic address, no 64-bit load cut in two, and the instructions that the kernel is made of. Prints a table;
what is wrong goes to standard error, and the exit status is 1. By default the forms that share no kernel, with --all
every combination of the table.
"""

import argparse
import collections
import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "gpu"))
from modules import Form, write

# What is compiled for every chip, and what --all adds.
FORMS = [
    Form("finalize"),
    Form("finalize", dtype="f16"),
]
EVERY = []


@dataclass(frozen=True)
class Rule:
    """Limits of the kernels whose name matches."""

    name: str
    registers: int
    # Least numbers of instructions in the PTX, by the beginning of their names.
    has: dict = field(default_factory=dict)
    # Names of instructions that must not be there.
    lacks: tuple = ()


RULES = [
    Rule("dashkv_finalize", 24, {"ld.global": 2, "st.global": 1}),
]

# The memory instructions of generic addresses, and those of other things that no kernel has.
GENERIC = re.compile(r"(ld|st|atom|red)((?!\.(global|shared|param|const|local))\.\w+)* \d+$")
# An instruction of PTX, and what it is in machine code: at least as often, because loops may be unrolled.
SAME = {"popc": "POPC", "mma.": "HMMA", "shfl": "SHFL", "ldmatrix": "LDSM", "movmatrix": "MOVM"}


def count(mix, beginning):
    return sum(n for name, n in mix.items() if name.startswith(beginning))


def problems(kernel, rules):
    """What is wrong with one kernel of a report."""
    machine, mix = kernel["machine"], kernel["mix"]
    for name in ("spill_stores", "spill_loads", "stack"):
        if machine[name]:
            yield f"expected no {name.replace('_', ' ')}, but got {machine[name]} bytes"
    for name, number in mix.items():
        if GENERIC.match(name):
            yield f"expected no generic address, but got {name} x{number}"
        if ".local" in name or name == "call":
            yield f"expected neither local memory nor calls, but got {name} x{number}"
    for ptx, sass in SAME.items():
        if count(mix, ptx) > machine["mix"].get(sass, 0) + machine["mix"].get("U" + sass, 0):
            yield f"expected {sass} for each {ptx}, but got {machine['mix'].get(sass, 0)} for {count(mix, ptx)}"
    found = [rule for rule in rules if re.match(rule.name, kernel["name"])]
    if not found:
        yield "expected a rule for this kernel, but found none"
    for rule in found[:1]:
        if machine["registers"] > rule.registers:
            yield f"expected at most {rule.registers} registers, but got {machine['registers']}"
        for name, least in rule.has.items():
            if count(mix, name) < least:
                yield f"expected at least {least} {name}, but got {count(mix, name)}"
        for name in rule.lacks:
            if count(mix, name):
                yield f"expected no {name}, but got {count(mix, name)}"


def report(tool, chip, form, folder):
    """The kernels of a form; an error message where it does not compile."""
    out = Path(folder) / (re.sub(r"\W+", "_", form.name) + ".json")
    command = [tool, "--emit=report", f"--target={chip}", "-o", str(out)]
    done = subprocess.run(command, input=write(form).text, text=True, capture_output=True, check=False)
    if done.returncode:
        return [], done.stderr.strip().split("\n")[0]
    return json.loads(out.read_text())["kernels"], ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chip")
    parser.add_argument("--all", action="store_true", help="every combination of the table")
    parser.add_argument("--only", default="", metavar="REGEX", help="only forms whose name matches")
    parser.add_argument("--tool", default="dashkv-compile")
    options = parser.parse_args()
    forms = [form for form in FORMS + (EVERY if options.all else []) if re.search(options.only, form.name)]
    wrong, seen = 0, {}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = pool.map(report, itertools.repeat(options.tool), itertools.repeat(options.chip), forms,
                           itertools.repeat(folder))  # fmt: skip
        for form, (kernels, error) in zip(forms, reports, strict=True):
            if error:
                wrong += 1
                print(f"{form.name}: {error}", file=sys.stderr)
            for kernel in kernels:
                for text in problems(kernel, RULES):
                    wrong += 1
                    print(f"{form.name}: {kernel['name']}: {text}", file=sys.stderr)
                seen.setdefault(kernel["name"], kernel)
    for name, kernel in sorted(seen.items()):
        machine, mix = kernel["machine"], collections.Counter(kernel["mix"])
        loads = ", ".join(f"{x} x{n}" for x, n in sorted(mix.items()) if x.startswith("ld.global"))
        print(f"{name}: {machine['registers']} registers, {machine['instructions']} instructions, "
              f"{count(mix, 'popc')} popc, {count(mix, 'mma.')} mma, {loads}")  # fmt: skip
    print(f"{options.chip}: {len(seen)} kernels of {len(forms)} forms, {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
