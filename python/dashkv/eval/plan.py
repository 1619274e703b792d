"""All that an evaluation does and depends on: it runs what the store lacks, and finds results again for a report."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch

from dashkv.encoders import Encoder
from dashkv.eval import drift, needles, runs, speed, tasks
from dashkv.eval.codes import Codes, digest_of
from dashkv.eval.harness import EXACT, TRAFFIC, EvalError
from dashkv.eval.llama_cpp import Missing
from dashkv.eval.runs import Document, Result, Store
from dashkv.eval.selectors import Budget, Oracle
from dashkv.eval.suite import Suite
from dashkv.models import fingerprint

MEASURES = ("tokens", "layers", "tasks", "needles", "drift", "speed")
DRIFT_PREFIX = 1024
SPEED_TOKENS = 8
SPEED_TURNS = 5
NEEDLE_ROWS = 8
NEEDLE_CONTEXT = 4096
NEEDLE_SPAN = 512
"""Needles are looked for among the last rows of a context."""


@dataclass
class Plan:
    model_name: str
    texts: dict[str, str]
    encoders: dict[str, Encoder]
    budgets: list[Budget]
    lengths: tuple[int, ...]
    contexts: int
    rows: int
    layer_rows: int
    dense: tuple[int, ...]
    selectors: list[str] | None
    measures: tuple[str, ...]
    tasks: tuple[str, ...]
    task_lengths: tuple[int, ...]
    examples: int
    needle_lengths: tuple[int, ...]
    drift_tokens: int
    drift_seeds: int
    speed_lengths: tuple[int, ...]
    seed: int
    compiled: bool
    store: Store
    model: object = None
    tokenizer: object = None
    key: dict = field(default_factory=dict)

    def __post_init__(self):
        for measure in self.measures:
            if measure not in MEASURES:
                raise EvalError(f"expected measures of {', '.join(MEASURES)}, but got '{measure}'")

    def load(self, model, tokenizer) -> None:
        """Takes the model and checks that the encoders were made for it. EncoderError if one was not, EvalError for
        layers and lengths that the model does not have."""
        self.model, self.tokenizer, self.key = model, tokenizer, fingerprint(model)
        for encoder in self.encoders.values():
            encoder.check(self.key)
        if outside := [layer for layer in self.dense if not 0 <= layer < self.key["layers"]]:
            raise EvalError(f"expected dense layers of 0 to {self.key['layers'] - 1}, but got {outside[0]}")
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and {"tokens", "layers"} & set(self.measures) and max(self.lengths) > limit:
            raise EvalError(f"expected contexts of at most {limit} tokens for this model, but got {max(self.lengths)}")

    def suite(self, budget: Budget) -> list:
        return Suite(budget, self.key, self.encoders, self.seed, self.compiled).selectors(self.selectors)

    def documents(self, length: int) -> list[Document]:
        return [
            document
            for name, text in self.texts.items()
            for document in runs.contexts(self.tokenizer, name, text, length, self.contexts)
        ]

    def rows_of(self, length: int) -> int:
        """Rows that are scored: at most half of a context."""
        return min(self.rows, length // 2)

    def layer_documents(self) -> list[Document]:
        """The first context of each text at the first length."""
        return self.documents(self.lengths[0])[:: self.contexts]

    def oracle(self, budget: Budget) -> Oracle:
        return Oracle(budget)

    def run(self, say: Callable[[str], None]) -> None:
        """Runs what the store lacks."""
        for measure in self.measures:
            getattr(self, f"_run_{measure}")(say)

    def _run_tokens(self, say):
        for length in self.lengths:
            for document in self.documents(length):
                selectors = list(self._once(budget for budget in self.budgets))
                runs.run_tokens(
                    self.model, self.key, document, selectors, self.dense, self.rows_of(length), self.store, say
                )

    def _run_layers(self, say):
        oracles = [self.oracle(budget) for budget in self.budgets]
        pairs = [(s, oracle) for budget, oracle in zip(self.budgets, oracles, strict=True) for s in self.suite(budget)]
        for document in self.layer_documents():
            runs.run_layers(self.model, self.key, document, pairs, self.dense, self.layer_rows, self.store, say)

    def _once(self, budgets) -> Iterator:
        """Selectors of several budgets, those that do not depend on it once."""
        seen = []
        for budget in budgets:
            for selector in self.suite(budget):
                if selector.settings() not in seen:
                    seen.append(selector.settings())
                    yield selector

    def token_results(self, length: int, selector) -> list[Result] | None:
        extra = {"rows": self.rows_of(length), "dense": list(self.dense)}
        return runs.results("tokens", self.key, self.documents(length), selector, self.store, extra)

    def layer_results(self, budget: Budget, selector) -> list[Result] | None:
        extra = runs.layer_settings(self.oracle(budget), self.dense, self.layer_rows)
        return runs.results("layers", self.key, self.layer_documents(), selector, self.store, extra)

    # Tasks: the haystack is the first text.

    def _task_settings(self, selector, task: str, length: int) -> dict:
        return {
            "kind": "tasks",
            "model": self.key,
            "selector": selector.settings(),
            "task": task,
            "length": length,
            "examples": self.examples,
            "seed": self.seed,
            "dense": list(self.dense),
            "text": next(iter(self.texts)),
            "forms": tasks.FORMS,
        }

    def _run_tasks(self, say):
        text = next(iter(self.texts.values()))
        selectors = [EXACT, *self._once(self.budgets)]
        for length in self.task_lengths:
            for task in self.tasks:
                pairs = [(s, self._task_settings(s, task, length)) for s in selectors]
                pending = [(s, k) for s, k in pairs if self.store.get(k) is None]
                if not pending:
                    continue
                examples = tasks.make(task, self.tokenizer, text, length, self.examples, self.seed)
                scores = tasks.run(
                    self.model, self.tokenizer, examples, [s for s, _ in pending], self.dense,
                    lambda x, task=task, length=length: say(f"{task}, {length} tokens: {x}"),
                )  # fmt: skip
                for (_, settings), found in zip(pending, scores, strict=True):
                    arrays = {name: getattr(found, name) for name in ("hit", "right", "nll")}
                    arrays["traffic"] = np.array([getattr(found.traffic, name) for name in TRAFFIC])
                    self.store.put(Result(settings, arrays, 0.0))

    def task_result(self, selector, task: str, length: int) -> Result | None:
        return self.store.get(self._task_settings(selector, task, length))

    # Needles in drawn caches: hash codes, Quest and the oracle; nothing else scans a cache.

    def needle_selectors(self, budget: Budget) -> list:
        able = [s for s in self.suite(budget) if isinstance(s, Codes) or s.name in ("oracle, group", "Quest")]
        return [s for s in able if not isinstance(s, Codes) or s.budget.tiering.scope == "group"]

    def needle_layers(self) -> tuple[int, ...]:
        """Six layers spread over the model, dense ones left out."""
        able = [layer for layer in range(self.key["layers"]) if layer not in self.dense]
        return tuple(able[i] for i in sorted({round(x) for x in np.linspace(0, len(able) - 1, 8)[1:-1]}))

    def _needle_settings(self, selector, count: int) -> dict:
        return {
            "kind": "needles",
            "model": self.key,
            "selector": selector.settings(),
            "keys": count,
            "seed": self.seed,
            "layers": list(self.needle_layers()),
            "rows": NEEDLE_ROWS,
            "document": self._needle_document().digest,
        }

    def _needle_document(self) -> Document:
        name, text = next(iter(self.texts.items()))
        return runs.contexts(self.tokenizer, name, text, NEEDLE_CONTEXT, 1)[0]

    def _run_needles(self, say):
        document, found = self._needle_document(), None
        for count in self.needle_lengths:
            for budget in self.budgets:
                pairs = [(s, self._needle_settings(s, count)) for s in self.needle_selectors(budget)]
                pending = [(s, k) for s, k in pairs if self.store.get(k) is None]
                if not pending:
                    continue
                if found is None:
                    prefix = runs.prefill(self.model, self.key, document.tokens[:-NEEDLE_SPAN], False, self.store)
                    rows = document.tokens[-NEEDLE_SPAN:]
                    layers = self.needle_layers()
                    found = needles.find_pairs(self.model, prefix, rows, layers, NEEDLE_ROWS, budget.tiering)
                hits = needles.hits(prefix, found, count, [s for s, _ in pending], self.seed, budget.tiering)
                for (selector, settings), hit in zip(pending, hits, strict=True):
                    self.store.put(Result(settings, {"hit": hit}, 0.0))
                    say(f"needles in {count} keys: {selector.name}: {hit.sum()} of {len(hit)}")

    def needle_result(self, selector, count: int) -> Result | None:
        return self.store.get(self._needle_settings(selector, count))

    # Drift: the beginning of each text is continued, with several seeds.

    def _drift_settings(self, selector, document: Document, seed: int) -> dict:
        return {
            "kind": "drift",
            "model": self.key,
            "selector": selector.settings(),
            "document": document.digest,
            "tokens": self.drift_tokens,
            "seed": seed,
            "dense": list(self.dense),
        }

    def drift_texts(self) -> list[tuple[Document, int]]:
        """Beginnings of texts, and seeds."""
        documents = [runs.contexts(self.tokenizer, name, text, DRIFT_PREFIX, 1)[0] for name, text in self.texts.items()]
        return [(document, self.seed + i) for document in documents for i in range(self.drift_seeds)]

    def _run_drift(self, say):
        texts, selectors = self.drift_texts(), [EXACT, *self.suite(self.budgets[0])]
        prefixes = {}
        for selector in selectors:
            pending = [x for x in texts if self.store.get(self._drift_settings(selector, *x)) is None]
            if not pending:
                continue
            for document, _ in pending:
                if document.digest not in prefixes:
                    observe = any(s.observes for s in selectors)
                    prefixes[document.digest] = runs.prefill(
                        self.model, self.key, document.tokens[:-1], observe, self.store
                    )
            start = time.perf_counter()
            given = [prefixes[document.digest] for document, _ in pending]
            last = torch.stack([document.tokens[-1] for document, _ in pending])
            written, states = drift.generate(
                self.model, given, last, selector, self.dense, self.drift_tokens, [seed for _, seed in pending]
            )
            for i, (document, seed) in enumerate(pending):
                done = self.store.get(self._drift_settings(EXACT, document, seed))
                exact = written[i] if done is None else torch.from_numpy(done.arrays["tokens"])
                found = drift.measure(self.model, given[i], last[i : i + 1], written[i], states[i], exact)
                self.store.put(Result(self._drift_settings(selector, document, seed), found, 0.0))
            say(f"drift: {selector.name}: {len(pending)} texts in {time.perf_counter() - start:.0f} s")

    def drift_results(self, selector) -> list[Result] | None:
        """Of all texts and seeds, None unless all are there."""
        found = [self.store.get(self._drift_settings(selector, *x)) for x in self.drift_texts()]
        return None if None in found else found

    # Speed: the first encoder at the first budget, the first text.

    def _speed_settings(self, length: int) -> dict:
        encoder = next(iter(self.encoders.values()))
        return {
            "kind": "speed",
            "model": self.key,
            "encoder": digest_of(encoder),
            "tiering": asdict(self.budgets[0].tiering),
            "dense": list(self.dense),
            "length": length,
            "tokens": SPEED_TOKENS,
            "turns": SPEED_TURNS,
            "clock": "processor",
        }

    def _run_speed(self, say):
        if not self.encoders:
            raise EvalError("expected an encoder to measure speed with, but got none: --encoder FILE")
        pending = [length for length in self.speed_lengths if self.store.get(self._speed_settings(length)) is None]
        if not pending:
            return
        encoder = replace(next(iter(self.encoders.values())), dense_layers=self.dense)
        name, text = next(iter(self.texts.items()))
        prompt = runs.contexts(self.tokenizer, name, text, max(pending) - 1, 1)[0].tokens.numpy()
        before = self.model.config._attn_implementation
        tierings = {"dashkv": self.budgets[0].tiering}
        systems = speed.own_systems(self.model, encoder, tierings, prompt, SPEED_TOKENS)
        try:
            systems |= speed.llama_systems(self.model_name, prompt, SPEED_TOKENS, threads=1)
        except Missing as reason:
            say(f"speed without llama.cpp: {reason}")
        for length in sorted(pending, reverse=True):
            _, found = speed.measure(systems, length, SPEED_TOKENS, SPEED_TURNS)
            self.store.put(Result(self._speed_settings(length), {k: np.array(x) for k, x in found.items()}, 0.0))
            rates = (f"{name} {1 / seconds:.1f}" for name, seconds in speed.medians(found).items())
            say(f"speed with {length} keys, tokens/s: {', '.join(rates)}")
        self.model.set_attn_implementation(before)

    def speed_result(self, length: int) -> Result | None:
        return self.store.get(self._speed_settings(length)) if self.encoders else None
