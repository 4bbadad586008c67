"""How does the report show the methods? Results, differences and kinds of error."""

from collections.abc import Mapping, Sequence

from quals.analysis import report_evidence
from quals.analysis.claims import ALPHA
from quals.analysis.findings import Findings
from quals.analysis.formatting import (
    OWN,
    RESAMPLED,
    folded,
    interval,
    method_name,
    name,
    number,
    shown_ends,
    span,
    table,
    unique,
)
from quals.analysis.tables import BASELINES, Scores, seed_means, undefined_counts
from quals.jsonl import Row

PAPER_COLUMNS = ("rouge1", "rouge2", "rougeL", "qags", "factcc", "quals")
OTHER_COLUMNS = ("truth", "unparsed", "copy1", "copy2", "copy3", "novel2", "length")
DIGITS = {"length": 1}
SETTLED = "conseq"  # the method whose differences stand outside the fold


def results(found: Findings) -> str:
    """A table in the paper's shape per dataset, and what the paper's shape leaves out."""
    parts = [
        "## Results per method",
        "![Mean and interval of each method under each metric](results.png)",
        "QUALS picks the pairs that ConSeq trains on, so ConSeq's own QUALS is no evidence of "
        "success; QAGS, FactCC and the oracle, where there is one, take no part in its training. "
        "Copying can raise a metric without a better summary, so copy rates stand beside it.",
        "The columns: ROUGE and QAGS are F1 values; FactCC the mean probability that a sentence is "
        "consistent, by its classifier; "
        "QUALS in nats per token, nearer 0 or above is more consistent; Consistent the share that "
        "the oracle finds wholly true and Unparsed the share that it cannot read; copied and novel "
        "n-grams are shares of the summary's.",
    ]
    for scores in found.scores:
        parts += [_result_tables(scores, found.main)]
    parts.append(report_evidence.distributions())
    return "\n\n".join(parts)


def _result_tables(scores: Scores, main: list[Row]) -> str:
    ends = shown_ends(len(scores.seeds))
    shown = "mean with interval"
    if ends is None:
        shown = "each seed's value (too few seeds for an interval)"
    if ends == RESAMPLED:
        shown += ", a bootstrap over documents, which speaks of these models and of no other seed"
    caption = f"n = {len(scores.ids)} documents, seeds {', '.join(map(str, scores.seeds))}; {shown}"
    parts = [f"### {scores.dataset}", f"{caption}."]
    cells = {
        (row["method"], row["metric"]): row for row in main if row["dataset"] == scores.dataset
    }
    resampled = []
    for columns in (PAPER_COLUMNS, OTHER_COLUMNS):
        metrics = [metric for metric in columns if metric in scores.metrics]
        header = ["Method", *map(name, metrics)]
        if ends == OWN:
            resampled.append(table(header, _body(cells, scores.methods, metrics, RESAMPLED)))
        if ends is None:
            rows = [
                [method_name(method), *(_per_seed(scores, metric, method) for metric in metrics)]
                for method in scores.methods
            ]
        else:
            rows = _body(cells, scores.methods, metrics, ends)
        if ends == OWN and "truth" in metrics:
            header.append("Consistent, per seed")
            rows = [
                [*row, _per_seed(scores, "truth", method)]
                for row, method in zip(rows, scores.methods, strict=True)
            ]
        parts.append(table(header, rows))
    if ends == OWN:
        parts.append(folded("The same means with bootstrap intervals", "\n\n".join(resampled)))
    counts = undefined_counts(scores)
    listed = ", ".join(
        f"{name(row['metric'])} of {method_name(row['method'])} {row['undefined']}"
        for row in counts
    )
    total = len(scores.ids) * len(scores.seeds)
    parts.append(
        f"Scores that do not exist and are left out of the means, of {total} each: "
        f"{listed or 'none'}."
    )
    return "\n\n".join(parts)


def _body(
    cells: Mapping[tuple[str, str], Row],
    methods: Sequence[str],
    metrics: Sequence[str],
    ends: tuple[str, str],
) -> list[list[str]]:
    """A line per method: its means, each with the interval that has these keys."""
    return [
        [method_name(method)]
        + [
            span(*(cells[method, metric][key] for key in ("mean", *ends)), digits=digits)
            for metric in metrics
            for digits in [DIGITS.get(metric, 3)]
        ]
        for method in methods
    ]


def _per_seed(scores: Scores, metric: str, method: str) -> str:
    means = seed_means(scores, metric, method)
    return " / ".join(number(value, DIGITS.get(metric, 3)) for value in means)


