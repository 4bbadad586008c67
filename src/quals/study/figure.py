"""How do the preferences look? Stacked horizontal bars as in the paper, one per question."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quals.analysis.formatting import METHODS
from quals.analysis.plots import COLOURS, OTHER, WIDTH
from quals.jsonl import Row
from quals.study.questions import QUESTIONS

EQUAL_COLOUR = "#DDDDDD"
# For methods without a colour of their own: the yellow of the palette, and the grey of all others.
SPARE = ("#F0E442", OTHER)
NARROWEST = 0.04  # share below which a number has no room in its bar


def bars_figure(results: Row) -> Figure:
    """The results file as a picture; whiskers at the seams are intervals of the outer shares."""
    rows, (baseline, method) = results["questions"], results["names"]
    figure = Figure(figsize=(WIDTH, 1.5 + 0.62 * len(rows)), layout="constrained")
    axes = figure.subplots()
    parts = (
        ("better", f"{method} better", colour(method, SPARE[0])),
        ("equal", "equal", EQUAL_COLOUR),
        ("worse", f"{baseline} better", colour(baseline, SPARE[1])),
    )
    titles = {question.name: question.title for question in QUESTIONS}
    for place, row in enumerate(rows):
        if row["better"] is None:
            axes.text(0.5, place, "no answers", ha="center", va="center", color="#57606A")
            continue
        left = 0.0
        for name, label, fill in parts:
            axes.barh(place, row[name], left=left, color=fill, height=0.6, label=label)
            if row[name] >= NARROWEST:
                axes.text(
                    left + row[name] / 2,
                    place,
                    f"{100 * row[name]:.0f} %",
                    ha="center",
                    va="center",
                    color=_ink(fill),
                )
            left += row[name]
        if row["better_low"] is not None and row["worse_low"] is not None:
            _whisker(axes, place, row["better_low"], row["better_high"])
            _whisker(axes, place, 1 - row["worse_high"], 1 - row["worse_low"])
    axes.set_yticks(
        range(len(rows)),
        [f"{titles[r['question']]}\n{r['documents']} documents" for r in rows],
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_xlabel("Share of judgments; whiskers are intervals of the outer shares")
    people = len(results["annotators"])
    axes.set_title(
        f"{method} against {baseline}: {people} annotator{'s' if people != 1 else ''}",
        loc="left",
        fontsize=10,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if unique:
        figure.legend(
            list(unique.values()),
            list(unique),
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )
    return figure


def colour(name: str, spare: str) -> str:
    """The colour that a method has in every figure, by its name in tables or in files."""
    known = {label: method for method, label in METHODS.items()}
    return COLOURS.get(known.get(name, name), spare)


def _whisker(axes: Axes, place: int, low: float, high: float) -> None:
    """An interval below the bar's numbers, dark on a light rim to be seen on every colour."""
    at = place + 0.2
    for width, shade in ((4.5, "#FFFFFF"), (1.8, "#333333")):
        axes.plot([low, high], [at, at], color=shade, linewidth=width, solid_capstyle="round")


def _ink(fill: str) -> str:
    """Black or white, whichever is read more easily on the colour."""
    red, green, blue = (int(fill[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#FFFFFF"
