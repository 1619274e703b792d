"""The evaluation on a tiny random Llama: what each selector promises, the account of bytes, resuming, bad input."""

import argparse
import copy
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dashkv.encoders import Encoder, EncoderError
from dashkv.eval import cli, codes, drift, harness, measures, needles, report, runs, tasks
from dashkv.eval.harness import EXACT, EvalError, Session, Step
from dashkv.eval.selectors import H2O, Budget, Choosing, Kivi, Oracle, Quest, SnapKV, Window, keep_top
from dashkv.eval.suite import Suite
from dashkv.kernel_text import Tiering
from dashkv.models import fingerprint

ROWS = 100
WORDS = sorted({*tasks.WORDS, "the", "is", "for", "magic", "number"})


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS) + 200, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=4096, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    made = transformers.LlamaForCausalLM(config).eval()
    # Sharper attention than random weights have, so that choices matter.
    for layer in made.model.layers:
        layer.self_attn.q_proj.weight.data *= 12
        layer.self_attn.k_proj.weight.data *= 12
    return made


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers

    marks = ["<unk>", "<end>", *map(chr, range(32, 127)), "\n"]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys([*marks, *WORDS]))}
    made = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="<end>")


@pytest.fixture(scope="module")
def tokens(model):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(2, model.config.vocab_size, 401))


@pytest.fixture(scope="module")
def prefix(model, tokens):
    return harness.prefill(model, tokens[: 400 - ROWS], observe=True)


def budget(full, **fields):
    return Budget(Tiering(full=full, full_min=fields.pop("full_min", 8), dense_below=0, sinks=2, window=8), **fields)


def suite(model, full, compiled=False, **fields):
    key = fingerprint(model)
    packed = Encoder.random(key, "packed", 64, seed=1)
    parts = {"vote_discount": np.full(4, 3, np.int16), "prior_discount": np.full(4, 2, np.int16)}
    parts |= {"temperature": np.full(4, 0.1, np.float32), "bias": np.zeros(4, np.float32)}
    packed.layers = [dataclasses.replace(layer, **parts) for layer in packed.layers]
    encoders = {"packed": packed, "weighted": Encoder.random(key, "weighted", 64, seed=1)}
    encoders["linear"] = Encoder.random(key, "packed", 128, seed=1)
    return Suite(budget(full, **fields), key, encoders, compiled=compiled).selectors()


def advance(model, prefix, tokens, selector, dense=()):
    session = Session(model, prefix, selector, dense, room=ROWS)
    return session.advance(tokens[400 - ROWS : 400]), session.traffic


def step_of(rows=21, keys=333, layer=0, seed=0, **state):
    torch.manual_seed(seed)
    q, k, v = (torch.randn(heads, n, 32) for heads, n in ((4, rows), (2, keys), (2, keys)))
    return Step(layer, q, k, v, 32**-0.5, None, {"shared": state.get("shared", {})}, wants_kept=True)


def test_exact_rows_are_those_of_the_model(model, prefix, tokens):
    ours, _ = advance(model, prefix, tokens, EXACT)
    with torch.inference_mode():
        theirs = model.model(tokens[None, :400]).last_hidden_state[0, 400 - ROWS :]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert model.config._attn_implementation != harness.NAME


def test_a_whole_budget_is_exact(model, prefix, tokens):
    exact, _ = advance(model, prefix, tokens, EXACT)
    for selector in suite(model, 1.0):
        if not isinstance(selector, Kivi) and "mid tier" not in selector.name:
            ours, traffic = advance(model, prefix, tokens, selector)
            torch.testing.assert_close(ours, exact, rtol=1e-4, atol=1e-4, msg=selector.name)
            assert traffic.rows == traffic.dense_rows, selector.name


class DropsOneKey(Choosing):
    """The failing twin: a selector with a whole budget that loses the 20th key of each row."""

    name = "drops one key"

    def keep(self, step):
        kept = step.hide(torch.ones(step.kv_heads, step.rows, step.key.shape[1], dtype=torch.bool), False)
        kept[..., 20] = False
        return kept


