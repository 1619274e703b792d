"""Plots of a report's numbers."""

from collections.abc import Collection
from pathlib import Path

import numpy as np


def draw(data: dict, folder: Path, which: Collection[str] = ("quality", "layers", "speed")) -> dict[str, str]:
    """Draws those plots that the data is there for; returns their file names, none without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return {}
    matplotlib.rcParams["svg.hashsalt"] = "dashkv"
    plots, names = {"quality": _plot_quality, "layers": _plot_layers, "speed": _plot_speed}, {}
    for name in which:
        figure = plots[name](data, plt)
        if figure is not None:
            file = f"fidelity-{name}.svg"
            figure.savefig(folder / file, metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
            names[name] = file
    return names


def _plot_quality(data, plt):
    """A curve for each selector over the budgets, where all have the same bytes if there are such tables."""
    tables = [table for table in data["tokens"] if table["rows"]]
    tables = [table for table in tables if table["equal"] == "bytes"] or tables
    if not tables:
        return None
    lengths = list(dict.fromkeys(table["length"] for table in tables))
    figure, axes = plt.subplots(1, len(lengths), figsize=(6 * len(lengths), 4.5), squeeze=False, sharey=True)
    # The legend in the order of the curves, from the top.
    worst = {}
    for row in (row for table in tables for row in table["rows"]):
        worst[row["selector"]] = max(row["kl"][0], worst.get(row["selector"], 0))
    names = sorted(worst, key=worst.get, reverse=True)
    for axis, length in zip(axes[0], lengths, strict=True):
        rows = [row for table in tables if table["length"] == length for row in table["rows"]]
        for index, name in enumerate(names):
            points = sorted({(100 * row["bytes"], row["kl"][0]) for row in rows if row["selector"] == name})
            if points:
                style = {"marker": "osD^vP*X"[index % 8], "color": f"C{index % 10}", "linestyle": "-:"[index // 10 % 2]}
                axis.plot(*zip(*points, strict=True), label=name, linewidth=1, markersize=5, **style)
        axis.set(title=f"{length:,} tokens", xlabel="bytes read, % of exact", xscale="log", yscale="log")
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(plt.FuncFormatter(lambda x, _: f"{x:g}"))
            scale.set_minor_formatter(plt.FuncFormatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "235" else ""))
        axis.tick_params(which="both", labelsize=8)
        axis.grid(alpha=0.3, which="both")
    axes[0][0].set_ylabel("KL to exact, nats a token")
    axes[0][-1].legend(fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left")
    return figure


def _plot_layers(data, plt):
    tables = [
        table
        for table in data["layers"]
        if any(row["share_by_layer"] for row in table["rows"] if row["kept"] is not None)
    ]
    if not tables:
        return None
    rows = [row for row in tables[0]["rows"] if row["kept"] is not None]
    shares = np.array([row["share_by_layer"] for row in rows], float)
    figure, axis = plt.subplots(figsize=(11, 0.32 * len(rows) + 1.5))
    image = axis.imshow(100 * shares, vmin=50, vmax=100, aspect="auto", cmap="viridis")
    axis.set_yticks(range(len(rows)), [row["selector"] for row in rows], fontsize=8)
    axis.set_xticks(range(shares.shape[1]), range(shares.shape[1]), fontsize=7)
    axis.set_xlabel("layer")
    axis.set_title(f"Kept attention, % of the group oracle's ({tables[0]['full']})", fontsize=10)
    figure.colorbar(image, ax=axis, pad=0.01)
    return figure


def _plot_speed(data, plt):
    if not data["speed"]:
        return None
    lengths = [row["length"] for row in data["speed"]]
    figure, axis = plt.subplots(figsize=(6, 4))
    for name in data["speed"][0]["tokens_per_second"]:
        axis.plot(lengths, [row["tokens_per_second"][name] for row in data["speed"]], marker="o", label=name)
    axis.set(xscale="log", yscale="log", xlabel="keys in the cache", ylabel="tokens a second, one thread")
    axis.set_xticks(lengths, [f"{length:,}" for length in lengths], fontsize=7)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return figure
