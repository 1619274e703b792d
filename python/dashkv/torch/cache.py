"""A key-value cache of transformers that keeps a code beside every key.

Keys and values lie in buffers [B,Hkv,C,D] that grow by half when they are full, codes in byte planes of the same
capacity C. Padding on the left is dropped when it comes in, so that each sequence is compact and its own length takes
the place of a mask. Written for transformers 5.24.
"""

from dataclasses import dataclass

import torch

try:
    from transformers import Cache
    from transformers.cache_utils import CacheLayerMixin
except ImportError as error:
    raise ImportError("caches need the package transformers, 5.24 or later: pip install dashkv[torch]") from error

from dashkv import kernels
from dashkv.encoders import Encoder
from dashkv.kernels import PLANE, Tiering
from dashkv.models import check_attention

DECODE_ROWS = 8  # steps of more rows are parts of a prompt, and exact


@dataclass
class Step:
    """What one forward pass adds, the same for all layers. Sequence b gets its last counts[b] of `rows` rows."""

    seen: int  # positions before it, padding included
    rows: int
    starts: torch.Tensor  # [B] i32: keys of each sequence before it
    lengths: torch.Tensor  # [B] i32: and after it
    counts: list[int]
    kept: tuple[int, torch.Tensor] | None = None  # a layer, and the keys that it kept

    @property
    def whole(self) -> bool:
        """No row is padding."""
        return min(self.counts) == self.rows

    @property
    def longest(self) -> int:
        return int(self.lengths.max())


