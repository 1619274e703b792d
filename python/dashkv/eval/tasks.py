"""Tasks after RULER (Hsieh et al., 2024), from our own generator: needles, variables, word counts.

A context is filled from a text; the question and its answers follow. The cache of the context is exact, and the rows
of question and answers are run under the selector, as when a question is asked about a cached document. Answers are
teacher-forced: one counts as a hit if every token of it is the most likely one, which is when greedy decoding would
write it. Answers of several parts are scored part by part, in the order of the text, each after the right ones before.
Where a small model is not to be expected to write the answer, it counts as a hit if it is likelier than its rivals.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from dashkv.eval import harness
from dashkv.eval.harness import TRAFFIC, EvalError, Session, Traffic

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
    rivals: tuple[tuple[str, ...], ...] = ()  # of each answer the wrong ones that it is to be told from


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


def variable_tracking(tokenizer, text: str, length: int, rng: random.Random, hops: int = 1, chains: int = 3) -> Example:
    """Each chain gives a value to one variable and hands it on to others. The value of the last variable of one chain is
    asked for, hop by hop, as small models cannot follow a chain without writing it down; each hop is to be told from
    those of the other chains."""
    words = rng.sample(WORDS, chains * (hops + 1))
    # The last variable first, the value last.
    lists = [[*words[i::chains], _number(rng)] for i in range(chains)]
    lines = [f"VAR {name} = {'VAR ' * (source in words)}{source}." for x in lists for name, source in pairwise(x)]
    context = _with_needles(tokenizer, text, lines, length, rng)
    asked, *others = rng.sample(lists, chains)
    parts, answers, rivals = [f"\n\nThe value of VAR {asked[0]}, step by step:"], [], []
    for place, (name, source) in enumerate(pairwise(asked), 1):
        parts += [f"\nVAR {name} ={' VAR' * (source in words)}", f" {source}", "."]
        answers.append(len(parts) - 2)
        rivals.append(tuple(f" {other[place]}" for other in others))
    return Example(context, tuple(parts), tuple(answers), tuple(rivals))


def _counted(tokenizer, words: list[str], wanted: list[str], rare: list[str], question: str) -> Example:
    listed = "Below is a list of words.\n" + ", ".join(words) + "."
    parts, answers = [question], []
    for word in wanted:
        answers.append(len(parts))
        parts += [f" {word}", ","]
    context = tokenizer(listed, return_tensors="pt", add_special_tokens=False).input_ids[0]
    rivals = tuple(f" {word}" for word in rare)
    return Example(context, tuple(parts[:-1]), tuple(answers), (rivals,) * len(answers))


def common_words(tokenizer, text: str, length: int, rng: random.Random, common: int = 3) -> Example:
    """A list in which `common` words come 30 times as often as all others. They are to be told from three of these."""
    pool = rng.sample(WORDS, len(WORDS))
    words = rng.choices(pool, [30 if i < common else 1 for i in range(len(pool))], k=length // 3)
    rare = sorted(set(words) - set(pool[:common]), key=words.index)
    return _counted(
        tokenizer, words, pool[:common], rng.sample(rare, 3), "\n\nThe most common words in the list above are"
    )


def frequent_words(tokenizer, text: str, length: int, rng: random.Random, exponent: float = 2.0) -> Example:
    """Words drawn with frequencies that fall as a power of their rank. The three most frequent are to be told from three
    that come, but are not among the ten most frequent."""
    pool = rng.sample(WORDS, len(WORDS))
    words = rng.choices(pool, [(i + 1) ** -exponent for i in range(len(pool))], k=length // 3)
    rare = sorted(set(words) & set(pool[10:]), key=words.index)
    return _counted(
        tokenizer, words, pool[:3], rng.sample(rare, 3), "\n\nThe three most frequent words in the list above are"
    )


FORMS = 2
"""Raised when a task changes, so that older results are not taken for new ones."""

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
    """Per answer: hit (all tokens right, or likelier than every rival), share of its tokens that are right, or of the
    rivals that are less likely, nats of it per token. traffic: of all rows that were run."""

    hit: np.ndarray
    right: np.ndarray
    nll: np.ndarray
    traffic: Traffic


@torch.inference_mode()
def score(model, tokenizer, example: Example, prefix, selector, dense: tuple[int, ...]) -> Scores:
    """Scores of an example under a selector; `prefix` is the prefill of its context."""
    ids = [tokenizer(part, add_special_tokens=False).input_ids for part in example.parts]
    total = Traffic()

    def logits_of(tokens: list[int]) -> Tensor:
        session = Session(model, prefix, selector, dense, room=len(tokens))
        hidden = session.advance(torch.tensor(tokens))
        for name, value in asdict(session.traffic).items():
            setattr(total, name, getattr(total, name) + value)
        return torch.log_softmax(model.get_output_embeddings()(hidden).float(), -1)

    def last(logits: Tensor, begin: int, target: list[int]) -> Tensor:
        """Log probabilities of the tokens of a part that begins at `begin`."""
        return logits[begin - 1 : begin - 1 + len(target)].gather(1, torch.tensor(target)[:, None])[:, 0]

    logits, scores = logits_of([token for part in ids for token in part]), []
    for number, index in enumerate(example.answers):
        before = [token for part in ids[:index] for token in part]
        target, begin = ids[index], len(before)
        found = last(logits, begin, target)
        right = logits[begin - 1 : begin - 1 + len(target)].argmax(-1) == torch.tensor(target)
        if example.rivals:
            rivals = [tokenizer(part, add_special_tokens=False).input_ids for part in example.rivals[number]]
            theirs = [last(logits_of(before + rival), begin, rival).sum() for rival in rivals]
            right = torch.stack(theirs) < found.sum()
        scores.append((float(right.all()), float(right.float().mean()), -float(found.mean())))
    return Scores(*(np.array(x) for x in zip(*scores, strict=True)), total)


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
        Scores(
            *(np.concatenate([getattr(s, name) for s in part]) for name in ("hit", "right", "nll")),
            Traffic(*(sum(getattr(s.traffic, name) for s in part) for name in TRAFFIC)),
        )
        for part in parts
    ]
