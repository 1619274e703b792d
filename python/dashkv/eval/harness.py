"""Runs a Hugging Face model exactly over the prefix of a text, then under a selector over its last rows.

This simulates decoding: each row attends to the exact keys and values of the prefix and to those of the rows before
it, which come, as the row's own query does, from hidden states that the selector has already changed. All rows of a
layer go through the selector in blocks, so that a text of 8K tokens needs no memory beyond its cache. Batch 1, f32.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicLayer

NAME = "dashkv_eval"
BLOCK = 64

AttentionFunction = Callable[[int, Tensor, Tensor, Tensor, float], Tensor]
_functions: list[AttentionFunction] = []


class EvalError(ValueError):
    """A model, text or setting that cannot be evaluated."""


def _attention(module, query, key, value, attention_mask, scaling=None, **_):
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _functions[-1](module.layer_idx, zip(query, key, value, strict=True), scale), None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, lambda *args, **kwargs: None)


@contextmanager
def attention_by(model, function: AttentionFunction) -> Iterator[None]:
    """Lets `function(layer, q [Hq, M, D], k [Hkv, N, D], v [Hkv, N, Dv], scale) -> [Hq, M, Dv]` answer for every
    attention layer of the model inside the block, for one sequence of a batch after the other. Raises EvalError for a
    model whose layers did not ask it."""
    seen = set()

    def counted(layer, sequences, scale):
        if layer in seen:
            raise EvalError(f"expected one attention a layer, but layer {layer} of {type(model).__name__} has more")
        seen.add(layer)
        return torch.stack([function(layer, q, k, v, scale).transpose(0, 1) for q, k, v in sequences])

    before = model.config._attn_implementation
    model.config._attn_implementation = NAME
    _functions.append(counted)
    try:
        yield
    finally:
        _functions.pop()
        model.config._attn_implementation = before
    if len(seen) != model.config.num_hidden_layers:
        raise EvalError(
            f"expected attention through AttentionInterface in all {model.config.num_hidden_layers} layers of "
            f"{type(model).__name__}, but got it in {len(seen)}"
        )


class _Layer(DynamicLayer):
    """Keys and values in buffers with room to grow: appending a row copies that row only."""

    def __init__(self, keys: Tensor, values: Tensor, room: int):
        super().__init__()
        self.size = keys.shape[-2]
        self.buffers = []
        for x in (keys, values):
            buffer = x.new_empty(1, x.shape[0], self.size + room, x.shape[-1])
            buffer[0, :, : self.size] = x
            self.buffers.append(buffer)
        self.keys, self.values = (b[:, :, : self.size] for b in self.buffers)
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(self, key_states, value_states, *args, **kwargs):
        end = self.size + key_states.shape[-2]
        if end > self.buffers[0].shape[-2]:
            raise EvalError(f"expected at most {self.buffers[0].shape[-2]} tokens in this session, but got {end}")
        for buffer, x in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, self.size : end] = x
        self.size = end
        self.keys, self.values = (b[:, :, :end] for b in self.buffers)
        return self.keys, self.values


class _Together(DynamicLayer):
    """One layer of several caches of the same size, as a batch."""

    def __init__(self, parts: list[_Layer]):
        super().__init__()
        self.parts, self.is_initialized = parts, True

    def update(self, key_states, value_states, *args, **kwargs):
        rows = zip(self.parts, key_states.split(1), value_states.split(1), strict=True)
        both = [part.update(key, value) for part, key, value in rows]
        return [key[0] for key, _ in both], [value[0] for _, value in both]

    def get_seq_length(self) -> int:
        return self.parts[0].get_seq_length()

    def get_mask_sizes(self, *args) -> tuple[int, int]:
        return self.parts[0].get_mask_sizes(*args)


@dataclass
class Prefix:
    """The exact state after the first tokens of a text. Per layer: keys [Hkv, P, D] after rotary embedding, values
    [Hkv, P, Dv] and, when observed, the attention each key received from all rows [Hq, P] and from the last 32 rows
    [Hq, 32, P]. `last` is the hidden state of the last row [1, hidden]."""

    keys: list[Tensor]
    values: list[Tensor]
    last: Tensor
    received: list[Tensor] = field(default_factory=list)
    recent: list[Tensor] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.keys[0].shape[1]


@dataclass
class Step:
    """A block of consecutive rows of one layer: row m is at position first + m and sees the keys up to itself.

    query [Hq, M, D]; key [Hkv, N, D] and value [Hkv, N, Dv] with N = first + M; state: what a selector keeps for this
    layer between blocks; prefix: tokens in the cache before the first row of the session."""

    layer: int
    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    prefix: Prefix
    state: dict
    wants_kept: bool = False  # whether the answer must say which keys were kept

    @property
    def kv_heads(self) -> int:
        return self.key.shape[0]

    @property
    def group(self) -> int:
        return self.query.shape[0] // self.kv_heads

    @property
    def rows(self) -> int:
        return self.query.shape[1]

    @property
    def first(self) -> int:
        return self.key.shape[1] - self.rows

    @cached_property
    def limits(self) -> np.ndarray:
        """Keys that each row sees, [M]."""
        return self.first + 1 + np.arange(self.rows)

    def hide(self, scores: Tensor, value: float = -torch.inf) -> Tensor:
        """Writes `value` over the scores [.., M, N] of keys that a row does not see, in place."""
        late = torch.ones(self.rows, self.rows, dtype=torch.bool).triu(1)
        scores[..., self.first :].masked_fill_(late, value)
        return scores

    @cached_property
    def logits(self) -> Tensor:
        """scale * q k^T [Hq, M, N], -inf where a row does not see a key."""
        folded = self.query.reshape(self.kv_heads, self.group * self.rows, -1) * self.scale
        return self.hide((folded @ self.key.mT).reshape(self.query.shape[0], self.rows, -1))

    @cached_property
    def mass(self) -> Tensor:
        """Exact attention [Hq, M, N]."""
        return torch.softmax(self.logits, dim=-1)

    def mix(self, weights: Tensor) -> Tensor:
        """weights [Hq, M, N] times the values of each head's group: [Hq, M, Dv]."""
        folded = weights.reshape(self.kv_heads, self.group * self.rows, -1)
        return (folded @ self.value).reshape(self.query.shape[0], self.rows, -1)


