"""The standard steps of a model that keeps key codes, on NumPy arrays and CPU tensors of PyTorch.

    layer = Layer.of(encoder, index)                       encoders of one layer
    codes = encode_keys(k, layer)                          codes of all keys of a prefill
    encode_keys(k_new, layer, codes, starts)               codes of new keys, in place
    out = decode(q, k, v, codes, lengths, layer, tiering)  tiered attention of M new rows
    out = attention(q, k, v, lengths)                      exact attention

Symbols as in docs/Dialect.md: q [B,Hq,M,D], k [B,Hkv,N,D], v [B,Hkv,N,Dv] of one type (f32, f16 or bf16), lengths [B]
i32; row m of sequence b sees `lengths[b] - M + 1 + m` keys. Only the innermost stride has to be 1, so caches with room
to grow and transposed heads are read where they are. Key codes are byte planes [B,Hkv,ceil(N/64),L/8,64], or key-major
[B,Hkv,N,L/8].

The MLIR of a kernel (`dashkv.kernel_text`) is compiled when it is first needed, for this CPU, and kept as long as the
process. Arrays that do not fit raise TypeError (type, device) or ValueError (sizes, strides); what the compiler refuses
raises dashkv.Error.
"""

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashkv import kernel_text
from dashkv.compiler import compile as compile_module
from dashkv.encoders import Encoder, LayerEncoder
from dashkv.kernel_text import PLANE, Encoding, Extras, Heads, Tiering

Array = Any  # a NumPy array or a CPU tensor of PyTorch
FLOATS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}

_workers = 1


def set_num_workers(count: int) -> None:
    """Threads that each call keeps busy, 1 to begin with. Kernels of another number are compiled anew."""
    global _workers
    if count < 1:
        raise ValueError(f"expected at least one worker, but got {count}")
    _workers = count


def num_workers() -> int:
    return _workers


@dataclass(frozen=True, eq=False)
class Layer:
    """Encoders of one layer, with what the whole model has in common.

    levels is 1 for packed query codes, W for weighted ones; group the query heads of a code (1 or G); activation that
    of an mlp. The arrays of `parameters` are NumPy arrays, or CPU tensors in the same shapes.
    """

    levels: int
    group: int
    activation: str
    parameters: LayerEncoder

    @classmethod
    def of(cls, encoder: Encoder, index: int) -> "Layer":
        """Layer `index` of a model's encoder. Raises ValueError when there is no such layer, or no encoder for it."""
        if not 0 <= index < len(encoder.layers):
            raise ValueError(f"expected a layer of 0 to {len(encoder.layers) - 1}, but got {index}")
        if encoder.layers[index] is None:
            raise ValueError(f"expected a layer with an encoder, but layer {index} is dense")
        return cls(encoder.levels, encoder.group, encoder.activation, encoder.layers[index])

    @property
    def bits(self) -> int:
        return self.parameters.query_biases[-1].shape[-1]

    @property
    def query_heads(self) -> int:
        return self.parameters.query_biases[0].shape[0] * self.group

    @functools.cached_property
    def query_encoder(self) -> tuple:
        return (*self.parameters.query_weights, *self.parameters.query_biases)

    @functools.cached_property
    def residual(self) -> tuple:
        """The table, or weights and biases of the residual mlp."""
        layer = self.parameters
        if layer.residual_weights:
            return (*layer.residual_weights, *layer.residual_biases)
        return () if layer.table is None else (layer.table,)

    @functools.cached_property
    def residual_shapes(self) -> tuple:
        return tuple(tuple(x.shape) for x in self.parameters.residual_weights or self.residual)

    @functools.cached_property
    def _encodings(self) -> tuple[Encoding, Encoding]:
        weights = tuple(tuple(x.shape) for x in self.parameters.query_weights)
        parts = (self.bits, self.levels, self.group, weights, self.activation)
        return Encoding(*parts, False), Encoding(*parts, True)

    def encoding(self, planes: bool) -> Encoding:
        return self._encodings[planes]

    def tiering(self, tiering: Tiering | str) -> Tiering:
        """The tiering with the vote threshold that was fitted for this layer, unless it gives one itself."""
        tiering = _parsed(tiering) if isinstance(tiering, str) else tiering
        if tiering.vote_threshold is None and self.parameters.vote_threshold is not None:
            return replace(tiering, vote_threshold=self.parameters.vote_threshold)
        return tiering


