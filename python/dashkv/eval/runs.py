"""Evaluations that can be interrupted: each result is a file of its own under a key of all that it depends on.

A selector that is added costs only itself; a document that is added costs one prefill and its selectors.
"""

import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dashkv.eval import harness, measures
from dashkv.eval.harness import EXACT, TRAFFIC, EvalError, Prefix, Session

SCHEMA = 1
"""Raised when a measure changes its meaning, so that older results are not taken for new ones."""


@dataclass(frozen=True)
class Document:
    """Tokens [N] of a stretch of a text: the last one is a target only."""

    text: str
    name: str
    tokens: Tensor

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.tokens.numpy().astype(np.int32).tobytes()).hexdigest()[:16]


@dataclass
class Result:
    """Arrays of a measure with the settings they belong to and the seconds they took."""

    settings: dict
    arrays: dict[str, np.ndarray]
    seconds: float


class Store:
    """Results in a folder, one .npz a key. With `keep_prefixes` also the caches of prefixes, which are large: a selector
    that is added later then needs no prefill."""

    def __init__(self, folder: str | Path, keep_prefixes: bool = False):
        self.folder, self.keep_prefixes = Path(folder), keep_prefixes

    def _path(self, settings: dict) -> Path:
        key = json.dumps({"schema": SCHEMA, **settings}, sort_keys=True, default=str)
        return self.folder / f"{settings['kind']}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.npz"

    def get(self, settings: dict) -> Result | None:
        """The result of these settings, if it is there. EvalError if its file is damaged."""
        path = self._path(settings)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            seconds = float(arrays.pop("seconds"))
            arrays.pop("settings")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise EvalError(f"expected a result in {path}, but it is damaged ({error}): delete it") from error
        return Result(settings, arrays, seconds)

    def put(self, result: Result, compress: bool = True) -> None:
        path, save = self._path(result.settings), np.savez_compressed if compress else np.savez
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                text = json.dumps(result.settings, sort_keys=True, default=str)
                save(file, settings=text, seconds=result.seconds, **result.arrays)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def contexts(tokenizer, name: str, text: str, size: int, count: int) -> list[Document]:
    """`count` stretches of `size` + 1 tokens, spread evenly over a text. EvalError if it is too short for them."""
    # Tokenising 16 characters a token is enough for any text, and a long one need not be tokenised whole.
    span = len(text) // count
    documents = []
    for index in range(count):
        part = text[index * span : (index + 1) * span][: 16 * (size + 1)]
        tokens = tokenizer(part, return_tensors="pt", add_special_tokens=False).input_ids[0][: size + 1]
        if len(tokens) < size + 1:
            raise EvalError(
                f"expected {count} stretches of {size + 1} tokens in {name}, but got one of {len(tokens)}: "
                "fewer contexts or a longer text"
            )
        documents.append(Document(name, f"{name} {index + 1}/{count}, {size} tokens", tokens))
    return documents


def _settings(kind: str, model_key: dict, document: Document, selector, extra: dict) -> dict:
    """What a result in the store depends on."""
    return {
        "kind": kind,
        "model": model_key,
        "document": document.digest,
        "selector": selector.settings(),
        **extra,
    }


def _fresh(kind: str, model_key: dict, document: Document, selectors: list, store: Store, extra: dict) -> list:
    """(selector, settings) of results that are not in the store."""
    pairs = []
    for selector in selectors:
        settings = _settings(kind, model_key, document, selector, extra)
        pairs.append((selector, settings))
    return [(s, k) for s, k in pairs if store.get(k) is None]


PREFIX_LISTS = ("keys", "values", "received", "recent")


def prefill(model, model_key: dict, tokens: Tensor, observe: bool, store: Store) -> Prefix:
    """The prefill of tokens, from the store if it is kept there."""
    if not store.keep_prefixes:
        return harness.prefill(model, tokens, observe)
    settings = {"kind": "prefix", "model": model_key, "tokens": Document("", "", tokens).digest, "observed": observe}
    found = store.get(settings) or store.get({**settings, "observed": True})
    if found is None:
        prefix = harness.prefill(model, tokens, observe)
        lists = {name: getattr(prefix, name) for name in PREFIX_LISTS}
        arrays = {f"{name}{i}": x.numpy() for name, layers in lists.items() for i, x in enumerate(layers)}
        store.put(Result(settings, {"last": prefix.last.numpy(), **arrays}, 0.0), compress=False)
        return prefix
    arrays = {name: torch.from_numpy(x) for name, x in found.arrays.items()}
    lists = {
        name: [arrays[f"{name}{i}"] for i in range(model_key["layers"]) if f"{name}{i}" in arrays]
        for name in PREFIX_LISTS
    }
    return Prefix(last=arrays["last"], **lists)


