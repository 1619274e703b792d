"""Attention of transformers by dashkv's kernels: attn_implementation="dashkv". Written for transformers 5.24.

    model = AutoModelForCausalLM.from_pretrained(name)
    use(model, Encoder.load("encoder.safetensors"), "full=5%")
    model.generate(...)

Prompts are exact and leave codes of their keys behind. Steps of up to 8 rows read the keys that the codes find, and all
keys in the dense layers of the encoder. `use` makes `generate` create a DashKVCache; who calls the model or passes a
cache of their own makes it with `DashKVCache(model, encoder, tiering)`. Without a cache attention is exact.
"""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F

try:
    from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
    from transformers.masking_utils import causal_mask_function, flash_attention_mask
except ImportError as error:
    raise ImportError("models need the package transformers, 5.24 or later: pip install dashkv[torch]") from error

from dashkv import kernels
from dashkv.encoders import Encoder
from dashkv.kernels import Tiering
from dashkv.torch.cache import DECODE_ROWS, DashKVCache, DashKVLayer

NAME = "dashkv"
UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias", "output_attentions")


def use(model: torch.nn.Module, encoder: Encoder, tiering: Tiering | str = "default") -> torch.nn.Module:
    """Makes a model generate with tiered attention; returns the model.

    Raises EncoderError when the encoder was made for another model, ValueError for attention that is not causal over
    all keys. `model.set_attn_implementation("sdpa")` goes back to exact attention.
    """
    DashKVCache(model, encoder, tiering)  # all checks, once
    model.set_attn_implementation(NAME)
    prepare = getattr(type(model), "_prepare_cache_for_generation", None)
    if prepare is None:
        return model  # without a head for language: nothing to generate

    @functools.wraps(prepare)
    def prepare_cache(generation_config, model_kwargs, *args, **kwargs):
        ours = model_kwargs.get("cache") is None and model.config._attn_implementation == NAME
        prepare(model, generation_config, model_kwargs, *args, **kwargs)
        if ours and isinstance(model_kwargs.get("cache"), DynamicCache):
            model_kwargs["cache"] = DashKVCache(model.config, encoder, tiering)

    model._prepare_cache_for_generation = prepare_cache
    return model


def attention_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs,
) -> tuple[torch.Tensor, None]:
    """What transformers calls: query [B,Hq,M,D], key and value [B,Hkv,M,D]; returns [B,M,Hq,D].

    attention_mask is that of `padding_mask`.
    """
    layer = getattr(key, "dashkv_layer", None)
    if layer is not None:
        if not layer.waiting:
            raise ValueError(
                f"expected one attention a layer, but {type(module).__name__} calls it again with its keys"
            )
        layer.waiting = False
    if module.training:
        raise ValueError("expected a model in evaluation mode: dashkv has no gradients; call model.eval()")
    for name in UNSUPPORTED:
        given = kwargs.get(name)
        if isinstance(given, torch.Tensor) or given:
            shown = f"values {list(given.shape)}" if isinstance(given, torch.Tensor) else given
            raise ValueError(f"expected attention without {name}, which dashkv does not support, but got {shown}")
    if attention_mask is not None and attention_mask.ndim != 2:
        raise ValueError(f"expected a 2D attention_mask of zeros and ones, but got {list(attention_mask.shape)}")
    if layer is None:
        if key.shape[2] != query.shape[2]:
            raise ValueError(
                f"expected a DashKVCache, but got {query.shape[2]} queries and {key.shape[2]} keys of another cache: "
                "call dashkv.torch.attention.use, or pass cache=DashKVCache(...)"
            )
        return exact(query, key, value, attention_mask, scaling).transpose(1, 2), None
    if torch.is_grad_enabled() and query.requires_grad:
        raise ValueError("expected inference without gradients: call the model under torch.no_grad()")
    return attend(layer, query, key, value, attention_mask, scaling), None


def attend(
    layer: DashKVLayer,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> torch.Tensor:
    """Appends keys and values to the cache and attends to what it then holds; returns [B,M,Hq,D]."""
    step = layer.append(key, value, mask)
    if step.seen == 0:
        return exact(query, key, value, mask, scale).transpose(1, 2)
    batch, heads, rows, _ = query.shape
    out = query.new_empty(batch, rows, heads, value.shape[3])
    given = {"scale": scale, "out": out.transpose(1, 2)}
    query = query if query.stride(-1) == 1 else query.contiguous()
    if layer.encoder is None or rows > DECODE_ROWS:
        kernels.attention(query, layer.keys, layer.values, step.lengths, **given)
        return out
    if step.kept is not None and step.kept[0] == layer.index - 1:
        given["prior"] = step.kept[1]
    arrays = (query, layer.keys, layer.values, layer.codes, step.lengths)
    result = kernels.decode(*arrays, layer.encoder, layer.tiering, want_kept=layer.keeps_for_next, **given)
    if layer.keeps_for_next:
        step.kept = layer.index, result[1]
    return out


def exact(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scale: float | None
) -> torch.Tensor:
    """Causal attention of a whole prompt [B,Hq,M,D]. Rows that are padding give 0."""
    options = {"scale": scale, "enable_gqa": query.shape[1] != key.shape[1]}
    if mask is None:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, **options)
    out = query.new_zeros(*query.shape[:3], value.shape[3])
    rows = torch.arange(query.shape[2])
    for b, visible in enumerate(mask.bool()):
        # Padding on any side: the rows that are there see each other in their order.
        part = rows[visible]
        parts = (x[b : b + 1, :, part] for x in (query, key, value))
        out[b : b + 1, :, part] = F.scaled_dot_product_attention(*parts, is_causal=True, **options)
    return out


def padding_mask(*args, mask_function: Callable = causal_mask_function, **kwargs) -> torch.Tensor | None:
    """What transformers makes of the attention_mask: [B, positions] bool, None where nothing is padding."""
    if mask_function is not causal_mask_function:
        raise ValueError("expected a plain causal mask: dashkv has no sliding windows, packed sequences or prefixes")
    return flash_attention_mask(*args, mask_function=mask_function, **kwargs)


AttentionInterface.register(NAME, attention_forward)
AttentionMaskInterface.register(NAME, padding_mask)
