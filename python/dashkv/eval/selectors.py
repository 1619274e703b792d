"""Ways to attend to part of a cache, under one account of bytes: exact, oracle, window, Quest, H2O, SnapKV, KIVI.

Selectors by hash codes are in `codes`. A selector may read what the reference reads, a weighted code of `code_bytes`
a key and the budget's rows: whoever has smaller metadata gets more rows, whoever has larger ones fewer. All take the
forced keys (sinks and window) of the budget, whose bytes count.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from dashkv.eval.harness import Answer, EvalError, Step, row_bytes
from dashkv.kernel_text import Tiering


@dataclass(frozen=True)
class Budget:
    """How much of the cache a selector may read: the rows of a tiering, and codes of `code_bytes` a key beside them.

    equal: "bytes", all selectors read the bytes of the reference; "rows", all read as many rows, whatever metadata.
    """

    tiering: Tiering = field(default_factory=lambda: Tiering(dense_below=0))
    code_bytes: int = 8
    equal: str = "bytes"

    def __post_init__(self):
        if self.equal not in ("bytes", "rows"):
            raise EvalError(f"expected equal 'bytes' or 'rows', but got '{self.equal}'")

    def rows(self, limits: np.ndarray) -> np.ndarray:
        """Rows of the full tier beside the forced ones, before it is known how many candidates there are."""
        millionths = round(self.tiering.full * 1_000_000)
        rows = np.maximum(-(-millionths * limits // 1_000_000), self.tiering.full_min)
        return rows if self.tiering.full_max is None else np.minimum(rows, self.tiering.full_max)

    def rows_beside(self, limits: np.ndarray, metadata: np.ndarray | float, size: int) -> np.ndarray:
        """Rows for a selector that reads `metadata` bytes a KV head and query row; `size` is the bytes of a row."""
        if self.equal == "rows" or self.tiering.full >= 1:
            return self.rows(limits)
        spare = self.code_bytes * limits - metadata
        return np.maximum(self.rows(limits) + np.floor(spare / size).astype(int), 0)

    def forced(self, step: Step) -> Tensor:
        """Sinks and window [M, N] bool."""
        n, limits = torch.arange(step.key.shape[1]), torch.from_numpy(step.limits)[:, None]
        return (n < limits) & ((n < self.tiering.sinks) | (n >= limits - self.tiering.window))


def keep_top(scores: Tensor, forced: Tensor, rows: np.ndarray) -> Tensor:
    """The forced keys and the best `rows[m]` others of each row: scores [H, M, N], forced [M, N] give [H, M, N] bool.

    Keys of the lowest score of the type (-inf) are never taken; of equal scores the lowest index is.
    """
    lowest = -torch.inf if scores.is_floating_point() else torch.iinfo(scores.dtype).min
    candidates = scores.masked_fill(forced, lowest).numpy()
    keys = candidates.shape[-1]
    kept = np.zeros(candidates.shape, bool)
    changes = np.flatnonzero(np.diff(rows)) + 1
    for part in np.split(np.arange(len(rows)), changes):
        block, count = candidates[:, part], min(int(rows[part[0]]), keys)
        if count == 0:
            continue
        # NumPy's partition selects with vector instructions, 10 times faster than torch.topk.
        threshold = np.partition(block, keys - count, axis=-1)[..., keys - count, None]
        best = (block >= threshold) & (block > lowest)
        for head, row in zip(*np.nonzero(best.sum(-1) > count), strict=True):
            above = int((block[head, row] > threshold[head, row]).sum())
            ties = np.flatnonzero(block[head, row] == threshold[head, row])
            best[head, row, ties[count - above :]] = False
        kept[:, part] = best
    return torch.from_numpy(kept) | forced


def group_any(kept: Tensor, kv_heads: int) -> Tensor:
    """Which rows of K and V are read: the union over the heads of each group, [Hkv, M, N]."""
    return kept if len(kept) == kv_heads else kept.reshape(kv_heads, -1, *kept.shape[1:]).any(1)


def masked_attention(step: Step, kept: Tensor) -> Tensor:
    """Exact attention over the kept keys, [Hkv or Hq, M, N] bool; a row without keys gives 0."""
    shape = (step.kv_heads, -1, *step.logits.shape[1:])
    logits = step.logits.reshape(shape).masked_fill(~kept.reshape(shape), -torch.inf)
    weights = torch.softmax(logits, dim=-1).nan_to_num_(0.0)
    return step.mix(weights.reshape(step.logits.shape))


class Choosing:
    """A selector that keeps some keys and attends to them exactly."""

    name = ""
    observes = False  # whether the prefix must record the attention that its keys received
    like_reference = False  # whether it reads the reference's rows at equal bytes too

    def __init__(self, budget: Budget):
        self.budget = budget

    def settings(self) -> dict:
        """All that the result depends on, as JSON values: the key under which it is cached."""
        equal = "bytes" if self.like_reference else self.budget.equal
        return {"selector": self.name, **asdict(self.budget), "equal": equal}

    def keep(self, step: Step) -> Tensor:
        """Keys that are attended exactly, [Hkv or Hq, M, N] bool."""
        raise NotImplementedError

    def metadata(self, step: Step) -> np.ndarray | float:
        """Bytes read to choose, per query row and KV head, [M]."""
        return 0.0

    def attend(self, step: Step) -> Answer:
        kept = self.keep(step)
        rows = float(group_any(kept, step.kv_heads).sum())
        metadata = float(np.broadcast_to(self.metadata(step), step.rows).sum()) * step.kv_heads
        return Answer(masked_attention(step, kept), rows * row_bytes(step) + metadata, rows, kept)

    def rows(self, step: Step) -> np.ndarray:
        return self.budget.rows_beside(step.limits, self.metadata(step), row_bytes(step))


class Oracle(Choosing):
    """The keys with the most exact attention: what any choice of as many rows can reach at best. Its search is free of
    charge, and it takes the reference's rows. Scope "group" ranks by the mean attention of a group, "head" each head
    alone."""

    like_reference = True

    def __init__(self, budget: Budget, scope: str = "group"):
        super().__init__(budget)
        self.scope, self.name = scope, f"oracle, {scope}"

    def keep(self, step):
        mass = step.mass
        if self.scope == "group":
            mass = mass.reshape(step.kv_heads, step.group, *mass.shape[1:]).mean(1)
        return keep_top(step.hide(mass.clone()), self.budget.forced(step), self.budget.rows(step.limits))


class Window(Choosing):
    """Sinks and the most recent keys (StreamingLLM). Positions keep their rotary embedding."""

    name = "sinks + window"

    def keep(self, step):
        n = torch.arange(step.key.shape[1])
        recent = n >= torch.from_numpy(step.limits - self.budget.tiering.window - self.rows(step))[:, None]
        kept = (n < torch.from_numpy(step.limits)[:, None]) & (recent | (n < self.budget.tiering.sinks))
        return kept.expand(step.kv_heads, -1, -1)


class Quest(Choosing):
    """Pages ranked by an upper bound of their scores, from the least and greatest value of each channel (Quest, 2024).

    The groups of grouped queries share their pages: bounds are turned into a softmax over pages and averaged.
    Pages that reach into the window are read whole, and so is the page of the last row that fits the budget.
    """

    name = "Quest"

    def __init__(self, budget: Budget, page: int = 16):
        super().__init__(budget)
        self.page = page

    def settings(self):
        return {**super().settings(), "page": self.page}

    def metadata(self, step):
        return np.ceil(step.limits / self.page) * step.key.shape[-1] * 2 * 2

    def _bounds(self, step, pages):
        """Least and greatest values of whole pages [Hkv, pages, D]; those of earlier blocks are kept."""
        low, high = step.state.get("quest", (step.key[:, :0], step.key[:, :0]))
        done = low.shape[1]
        if pages > done:
            fresh = step.key[:, done * self.page : pages * self.page]
            fresh = fresh.reshape(step.kv_heads, pages - done, self.page, -1)
            low, high = torch.cat([low, fresh.amin(2)], 1), torch.cat([high, fresh.amax(2)], 1)
            step.state["quest"] = low, high
        return low, high

    def keep(self, step):
        keys = step.key.shape[1]
        pages = int(step.limits[-1] - self.budget.tiering.window) // self.page
        if pages <= 0:
            return step.hide(torch.ones(step.kv_heads, step.rows, keys, dtype=torch.bool), False)
        low, high = self._bounds(step, pages)
        query = step.query.reshape(step.kv_heads, -1, step.query.shape[-1]) * step.scale
        bound = query.clamp(min=0) @ high.mT + query.clamp(max=0) @ low.mT
        bound = bound.reshape(step.kv_heads, step.group, step.rows, pages)
        # Of a row, the pages that end before its window.
        whole = torch.from_numpy((step.limits - self.budget.tiering.window) // self.page)[:, None]
        unseen = torch.arange(pages) >= whole
        score = torch.softmax(bound.masked_fill(unseen, -torch.inf), -1).nan_to_num_(0.0).mean(1)
        score.masked_fill_(unseen, -torch.inf)
        none = torch.zeros(step.rows, pages, dtype=torch.bool)
        chosen = keep_top(score, none, self.rows(step) // self.page)
        kept = torch.zeros(step.kv_heads, step.rows, keys, dtype=torch.bool)
        kept[..., : pages * self.page] = chosen.repeat_interleave(self.page, dim=-1)
        n, limits = torch.arange(keys), torch.from_numpy(step.limits)[:, None]
        return kept | ((n < limits) & ((n < self.budget.tiering.sinks) | (n >= whole * self.page)))


class _Evicting(Choosing):
    """A selector that drops keys for good. Which keys are held is decided anew before each block of rows, among those
    still held and those that came since; rows of the block see them and their window."""

    observes = True

    def importance(self, step: Step) -> Tensor:
        """Attention that each key [Hkv, first] was given, as the method counts it."""
        raise NotImplementedError

    def observe(self, step: Step, mass: Tensor) -> None:
        """Is shown the attention [Hq, M, N] of the rows of a block over the keys they saw."""

    def keep(self, step):
        first, tiering = step.first, self.budget.tiering
        held = torch.ones(step.kv_heads, first, dtype=torch.bool)
        if "held" in step.state:
            held[:, : step.state["held"].shape[1]] = step.state["held"]
        score = self.importance(step).masked_fill(~held, -torch.inf)[:, None]
        forced = self.budget.forced(step)
        always = (torch.arange(first) < tiering.sinks) | (torch.arange(first) >= first + 1 - tiering.window)
        step.state["held"] = keep_top(score, always[None], self.rows(step)[:1])[:, 0]
        kept = torch.ones(step.kv_heads, step.rows, step.key.shape[1], dtype=torch.bool)
        kept[..., :first] = step.state["held"][:, None]
        # A row drops what has left its window since the block began only at the next block.
        return step.hide(kept, False) | forced

    def attend(self, step):
        answer = super().attend(step)
        shape = (step.kv_heads, step.group, *step.logits.shape[1:])
        logits = step.logits.reshape(shape).masked_fill(~answer.kept[:, None], -torch.inf)
        self.observe(step, torch.softmax(logits, -1).reshape(step.logits.shape))
        return answer


class H2O(_Evicting):
    """Keeps the keys that received the most attention in sum over all rows so far (H2O, 2023), per KV head."""

    name = "H2O"

    def importance(self, step):
        if "received" not in step.state:
            received = _observed(step.prefix.received, step)
            step.state["received"] = received.reshape(step.kv_heads, step.group, -1).sum(1)
        return _grown(step.state["received"], step.first)

    def observe(self, step, mass):
        received = _grown(step.state["received"], step.key.shape[1])
        step.state["received"] = received + mass.reshape(step.kv_heads, step.group, step.rows, -1).sum((1, 2))


class SnapKV(_Evicting):
    """Keeps the keys that the last 32 rows attended to most, smoothed over 7 neighbours (SnapKV, 2024), per KV head.

    The method compresses a prompt once and keeps every generated token; at equal bytes it has to choose again, which it
    does here before each block of rows by the same rule.
    """

    name = "SnapKV"

    def importance(self, step):
        if "recent" not in step.state:
            step.state["recent"] = _observed(step.prefix.recent, step).sum(1)
        recent = step.state["recent"].reshape(step.kv_heads, step.group, -1).sum(1)
        pooled = torch.nn.functional.avg_pool1d(recent[:, None], 7, 1, 3)[:, 0]
        return _grown(pooled, step.first)

    def observe(self, step, mass):
        if step.rows >= 32:
            step.state["recent"] = mass[:, -32:].sum(1)
        else:
            recent = _grown(step.state["recent"], step.key.shape[1])
            step.state["recent"] = recent * (1 - step.rows / 32) + mass.sum(1)


def _observed(values: list[Tensor], step: Step) -> Tensor:
    if not values:
        raise EvalError("expected a prefix that was observed (prefill with observe=True), but it was not")
    return values[step.layer]


def _grown(x: Tensor, keys: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, keys - x.shape[-1]))


class Kivi:
    """All keys from 2-bit caches (KIVI, 2024): keys quantised per channel over 32 tokens, values per token over 32
    channels, asymmetric with a 16-bit scale and zero each; the last 128 tokens stay as they are."""

    name = "KIVI 2-bit"
    observes = False

    def __init__(self, bits: int = 2, group: int = 32, residual: int = 128):
        self.bits, self.group, self.residual = bits, group, residual

    def settings(self) -> dict:
        return {"selector": self.name, "bits": self.bits, "group": self.group, "residual": self.residual}

    def attend(self, step: Step) -> Answer:
        # Tokens are quantised in whole groups once they are `residual` tokens back, seen from the block's first row.
        done = max(step.first + 1 - self.residual, 0) // self.group * self.group
        key, value = step.state.get("kivi", (step.key[:, :0], step.value[:, :0]))
        if done > key.shape[1]:
            fresh = slice(key.shape[1], done)
            key = torch.cat([key, self._keys(step.key[:, fresh])], 1)
            value = torch.cat([value, self._values(step.value[:, fresh])], 1)
            step.state["kivi"] = key, value
        key, value = (torch.cat([a, b[:, done:]], 1) for a, b in ((key, step.key), (value, step.value)))
        seen = Step(step.layer, step.query, key, value, step.scale, step.prefix, step.state)
        rows = float(step.limits.sum()) * step.kv_heads
        quantised = row_bytes(step) / 2 * (self.bits + 32 / self.group) / 8
        total = (rows - done * step.rows * step.kv_heads) * row_bytes(
            step
        ) + done * step.rows * step.kv_heads * quantised
        return Answer(seen.mix(seen.mass), total, rows)

    def _keys(self, x):
        heads, tokens, size = x.shape
        grouped = x.reshape(heads, tokens // self.group, self.group, size)
        return _quantise(grouped, 2, self.bits).reshape(x.shape)

    def _values(self, x):
        return _quantise(x.reshape(*x.shape[:-1], -1, self.group), -1, self.bits).reshape(x.shape)


def _quantise(x: Tensor, dim: int, bits: int) -> Tensor:
    """x rounded to 2^bits levels between its least and greatest value along a dim."""
    low, high = x.amin(dim, keepdim=True), x.amax(dim, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-12)
    return (x - low).div_(step).round_().mul_(step).add_(low)