@dataclass
class Traffic:
    """What a session has read, summed over rows and KV heads: bytes with the metadata, rows of K and V, and the bytes
    and rows of exact attention. Dense layers are in both."""

    bytes: float = 0.0
    rows: float = 0.0
    dense_bytes: float = 0.0
    dense_rows: float = 0.0


TRAFFIC = tuple(field.name for field in fields(Traffic))


class Session:
    """A model that continues a prefix with a selector in every layer outside `dense_layers`."""

    def __init__(self, model, prefix: Prefix, selector, dense_layers: tuple[int, ...] = (), room: int = 2048):
        self.model, self.selector, self.dense_layers = model, selector, frozenset(dense_layers)
        self.prefix, self.traffic = prefix, Traffic()
        self.cache = Cache(layers=[_Layer(k, v, room) for k, v in zip(prefix.keys, prefix.values, strict=True)])
        self.states: dict[int, dict] = {}
        self.shared: dict = {}

    def advance(self, tokens: Tensor) -> Tensor:
        """Appends tokens [M]; returns the last hidden states [M, hidden], ready for the output embedding."""
        return advance_together([self], tokens[None])[0]

    def _attend(self, layer, query, key, value, scale):
        state = self.states.setdefault(layer, {"shared": self.shared})
        out = torch.empty(*query.shape[:2], value.shape[-1])
        start = key.shape[1] - query.shape[1]
        for begin in range(0, query.shape[1], BLOCK):
            rows = slice(begin, min(begin + BLOCK, query.shape[1]))
            seen = start + rows.stop
            step = Step(layer, query[:, rows], key[:, :seen], value[:, :seen], scale, self.prefix, state)
            selector = EXACT if layer in self.dense_layers else self.selector
            answer = selector.attend(step)
            out[:, rows] = answer.out
            exact_rows = float(step.limits.sum()) * step.kv_heads
            self.traffic.bytes += answer.bytes
            self.traffic.rows += answer.rows
            self.traffic.dense_bytes += exact_rows * row_bytes(step)
            self.traffic.dense_rows += exact_rows
        return out


