"""Queries and keys of a model on text, after rotary embedding, as files that training maps into memory.

A capture folder holds capture.json (written last) and one folder a context with `<layer>-q.npy` [Hq, tokens, D] and
`<layer>-k.npy` [Hkv, tokens, D]. The contexts before `training` are trained on, the one after them only measured on.
"""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from dashkv.models import attention_layers, fingerprint
from dashkv.train.settings import TrainingError

_HOOK = "dashkv_capture"


@dataclass
class Capture:
    """What a capture folder holds."""

    folder: Path
    model: dict  # fingerprint
    scales: list[float]  # factor of q.k, by layer
    text: list[str]
    context: int  # tokens of a training context
    training: int  # number of training contexts; one validation context follows

    def load(self, context: int, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """q [Hq, tokens, D] and k [Hkv, tokens, D] of a layer, mapped and not read."""
        folder = self.folder / f"context-{context}"
        return tuple(np.load(folder / f"{layer:02}-{name}.npy", mmap_mode="r") for name in ("q", "k"))

    @staticmethod
    def open(folder: str | Path) -> "Capture":
        """A finished capture. TrainingError if there is none."""
        file = Path(folder) / "capture.json"
        if not file.is_file():
            raise TrainingError(f"expected a finished capture with capture.json, but there is none in {folder}")
        return Capture(Path(folder), **json.loads(file.read_text()))


def split_text(tokenizer, texts: list[str], context: int, contexts: int) -> list[list[int]]:
    """`contexts` training contexts of `context` tokens and one for validation of at most 4,096.

    Training contexts are dealt to the texts in turn and spread evenly over each; the validation context is the end of
    the last text. TrainingError if the texts are too short for contexts that do not overlap.
    """
    if context < 1 or contexts < 1:
        raise TrainingError(f"expected contexts of 1 token or more, at least one, but got {contexts} of {context}")
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    size = min(context, 4096)
    validation = tokens[-1][-size:]
    tokens[-1] = tokens[-1][:-size]
    result = []
    for index, text in enumerate(tokens):
        share = len(range(index, contexts, len(tokens)))
        if len(text) < share * context or len(validation) < size:
            held = f" beside {size} for validation" if index == len(tokens) - 1 else ""
            raise TrainingError(
                f"expected at least {share * context} tokens{held} in text {index + 1} for {share} contexts of {context}, "
                f"but got {len(text)}"
            )
        gap = (len(text) - share * context) // max(share, 1)
        result.append([text[i * (context + gap) : i * (context + gap) + context] for i in range(share)])
    dealt = [result[index % len(tokens)][index // len(tokens)] for index in range(contexts)]
    return [*dealt, validation]


def capture(model, contexts: list[list[int]], folder: str | Path, text: list[str], progress: bool = True) -> Capture:
    """Runs the model on each context and writes what its attention gets. Goes on where an earlier call was stopped."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    layers = attention_layers(model)
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and len(contexts[0]) > limit:
        raise TrainingError(f"expected contexts of at most {limit} tokens for this model, but got {len(contexts[0])}")
    result = Capture(folder, fingerprint(model), [0.0] * len(layers), text, len(contexts[0]), len(contexts) - 1)
    _claim(folder, result, contexts)
    with tqdm(total=len(contexts) * len(layers), desc="capture", unit="layer", disable=not progress) as bar:
        for index, tokens in enumerate(contexts):
            _capture_context(model, tokens, folder / f"context-{index}", bar)
    for index, layer in enumerate(layers):
        result.scales[index] = float(layer.scaling)
    content = asdict(result)
    del content["folder"]
    _write(folder / "capture.json", json.dumps(content))
    return result


def _claim(folder, result, contexts):
    """Notes what is captured here, so that a folder of other contents is not mixed with it."""
    request = json.dumps({"model": result.model, "text": result.text, "contexts": contexts})
    file = folder / "request.json"
    if file.is_file() and file.read_text() != request:
        raise TrainingError(
            f"expected an empty folder or the same model and text to capture, but {folder} holds another"
        )
    _write(file, request)


def _write(path, text):
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(text)
    os.replace(temporary, path)


def _capture_context(model, tokens, folder, bar):
    if folder.is_dir():
        bar.update(len(attention_layers(model)))
        return
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()

    def record(layer, query, key):
        if (partial / f"{layer:02}-q.npy").exists():
            raise TrainingError(f"expected one attention a layer, but layer {layer} of the model has more")
        for name, x in (("q", query), ("k", key)):
            x = x[0].float().cpu().numpy()
            half = np.abs(x).max() < np.finfo(np.float16).max
            np.save(partial / f"{layer:02}-{name}.npy", x.astype(np.float16) if half else x)
        bar.update()

    with recording(model, record), torch.no_grad():
        body = model.base_model  # without the head: logits of a whole context are large and not needed
        body(torch.tensor([tokens], device=model.device), use_cache=False)
    os.replace(partial, folder)


@contextlib.contextmanager
def recording(model, record):
    """Calls record(layer, query [B,Hq,M,D], key [B,Hkv,N,D]) in every attention of the model, which works as before."""

    def forward(module, query, key, value, mask, **options):
        record(module.layer_idx, query, key)
        return sdpa_attention_forward(module, query, key, value, mask, **options)

    before = model.config._attn_implementation
    AttentionInterface.register(_HOOK, forward)
    AttentionMaskInterface.register(_HOOK, sdpa_mask)
    model.set_attn_implementation(_HOOK)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
