"""What does the agreement of metrics with people look like?"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from quals.analysis.plots import OTHER, QAGS, QUALS, WIDTH, bare

READERS = "#DDCC77"  # of Tol's muted palette, like the colours of QUALS and QAGS


def people_figure(rows: pd.DataFrame, readers: pd.DataFrame) -> Figure:
    """Pearson of every metric with its interval, a panel per benchmark; a band for one reader.

    Columns of `rows`: benchmark, metric (both as they are written), n, pearson, pearson_low,
    pearson_high. Those of `readers`, of whom a benchmark may have none: benchmark and the last
    three.
    """
    benchmarks, metrics = list(rows.benchmark.unique()), list(rows.metric.unique())
    figure = Figure(figsize=(WIDTH, 1.4 + 0.24 * len(metrics)), layout="constrained")
    grid = figure.subplots(1, len(benchmarks), sharex=True, squeeze=False)[0]
    for axes, benchmark in zip(grid, benchmarks, strict=True):
        for reader in readers[readers.benchmark == benchmark].itertuples():
            axes.axvspan(reader.pearson_low, reader.pearson_high, color=READERS, alpha=0.35, lw=0)
            label = "one reader against the others"
            axes.axvline(reader.pearson, color=READERS, linewidth=2, zorder=1, label=label)
        own = rows[rows.benchmark == benchmark].set_index("metric")
        for place, metric in enumerate(metrics):
            if metric in own.index and pd.notna(own.loc[metric, "pearson"]):
                row, colour = own.loc[metric], _colour(metric)
                ends = row[["pearson_low", "pearson_high"]]
                axes.plot(ends, [place, place], color=colour, linewidth=2)
                axes.plot(row.pearson, place, "o", color=colour, markersize=5)
        axes.axvline(0, color="#888888", linewidth=1, zorder=1)
        axes.set_title(f"{benchmark}: n = {own.n.max()}", loc="left", fontsize=10)
        axes.set_xlabel("Pearson with the judgments")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_ylim(len(metrics) - 0.5, -0.5)
        axes.set_yticks(range(len(metrics)), [""] * len(metrics))
        bare(axes, grid="x")
    figure.axes[0].set_yticklabels(metrics)
    found = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if found:
        figure.legend(found.values(), found.keys(), loc="outside lower center", frameon=False)
    return figure


def _colour(metric: str) -> str:
    if metric.startswith("QUALS"):
        return QUALS
    return QAGS if metric == "QAGS" else OTHER
