#!/usr/bin/env python3
"""Writes a folder that measures dashkv on a machine with a GPU: kernels, launcher, scripts, at most 40 MB.

    benchmarks/gpu/prepare.py --out /tmp/dashkv-gpu     on any machine with a build, no GPU
    scp -r /tmp/dashkv-gpu gpu: && ssh gpu python3 dashkv-gpu/run.py

The other machine needs Python with NumPy and the driver; with PyTorch (and FlashInfer) there, these are measured too.
"""

import argparse
import concurrent.futures
import dataclasses
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cases
import check
import modules

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("DASHKV_BUILD_DIR", ROOT / "build"))
CHIPS = "sm_80,sm_90a,sm_100,sm_120"
LIMIT = 40 << 20
SCRIPTS = (
    "arrays",
    "cases",
    "check",
    "cuda",
    "launcher",
    "measure",
    "modules",
    "oracle",
    "output",
    "peers",
    "probe",
    "run",
)


def compile_form(form, folder, chips):
    """One bundle; how long it took, or why there is none."""
    stem = re.sub(r"[^a-z0-9]+", "-", form.name.lower()).strip("-")
    source, bundle = folder / f"{stem}.mlir", folder / f"{stem}.dashkv"
    source.write_text(modules.write(form).text)
    start = time.perf_counter()
    command = [BUILD / "bin" / "dashkv-compile", source, "--emit=bundle", f"--target={chips}", "-o", bundle]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    entry = {"form": dataclasses.asdict(form), "seconds": round(seconds, 3)}
    if done.returncode:
        return entry | {"error": done.stderr.strip().split("\n")[0]}
    packed = bundle.with_name(bundle.name + ".gz")
    packed.write_bytes(gzip.compress(bundle.read_bytes()))
    bundle.unlink()
    return entry | {"file": f"kernels/{packed.name}"}


def all_forms(kv_heads, groups):
    """Those of the table and of the checks, each once."""
    measured = [form for group in groups for form in cases.forms(kv_heads, group).values()]
    checked = [check.vary(item.form, kv_heads=kv_heads) for item in check.CHECKS]
    return list(dict.fromkeys(measured + checked))


def commit():
    done = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "out" / "prepared", metavar="FOLDER")
    parser.add_argument("--chips", default=CHIPS, help=f"what bundles are for ({CHIPS})")
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--groups", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--only", default="", metavar="REGEX", help="only forms whose name matches")
    options = parser.parse_args()
    for needed in (BUILD / "bin" / "dashkv-compile", BUILD / "lib" / "libdashkv_launcher.so"):
        if not needed.exists():
            sys.exit(f"prepare: expected {needed}, but it is not built; run scripts/build.sh")
    shutil.rmtree(options.out, ignore_errors=True)
    folder = options.out / "kernels"
    folder.mkdir(parents=True)
    forms = [form for form in all_forms(options.kv_heads, options.groups) if re.search(options.only, form.name)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = list(pool.map(lambda form: compile_form(form, folder, options.chips), forms))
    for entry in entries:
        if "error" in entry:
            print(f"prepare: {cases.from_dict(modules.Form, entry['form']).name}: {entry['error']}", file=sys.stderr)
    for name in SCRIPTS:
        shutil.copy(HERE / f"{name}.py", options.out)
    shutil.copy(ROOT / "python" / "dashkv" / "reference.py", options.out)
    shutil.copy(BUILD / "lib" / "libdashkv_launcher.so", options.out)
    about = {"commit": commit(), "chips": options.chips, "kv_heads": options.kv_heads, "groups": options.groups}
    (options.out / "index.json").write_text(json.dumps(about | {"kernels": entries}, indent=1) + "\n")
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    made = [entry for entry in entries if "file" in entry]
    slowest = max((entry["seconds"] for entry in made), default=0)
    print(
        f"prepare: {len(made)} of {len(entries)} kernel sets, {size / 1e6:.1f} MB in {options.out}; "
        f"the slowest took {slowest:.2f} s for all chips"
    )
    if size > LIMIT:
        sys.exit(f"prepare: expected at most {LIMIT >> 20} MB, but got {size / (1 << 20):.1f}")
    return 1 if len(made) < len(entries) else 0


if __name__ == "__main__":
    sys.exit(main())
