"""Selectors that rank keys by hash codes: dashkv with its parts, HATA, a symmetric hash, random hyperplanes.

`Codes` runs the compiled kernels; with `compiled=False` the same choice is restated in PyTorch from docs/Dialect.md, so
that the two can be compared. The parts of the method are fields of the encoder and of the tiering: `only` leaves out
those that a row of a report does not have.
"""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor

from dashkv.encoders import Encoder, LayerEncoder, encode_keys, encode_queries
from dashkv.eval.harness import Answer, EvalError, Step, row_bytes
from dashkv.eval.selectors import Budget, Choosing, group_any, keep_top
from dashkv.kernel_text import PLANE, Tiering

PARTS = ("votes", "momentum")
ROWS = 8
"""Rows of a sequence in a kernel call. One with momentum: the prior of a sequence belongs to all its rows."""


def only(encoder: Encoder, parts: Collection[str] = ()) -> Encoder:
    """The encoder without those of PARTS that are not named. EvalError if one named was not fitted."""
    fields = {"votes": "vote_discount", "momentum": "prior_discount"}
    for part in parts:
        if all(layer is None or getattr(layer, fields[part]) is None for layer in encoder.layers):
            raise EvalError(f"expected an encoder with {fields[part]} for {part}, but it has none in any layer")
    gone = {fields[part]: None for part in PARTS if part not in parts}
    return replace(encoder, layers=[None if layer is None else replace(layer, **gone) for layer in encoder.layers])


def symmetric(encoder: Encoder) -> Encoder:
    """A packed encoder whose queries are hashed by the map of their keys, without its bias."""
    group = encoder.model["query_heads"] // encoder.model["kv_heads"]

    def same(layer: LayerEncoder) -> LayerEncoder:
        weight = np.repeat(layer.key_weight, group, axis=0)
        bias = np.zeros((len(weight), encoder.bits), np.float32)
        return LayerEncoder(layer.key_weight, layer.key_bias, [weight], [bias])

    if encoder.form != "packed" or encoder.group != 1:
        raise EvalError(
            "expected a packed encoder with a code for each query head to make symmetric, "
            f"but got a {encoder.form} one with a code for {encoder.group}"
        )
    layers = [None if layer is None else same(layer) for layer in encoder.layers]
    return replace(encoder, layers=layers, query="linear")