def test_a_broken_selector_is_seen(model, prefix, tokens):
    exact, _ = advance(model, prefix, tokens, EXACT)
    broken, traffic = advance(model, prefix, tokens, DropsOneKey(budget(1.0)))
    assert (broken - exact).abs().max() > 1e-3
    assert traffic.rows < traffic.dense_rows
    found = measures.token_measures(
        *(measures.log_probabilities(model, x) for x in (exact, broken)), tokens[401 - ROWS : 401]
    )
    assert found["kl"].mean() > 1e-5


def test_kivi_quantises(model, prefix, tokens):
    exact, _ = advance(model, prefix, tokens, EXACT)
    errors = {}
    for bits in (2, 8):
        ours, traffic = advance(model, prefix, tokens, Kivi(bits))
        errors[bits] = (ours - exact).abs().mean()
        assert traffic.bytes < traffic.dense_bytes
    assert 0 < errors[8] < errors[2] / 5


def test_the_oracle_keeps_the_most(model, prefix, tokens):
    selectors = [s for s in suite(model, 0.1, equal="rows") if s.name != "oracle, head" and "head scope" not in s.name]
    oracle = Oracle(budget(0.1))
    results = measures.layer_measures(model, prefix, tokens[300:400], selectors, [oracle] * len(selectors))
    found = {selector.name: result for selector, result in zip(selectors, results, strict=True)}
    best = found["oracle, group"]
    assert np.all(best["recall"] == 1)
    assert np.all(best["kept"] > 0.3)
    for name, measured in found.items():
        if name not in ("KIVI 2-bit", "H2O", "SnapKV", "Quest"):  # these keep other numbers of rows
            # The oracle ranks by the mean of a group, so it is the group's mean that is the greatest.
            assert np.all(measured["kept"].reshape(3, 2, 2).mean(-1) <= best["kept"].reshape(3, 2, 2).mean(-1) + 1e-6)
    assert np.isnan(found["KIVI 2-bit"]["kept"]).all() and (found["KIVI 2-bit"]["cosine"] > 0.5).all()


def test_bytes_are_those_of_the_formula():
    step, row, code = step_of(), 2 * (32 + 32), 8
    limits = 333 - 21 + 1 + np.arange(21)
    rows = 2 + 8 + np.maximum(np.ceil(limits / 10), 8)
    key = {"model_type": "llama", "layers": 1, "query_heads": 4, "kv_heads": 2, "head_size": 32, "rope_theta": 1e4}
    ours = codes.Codes("", budget(0.1), Encoder.random(key), compiled=False).attend(step)
    assert ours.rows == 2 * rows.sum() and ours.bytes == 2 * (row * rows + code * limits).sum()
    # At equal bytes a window has no codes to read, and Quest reads the bounds of 16 keys, 2 values a channel.
    window = Window(budget(0.1)).attend(step)
    assert window.rows == 2 * (rows + np.floor(code * limits / row)).sum() and window.bytes == row * window.rows
    quest = Quest(budget(0.1)).attend(step)
    assert quest.bytes == row * quest.rows + 2 * (np.ceil(limits / 16) * 2 * 32 * 2).sum()
    assert abs(quest.bytes / ours.bytes - 1) < 0.1 and abs(window.bytes / ours.bytes - 1) < 0.02
    oracle = Oracle(budget(0.1)).attend(step)
    assert oracle.rows == ours.rows and oracle.bytes == row * oracle.rows
    head = Oracle(budget(0.1), "head").attend(step)
    assert head.rows > oracle.rows and head.rows == head.kept.reshape(2, 2, 21, -1).any(1).sum()


def test_dense_layers_count_as_dense(model, prefix, tokens):
    _, all_hashed = advance(model, prefix, tokens, Window(budget(0.1)))
    _, one_dense = advance(model, prefix, tokens, Window(budget(0.1)), dense=(0,))
    assert one_dense.dense_bytes == all_hashed.dense_bytes
    assert one_dense.bytes == pytest.approx(all_hashed.bytes * 2 / 3 + all_hashed.dense_bytes / 3)


