"""All evaluations of docs/Fidelity.md: runs what its folder of results lacks, writes NAME.json, figures and the page.

    python benchmarks/fidelity/run.py encoders/*.safetensors --work results
    python benchmarks/fidelity/run.py encoders/*.safetensors --work results --only 4k 8k
    python benchmarks/fidelity/run.py --only         nothing but the page, anew from the JSON files

Encoder files are told apart by their names: those of ENCODERS. Rows of files that are not given are left out. A run that
is interrupted goes on where it was. All below the mark in the page is written by this program, from the JSON files.
"""

import argparse
import functools
import json
import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dashkv import models
from dashkv.encoders import EncoderError
from dashkv.eval import cli, figures, report, runs
from dashkv.eval.harness import EvalError

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "Fidelity.md"
MARK = "<!-- Below: written by benchmarks/fidelity/run.py. -->"

ENCODERS = {
    "weighted64": "dashkv weighted 64",
    "weighted64-seed1": "dashkv weighted 64, seed 1",
    "weighted32": "dashkv weighted 32",
    "packed64": "dashkv packed 64",
    "packed64-group": "dashkv packed 64, one code a group",
    "packed128": "dashkv packed 128",
}
MAIN = ["oracle, group", "sinks + window", "Quest", "random hyperplanes, 64 bits"]
OURS = ["dashkv weighted 64", "dashkv weighted 64, seed 1", "dashkv weighted 32"]
BEST = "dashkv weighted 32 + votes + momentum"
PARTS = ["", " + votes", " + votes + momentum", " + votes + momentum + mid tier"]
ALL = [
    *("oracle, group", "oracle, head", "sinks + window", "Quest", "H2O", "SnapKV", "KIVI 2-bit"),
    *("random hyperplanes, 64 bits", "dashkv packed 64, symmetric", "dashkv packed 128 (HATA's form)"),
    *("dashkv packed 64, head scope", "dashkv packed 64, group scope"),
    *(f"dashkv packed 64{parts}" for parts in PARTS[1:3]),
    "dashkv packed 64, one code a group, group scope",
    *(f"dashkv weighted 64{parts}" for parts in PARTS[:3]),
    *OURS[1:],
    BEST,
]
LONG = [
    *MAIN, "dashkv packed 128 (HATA's form)", "dashkv packed 64, group scope",
    *(f"dashkv weighted 64{parts}" for parts in PARTS[:3]), *OURS[1:], BEST,
]  # fmt: skip
CURVES = [*MAIN, "dashkv packed 128 (HATA's form)", "dashkv packed 64, group scope", *OURS[::2]]
NEEDLES = "single needle,multi-key needle,multi-value needle,multi-query needle"


@dataclass(frozen=True)
class Run:
    """One `dashkv eval`: its JSON file, its title and remark in the page, its arguments but for encoders and selectors,
    the selectors, and the figure that is made of it."""

    name: str
    title: str
    remark: str
    arguments: str
    selectors: list[str]
    figure: str | None = None


RUNS = [
    Run(
        "4k", "Next tokens at 4K",
        "The ablation of the paper from *packed 64, head scope* on, each row with one part more, then weighted codes.",
        "--measures tokens --lengths 4096 --contexts 3", ALL,
    ),
    Run(
        "mid-tier", "The mid tier",
        "One context of each text. The rows *mid tier* have three quarters of the full tier's budget, and half as many keys as "
        "that in the mid tier: the same bytes.",
        "--measures tokens --lengths 4096",
        [f"dashkv {codes}{parts}" for codes in ("packed 64", "weighted 64", "weighted 32") for parts in PARTS[2:]],
    ),
    Run("8k", "Next tokens at 8K", "", "--measures tokens --lengths 8192 --contexts 3", LONG),
    Run(
        "10-percent", "Next tokens at 10 % of the keys", "",
        "--measures tokens --lengths 4096 --contexts 3 --full 10%", ["oracle, group", *OURS],
    ),
    Run("layers", "Attention of single layers", "", "--measures layers --lengths 4096", ALL, "layers"),
    Run(
        "budgets", "Budgets", "One context of each text. With 2 % the page bounds of Quest alone weigh more than the budget.",
        "--measures tokens --lengths 4096 --full 2%,5%,10%,20% --full-min 0", CURVES, "quality",
    ),
    Run(
        "equal", "Equal bytes and equal rows",
        "With equal rows a selector may read whatever it needs to choose them: Quest its page bounds, twice the bytes of a code.",
        "--measures tokens --lengths 4096,8192 --contexts 3 --equal bytes,rows", [*MAIN, *OURS[::2]],
    ),
    Run(
        "lengths", "Short contexts", "", "--measures tokens --lengths 1024,2048 --contexts 3", [*MAIN, *OURS[::2]],
    ),
    Run(
        "pride-and-prejudice", "Pride and Prejudice", "The novel that served no choice of any setting.",
        "--measures tokens --text pride-and-prejudice --lengths 4096,8192 --contexts 3", ["oracle, group", *OURS, BEST],
    ),
    Run(
        "tasks", "Needle tasks", "After RULER, by our own generator; without a least budget, as 128 rows of 2,048 are more than 5 %.",
        f"--measures tasks --tasks '{NEEDLES}' --task-lengths 2048 --full-min 0 --full 5%,2%", [*MAIN, *OURS[::2]],
    ),
    Run(
        "short-tasks", "Variables and word counts", "At the length and in the form that this small model solves.",
        "--measures tasks --tasks 'variable tracking,common words,frequent words' --task-lengths 512 --full-min 0",
        [*MAIN, *OURS[::2]],
    ),
    Run(
        "needles", "Needles in drawn caches", "At 2 % the page bounds of Quest alone weigh more than the budget.",
        "--measures needles --full 2%", ["oracle, group", "random hyperplanes, 64 bits", *OURS],
    ),
    Run("drift", "Generation drift", "", "--measures drift", ["sinks + window", "Quest", *OURS[::2]]),
    Run(
        "speed", "Decode speed",
        "Up to 4K keys the rest of the model decides, which transformers runs slower than llama.cpp: [Benchmarks](Benchmarks.md).",
        "--measures speed --speed-lengths 2048,4096,8184", OURS[:1], "speed",
    ),
]  # fmt: skip


