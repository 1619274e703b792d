"""What a selector changes: next-token distributions against exact attention, and each layer's attention."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashkv.eval.harness import EvalError, Prefix, show_rows
from dashkv.eval.selectors import group_any

RUN = 64
"""Neighbouring tokens depend on each other: standard errors are taken over the means of runs of this many tokens."""


@torch.inference_mode()
def log_probabilities(model, hidden: Tensor) -> Iterator[Tensor]:
    """Log probabilities of the next token, [128 or fewer, vocabulary] at a time, of hidden states [R, hidden]."""
    head = model.get_output_embeddings()
    for rows in hidden.split(128):
        yield torch.log_softmax(head(rows).float(), -1)


@torch.inference_mode()
def token_measures(exact: Iterable[Tensor], selected: Iterable[Tensor], targets: Tensor) -> dict[str, np.ndarray]:
    """Per row [R], in nats: `nll` of its target under both (see `log_probabilities`), `kl` from exact to selected, and
    whether both have the `same` most likely token."""
    parts: dict[str, list] = {"nll_exact": [], "nll": [], "kl": [], "same": []}
    begin = 0
    for p, q in zip(exact, selected, strict=True):
        target = targets[begin : begin + len(p), None]
        begin += len(p)
        parts["nll_exact"].append(-p.gather(1, target)[:, 0])
        parts["nll"].append(-q.gather(1, target)[:, 0])
        parts["kl"].append((p.exp() * (p - q)).sum(-1).clamp(min=0))
        parts["same"].append((p.argmax(-1) == q.argmax(-1)).float())
    return {name: torch.cat(x).numpy().astype(np.float32) for name, x in parts.items()}


@dataclass(frozen=True)
class Estimate:
    mean: float
    error: float  # standard error


def estimate(values: list[np.ndarray]) -> Estimate:
    """Mean over all tokens of several documents, [R] each, and its standard error from runs of RUN tokens."""
    runs = [x[i : i + RUN] for x in values for i in range(0, len(x), RUN)]
    sizes, means = np.array([len(r) for r in runs], float), np.array([r.mean(dtype=float) for r in runs])
    mean = float((sizes * means).sum() / sizes.sum())
    if len(runs) < 2:
        return Estimate(mean, float("nan"))
    spread = (sizes**2 * (means - mean) ** 2).sum() * len(runs) / (len(runs) - 1)
    return Estimate(mean, float(np.sqrt(spread) / sizes.sum()))


def perplexity_change(nll: list[np.ndarray], nll_exact: list[np.ndarray]) -> Estimate:
    """Change of perplexity in percent, and its standard error from the differences token by token."""
    rise = estimate([a - b for a, b in zip(nll, nll_exact, strict=True)])
    ratio = float(np.exp(rise.mean))
    return Estimate(100 * (ratio - 1), 100 * ratio * rise.error)


LAYER_MEASURES = ("kept", "cosine", "error", "recall", "rows")


def layer_measures(
    model, prefix: Prefix, tokens: Tensor, selectors: list, oracles: list, dense: tuple[int, ...] = ()
) -> list[dict[str, np.ndarray]]:
    """Measures of selectors on the queries, keys and values of the exact model: of tokens [R] after the prefix.

    Each selector has an oracle, of its budget. Each gets by measure an array [layers, Hq] of means over rows:
    kept: share of the exact attention that falls on the kept keys; cosine and error: of the head's output against the
    exact one, error relative in norm over all rows; recall: share of the oracle's keys that are kept (forced keys
    left out); rows: share of the visible keys read, the union over a group. Measures that a selector does not have
    (a quantised cache keeps all keys) are NaN, and so are those of dense layers.
    """
    config = model.config
    shape = (config.num_hidden_layers, config.num_attention_heads)
    result = [{m: np.full(shape, np.nan) for m in LAYER_MEASURES} for _ in selectors]
    sums: dict[tuple[int, int], list] = {}
    states: dict[tuple[int, int], dict] = {}
    shared: list[dict] = [{} for _ in selectors]

    def visit(step, exact):
        if step.layer in dense:
            return
        step.wants_kept = True
        ideals = {}
        for index, (selector, oracle) in enumerate(zip(selectors, oracles, strict=True)):
            if oracle not in ideals:
                forced = oracle.budget.forced(step)
                ideals[oracle] = group_any(oracle.keep(step), step.kv_heads) & ~forced
            key = index, step.layer
            step.state = states.setdefault(key, {"shared": shared[index]})
            sums.setdefault(key, []).append(_measure(step, selector.attend(step), exact, ideals[oracle]))

    show_rows(model, prefix, tokens, visit)
    for (index, layer), parts in sums.items():
        total = {m: sum(part[m] for part in parts) for m in parts[0]}
        result[index]["error"][layer] = torch.sqrt(total.pop("difference") / total.pop("norm"))
        for m, value in total.items():
            result[index][m][layer] = value / len(tokens)
    return result


def _measure(step, answer, exact, ideal):
    """Sums over the rows of a step, by head [Hq]."""
    sums = {
        "cosine": torch.cosine_similarity(answer.out, exact, dim=-1).sum(1),
        "difference": (answer.out - exact).square().sum((1, 2)),
        "norm": exact.square().sum((1, 2)),
    }
    if answer.kept is not None:
        heads = len(answer.kept)
        mass = step.mass.reshape(heads, -1, *step.mass.shape[1:])
        sums["kept"] = (mass * answer.kept[:, None]).sum((2, 3)).reshape(-1)
        per_head = step.group if heads == step.kv_heads else 1
        wanted = ideal.repeat_interleave(step.group // per_head, dim=0)
        recall = (answer.kept & wanted).sum(-1) / wanted.sum(-1).clamp(min=1)
        sums["recall"] = recall.sum(-1).repeat_interleave(per_head)
        share = group_any(answer.kept, step.kv_heads).sum(-1) / torch.from_numpy(step.limits)
        sums["rows"] = share.sum(-1).repeat_interleave(step.group)
    return sums


def check_targets(tokens: Tensor, rows: int) -> None:
    """Raises EvalError unless tokens [N] hold a prefix and `rows` rows with their targets."""
    if len(tokens) < rows + 65:
        raise EvalError(f"expected a text of at least {rows + 65} tokens for {rows} rows, but got {len(tokens)}")
