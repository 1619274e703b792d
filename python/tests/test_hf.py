"""Models of transformers that generate with attn_implementation="dashkv"."""

import copy
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from dashkv import kernels
from dashkv.encoders import Encoder, EncoderError
from dashkv.models import ModelError, fingerprint, load_smollm2
from dashkv.torch.attention import attention_forward, use
from dashkv.torch.cache import DashKVCache

EXACT = "full=100%,dense_below=0"
SPARSE = "full=5%,full_min=16,sinks=2,window=16,dense_below=0"
GREEDY = {"max_new_tokens": 16, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(seed=0, **changes):
    sizes = {"hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 3, "head_dim": 16, "vocab_size": 64}
    heads = {"num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**sizes | heads | changes, initializer_range=0.2)).eval()


@pytest.fixture
def model():
    return make()


def encoder(model, form="weighted", **fitted):
    made = Encoder.random(fingerprint(model), form)
    for layer in made.layers:
        for name, value in fitted.items():
            setattr(layer, name, value)
    return made


def prompt(batch=1, tokens=150):
    torch.manual_seed(tokens)
    return torch.randint(1, 64, (batch, tokens))


def padded():
    """Three prompts of 150, 110 and one token, padded on the left."""
    ids, mask = prompt(3), torch.ones(3, 150, dtype=torch.long)
    for b, length in enumerate((150, 110, 1)):
        ids[b, : 150 - length], mask[b, : 150 - length] = 0, 0
    return {"input_ids": ids, "attention_mask": mask}


def logits(model, cache, *parts):
    """Logits of all positions, the prompt cut into parts."""
    with torch.no_grad():
        return torch.cat([model(part, cache=cache).logits for part in parts], 1)


@pytest.mark.parametrize("form", ["weighted", "packed"])
@pytest.mark.parametrize("given", [{"input_ids": prompt()}, padded()], ids=["one", "padded"])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_a_full_budget_generates_what_sdpa_does(model, form, given, options):
    want = model.generate(**given, **GREEDY, **options)
    use(model, encoder(model, form), EXACT)
    assert torch.equal(model.generate(**given, **GREEDY, **options), want)


@pytest.mark.parametrize("family", ["Qwen2", "Qwen3", "Phi3", "Gemma", "Granite", "Cohere", "Olmo2"])
def test_other_families(family):
    sizes = {"hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 64, "pad_token_id": 0}
    heads = {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16, "eos_token_id": 2}
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**sizes | heads, initializer_range=0.2)
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    want = model.generate(**padded(), **GREEDY)
    use(model, encoder(model), EXACT)
    assert torch.equal(model.generate(**padded(), **GREEDY), want)


def test_a_conversation_with_a_copied_cache(model):
    """The cache of a common beginning is copied, and grows over two turns."""
    given, made = padded(), encoder(model)
    begun = {name: x[:, :140] for name, x in given.items()}

    def talk(cache):
        with torch.inference_mode():
            positions = (begun["attention_mask"].cumsum(1) - 1).clamp(min=0)
            model(**begun, position_ids=positions, cache=cache)
        turns = []
        for one in (cache, copy.deepcopy(cache)):
            answer = model.generate(**given, **GREEDY, cache=one)
            more = {"input_ids": torch.cat([answer, prompt(3, 5)], 1)}
            more["attention_mask"] = torch.cat([given["attention_mask"], torch.ones(3, 21, dtype=torch.long)], 1)
            turns += [answer, model.generate(**more, **GREEDY, cache=one)]
        return turns

    want = talk(DynamicCache())
    model.set_attn_implementation("dashkv")
    got = talk(DashKVCache(model, made, EXACT))
    assert all(torch.equal(x, y) for x, y in zip(got, want, strict=True))


def test_larger_budgets_come_closer(model):
    ids, new = prompt(tokens=600), prompt(tokens=4)
    exact = logits(model, DynamicCache(), ids, new)[:, -4:].log_softmax(-1)
    use(model, encoder(model), SPARSE)
    divergence = []
    for full in (5, 50, 90):
        cache = DashKVCache(model, encoder(model), SPARSE.replace("full=5%", f"full={full}%"))
        close = logits(model, cache, ids, new)[:, -4:].log_softmax(-1)
        divergence.append(float((exact.exp() * (exact - close)).sum(-1).mean()))
    assert divergence[0] > 2 * divergence[1] > 4 * divergence[2] > 0


def test_rows_of_one_step_are_steps_of_one_row(model):
    made, ids = encoder(model), prompt(tokens=300)
    use(model, made, SPARSE)
    parts = ids.split([290, 8, 2], 1)
    one_by_one = ids.split([290] + [1] * 10, 1)
    want = logits(model, DashKVCache(model, made, SPARSE), *one_by_one)
    assert torch.allclose(logits(model, DashKVCache(model, made, SPARSE), *parts), want, atol=1e-4)


def test_prompts_in_parts_are_exact(model):
    ids = prompt(tokens=200)
    want = logits(model, DynamicCache(), ids)
    use(model, encoder(model), SPARSE)
    got = logits(model, DashKVCache(model, encoder(model), SPARSE), *ids.split([3, 97, 100], 1))
    assert torch.allclose(got, want, atol=1e-4)


def test_caches_grow_by_half_and_keep_codes(model):
    made = encoder(model)
    use(model, made, SPARSE)
    cache = DashKVCache(model, made, SPARSE, capacity=100)
    ids = prompt(2, 300)
    sizes = []
    for part in ids.split([100, 30, 100, 70], 1):
        logits(model, cache, part)
        sizes.append(cache.layers[0].keys.shape[2])
    assert sizes == [128, 192, 320, 320]
    assert cache.get_seq_length() == 300
    for layer in cache.layers:
        want = kernels.encode_keys(layer.keys[:, :, :300], layer.encoder)
        assert torch.equal(layer.codes[:, :, :4], want[:, :, :4])


def test_assisted_generation(model):
    ids = prompt()
    want = model.generate(ids, **GREEDY)
    assistant = make()
    use(model, encoder(model), EXACT)
    assert torch.equal(model.generate(ids, prompt_lookup_num_tokens=4, **GREEDY), want)
    assert torch.equal(model.generate(ids, assistant_model=assistant, **GREEDY), want)


def test_cropped_and_reset_caches(model):
    made, ids = encoder(model), prompt(2, 200)
    use(model, made, SPARSE)
    cache = DashKVCache(model, made, SPARSE)
    want = logits(model, cache, ids, ids[:, :1])[:, -1]
    cache.crop(-1)
    assert cache.get_seq_length() == 200
    logits(model, cache, prompt(2, 7))
    cache.crop(-7)
    assert torch.equal(logits(model, cache, ids[:, :1])[:, -1], want)
    cache.batch_select_indices(torch.tensor([1]))
    cache.crop(-1)
    assert torch.allclose(logits(model, cache, ids[1:, :1])[0, -1], want[1], atol=1e-5)
    cache.batch_repeat_interleave(2)
    assert cache.sequences.lengths.tolist() == [201, 201]
    cache.reset()
    assert cache.get_seq_length() == 0
    assert torch.equal(logits(model, cache, ids, ids[:, :1])[:, -1], want)
    with pytest.raises(ValueError, match="expected to crop at most 201 keys, but got 202"):
        cache.crop(-202)
    with pytest.raises(ValueError, match="expected a negative number of tokens to crop, but got 3"):
        cache.crop(3)


def test_dense_layers_are_exact(model):
    ids = prompt(tokens=300)
    want = logits(model, DynamicCache(), ids, ids[:, :1])
    made = encoder(model)
    made.dense_layers, made.layers = (0, 1, 2), [None] * 3
    use(model, made, SPARSE)
    cache = DashKVCache(model, made, SPARSE)
    assert torch.allclose(logits(model, cache, ids, ids[:, :1]), want, atol=1e-4)
    assert all(layer.codes is None for layer in cache.layers)


def test_a_model_without_a_head(model):
    ids = prompt(tokens=300)
    with torch.no_grad():
        want = model.model(ids).last_hidden_state
        use(model.model, encoder(model.model), EXACT)
        cache = DashKVCache(model.model, encoder(model.model), EXACT)
        parts = [model.model(part, cache=cache).last_hidden_state for part in ids.split([295, 5], 1)]
    assert torch.allclose(torch.cat(parts, 1), want, atol=1e-4)


def test_the_prior_is_what_the_layer_before_kept(model, monkeypatch):
    import numpy as np

    made = encoder(model, prior_discount=np.full(2, 8, np.int16))
    made.dense_layers, made.layers[0] = (0,), None
    use(model, made, SPARSE)
    cache, calls, decode = DashKVCache(model, made, SPARSE), [], kernels.decode

    def watched(*args, prior=None, want_kept=False, **options):
        result = decode(*args, prior=prior, want_kept=want_kept, **options)
        calls.append((prior, want_kept, result))
        return result

    monkeypatch.setattr(kernels, "decode", watched)
    ids = prompt(tokens=300)
    logits(model, cache, ids, ids[:, :1])
    (first, first_kept, result), (second, second_kept, _) = calls
    assert first is None and first_kept and second is result[1] and not second_kept


def test_going_back_to_sdpa(model):
    ids = prompt()
    want = model.generate(ids, **GREEDY)
    use(model, encoder(model), "full=0%,full_min=1,sinks=1,window=1,dense_below=0")
    assert not torch.equal(model.generate(ids, **GREEDY), want)
    model.set_attn_implementation("sdpa")
    assert torch.equal(model.generate(ids, **GREEDY), want)


def test_without_a_cache_attention_is_exact(model):
    given = padded()
    want = model(**given, use_cache=False).logits
    use(model, encoder(model), SPARSE)
    got = model(**given, use_cache=False).logits
    shown = given["attention_mask"].bool()
    assert torch.allclose(got[shown], want[shown], atol=1e-4)


def test_encoders_of_other_models(model):
    with pytest.raises(EncoderError, match="layers = 2.* layers = 3"):
        use(make(num_hidden_layers=2), encoder(model))
    with pytest.raises(EncoderError, match="q and k weights"):
        use(make(seed=1), encoder(model))
    with pytest.raises(EncoderError, match="kv_heads = 3"):
        DashKVCache(make(num_key_value_heads=3).config, encoder(model))


def test_models_that_do_not_attend_to_all_keys(model):
    sizes = model.config.to_dict() | {"sliding_window": 64, "model_type": "mistral"}
    sizes.pop("architectures", None)
    windowed = MistralForCausalLM(MistralConfig(**sizes)).eval()
    made = encoder(model)
    made.model = fingerprint(windowed.config)
    with pytest.raises(ModelError, match="expected full attention in every layer, but layer 0 has sliding_attention"):
        use(windowed, made)
    capped = copy.deepcopy(model)
    capped.config.attn_logit_softcapping = 30.0
    with pytest.raises(ModelError, match="expected attention without a soft cap, but got one of 30.0"):
        use(capped, made)
    both_ways = copy.deepcopy(model)
    both_ways.config.is_causal = False
    with pytest.raises(ModelError, match="expected a causal model"):
        use(both_ways, made)


def test_models_with_learned_sinks(model):
    sizes = {name: getattr(model.config, name) for name in ("hidden_size", "num_attention_heads", "head_dim")}
    config = transformers.GptOssConfig(**sizes, num_key_value_heads=2, num_hidden_layers=1, intermediate_size=32,
                                       num_local_experts=2, vocab_size=64, layer_types=["full_attention"])  # fmt: skip
    with_sinks = transformers.GptOssForCausalLM(config).eval()
    made = Encoder.random(fingerprint(config))
    with pytest.raises(ModelError, match="expected attention without learned sinks, but layer 0 has them"):
        use(with_sinks, made)
    q, k = torch.zeros(1, 6, 5, 16), torch.zeros(1, 2, 5, 16)
    with pytest.raises(ValueError, match=r"expected attention without s_aux, .* but got values \[6\]"):
        attention_forward(with_sinks, q, k, k, None, s_aux=torch.zeros(6))


def test_models_that_attend_twice_in_a_layer():
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 64}
    twice = transformers.DiffLlamaForCausalLM(transformers.DiffLlamaConfig(**sizes, num_attention_heads=4)).eval()
    use(twice, Encoder.random(fingerprint(twice)), EXACT)
    with pytest.raises(ValueError, match="expected one attention a layer, but DiffLlamaAttention calls it again"):
        twice.generate(prompt(), **GREEDY)


def test_calls_that_dashkv_cannot_answer(model):
    made, ids = encoder(model), prompt(tokens=20)
    use(model, made, SPARSE)
    with pytest.raises(ValueError, match="expected a DashKVCache, but got 2 queries and 22 keys of another cache"):
        logits(model, DynamicCache(), ids, ids[:, :2])
    with pytest.raises(ValueError, match="expected a model in evaluation mode"):
        model.train()(ids)
    model.eval()
    with pytest.raises(ValueError, match="expected inference without gradients"):
        model(ids, cache=DashKVCache(model, made, SPARSE))
    with pytest.raises(ValueError, match="expected attention without output_attentions"), torch.no_grad():
        model(ids, output_attentions=True)
    with pytest.raises(ValueError, match=r"expected a 2D attention_mask of zeros and ones, but got \[1, 1, 20, 20\]"):
        model(ids, attention_mask=torch.ones(1, 1, 20, 20, dtype=torch.bool))
    with pytest.raises(ValueError, match="expected a plain causal mask"), torch.no_grad():
        model(ids, position_ids=torch.tensor([[*range(10), *range(10)]]), use_cache=False)


def test_masks_and_batches_that_do_not_fit(model):
    made, given = encoder(model), padded()
    use(model, made, SPARSE)

    @torch.no_grad()
    def call(cache, ids, mask):
        return model(ids, attention_mask=mask, cache=cache)

    ids, mask = given["input_ids"], given["attention_mask"]
    with pytest.raises(ValueError, match="expected padding on the left, but the attention_mask has zeros after ones"):
        call(DashKVCache(model, made, SPARSE), ids, mask.flip(1))
    cache = DashKVCache(model, made, SPARSE)
    call(cache, ids, mask)
    with pytest.raises(ValueError, match=r"shows the \[150, 110, 1\] keys which the cache holds, but it shows \[150"):
        call(cache, ids[:, :1], torch.cat([torch.ones(3, 151)[:, 1:], mask[:, :1]], 1).long())
    cache = DashKVCache(model, made, SPARSE)
    call(cache, ids, mask)
    with pytest.raises(ValueError, match="expected 3 sequences, which the cache holds, but got 2"):
        call(cache, ids[:2, :1], None)
    model.set_attn_implementation("sdpa")
    with pytest.raises(RuntimeError, match="works with attn_implementation='dashkv' only"):
        cache = DashKVCache(model, made, SPARSE)
        call(cache, ids, None)
        call(cache, ids, None)


def test_types_and_devices(model):
    made = encoder(model)
    layer = DashKVCache(model, made).layers[0]
    with pytest.raises(TypeError, match="expected keys on the CPU, but they are on meta"):
        layer.update(torch.empty(1, 2, 5, 16, device="meta"), torch.empty(1, 2, 5, 16, device="meta"))
    with pytest.raises(TypeError, match="expected keys of float32, float16 or bfloat16, but got torch.float64"):
        layer.update(torch.empty(1, 2, 5, 16).double(), torch.empty(1, 2, 5, 16).double())


def test_bfloat16(model):
    model = model.to(torch.bfloat16)
    ids = prompt(tokens=200)
    want = logits(model, DynamicCache(), ids, ids[:, :3])[:, -3:]
    use(model, encoder(model), EXACT)
    got = logits(model, DashKVCache(model, encoder(model), EXACT), ids, ids[:, :3])[:, -3:]
    assert (got - want).abs().max() < 0.1 * want.abs().max()


def test_smollm2(monkeypatch, capsys, tmp_path):
    """The real model: the same text at a full budget, and the example."""
    try:
        model, tokenizer = load_smollm2()
    except (ModelError, ImportError) as reason:
        pytest.skip(str(reason))
    given = tokenizer("The capital of France is Paris. The capital of Italy is", return_tensors="pt")
    options = {**GREEDY, "max_new_tokens": 8}
    want = model.generate(**given, **options)
    made = Encoder.random(fingerprint(model))
    use(model, made, EXACT)
    assert torch.equal(model.generate(**given, **options), want)
    assert "Rome" in tokenizer.decode(want[0])

    made.save(tmp_path / "encoder.safetensors")
    monkeypatch.setattr("dashkv.models.load_model", lambda name: (model, tokenizer))
    example(monkeypatch, str(tmp_path / "encoder.safetensors"), "What is the capital of France? One word.")
    assert "Paris" in capsys.readouterr().out


def example(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["generate.py", *arguments])
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "python" / "generate.py"), run_name="__main__")


def test_errors_of_the_example(model, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        example(monkeypatch, "none", " ")
    assert "error: expected a question and at least one token, but got ' ' and 200" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="generate: error: expected an encoder file, but there is none at none"):
        example(monkeypatch, "none")
    encoder(model).save(tmp_path / "e.safetensors")
    with pytest.raises(SystemExit, match="generate: error: expected a GGUF file, but there is none at none.gguf"):
        example(monkeypatch, str(tmp_path / "e.safetensors"), "--model=none.gguf")
    monkeypatch.setattr("dashkv.models.load_model", lambda name: (make(num_hidden_layers=2), None))
    with pytest.raises(SystemExit, match="generate: error: expected an encoder for a model with layers = 2"):
        example(monkeypatch, str(tmp_path / "e.safetensors"))


@pytest.mark.parametrize(
    ("module", "hidden", "message"),
    [
        ("dashkv.torch.ops", "torch", "dashkv.torch needs the package torch: pip install dashkv"),
        ("dashkv.torch.attention", "transformers", "models need the package transformers, 5.24 or later"),
    ],
)
def test_packages_that_are_missing(module, hidden, message):
    program = f"import sys; sys.modules['{hidden}'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert message in done.stderr