def differences(found: Findings) -> str:
    """Every method against the baselines, with p and Holm's p; empty with a single method."""
    if not found.differences:
        return ""
    least = len(found.differences) / (found.permutations + 1)
    parts = [
        "## Differences between methods",
        "Method minus baseline, paired by document and seed; a document counts where both scores "
        "exist. p: sign flips, all seeds of a document together, so it speaks of these trained "
        "models, while the intervals also cover other seeds: Student's beside the difference, "
        "then the bootstrap's, which settles nothing. Holm's p adjusts for the declared "
        f"family: all {len(found.differences)} rows of `differences.json` (every data set; truth, "
        "ROUGE-1/2/L, QAGS, QUALS and FactCC where they exist; every method against MLE and "
        "against ROUGE-contrastive). We call a difference settled if Holm's p is below "
        f"{ALPHA} and Student's interval excludes zero. With {found.permutations:,} flips the "
        f"smallest Holm's p that can come out is {least:.4f}.",
    ]
    for scores in found.scores:
        rows = [row for row in found.differences if row["dataset"] == scores.dataset]
        first = [row for row in rows if row["method"] == SETTLED]
        others = [row for row in rows if row["method"] != SETTLED]
        parts.append(f"### {scores.dataset}")
        if "truth" in scores.metrics:
            parts.append(_truth_sentence(scores.dataset, rows))
        parts.append(difference_table(first))
        if others:
            parts.append(folded("The other methods", difference_table(others)))
    return "\n\n".join(parts)


def difference_table(rows: list[Row]) -> str:
    """A line per difference of `differences.json`: its two intervals, p and Holm's p."""
    header = ["Method", "Baseline", "Metric", "Difference", "Bootstrap", "p", "Holm's p"]
    cells = [
        [
            method_name(row["method"]),
            method_name(row["baseline"]),
            name(row["metric"]),
            span(row["difference"], row["low"], row["high"], sign="+"),
            interval(*(row[key] for key in RESAMPLED)),
            number(row["p"], 4),
            number(row["p_holm"], 4),
        ]
        for row in rows
    ]
    return table(header, cells, align="lllrrrr")


def _truth_sentence(dataset: str, rows: list[Row]) -> str:
    """How far each method moves the share of consistent summaries away from MLE's."""
    listed = [
        f"{method_name(row['method'])} {span(row['difference'], row['low'], row['high'], sign='+')}"
        for row in rows
        if row["metric"] == "truth" and row["baseline"] == BASELINES[0]
    ]
    return f"Share of consistent summaries against MLE's on {dataset}: {'; '.join(listed)}."


def errors(found: Findings) -> str:
    """Which kinds of error each method makes; empty without an oracle."""
    if not found.errors:
        return ""
    parts = [
        "## Which errors remain",
        "Share of summaries by kind of error, as the oracle names it. Extrinsic: a detail that the "
        "document does not hold. Intrinsic (entity, role, number, date, negation together): the "
        "document's facts distorted.",
    ]
    for dataset in unique(found.errors, "dataset"):
        rows = [row for row in found.errors if row["dataset"] == dataset]
        kinds, methods = unique(rows, "error"), unique(rows, "method")
        cells = {(row["method"], row["error"]): row for row in rows}
        body = [
            [method_name(method)]
            + [
                span(*(cells[method, kind][key] for key in ("share", "low", "high")))
                for kind in kinds
            ]
            for method in methods
        ]
        parts += [f"### {dataset}", table(["Method", *kinds], body)]
        if "conseq" in methods and "mle" in methods:
            parts.append(_repair_sentence([cells["conseq", kind] for kind in kinds]))
    return "\n\n".join(parts)


def _repair_sentence(rows: list[Row]) -> str:
    """Which kinds of error ConSeq makes less or more often than MLE."""
    groups: dict[str, list[str]] = {"fewer": [], "more": [], "unsettled": []}
    for row in rows:
        values = [row[key] for key in ("difference", "difference_low", "difference_high")]
        down = values[2] is not None and values[2] < 0
        up = values[1] is not None and values[1] > 0
        group = "fewer" if down else "more" if up else "unsettled"
        groups[group].append(f"{row['error']} {span(*values, sign='+')}")
    texts = {group: "; ".join(listed) or "none" for group, listed in groups.items()}
    return (
        "ConSeq minus MLE (intervals not adjusted for their number). "
        f"Fewer errors: {texts['fewer']}. More errors: {texts['more']}. "
        f"Interval holds zero: {texts['unsettled']}."
    )
