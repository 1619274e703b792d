"""Llama layers of Hugging Face transformers with their own KV cache classes, wrapped so that they can be exported.

Weights are arguments and caches are tensors: the cache object is built inside the traced function.
"""

import torch
from transformers import LlamaConfig
from transformers.cache_utils import DynamicCache, StaticCache
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer


def config(heads, implementation):
    return LlamaConfig(
        hidden_size=heads.query * heads.size,
        intermediate_size=1536,
        num_attention_heads=heads.query,
        num_key_value_heads=heads.kv,
        num_hidden_layers=1,
        attn_implementation=implementation,
    )


class CachedLayer(torch.nn.Module):
    """Runs `layer` on the weights and the cache tensors that it is called with."""

    def __init__(self, layer_type, heads, implementation):
        super().__init__()
        self.config = config(heads, implementation)
        with torch.device("meta"):
            layer = layer_type(self.config, layer_idx=0).eval()
        self.shapes = {name: p.shape for name, p in layer.named_parameters()}
        object.__setattr__(self, "layer", layer)  # not a submodule: its weights are arguments

    def run(self, hidden, cos, sin, mask, cache, weights):
        out = torch.func.functional_call(
            self.layer,
            dict(zip(self.shapes, weights)),
            (hidden,),
            dict(position_embeddings=(cos, sin), attention_mask=mask, cache=cache),
        )
        return (out[0] if isinstance(out, tuple) else out, cache.layers[0].keys, cache.layers[0].values)


class DynamicCacheLayer(CachedLayer):
    """The cache grows by the new rows: concatenation."""

    def forward(self, hidden, cos, sin, k_cache, v_cache, weights, mask=None):
        cache = DynamicCache(config=self.config)
        cache.update(k_cache, v_cache, 0)
        return self.run(hidden, cos, sin, mask, cache, weights)


class StaticCacheLayer(CachedLayer):
    """The cache has a fixed capacity and the new row goes to `position`; a boolean mask hides the rest."""

    def forward(self, hidden, cos, sin, k_cache, v_cache, position, mask, weights):
        cache = StaticCache(config=self.config, max_cache_len=k_cache.shape[2])
        layer = cache.layers[0]
        layer.lazy_initialization(k_cache, v_cache)
        layer.keys, layer.values, layer.cumulative_length = k_cache.clone(), v_cache.clone(), position.clone()
        return self.run(hidden, cos, sin, mask, cache, weights)
