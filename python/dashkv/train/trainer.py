"""Training of a whole model from a capture: layer after layer, each one kept on disk as soon as it is done."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import torch
from tqdm import tqdm

from dashkv.encoders import Encoder
from dashkv.train import second_stage
from dashkv.train.capture import Capture
from dashkv.train.layer import train_layer
from dashkv.train.measure import Rows
from dashkv.train.settings import Settings, TrainingError

FRACTION = 0.05  # budget at which layers are measured


def train(
    capture: Capture,
    settings: Settings,
    work: str | Path,
    layers: list[int] | None = None,
    resume: bool = False,
    dense_above: float = 0.3,
    device: str | None = None,
    parts: Collection[str] = ("scores",),
    progress: bool = True,
) -> Encoder:
    """Trains the encoders of a model; the same capture, settings and torch give the same encoder.

    Each finished layer is a file in the folder `work`; with `resume` those of an earlier call with the same capture and
    settings are taken over, without it the folder must hold none. `layers` limits what is trained: the others stay
    dense, and so does every layer whose attention, at 5 % of the keys, misses more than `dense_above` of its mass.
    `parts` are fitted in the second stage (second_stage.PARTS).
    """
    count = capture.model["layers"]
    wanted = sorted(set(range(count) if layers is None else layers))
    if not wanted or wanted[0] < 0 or wanted[-1] >= count:
        raise TrainingError(f"expected layers of 0 to {count - 1}, but got {wanted}")
    if capture.context // 4 <= settings.sinks + settings.window:
        raise TrainingError(
            f"expected contexts of more than {4 * (settings.sinks + settings.window)} tokens, as a quarter of one must hold "
            f"more than {settings.sinks} sinks and a window of {settings.window}, but got {capture.context}"
        )
    device = _device(device)
    work = Path(work)
    _claim(work, capture, settings, resume)
    encoders = [None] * count
    lost = {}
    with tqdm(wanted, desc="train", unit="layer", disable=not progress) as bar:
        for index in bar:
            file = work / f"layer-{index:02}.safetensors"
            if not file.is_file():
                _train_one(capture, settings, index, file, device, bar)
            done = Encoder.load(file)
            encoders[index] = done.layers[0]
            lost[index] = done.training
            bar.set_postfix(kept=f"{done.training['kept']:.3f}", of=f"{done.training['oracle']:.3f}")
    dense = [i for i in range(count) if i not in lost or 1 - lost[i]["kept"] > dense_above]
    encoder = _encoder(settings, capture.model, encoders, dense)
    encoder.training = _provenance(capture, settings, dense_above)
    encoder.training["layers"] = [lost.get(index) for index in range(count)]
    if parts:
        encoder.training["parts"] = list(parts)
        encoder.training["second_stage"] = second_stage.fit(encoder, capture, settings, parts, progress)
    encoder.validate()
    return encoder


def remove_work(work: str | Path) -> None:
    """Deletes the layers of a finished training, and the folder if nothing else is in it."""
    work = Path(work)
    for file in (*work.glob("layer-*.safetensors"), work / "settings.json"):
        file.unlink(missing_ok=True)
    shutil.rmtree(work / "capture", ignore_errors=True)
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()


def _device(name: str | None) -> str:
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built for CUDA
        raise TrainingError(
            f"expected a device that PyTorch has, but got {name}: {str(error).splitlines()[0]}"
        ) from error
    return name


def _train_one(capture, settings, index, file, device, bar):
    contexts = [capture.load(context, index) for context in range(capture.training)]

    def on_step(step, loss):
        if step % 50 == 0:
            bar.set_postfix(layer=index, step=f"{step}/{settings.steps}", loss=f"{float(loss):.3f}")

    trained = train_layer(contexts, capture.scales[index], settings, index, device, on_step)
    encoder = _encoder(settings, capture.model | {"layers": 1}, [trained], [])
    query, key = capture.load(capture.training, index)
    rows = Rows(query, key, capture.scales[index], sinks=settings.sinks, window=settings.window)
    kept = rows.measure(encoder, trained, FRACTION)
    encoder.training = {name: round(getattr(kept, field), 4) for name, field in
                        (("forced", "forced"), ("kept", "codes"), ("oracle", "oracle"))}  # fmt: skip
    encoder.save(file)


def _encoder(settings, model, layers, dense):
    packed = settings.form == "packed"
    group = model["query_heads"] // model["kv_heads"] if settings.scope == "group" else 1
    levels = 1 if packed else settings.levels
    return Encoder(
        settings.form,
        settings.bits,
        levels,
        group,
        settings.query,
        settings.activation,
        dict(model),
        layers,
        tuple(dense),
    )


def _claim(work, capture, settings, resume):
    """Notes what is trained in a folder, so that layers of another training never mix with it."""
    request = {"settings": dataclasses.asdict(settings), "capture": _digest(capture)}
    text = json.dumps(request, sort_keys=True)
    file = work / "settings.json"
    if file.is_file() and any(work.glob("layer-*.safetensors")):
        if not resume:
            raise TrainingError(f"expected no earlier training in {work}, but there is one: go on with it by --resume")
        if file.read_text() != text:
            raise TrainingError(f"expected the capture and settings of the training in {work} to go on, but got others")
    work.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name("settings.json.partial")
    temporary.write_text(text)
    os.replace(temporary, file)


def _digest(capture):
    """SHA-256 of what was captured: model and tokens."""
    return hashlib.sha256((capture.folder / "request.json").read_bytes()).hexdigest()


def _provenance(capture, settings, dense_above):
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "torch", "transformers")}
    return {
        "settings": dataclasses.asdict(settings),
        "dense_above": dense_above,
        "text": capture.text,
        "contexts": [capture.training, capture.context],
        "versions": versions,
    }
