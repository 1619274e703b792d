"""Trained hash encoders of a whole model: what a layer needs, the file it lives in, and the codes it gives.

Shapes use the symbols of docs/Dialect.md: Hq query heads, Hkv KV heads, G = Hq / Hkv, D the head size, L bits, Hc heads
of the query codes. A query encoder reads one head (`group` 1, Hc = Hq, the paper's form) or the G heads of a KV head
together (`group` G, Hc = Hkv, ours). `encode_keys` and `encode_queries` restate dashkv.hash_encode in NumPy; nothing
here needs PyTorch.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from dashkv import reference

SCHEMA = 1
FORMAT = "dashkv-encoder"
ACTIVATIONS = ("relu", "silu", "tanh")
MLP_MAPS = 3  # of every mlp in the dialect
SIZES = ("layers", "query_heads", "kv_heads", "head_size")


class EncoderError(ValueError):
    """An encoder file that is damaged, of another schema, or made for another model."""


@dataclass
class LayerEncoder:
    """Encoders of one layer, and the parameters that a second stage fits with the codes frozen (None: not fitted).

    A key code bit is `k W + b > 0`, one W per KV head. A query encoder is a chain of linear maps, one chain per code
    head: a single map (`linear`), or several with the model's activation between them (`mlp`).
    """

    key_weight: np.ndarray  # [Hkv, D, L] f32
    key_bias: np.ndarray  # [Hkv, L] f32
    query_weights: list[np.ndarray]  # each [Hc, in, out] f32; the first in is group * D, the last out is L
    query_biases: list[np.ndarray]  # each [Hc, out] f32
    vote_discount: np.ndarray | None = None  # [Hc] i16, in 1/2^r of a distance step
    vote_threshold: int | None = None  # votes that must be exceeded
    radius: np.ndarray | None = None  # [Hc] i32, distances that count as a vote
    prior_discount: np.ndarray | None = None  # [Hc] i16
    temperature: np.ndarray | None = None  # [Hq] f32, natural-log units per unit of code_scale * dot
    bias: np.ndarray | None = None  # [Hq] f32
    table: np.ndarray | None = None  # [Hq, L + 1] f32 (packed) or [Hq, 128] (weighted), indexed by the distance
    residual_weights: list[np.ndarray] | None = (
        None  # [Hq, 2 L, h1], [Hq, h1, h2], [Hq, h2, 1] f32, on the signs of q, k
    )
    residual_biases: list[np.ndarray] | None = None  # [Hq, h1], [Hq, h2], [Hq, 1] f32


@dataclass
class Encoder:
    """Encoders of a model. `model` is the fingerprint that dashkv.models.fingerprint gives."""

    form: str  # "packed": query codes are L bits; "weighted": L signed bytes
    bits: int  # L
    levels: int  # largest weight of a query code, 1 when packed
    group: int  # query heads that one query code serves: 1 or G
    query: str  # "linear" or "mlp"
    activation: str  # of an mlp query encoder and of the residual
    model: dict
    layers: list[LayerEncoder | None]  # None only in a dense layer
    dense_layers: tuple[int, ...] = ()  # layers that keep exact attention
    training: dict = field(default_factory=dict)  # how it was made: seed, steps, text, losses, versions

    @property
    def code_heads(self) -> int:
        """Hc, heads of the query codes."""
        return self.model["query_heads"] // self.group

    def save(self, path: str | Path) -> None:
        """Writes a safetensors file. Weights are stored as f16 where that loses nothing. Replaces `path` at once."""
        save_file = _safetensors().numpy.save_file
        self.validate()
        path = Path(path)
        header = {name: getattr(self, name) for name in _HEADER_FIELDS}
        header["vote_thresholds"] = [None if layer is None else layer.vote_threshold for layer in self.layers]
        header["schema"] = SCHEMA
        tensors = {
            f"layers.{index}.{name}": _smallest(array)
            for index, layer in enumerate(self.layers)
            if layer is not None
            for name, array in _arrays(layer).items()
        }
        header["sha256"] = _digest(tensors)
        # One entry: safetensors writes several in an order that differs from run to run.
        metadata = {FORMAT: json.dumps(header, sort_keys=True)}
        handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        os.close(handle)
        try:
            save_file(tensors, temporary, metadata)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    @staticmethod
    def load(path: str | Path) -> "Encoder":
        """Reads and checks a file of `save`. FileNotFoundError if there is none, EncoderError if it is not sound."""
        safetensors = _safetensors()
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"expected an encoder file, but there is none at {path}")
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        except (safetensors.SafetensorError, OSError, TypeError, ValueError) as error:
            raise EncoderError(f"{path}: expected a safetensors file, but it is damaged: {error}") from error
        try:
            return _from_tensors(metadata, tensors)
        except EncoderError as error:
            raise EncoderError(f"{path}: {error}") from error

    def validate(self) -> None:
        """Checks every field against the others. Raises EncoderError with the first that does not fit."""
        _validate_header(self)
        for index, layer in enumerate(self.layers):
            if layer is not None:
                _validate_layer(self, index, layer)
            elif index not in self.dense_layers:
                raise EncoderError(f"expected an encoder for layer {index}, which is not dense, but there is none")

    def check(self, model: object) -> None:
        """Raises EncoderError unless the encoder was made for `model`: a fingerprint, a Hugging Face model or a config.

        Sizes and the rotary base are compared, and of models and fingerprints the hash of the q and k weights as well
        when their dtype is that of the trained model.
        """
        if not isinstance(model, dict):
            from dashkv.models import fingerprint

            model = fingerprint(model)
        for name in ("model_type", *SIZES, "rope_theta"):
            if name in model and model[name] != self.model[name]:
                raise EncoderError(
                    f"expected an encoder for a model with {name} = {model[name]}, "
                    f"but this one was made for {name} = {self.model[name]}"
                )
        theirs, ours = model.get("weights"), self.model.get("weights")
        comparable = theirs and ours and model.get("dtype") == self.model.get("dtype")
        if comparable and theirs != ours:
            raise EncoderError(
                f"expected an encoder made for q and k weights with SHA-256 {theirs[:12]}, but this one was made for "
                f"{ours[:12]}: another model of the same sizes"
            )

    @staticmethod
    def random(
        model: dict,
        form: str = "weighted",
        bits: int = 64,
        seed: int = 0,
        levels: int = 7,
        key_means: np.ndarray | None = None,
    ) -> "Encoder":
        """Random hyperplanes, the same for queries and keys: a baseline, and a stand-in where nothing is trained.

        Packed: one code a query head. Weighted: the sum of a group's projections. `key_means` [layers, Hkv, D] centres
        the keys; without it the planes pass through the origin.
        """
        rng = np.random.default_rng(seed)
        layers, heads, kv_heads, size = (model[name] for name in SIZES)
        group = heads // kv_heads
        result = []
        for index in range(layers):
            planes = rng.standard_normal((kv_heads, size, bits)).astype(np.float32) / np.float32(np.sqrt(size))
            mean = np.zeros((kv_heads, size), np.float32) if key_means is None else key_means[index]
            per_code = np.repeat(planes, group, axis=0) if form == "packed" else np.tile(planes, (1, group, 1))
            result.append(
                LayerEncoder(
                    planes,
                    -np.einsum("hd,hdl->hl", mean, planes).astype(np.float32),
                    [per_code],
                    [np.zeros((len(per_code), bits), np.float32)],
                )
            )
        packed = form == "packed"
        encoder = Encoder(
            form, bits, 1 if packed else levels, 1 if packed else group, "linear", "relu", dict(model), result
        )
        encoder.training = {"method": "random hyperplanes", "seed": seed, "centred": key_means is not None}
        encoder.validate()
        return encoder


def encode_keys(layer: LayerEncoder, key: np.ndarray) -> np.ndarray:
    """Packed codes [..., Hkv, N, L/8] u8 of keys [..., Hkv, N, D] (after rotary embedding, any float type)."""
    return reference.pack(reference.linear(key, layer.key_weight, layer.key_bias))


def encode_queries(encoder: Encoder, layer: LayerEncoder, query: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Codes of queries [..., Hq, M, D] and their code_scale.

    Packed: [..., Hc, M, L/8] u8 and None. Weighted: [..., Hc, M, L] i8 and [..., Hc, M] f32.
    """
    z = query_values(encoder, layer, query)
    return (reference.pack(z), None) if encoder.form == "packed" else reference.weigh_with_scale(z, encoder.levels)


