"""The trainer on a tiny random model: what it learns, that it can be stopped, and what it refuses."""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from tqdm import tqdm

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dashkv import corpus, models
from dashkv.encoders import Encoder, EncoderError
from dashkv.train import capture_cli, cli, losses, second_stage
from dashkv.train.capture import Capture, _capture_context, capture, recording, split_text
from dashkv.train.layer import LayerModel, train_layer
from dashkv.train.measure import Rows
from dashkv.train.settings import Settings, TrainingError, packed_settings
from dashkv.train.trainer import remove_work, train

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}
SMALL = {"bits": 32, "steps": 60, "rows": 16, "keys": 128, "window": 16}


class Bytes:
    """A tokenizer: one token a byte."""

    def __call__(self, text, add_special_tokens):
        return {"input_ids": list(text.encode())}


def small_model(kind="Llama", **changes):
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**(SIZES | changes))
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    # Attention that is not uniform, and keys that are wide in some directions, as those of real models are.
    spread = 16 * 2.0 ** -torch.arange(8).repeat(2)
    for layer in models.attention_layers(model):
        for projection in (layer.q_proj, layer.k_proj):
            projection.weight.data.mul_(spread.repeat(projection.out_features // 16)[:, None])
    return model


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def captured(model, tmp_path_factory):
    rng = np.random.default_rng(0)
    contexts = [rng.integers(0, 300, 512).tolist() for _ in range(5)]
    return capture(model, contexts, tmp_path_factory.mktemp("capture"), ["random"], progress=False)


# Capture


@pytest.mark.parametrize("kind", ["Llama", "Qwen3", "Mistral"])
def test_capture_is_after_rotary_embedding(kind, tmp_path):
    """From the captured q and k the attention of the model follows, in each of its layers."""
    model = small_model(kind, **({"sliding_window": None} if kind == "Mistral" else {}))
    tokens = np.random.default_rng(1).integers(0, 300, 64).tolist()
    result = capture(model, [tokens, tokens], tmp_path, ["random"], progress=False)
    assert model.config._attn_implementation == "sdpa"
    model.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = model(torch.tensor([tokens]), output_attentions=True).attentions
    assert len(attentions) == 2
    for layer, expected in enumerate(attentions):
        rows = Rows(*result.load(0, layer), result.scales[layer], count=64)
        assert rows.positions.tolist() == list(range(48, 64))
        actual = rows.attention.flatten(0, 1)
        assert torch.allclose(actual, expected[0][:, rows.positions], atol=2e-3)


def test_recording_restores_the_model(model):
    before = model.config._attn_implementation
    with (
        pytest.raises(RuntimeError, match="stop"),
        recording(model, lambda *_: (_ for _ in ()).throw(RuntimeError("stop"))),
    ):
        model(torch.zeros(1, 4, dtype=torch.int64))
    assert model.config._attn_implementation == before


def test_capture_goes_on(model, tmp_path):
    """What is there is not made again, and a folder of another text is refused."""
    contexts = [list(range(64)), list(range(64, 128))]
    capture(model, contexts, tmp_path, ["a"], progress=False)
    stamp = (tmp_path / "context-0" / "00-q.npy").stat().st_mtime_ns
    os.unlink(tmp_path / "capture.json")
    with pytest.raises(TrainingError, match="expected a finished capture with capture.json, but there is none in"):
        Capture.open(tmp_path)
    again = capture(model, contexts, tmp_path, ["a"], progress=False)
    assert (tmp_path / "context-0" / "00-q.npy").stat().st_mtime_ns == stamp
    assert Capture.open(tmp_path) == again
    with pytest.raises(TrainingError, match="expected an empty folder or the same model and text to capture, but"):
        capture(model, contexts[::-1], tmp_path, ["a"], progress=False)


def test_large_values_are_kept(model, tmp_path):
    """Keys beyond the range of f16 are stored as f32."""
    other = small_model()
    other.model.layers[1].self_attn.k_proj.weight.data.mul_(1e5)
    result = capture(other, [list(range(64))] * 2, tmp_path, ["a"], progress=False)
    assert result.load(0, 0)[1].dtype == np.float16
    assert result.load(0, 1)[1].dtype == np.float32 and np.isfinite(result.load(0, 1)[1]).all()


def test_split_text():
    contexts = split_text(Bytes(), ["a" * 3000, "b" * 3000 + "c" * 400], 400, 5)
    assert [len(context) for context in contexts] == [400] * 6
    assert [chr(context[0]) for context in contexts] == ["a", "b", "a", "b", "a", "c"]
    assert split_text(Bytes(), ["ab" * 400 + "c" * 400], 400, 2)[:2] == [list(b"ab" * 200)] * 2


def test_text_too_short():
    message = r"expected at least 800 tokens beside 400 for validation in text 1 for 2 contexts of 400, but got 799"
    with pytest.raises(TrainingError, match=message):
        split_text(Bytes(), ["a" * 1199], 400, 2)
    with pytest.raises(TrainingError, match="but got 0"):
        split_text(Bytes(), ["abc"], 400, 1)


def test_context_too_long(model, tmp_path):
    with pytest.raises(TrainingError, match="expected contexts of at most 512 tokens for this model, but got 600"):
        capture(model, [[1] * 600] * 2, tmp_path, ["a"], progress=False)


# Models


def test_unknown_attention():
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=100)
    message = "expected attention layers with q_proj and k_proj .* but GPT2LMHeadModel has only GPT2Attention"
    with pytest.raises(models.ModelError, match=message):
        models.fingerprint(transformers.GPT2LMHeadModel(config))


def test_sliding_window():
    model = small_model("Qwen3", use_sliding_window=False)
    model.config.layer_types = ["full_attention", "sliding_attention"]
    with pytest.raises(models.ModelError, match="expected full attention in every layer, but layer 1 has sliding_att"):
        models.attention_layers(model)
    # Without layer_types the window alone says it, as in Mistral 7B v0.1.
    mistral = transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, sliding_window=64))
    with pytest.raises(models.ModelError, match="expected full attention in every layer, but layer 0 has sliding_att"):
        models.fingerprint(mistral)


