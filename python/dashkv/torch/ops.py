"""The steps of `dashkv.kernels` as operators of PyTorch, for models that torch.export and torch.compile trace.

    torch.ops.dashkv.encode_keys(k, key_weight, key_bias, codes, starts)    writes into codes
    torch.ops.dashkv.attention(q, k, v, lengths, causal, scale) -> out
    torch.ops.dashkv.tiered_attention(q, k, v, codes, lengths, tiering, **encoder_arguments(layer)) -> out, kept

Tensors are on the CPU, in the shapes of `dashkv.kernels`. The operators have no gradients.
"""

import numpy as np
import torch
from torch import Tensor
from torch.library import custom_op

from dashkv import kernels
from dashkv.encoders import LayerEncoder
from dashkv.kernels import PLANE, Layer

LISTS = ("query_weights", "query_biases", "residual_weights", "residual_biases")
FITTED = ("vote_discount", "prior_discount", "radius", "temperature", "bias", "table")


def encoder_arguments(layer: Layer) -> dict:
    """The arguments of `tiered_attention` that a layer's encoder gives, by name."""
    given = layer.parameters
    arguments = {name: [tensor(x) for x in getattr(given, name) or []] for name in LISTS}
    arguments |= {name: tensor(getattr(given, name)) for name in FITTED}
    common = {"levels": layer.levels, "group": layer.group, "activation": layer.activation}
    return arguments | common | {"vote_threshold": given.vote_threshold}


def tensor(array: np.ndarray | Tensor | None) -> Tensor | None:
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else array


@custom_op("dashkv::encode_keys", mutates_args=("codes",), device_types="cpu")
def encode_keys(k: Tensor, key_weight: Tensor, key_bias: Tensor, codes: Tensor, starts: Tensor) -> None:
    """Writes the codes of keys k [B,Hkv,M,D]: key m of sequence b becomes key starts[b] + m of `codes`."""
    kernels.write_codes(k, key_weight, key_bias, codes, starts)


@custom_op("dashkv::attention", mutates_args=(), device_types="cpu")
def attention(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool = True, scale: float | None = None
) -> Tensor:
    """Exact attention [B,Hq,M,Dv] over the first lengths[b] keys."""
    return kernels.attention(q, k, v, lengths, causal, scale)


@custom_op("dashkv::tiered_attention", mutates_args=(), device_types="cpu")
def tiered_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    codes: Tensor,
    lengths: Tensor,
    tiering: str,
    query_weights: list[Tensor],
    query_biases: list[Tensor],
    residual_weights: list[Tensor],
    residual_biases: list[Tensor],
    levels: int,
    group: int,
    activation: str = "relu",
    vote_discount: Tensor | None = None,
    vote_threshold: int | None = None,
    radius: Tensor | None = None,
    prior_discount: Tensor | None = None,
    temperature: Tensor | None = None,
    bias: Tensor | None = None,
    table: Tensor | None = None,
    prior: Tensor | None = None,
    scale: float | None = None,
    *,
    want_kept: bool = False,
) -> tuple[Tensor, Tensor]:
    """Tiered attention [B,Hq,M,Dv], and the keys that it kept: bool [B,N'], or [B,0] without `want_kept`.

    tiering is text for `dashkv.kernels.Tiering.parse`; the other arguments are those of `dashkv.kernels.decode`.
    """
    parameters = LayerEncoder(
        None,
        None,
        query_weights,
        query_biases,
        vote_discount=vote_discount,
        vote_threshold=vote_threshold,
        radius=radius,
        prior_discount=prior_discount,
        temperature=temperature,
        bias=bias,
        table=table,
        residual_weights=residual_weights or None,
        residual_biases=residual_biases or None,
    )
    layer = Layer(levels, group, activation, parameters)
    options = {"prior": prior, "want_kept": want_kept, "scale": scale}
    result = kernels.decode(q, k, v, codes, lengths, layer, tiering, **options)
    return result if want_kept else (result, torch.empty(q.shape[0], 0, dtype=torch.bool))


@encode_keys.register_fake
def _(k, key_weight, key_bias, codes, starts):
    return None


@attention.register_fake
def _(q, k, v, lengths, causal=True, scale=None):
    return q.new_empty(*q.shape[:3], v.shape[3])


@tiered_attention.register_fake
def _(q, k, v, codes, *others, want_kept=False, **more):
    keys = codes.shape[2] * (PLANE if codes.ndim == 5 else 1)
    kept = q.new_empty(q.shape[0], keys if want_kept else 0, dtype=torch.bool)
    return q.new_empty(*q.shape[:3], v.shape[3]), kept
