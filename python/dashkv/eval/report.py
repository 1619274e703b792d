"""Markdown, JSON and plots of an evaluation, from the results in its store. What was not run is not in a table."""

import json
import os
import platform
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
import transformers

from dashkv.eval import figures, measures
from dashkv.eval.harness import EXACT, TRAFFIC
from dashkv.eval.plan import Plan

NOTES = """\
- **rows**, **bytes**: read by attention, as a share of what exact attention reads, dense layers in both; K and V count
  16 bits a value, codes, page bounds and forced keys are included, and of heads that read different keys the union.
- **perplexity**: change against exact attention; **KL**: from the exact to the selected next-token distribution, in
  nats a token; **/ oracle**: KL over that of the group oracle of the same budget; **same**: share of rows with the same
  most likely token. Standard errors (±) are taken over runs of {run} tokens.
- The *oracle* ranks keys by their true attention, free of charge, at the reference's rows. The *reference* is a budget
  of bytes that all selectors have the same of, the rows of the tiering and a code of 8 bytes a key, or, where a title
  says so, of rows alone.
- *H2O* and *SnapKV* choose again before each block of 64 rows and hold what leaves the window until then. *Symmetric*
  hashes queries by the map that was trained for keys. *KIVI* reads all keys, quantised, and follows no budget.
"""