def test_other_objects():
    with pytest.raises(
        models.ModelError, match="expected a Hugging Face model or config, but Linear has no model_type"
    ):
        models.fingerprint(torch.nn.Linear(2, 2))
    with pytest.raises(models.ModelError, match="expected a GGUF file, but there is none at"):
        models.load_model("/nonexistent/a.gguf")


def test_fingerprint(model):
    print_ = models.fingerprint(model)
    assert print_["layers"] == 2 and print_["kv_heads"] == 2 and print_["head_size"] == 16
    assert print_["rope_theta"] == model.config.rope_parameters["rope_theta"]
    encoder = Encoder.random(print_, bits=16)
    encoder.check(model)
    encoder.check(model.config)
    other = small_model()
    other.model.layers[1].self_attn.k_proj.weight.data[0, 0] += 1
    with pytest.raises(EncoderError, match="expected an encoder made for q and k weights with SHA-256"):
        encoder.check(other)
    with pytest.raises(EncoderError, match="expected an encoder for a model with layers = 3"):
        encoder.check(small_model(num_hidden_layers=3))


# Corpus


def test_corpus_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHKV_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(corpus.CorpusError, match="expected apt-get to fetch the text of the Debian package r-cran-"):
        corpus.document("emma")
    with pytest.raises(corpus.CorpusError, match="expected a document of emma, .* but got dubliners"):
        corpus.document("dubliners")
    with pytest.raises(corpus.CorpusError, match="expected a text file or a document of emma"):
        corpus.read_text(str(tmp_path / "none.txt"))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(corpus.CorpusError, match="expected UTF-8 text in"):
        corpus.read_text(str(tmp_path / "latin.txt"))
    assert len(corpus.document("pydoc")) > 100_000


def test_failed_download_leaves_nothing(tmp_path, monkeypatch):
    for tool, text in (("apt-get", "#!/bin/sh\necho E: no such version >&2; exit 100"), ("dpkg-deb", "#!/bin/sh")):
        (tmp_path / tool).write_text(text)
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DASHKV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(corpus.CorpusError, match="but apt-get failed: E: no such version"):
        corpus.document("handbook-train")
    assert not list((tmp_path / "cache" / "corpus").iterdir())