def query_values(encoder: Encoder, layer: LayerEncoder, query: np.ndarray) -> np.ndarray:
    """z [..., Hc, M, L] f32, whose signs and sizes become the code of queries [..., Hq, M, D]."""
    *batch, heads, rows, size = query.shape
    grouped = query.reshape(*batch, heads // encoder.group, encoder.group, rows, size).swapaxes(-3, -2)
    x = grouped.reshape(*batch, heads // encoder.group, rows, encoder.group * size)
    return run_chain(x, layer.query_weights, layer.query_biases, encoder.activation)


def run_chain(x: np.ndarray, weights: list[np.ndarray], biases: list[np.ndarray], activation: str) -> np.ndarray:
    """Linear maps [H, in, out] on x [..., H, rows, in], with the activation between them, in f32."""
    z = reference.linear(x, weights[0], biases[0])
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        z = reference.linear(_activate(z, activation), weight, bias)
    return z


def _activate(z: np.ndarray, activation: str) -> np.ndarray:
    if activation == "relu":
        return np.maximum(z, 0)
    return np.tanh(z) if activation == "tanh" else z / (1 + np.exp(-z))


# The file: one tensor an array, named layers.<index>.<field>[.<position in a list>], and a JSON header in the metadata.

_HEADER_FIELDS = [item.name for item in fields(Encoder) if item.name != "layers"]
_LISTS = ("query_weights", "query_biases", "residual_weights", "residual_biases")
_INTEGERS = {"vote_discount": np.int16, "prior_discount": np.int16, "radius": np.int32}
_ARRAY_FIELDS = [item.name for item in fields(LayerEncoder) if item.name != "vote_threshold"]


def _safetensors():
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("encoder files need the package safetensors: pip install dashkv[torch]") from error
    return safetensors


def _arrays(layer: LayerEncoder) -> dict[str, np.ndarray]:
    """The arrays of a layer by their name in the file."""
    arrays = {}
    for name in _ARRAY_FIELDS:
        value = getattr(layer, name)
        if name in _LISTS:
            arrays |= {f"{name}.{position}": array for position, array in enumerate(value or [])}
        elif value is not None:
            arrays[name] = value
    return arrays


def _smallest(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else array


def _digest(tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 of the bytes of tensors in the order of their names: shapes and dtypes are checked by themselves."""
    digest = hashlib.sha256()
    for _, array in sorted(tensors.items()):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _from_tensors(metadata: dict, tensors: dict[str, np.ndarray]) -> Encoder:
    if FORMAT not in metadata:
        raise EncoderError(f"expected metadata {FORMAT}, but got {', '.join(metadata) or 'none'}")
    try:
        header = json.loads(metadata[FORMAT])
        if header.pop("schema") != SCHEMA:
            raise EncoderError(f"expected schema {SCHEMA}, but got {json.loads(metadata[FORMAT])['schema']}")
        digest = header.pop("sha256")
        thresholds = header.pop("vote_thresholds")
        header["dense_layers"] = tuple(header["dense_layers"])
        encoder = Encoder(**header, layers=[])
        _validate_header(encoder, layers=False)
        count = encoder.model["layers"]
        if len(thresholds) != count:
            raise EncoderError(f"expected {count} vote thresholds, but got {len(thresholds)}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, EncoderError):
            raise
        raise EncoderError(f"expected a header with {', '.join(_HEADER_FIELDS)}, but it is damaged: {error}") from error
    found = [{} for _ in range(count)]
    for name, array in tensors.items():
        _, _, rest = name.partition("layers.")
        index, _, item = rest.partition(".")
        if not index.isdecimal() or int(index) >= count or item.partition(".")[0] not in _ARRAY_FIELDS:
            raise EncoderError(f"expected tensors of layers 0 to {count - 1}, but got {name}")
        if array.dtype not in (np.float16, np.float32, *_INTEGERS.values()):
            raise EncoderError(f"expected f16, f32, i16 or i32 in {name}, but got {array.dtype}")
        found[int(index)][item] = array.astype(np.float32) if array.dtype == np.float16 else array
    for index, arrays in enumerate(found):
        encoder.layers.append(_layer_from_arrays(index, arrays, thresholds[index]) if arrays else None)
    encoder.validate()
    if digest != _digest(tensors):
        raise EncoderError("expected tensors with the SHA-256 of the header, but they are damaged")
    return encoder


def _layer_from_arrays(index: int, arrays: dict[str, np.ndarray], vote_threshold: int | None) -> LayerEncoder:
    values = {"vote_threshold": vote_threshold}
    for name in _ARRAY_FIELDS:
        if name in _LISTS:
            positions = sorted(key for key in arrays if key.partition(".")[0] == name)
            if positions != [f"{name}.{i}" for i in range(len(positions))]:
                raise EncoderError(f"expected {name}.0, .1, .. in layer {index}, but got {', '.join(positions)}")
            values[name] = [arrays[key] for key in positions] or None
        elif name in arrays:
            values[name] = arrays[name]
    for name in ("key_weight", "key_bias", "query_weights", "query_biases"):
        if values.get(name) is None:
            raise EncoderError(f"expected {name} in layer {index}, but there is none")
    return LayerEncoder(**values)


def _validate_header(encoder: Encoder, layers: bool = True) -> None:
    def expect(condition, wanted, got):
        if not condition:
            raise EncoderError(f"expected {wanted}, but got {got}")

    expect(encoder.form in ("packed", "weighted"), "form packed or weighted", encoder.form)
    expect(encoder.query in ("linear", "mlp"), "a linear or mlp query map", encoder.query)
    expect(encoder.activation in ACTIVATIONS, f"an activation of {', '.join(ACTIVATIONS)}", encoder.activation)
    expect(_is_count(encoder.bits) and encoder.bits % 8 == 0 and encoder.bits <= 256, "8 to 256 bits, a multiple of 8",
           encoder.bits)  # fmt: skip
    if encoder.form == "packed":
        expect(encoder.levels == 1, "levels = 1 with packed codes", encoder.levels)
    else:
        expect(_is_count(encoder.levels) and 2 <= encoder.levels <= 15, "levels of 2 to 15", encoder.levels)
    expect(isinstance(encoder.model, dict), "a model fingerprint", type(encoder.model).__name__)
    for name in SIZES:
        expect(_is_count(encoder.model.get(name)), f"a positive {name} of the model", encoder.model.get(name))
    heads, kv_heads, count = (encoder.model[name] for name in ("query_heads", "kv_heads", "layers"))
    expect(heads % kv_heads == 0, "query heads that are a multiple of the KV heads", f"{heads} and {kv_heads}")
    expect(encoder.group in (1, heads // kv_heads), f"group 1 or {heads // kv_heads}", encoder.group)
    dense = encoder.dense_layers
    expect(all(isinstance(i, int) and 0 <= i < count for i in dense), f"dense layers of 0 to {count - 1}", dense)
    if layers:
        expect(len(encoder.layers) == count, f"encoders for {count} layers", f"{len(encoder.layers)}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _validate_layer(encoder: Encoder, index: int, layer: LayerEncoder) -> None:
    heads, kv_heads, size = (encoder.model[name] for name in ("query_heads", "kv_heads", "head_size"))
    codes, bits = encoder.code_heads, encoder.bits

    def expect(name, array, *shape):
        dtype = _INTEGERS.get(name, np.float32)
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
            got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
            raise EncoderError(f"layer {index}: expected {name} as {np.dtype(dtype)} {list(shape)}, but got {got}")
        if not np.isfinite(array).all():
            raise EncoderError(f"layer {index}: expected finite numbers in {name}, but got infinite ones or NaN")

    def expect_chain(name, weights, biases, chain_heads, first, last):
        if len(weights) != len(biases or []):
            raise EncoderError(f"layer {index}: expected as many {name} biases as weights, but got {len(biases or [])}")
        width = first
        for position, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            out = last if position == len(weights) - 1 else getattr(weight, "shape", (0,))[-1]
            expect(f"{name}_weights.{position}", weight, chain_heads, width, out)
            expect(f"{name}_biases.{position}", bias, chain_heads, out)
            width = out

    expect("key_weight", layer.key_weight, kv_heads, size, bits)
    expect("key_bias", layer.key_bias, kv_heads, bits)
    maps = len(layer.query_weights)
    if maps != (MLP_MAPS if encoder.query == "mlp" else 1):
        raise EncoderError(f"layer {index}: expected a query map of kind {encoder.query}, but got {maps} maps")
    expect_chain("query", layer.query_weights, layer.query_biases, codes, encoder.group * size, bits)
    shapes = {"vote_discount": [codes], "prior_discount": [codes], "radius": [codes], "temperature": [heads],
              "bias": [heads], "table": [heads, 128 if encoder.form == "weighted" else bits + 1]}  # fmt: skip
    for name, shape in shapes.items():
        if getattr(layer, name) is not None:
            expect(name, getattr(layer, name), *shape)
    for name in ("vote_discount", "prior_discount"):
        if getattr(layer, name) is not None and (getattr(layer, name) < 0).any():
            raise EncoderError(f"layer {index}: expected {name} of at least 0, but got {getattr(layer, name).min()}")
    if layer.residual_weights is not None:
        if len(layer.residual_weights) != MLP_MAPS:
            raise EncoderError(
                f"layer {index}: expected a residual of {MLP_MAPS} maps, but got {len(layer.residual_weights)}"
            )
        expect_chain("residual", layer.residual_weights, layer.residual_biases, heads, 2 * bits, 1)
