"""Tasks after RULER (Hsieh et al., 2024), from our own generator: needles, variables, word counts.

A context is filled from a text; the question and its answers follow. The cache of the context is exact, and the rows
of question and answers are run under the selector, as when a question is asked about a cached document. Answers are
teacher-forced: one counts as a hit if every token of it is the most likely one, which is when greedy decoding would
write it. Answers of several parts are scored part by part, in the order of the text, each after the right ones before.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from dashkv.eval import harness
from dashkv.eval.harness import EvalError, Session

WORDS = [
    "anchor",
    "apple",
    "arrow",
    "basket",
    "beacon",
    "bottle",
    "branch",
    "bridge",
    "bronze",
    "button",
    "candle",
    "canvas",
    "castle",
    "cherry",
    "circle",
    "copper",
    "corner",
    "cotton",
    "crystal",
    "desert",
    "dragon",
    "engine",
    "falcon",
    "feather",
    "forest",
    "garden",
    "ginger",
    "guitar",
    "hammer",
    "harbor",
    "helmet",
    "island",
    "jacket",
    "jungle",
    "kitten",
    "ladder",
    "lantern",
    "lemon",
    "magnet",
    "marble",
    "meadow",
    "mirror",
    "needle",
    "ocean",
    "orange",
    "palace",
    "parrot",
    "pebble",
    "pencil",
    "pepper",
    "pillow",
    "planet",
    "pocket",
    "puzzle",
    "rabbit",
    "ribbon",
    "river",
    "saddle",
    "salmon",
    "shadow",
    "silver",
    "spider",
    "spoon",
    "temple",
    "thunder",
    "ticket",
    "timber",
    "tunnel",
    "turtle",
    "velvet",
    "violet",
    "walnut",
    "window",
    "winter",
    "wizard",
    "yellow",
    "zebra",
]


@dataclass(frozen=True)
class Example:
    """tokens [P] of the context, and what follows it: parts of text of which those in `answers` are scored."""

    context: Tensor
    parts: tuple[str, ...]
    answers: tuple[int, ...]  # indices into parts


def _number(rng: random.Random) -> str:
    return str(rng.randint(10_000, 99_999))


def _needle(word: str, number: str) -> str:
    return f"The special magic number for {word} is {number}."


def _with_needles(tokenizer, text: str, needles: list[str], length: int, rng: random.Random) -> Tensor:
    """A context of `length` tokens: a random stretch of the text with needles between its lines, or anywhere in a text
    that has no lines, but not in the first twentieth."""
    inserted = [tokenizer(needle + "\n", add_special_tokens=False).input_ids for needle in needles]
    room = length - sum(map(len, inserted))
    if room < 64:
        raise EvalError(f"expected contexts that are longer than their needles by 64 tokens, but got {length} tokens")
    # 8 characters a token are more than any English text has.
    begin = rng.randrange(max(len(text) - 8 * room, 1))
    ids = tokenizer(text[begin : begin + 8 * room], add_special_tokens=False).input_ids[:room]
    if len(ids) < room:
        raise EvalError(f"expected a text of at least {room} tokens, but got {len(ids)}")
    ends = {token for token in set(ids) if tokenizer.decode([token]).endswith("\n")}
    places = [i + 1 for i, token in enumerate(ids) if token in ends and i > room // 20]
    if len(places) < len(needles):
        places = list(range(room // 20, room))
    for place, needle in sorted(zip(rng.sample(places, len(needles)), inserted, strict=True), reverse=True):
        ids[place:place] = needle
    return torch.tensor(ids)


def _ask(word: str) -> str:
    return f"\n\nQuestion: What is the special magic number for {word}?\nAnswer: The special magic number for {word} is"


def single(tokenizer, text: str, length: int, rng: random.Random) -> Example:
    """One needle."""
    return multi_key(tokenizer, text, length, rng, keys=1)


def multi_key(tokenizer, text: str, length: int, rng: random.Random, keys: int = 4) -> Example:
    """Several needles with different keys, one asked for."""
    words = rng.sample(WORDS, keys)
    numbers = [_number(rng) for _ in words]
    context = _with_needles(tokenizer, text, [_needle(*x) for x in zip(words, numbers, strict=True)], length, rng)
    asked = rng.randrange(keys)
    return Example(context, (_ask(words[asked]), f" {numbers[asked]}"), (1,))


def multi_value(tokenizer, text: str, length: int, rng: random.Random, values: int = 3) -> Example:
    """Several needles with one key, all asked for."""
    word, numbers = rng.choice(WORDS), [_number(rng) for _ in range(values)]
    context = _with_needles(tokenizer, text, [_needle(word, n) for n in numbers], length, rng)
    question = (
        f"\n\nQuestion: What are all the special magic numbers for {word}?\n"
        f"Answer: The special magic numbers for {word} are"
    )
    parts, answers = [question], []
    for index, number in enumerate(numbers):
        answers.append(len(parts))
        parts += [f" {number}", "," if index + 1 < values else "."]
    return Example(context, tuple(parts), tuple(answers))


def multi_query(tokenizer, text: str, length: int, rng: random.Random, keys: int = 4) -> Example:
    """Several needles with different keys, all asked for one after another."""
    words = rng.sample(WORDS, keys)
    numbers = [_number(rng) for _ in words]
    context = _with_needles(tokenizer, text, [_needle(*x) for x in zip(words, numbers, strict=True)], length, rng)
    parts, answers = [], []
    for index in rng.sample(range(keys), keys):
        answers.append(len(parts) + 1)
        parts += [_ask(words[index]), f" {numbers[index]}", "."]
    return Example(context, tuple(parts), tuple(answers))


def variable_tracking(tokenizer, text: str, length: int, rng: random.Random, hops: int = 2) -> Example:
    """A value is given to one variable and handed on to others; all that hold it are asked for."""
    names = ["".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=3)) for _ in range(hops + 1)]
    value = _number(rng)
    lines = [f"VAR {names[0]} = {value}."] + [f"VAR {b} = VAR {a}." for a, b in pairwise(names)]
    context = _with_needles(tokenizer, text, lines, length, rng)
    question = (
        f"\n\nQuestion: Which variables are assigned the value {value}?\n"
        f"Answer: The variables that are assigned the value {value} are"
    )
    parts, answers = [question], []
    for name in names:
        answers.append(len(parts))
        parts += [f" {name}", ","]
    return Example(context, tuple(parts[:-1]), tuple(answers))


def _counted(tokenizer, words: list[str], wanted: list[str], question: str) -> Example:
    listed = "Below is a numbered list of words.\n" + " ".join(f"{i + 1}. {w}" for i, w in enumerate(words))
    parts, answers = [question], []
    for word in wanted:
        answers.append(len(parts))
        parts += [f" {word}", ","]
    context = tokenizer(listed, return_tensors="pt", add_special_tokens=False).input_ids[0]
    return Example(context, tuple(parts[:-1]), tuple(answers))


def common_words(tokenizer, text: str, length: int, rng: random.Random, common: int = 3) -> Example:
    """A list in which `common` words come 10 times as often as all others; they are asked for."""
    pool = rng.sample(WORDS, len(WORDS))
    weights = [10 if i < common else 1 for i in range(len(pool))]
    words = rng.choices(pool, weights, k=length // 5)
    wanted = sorted(pool[:common], key=words.index)
    return _counted(tokenizer, words, wanted, "\n\nThe most common words in the list above are")


def frequent_words(tokenizer, text: str, length: int, rng: random.Random, exponent: float = 2.0) -> Example:
    """Words drawn with frequencies that fall as a power of their rank; the three most frequent are asked for."""
    pool = rng.sample(WORDS, len(WORDS))
    words = rng.choices(pool, [(i + 1) ** -exponent for i in range(len(pool))], k=length // 5)
    return _counted(tokenizer, words, pool[:3], "\n\nThe three most frequent words in the list above are")


Generator = Callable[[object, str, int, random.Random], Example]
TASKS: dict[str, Generator] = {
    "single needle": single,
    "multi-key needle": multi_key,
    "multi-value needle": multi_value,
    "multi-query needle": multi_query,
    "variable tracking": variable_tracking,
    "common words": common_words,
    "frequent words": frequent_words,
}


def make(task: str, tokenizer, text: str, length: int, count: int, seed: int) -> list[Example]:
    """`count` examples of a task whose contexts have about `length` tokens."""
    if task not in TASKS:
        raise EvalError(f"expected a task of {', '.join(TASKS)}, but got {task}")
    rngs = [random.Random(f"{seed} {task} {length} {index}") for index in range(count)]
    return [TASKS[task](tokenizer, text, length, rng) for rng in rngs]


@dataclass
class Scores:
    """Per answer: hit (all tokens right), share of its tokens that are right, nats of it per token."""

    hit: np.ndarray
    right: np.ndarray
    nll: np.ndarray


@torch.inference_mode()
def score(model, tokenizer, example: Example, prefix, selector, dense: tuple[int, ...]) -> Scores:
    """Scores of an example under a selector; `prefix` is the prefill of its context."""
    ids = [tokenizer(part, add_special_tokens=False).input_ids for part in example.parts]
    tokens = torch.tensor([token for part in ids for token in part])
    hidden = Session(model, prefix, selector, dense, room=len(tokens)).advance(tokens)
    logits = torch.log_softmax(model.get_output_embeddings()(hidden).float(), -1)
    scores = []
    for index in example.answers:
        begin = sum(map(len, ids[:index]))
        target = tokens[begin : begin + len(ids[index])]
        predicted = logits[begin - 1 : begin - 1 + len(target)]
        right = predicted.argmax(-1) == target
        nll = -predicted.gather(1, target[:, None]).mean()
        scores.append((float(right.all()), float(right.float().mean()), float(nll)))
    return Scores(*(np.array(x) for x in zip(*scores, strict=True)))


def run(
    model, tokenizer, examples: list[Example], selectors: list, dense: tuple[int, ...], say: Callable[[str], None]
) -> list[Scores]:
    """Scores of each selector over all answers of all examples."""
    parts = [[] for _ in selectors]
    observe = any(selector.observes for selector in selectors)
    for index, example in enumerate(examples):
        prefix = harness.prefill(model, example.context, observe)
        for part, selector in zip(parts, selectors, strict=True):
            part.append(score(model, tokenizer, example, prefix, selector, dense))
        say(f"example {index + 1} of {len(examples)}")
    return [
        Scores(*(np.concatenate([getattr(s, name) for s in part]) for name in ("hit", "right", "nll")))
        for part in parts
    ]
