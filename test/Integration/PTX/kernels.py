"""Checks what ptxas makes of every kernel: kernels.py CHIP... [--all] [--only REGEX] [--xml FILE]

For each form of an op: dashkv-compile --emit=report, then limits of registers, no spill, no stack, no call, no local
memory, no generic address, no 64-bit load cut in two, and the instructions that the kernel is made of. Prints a table;
what is wrong goes to standard error, and the exit status is 1. By default the forms that share no kernel, with --all
every combination of the table.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "gpu"))
from modules import Form, write

# What is compiled by default, and what --all adds.
FORMS = [
    Form("finalize"),
    Form("merge"),
    Form("exact"),
    Form("exact", dtype="f8", group=8),
    Form("exact", group=3, rows=4, dtype="f16"),
    Form("gather"),
    Form("retrieve", codes="packed", votes=True, prior=True),
    Form("encode", encode="linear"),
    Form("encode", encode="mlp", codes="packed"),
    Form("tiered"),
    Form("tiered", group=8, codes="packed", bits=128),
    Form("tiered", dtype="f8", mid=0.05, kept=True),
    Form("tiered", scope="head", codes="packed", dtype="f16", mid=0.05),
    Form("tiered", rows=4, group=1, lengths=False),
    Form("exact", page=16),
    Form("gather", page=-1),
    Form("tiered", page=16),
    Form("tiered", page=16, dtype="f8", mid=0.05, kept=True),
]
EVERY = [
    Form("finalize", dtype="f16"),
    Form("exact", group=1),
    Form("exact", lengths=False),
    Form("scan"),
    Form("scan", codes="packed", bits=128),
    Form("scan", codes="packed", bits=32),
    Form("retrieve"),
    Form("retrieve", ties="newest"),
    Form("retrieve", ties="inclusive"),
    Form("retrieve", codes="packed", scope="head", bits=32),
    Form("encode", encode="linear", codes="packed"),
    Form("encode", encode="linear", rows=8),
    *(
        Form("tiered", group=group, bits=bits, codes=codes, dtype=dtype, mid=mid, lengths=lengths)
        for group in (1, 3, 4, 8)
        for bits in (32, 64, 128)
        for codes in ("packed", "weighted")
        for dtype, mid, lengths in (("bf16", 0.0, True), ("f16", 0.05, True), ("f8", 0.0, False))
    ),
]


@dataclass(frozen=True)
class Rule:
    """Limits of the kernels whose name matches."""

    name: str
    registers: int
    # Least numbers of instructions in the PTX, by the beginning of their names; loads past the caches or not.
    has: dict = field(default_factory=dict)
    # Names of instructions that must not be there.
    lacks: tuple = ()


RULES = [
    Rule("dashkv_scan_packed_(planes_|unaligned_)", 128, {"ld.global": 1, "popc": 2}),
    Rule("dashkv_scan_packed_l(64|128|256)_", 128, {"ld.global 16": 8, "popc": 32}),
    Rule("dashkv_scan_packed_", 128, {"ld.global 16": 8, "popc": 16}),
    Rule("dashkv_scan_weighted_", 128, {"ld.global": 2, "popc": 2}),
    Rule("dashkv_count_", 64, {"atom.shared": 4, "fence": 2, "atom.global.inc": 1}),
    Rule("dashkv_threshold_", 64, {"atom.shared": 1, "bar": 4}),
    Rule("dashkv_calibrate_", 64, {"ld.global": 4, "st.global": 4}),
    # Past the caches, it might see values of the step before.
    Rule("dashkv_compact_i8", 64, {"ld.global 8": 1, "bar": 1}, lacks=("ld.global.nc",)),
    Rule("dashkv_compact_", 64, {"ld.global 16": 1, "bar": 1}, lacks=("ld.global.nc",)),
    Rule("dashkv_kept", 24, {"popc": 1}),
    # A warp reads 16 rows of K and V of f8 by 8 loads of 16 bytes, of 16 bits by 16, and multiplies as often.
    # Values alone, where the logits are given.
    Rule("dashkv_attend_mma_v", 128, {"ld.global 16": 4, "mma.m16n8k16": 8, "prmt": 16}),
    Rule(r"dashkv_attend_mma_\w*f8E4M3FN", 168, {"ld.global 16": 8, "mma.m16n8k16": 16, "prmt": 16}),
    Rule("dashkv_attend_mma_", 168, {"ld.global 16": 16, "mma.m16n8k16": 16, "movmatrix": 2, "prmt": 32}),
    Rule("dashkv_attend_", 128, {"ld.global": 1, "fma": 1}),
    Rule(r"dashkv_decode_\w*f8E4M3FN", 128, {"ld.global 16": 8, "popc": 2, "mma.m16n8k16": 16, "bar": 4}),
    Rule("dashkv_decode_", 128, {"ld.global 16": 16, "popc": 2, "mma.m16n8k16": 16, "movmatrix": 2, "bar": 4}),
    Rule("dashkv_encode_", 255, {"ld.global 16": 1}),
    Rule("dashkv_estimate_", 128, {"ld.global": 1, "ld.shared": 16}),
    Rule("dashkv_reduce_", 128, {"ld.global": 1, "fma": 1}),
    Rule("dashkv_dense_flags", 40, {"st.global": 1}),
    Rule("dashkv_glue_", 128, {"st.global": 1}),
    Rule("dashkv_merge", 64, {"ld.global": 2, "st.global": 1}),
    Rule("dashkv_finalize", 32, {"ld.global": 2, "st.global": 1}),
]

# The memory instructions of generic addresses, and those of other things that no kernel has.
GENERIC = re.compile(r"(ld|st|atom|red)((?!\.(global|shared|param|const|local))\.\w+)* \d+$")
# An instruction of PTX, and what it is in machine code: at least as often, because loops may be unrolled.
SAME = {"popc": "POPC", "mma.": "HMMA", "ldmatrix": "LDSM", "movmatrix": "MOVM"}


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
        loose = collections.Counter()
        for name, number in mix.items():
            loose[name.replace(".nc ", " ")] += number
        for name, least in rule.has.items():
            if count(loose, name) < least:
                yield f"expected at least {least} {name}, but got {count(loose, name)}"
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


def check(chip, forms, tool, wrong):
    """Prints the kernels of one chip; puts what is wrong with each form into `wrong`."""
    seen, number = {}, 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda form: report(tool, chip, form, folder), forms))
    for form, (kernels, error) in zip(forms, reports, strict=True):
        found = [error] if error else []
        for kernel in kernels:
            found += [f"{kernel['name']}: {text}" for text in problems(kernel, RULES)]
            seen.setdefault(kernel["name"], kernel)
        wrong[f"{form.name} on {chip}"] = found
        number += len(found)
        for text in found:
            print(f"{form.name}: {text}", file=sys.stderr)
    for name, kernel in sorted(seen.items()):
        machine, mix = kernel["machine"], collections.Counter(kernel["mix"])
        loads = ", ".join(f"{x} x{n}" for x, n in sorted(mix.items()) if x.startswith("ld.global"))
        print(
            f"{name}: {machine['registers']} registers, {machine['instructions']} instructions, "
            f"{count(mix, 'popc')} popc, {count(mix, 'mma.')} mma, {loads}"
        )
    print(f"{chip}: {len(seen)} kernels of {len(forms)} forms, {number} problems")


def write_xml(path, wrong):
    """JUnit, a test a form and chip."""
    suite = xml.Element("testsuite", name="kernels")
    for name, found in wrong.items():
        case = xml.SubElement(suite, "testcase", classname="ptxas", name=name)
        if found:
            xml.SubElement(case, "failure", message="\n".join(found))
    xml.ElementTree(suite).write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chips", nargs="+", metavar="CHIP")
    parser.add_argument("--all", action="store_true", help="every combination of the table")
    parser.add_argument("--only", default="", metavar="REGEX", help="only forms whose name matches")
    parser.add_argument("--tool", default="dashkv-compile")
    parser.add_argument("--xml", metavar="FILE", help="writes the results as JUnit XML")
    options = parser.parse_args()
    forms = [form for form in FORMS + (EVERY if options.all else []) if re.search(options.only, form.name)]
    wrong = {}
    for chip in options.chips:
        check(chip, forms, options.tool, wrong)
    if options.xml:
        write_xml(options.xml, wrong)
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