class Codes(Choosing):
    """The full tier of dashkv.tiered_attention (and its mid tier, if the tiering has one) with an encoder's codes.

    At equal bytes the budget's fraction shrinks or grows by what the codes weigh more or less than the reference's.
    """

    def __init__(self, name: str, budget: Budget, encoder: Encoder, compiled: bool = True, digest: str = ""):
        super().__init__(budget)
        self.name, self.encoder, self.compiled, self.digest = name, encoder, compiled, digest
        self.like_reference = encoder.bits // 8 == budget.code_bytes

    def settings(self):
        encoder = {"digest": self.digest or digest_of(self.encoder)}
        return {**super().settings(), "encoder": encoder, "compiled": self.compiled}

    def metadata(self, step):
        return self.encoder.bits // 8 * step.limits

    def tiering(self, step: Step) -> Tiering:
        """The budget's tiering at the bytes of these codes, with the vote threshold of the layer."""
        tiering, layer = self.budget.tiering, self.layer(step)
        if self.budget.equal == "bytes" and tiering.full < 1:
            spare = (self.budget.code_bytes - self.encoder.bits // 8) / row_bytes(step)
            tiering = replace(tiering, full=max(tiering.full + spare, 0.0))
        if tiering.vote_threshold is None and layer.vote_threshold is not None:
            tiering = replace(tiering, vote_threshold=layer.vote_threshold)
        return tiering

    def layer(self, step: Step) -> LayerEncoder:
        layer = self.encoder.layers[step.layer]
        if layer is None:
            raise EvalError(f"expected an encoder for layer {step.layer}, which is not dense, but there is none")
        return layer

    def attend(self, step: Step) -> Answer:
        tiering = self.tiering(step)
        if self.compiled:
            out, kept = self._compiled(step, tiering)
        else:
            chosen = self._choose(step, tiering)
            out, kept = _tiered(step, *chosen), chosen[0]
        rows, mid_rows = _counts(step, tiering)
        if kept is not None:
            rows = float(group_any(kept, step.kv_heads).sum())
        total = rows * row_bytes(step) + float(self.metadata(step).sum()) * step.kv_heads
        return Answer(out, total + mid_rows * row_bytes(step) / 2, rows, kept)

    # The compiled kernels

    def _compiled(self, step: Step, tiering: Tiering) -> tuple[Tensor, Tensor | None]:
        from dashkv import kernels

        layer = kernels.Layer(self.encoder.levels, self.encoder.group, self.encoder.activation, self.layer(step))
        planes = self._planes(step, layer)
        momentum = self.layer(step).prior_discount is not None
        out = torch.empty(*step.query.shape[:2], step.value.shape[-1])
        listed = step.wants_kept or tiering.scope == "head"
        lists = step.query.shape[0] if tiering.scope == "head" and step.wants_kept else step.kv_heads
        kept = torch.zeros(lists, step.rows, step.key.shape[1], dtype=torch.bool) if listed else None
        for begin, end, rows in _calls(step.rows, 1 if momentum else ROWS):
            count, seen = (end - begin) // rows, step.first + end
            blocks = -(-seen // PLANE)
            keys, values = (x[None, :, :seen].expand(count, -1, -1, -1) for x in (step.key, step.value))
            query, result = (x[:, begin:end].unflatten(1, (count, rows)).transpose(0, 1) for x in (step.query, out))
            codes = planes[:, :, :blocks].expand(count, -1, -1, -1, -1)
            lengths = torch.arange(step.first + begin + rows, seen + 1, rows, dtype=torch.int32)
            prior = None
            if momentum:
                prior = torch.cat([_prior(step, step.first + m, blocks * PLANE) for m in range(begin, end)])
            answer = kernels.decode(
                query, keys, values, codes, lengths, layer, tiering,
                prior=prior, want_kept=momentum, scale=step.scale, out=result,
            )  # fmt: skip
            if momentum:
                _remember(step, step.first + begin, answer[1])
            if listed:
                # The full tier does not depend on the mid tier, for which `retrieve` has no lists.
                full = replace(tiering, mid=0.0, mid_min=0)
                indices, _ = kernels.retrieve(query, codes, lengths, layer, full, prior=prior)
                _mark(kept[:, begin:end], indices.transpose(0, 1).flatten(1, 2))
        return out, kept

    def _planes(self, step: Step, layer) -> Tensor:
        """Key codes as byte planes with room to grow, up to date for all keys of the step."""
        from dashkv import kernels

        planes, done = step.state.get("planes", (None, 0))
        keys = step.key.shape[1]
        if planes is None or planes.shape[2] * PLANE < keys:
            grown = torch.zeros(
                1, step.kv_heads, -(-2 * keys // PLANE), self.encoder.bits // 8, PLANE, dtype=torch.uint8
            )
            if planes is not None:
                grown[:, :, : planes.shape[2]] = planes
            planes = grown
        if keys > done:
            starts = torch.tensor([done], dtype=torch.int32)
            kernels.encode_keys(step.key[None, :, done:].contiguous(), layer, planes, starts)
            step.state["planes"] = planes, keys
        return planes

    # The same in PyTorch

    def keep(self, step):
        return self._choose(step, self.tiering(step))[0]

    def _choose(self, step: Step, tiering: Tiering) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Full tier [Hkv or Hq, M, N] bool; mid tier and its estimated logits [Hq, M, N], if there is one."""
        layer = self.layer(step)
        codes, scale = encode_queries(self.encoder, layer, step.query.numpy())
        signed = torch.from_numpy(_signs(codes) if scale is None else codes.astype(np.float32))
        distance = self._distances(step, signed)
        final = _calibrate(step, distance, layer, tiering)
        if tiering.scope == "group":
            final = final.reshape(step.kv_heads, -1, *final.shape[1:]).sum(1)
        # Distance first, index second: no two keys are equal, which is the tie rule lowest_index.
        keys = step.key.shape[1]
        order = step.hide(-(final.to(torch.int64) * keys + torch.arange(keys)), torch.iinfo(torch.int64).min)
        forced = self.budget.forced(step)
        budget = Budget(tiering)
        rows = budget.rows(step.limits)
        full = keep_top(order, forced, rows)
        if layer.prior_discount is not None:
            _remember(step, step.first, full.any(0))
        if not (tiering.mid or tiering.mid_min):
            return full, None, None
        mid = keep_top(order, forced, rows + mid_rows(tiering, step.limits)) & ~full
        return full, mid, _estimate(step, distance, signed, scale, layer)

    def _distances(self, step: Step, signed: Tensor) -> Tensor:
        """D of signed weights [Hc, M, L]: [Hc, M, N] f32, whole numbers."""
        bits = step.state.get("bits", torch.empty(step.kv_heads, 0, self.encoder.bits))
        if bits.shape[1] < step.key.shape[1]:
            fresh = encode_keys(self.layer(step), step.key[:, bits.shape[1] :].numpy())
            unpacked = np.unpackbits(fresh, axis=-1, bitorder="little").astype(np.float32)
            bits = step.state["bits"] = torch.cat([bits, torch.from_numpy(unpacked)], 1)
        folded = signed.reshape(step.kv_heads, -1, signed.shape[-1])
        # |w| [k != (w > 0)] is w where the bit should be 1, minus w k.
        distance = folded.clamp(min=0).sum(-1, keepdim=True) - folded @ bits.mT
        return distance.reshape(len(signed), step.rows, -1)


class RandomPlanes(Codes):
    """Random hyperplanes through the mean of the prefix's keys (LSH), packed, one code a query head; nothing is
    trained."""

    def __init__(self, budget: Budget, model: dict, bits: int = 64, seed: int = 0, compiled: bool = True):
        super().__init__(
            f"random hyperplanes, {bits} bits", budget, Encoder.random(model, "packed", bits, seed), compiled
        )

    def layer(self, step):
        if "centred" not in step.state:
            layer = self.encoder.layers[step.layer]
            mean = step.prefix.keys[step.layer].mean(1).numpy()
            bias = -np.einsum("hd,hdl->hl", mean, layer.key_weight).astype(np.float32)
            step.state["centred"] = replace(layer, key_bias=bias)
        return step.state["centred"]


def digest_of(encoder: Encoder) -> str:
    """SHA-256 of the arrays of an encoder and of what it says about itself but for its training."""
    digest = hashlib.sha256(repr((encoder.form, encoder.bits, encoder.levels, encoder.activation)).encode())
    for layer in encoder.layers:
        for name, value in sorted(asdict(layer).items()) if layer else ():
            for array in value if isinstance(value, list) else [value]:
                digest.update(name.encode())
                digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def mid_rows(tiering: Tiering, limits: np.ndarray) -> np.ndarray:
    """Keys of the mid tier, before it is known how many candidates are left."""
    rows = np.maximum(-(-round(tiering.mid * 1_000_000) * limits // 1_000_000), tiering.mid_min)
    return rows if tiering.mid_max is None else np.minimum(rows, tiering.mid_max)


def _counts(step: Step, tiering: Tiering) -> tuple[float, float]:
    """Rows of the full and the mid tier over all rows and lists of scope group, as the semantics count them."""
    forced = np.minimum(tiering.sinks + tiering.window, step.limits)
    full = np.minimum(Budget(tiering).rows(step.limits), step.limits - forced)
    mid = np.minimum(mid_rows(tiering, step.limits), step.limits - forced - full)
    return float((forced + full).sum()) * step.kv_heads, float(mid.sum()) * step.kv_heads


def _calls(rows: int, together: int) -> list[tuple[int, int, int]]:
    """Begin, end and rows of a sequence of the kernel calls for a block of rows: each is a batch of sequences that
    share keys and values, of `together` rows, and what is left over is one of its own."""
    whole = rows // together * together
    calls = [(0, whole, together), (whole, rows, rows - whole)]
    return [call for call in calls if call[0] < call[1]]


def _mark(kept: Tensor, indices: Tensor) -> None:
    """Sets kept [H, M, N] at lists of indices [H or H * G, M, C] that end with -1."""
    marked = torch.zeros(*kept.shape[:2], kept.shape[2] + 1, dtype=torch.bool)
    for part in indices.unflatten(0, (len(kept), -1)).unbind(1):
        marked.scatter_(2, torch.where(part < 0, kept.shape[2], part).long(), True)
    kept |= marked[..., :-1]


def _signs(packed: np.ndarray) -> np.ndarray:
    return 2 * np.unpackbits(packed, axis=-1, bitorder="little").astype(np.float32) - 1


def _prior(step: Step, position: int, size: int) -> Tensor:
    """Keys [1, size] that the layer before attended exactly at a row, none after a dense layer."""
    layer, kept = step.state["shared"].get(position, (None, None))
    prior = torch.zeros(1, size, dtype=torch.bool)
    if layer == step.layer - 1:
        prior[0, : kept.shape[-1]] = kept
    return prior


def _remember(step: Step, position: int, kept: Tensor) -> None:
    """Stores kept [rows, N] of this layer for the next: row m is at position + m."""
    for row, keys in enumerate(kept):
        step.state["shared"][position + row] = step.layer, keys.clone()


def _calibrate(step: Step, distance: Tensor, layer: LayerEncoder, tiering: Tiering) -> Tensor:
    """D_final [Hc, M, N], whole numbers in i32."""
    final = distance.to(torch.int32) << tiering.bits_fraction
    if layer.vote_discount is not None:
        if layer.radius is not None:
            radius = torch.from_numpy(layer.radius)[:, None, None]
        else:
            share = tiering.full if tiering.vote_fraction is None else tiering.vote_fraction
            counts = -(-round(share * 1_000_000) * step.limits // 1_000_000)
            visible = step.hide(distance.clone(), torch.inf).numpy()
            radius = np.stack([_kth(visible[:, m], count) for m, count in enumerate(counts)], 1)
            radius = torch.from_numpy(radius)[:, :, None]
        votes = (distance <= radius).sum(0)
        threshold = len(distance) // 3 if tiering.vote_threshold is None else tiering.vote_threshold
        discount = torch.from_numpy(layer.vote_discount.astype(np.int32))[:, None, None]
        final -= discount * (votes > threshold)
    if layer.prior_discount is not None:
        keys = step.key.shape[1]
        prior = torch.cat([_prior(step, step.first + m, keys) for m in range(step.rows)])
        final -= torch.from_numpy(layer.prior_discount.astype(np.int32))[:, None, None] * prior
    return final


def _kth(values: np.ndarray, count: int) -> np.ndarray:
    """The count-th smallest along the last axis, -1 when count is 0."""
    if count == 0:
        return np.full(values.shape[:-1], -1, np.float32)
    return np.partition(values, count - 1, axis=-1)[..., count - 1]


def _estimate(step: Step, distance: Tensor, signed: Tensor, scale: np.ndarray | None, layer: LayerEncoder) -> Tensor:
    """Logits from codes alone, [Hq, M, N]."""
    if layer.temperature is None or layer.residual_weights is not None:
        raise EvalError(
            "expected an encoder with temperature and bias, and at most a table as residual, for a mid tier"
        )
    per_code = step.query.shape[0] // len(signed)
    dot = signed.abs().sum(-1, keepdim=True) - 2 * distance
    if scale is not None:
        dot = dot * torch.from_numpy(scale)[..., None]
    temperature, bias = (torch.from_numpy(x)[:, None, None] for x in (layer.temperature, layer.bias))
    logits = temperature * dot.repeat_interleave(per_code, 0) + bias
    if layer.table is not None:
        index = distance.repeat_interleave(per_code, 0).long()
        table = torch.from_numpy(layer.table).expand(step.query.shape[0], -1)
        logits += torch.stack([row[i] for row, i in zip(table, index, strict=True)])
    return logits


def _tiered(step: Step, full: Tensor, mid: Tensor | None, estimated: Tensor | None) -> Tensor:
    """One softmax over exact logits of the full tier and estimated ones of the mid tier."""
    shape = (step.kv_heads, step.group, *step.logits.shape[1:])
    logits = step.logits.reshape(shape).masked_fill(~_by_group(full, step), -torch.inf)
    if mid is not None:
        logits = torch.where(_by_group(mid, step), estimated.reshape(shape), logits)
    return step.mix(torch.softmax(logits, -1).nan_to_num_(0.0).reshape(step.logits.shape))


def _by_group(kept: Tensor, step: Step) -> Tensor:
    """[Hkv or Hq, M, N] as [Hkv, 1 or G, M, N]."""
    return kept.reshape(step.kv_heads, -1, *kept.shape[1:])
