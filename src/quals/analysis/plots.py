"""What do the results look like? One function per figure: data frame in, figure out."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from PIL import Image

from quals.analysis.formatting import counted, method_name, name, shown_ends

# Okabe and Ito's palette: told apart by colour-blind readers too.
COLOURS = {
    "mle": "#000000",
    "rouge": "#E69F00",
    "conseq": "#0072B2",
    "likelihood": "#56B4E9",
    "masked": "#009E73",
    "copy": "#D55E00",
    "oracle": "#CC79A7",
}
OTHER = "#999999"  # methods without a colour of their own
# Tol's muted palette for what is no method, so that a colour keeps its one meaning.
CONSISTENT, INCONSISTENT, QUALS, QAGS = "#44AA99", "#CC6677", "#332288", "#AA4499"
PANELS = ("truth", "qags", "factcc", "quals", "rougeL")
UNITS = {
    "truth": "share of summaries",
    "qags": "mean answer F1",
    "factcc": "mean p(consistent)",
    "quals": "nats per token",
    "rougeL": "F1",
}
WIDTH = 10.0  # inches
DPI = 160  # sharp on a phone too


def results_figure(main: pd.DataFrame) -> Figure:
    """Mean and interval of each method: one row of panels per dataset, one panel per metric.

    Columns as in main.json; the interval is the one that the tables show.
    """
    datasets, methods = list(main.dataset.unique()), list(main.method.unique())
    metrics = [metric for metric in PANELS if metric in set(main.metric)]
    height = 0.9 + len(datasets) * (0.75 + 0.24 * len(methods))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid = figure.subplots(len(datasets), len(metrics), squeeze=False, sharey=True, sharex="col")
    for axes_row, dataset in zip(grid, datasets, strict=True):
        for axes, metric in zip(axes_row, metrics, strict=True):
            rows = main[(main.dataset == dataset) & (main.metric == metric)].set_index("method")
            for place, method in enumerate(methods):
                if method in rows.index and pd.notna(rows.loc[method, "mean"]):
                    row = rows.loc[method]
                    colour = COLOURS.get(method, OTHER)
                    if ends := shown_ends(row.seeds):
                        axes.plot(row[[*ends]], [place, place], color=colour, linewidth=2)
                    axes.plot(row["mean"], place, "o", color=colour, markersize=5)
            axes.set_xlabel(f"{name(metric)}\n({UNITS[metric]})")
            axes.tick_params(labelbottom=True)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.margins(x=0.1)
            bare(axes, grid="x")
        axes_row[0].set_yticks(range(len(methods)), [method_name(method) for method in methods])
        axes_row[0].set_title(f"{dataset}: {sample_size(main, dataset)}", loc="left", fontsize=10)
    grid[0, 0].set_ylim(len(methods) - 0.5, -0.5)
    return figure


def truth_figure(histograms: pd.DataFrame) -> Figure:
    """QUALS of consistent and of inconsistent summaries, a panel per benchmark.

    Columns: benchmark, consistent, edges, counts.
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    if histograms.empty:
        figure.text(0.5, 0.5, "No summary has a QUALS score and a known truth", ha="center")
        return figure
    benchmarks = list(histograms.benchmark.unique())
    for axes, benchmark in zip(panels(figure, len(benchmarks)), benchmarks, strict=True):
        for row in histograms[histograms.benchmark == benchmark].itertuples():
            counts, edges = np.array(row.counts), np.array(row.edges)
            if not counts.sum():
                continue
            colour = CONSISTENT if row.consistent else INCONSISTENT
            kind = "consistent" if row.consistent else "inconsistent"
            label = f"{kind} (n = {counts.sum():,})"
            shares = 100 * counts / counts.sum()
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
            axes.stairs(shares, edges, color=colour, linewidth=1.5, label=label)
        axes.set_title(benchmark, loc="left", fontsize=10)
        axes.set_xlabel("QUALS (nats per token; outermost 1 % in the end bins)")
        axes.set_ylabel("Summaries of the kind (%)")
        axes.set_ylim(top=1.35 * axes.get_ylim()[1])  # room for the legend
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.legend(frameon=False, loc="upper left")
        bare(axes, grid="y")
    return figure