def test_evicted_keys_stay_away(model, prefix, tokens):
    for kind in (H2O, SnapKV):
        held = []

        class Watched(kind):
            def keep(self, step, held=held):
                kept = super().keep(step)
                if step.layer == 0:
                    held.append(step.state["held"])
                return kept

        advance(model, prefix, tokens, Watched(budget(0.1)))
        assert len(held) == 2
        before, after = held[0], held[1][:, : held[0].shape[1]]
        assert not (after & ~before).any() and (before & ~after).any()


def test_top_of_equal_scores_is_the_lowest_index():
    scores = torch.tensor([[[1.0, 2, 2, 2, 0, -torch.inf]]])
    forced = torch.tensor([[False, True, False, False, False, False]])
    assert keep_top(scores, forced, np.array([1])).tolist() == [[[False, True, True, False, False, False]]]
    assert keep_top(scores, forced, np.array([9])).tolist() == [[[True, True, True, True, True, False]]]
    assert keep_top(scores, forced, np.array([0])).tolist() == [[forced[0].tolist()]]


@pytest.mark.parametrize(("form", "scope"), [("weighted", "group"), ("packed", "group"), ("packed", "head")])
@pytest.mark.parametrize("part", ["none", "votes", "radius", "momentum", "mid", "table"])
def test_the_kernels_choose_what_the_restatement_chooses(library, form, scope, part):
    key = {"model_type": "llama", "layers": 2, "query_heads": 4, "kv_heads": 2, "head_size": 32, "rope_theta": 1e4}
    encoder = Encoder.random(key, form, 32)
    count, rng = encoder.code_heads, np.random.default_rng(0)
    fields = {
        "none": {},
        "votes": {"vote_discount": np.full(count, 5, np.int16), "vote_threshold": 0},
        "radius": {"vote_discount": np.full(count, 5, np.int16), "vote_threshold": 0},
        "momentum": {"prior_discount": np.full(count, 9, np.int16)},
        "mid": {"temperature": np.full(4, 0.07, np.float32), "bias": np.full(4, -0.2, np.float32)},
    }
    fields["radius"]["radius"] = np.full(count, 12, np.int32)
    table = rng.standard_normal((4, 128 if form == "weighted" else 33)).astype(np.float32)
    fields["table"] = {**fields["mid"], "table": table}
    encoder.layers = [dataclasses.replace(layer, **fields[part]) for layer in encoder.layers]
    tiering = Tiering(0.1, 8, dense_below=0, scope=scope, mid=0.2 if part in ("mid", "table") else 0.0)
    answers = []
    for compiled in (False, True):
        selector, shared = codes.Codes("", Budget(tiering, 4), encoder, compiled), {}
        for layer in (0, 1):  # momentum needs a layer before
            step = step_of(layer=layer, shared=shared)
            answers.append(selector.attend(step))
            if scope == "group":  # what is counted where nobody asks for the lists
                assert answers[-1].rows == codes._counts(step, tiering)[0]
    for restated, kernel in zip(answers[:2], answers[2:], strict=True):
        assert torch.equal(restated.kept, kernel.kept)
        assert restated.bytes == kernel.bytes and restated.rows == kernel.rows
        torch.testing.assert_close(restated.out, kernel.out, rtol=1e-4, atol=1e-5)


def test_estimates_have_standard_errors():
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(6400).astype(np.float32) + 3 for _ in range(2)]
    found = measures.estimate(values)
    assert found.mean == pytest.approx(3, abs=0.05) and found.error == pytest.approx(12800**-0.5, rel=0.2)
    change = measures.perplexity_change([np.full(128, 2.1)], [np.full(128, 2.0)])
    assert change.mean == pytest.approx(100 * (np.exp(0.1) - 1)) and change.error == pytest.approx(0, abs=1e-9)


