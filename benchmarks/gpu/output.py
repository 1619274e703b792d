"""Results as a table, as a plot without any library, and what the targets say."""

import statistics

import cases

DENSE = ("torch SDPA cuDNN", "torch SDPA flash", "FlashInfer")
# Ratios to the best dense, by keys, batch and row, groups of 4.
TARGETS = {
    (32768, 1): {"dashkv tiered 2 %": 3.3, "dashkv tiered 5 %": 3},
    (131072, 1): {"dashkv tiered 2 %": 7.5, "dashkv tiered 5 %": 6},
    (131072, 8): {"dashkv tiered 2 %": 17, "dashkv tiered 5 %": 11, "dashkv tiered 2 % + mid 5 %": 10},
    (1048576, 1): {"dashkv tiered 2 %": 16, "dashkv tiered 5 %": 10},
}
SERIES = [
    ("best dense", "#777f88"),
    ("dashkv exact", "#e08e2b"),
    ("dashkv tiered 5 %", "#3b9d5a"),
    ("dashkv tiered 2 %", "#3b7dd8"),
]


def median(result):
    return statistics.median(result["seconds"]) if result.get("seconds") else None


def best_dense(results):
    """The fastest correct dense row: median seconds of each round, and its name."""
    made = [r for r in results if r["row"] in DENSE and r["status"] == "ok"]
    found = min(made, key=median, default=None)
    return found


def ratio(result, dense):
    """Median over rounds of the ratio within the round."""
    if not dense or not result.get("seconds") or result is dense:
        return None
    pairs = zip(dense["seconds"], result["seconds"], strict=True)
    return statistics.median(a / b for a, b in pairs if b > 0) if all(result["seconds"]) else None


def by_label(results):
    return {result["row"]: result for result in results}


def table(case, results, read_rate):
    """Markdown of one case."""
    dense = best_dense(results)
    lines = [
        f"### {case.label}",
        "",
        "| | us | of the read rate | best dense / this | error |",
        "|---|---:|---:|---:|---:|",
    ]
    for result in results:
        seconds = median(result)
        if seconds is None:
            lines.append(f"| {result['row']} | {result['status']}: {result['reason']} | | | |")
            continue
        rate = f"{100 * result['bytes'] / seconds / read_rate:.0f} %" if seconds and read_rate else ""
        versus = ratio(result, dense)
        wrong = f"WRONG: {result['reason']}" if result["status"] == "wrong" else f"{result['error']:.1e}"
        if result["system"] == "probe":
            wrong = ""
        lines.append(
            f"| {result['row']} | {1e6 * seconds:.1f} | {rate} | {f'{versus:.1f}x' if versus else ''} | {wrong} |"
        )
    return "\n".join(lines) + "\n"


def target_rows(run):
    """What was asked for, and what was measured: name, goal, value, whether it holds."""
    made = []
    for entry in run["cases"]:
        case, results = cases.from_dict(cases.Case, entry["case"]), entry["results"]
        rows, dense = by_label(results), best_dense(results)
        if case.group != 4 or case.kv_heads != 8:
            continue
        for name, goal in TARGETS.get((case.keys, case.batch), {}).items():
            value = ratio(rows[name], dense) if name in rows and rows[name]["status"] == "ok" else None
            made.append(
                (
                    f"{name}, {case.label}: best dense / this",
                    f"{goal}x",
                    value and f"{value:.1f}x",
                    value and value >= goal,
                )
            )
        share = ratio(rows["dashkv exact"], dense) if rows.get("dashkv exact", {}).get("status") == "ok" else None
        made.append(
            (
                f"exact, {case.label}: of the best dense",
                "90 %",
                share and f"{100 * share:.0f} %",
                share and share >= 0.9,
            )
        )
        for name in ("scan", "retrieve 2 %"):
            result, read = rows.get(f"dashkv {name}"), rows.get("read codes")
            if case.batch == 8 and result and result["status"] == "ok" and read and median(result):
                value = median(read) / median(result)
                goal = 0.92 if case.keys == 1 << 20 else 0.8
                made.append(
                    (
                        f"{name}, {case.label}: of a bare read",
                        f"{100 * goal:.0f} %",
                        f"{100 * value:.0f} %",
                        value >= goal,
                    )
                )
        gather, bare = rows.get("dashkv gather 2 %"), rows.get("gather rows 2 %")
        if gather and bare and gather["status"] == "ok" and median(gather):
            made.append(
                (f"gather, {case.label}: of bare random rows", "", f"{100 * median(bare) / median(gather):.0f} %", None)
            )
    return made


