"""The command `dashkv train`."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from dashkv.train import capture_cli
from dashkv.train.settings import Settings, TrainingError, packed_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `dashkv train`."""
    parser.description = (
        "Train hash encoders for a model: capture its queries and keys on text, train each layer, fit the second stage."
    )
    defaults = Settings()
    capture_cli.add_source(parser, required=False)
    parser.add_argument("--capture", type=Path, help="folder of `dashkv capture`, in place of --model and --text")
    parser.add_argument("--out", type=Path, required=True, help="encoder file to write (.safetensors)")
    parser.add_argument("--work", type=Path, help="folder for what is unfinished (default: OUT.work)")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--form", choices=("weighted", "packed"), default=defaults.form, help="of the query codes")
    parser.add_argument("--bits", type=int, default=defaults.bits, help="code length L (default: %(default)s)")
    parser.add_argument("--levels", type=int, default=defaults.levels, help="largest weight (default: %(default)s)")
    parser.add_argument(
        "--scope", choices=("head", "group"), help="heads that a code serves (default: group; packed: head)"
    )
    parser.add_argument(
        "--loss", choices=("head", "group"), help="attention that is taught, of heads or of groups (default: as scope)"
    )
    parser.add_argument("--query", choices=("linear", "mlp"), help="query map (default: linear; packed: mlp)")
    parser.add_argument("--activation", choices=("relu", "silu"), default=defaults.activation, help="of an mlp")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="steps a layer (default: %(default)s)")
    parser.add_argument("--keys", type=int, default=defaults.keys, help="keys a step at most (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate, help="(default: %(default)s)")
    parser.add_argument(
        "--kept", type=float, default=defaults.kept, help="weight of the attention lost at 5 %% (default: %(default)s)"
    )
    parser.add_argument(
        "--balance", type=float, default=defaults.balance, help="weight of a term of the loss (paper: 0.1)"
    )
    parser.add_argument("--quantisation", type=float, default=defaults.quantisation, help="likewise (paper: 0.1)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="(default: %(default)s)")
    parser.add_argument("--sinks", type=int, default=defaults.sinks, help="first keys that are read anyway")
    parser.add_argument("--window", type=int, default=defaults.window, help="last keys that are read anyway")
    parser.add_argument("--layers", type=_layers, help="layers to train, as 0-3,7 (default: all); others stay dense")
    parser.add_argument(
        "--dense-above",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="keep layers dense that miss more attention than this at 5 %% of the keys (default: %(default)s)",
    )
    parser.add_argument(
        "--fit",
        nargs="*",
        choices=("votes", "momentum", "scores", "residual"),
        default=["scores"],
        help="parts of the second stage, kept where they help: discounts of keys that other heads or the layer before "
        "select, scores and residual network of the mid tier (default: scores)",
    )
    parser.add_argument("--device", help="torch device (default: cuda if there is one, else cpu)")


def main(args: argparse.Namespace) -> int:
    """Runs `dashkv train`; the exit status. Raises ValueError or OSError for what a user can mend."""
    try:
        _train(args)
    except KeyboardInterrupt:
        print("\ndashkv: stopped: the same command goes on with --resume", file=sys.stderr)
        return 130
    return 0


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that arguments ask for; what is not given follows the form."""
    given = vars(args)
    changes = {item.name: given[item.name] for item in fields(Settings) if given.get(item.name) is not None}
    if "loss" not in changes and "scope" in changes:
        changes["loss"] = changes["scope"]
    return packed_settings(**changes) if args.form == "packed" else Settings(**changes)


def _train(args):
    from dashkv.train.capture import Capture
    from dashkv.train.trainer import remove_work, train

    settings = settings_of(args)
    if not args.out.parent.is_dir():
        raise TrainingError(f"expected a folder to write to, but there is none at {args.out.parent}")
    if args.out.is_dir():
        raise TrainingError(f"expected a file to write, but {args.out} is a folder")
    work = args.work or args.out.with_name(args.out.name + ".work")
    if args.capture is not None:
        if args.model or args.text:
            raise TrainingError("expected --capture or --model and --text, but got both")
        capture = Capture.open(args.capture)
    elif args.model and args.text:
        capture = capture_cli.capture_text(args, work / "capture")
    else:
        raise TrainingError("expected --model and --text, or --capture, but got neither")
    encoder = train(
        capture,
        settings,
        work,
        args.layers,
        args.resume,
        args.dense_above,
        args.device,
        args.fit,
    )
    encoder.save(args.out)
    if args.work is None:
        remove_work(work)
    report(encoder)
    print(f"wrote {args.out}")


def report(encoder) -> None:
    """Prints what the codes keep, a line a layer."""
    print("layer  forced   kept  oracle  share   (attention at 5 % of the keys, on text held out)")
    shares = []
    for index, layer in enumerate(encoder.training["layers"]):
        if layer is None:
            print(f"{index:5}  not trained: dense")
            continue
        share = layer["kept"] / layer["oracle"]
        dense = "   dense" if index in encoder.dense_layers else ""
        shares += [] if dense else [share]
        print(f"{index:5}  {layer['forced']:6.3f} {layer['kept']:6.3f}  {layer['oracle']:6.3f}  {share:5.3f}{dense}")
    if shares:
        print(f"share of the oracle's, mean over {len(shares)} layers: {sum(shares) / len(shares):.4f}")
    else:
        print("no layer is hashed: all miss more attention than --dense-above allows, or were not to be trained")


def _layers(text):
    """0-3,7 as [0, 1, 2, 3, 7]."""
    try:
        ranges = [[int(end) for end in part.split("-")] for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected layers as 0-3,7, but got {text}") from None
    return [layer for ends in ranges for layer in range(ends[0], ends[-1] + 1)]