def test_handbook_page(tmp_path):
    page = """<html><head><title>no</title></head><body><ul class="docnav"><li>Next</li></ul>
      <h1>Title</h1><p>Two  words
      and <b>bold</b> ones.</p><pre>a  b
  c</pre></body></html>"""
    (tmp_path / "a.html").write_text(page)
    assert corpus._page_text(tmp_path / "a.html") == "Title\n\nTwo words and bold ones.\n\na  b\n  c"


def test_r_strings():
    head = b"X\n\0\0\0\3" + bytes(8) + b"\0\0\0\5UTF-8"
    lines = b"".join(b"\0\4\0\t" + len(line).to_bytes(4, "big") + line for line in (b"EMMA", b"", "né".encode()))
    assert corpus._strings(head + b"\0\0\0\x10\0\0\0\3" + lines) == ["EMMA", "", "né"]
    with pytest.raises(corpus.CorpusError, match="expected a vector of strings"):
        corpus._strings(head + b"\0\0\0\x0d\0\0\0\0")


# Losses


def test_attention_outside():
    rng = np.random.default_rng(2)
    query, key = (torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in ((4, 3, 8), (2, 40, 8)))
    positions = torch.tensor([20, 30, 39])
    actual = losses.attention_outside(query, key, positions, 0.5, sinks=2, window=8)
    for head in range(4):
        for row, position in enumerate(positions):
            scores = 0.5 * key[head // 2, : position + 1] @ query[head, row]
            expected = torch.zeros(40)
            expected[: position + 1] = scores.softmax(0)
            expected[:2] = 0
            expected[position - 7 :] = 0
            assert torch.allclose(actual[head, row], expected, atol=1e-6)


def test_list_loss_is_least_for_the_teacher():
    teacher = torch.rand(2, 3, 10)
    allowed = torch.rand(3, 10) > 0.3
    teacher = teacher * allowed
    own = losses.list_loss(teacher.log(), teacher, allowed)
    for seed in range(5):
        noise = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(seed))
        assert losses.list_loss(teacher.clamp_min(1e-20).log() + 0.3 * noise, teacher, allowed) > own
    teacher[:, 0] = 0  # a row whose attention is all on forced keys teaches nothing
    logits = torch.randn(2, 3, 10, requires_grad=True)
    losses.list_loss(logits, teacher, allowed).backward()
    assert (logits.grad[:, 0] == 0).all() and torch.isfinite(logits.grad).all()


def test_kept_loss_is_the_attention_outside_a_soft_choice():
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(2, 5, 20000, generator=generator)
    allowed = torch.rand(5, 20000, generator=generator) > 0.2
    teacher = torch.rand(2, 5, 20000, generator=generator) * allowed
    thresholds = losses._thresholds(logits.masked_fill(~allowed, -1e9), allowed, 0.05)
    chosen = (torch.sigmoid(logits - thresholds) * allowed).sum(dim=-1)
    assert torch.allclose(chosen, 0.05 * allowed.sum(dim=-1).float(), rtol=0.1)  # thresholds see every fourth key
    lost = 1 - torch.sigmoid(logits - thresholds)
    expected = (teacher * lost).sum() / teacher.sum()
    assert losses.kept_loss(logits, teacher, allowed, 0.05) == pytest.approx(float(expected), rel=1e-5)
    # As steep logits choose hardly softly, the loss is what a hard choice of the largest 5 % loses.
    steep = 1000 * logits
    hard = torch.zeros_like(teacher, dtype=torch.bool)
    for row in range(5):
        count = int(0.05 * allowed[row].sum())
        hard[:, row].scatter_(-1, logits[:, row].masked_fill(~allowed[row], -1e9).topk(count).indices, True)
    exact = (teacher * ~hard).sum() / teacher.sum()
    assert losses.kept_loss(steep, teacher, allowed, 0.05) == pytest.approx(float(exact), abs=0.01)