def markdown(run):
    about, checks = run["about"], run["checks"]
    bad = [c for c in checks if c["status"] not in ("ok", "skipped")]
    lines = [
        f"# {about['device']}",
        "",
        f"{about['date']}, dashkv {about['commit']}, kernels for {about['chip']}, driver {about['driver']}, {about['peers']}. "
        f"{about['multiprocessors']} multiprocessors, L2 {about['l2'] / 1e6:.0f} MB; reads "
        + ", ".join(f"{size / 1e6:.0f} MB at {rate / 1e12:.2f} TB/s" for size, rate in about["read_rates"])
        + ".",
        "",
        (
            f"Checks of small shapes: {sum(c['status'] == 'ok' for c in checks)} passed, {len(bad)} failed, "
            f"{sum(c['status'] == 'skipped' for c in checks)} skipped."
        ),
        *(f"- {c['name']}: {c['reason']}" for c in bad),
        *(f"- {line}" for line in run["sanitizer"]),
        "",
    ]
    goals = target_rows(run)
    if goals:
        lines += ["| target | goal | measured | |", "|---|---:|---:|---|"]
        words = {True: "holds", False: "MISSED", None: ""}
        lines += [
            f"| {name} | {goal} | {value or 'not measured'} | {words[holds]} |" for name, goal, value, holds in goals
        ]
        lines.append("")
    rate = max((rate for _, rate in about["read_rates"]), default=0)
    for entry in run["cases"]:
        lines.append(table(cases.from_dict(cases.Case, entry["case"]), entry["results"], rate))
    return "\n".join(lines)


def points(run, batch, name):
    """(keys, microseconds) of a row, groups of 4."""
    made = []
    for entry in run["cases"]:
        case = cases.from_dict(cases.Case, entry["case"])
        if case.batch != batch or case.group != min(run["about"]["groups"]):
            continue
        result = best_dense(entry["results"]) if name == "best dense" else by_label(entry["results"]).get(name)
        if result and median(result):
            made.append((case.keys, 1e6 * median(result)))
    return sorted(made)


def svg(run):
    """Time against keys, one panel a batch, both axes by decades."""
    import math

    batches = sorted({entry["case"]["batch"] for entry in run["cases"]})
    drawn = {(b, name): points(run, b, name) for b in batches for name, _ in SERIES}
    every = [point for made in drawn.values() for point in made]
    if not every:
        return ""
    low, high = min(y for _, y in every) / 1.5, max(y for _, y in every) * 1.5
    keys = sorted({x for x, _ in every})
    width, height, left, top = 320, 260, 60, 40

    def place(panel, x, y):
        span = math.log2(keys[-1] / keys[0]) or 1
        return (
            left + panel * (width + left) + 20 + (width - 40) * (math.log2(x / keys[0]) / span),
            top + height * (1 - math.log(y / low) / math.log(high / low)),
        )

    text = '<text x="{:.0f}" y="{:.0f}" text-anchor="{}">{}</text>'
    total = len(batches) * (width + left) + left
    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height + 110}" font-family="sans-serif" '
            'font-size="12" fill="#333"><rect width="100%" height="100%" fill="white"/>'
        )
    ]
    for panel, batch in enumerate(batches):
        x0 = left + panel * (width + left)
        title = f"{run['about']['device']}, batch {batch}"
        out.append(text.format(x0 + width / 2, top - 14, "middle", title))
        out.append(f'<rect x="{x0}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>')
        decade = 10 ** math.ceil(math.log10(low))
        while decade < high:
            _, y = place(panel, keys[0], decade)
            out.append(f'<line x1="{x0}" x2="{x0 + width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(text.format(x0 - 5, y + 4, "end", f"{decade:g} us"))
            decade *= 10
        for number in keys:
            x, _ = place(panel, number, low)
            out.append(text.format(x, top + height + 16, "middle", cases.count(number)))
        for name, colour in SERIES:
            line = [place(panel, *point) for point in drawn[batch, name]]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in line]
    for i, (name, colour) in enumerate(SERIES):
        out.append(f'<rect x="{left + 150 * i}" y="{height + top + 34}" width="12" height="12" fill="{colour}"/>')
        out.append(text.format(left + 150 * i + 18, height + top + 44, "start", name))
    return "\n".join([*out, "</svg>"]) + "\n"