def test_needles_are_found_by_the_oracle(model, prefix, tokens):
    tiering = budget(0.05).tiering
    pairs = needles.find_pairs(model, prefix, tokens[400 - ROWS : 400], (0, 2), 3, tiering)
    assert {pair.layer for pair in pairs} == {0, 2}
    selectors = [Oracle(budget(0.05)), Window(budget(0.05))]
    hits = needles.hits(prefix, pairs, 2048, selectors, 0, tiering)
    assert hits[0].mean() > 0.8 and hits[1].mean() < 0.5
    assert np.array_equal(hits, needles.hits(prefix, pairs, 2048, selectors, 0, tiering))


def test_drift_of_exact_is_none(model, prefix, tokens):
    last, seeds = tokens[400 - ROWS : 401 - ROWS], [0, 1]
    written = {
        s.name: drift.generate(model, [prefix] * 2, last.expand(2), s, (), 24, seeds) for s in (EXACT, Oracle(budget(1.0)), Window(budget(0.02)))
    }  # fmt: skip
    exact = written["exact"][0]
    assert (exact[0] != exact[1]).any() and not (exact == model.config.eos_token_id).any()
    for name, (texts, states) in written.items():
        for text, state, reference in zip(texts, states, exact, strict=True):
            found = drift.measure(model, prefix, last, text, state, reference)
            assert found["first"] == 24 or name == "sinks + window"
            assert (found["kl"].mean() > 1e-4) == (name == "sinks + window")
    # Texts that are written together are those that are written alone, each with its own seed.
    alone, _ = drift.generate(model, [prefix], last, Window(budget(0.02)), (), 24, seeds[1:])
    assert torch.equal(alone[0], written["sinks + window"][0][1])
    other = exact[0].clone()
    other[7] += 1
    assert drift.measure(model, prefix, last, other, states[0], exact[0])["first"] == 7
    again = drift.measure(model, prefix, last, torch.tensor([5, 6, 7, 8, 5, 6, 7, 8]), states[0, :8], exact[0, :8])
    assert again["repeated"].tolist() == [False, False, False, False, True]


def test_tasks_ask_for_what_is_there(tokenizer):
    text = " ".join(np.random.default_rng(0).choice(WORDS, 4000))
    for task in tasks.TASKS:
        [one], [again] = (tasks.make(task, tokenizer, text, 600, 1, seed=3) for _ in range(2))
        assert torch.equal(one.context, again.context) and one.parts == again.parts
        assert 300 < len(one.context) < 1400 and all(one.parts[i].strip() for i in one.answers)
        assert not any(rival in one.parts for rivals in one.rivals for rival in rivals)


def test_rivals_are_beaten_by_what_is_likelier(model, tokenizer, prefix, tokens):
    words = [" magic", " anchor", " apple", " zebra", " lemon"]
    chances = []
    for word in words:
        before, after = (torch.tensor(tokenizer(part).input_ids) for part in ("the is", word))
        with torch.inference_mode():
            logits = model(torch.cat([tokens[: 400 - ROWS], before, after])[None]).logits[0]
        chances.append(torch.log_softmax(logits[-1 - len(after) : -1], -1).gather(1, after[:, None]).sum())
    for index, word in enumerate(words):
        rivals = tuple(words[:index] + words[index + 1 :])
        found = tasks.score(model, tokenizer, tasks.Example(None, ("the is", word), (1,), (rivals,)), prefix, EXACT, ())
        beaten = sum(chances[index] > chance for chance in chances)
        assert found.right.item() == pytest.approx(beaten / 4) and found.hit.item() == (beaten == 4)
        assert found.nll.item() == pytest.approx(-float(chances[index]) / 2, rel=1e-3)
        assert found.traffic.rows == found.traffic.dense_rows > 0


@pytest.fixture
def arguments(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(" ".join(np.random.default_rng(0).choice(WORDS, 6000)))
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)

    def make(*more):
        given = ["--model", "tiny", "--text", str(text), "--lengths", "300", "--rows", "64", "--layer-rows", "64", "--full-min", "16",
                 "--task-lengths", "600", "--examples", "1", "--needle-lengths", "2048", "--drift-tokens", "8", "--speed-lengths", "500",
                 "--out", str(tmp_path / "out"), "--restated", *more]  # fmt: skip
        return parser.parse_args(given)

    return make


