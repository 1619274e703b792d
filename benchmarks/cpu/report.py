"""From the JSON of a run to its table, its target lines and its plot: report.py results.json [time.svg]."""

import json
import statistics
import sys
from pathlib import Path

from cases import CENTER, Case, Row, count, traffic

SCHEMA = 1
FULLY_HUGE = 0.9  # share of memory on huge pages; the rest is the interpreter's


def key(result):
    return Case(**result["case"]), Row(**result["row"])


def timed(result):
    return bool(result["rounds"])


class Table:
    """The results of a run by shape and row."""

    def __init__(self, data):
        self.data = data
        self.by_key = {key(result): result for result in data["results"]}
        self.cases = list(dict.fromkeys(case for case, _ in self.by_key))

    def rows(self, case):
        return [row for c, row in self.by_key if c == case]

    def find(self, case, **fields):
        """Results of the rows with these fields; those that are wrong count for nothing."""
        rows = [row for row in self.rows(case) if all(getattr(row, name) == x for name, x in fields.items())]
        results = [self.by_key[case, row] for row in rows]
        return [result for result in results if timed(result) and result["status"] == "ok"]

    def one(self, case, **fields):
        found = self.find(case, **fields)
        return found[0] if found else None

    def bandwidth(self, case, kind):
        """Bytes a second of the probe; of several ways to read rows as long as those of K, the fastest."""
        found = self.find(case, system="probe", kind=kind)
        if kind == "rows":
            size = f"{case.row_bytes} B"
            found = [x for x in found if x["row"]["form"].startswith(size)] or found
        return max((x["bytes"] / x["median"] for x in found), default=None)

    def model(self, case, row, rows_at="rows"):
        """Seconds by the byte model, or None without a probe. With `rows_at="stream"` as if rows were read in order."""
        stream, rows = traffic(case, row)
        rate, row_rate = self.bandwidth(case, "stream"), self.bandwidth(case, rows_at)
        if rate is None or (rows and row_rate is None) or not stream + rows:
            return None
        return stream / rate + (rows / row_rate if rows else 0)