class Sequences:
    """How long the sequences of a cache are."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.seen, self.lengths, self.step = 0, None, None

    def begin(self, seen: int, batch: int, rows: int, mask: torch.Tensor | None) -> Step:
        """The step in which a layer that has seen `seen` positions gets `rows` more. mask: [B, seen + rows] bool."""
        if self.step is not None and (seen, rows) == (self.step.seen, self.step.rows):
            return self.step
        if seen != self.seen:
            raise RuntimeError(
                f"expected all layers of the cache at {self.seen} positions, but one is at {seen}: a forward pass ended "
                "early; call reset()"
            )
        starts = torch.zeros(batch, dtype=torch.int32) if self.lengths is None else self.lengths
        if len(starts) != batch:
            raise ValueError(f"expected {len(starts)} sequences, which the cache holds, but got {batch}")
        counts = [rows] * batch if mask is None else self.new_keys(seen, rows, mask)
        self.lengths = starts + torch.tensor(counts, dtype=torch.int32)
        self.seen = seen + rows
        self.step = Step(seen, rows, starts, self.lengths, counts)
        return self.step

    def new_keys(self, seen: int, rows: int, mask: torch.Tensor) -> list[int]:
        """How many of the new rows are no padding, from an attention mask of zeros and ones."""
        if mask.shape[1] != seen + rows:
            raise ValueError(f"expected an attention_mask of {seen + rows} positions, but got {mask.shape[1]}")
        if seen and not torch.equal(mask[:, :seen].sum(1).to(torch.int32), self.lengths):
            raise ValueError(
                f"expected an attention_mask that shows the {self.lengths.tolist()} keys which the cache holds, but it "
                f"shows {mask[:, :seen].sum(1).tolist()}"
            )
        new = mask[:, seen:]
        if (new[:, :-1] & ~new[:, 1:]).any():
            raise ValueError("expected padding on the left, but the attention_mask has zeros after ones")
        return new.sum(1).tolist()

    def crop(self, count: int) -> None:
        if self.lengths is None:
            return
        if count > int(self.lengths.min()):
            raise ValueError(f"expected to crop at most {int(self.lengths.min())} keys, but got {count}")
        self.lengths, self.seen, self.step = self.lengths - count, self.seen - count, None

    def select(self, indices: torch.Tensor) -> None:
        if self.lengths is not None:
            self.lengths, self.step = self.lengths[indices], None


class DashKVLayer(CacheLayerMixin):
    """Keys, values and codes of one layer; encoder is None for a dense layer, which has no codes.

    `update` returns the new keys and values only: attention appends them, because it knows which rows are padding.
    """

    is_compileable = False
    is_croppable = True
    is_sliding = False

    def __init__(
        self, index: int, encoder: kernels.Layer | None, tiering: Tiering, sequences: Sequences, capacity: int
    ):
        super().__init__()
        self.index, self.encoder, self.tiering, self.sequences = index, encoder, tiering, sequences
        self.capacity = capacity
        self.keeps_for_next = False  # the next layer has a use for what this one keeps
        self.codes = None
        self.seen = 0
        self.waiting = False  # for attention to take what came last

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        for name, x in (("keys", key_states), ("values", value_states)):
            if x.device.type != "cpu":
                raise TypeError(f"expected {name} on the CPU, but they are on {x.device}")
            if x.dtype not in (torch.float32, torch.float16, torch.bfloat16):
                raise TypeError(f"expected {name} of float32, float16 or bfloat16, but got {x.dtype}")
        batch, heads, _, size = key_states.shape
        self.keys = key_states.new_empty(batch, heads, 0, size)
        self.values = value_states.new_empty(batch, heads, 0, value_states.shape[3])
        if self.encoder is not None:
            self.codes = torch.empty(batch, heads, 0, self.encoder.bits // 8, PLANE, dtype=torch.uint8)
        self.device, self.is_initialized = key_states.device, True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The new keys and values, by which attention finds this layer."""
        if self.waiting:
            raise RuntimeError(
                "expected attention to take the new keys from the cache: a DashKVCache works with "
                "attn_implementation='dashkv' only"
            )
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.waiting = True
        key_states = key_states.view(key_states.shape)  # an object of its own, to mark it
        key_states.dashkv_layer = self
        return key_states, value_states

    def append(self, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None) -> Step:
        """Stores new keys and values [B,Hkv,M,D] with their codes. mask: [B, positions] bool, None without padding."""
        batch, _, rows, _ = keys.shape
        step = self.sequences.begin(self.seen, batch, rows, mask)
        self.reserve(step.longest)
        starts = step.starts.tolist()
        if step.whole and min(starts) == max(starts):
            place = slice(starts[0], starts[0] + rows)
            self.keys[:, :, place], self.values[:, :, place] = keys, values
        else:
            for b, (start, count) in enumerate(zip(starts, step.counts, strict=True)):
                place = slice(start, start + count)
                self.keys[b, :, place] = keys[b, :, rows - count :]
                self.values[b, :, place] = values[b, :, rows - count :]
        if self.encoder is not None:
            self.encode(keys, step)
        self.seen = step.seen + rows
        return step

    def encode(self, keys: torch.Tensor, step: Step) -> None:
        keys = keys if keys.stride(-1) == 1 else keys.contiguous()
        if step.whole:
            kernels.encode_keys(keys, self.encoder, self.codes, step.starts)
            return
        for b, count in enumerate(step.counts):
            part = slice(b, b + 1)
            new = keys[part, :, step.rows - count :]
            kernels.encode_keys(new, self.encoder, self.codes[part], step.starts[part])

    def reserve(self, keys: int) -> None:
        """Room for so many keys, at least half as many again as before when there was too little."""
        have = self.keys.shape[2]
        if keys <= have:
            return
        wanted = max(keys, self.capacity, have + have // 2)
        wanted = -(-wanted // PLANE) * PLANE
        self.keys, self.values = (grown(x, wanted) for x in (self.keys, self.values))
        if self.codes is not None:
            self.codes = grown(self.codes, wanted // PLANE)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.seen + query_length, 0

    def get_seq_length(self) -> int:
        """Positions so far, padding included: what transformers counts by."""
        return self.seen

    def get_max_length(self) -> int:
        return -1

    def crop(self, tokens_to_remove: int) -> None:
        self.seen -= abs(tokens_to_remove)

    def reset(self) -> None:
        self.keys = self.values = self.codes = None
        self.seen, self.waiting, self.is_initialized = 0, False, False

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        if self.is_initialized:
            with torch.inference_mode(False):
                self.keys, self.values = self.keys[indices], self.values[indices]
                self.codes = None if self.codes is None else self.codes[indices]

    reorder_cache = batch_select_indices


class DashKVCache(Cache):
    """A cache for one batch of sequences of a model with attn_implementation="dashkv".

    model: the model, or its config. Raises EncoderError when the encoder was made for another one, ValueError when the
    model has attention that is not causal over all keys. tiering: see `dashkv.kernels.Tiering`. capacity: keys a
    sequence to make room for at once, when it is known.
    """

    def __init__(self, model: object, encoder: Encoder, tiering: Tiering | str = "default", capacity: int = 0):
        encoder.check(model)
        check_attention(getattr(model, "config", model))
        self.tiering = Tiering.parse(tiering) if isinstance(tiering, str) else tiering
        self.sequences = Sequences()
        layers = []
        for index in range(encoder.model["layers"]):
            layer = None if index in encoder.dense_layers else kernels.Layer.of(encoder, index)
            if layers and layer is not None:
                layers[-1].keeps_for_next = layer.parameters.prior_discount is not None
            layers.append(DashKVLayer(index, layer, self.tiering, self.sequences, capacity))
        super().__init__(layers=layers)

    def reset(self) -> None:
        super().reset()
        self.sequences.reset()

    def crop(self, tokens_to_remove: int) -> None:
        """Removes the last tokens of all sequences; as in transformers, their number is negative."""
        if tokens_to_remove > 0:
            raise ValueError(f"expected a negative number of tokens to crop, but got {tokens_to_remove}")
        self.sequences.crop(-tokens_to_remove)
        super().crop(tokens_to_remove)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        self.sequences.select(indices)
        super().batch_select_indices(indices)

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        self.batch_select_indices(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        if self.sequences.lengths is not None:
            self.batch_select_indices(torch.arange(len(self.sequences.lengths)).repeat_interleave(repeats))


def grown(x: torch.Tensor, size: int) -> torch.Tensor:
    """x with its third dimension grown to `size`; what is new is uninitialised.

    Outside of inference mode, in which a tensor would refuse later steps that are not in it.
    """
    with torch.inference_mode(False):
        larger = torch.empty(*x.shape[:2], size, *x.shape[3:], dtype=x.dtype)
        larger[:, :, : x.shape[2]] = x
    return larger
