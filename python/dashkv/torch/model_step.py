"""A step of a whole causal model of transformers, as a module that `dashkv.torch.export.to_mlir` can export.

    step = ModelStep(model, cache="concat")
    caches = step.caches(keys=4096)
    text = to_mlir(step, (ids, *caches, *step.weights), step.dynamic_shapes(caches))
    logits, *caches = dashkv.compile(text)(ids, *caches, *step.weights)

Weights are arguments, so that the text stays small and models of one shape share a kernel.
"""

import torch
from torch.export import Dim
from transformers import DynamicCache, StaticCache

CACHES = ("concat", "static")


class ModelStep(torch.nn.Module):
    """(ids [B, rows] i64, [position [] i64,] k, v of each layer, weights...) -> (logits, k, v of each layer).

    cache: "concat" (DynamicCache: a step returns caches that are longer by its rows) or "static" (StaticCache: caches
    have a capacity, and `position` of their keys are there). `weights`: parameters and buffers, as forward takes them.
    ValueError for a model that is in training or gives no logits, and for a static cache with sliding windows.
    """

    def __init__(self, model: torch.nn.Module, cache: str = "concat"):
        super().__init__()
        if cache not in CACHES:
            raise ValueError(f"expected a cache of {', '.join(CACHES)}, but got '{cache}'")
        if model.training:
            raise ValueError("expected a model in evaluation mode: call model.eval()")
        if model.get_output_embeddings() is None or model.config.is_encoder_decoder:
            raise ValueError(f"expected a causal language model with logits, but got a {type(model).__name__}")
        state = dict(model.named_parameters()) | dict(model.named_buffers())
        self.names = list(state)
        self.weights = tuple(tensor.detach() for tensor in state.values())
        self.model = [model]  # in a list, so that its weights do not become constants of this module
        self.config, self.cache = model.config, cache
        if cache == "static":
            for index, layer in enumerate(StaticCache(config=model.config, max_cache_len=2).layers):
                if getattr(layer, "is_sliding", False):
                    raise ValueError(f"expected full attention with a static cache, but layer {index} has a window")

    def caches(self, keys: int, batch: int = 1) -> tuple[torch.Tensor, ...]:
        """Zeros [batch, Hkv, keys, D] for K and V of each layer, in the model's dtype."""
        cache = DynamicCache(config=self.config)
        with torch.no_grad():
            self.model[0](input_ids=torch.zeros(batch, 1, dtype=torch.long), cache=cache, use_cache=True)
        return tuple(
            tensor.new_zeros(*tensor.shape[:2], keys, tensor.shape[3])
            for layer in cache.layers
            for tensor in (layer.keys, layer.values)
        )

    def dynamic_shapes(self, caches: tuple[torch.Tensor, ...]) -> tuple:
        """For `to_mlir` of a step with cache="concat" that takes caches of any length."""
        return None, (*({2: Dim.AUTO} for _ in caches), *(None for _ in self.weights))

    def forward(self, ids: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, ...]:
        tensors, weights = rest[: -len(self.names)], rest[-len(self.names) :]
        options = {}
        if self.cache == "static":
            position, *tensors = tensors
            cache = StaticCache(config=self.config, max_cache_len=tensors[0].shape[2])
            for layer, key, value in zip(cache.layers, tensors[::2], tensors[1::2], strict=True):
                layer.lazy_initialization(key, value)
                layer.keys, layer.values, layer.cumulative_length = key.clone(), value.clone(), position.clone()
            options["position_ids"] = (position + torch.arange(ids.shape[1])).unsqueeze(0)
        else:
            cache = DynamicCache(config=self.config)
            for index, (key, value) in enumerate(zip(tensors[::2], tensors[1::2], strict=True)):
                cache.update(key, value, index)
        options |= {"input_ids": ids, "cache": cache, "use_cache": True}
        out = torch.func.functional_call(self.model[0], dict(zip(self.names, weights, strict=True)), (), options)
        return out.logits, *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values))
