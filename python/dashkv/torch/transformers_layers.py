"""Llama layers of Hugging Face transformers with its own KV cache classes, wrapped so that they can be exported.

Weights are arguments and caches are tensors: the cache object is built inside the traced function.
"""

import torch
from transformers import DynamicCache, LlamaConfig, StaticCache
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer

LAYERS = {"attention": LlamaAttention, "layer": LlamaDecoderLayer}


class CachedLayer(torch.nn.Module):
    """One step: (hidden, cos, sin, [k_cache, v_cache, [position, mask,]] weights...) -> (out, k, v).

    cache: "empty" (a prefill), "concat" (DynamicCache), or "static" (StaticCache: position and mask are arguments).
    """

    def __init__(self, layer, cache, heads, implementation):
        super().__init__()
        self.config = LlamaConfig(
            hidden_size=heads.query * heads.size,
            intermediate_size=1536,
            num_attention_heads=heads.query,
            num_key_value_heads=heads.kv,
            num_hidden_layers=1,
            attn_implementation=implementation,
        )
        self.cache = cache
        with torch.device("meta"):
            module = LAYERS[layer](self.config, layer_idx=0).eval()
        self.parameter_shapes = {name: parameter.shape for name, parameter in module.named_parameters()}
        self.layer = [module]  # in a list, so that its weights do not become constants of this module

    def forward(self, hidden, cos, sin, *rest):
        mask = None
        if self.cache == "static":
            k_cache, v_cache, position, mask, *weights = rest
            cache = StaticCache(config=self.config, max_cache_len=k_cache.shape[2])
            storage = cache.layers[0]
            storage.lazy_initialization(k_cache, v_cache)
            storage.keys, storage.values, storage.cumulative_length = k_cache.clone(), v_cache.clone(), position.clone()
        else:
            cache = DynamicCache(config=self.config)
            if self.cache == "concat":
                k_cache, v_cache, *rest = rest
                cache.update(k_cache, v_cache, 0)
            weights = rest
        out = torch.func.functional_call(
            self.layer[0],
            dict(zip(self.parameter_shapes, weights)),
            (hidden,),
            {"position_embeddings": (cos, sin), "attention_mask": mask, "cache": cache},
        )
        return out[0] if isinstance(out, tuple) else out, cache.layers[0].keys, cache.layers[0].values