def test_kept_loss_moves_its_threshold():
    """Adding the same to all logits of a row chooses the same keys: the gradient sums to 0 over a row."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 3, 400, generator=generator, requires_grad=True)
    allowed = torch.rand(3, 400, generator=generator) > 0.3
    teacher = torch.rand(1, 3, 400, generator=generator) * allowed
    teacher[:, 0] = 0  # a row whose attention is all on forced keys
    allowed[0] = False
    losses.kept_loss(logits, teacher, allowed, 0.1).backward()
    assert torch.isfinite(logits.grad).all() and (logits.grad[:, 0] == 0).all()
    assert logits.grad.sum(dim=-1).abs().max() < 1e-6 * logits.grad.abs().sum()
    best = teacher[0, 1].argmax()
    assert logits.grad[0, 1, best] < 0 and (logits.grad[..., ~allowed[1]][0, 1] == 0).all()


def test_schedules():
    beta = [losses.anneal(step / 100) for step in range(100)]
    assert (
        beta[0] == 1 and beta[80] == pytest.approx(10) and beta[40] == pytest.approx(10**0.5) and beta == sorted(beta)
    )
    rates = [losses.learning_rate(step, 800) for step in range(800)]
    assert max(rates) == pytest.approx(1, abs=0.01) and rates[0] < 0.04 and rates[-1] == pytest.approx(0.02, abs=1e-3)
    assert losses.balance(torch.tensor([[1.0, -1], [1, 1]])) == 1 and losses.quantisation(torch.tensor([0.5])) == 0.25


# A layer


def start(settings):
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(4, 300, 16, generator=generator) + 2, torch.randn(2, 300, 16, generator=generator) - 3
    return LayerModel(settings, query, key, generator), query, key


@pytest.mark.parametrize("scope", ["head", "group"])
def test_start_answers_dot_products(scope):
    """Before training the dot of the real-valued codes is q.k, up to a constant a row and a scale."""
    model, query, key = start(Settings(bits=16, scope=scope, loss=scope))
    z_query, z_key = model.query_values(query).detach(), model.key_values(key).detach()
    dots = torch.einsum("kgml,knl->kmn", z_query.reshape(2, -1, 300, 16), z_key)
    exact = torch.einsum("kgmd,knd->kmn", query.reshape(2, 2, 300, 16), key)
    for head in range(2):
        pair = [(x[head] - x[head].mean(dim=1, keepdim=True)).flatten() for x in (dots, exact)]
        # Standardising the queries moves all rows of a head by one vector, so centred rows compare only after that.
        pair = [(x.reshape(300, 300) - x.reshape(300, 300).mean(dim=0)).flatten() for x in pair]
        assert torch.corrcoef(torch.stack(pair))[0, 1] > 0.999


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_mlp_starts_as_the_linear_map(activation):
    linear, query, _ = start(Settings(bits=16))
    mlp, _, _ = start(Settings(bits=16, query="mlp", activation=activation))
    assert torch.allclose(linear.query_values(query), mlp.query_values(query), atol=1e-4)
    assert [w.shape[1:] for w in mlp.query_weights] == [(32, 256), (256, 256), (256, 16)]


@pytest.mark.parametrize("query", ["linear", "mlp"])
def test_export_folds_the_standardisation(query):
    model, samples, _ = start(Settings(bits=16, query=query))
    layer = model.export()
    encoder = Encoder("weighted", 16, 7, 2, query, "relu", SIZES_PRINT | {"layers": 1}, [layer])
    encoder.validate()
    from dashkv.encoders import query_values

    assert np.allclose(query_values(encoder, layer, samples.numpy()), model.query_values(samples).detach(), atol=0.05)
    assert np.array_equal(layer.key_weight, layer.key_weight.astype(np.float16))


SIZES_PRINT = {"model_type": "llama", "layers": 2, "query_heads": 4, "kv_heads": 2, "head_size": 16, "rope_theta": 1e4}


# A model

FORMS = {
    "weighted": Settings(**SMALL),
    "weighted mlp": Settings(**SMALL, query="mlp"),
    "weighted, a code a head": Settings(**SMALL, scope="head", loss="head"),
    "packed": packed_settings(**SMALL),
    "packed group": packed_settings(**SMALL, query="linear", scope="group", loss="group"),
    "packed, loss of the group": packed_settings(**SMALL, loss="group"),
    "packed, all terms": packed_settings(**SMALL, balance=0.1, quantisation=0.1),
}


@pytest.mark.parametrize("form", FORMS)
def test_beats_random_hyperplanes(captured, tmp_path, form):
    settings = dataclasses.replace(FORMS[form], steps=200)
    encoder = train(captured, settings, tmp_path, layers=[1], dense_above=1, parts=(), progress=False)
    assert encoder.dense_layers == (0,) and encoder.layers[0] is None
    rows = Rows(*captured.load(captured.training, 1), captured.scales[1], window=16)
    means = np.stack([np.asarray(captured.load(0, layer)[1], np.float32).mean(axis=1) for layer in range(2)])
    plain = Encoder.random(captured.model, encoder.form, settings.bits, key_means=means)
    learned, untrained = (rows.measure(e, e.layers[1]) for e in (encoder, plain))
    assert learned.codes > untrained.codes + 0.02
    assert learned.forced < learned.codes < learned.oracle
    assert encoder.training["layers"][1]["kept"] == pytest.approx(learned.codes, abs=1e-4)


def test_second_stage(captured, tmp_path):
    parts = ("votes", "momentum", "scores", "residual")
    encoder = train(captured, Settings(**SMALL), tmp_path, dense_above=1, parts=parts, progress=False)
    encoder.save(tmp_path / "e.safetensors")
    loaded = Encoder.load(tmp_path / "e.safetensors")
    for layer, measured in zip(loaded.layers, encoder.training["second_stage"], strict=True):
        assert layer.temperature.shape == layer.bias.shape == (4,)
        # What does not help on text that it was not fitted on is left out.
        least = 1 - second_stage.WORTH_LOGIT
        with_table = measured["logit_error_table"] < least * measured["logit_error"]
        assert layer.table is None or with_table
        best = min(measured["logit_error"], measured["logit_error_table"] if with_table else np.inf)
        assert (layer.residual_weights is not None) == (measured["logit_error_network"] < least * best)
        assert (layer.vote_discount is not None) == (measured["votes_gain"] >= second_stage.WORTH)
    assert "prior_gain" in encoder.training["second_stage"][1]
    with pytest.raises(TrainingError, match="expected parts of votes, momentum, scores, residual, but got tail"):
        train(captured, Settings(**SMALL), tmp_path, resume=True, parts=["tail"], progress=False)
    with pytest.raises(TrainingError, match="expected part scores, to which residual adds, but got residual alone"):
        train(captured, Settings(**SMALL), tmp_path, resume=True, parts=["residual"], progress=False)


def test_second_stage_starts_anew(captured, tmp_path):
    """Parts that are not asked for are cleared, and scores alone leave the selection as it was."""
    encoder = train(captured, Settings(**SMALL), tmp_path, dense_above=1, progress=False)
    before = encoder.training["second_stage"]
    for layer in encoder.layers:
        assert layer.temperature is not None and layer.vote_discount is layer.prior_discount is layer.radius is None
    second_stage.fit(encoder, captured, Settings(**SMALL), ["votes"], progress=False)
    assert all(layer.temperature is None for layer in encoder.layers)
    assert second_stage.fit(encoder, captured, Settings(**SMALL), ["scores"], progress=False) == before


def test_votes_and_prior_change_what_is_read(captured):
    """Discounts act as docs/Dialect.md says: D_final = (D << 2) - discount * [votes > threshold] - discount * prior."""
    encoder = Encoder.random(captured.model, "packed", 16)
    layer = encoder.layers[0]
    rows = Rows(*captured.load(0, 0), captured.scales[0], 8, window=16)
    frozen = second_stage._Frozen(encoder, layer, rows)
    plain = frozen.full(layer, None)
    layer.radius, layer.vote_threshold = np.full(4, 5, np.int32), 1
    layer.vote_discount = np.full(4, 8, np.int16)
    layer.prior_discount = np.full(4, 4, np.int16)
    prior = plain.roll(7, dims=-1)
    final = frozen.distances * 4
    final -= 8 * ((frozen.distances <= 5).sum(dim=0) > 1)
    final -= 4 * prior.any(dim=0)
    expected = rows.select(-final.reshape(2, 2, *final.shape[1:]).sum(dim=1), 0.05)
    assert torch.equal(frozen.full(layer, prior), expected) and not torch.equal(plain, expected)


def test_same_seed_same_file(captured, tmp_path):
    files = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        settings = Settings(**(SMALL | {"steps": 5}), seed=seed)
        encoder = train(captured, settings, tmp_path / name, progress=False)
        encoder.save(tmp_path / f"{name}.safetensors")
        files.append((tmp_path / f"{name}.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_resume_equals_uninterrupted(captured, tmp_path, monkeypatch):
    settings = Settings(**(SMALL | {"steps": 5}))
    train(captured, settings, tmp_path / "whole", progress=False).save(tmp_path / "whole.safetensors")

    def stop_at_second(contexts, scale, settings, layer, *rest):
        if layer == 1:
            raise KeyboardInterrupt
        return train_layer(contexts, scale, settings, layer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("dashkv.train.trainer.train_layer", stop_at_second)
        with pytest.raises(KeyboardInterrupt):
            train(captured, settings, tmp_path / "work", progress=False)
    assert sorted(file.name for file in (tmp_path / "work").iterdir()) == ["layer-00.safetensors", "settings.json"]
    with pytest.raises(TrainingError, match="expected no earlier training in .* go on with it by --resume"):
        train(captured, settings, tmp_path / "work", progress=False)
    with pytest.raises(TrainingError, match="expected the capture and settings of the training in"):
        train(captured, dataclasses.replace(settings, seed=3), tmp_path / "work", resume=True, progress=False)
    train(captured, settings, tmp_path / "work", resume=True, progress=False).save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    remove_work(tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_dense_layers_by_loss(captured, tmp_path):
    settings = Settings(**(SMALL | {"steps": 5}))
    encoder = train(captured, settings, tmp_path, dense_above=0.0, parts=(), progress=False)
    assert encoder.dense_layers == (0, 1)
    lost = [1 - layer["kept"] for layer in encoder.training["layers"]]
    between = sum(lost) / 2
    encoder = train(captured, settings, tmp_path, resume=True, dense_above=between, parts=(), progress=False)
    assert encoder.dense_layers == (lost.index(max(lost)),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 12}, "expected 8 to 256 bits, a multiple of 8, but got 12"),
        ({"levels": 16}, "expected levels of 2 to 15, but got 16"),
        ({"form": "real"}, "expected form of packed or weighted, but got real"),
        ({"activation": "tanh"}, "expected activation of relu or silu, but got tanh"),
        ({"loss": "head"}, "expected loss group with scope group, .* but got head"),
        ({"scope": "head"}, "expected loss head with weighted codes of scope head, but got group"),
        ({"steps": 0}, "expected positive steps, but got 0"),
    ],
)
def test_settings(changes, message):
    with pytest.raises(TrainingError, match=message):
        Settings(**changes)


def test_layers_that_are_not_there(captured, tmp_path):
    with pytest.raises(TrainingError, match=r"expected layers of 0 to 1, but got \[2\]"):
        train(captured, Settings(**SMALL), tmp_path, layers=[2])


# The commands


def arguments(*words):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def test_command(captured, tmp_path, capsys):
    out = tmp_path / "e.safetensors"
    words = ("--capture", captured.folder, "--out", out, "--bits", 16, "--steps", 5, "--window", 16, "--layers", "0-1")
    assert cli.main(arguments(*words, "--dense-above", 1)) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["e.safetensors"]
    assert "share of the oracle's, mean over 2 layers:" in capsys.readouterr().out
    assert Encoder.load(out).training["settings"]["steps"] == 5


def test_command_settings():
    assert cli.settings_of(arguments("--out", "e")) == Settings()
    assert cli.settings_of(arguments("--out", "e", "--form", "packed")) == packed_settings()
    group = cli.settings_of(arguments("--out", "e", "--form", "packed", "--scope", "group"))
    assert group.loss == "group" and group.query == "mlp"
    assert cli.settings_of(arguments("--out", "e", "--scope", "head")).loss == "head"
    assert arguments("--out", "e", "--layers", "0-2,5").layers == [0, 1, 2, 5]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "{tmp}/e"), "expected --model and --text, or --capture, but got neither"),
        (
            ("--out", "{tmp}/e", "--capture", "{tmp}", "--model", "m"),
            "expected --capture or --model and --text, but got",
        ),
        (("--out", "{tmp}/none/e", "--capture", "{tmp}"), "expected a folder to write to, but there is none at"),
        (
            ("--out", "{tmp}/e", "--capture", "{tmp}"),
            "expected a finished capture with capture.json, but there is none",
        ),
        (("--out", "{tmp}", "--capture", "{tmp}"), "expected a file to write, but .* is a folder"),
        (("--out", "{tmp}/e", "--capture", "{tmp}", "--sinks", "-1"), "expected sinks of 0 or more, but got -1"),
        (("--out", "{tmp}/e", "--capture", "{tmp}", "--kept", "nan"), "expected kept of 0 or more, but got nan"),
        (
            ("--out", "{tmp}/e", "--model", "{tmp}", "--text", "emma"),
            "expected a causal language model with its tokenizer",
        ),
    ],
)
def test_command_errors(tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        cli.main(arguments(*(word.format(tmp=tmp_path) for word in words)))
    assert not list(tmp_path.iterdir())


def test_a_start_that_fails_leaves_nothing(captured, tmp_path):
    settings = Settings(**(SMALL | {"steps": 5}))
    for change, device, message in (
        ({"window": 100_000}, None, "expected contexts of more than 4000.. tokens"),
        ({}, "abacus", "expected a device that PyTorch has, but got abacus"),
    ):
        with pytest.raises(TrainingError, match=message):
            train(captured, dataclasses.replace(settings, **change), tmp_path / "work", device=device, progress=False)
        assert not (tmp_path / "work").exists()
    # Nor does one that stops before a layer is done stand in the way of other settings.
    with pytest.raises(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashkv.train.trainer.train_layer", lambda *_: 1 / 0)
        train(captured, settings, tmp_path / "work", progress=False)
    train(captured, dataclasses.replace(settings, seed=3), tmp_path / "work", layers=[1], progress=False)


def test_a_layer_with_two_attentions_is_refused(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def twice(model, record):
        yield [record(0, torch.zeros(1, 2, 8, 4), torch.zeros(1, 1, 8, 4)) for _ in range(2)]

    monkeypatch.setattr("dashkv.train.capture.recording", twice)
    model = types.SimpleNamespace(base_model=lambda *_, **__: None, device="cpu")
    with pytest.raises(TrainingError, match="expected one attention a layer, but layer 0 of the model has more"):
        _capture_context(model, [1, 2], tmp_path / "context-0", tqdm(disable=True))
    assert not (tmp_path / "context-0").exists()


def test_no_contexts():
    for context, contexts in ((0, 1), (-5, 1), (8, 0)):
        with pytest.raises(TrainingError, match="expected contexts of 1 token or more, at least one, but got"):
            split_text(None, ["text"], context, contexts)


def test_layers_argument(capsys):
    with pytest.raises(SystemExit):
        arguments("--out", "e", "--layers", "first")
    assert "expected layers as 0-3,7, but got first" in capsys.readouterr().err


def test_interrupt(captured, tmp_path):
    """A signal in the middle leaves finished layers and no encoder; the same command with --resume ends the work."""
    out, work = tmp_path / "e.safetensors", tmp_path / "e.safetensors.work"
    script = "import argparse, sys\nfrom dashkv.train import cli\np = argparse.ArgumentParser()\ncli.add_arguments(p)\nsys.exit(cli.main(p.parse_args()))"
    words = [sys.executable, "-c", script, "--capture", captured.folder, "--out", out, "--bits", "16", "--window", "16"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # Layer 0 is quick and then layer 1 takes long: the signal comes between the two.
    first = subprocess.Popen([*words, "--steps", "150"], stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.time() + 60
    while not (work / "layer-00.safetensors").exists() and time.time() < deadline and first.poll() is None:
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    errors = first.communicate(timeout=60)[1]
    assert first.returncode == 130 and "stopped: the same command goes on with --resume" in errors
    assert not out.exists() and (work / "layer-00.safetensors").exists()
    before = (work / "layer-00.safetensors").stat().st_mtime_ns
    assert before
    subprocess.run([*words, "--steps", "150", "--resume"], check=True, capture_output=True, env=environment)
    assert out.exists() and not work.exists()


def test_capture_command_arguments():
    parser = argparse.ArgumentParser()
    capture_cli.add_arguments(parser)
    args = parser.parse_args(["--model", "smollm2", "--text", "emma", "pydoc", "--out", "folder"])
    assert args.text == ["emma", "pydoc"] and args.context == 8192
    assert json.dumps(args.contexts) == "12"
