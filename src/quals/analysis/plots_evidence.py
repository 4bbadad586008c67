"""What do copying, spreads, training and single tokens look like? One function per figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator

from quals.analysis.formatting import MODELS, counted, method_name, name
from quals.analysis.plots import COLOURS, OTHER, UNITS, WIDTH, bare, panels
from quals.jsonl import Row

# Decoding variants are the MLE model's own: grey, told apart by their marks.
FAMILIES = {
    "beams": ("s", "number of beams"),
    "length_penalty": ("^", "length penalty"),
    "temperature": ("D", "temperature of samples"),
}
OFFSETS = {"beams": (-9, 5), "length_penalty": (6, -10), "temperature": (6, 5)}  # of labels
AXES = {
    "density": "Extractive density (mean words of the copied piece that a word lies in)",
    "novel2": "Share of the summary's bigrams that the document lacks",
}
# Tol's muted palette like all that is no method; not the colours that plots.py gives a meaning.
SUMMARY, DOCUMENT, MODEL = "#117733", "#882255", "#666666"


def copying_figure(rows: pd.DataFrame) -> Figure:
    """Consistency against copying: a panel per data set and measure, methods over MLE's variants.

    Columns as in copying.json.
    """
    datasets = list(rows.dataset.unique())
    figure = Figure(figsize=(WIDTH, 0.9 + 4.1 * len(datasets)), layout="constrained")
    grid = figure.subplots(len(datasets), len(AXES), squeeze=False, sharey="row")
    for axes_row, dataset in zip(grid, datasets, strict=True):
        own = rows[rows.dataset == dataset]
        for axes, (measure, label) in zip(axes_row, AXES.items(), strict=True):
            _draw_variants(axes, own, measure)
            for row in own[own.family == "method"].itertuples():
                _draw_method(axes, row, measure)
            axes.set_xlabel(label, fontsize=9)
            axes.margins(0.07)
            bare(axes, grid="both")
        first = own.iloc[0]
        judge = first.judge
        axes_row[0].set_ylabel(f"{name(judge)} ({UNITS.get(judge, 'mean')})")
        title = f"{dataset}: {first.n} documents, {counted(first.seeds, 'seed')}"
        axes_row[0].set_title(title, loc="left", fontsize=10)
    found = {
        label: handle
        for axes in grid.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_method(axes: Axes, row: object, measure: str) -> None:
    across, up = getattr(row, measure), row.consistent
    if pd.isna(across) or pd.isna(up):
        return
    colour = COLOURS.get(row.system, OTHER)
    ends = getattr(row, f"{measure}_low"), getattr(row, f"{measure}_high")
    faint = {"color": colour, "linewidth": 1.2, "alpha": 0.4, "zorder": 1}
    axes.plot(ends, [up, up], **faint)
    axes.plot([across] * 2, [row.consistent_low, row.consistent_high], **faint)
    axes.plot(across, up, "o", color=colour, markersize=6, label=method_name(row.system), zorder=3)


def _draw_variants(axes: Axes, own: pd.DataFrame, measure: str) -> None:
    """The curve of each family of variants, a label at each setting."""
    for family, (mark, label) in FAMILIES.items():
        line = own[own.family == family].dropna(subset=[measure, "consistent"])
        if line.empty:
            continue
        axes.plot(
            line[measure],
            line.consistent,
            marker=mark,
            color=OTHER,
            linewidth=1,
            markersize=5,
            label=f"MLE by {label}",
        )
        for row in line.itertuples():
            axes.annotate(
                f"{row.setting:g}",
                (getattr(row, measure), row.consistent),
                OFFSETS[family],
                textcoords="offset points",
                fontsize=8,
                color="#444444",
                path_effects=[withStroke(linewidth=2, foreground="white")],
                zorder=4,
            )


def distributions_figure(rows: pd.DataFrame) -> Figure:
    """The middle half and the middle 90 % of each method's scores, a panel per metric.

    Columns: dataset, metric, method, p5, p25, median, p75, p95.
    """
    datasets, metrics = list(rows.dataset.unique()), list(rows.metric.unique())
    methods = list(rows.method.unique())
    height = 0.9 + len(datasets) * (0.75 + 0.24 * len(methods))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid = figure.subplots(len(datasets), len(metrics), squeeze=False, sharey=True, sharex="col")
    for axes_row, dataset in zip(grid, datasets, strict=True):
        for axes, metric in zip(axes_row, metrics, strict=True):
            chosen = rows[(rows.dataset == dataset) & (rows.metric == metric)]
            for row in chosen.dropna(subset=["median"]).itertuples():
                place, colour = methods.index(row.method), COLOURS.get(row.method, OTHER)
                axes.plot([row.p5, row.p95], [place] * 2, color=colour, linewidth=1)
                axes.plot(
                    [row.p25, row.p75],
                    [place] * 2,
                    color=colour,
                    linewidth=5,
                    solid_capstyle="butt",
                )
                axes.plot(
                    row.median, place, "o", color=colour, markeredgecolor="white", markersize=6
                )
            axes.set_xlabel(name(metric))
            axes.tick_params(labelbottom=True)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            bare(axes, grid="x")
        axes_row[0].set_yticks(range(len(methods)), [method_name(method) for method in methods])
        axes_row[0].set_title(dataset, loc="left", fontsize=10)
    grid[0, 0].set_ylim(len(methods) - 0.5, -0.5)
    return figure


def training_figure(curves: Sequence[Row]) -> Figure:
    """The loss of every model over its training, a line per seed.

    First the models of the metrics, each with a scale of its own; then a row of panels for each
    data set, one for each method, on one scale.
    """
    metrics = [row for row in curves if row["dataset"] is None]
    datasets = list(dict.fromkeys(row["dataset"] for row in curves if row["dataset"] is not None))
    figure = Figure(figsize=(WIDTH, 2.6 * (1 + len(datasets))), layout="constrained")
    parts = figure.subfigures(1 + len(datasets), 1, squeeze=False)[:, 0]
    drawn = panels(parts[0], max(len(metrics), 1))
    for axes, row in zip(drawn, metrics, strict=False):
        _draw_curve(axes, row, MODEL)
        axes.set_title(MODELS.get(row["model"], row["model"]), loc="left", fontsize=10)
    drawn[0].set_ylabel("Loss (log scale)")
    for part, dataset in zip(parts[1:], datasets, strict=True):
        own = [row for row in curves if row["dataset"] == dataset]
        models = list(dict.fromkeys(row["model"] for row in own))
        drawn = part.subplots(1, len(models), squeeze=False, sharey=True)[0]
        for axes, model in zip(drawn, models, strict=True):
            for row in own:
                if row["model"] == model:
                    _draw_curve(axes, row, COLOURS.get(model, OTHER))
            axes.set_title(method_name(model).replace(" (", "\n("), loc="left", fontsize=8)
        drawn[0].set_ylabel(f"{dataset}: loss (log scale)")
    return figure


def _draw_curve(axes: Axes, row: Row, colour: str) -> None:
    losses = row["losses"]
    shares = 100 * (np.arange(len(losses)) + 0.5) / len(losses)
    axes.plot(shares, losses, color=colour, linewidth=1)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("Training (%)", fontsize=9)
    bare(axes, grid="y")


def tokens_figure(pairs: Sequence[Row]) -> Figure:
    """Each token's probability under summary and document, for a pair of S+ and one of S-.

    `pairs` are rows of the stage `examples`; a side without a question is left out.
    """
    drawn = [
        (f"{pair['dataset']}, {label}", pair[f"{side}_tokens"])
        for pair in pairs
        for side, label in (("positive", "S+"), ("negative", "S-"))
        if pair[f"{side}_tokens"] is not None
    ]
    figure = Figure(figsize=(WIDTH, max(2.0, 2.3 * len(drawn))), layout="constrained")
    if not drawn:
        figure.text(0.5, 0.5, "No token probabilities to show", ha="center")
        return figure
    for axes, (title, found) in zip(
        figure.subplots(len(drawn), 1, squeeze=False)[:, 0], drawn, strict=True
    ):
        places = np.arange(len(found["tokens"]))
        under = np.exp(found["summary_logprobs"]), np.exp(found["document_logprobs"])
        axes.plot(places, under[0], "o-", color=SUMMARY, label="under the summary")
        axes.plot(places, under[1], "s--", color=DOCUMENT, markersize=4, label="under the document")
        axes.axvline(found["answer_at"] - 0.5, color="#BBBBBB", linestyle=":")
        axes.set_xticks(
            places, [_shown(token) for token in found["tokens"]], rotation=35, ha="right"
        )
        axes.set_ylim(-0.04, 1.08)
        axes.set_xlim(-0.6, max(len(places), 12) - 0.4)
        axes.set_ylabel("Probability")
        score = np.mean(np.subtract(found["document_logprobs"], found["summary_logprobs"]))
        axes.set_title(f"{title}: this question scores {score:+.2f}", loc="left", fontsize=10)
        bare(axes, grid="y")
    figure.axes[0].legend(loc="lower right", frameon=False)
    return figure


def _shown(token: str) -> str:
    """A token as a label: no dollar signs, which would start a formula, nothing endless."""
    text = token.strip().replace("$", r"\$")
    return text if len(text) <= 14 else text[:13] + "\u2026"