def ratio(slow, fast):
    """How many times faster, from rounds that follow each other, so that drift of the machine cancels."""
    if len(slow["rounds"]) != len(fast["rounds"]):
        return slow["median"] / fast["median"]
    pairs = zip(slow["rounds"], fast["rounds"], strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def center(table):
    """The shape that targets are stated for: 128K keys, one thread, f16, or the longest below that was run."""
    plain = [c for c in table.cases if (c.batch, c.group, c.dtype, c.threads) == (1, 4, "f16", 1)]
    fitting = [c for c in plain if c.keys <= CENTER]
    return max(fitting or plain, key=lambda c: c.keys, default=None)


def targets(data):
    """The lines of design targets: value, floor and goal; `at_most` where smaller is better."""
    table = Table(data)
    case = center(table)
    if case is None:
        return []
    wide = data.get("target", "native") == "native" and "avx512bw" in data["host"]["flags"]

    def own(kind, full=0.0, scope="", codes="", at=case):
        return table.one(at, system="dashkv", kind=kind, full=full, scope=scope, codes=codes, mid=0.0, form="")

    exact, group = own("exact"), own("tiered", 0.02, "group", "weighted")
    head = own("tiered", 0.02, "head", "packed")
    lines = []

    def line(name, value, floor, goal=None, at_most=False, unit="x"):
        if value is None:
            status = "not measured"
        elif floor is None:
            status = "no target"
        else:
            status = "miss" if (value > floor if at_most else value < floor) else "pass"
        lines.append(
            {
                "name": name,
                "value": value,
                "floor": floor,
                "goal": goal,
                "at_most": at_most,
                "unit": unit,
                "status": status,
            }
        )

    def times(slow, fast):
        return ratio(slow, fast) if slow and fast else None

    def percent(part, whole):
        return 100 * ratio(part, whole) if part and whole else None

    codes, stream = (table.one(case, system="probe", kind=kind) for kind in ("codes", "stream"))
    # The scan within retrieve is at least as fast as all of it, whatever kernel hamming_distance has alone.
    retrieve = percent(codes, own("retrieve", 0.02, "group", "weighted"))
    scans = [x for x in (percent(codes, own("scan", codes="weighted")), retrieve) if x is not None]
    line("group scan, of a bare read of the codes", max(scans, default=None), 85, 92, unit="%")
    line("the same with threshold and selection (retrieve)", retrieve, None, unit="%")
    line("exact, of stream bandwidth", percent(stream, exact), *((80, 85) if wide else (65, 75)), unit="%")
    line("tiered 2 % group, over exact", times(exact, group), 15 if wide else 17, 20)
    line("tiered 5 % group, over exact", times(exact, own("tiered", 0.05, "group", "weighted")), 8, 9.5)
    line("tiered 2 % head, over exact", times(exact, head), 5.5, 6 if wide else 6.5)
    line("tiered 5 % head, over exact", times(exact, own("tiered", 0.05, "head", "packed")), 2.4, 2.8 if wide else 2.9)
    line("tiered 2 % group, over ggml", times(table.one(case, system="ggml", full=0.0), group), 90)
    sdpa = min(table.find(case, system="torch", kind="SDPA"), key=lambda x: x["median"], default=None)
    line("tiered 2 % group, over the best form of torch SDPA", times(sdpa, group), 40)
    encoders = [(own("encode", codes=codes_), step) for codes_, step in (("weighted", group), ("packed", head))]
    shares = [100 * ratio(encode, step) for encode, step in encoders if encode and step]
    line("query encoding with shared weights, of the step", max(shares, default=None), 10, at_most=True, unit="%")
    model = table.model(case, Row(**group["row"])) if group else None
    line("tiered 2 % group, time over the byte model", group["median"] / model if model else None, 1.25, at_most=True)
    for other in table.cases:
        if other.threads > 1 and (other.keys, other.batch, other.group, other.dtype) == (case.keys, 1, 4, "f16"):
            floor = 0.9 * other.threads
            name = f"{other.threads} cores over one"
            line(f"exact, {name}", times(exact, own("exact", at=other)), floor)
            both = own("tiered", 0.02, "group", "weighted", at=other)
            line(f"tiered 2 % group, {name}", times(group, both), floor)
    longest = max((c for c in table.cases if c == Case(c.keys)), key=lambda c: c.keys, default=case)
    far = own("tiered", 0.02, "group", "weighted", at=longest) if longest.keys > case.keys else None
    growth = (far["median"] / longest.keys) / (group["median"] / case.keys) if far and group else None
    lengths = f"{count(longest.keys)} over {count(case.keys)}" if longest.keys > case.keys else "a longer cache"
    line(f"tiered 2 % group, time a key at {lengths}", growth, 1.15, at_most=True)
    compiled = [x["compile_seconds"] for x in data["results"] if "compile_seconds" in x]
    line("compilation of the slowest kernel", max(compiled, default=None), 0.5, at_most=True, unit="s")
    return lines


def amount(value, unit):
    if value is None:
        return "-"
    return f"{value:.3g} {unit}" if unit != "x" else f"{value:.3g}x"


def aligned_table(rows):
    """A Markdown table whose columns line up."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for i, row in enumerate(rows):
        cells = [
            cell.ljust(w) if j == 0 else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
        if i == 0:
            rules = ["-" * w if j == 0 else "-" * (w - 1) + ":" for j, w in enumerate(widths)]
            lines.append("| " + " | ".join(rules) + " |")
    return lines


def milliseconds(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def case_table(table, case):
    exact = table.one(case, system="dashkv", kind="exact")
    rows = [["", "median ms", "best ms", "GB/s", "over exact", "model ms", "over model", "error, or why there is none"]]
    for row in table.rows(case):
        result = table.by_key[case, row]
        if not timed(result):
            rows.append([row.label, "-", "", "", "", "", "", f"{result['status']}: {result['reason']}"[:90]])
            continue
        read = result.get("bytes") or sum(traffic(case, row))
        model = table.model(case, row) if row.system == "dashkv" else None
        ideal = table.model(case, row, rows_at="stream") if model else None
        error = result.get("error")
        shown = "" if error is None else "exact" if error == 0 else f"{error:.1e}"
        if result["status"] != "ok":
            shown = f"{result['status'].upper()}: {result['reason']}"
        rows.append(
            [
                row.label,
                milliseconds(result["median"]),
                milliseconds(result["best"]),
                f"{read / result['median'] / 1e9:.3g}" if read else "",
                f"{ratio(exact, result):.3g}x" if exact and row.system != "probe" and row.kind in COMPARABLE else "",
                " / ".join(milliseconds(x) for x in dict.fromkeys((model, ideal))) if model else "",
                f"{result['median'] / model:.2f}" if model else "",
                shown,
            ]
        )
    return aligned_table(rows)


# Kinds that compute the attention of a whole step.
COMPARABLE = ("exact", "tiered", "attention", "SDPA", "flex")


def markdown(data):
    table, host = Table(data), data["host"]
    wide = "AVX-512" if "avx512bw" in host["flags"] else "AVX2"
    parts = [
        f"{host['cpu']}, {wide}, {host['cores']} cores, last-level cache {host['last_level_cache'] >> 20} MiB, "
        + f"huge pages by {host['huge_pages']}, load {host['load']} at the end of {data['settings']['seconds']:.0f} s",
        "",
        "; ".join(f"{name} {version}" for name, version in sorted(data["versions"].items())),
    ]
    for case in table.cases:
        parts += ["", f"### {case.label}", "", *case_table(table, case)]
        stream = table.one(case, system="probe", kind="stream")
        share = stream.get("huge_share") if stream else None
        if share is not None and share < FULLY_HUGE:
            parts += [
                "",
                f"Only {100 * share:.0f} % of the caches are on huge pages: rows at random are slower than they need to be.",
            ]
    if data["targets"]:
        case = center(table)
        rows = [["", "measured", "floor", "goal", ""]]
        for line in data["targets"]:
            sign = "at most " if line["at_most"] else ""
            rows.append(
                [
                    line["name"],
                    amount(line["value"], line["unit"]),
                    sign + amount(line["floor"], line["unit"]),
                    amount(line["goal"], line["unit"]),
                    line["status"],
                ]
            )
        parts += ["", f"### Targets at {case.label}", "", *aligned_table(rows)]
    return "\n".join(parts) + "\n"


# Rows of the plot: label, colour, and which row it is.
LINES = (
    ("ggml", "#8c564b", {"system": "ggml", "full": 0.0}),
    ("torch SDPA, best form", "#9467bd", {"system": "torch", "kind": "SDPA"}),
    ("dashkv exact", "#1f77b4", {"system": "dashkv", "kind": "exact"}),
    ("dashkv tiered 5 % group", "#2ca02c", {"system": "dashkv", "kind": "tiered", "full": 0.05, "scope": "group"}),
    ("dashkv tiered 2 % group", "#d62728", {"system": "dashkv", "kind": "tiered", "full": 0.02, "scope": "group"}),
)


def series(table):
    """Measured and modelled time by length for each line of the plot, one thread, f16."""
    found = []
    plain = sorted((c for c in table.cases if c == Case(c.keys)), key=lambda c: c.keys)
    for label, colour, fields in LINES:
        measured, modelled = [], []
        for case in plain:
            results = [x for x in table.find(case, **fields) if x["row"]["mid"] == 0]
            if fields.get("scope"):
                results = [x for x in results if (x["row"]["codes"], x["row"]["form"]) == ("weighted", "")]
            best = min(results, key=lambda x: x["median"], default=None)
            if best is None:
                continue
            measured.append((case.keys, best["median"]))
            model = table.model(case, Row(**best["row"])) if fields["system"] == "dashkv" else None
            if model:
                modelled.append((case.keys, model))
        found.append((label, colour, measured, modelled))
    return found


def plot(data, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dashkv"  # the same data give the same file
    matplotlib.rcParams["font.size"] = 10
    from matplotlib import pyplot

    drawn = [x for x in series(Table(data)) if x[2]]
    if not drawn:
        sys.exit("report.py: nothing to draw")
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for label, colour, measured, modelled in drawn:
        axes.plot(*zip(*measured, strict=True), color=colour, marker="o", markersize=4)
        if modelled:
            axes.plot(*zip(*modelled, strict=True), color=colour, linestyle="--", linewidth=1, alpha=0.8)
        # Labels beside the last points need no legend.
        keys, seconds = measured[-1]
        axes.annotate(label, (keys, seconds), (6, 0), textcoords="offset points", color=colour, va="center")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    lengths = sorted({keys for x in drawn for keys, _ in x[2]})
    axes.set_xticks(lengths, [count(n) for n in lengths])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{1e3 * value:g} ms")
    axes.margins(x=0.05)
    axes.set_xlim(right=lengths[-1] * (lengths[-1] / lengths[0]) ** 0.35 if len(lengths) > 1 else lengths[-1] * 2)
    axes.set_xlabel("keys in the cache")
    axes.set_title(
        "One decode step of one layer, 32 query and 8 KV heads of 128, f16, one core", fontsize=10, loc="left"
    )
    axes.grid(True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.text(0.01, 0.97, "dashed: byte model at measured bandwidth", transform=axes.transAxes, va="top", fontsize=9)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    data = json.loads(Path(sys.argv[1]).read_text())
    if len(sys.argv) > 2:
        plot(data, sys.argv[2])
    else:
        print(markdown(data))


if __name__ == "__main__":
    main()