def test_a_report_of_all_measures_that_resumes(library, model, tokenizer, arguments, tmp_path):
    key = fingerprint(model)
    Encoder.random(key).save(tmp_path / "e.safetensors")
    selectors = "oracle, group;sinks + window;SnapKV;ours"
    args = arguments("--encoder", f"ours={tmp_path / 'e.safetensors'}", "--selectors", selectors,
                     "--measures", "tokens,layers,tasks,needles,drift,speed",
                     "--tasks", "single needle,common words", "--dense-layers", "0")  # fmt: skip
    said = []

    def run(args):
        plan = cli.make_plan(args)
        plan.load(model, tokenizer)
        said.clear()
        plan.run(said.append)
        report.write(plan, args.out, "dashkv eval")
        return json.loads((args.out / "report.json").read_text())

    data = run(args)
    assert said
    [table] = data["tokens"]
    assert [row["selector"] for row in table["rows"]] == selectors.split(";")
    assert table["tokens"] == 64 and all(0 < row["bytes"] < 1 and row["kl"][0] > 0 for row in table["rows"])
    assert data["layers"][0]["rows"][0]["share"] == 1
    assert data["drift"][0]["first"] == [8, 8] and data["drift"][0]["kl_last_quarter"][0] < 1e-4
    assert data["drift"][1]["selector"] == "oracle, group" and len(data["drift"][1]["texts"]) == 2
    assert all(rate > 0 for rate in data["speed"][0]["tokens_per_second"].values())
    exact, oracle = data["tasks"][0]["rows"][:2]
    assert exact["rows"] == 1 and oracle["rows"] < 1
    assert data["needles"][0]["rows"] and data["tasks"][0]["rows"][0]["scores"].keys() == {
        "single needle",
        "common words",
    }
    text = (args.out / "report.md").read_text()
    assert "| oracle, group |" in text and "nan" not in text
    before = (args.out / "report.json").read_text()
    assert run(args) == json.loads(before) and not said  # all from the store
    args.selectors, args.keep_prefixes = args.selectors + ";Quest", True
    rows = run(args)["tokens"][0]["rows"]
    assert [row["selector"] for row in rows if row["selector"] != "Quest"] == selectors.split(";")
    assert not any(": ours:" in line for line in said)
    # With the prefix of the store, and anew: the same numbers.
    args.selectors += ";H2O"
    run(args)
    args.selectors = args.selectors.removesuffix(";H2O")
    args.work = tmp_path / "other"
    assert [{**r, "seconds": 0} for r in run(args)["tokens"][0]["rows"]] == [{**r, "seconds": 0} for r in rows]