def _prefix_of(model, model_key: dict, document: Document, rows: int, selectors: list, store: Store) -> Prefix:
    measures.check_targets(document.tokens, rows)
    observe = any(selector.observes for selector in selectors)
    return prefill(model, model_key, document.tokens[: len(document.tokens) - 1 - rows], observe, store)


def _exact_rows(model, model_key: dict, document: Document, prefix: Prefix, inputs: Tensor, store: Store) -> Tensor:
    """Hidden states [R, hidden] of the rows of a document under exact attention."""
    settings = {"kind": "exact", "model": model_key, "document": document.digest, "rows": len(inputs)}
    found = store.get(settings)
    if found is not None:
        return torch.from_numpy(found.arrays["hidden"])
    start = time.perf_counter()
    hidden = Session(model, prefix, EXACT, room=len(inputs)).advance(inputs)
    store.put(Result(settings, {"hidden": hidden.numpy()}, time.perf_counter() - start))
    return hidden


def run_tokens(
    model, model_key: dict, document: Document, selectors: list, dense: tuple[int, ...], rows: int, store: Store,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Next-token measures of the last `rows` rows of a document under each selector, into the store."""
    pending = _fresh("tokens", model_key, document, selectors, store, {"rows": rows, "dense": list(dense)})
    if not pending:
        return
    tokens, start = document.tokens, time.perf_counter()
    prefix = _prefix_of(model, model_key, document, rows, [selector for selector, _ in pending], store)
    inputs, targets = tokens[prefix.size : -1], tokens[prefix.size + 1 :]
    hidden = _exact_rows(model, model_key, document, prefix, inputs, store)
    exact = list(measures.log_probabilities(model, hidden))
    say(f"{document.name}: exact in {time.perf_counter() - start:.0f} s")
    for selector, settings in pending:
        start = time.perf_counter()
        session = Session(model, prefix, selector, dense, room=rows)
        hidden = session.advance(inputs)
        arrays = measures.token_measures(exact, measures.log_probabilities(model, hidden), targets)
        arrays["traffic"] = np.array([getattr(session.traffic, name) for name in TRAFFIC])
        store.put(Result(settings, arrays, time.perf_counter() - start))
        change = measures.perplexity_change([arrays["nll"]], [arrays["nll_exact"]])
        say(
            f"{document.name}: {selector.name}: perplexity {change.mean:+.2f} %, KL {arrays['kl'].mean():.4f}, "
            f"{time.perf_counter() - start:.0f} s"
        )


def run_layers(
    model, model_key: dict, document: Document, pairs: list[tuple], dense: tuple[int, ...], rows: int, store: Store,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Layer measures on the exact model's last `rows` rows, dense layers left out, into the store. pairs: selectors,
    each with the oracle of its budget."""
    pending = []
    for selector, oracle in pairs:
        extra = layer_settings(oracle, dense, rows)
        pending += [(*x, oracle) for x in _fresh("layers", model_key, document, [selector], store, extra)]
    if not pending:
        return
    start = time.perf_counter()
    selectors, settings, oracles = (list(x) for x in zip(*pending, strict=True))
    prefix = _prefix_of(model, model_key, document, rows, selectors, store)
    found = measures.layer_measures(model, prefix, document.tokens[prefix.size : -1], selectors, oracles, dense)
    seconds = (time.perf_counter() - start) / len(pending)
    for keys, arrays in zip(settings, found, strict=True):
        store.put(Result(keys, arrays, seconds))
    say(f"{document.name}: layers of {len(pending)} selectors in {time.perf_counter() - start:.0f} s")


def layer_settings(oracle, dense: tuple[int, ...], rows: int) -> dict:
    return {"rows": rows, "oracle": oracle.settings(), "dense": list(dense)}


def results(
    kind: str, model_key: dict, documents: list[Document], selector, store: Store, extra: dict
) -> list[Result] | None:
    """Results of a selector on all documents, None unless all are there."""
    found = []
    for document in documents:
        settings = _settings(kind, model_key, document, selector, extra)
        result = store.get(settings)
        if result is None:
            return None
        found.append(result)
    return found


def set_threads() -> None:
    """One thread: small matrices gain nothing from more, and waiting threads would slow other processes."""
    torch.set_num_threads(1)
