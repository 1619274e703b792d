"""The command `dashkv eval`: runs what is missing in a work folder, then writes a report."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from dashkv import corpus
from dashkv.encoders import Encoder
from dashkv.eval import report, runs, tasks
from dashkv.eval.harness import EvalError
from dashkv.eval.plan import MEASURES, Plan
from dashkv.eval.selectors import Budget
from dashkv.kernel_text import Tiering


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", default="smollm2", help="name or folder of a Hugging Face model (default: smollm2, offline)")
    add("--encoder", action="append", default=[], metavar="[NAME=]FILE", help="trained encoder; repeat for more")
    add("--text", nargs="+", default=corpus.HELD_OUT, help="text files, or documents of the corpus")
    add("--lengths", default="4096", help="context lengths in tokens, with commas")
    add("--contexts", type=int, default=1, help="stretches of each text, per length")
    add("--rows", type=int, default=1536, help="rows that are scored at the end of each context")
    add("--layer-rows", type=int, default=256, help="rows that layer measures are taken on")
    add("--full", default="5%", help="budgets of the full tier, with commas")
    add("--full-min", type=int, default=Tiering.full_min, help="least rows of the full tier")
    add("--equal", default="bytes", help="what all selectors have the same of: bytes, rows or bytes,rows for both")
    add("--dense-layers", help="layers with exact attention, with commas, or '' (default: those of the encoders)")
    add("--selectors", help="names of selectors, with semicolons (default: all there are)")
    add("--measures", default="tokens,layers", help=f"which of {', '.join(MEASURES)}, with commas")
    add("--tasks", default=",".join(tasks.TASKS), help="tasks, with commas")
    add("--task-lengths", default="1024", help="lengths of task contexts, with commas")
    add("--examples", type=int, default=8, help="examples of each task and length")
    add("--needle-lengths", default="32768,131072,524288,1048576", help="keys of drawn caches, with commas")
    add("--drift-tokens", type=int, default=2000, help="tokens that are generated for drift")
    add("--drift-seeds", type=int, default=2, help="seeds with which each text is continued")
    add("--speed-lengths", default="2048,4096,8184", help="keys in caches that speed is measured with")
    add("--seed", type=int, default=0)
    add("--restated", action="store_true", help="choose keys in PyTorch instead of the compiled kernels")
    add("--out", type=Path, default=Path("dashkv-eval"), help="folder of the report")
    add("--keep-prefixes", action="store_true", help="keep caches in the work folder too: large, saves prefills")
    add("--work", type=Path, help="folder of results, to go on after an interruption (default: OUT/work)")


def main(args: argparse.Namespace) -> int:
    from dashkv import models

    runs.set_threads()
    plan = make_plan(args)
    model, tokenizer = models.load_model(args.model)
    plan.load(model, tokenizer)
    start = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - start:6.0f} s] {text}", file=sys.stderr, flush=True)

    plan.run(say)
    command = shlex.join(["dashkv", *sys.argv[1:]])
    report.write(plan, args.out, command)
    print(args.out / "report.md")
    return 0


def make_plan(args: argparse.Namespace) -> Plan:
    """The plan that arguments describe. EvalError for values that make no sense."""
    for name in ("contexts", "rows", "layer_rows", "examples", "drift_tokens", "drift_seeds"):
        if getattr(args, name) < 1:
            raise EvalError(f"expected --{name.replace('_', '-')} of at least 1, but got {getattr(args, name)}")
    encoders = {}
    for given in args.encoder:
        name, _, path = given.rpartition("=")
        encoder = Encoder.load(path)
        name = name or f"dashkv {encoder.form} {encoder.bits}"
        if name in encoders:
            raise EvalError(f"expected encoders of different names, but got two called '{name}': use NAME=FILE")
        encoders[name] = encoder
    try:
        texts = {name: corpus.read_text(name) for name in args.text}
    except corpus.CorpusError as error:
        raise EvalError(str(error)) from error
    dense = tuple(sorted({layer for encoder in encoders.values() for layer in encoder.dense_layers}))
    if args.dense_layers is not None:
        dense = _integers("--dense-layers", args.dense_layers, 0) if args.dense_layers else ()
    tierings = [Tiering.parse(f"full={full},full_min={args.full_min},dense_below=0") for full in args.full.split(",")]
    always = max(tiering.sinks + tiering.window for tiering in tierings)  # keys among which no needle is put
    return Plan(
        model_name=args.model,
        texts=texts,
        encoders=encoders,
        budgets=[Budget(tiering, equal=equal) for tiering in tierings for equal in args.equal.split(",")],
        lengths=_integers("--lengths", args.lengths, 2),
        contexts=args.contexts,
        rows=args.rows,
        layer_rows=args.layer_rows,
        dense=dense,
        selectors=args.selectors.split(";") if args.selectors else None,
        measures=tuple(args.measures.split(",")),
        tasks=tuple(args.tasks.split(",")),
        task_lengths=_integers("--task-lengths", args.task_lengths, 1),
        examples=args.examples,
        needle_lengths=_integers("--needle-lengths", args.needle_lengths, always + 1),
        drift_tokens=args.drift_tokens,
        drift_seeds=args.drift_seeds,
        speed_lengths=_integers("--speed-lengths", args.speed_lengths, 2),
        seed=args.seed,
        compiled=not args.restated,
        store=runs.Store(args.work or args.out / "work", args.keep_prefixes),
    )


def _integers(option: str, text: str, least: int) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise EvalError(f"expected whole numbers with commas for {option}, but got '{text}'") from None
    if min(numbers) < least:
        raise EvalError(f"expected {option} of at least {least}, but got {min(numbers)}")
    return numbers
