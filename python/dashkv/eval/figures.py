"""Plots of a report's numbers."""

from pathlib import Path

import numpy as np


def draw(data: dict, folder: Path) -> dict[str, str]:
    """Draws what matplotlib can; returns file names. None without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return {}
    matplotlib.rcParams["svg.hashsalt"] = "dashkv"
    names = {}
    for name, plot in (("quality", _plot_quality), ("layers", _plot_layers), ("speed", _plot_speed)):
        figure = plot(data, plt)
        if figure is not None:
            file = f"fidelity-{name}.svg"
            figure.savefig(folder / file, metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
            names[name] = file
    return names


def _plot_quality(data, plt):
    tables = [table for table in data["tokens"] if table["rows"]]
    if not tables:
        return None
    lengths = list(dict.fromkeys(table["length"] for table in tables))
    figure, axes = plt.subplots(1, len(lengths), figsize=(6 * len(lengths), 4.5), squeeze=False, sharey=True)
    for axis, length in zip(axes[0], lengths, strict=True):
        points: dict[str, list] = {}
        for table in tables:
            for row in table["rows"] if table["length"] == length else ():
                point = (100 * row["bytes"], row["kl"][0])
                if point not in points.setdefault(row["selector"], []):
                    points[row["selector"]].append(point)
        for index, (name, values) in enumerate(points.items()):
            values.sort()
            axis.plot(*zip(*values, strict=True), marker="osD^vP*X"[index % 8], label=name, linewidth=1)
        axis.set(title=f"{length:,} tokens", xlabel="bytes read, % of exact", yscale="log")
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