def evaluate(run: Run, files: dict[str, Path], extra: list[str], work: Path, load) -> dict:
    """The report of a run with those encoders that its rows are of, and with the rows that they make possible.

    extra: arguments that override those of the run; work: folder of results; load() gives a model and its tokenizer.
    """
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    given = {
        name: files[name]
        for name, label in ENCODERS.items()
        if name in files and any(selector.startswith(label) for selector in run.selectors)
    }
    arguments = [*shlex.split(run.arguments), *extra]
    # With no layer dense but those of an encoder, a run without one would not be like the others.
    arguments += [] if given else ["--dense-layers", "0"]

    def made(path) -> argparse.Namespace:
        # The names of two files of one form and size differ; others have the name that `dashkv eval` gives them.
        names = {name: f"{ENCODERS[name]}=" if "-" in name else "" for name in given}
        return [*(x for name, file in given.items() for x in ("--encoder", names[name] + path(file))), *arguments]

    plan = cli.make_plan(parser.parse_args([*made(str), "--work", str(work)]))
    plan.load(*load())
    able = [selector.name for selector in plan.suite(plan.budgets[0])]
    plan.selectors = [name for name in run.selectors if name in able]
    for name in run.selectors:
        if name not in able:
            print(f"{run.name}: no {name}, for which an encoder or a part of one is missing", file=sys.stderr)
    start = time.perf_counter()
    plan.run(
        lambda text: print(f"[{time.perf_counter() - start:6.0f} s] {run.name}: {text}", file=sys.stderr, flush=True)
    )
    shown = [*made(lambda file: file.name), "--selectors", ";".join(plan.selectors)]
    return report.collect(plan, shlex.join(["dashkv", "eval", *shown]))


def tables(folder: Path) -> str:
    """The part of the page that is made from the JSON files in a folder, in the order of RUNS."""
    parts = []
    for run in RUNS:
        path = folder / f"{run.name}.json"
        if not path.exists():
            continue
        data = json.loads(path.read_text())
        drawn = {run.figure: f"figures/fidelity-{run.figure}.svg"} if run.figure else {}
        lines = [f"#{line}" if line.startswith("## ") else line for line in report.sections(data, drawn)]
        remark = [run.remark, ""] if run.remark else []
        parts += [f"## {run.title}", "", *remark, "```", data["command"], "```", "", *lines]
    return "\n".join(parts).rstrip() + "\n"


def write_page(page: Path, folder: Path) -> None:
    """Writes the tables below the mark of a page. EvalError if it has none."""
    replace(page, f"{head_of(page)}{MARK}\n\n{tables(folder)}")


def head_of(page: Path) -> str:
    head, mark, _ = page.read_text().partition(MARK)
    if not mark:
        raise EvalError(f"expected the line '{MARK}' in {page}, below which tables are written, but there is none")
    return head


def replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", type=Path, nargs="*", help=f"files named {', '.join(ENCODERS)}, as .safetensors")
    parser.add_argument("--model", default="smollm2", help="name or folder of the model")
    parser.add_argument("--work", type=Path, default=Path("fidelity-work"), help="folder of results")
    parser.add_argument("--only", nargs="*", metavar="RUN", help=f"of {', '.join(run.name for run in RUNS)}")
    parser.add_argument("--extra", default="", help="arguments for every `dashkv eval`, which override a run's own")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of JSON files")
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="page with the mark; figures go into figures/ beside it"
    )
    options = parser.parse_args()
    files = {path.stem: path for path in options.encoders}
    if unknown := files.keys() - ENCODERS:
        parser.error(f"expected encoder files named {', '.join(ENCODERS)}, but got {', '.join(sorted(unknown))}")
    if options.only and (unknown := set(options.only) - {run.name for run in RUNS}):
        parser.error(f"expected runs of {', '.join(run.name for run in RUNS)}, but got {', '.join(sorted(unknown))}")
    load = functools.cache(lambda: models.load_model(options.model))
    name = Path(options.model).name if Path(options.model).exists() else options.model
    runs.set_threads()
    head_of(options.page)  # before hours of work
    for folder in (options.out, options.page.parent / "figures"):
        folder.mkdir(parents=True, exist_ok=True)
    for run in RUNS:
        if options.only is not None and run.name not in options.only:
            continue
        extra = shlex.split(options.extra) + ([] if name == "smollm2" else ["--model", name])
        data = evaluate(run, files, extra, options.work, load)
        replace(options.out / f"{run.name}.json", json.dumps(data) + "\n")
        if run.figure:
            figures.draw(data, options.page.parent / "figures", [run.figure])
    write_page(options.page, options.out)


if __name__ == "__main__":
    try:
        main()
    except (EvalError, EncoderError) as error:
        sys.exit(f"{Path(__file__).name}: {error}")
