"""An answer with tiered attention: examples/python/generate.py ENCODER.safetensors [QUESTION] [--model MODEL]"""

import argparse
import sys

from dashkv.encoders import Encoder
from dashkv.models import load_model
from dashkv.torch.attention import use


def answer(model, tokenizer, question: str, tokens: int) -> str:
    """What a model says; the question goes as it is to one that has no form for a chat."""
    given = tokenizer(question, return_tensors="pt")
    if tokenizer.chat_template:
        chat = [{"role": "user", "content": question}]
        given = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**given, max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(said[0, given["input_ids"].shape[1] :], skip_special_tokens=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer a question with tiered attention.")
    parser.add_argument("encoder", help="file of `dashkv train` for the model")
    parser.add_argument("question", nargs="?", default="Why is the sky blue?", help="- reads standard input")
    parser.add_argument("--model", default="smollm2", help="as of `dashkv train` (default: smollm2, offline)")
    parser.add_argument("--tiering", default="full=5%,dense_below=0", help="exact: full=100%%; default: %(default)s")
    parser.add_argument("--tokens", type=int, default=200, help="at most (default: %(default)s)")
    args = parser.parse_args()
    question = sys.stdin.read() if args.question == "-" else args.question
    if not question.strip() or args.tokens < 1:
        parser.error(f"expected a question and at least one token, but got {question!r} and {args.tokens}")
    try:
        encoder = Encoder.load(args.encoder)
        model, tokenizer = load_model(args.model)
        use(model, encoder, args.tiering)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"generate: error: {error}")
    print(answer(model, tokenizer, question, args.tokens))


if __name__ == "__main__":
    main()
