"""The command `dashkv capture`."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `dashkv capture`."""
    parser.description = "Store the queries and keys of a model on text, to train several encoders on them."
    add_source(parser, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")


def main(args: argparse.Namespace) -> int:
    """Runs `dashkv capture`; the exit status. Raises ValueError or OSError for what a user can mend."""
    try:
        capture_text(args, args.out)
    except KeyboardInterrupt:
        print(f"\ndashkv: stopped: the same command goes on in {args.out}", file=sys.stderr)
        return 130
    print(f"wrote {args.out}")
    return 0


def add_source(parser: argparse.ArgumentParser, required: bool) -> None:
    """Arguments that say what to capture."""
    parser.add_argument("--model", required=required, help='"smollm2", a GGUF file, or a Hugging Face name or folder')
    parser.add_argument(
        "--text",
        required=required,
        nargs="+",
        help="text files, or documents of the corpus (emma, handbook-train, ..); the end of the last is for validation",
    )
    parser.add_argument("--context", type=int, default=8192, help="tokens of a context (default: %(default)s)")
    parser.add_argument("--contexts", type=int, default=12, help="contexts to train on (default: %(default)s)")


def capture_text(args: argparse.Namespace, folder: Path):
    """The Capture of the model and text of the arguments, in a folder; goes on where an earlier one was stopped."""
    from dashkv import corpus, models
    from dashkv.train.capture import capture, split_text

    model, tokenizer = models.load_model(args.model)
    models.attention_layers(model)  # refuse it before the text is read
    contexts = split_text(tokenizer, [corpus.read_text(text) for text in args.text], args.context, args.contexts)
    return capture(model, contexts, folder, args.text)
