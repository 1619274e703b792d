"""`python -m dashkv`, or `dashkv` once the package is installed: see docs/Python.md."""

import argparse
import importlib
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dashkv import _arrays, _ffi, compiler, gpu
from dashkv.kernel_text import Tiering

# Commands of the optional parts: the module that has add_arguments(parser) and main(args), and the extra it needs.
EXTRAS = {
    "capture": ("dashkv.train.capture_cli", "train", "write queries and keys of a model on text, for train"),
    "train": ("dashkv.train.cli", "train", "train hash encoders for a model"),
    "eval": ("dashkv.eval.cli", "train", "measure what encoders do to a model, beside other selectors"),
}


class UsageError(ValueError):
    """Something on the command line that was not expected."""


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file so that it is there whole or not at all; `-` is standard output. Devices and pipes stay what they are."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    path = Path(path).resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)
        return
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"expected a file to write in a folder that can be written, but got {path}")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.close()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def progress(items: Iterable, **options: Any) -> Iterable:
    """A progress bar by tqdm on standard error, where there is tqdm and a terminal."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return items
    return tqdm(items, disable=None, leave=False, **options)


# ---------------------------------------------------------------------------------------------------------------------
# Options that commands share
# ---------------------------------------------------------------------------------------------------------------------


def _positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, but got {text}")
    return int(text)


def add_compile_options(parser: argparse.ArgumentParser, target: str = "native") -> None:
    """Options of `dashkv.compile`."""
    parser.add_argument("--target", default=target, help="native, a CPU (x86-64-v3) or a GPU (sm_90a)")
    parser.add_argument("--tiering", help="make attention tiered: fields as full=2%%,scope=head, or default")
    parser.add_argument("--tiering-options", help="further options of dashkv-apply-tiering: encoder=mlp levels=7")
    parser.add_argument("--lowering", choices=compiler.CHOICES["lowering"], help="how dashkv ops become code of a CPU")
    parser.add_argument("--parallel", choices=compiler.CHOICES["parallel"], help="who runs parallel loops")
    parser.add_argument("--workers", type=_positive, default=1, help="threads to keep busy")
    for flag, text in (
        ("runtime-checks", "check sizes, lengths and indices while running"),
        ("assume-nonempty-rows", "masks never hide every key of a row"),
        ("remarks", "tell what was raised and tiered, and why the rest was not"),
    ):
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parser.add_argument("--stages", help="folder that receives the MLIR after every stage")


def read_compile_options(args: argparse.Namespace) -> dict[str, Any]:
    names = "tiering_options lowering parallel runtime_checks assume_nonempty_rows remarks stages"
    options = {name: getattr(args, name) for name in names.split()}
    return options | {"target": args.target, "tiering": args.tiering, "workers": args.workers}


# ---------------------------------------------------------------------------------------------------------------------
# compile, report
# ---------------------------------------------------------------------------------------------------------------------


def add_compile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, help="MLIR file")
    parser.add_argument("--emit", choices=compiler.PRODUCTS, default="mlir", help="what is written")
    parser.add_argument("-o", "--output", default="-", help="where (- for standard output)")
    add_compile_options(parser)


def run_compile(args: argparse.Namespace) -> int:
    write_whole(args.output, compiler.emit(args.module, args.emit, **read_compile_options(args)))
    return 0


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, help="MLIR file")
    parser.add_argument("-o", "--output", default="-", help="file; .json and .html choose the form")
    parser.add_argument("--keys", type=_positive, default=131072, help="keys in caches whose types have no size")
    parser.add_argument("--batch", type=_positive, default=1, help="the same for the batch")
    add_compile_options(parser, target="sm_90a")


def run_report(args: argparse.Namespace) -> int:
    form = {".json": "json", ".html": "html"}.get(Path(args.output).suffix, "text")
    options = {"report_keys": args.keys, "report_batch": args.batch, "report_format": form}
    write_whole(args.output, compiler.emit(args.module, "report", **read_compile_options(args), **options))
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# run
# ---------------------------------------------------------------------------------------------------------------------


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, help="MLIR file")
    parser.add_argument("--entry", help="function to call (default: the only one, or main)")
    parser.add_argument(
        "--input", action="append", default=[], metavar="[NAME=]FILE.npy",
        help="an argument: the next one, or NAME, a number or a dashkv.role",
    )  # fmt: skip
    parser.add_argument("--output", action="append", default=[], metavar="FILE.npy", help="the next result")
    parser.add_argument("--repeat", type=_positive, help="calls that are timed; the median is printed")
    parser.add_argument("--no-cache", action="store_true", help="compile, and keep nothing on disk")
    add_compile_options(parser)


def assign_inputs(kernel: compiler.Kernel, inputs: Sequence[str]) -> list[np.ndarray]:
    """Loads the files of --input and puts each at the argument it is for."""
    count, roles = len(kernel.arguments), [x.role for x in kernel.arguments]
    slots: list[np.ndarray | None] = [None] * count
    for text in inputs:
        name, _, path = text.rpartition("=")
        if not name:
            index = next((i for i, slot in enumerate(slots) if slot is None), count)
        elif name.isdecimal():
            index = int(name)
        elif name in roles:
            index = roles.index(name)
        else:
            raise UsageError(f"expected a number or a dashkv.role of an argument, but got '{name}'")
        if index >= count:
            raise UsageError(f"expected at most {count} arguments, but got {text}")
        if slots[index] is not None:
            raise UsageError(f"expected one file for argument {index}, but got {text} as well")
        slots[index] = _load_array(path)
    for i, slot in enumerate(slots):
        if slot is None:
            role = f" ({roles[i]})" if roles[i] else ""
            raise UsageError(f"expected an --input for argument {i}{role}, but got none")
    return slots


def _load_array(path: str) -> np.ndarray:
    with open(path, "rb") as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise UsageError(f"expected an array in a .npy file, but {path} is none or damaged: {error}") from None


def run_run(args: argparse.Namespace) -> int:
    _check_cpu(args)
    kernel = compiler.compile(args.module, entry=args.entry, cache=not args.no_cache, **read_compile_options(args))
    arguments = assign_inputs(kernel, args.input)
    if len(args.output) > len(kernel.results):
        raise UsageError(f"expected at most {len(kernel.results)} outputs, but got {len(args.output)}")
    results = kernel(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    files = [(path, _to_npy(result)) for path, result in zip(args.output, results, strict=False) if path]
    if args.repeat:
        seconds = time_calls(kernel.prepare(*arguments), args.repeat)
        print(f"{kernel.name}: {seconds * 1e3:.3f} ms (median of {args.repeat})")
    for path, data in files:
        write_whole(path, data)
    return 0


def _check_cpu(args: argparse.Namespace) -> None:
    if args.target.startswith("sm_"):
        raise UsageError(f"expected a CPU as target of {args.command}: dashkv.gpu.Launcher runs bundles on a GPU")


def _to_npy(array: np.ndarray) -> bytes:
    with tempfile.TemporaryFile() as file:
        np.save(file, array)
        file.seek(0)
        return file.read()


def time_calls(call: Callable[[], Any], repetitions: int) -> float:
    """The median of the seconds of a call, after one to warm up."""
    call()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


# ---------------------------------------------------------------------------------------------------------------------
# bench
# ---------------------------------------------------------------------------------------------------------------------

STEP = """
func.func @decode(%q: tensor<1x{heads}x1x{size}x{type}>, %k: tensor<1x{kv_heads}x?x{size}x{type}>,
    %v: tensor<1x{kv_heads}x?x{size}x{type}>) -> tensor<1x{heads}x1x{size}x{type}> {{
  %e = tensor.empty() : tensor<1x{heads}x1x{size}x{type}>
  %r = dashkv.attention ins(%q, %k, %v : tensor<1x{heads}x1x{size}x{type}>, tensor<1x{kv_heads}x?x{size}x{type}>,
    tensor<1x{kv_heads}x?x{size}x{type}>) outs(%e : tensor<1x{heads}x1x{size}x{type}>) {{scale = {scale} : f32}}
  return %r : tensor<1x{heads}x1x{size}x{type}>
}}
"""


def add_bench(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Times one decode step of one layer on this CPU, exact and tiered, on random data: the encoder of the query, "
        "the scan of the codes, and attention. Repeated calls: caches of the processor are warm where they hold the data."
    )
    parser.add_argument("--keys", default="4096,16384,65536", help="keys in the cache, a list")
    parser.add_argument("--heads", type=_positive, default=8, help="query heads")
    parser.add_argument("--kv-heads", type=_positive, default=2)
    parser.add_argument("--head-size", type=_positive, default=64)
    parser.add_argument("--type", choices=["f32", "f16", "bf16"], default="f16", help="of queries, keys and values")
    parser.add_argument("--tiering", default="full=2%", help="fields as full=2%%,scope=head, or default")
    parser.add_argument("--tiering-options", help="options of dashkv-apply-tiering: encoder=mlp levels=7")
    parser.add_argument("--target", default="native")
    parser.add_argument("--workers", type=_positive, default=1)
    parser.add_argument("--repeat", type=_positive, default=20, help="calls, of which the median counts")
    parser.add_argument("--seed", type=int, default=0)


def random_argument(rng: np.random.Generator, parameter: compiler.Parameter, keys: int) -> np.ndarray:
    """Normally distributed floats, codes of random bits."""
    shape = tuple(keys if size is None else size for size in parameter.shape)
    if parameter.dtype.startswith("i"):
        return rng.integers(-128, 128, shape).astype(_arrays.NUMPY[parameter.dtype])
    values = rng.standard_normal(shape, np.float32)
    if parameter.dtype == "bf16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return values.astype(_arrays.NUMPY[parameter.dtype])


def run_bench(args: argparse.Namespace) -> int:
    try:
        counts = [_positive(text) for text in args.keys.split(",")]
    except argparse.ArgumentTypeError:
        raise UsageError(f"expected numbers above 0 in --keys, but got {args.keys}") from None
    _check_cpu(args)
    if args.heads % args.kv_heads:
        raise UsageError(f"expected --heads in groups of --kv-heads, but got {args.heads} and {args.kv_heads}")
    text = STEP.format(
        heads=args.heads, kv_heads=args.kv_heads, size=args.head_size, type=args.type, scale=args.head_size**-0.5
    )
    options = {"target": args.target, "workers": args.workers}
    exact = compiler.compile(text, **options)
    tiered = compiler.compile(text, tiering=args.tiering, tiering_options=args.tiering_options, **options)
    dense_below = Tiering.parse(args.tiering).dense_below
    print(f"{args.heads} query and {args.kv_heads} KV heads of {args.head_size} {args.type}, {args.tiering}, ", end="")
    print(f"{args.workers} worker(s) on {_ffi.load().dashkvGetCPU().decode()}, median of {args.repeat}")
    print(f"{'keys':>9} {'exact':>12} {'tiered':>12} {'exact/tiered':>13}")
    for keys in progress(counts, desc="bench", unit="length"):
        rng = np.random.default_rng(args.seed)
        arguments = [random_argument(rng, parameter, keys) for parameter in tiered.arguments]
        times = [time_calls(exact.prepare(*arguments[:3]), args.repeat)]
        times.append(time_calls(tiered.prepare(*arguments), args.repeat))
        note = f"  both exact: dense_below={dense_below}" if keys < dense_below else ""
        print(f"{keys:9,} {times[0] * 1e3:9.3f} ms {times[1] * 1e3:9.3f} ms {times[0] / times[1]:12.2f}x{note}")
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# main
# ---------------------------------------------------------------------------------------------------------------------


def add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = "Checks what dashkv needs and could use here; fails if something that it needs is missing."


def run_doctor(_args: argparse.Namespace) -> int:
    from dashkv import doctor

    return doctor.main()


COMMANDS = {
    "compile": (add_compile, run_compile, "make any product of dashkv-compile"),
    "run": (add_run, run_run, "compile a module for this CPU and call a function on .npy files"),
    "report": (add_report, run_report, "facts for tuning GPU kernels"),
    "bench": (add_bench, run_bench, "time exact against tiered attention on this CPU"),
    "doctor": (add_doctor, run_doctor, "check the installation"),
}


def make_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; arguments of an optional command only if it is `command`, because they need its packages."""
    parser = argparse.ArgumentParser("dashkv", description="Attention over a long KV cache by hash retrieval.")
    parser.add_argument("--version", action="store_true", help="print the version of dashkv and of LLVM")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (add, run, text) in COMMANDS.items():
        one = commands.add_parser(name, help=text)
        add(one)
        one.set_defaults(run=run)
    for name, (module_name, _extra, text) in EXTRAS.items():
        one = commands.add_parser(name, help=text)
        if name == command:
            module = importlib.import_module(module_name)
            module.add_arguments(one)
            one.set_defaults(run=module.main)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status. Errors that a user can mend are one message."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command = argv[0] if argv else None
    warnings.showwarning = lambda message, *_args, **_options: print(message, file=sys.stderr)
    try:
        parser = make_parser(command)
        args = parser.parse_args(argv)
        if args.version:
            library = _ffi.load()
            print(f"dashkv {library.dashkvGetVersion().decode()}, LLVM {library.dashkvGetLLVMVersion().decode()}")
            return 0
        if not args.command:
            parser.print_help()
            return 2
        return args.run(args) or 0
    except ModuleNotFoundError as error:
        if command not in EXTRAS or (error.name or "").startswith("dashkv"):
            raise
        message = f"expected the package {error.name} for '{command}', but found none: "
        message += f"pip install 'dashkv[{EXTRAS[command][1]}]'"
    except KeyboardInterrupt:
        print("\ndashkv: stopped", file=sys.stderr)
        return 130
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    except (compiler.Error, gpu.LauncherError, ImportError, ValueError, TypeError, MemoryError) as error:
        message = str(error)
    print(f"dashkv: {message}" if "error:" in message else f"dashkv: error: {message}", file=sys.stderr)
    return 1