@torch.inference_mode()
def advance_together(sessions: list[Session], tokens: Tensor) -> Tensor:
    """Appends tokens [B, M] to B sessions of one model and size, whose weights are read once for all; returns the last
    hidden states [B, M, hidden]."""
    caches = zip(*(session.cache.layers for session in sessions), strict=True)
    together = Cache(layers=[_Together(list(layers)) for layers in caches])
    positions = torch.arange(tokens.shape[1]) + together.get_seq_length()
    turns = itertools.cycle(sessions)
    with attention_by(sessions[0].model, lambda *args: next(turns)._attend(*args)):
        out = sessions[0].model.get_decoder()(
            input_ids=tokens, cache=together, position_ids=positions.expand(len(tokens), -1), use_cache=True
        )
    return out.last_hidden_state


VALUE_BYTES = 2
"""Bytes of one element of K or V in the account of bytes: caches are kept in 16 bits, whatever this model runs in."""


def row_bytes(step: Step) -> int:
    """Bytes of one row of K and V of one KV head."""
    return (step.key.shape[-1] + step.value.shape[-1]) * VALUE_BYTES


@dataclass
class Answer:
    """Output of a selector for a step: out [Hq, M, Dv], bytes and rows read over all rows and KV heads, and which keys
    were attended exactly, [Hkv or Hq, M, N] bool, unless the selector cannot tell."""

    out: Tensor
    bytes: float
    rows: float
    kept: Tensor | None = None


class Exact:
    """Attention over every key."""

    name = "exact"
    observes = False

    def settings(self) -> dict:
        return {"selector": self.name}

    def attend(self, step: Step) -> Answer:
        rows = float(step.limits.sum()) * step.kv_heads
        return Answer(step.mix(step.mass), rows * row_bytes(step), rows)


EXACT = Exact()


@torch.inference_mode()
def prefill(model, tokens: Tensor, observe: bool = False, block: int = 256) -> Prefix:
    """Exact attention over tokens [P]; with `observe` the attention that each key received is kept too."""
    if len(tokens) < 64:
        raise EvalError(f"expected a prefix of at least 64 tokens, but got {len(tokens)}")
    prefix = Prefix([], [], torch.empty(0))

    def attend(layer, query, key, value, scale):
        prefix.keys.append(key.contiguous())
        prefix.values.append(value.contiguous())
        if observe:
            received = torch.zeros(query.shape[:2])
            for begin in range(0, len(tokens), block):
                end = min(begin + block, len(tokens))
                step = Step(layer, query[:, begin:end], key[:, :end], value[:, :end], scale, prefix, {})
                received[:, :end] += step.mass.sum(1)
            prefix.received.append(received)
            prefix.recent.append(Step(layer, query[:, -32:], key, value, scale, prefix, {}).mass)
        group = query.shape[0] // key.shape[0]
        k, v = (x.repeat_interleave(group, dim=0)[None] for x in (key, value))
        return torch.nn.functional.scaled_dot_product_attention(query[None], k, v, is_causal=True, scale=scale)[0]

    with attention_by(model, attend):
        hidden = model.get_decoder()(input_ids=tokens[None], use_cache=False).last_hidden_state
    prefix.last = hidden[0, -1:]
    return prefix


@torch.inference_mode()
def show_rows(model, prefix: Prefix, tokens: Tensor, visit: Callable[[Step, Tensor], None]) -> None:
    """Runs tokens [R] after a prefix exactly; `visit` is shown each block of rows of each layer and its exact output."""
    cache = Session(model, prefix, EXACT, room=len(tokens)).cache

    def attend(layer, query, key, value, scale):
        out = torch.empty(*query.shape[:2], value.shape[-1])
        start = key.shape[1] - query.shape[1]
        for begin in range(0, query.shape[1], BLOCK):
            rows = slice(begin, min(begin + BLOCK, query.shape[1]))
            seen = start + rows.stop
            step = Step(layer, query[:, rows], key[:, :seen], value[:, :seen], scale, prefix, {})
            out[:, rows] = step.mix(step.mass)
            visit(step, out[:, rows])
        return out

    positions = torch.arange(len(tokens)) + prefix.size
    with attention_by(model, attend):
        model.get_decoder()(input_ids=tokens[None], cache=cache, position_ids=positions[None], use_cache=True)
