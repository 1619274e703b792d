"""Whole models of transformers, exported by torch-mlir and compiled, against PyTorch."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: scripts/setup.sh --tests")
pytest.importorskip("torch_mlir", reason="needs torch-mlir: scripts/setup.sh --tests")
transformers = pytest.importorskip("transformers", reason="needs transformers: scripts/setup.sh --tests")

from test_gpu_layers import run_simulated

import dashkv
from dashkv.torch.export import to_mlir
from dashkv.torch.model_step import ModelStep

SIZES = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 64, "pad_token_id": 0}
GROUPED = SIZES | {"num_key_value_heads": 2, "intermediate_size": 96, "head_dim": 32}
MODELS = {
    "llama": GROUPED,
    "qwen3": GROUPED,
    "gpt2": {"n_embd": 128, "n_layer": 2, "n_head": 4, "vocab_size": 64},
    "opt": SIZES | {"ffn_dim": 96, "word_embed_proj_dim": 128},  # positions by a running sum
    "gpt_bigcode": {"n_embd": 128, "n_layer": 2, "n_head": 4, "vocab_size": 64},  # one KV head
    "gemma3_text": GROUPED,  # layers with windows, which hold fewer keys than the window
    "deepseek_v3": SIZES | {
        "num_key_value_heads": 4, "q_lora_rank": 32, "kv_lora_rank": 32, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
        "v_head_dim": 32, "first_k_dense_replace": 2, "intermediate_size": 96,
    },
}  # fmt: skip
KEYS = 300
ALL_KEYS = f"full=5%,full_min={KEYS + 1},dense_below=0"  # through the codes, whatever they are


def make(name, cache, implementation="sdpa", batch=1, rows=1):
    """(step, its text, arguments: random keys and values, a step that is no longer random)."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name, **MODELS[name])
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()
    step = ModelStep(model, cache)
    position = (torch.tensor(200),) if cache == "static" else ()
    caches = [torch.randn(x.shape) for x in step.caches(KEYS, batch)]
    arguments = (torch.randint(0, 64, (batch, rows)), *position, *caches, *step.weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return step, to_mlir(step, arguments), arguments


def fill(kernel, given, keys=KEYS):
    """Random encoders and codes for the arguments that tiering adds; keys: the size that no type tells."""
    rng = np.random.default_rng(1)
    for argument in kernel.arguments[len(given) :]:
        shape = [keys if size is None else size for size in argument.shape]
        if argument.role.endswith("key_codes"):
            given = (*given, torch.from_numpy(rng.integers(-128, 128, shape, np.int8)))
        else:
            given = (*given, torch.from_numpy(rng.standard_normal(shape, np.float32)))
    return given


def assert_close(actual, expected):
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))


CASES = [(name, "concat", "sdpa", 1, 1) for name in MODELS]
CASES += [("llama", "concat", "eager", 1, 1), ("gpt2", "static", "eager", 1, 1)]
CASES += [("llama", "static", "sdpa", 1, 3), ("qwen3", "static", "sdpa", 2, 1), ("gpt2", "concat", "sdpa", 2, 1)]


@pytest.mark.parametrize(("name", "cache", "implementation", "batch", "rows"), CASES)
def test_model(build_dir, name, cache, implementation, batch, rows):
    # Eager attention adds the lowest number where a key is hidden, which differs from a mask in rows of no keys.
    options = {"assume_nonempty_rows": (cache, implementation) == ("static", "eager")}
    step, text, arguments = make(name, cache, implementation, batch, rows)
    with torch.no_grad():
        expected = step(*arguments)
    assert len(text) < 200_000, "the text holds weights"
    assert_close(dashkv.compile(text, **options)(*arguments), expected)
    kernel = dashkv.compile(text, tiering=ALL_KEYS, **options)
    assert sum(argument.role.endswith("key_codes") for argument in kernel.arguments) == 2
    results = kernel(*fill(kernel, arguments))
    assert_close(results[: len(expected)], expected)
    follows = 2 if name != "deepseek_v3" else 0  # codes are written as keys are; its keys are made of two parts
    assert len(results) - len(expected) == follows
    assert b".extern .func" not in dashkv.emit(text, "ptx", target="sm_90a", tiering="full=5%", **options)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_any_number_of_keys(build_dir, name):
    step, _, (ids, *rest) = make(name, "concat")
    caches, weights = rest[:4], rest[4:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = to_mlir(step, (ids, *caches, *weights), step.dynamic_shapes(caches))
    kernel = dashkv.compile(text, tiering=ALL_KEYS)
    for keys in (40, 300):
        shorter = [x[:, :, :keys].contiguous() for x in caches]
        with torch.no_grad():
            expected = step(ids, *shorter, *weights)
        assert_close(dashkv.compile(text)(ids, *shorter, *weights), expected)
        assert_close(kernel(*fill(kernel, (ids, *shorter, *weights), keys))[: len(expected)], expected)


@pytest.mark.parametrize(("name", "cache"), [("llama", "concat"), ("opt", "concat"), ("gpt2", "static")])
def test_model_on_a_gpu(build_dir, tmp_path, name, cache):
    step, text, arguments = make(name, cache)
    with torch.no_grad():
        expected = step(*arguments)
    source = tmp_path / "step.mlir"
    source.write_text(text)
    filled = fill(dashkv.compile(text, tiering=ALL_KEYS), arguments)
    actual = run_simulated(build_dir, tmp_path, source, [x.numpy() for x in filled], f"--tiering={ALL_KEYS}")
    assert_close([torch.from_numpy(x) for x in actual[: len(expected)]], expected)


def test_a_wrong_result_is_found():
    with pytest.raises(AssertionError):
        assert_close([torch.tensor([1.0, 1.001])], [torch.tensor([1.0, 1.0])])


def test_refused():
    config = transformers.AutoConfig.for_model("gemma3_text", **MODELS["gemma3_text"])
    model = transformers.AutoModelForCausalLM.from_config(config)
    with pytest.raises(ValueError, match=r"expected a model in evaluation mode: call model.eval\(\)"):
        ModelStep(model.train())
    for kind in (transformers.AutoModel, transformers.AutoModelForSequenceClassification):
        with pytest.raises(ValueError, match="expected a causal language model with logits, but got a Gemma3"):
            ModelStep(kind.from_config(config).eval())
    with pytest.raises(ValueError, match="expected a cache of concat, static, but got 'paged'"):
        ModelStep(model.eval(), "paged")
    with pytest.raises(ValueError, match="expected full attention with a static cache, but layer 0 has a window"):
        ModelStep(model, "static")