def encode_keys(k: Array, layer: Layer, codes: Array | None = None, starts: Array | None = None) -> Array:
    """Codes of the keys k [B,Hkv,M,D], after rotary embedding; returns `codes`.

    Without `codes` these are new byte planes [B,Hkv,ceil(M/64),L/8,64]. With them, key m of sequence b becomes key
    `starts[b] + m` of `codes`; starts [B] i32, 0 when absent.
    """
    batch, kv, rows, _ = _rank4("k", k)
    if codes is None:
        codes = _empty(k, (batch, kv, -(-rows // PLANE), layer.bits // 8, PLANE), "uint8")
        codes[...] = 0
    if starts is None:
        starts = np.zeros(batch, np.int32)
    write_codes(k, layer.parameters.key_weight, layer.parameters.key_bias, codes, starts)
    return codes


def write_codes(k: Array, weight: Array, bias: Array, codes: Array, starts: Array) -> None:
    """`encode_keys` of an encoder that is given as weight [Hkv,D,L] and bias [Hkv,L], both f32."""
    batch, kv, rows, size = _rank4("k", k)
    _check("k", k, FLOATS, (batch, kv, rows, size))
    bits = weight.shape[-1]
    if tuple(weight.shape) != (kv, size, bits):
        wanted, wanted_size = weight.shape[:2]
        raise ValueError(
            f"expected {wanted} KV heads of size {wanted_size}, for which the encoder was made, but got {kv} of {size}"
        )
    planes = _check_codes(codes, bits, batch, kv)
    _check("starts", starts, ("int32",), (batch,))
    room = codes.shape[2] * (PLANE if planes else 1)
    if batch and (int(starts.min()) < 0 or int(starts.max()) + rows > room):
        first, last = int(starts.min()), int(starts.max())
        raise ValueError(
            f"expected {rows} keys to fit into {room} from a start of 0 on, but starts are {first} to {last}"
        )
    _kernel("encode_keys", FLOATS[_dtype(k)], kv, size, bits, planes)(k, weight, bias, starts, codes)


def decode(
    q: Array,
    k: Array,
    v: Array,
    codes: Array,
    lengths: Array,
    layer: Layer,
    tiering: Tiering | str,
    *,
    prior: Array | None = None,
    want_kept: bool = False,
    scale: float | None = None,
    out: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Tiered attention: out [B,Hq,M,Dv], and with `want_kept` which keys a full list held, bool [B,N'].

    Queries are encoded by `layer`. prior: `kept` of the previous layer, of use when the layer has prior discounts. N' is
    NB * 64 with byte planes, else N. scale: 1/sqrt(D) when absent. out: where the result goes.
    """
    heads = _heads(q, k, v)
    planes, extras, given = _check_step(q, codes, lengths, layer, heads, prior, k.shape[2])
    tiering = layer.tiering(tiering)
    if tiering.mid or tiering.mid_min:
        if layer.parameters.temperature is None:
            raise ValueError("expected an encoder with temperature and bias for the mid tier, but it has none")
        extras = replace(extras, residual=layer.residual_shapes)
        given += [layer.parameters.temperature, layer.parameters.bias, *layer.residual]
    out = _output(q, heads, out)
    given.append(out)
    if want_kept:
        kept = _empty(q, (q.shape[0], codes.shape[2] * (PLANE if planes else 1)), "bool")
        given.append(kept)
    _kernel("decode", heads, layer.encoding(planes), extras, tiering, scale, want_kept)(q, k, v, codes, lengths, *given)
    return (out, kept) if want_kept else out


def retrieve(
    q: Array, codes: Array, lengths: Array, layer: Layer, tiering: Tiering | str, *, prior: Array | None = None
) -> tuple[Array, Array]:
    """Lists of the full tier: indices [B,Hl,M,C] i32, ascending and then -1, and counts [B,Hl,M] i32.

    Hl is Hkv in scope group, Hq in scope head; C is the most that a list can hold at this N.
    """
    batch, query, rows, size = _rank4("q", q)
    _check("q", q, FLOATS, (batch, query, rows, size))
    heads = Heads(FLOATS[_dtype(q)], query, codes.shape[1], size, size)
    planes, extras, given = _check_step(q, codes, lengths, layer, heads, prior, None)
    tiering = replace(layer.tiering(tiering), mid=0.0, mid_min=0)
    keys = codes.shape[2] * (PLANE if planes else 1)
    shape = (batch, heads.query if tiering.scope == "head" else heads.kv, rows)
    indices, counts = _empty(q, (*shape, tiering.capacity(keys)), "int32"), _empty(q, shape, "int32")
    _kernel("retrieve", heads, layer.encoding(planes), extras, tiering)(q, codes, lengths, *given, indices, counts)
    return indices, counts


def attention(
    q: Array,
    k: Array,
    v: Array,
    lengths: Array,
    causal: bool = True,
    scale: float | None = None,
    out: Array | None = None,
) -> Array:
    """Exact attention [B,Hq,M,Dv] over the first lengths[b] keys; causal as in `decode`, bottom-right."""
    heads = _heads(q, k, v)
    _check_lengths(lengths, q.shape[0], k.shape[2])
    out = _output(q, heads, out)
    _kernel("attention", heads, causal, scale)(q, k, v, lengths, out)
    return out


def _kernel(name: str, *parameters: Any) -> Any:
    return _compiled(_workers, name, *parameters)


@functools.cache
def _compiled(workers: int, name: str, *parameters: Any) -> Any:
    """The kernel of a step. All parameters are hashable: they are its key."""
    return compile_module(getattr(kernel_text, name)(*parameters), workers=workers)


@functools.cache
def _parsed(text: str) -> Tiering:
    return Tiering.parse(text)


def _rank4(name: str, array: Array) -> tuple[int, int, int, int]:
    if array.ndim != 4:
        raise ValueError(f"expected {name} of rank 4, but got {list(array.shape)}")
    return tuple(array.shape)


def _heads(q: Array, k: Array, v: Array) -> Heads:
    """Attention shape of arrays that fit each other."""
    batch, kv, keys, size = _rank4("k", k)
    _, query, rows, _ = _rank4("q", q)
    value_size = _rank4("v", v)[3]
    _check("k", k, FLOATS, (batch, kv, keys, size))
    same = (_dtype(k),)
    _check("q", q, same, (batch, query, rows, size))
    _check("v", v, same, (batch, kv, keys, value_size))
    if query % kv:
        raise ValueError(f"expected query heads that are a multiple of {kv} KV heads, but got {query}")
    return Heads(FLOATS[same[0]], query, kv, size, value_size)


def _check_step(
    q: Array, codes: Array, lengths: Array, layer: Layer, heads: Heads, prior: Array | None, keys: int | None
) -> tuple[bool, Extras, list]:
    """Whether codes are byte planes, which optional operands there are, and the arguments after the lengths."""
    parameters, batch = layer.parameters, q.shape[0]
    _check_encoder(layer, heads)
    planes = _check_codes(codes, layer.bits, batch, heads.kv)
    blocks = codes.shape[2]
    wanted = blocks if keys is None else -(-keys // PLANE) if planes else keys
    if blocks != wanted:
        what = "blocks of 64 keys" if planes else "keys"
        raise ValueError(f"expected codes of {wanted} {what} for {keys} keys, but got {blocks}")
    _check_lengths(lengths, batch, blocks * (PLANE if planes else 1) if keys is None else keys)
    given = [*layer.query_encoder]
    with_prior = prior is not None and parameters.prior_discount is not None
    votes = parameters.vote_discount is not None
    if prior is not None:
        _check("prior", prior, ("bool",), (batch, blocks * (PLANE if planes else 1)))
    if with_prior:
        given.append(prior)
    if votes:
        given.append(parameters.vote_discount)
    if with_prior:
        given.append(parameters.prior_discount)
    radius = votes and parameters.radius is not None
    if radius:
        given.append(parameters.radius)
    return planes, Extras(votes=votes, radius=radius, prior=with_prior), given


def _check_encoder(layer: Layer, heads: Heads) -> None:
    """An encoder of another model would read past its weights, or past the queries."""
    made_for = layer.query_heads, layer.parameters.query_weights[0].shape[1] // layer.group
    if made_for != (heads.query, heads.size):
        raise ValueError(
            f"expected {made_for[0]} query heads of size {made_for[1]}, for which the encoder was made, but got "
            f"{heads.query} of {heads.size}"
        )


def _check_codes(codes: Array, bits: int, batch: int, kv: int) -> bool:
    """Whether they are byte planes."""
    if codes.ndim not in (4, 5):
        raise ValueError(f"expected codes of rank 5 (byte planes) or 4 (key-major), but got {list(codes.shape)}")
    planes = codes.ndim == 5
    tail = (bits // 8, PLANE) if planes else (bits // 8,)
    _check("codes", codes, ("uint8", "int8"), (batch, kv, codes.shape[2], *tail))
    return planes


def _check_lengths(lengths: Array, batch: int, keys: int) -> None:
    _check("lengths", lengths, ("int32",), (batch,))
    if batch and (int(lengths.min()) < 0 or int(lengths.max()) > keys):
        raise ValueError(f"expected lengths of 0 to {keys} keys, but got {lengths.tolist()}")


def _output(q: Array, heads: Heads, out: Array | None) -> Array:
    shape = (q.shape[0], heads.query, q.shape[2], heads.value_size)
    if out is None:
        return _empty(q, shape, _dtype(q))
    _check("out", out, (_dtype(q),), shape)
    return out


def _check(name: str, array: Array, dtypes: Any, shape: tuple[int, ...]) -> None:
    """Raises unless the array is on the CPU, of one of the types and of the shape, with rows that are contiguous."""
    device = getattr(array, "device", "cpu")
    if device != "cpu" and str(device) != "cpu":
        raise TypeError(f"expected {name} on the CPU, but it is on {device}")
    dtype = _dtype(array)
    if dtype not in dtypes:
        raise TypeError(f"expected {name} of {' or '.join(dtypes)}, but got {dtype}")
    if array.shape != shape:
        raise ValueError(f"expected {name} {list(shape)}, but got {list(array.shape)}")
    stride = array.stride(-1) if hasattr(array, "data_ptr") else array.strides[-1] // array.itemsize
    if stride != 1 and shape[-1] > 1 and 0 not in shape:  # strides of empty arrays say nothing
        raise ValueError(f"expected {name} with neighbours in its last dimension, but their stride is {stride}")


def _dtype(array: Array) -> str:
    return _dtype_name(array.dtype)


@functools.cache
def _dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _empty(like: Array, shape: tuple[int, ...], dtype: str) -> Array:
    """An uninitialised array of the same library."""
    if hasattr(like, "data_ptr"):
        import torch

        return torch.empty(shape, dtype=getattr(torch, dtype))
    return np.empty(shape, like.dtype if dtype == _dtype(like) else dtype)