def test_bad_input_says_what_was_expected(model, tokenizer, arguments, tmp_path, tokens):
    other = {**fingerprint(model), "layers": 4}
    Encoder.random(other).save(tmp_path / "other.safetensors")
    plan = cli.make_plan(arguments("--encoder", str(tmp_path / "other.safetensors")))
    with pytest.raises(EncoderError, match="layers = 3"):
        plan.load(model, tokenizer)
    with pytest.raises(EvalError, match="expected contexts of at most .* tokens for this model, but got 20000"):
        cli.make_plan(arguments("--lengths", "20000")).load(model, tokenizer)
    with pytest.raises(EvalError, match="expected dense layers of 0 to 2, but got 9"):
        cli.make_plan(arguments("--dense-layers", "0,9")).load(model, tokenizer)
    plan = cli.make_plan(arguments("--contexts", "50"))
    plan.load(model, tokenizer)
    with pytest.raises(EvalError, match=r"expected 50 stretches of .* tokens in .*, but got one of"):
        plan.run(print)
    plan = cli.make_plan(arguments("--selectors", "oracle, group;best"))
    plan.load(model, tokenizer)
    with pytest.raises(EvalError, match=r"expected selectors of oracle, group; .*, but got best"):
        plan.run(print)
    with pytest.raises(EvalError, match="expected measures of tokens, .*, but got 'taste'"):
        cli.make_plan(arguments("--measures", "taste"))
    with pytest.raises(EvalError, match="expected whole numbers with commas for --lengths, but got '4K'"):
        cli.make_plan(arguments("--lengths", "4K"))
    for option, given, least in (("--lengths", "1", 2), ("--task-lengths", "0", 1), ("--needle-lengths", "10", 69),
                                 ("--speed-lengths", "2048,0", 2), ("--dense-layers", "-1", 0)):  # fmt: skip
        got = given.rpartition(",")[2]
        with pytest.raises(EvalError, match=f"expected {option} of at least {least}, but got {got}"):
            cli.make_plan(arguments(f"{option}={given}"))
    with pytest.raises(EvalError, match="expected --contexts of at least 1, but got 0"):
        cli.make_plan(arguments("--contexts", "0"))
    with pytest.raises(ValueError, match="expected full of 0 to 100 %, but got 500 %"):
        cli.make_plan(arguments("--full", "5"))
    with pytest.raises(EvalError, match="expected a text file or a document of"):
        cli.make_plan(arguments("--text", "nowhere"))
    with (
        pytest.raises(EvalError, match="expected one attention a layer, but layer 0 of .* has more"),
        harness.attention_by(model, lambda *_: torch.zeros(1, 1, 1)),
    ):
        for _ in range(2):
            harness._functions[-1](0, [(torch.zeros(1), None, None)], 1.0)
    with pytest.raises(EvalError, match="expected a prefix of at least 64 tokens, but got 30"):
        harness.prefill(model, tokens[:30])
    with pytest.raises(EvalError, match="expected a task of single needle"):
        tasks.make("riddle", tokenizer, "", 600, 1, 0)
    with pytest.raises(EvalError, match=r"expected an encoder with vote_discount for votes"):
        codes.only(Encoder.random(other), ["votes"])
    with pytest.raises(EvalError, match="expected a prefix that was observed"):
        bare = harness.prefill(model, tokens[:300])
        Session(model, bare, H2O(budget(0.1)), room=4).advance(tokens[300:304])
    with pytest.raises(EvalError, match="expected equal 'bytes' or 'rows', but got 'time'"):
        budget(0.1, equal="time")


def test_a_damaged_result_is_refused(tmp_path):
    store = runs.Store(tmp_path)
    settings = {"kind": "tokens", "selector": 1}
    store.put(runs.Result(settings, {"x": np.arange(3)}, 1.5))
    assert store.get(settings).arrays["x"].tolist() == [0, 1, 2] and store.get({**settings, "selector": 2}) is None
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(EvalError, match="it is damaged"):
        store.get(settings)


def test_a_model_whose_attention_does_not_ask(model, tokens):
    class Silent(torch.nn.Module):
        config = model.config

        def get_decoder(self):
            return lambda **_: argparse.Namespace(last_hidden_state=torch.zeros(1, 100, 4))

    with pytest.raises(EvalError, match="expected attention through AttentionInterface in all 3 layers of Silent"):
        harness.prefill(Silent(), tokens[:100])


def test_generation_by_transformers_does_what_is_measured(library, model, prefix, tokens):
    from dashkv.torch import attention
    from dashkv.torch.cache import DashKVCache

    encoder = Encoder.random(fingerprint(model))
    encoder.dense_layers = (0,)
    tiering = budget(0.1).tiering
    selector = codes.Codes("", Budget(tiering), encoder)
    ours = Session(model, prefix, selector, encoder.dense_layers, room=ROWS).advance(tokens[300:320])
    theirs, other = [], copy.deepcopy(model)
    attention.use(other, encoder, tiering)
    cache = DashKVCache(other, encoder, tiering)
    with torch.inference_mode():
        other(tokens[None, :300], cache=cache)
        for token in tokens[300:320]:
            hidden = other.get_decoder()(token[None, None], cache=cache).last_hidden_state
            theirs.append(hidden[0])
    torch.testing.assert_close(torch.cat(theirs), ours, rtol=1e-3, atol=1e-3)
    exact = Session(model, prefix, EXACT, room=ROWS).advance(tokens[300:320])
    assert (exact - ours).abs().max() > 0.01