def write(plan: Plan, folder: Path, command: str) -> None:
    """Writes report.md, report.json and, with matplotlib, figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = collect(plan, command)
    _write(folder / "report.json", json.dumps(data, default=str) + "\n")
    drawn = figures.draw(data, folder)
    _write(folder / "report.md", markdown(data, drawn))


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def collect(plan: Plan, command: str) -> dict:
    """All numbers of a report, as JSON values."""
    cpu = next((x.split(":")[1].strip() for x in _cpu_info() if x.startswith("model name")), platform.processor())
    data = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "command": command,
        "seed": plan.seed,
        "model": {"name": plan.model_name, **plan.key},
        "cpu": cpu,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__},
        "dense_layers": list(plan.dense),
        "compiled": plan.compiled,
        "encoders": {name: {"form": e.form, "bits": e.bits, "levels": e.levels, "training": e.training}
                     for name, e in plan.encoders.items()},
        "tokens": _tokens(plan) if "tokens" in plan.measures else [],
        "layers": _layers(plan) if "layers" in plan.measures else [],
        "tasks": _tasks(plan) if "tasks" in plan.measures else [],
        "needles": _needles(plan) if "needles" in plan.measures else [],
        "drift": _drift(plan) if "drift" in plan.measures else [],
        "speed": _speed(plan) if "speed" in plan.measures else [],
    }  # fmt: skip
    return _plain(data)


def _plain(value):
    """JSON has no NaN: a measure that is not there is null. Six digits are more than any of these numbers has."""
    if isinstance(value, dict):
        return {str(key): _plain(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.6g}")
    return value


def _cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _full(budget) -> str:
    """The budget of the full tier in words."""
    least = f", at least {budget.tiering.full_min}" if budget.tiering.full_min else ""
    equal = ", equal rows" if budget.equal == "rows" else ""
    return f"{100 * budget.tiering.full:g} % of the keys{least}{equal}"


def _tokens(plan: Plan) -> list[dict]:
    tables = []
    for length in plan.lengths:
        documents = plan.documents(length)
        for budget in plan.budgets:
            rows, oracle = [], None
            for selector in plan.suite(budget):
                found = plan.token_results(length, selector)
                if found is None:
                    continue
                row = _token_row(selector.name, found, documents)
                if selector.name == "oracle, group":
                    oracle = row["kl"][0]
                rows.append(row)
            for row in rows:
                row["kl_of_oracle"] = row["kl"][0] / oracle if oracle else None
            scored = plan.rows_of(length)
            exact = [row["exact_perplexity"] for row in rows[:1]]
            tables.append(
                {
                    "length": length,
                    "full": _full(budget),
                    "equal": budget.equal,
                    "tokens": scored * len(documents),
                    "contexts": [document.name for document in documents],
                    "exact_perplexity": exact[0] if exact else None,
                    "rows": rows,
                }
            )
    return tables


def _token_row(name: str, found: list, documents: list) -> dict:
    nll, exact, kl, same = ([r.arrays[x] for r in found] for x in ("nll", "nll_exact", "kl", "same"))
    traffic = dict(zip(TRAFFIC, sum(r.arrays["traffic"] for r in found), strict=True))
    change, divergence = measures.perplexity_change(nll, exact), measures.estimate(kl)
    by_text = {}
    for text in dict.fromkeys(d.text for d in documents):
        part = [i for i, d in enumerate(documents) if d.text == text]
        one = measures.perplexity_change([nll[i] for i in part], [exact[i] for i in part])
        by_text[text] = {
            "perplexity": [one.mean, one.error],
            "kl": list(_pair(measures.estimate([kl[i] for i in part]))),
            "exact_perplexity": float(np.exp(np.mean([exact[i].mean() for i in part]))),
        }
    return {
        "selector": name,
        "bytes": traffic["bytes"] / traffic["dense_bytes"],
        "rows": traffic["rows"] / traffic["dense_rows"],
        "perplexity": [change.mean, change.error],
        "kl": [divergence.mean, divergence.error],
        "same": float(np.concatenate(same).mean()),
        "exact_perplexity": float(np.exp(measures.estimate(exact).mean)),
        "by_text": by_text,
        "seconds": sum(r.seconds for r in found),
    }


def _pair(estimate: measures.Estimate) -> tuple[float, float]:
    return estimate.mean, estimate.error


def _layers(plan: Plan) -> list[dict]:
    tables = []
    hashed = [layer for layer in range(plan.key["layers"]) if layer not in plan.dense]
    for budget in plan.budgets:
        rows, oracle = [], None
        for selector in plan.suite(budget):
            found = plan.layer_results(budget, selector)
            if found is None:
                continue
            by_layer = {m: np.mean([r.arrays[m].mean(-1) for r in found], axis=0) for m in measures.LAYER_MEASURES}
            by_head = np.mean([r.arrays["kept"] for r in found], axis=0)
            means = {m: float(x[hashed].mean()) for m, x in by_layer.items()}
            if selector.name == "oracle, group":
                oracle = by_layer["kept"]
            rows.append(
                {
                    "selector": selector.name,
                    **means,
                    "kept_by_layer": by_layer["kept"].tolist(),
                    "error_by_layer": by_layer["error"].tolist(),
                    "kept_by_head": by_head.tolist(),
                }
            )
        for row in rows:
            share = None if oracle is None else np.array(row["kept_by_layer"]) / oracle
            row["share_by_layer"] = None if share is None else share.tolist()
            row["share"] = (
                None
                if share is None
                else float(np.mean(np.array(row["kept_by_layer"])[hashed]) / oracle[hashed].mean())
            )
        tables.append(
            {
                "full": _full(budget),
                "length": plan.lengths[0],
                "contexts": [d.name for d in plan.layer_documents()],
                "tokens": plan.layer_rows * len(plan.texts),
                "layers": hashed,
                "rows": rows,
            }
        )
    return tables


def _tasks(plan: Plan) -> list[dict]:
    tables = []
    for length in plan.task_lengths:
        for budget in plan.budgets:
            rows = []
            for selector in [EXACT, *plan.suite(budget)]:
                scores, traffic = {}, np.zeros(len(TRAFFIC))
                for task in plan.tasks:
                    found = plan.task_result(selector, task, length)
                    if found is not None:
                        scores[task] = {x: float(found.arrays[x].mean()) for x in ("hit", "right", "nll")}
                        scores[task]["answers"] = len(found.arrays["hit"])
                        traffic += found.arrays["traffic"]
                if scores:
                    total = dict(zip(TRAFFIC, traffic, strict=True))
                    share = total["rows"] / total["dense_rows"]
                    rows.append({"selector": selector.name, "rows": share, "scores": scores})
            tables.append({"length": length, "full": _full(budget), "examples": plan.examples, "rows": rows})
    return tables


def _needles(plan: Plan) -> list[dict]:
    tables = []
    for budget in plan.budgets:
        rows = []
        for selector in plan.needle_selectors(budget):
            hits = {}
            for count in plan.needle_lengths:
                found = plan.needle_result(selector, count)
                if found is not None:
                    hits[str(count)] = [int(found.arrays["hit"].sum()), len(found.arrays["hit"])]
            if hits:
                rows.append({"selector": selector.name, "hits": hits})
        tables.append({"full": _full(budget), "layers": list(plan.needle_layers()), "rows": rows})
    return tables


def _drift(plan: Plan) -> list[dict]:
    """Of each selector the means over its texts with standard errors, and in the first and the last quarter of a text."""
    rows, exact = [], plan.drift_results(EXACT)
    for selector in [EXACT, *plan.suite(plan.budgets[0])]:
        found = plan.drift_results(selector)
        if found is None or exact is None:
            continue

        def spread(values: list) -> list[float]:
            values = np.array(values, float)
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
            return [float(values.mean()), float(error)]

        quarters = [np.array_split(r.arrays["kl"], 4) for r in found]
        rows.append(
            {
                "selector": selector.name,
                "texts": [document.name for document, _ in plan.drift_texts()],
                "tokens": plan.drift_tokens,
                "first": [int(r.arrays["first"]) for r in found],
                "kl_first_quarter": spread([parts[0].mean() for parts in quarters]),
                "kl_last_quarter": spread([parts[-1].mean() for parts in quarters]),
                "nll": spread([r.arrays["nll"].mean() for r in found]),
                "nll_change": spread(
                    [r.arrays["nll"].mean() - e.arrays["nll"].mean() for r, e in zip(found, exact, strict=True)]
                ),
                "repeated": spread([r.arrays["repeated"].mean() for r in found]),
            }
        )
    return rows


def _speed(plan: Plan) -> list[dict]:
    """Tokens a second at the median step, by length."""
    rows = []
    for length in plan.speed_lengths:
        found = plan.speed_result(length)
        if found is not None:
            rates = {name: float(1 / np.median(seconds)) for name, seconds in found.arrays.items()}
            rows.append({"length": length, "tokens_per_second": rates})
    return rows


# Markdown


def markdown(data: dict, drawn: dict[str, str]) -> str:
    """The report as text; drawn: file names of figures by what they show."""
    model, versions = data["model"], data["versions"]
    dense = ", ".join(map(str, data["dense_layers"])) or "none"
    lines = [
        f"# Fidelity of {model['name']}",
        "",
        f"{data['date']}, {data['cpu']}, one thread, f32; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; seed {data['seed']}; dense layers: {dense}; dashkv's rows from "
        + ("the compiled kernels." if data["compiled"] else "a restatement in PyTorch."),
        "",
        (
            f"Model: {model['model_type']}, {model['layers']} layers, {model['query_heads']} query and "
            f"{model['kv_heads']} KV heads of {model['head_size']}, "
            f"SHA-256 of its q and k weights {model.get('weights', '')[:16]}."
        ),
        "",
        "Made by",
        "```",
        data["command"],
        "```",
        "",
        NOTES.format(run=measures.RUN),
    ]
    return "\n".join(lines + sections(data, drawn)) + "\n"


def sections(data: dict, drawn: dict[str, str]) -> list[str]:
    """Lines of the tables and figures of a report, under headings of the second level."""
    lines = []
    for table in data["tokens"]:
        if table["rows"]:
            lines += _token_lines(table)
    lines += _figure_lines(drawn, "quality", "KL against bytes read")
    for table in data["layers"]:
        if table["rows"]:
            lines += _layer_lines(table)
    lines += _figure_lines(drawn, "layers", "Kept attention by layer, as a share of the group oracle's")
    for table in data["tasks"]:
        if table["rows"]:
            lines += _task_lines(table)
    for table in data["needles"]:
        if table["rows"]:
            lines += _needle_lines(table)
    if data["drift"]:
        lines += _drift_lines(data["drift"])
    if data["speed"]:
        lines += _speed_lines(data["speed"])
        lines += _figure_lines(drawn, "speed", "Decode speed against keys in the cache")
    return lines


def _figure_lines(drawn: dict[str, str], name: str, text: str) -> list[str]:
    return [f"![{text}]({drawn[name]})", ""] if name in drawn else []


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def _number(value: float | None, form: str) -> str:
    """Nothing for a measure that a selector does not have."""
    return "" if value is None else format(value, form)


def _with_error(pair: list[float], form: str, error_form: str) -> str:
    """A mean and its standard error, if there are enough tokens for one."""
    mean, error = pair
    return f"{mean:{form}}" + ("" if error is None else f" ± {error:{error_form}}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _token_lines(table: dict) -> list[str]:
    header = ["selector", "rows", "bytes", "perplexity", "KL", "/ oracle", "same", "KL by text"]
    texts = table["rows"][0]["by_text"]
    rows = [
        [
            row["selector"],
            f"{100 * row['rows']:.1f} %",
            f"{100 * row['bytes']:.1f} %",
            _with_error(row["perplexity"], "+.2f", ".2f") + " %",
            _with_error(row["kl"], ".4f", ".4f"),
            _number(row["kl_of_oracle"], ".2f"),
            f"{100 * row['same']:.1f} %",
            " / ".join(f"{row['by_text'][text]['kl'][0]:.4f}" for text in texts),
        ]
        for row in table["rows"]
    ]
    return [
        f"## Next tokens at {table['length']} tokens, {table['full']}",
        "",
        (
            f"{table['tokens']:,} tokens: the last rows of {len(table['contexts'])} contexts from {', '.join(texts)}. "
            f"Perplexity of exact attention: {table['exact_perplexity']:.2f}."
        ),
        "",
        *_table(header, rows),
    ]


def _layer_lines(table: dict) -> list[str]:
    header = ["selector", "kept mass", "of the oracle's", "recall", "output cosine", "output error", "rows"]
    rows = [
        [
            row["selector"],
            _number(row["kept"], ".3f"),
            _share(row["share"]),
            _number(row["recall"], ".3f"),
            _number(row["cosine"], ".4f"),
            _number(row["error"], ".3f"),
            _share(row["rows"]),
        ]
        for row in table["rows"]
    ]
    return [
        f"## Attention of single layers at {table['length']} tokens, {table['full']}",
        "",
        (
            f"On queries, keys and values of the exact model: {table['tokens']:,} rows of {len(table['contexts'])} "
            f"contexts, mean over {len(table['layers'])} layers and all heads. Recall is of the group oracle's keys that "
            "are not forced."
        ),
        "",
        *_table(header, rows),
    ]


def _task_lines(table: dict) -> list[str]:
    names = list(dict.fromkeys(task for row in table["rows"] for task in row["scores"]))
    answers = {task: row["scores"][task]["answers"] for row in table["rows"] for task in row["scores"]}
    rows = []
    for row in table["rows"]:
        cells = [row["scores"].get(task) for task in names]
        rows.append(
            [row["selector"], _share(row["rows"])]
            + [
                "" if c is None else f"{round(c['hit'] * c['answers'])} / {c['right']:.2f} / {c['nll']:.2f}"
                for c in cells
            ]
        )
    header = ["selector", "rows"] + [f"{task} ({answers[task]})" for task in names]
    return [
        f"## Tasks at {table['length']} tokens, {table['full']}",
        "",
        (
            f"{table['examples']} examples a task. Answers hit (of the number in the header) / share of answer tokens "
            "right / nats a token; of variables and words, those likelier than three rivals / share of rivals that are less likely / nats."
        ),
        "",
        *_table(header, rows),
    ]


def _needle_lines(table: dict) -> list[str]:
    counts = list(dict.fromkeys(count for row in table["rows"] for count in row["hits"]))
    rows = [
        [row["selector"]] + ["{} of {}".format(*row["hits"][c]) if c in row["hits"] else "" for c in counts]
        for row in table["rows"]
    ]
    return [
        f"## Needles in drawn caches, {table['full']}",
        "",
        f"Real keys that a row attends to, in caches drawn from the keys of layers {', '.join(map(str, table['layers']))}.",
        "",
        *_table(["selector"] + [f"{int(c):,} keys" for c in counts], rows),
    ]


def _drift_lines(rows: list[dict]) -> list[str]:
    header = [
        "selector",
        "first difference",
        "KL, first quarter",
        "KL, last quarter",
        "perplexity of the text",
        "against exact's own",
        "4-grams repeated",
    ]
    cells = []
    for row in rows:
        first, (change, error) = sorted(row["first"]), row["nll_change"]
        change = [100 * (np.exp(change) - 1), None if error is None else 100 * np.exp(change) * error]
        cells.append(
            [
                row["selector"],
                f"{np.median(first):.0f} ({first[0]} to {first[-1]})",
                _with_error(row["kl_first_quarter"], ".4f", ".4f"),
                _with_error(row["kl_last_quarter"], ".4f", ".4f"),
                f"{np.exp(row['nll'][0]):.2f}",
                _with_error(change, "+.1f", ".1f") + " %",
                _with_error([None if x is None else 100 * x for x in row["repeated"]], ".1f", ".1f") + " %",
            ]
        )
    return [
        "## Generation drift",
        "",
        (
            f"{len(rows[0]['texts'])} texts of {rows[0]['tokens']:,} tokens, sampled at temperature 1 with the same random "
            "numbers for all. First difference: tokens written before one that exact attention did not write, median and "
            "range. KL: from exact attention, that reads the text, to what it was written with. Perplexity: of the text "
            "under exact attention. Standard errors are taken over texts. The first budget."
        ),
        "",
        *_table(header, cells),
    ]


def _speed_lines(rows: list[dict]) -> list[str]:
    names = list(rows[0]["tokens_per_second"])
    base = names[0]
    cells = []
    for row in rows:
        rates = row["tokens_per_second"]
        ratios = [f"{rates[n]:.1f}" + ("" if n == base else f" ({rates[n] / rates[base]:.2f}x)") for n in names]
        cells.append([f"{row['length']:,}", *ratios])
    return [
        "## Decode speed",
        "",
        (
            "Tokens a second of processor time, of the whole model at the median step, batch 1, one thread; in brackets the "
            f"ratio to {base}, measured in turns with it. The first encoder and budget."
        ),
        "",
        *_table(["keys in the cache", *names], cells),
    ]