def speed_figure(protocols: pd.DataFrame) -> Figure:
    """Seconds per summary of QUALS and QAGS under each timing protocol, and their ratio."""
    figure = Figure(figsize=(WIDTH, 1.2 + 0.55 * len(protocols)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(protocols.itertuples()):
        axes.plot([row.quals_seconds, row.qags_seconds], [place] * 2, color="#BBBBBB", zorder=1)
        middle = np.sqrt(row.quals_seconds * row.qags_seconds)
        text = f"{row.ratio:.1f} times"
        if pd.notna(row.ratio_low):
            text += f" [{row.ratio_low:.1f}, {row.ratio_high:.1f}]"
        axes.annotate(text, (middle, place), (0, 5), textcoords="offset points", ha="center")
    places = range(len(protocols))
    axes.plot(protocols.quals_seconds, places, "o", color=QUALS, label="QUALS")
    axes.plot(protocols.qags_seconds, places, "o", color=QAGS, label="QAGS")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.1)
    axes.set_xlabel("Seconds per summary (log scale)")
    labels = [f"{row.name} (n = {row.summaries})" for row in protocols.itertuples(index=False)]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(protocols) - 0.5, -0.6)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    bare(axes, grid="x")
    return figure


def cost_figure(groups: pd.DataFrame) -> Figure:
    """What more decoding groups cost and bring: seconds per summary against AUC, labelled.

    Where no truth gives an AUC: groups against seconds.
    """
    figure = Figure(figsize=(0.6 * WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title("QUALS by number of decoding groups", loc="left")
    bare(axes, grid="y")
    if groups.auc.isna().all():
        axes.plot(groups.groups, groups.seconds_per_summary, "o-", color=QUALS)
        axes.set(xlabel="Decoding groups", ylabel="Seconds per summary", ylim=(0, None))
        axes.set_xlim(left=0)
        return figure
    groups = groups.dropna(subset=["auc"])
    axes.plot(groups.seconds_per_summary, groups.auc, "o-", color=QUALS)
    for row in groups.itertuples():
        axes.annotate(
            f"{row.groups}",
            (row.seconds_per_summary, row.auc),
            (0, 7),
            textcoords="offset points",
            ha="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.margins(x=0.08, y=0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel("Seconds per summary")
    axes.set_ylabel("AUC against the truth")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG whose bytes depend on the figure alone; with a palette it is a third as large."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    with Image.open(buffer) as picture:
        paletted(picture.convert("RGB")).save(path, format="PNG", optimize=True)


def paletted(picture: Image.Image) -> Image.Image:
    """The picture in its 256 most frequent colours, which stay exact; others take the nearest.

    What is rare in a figure is the soft edge of a line or letter, so that no colour of a method
    changes.
    """
    pixels = np.asarray(picture, dtype=np.int32)
    packed = pixels @ (1 << 16, 1 << 8, 1)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = colours[np.sort(np.argsort(-counts, kind="stable")[:256])]
    parts = [np.stack([c >> 16, c >> 8 & 255, c & 255], axis=1) for c in (colours, kept)]
    nearest = np.square(parts[0][:, None] - parts[1][None]).sum(axis=2).argmin(axis=1)
    found = Image.fromarray(nearest.astype(np.uint8)[places].reshape(packed.shape), mode="P")
    found.putpalette(parts[1].astype(np.uint8).tobytes())
    return found


def panels(figure: Figure, count: int) -> Sequence[Axes]:
    return figure.subplots(1, count, squeeze=False)[0]


def bare(axes: Axes, *, grid: str) -> None:
    """Only the lines that help to read values off."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)


def sample_size(main: pd.DataFrame, dataset: str) -> str:
    """The number of documents and seeds behind a dataset's means."""
    row = main[main.dataset == dataset].iloc[0]
    return f"{row.n} documents, {counted(row.seeds, 'seed')}"
