"""How do ablations and contrast pairs read in Markdown? Tables with intervals."""

from collections.abc import Mapping, Sequence

from quals.analysis.formatting import MISSING, folded, name, number, span, table, unique
from quals.jsonl import Row

# In the order of the columns; `_change` stands beside what it is the change of.
COLUMNS = {
    "auc": "AUC",
    "auc_change": "AUC, change",
    "pearson": "Pearson",
    "auc_swaps": "AUC, swaps",
    "undefined": "Undefined",
    "truth": "Consistent",
    "truth_change": "Consistent, change",
    "rougeL": "ROUGE-L",
    "rougeL_change": "ROUGE-L, change",
    "copy2": "Copied bigrams",
    "copy2_change": "Copied bigrams, change",
    "unparsed": "Unparsed",
    "length": "Words",
    "pairs": "Pairs",
    "positives_true": "S+ true",
    "negatives_false": "S- false",
}
DIGITS = {"length": 1, "pairs": 0}
HIDDEN = ("copy2_change",)  # in the file, not in the tables
# What the report shows of each kind of ablation, told apart by its first measure, and whether with
# the interval.
KINDS = {
    "Settings of QUALS, against the truth of MLE's summaries and of swaps": {
        "auc": False,
        "auc_change": True,
        "auc_swaps": False,
    },
    "Settings of ConSeq, retrained and judged on validation articles": {
        "truth": False,
        "truth_change": True,
        "rougeL_change": True,
        "unparsed": False,
    },
}
EDITS = {"all": "all edits", "paraphrase": "paraphrase (control)"}


def ablations_section(rows: Sequence[Row]) -> str:
    """A table for each ablation and data set; empty without rows."""
    if not rows:
        return ""
    parts = [
        "## Ablations",
        "One choice at a time, everything else as in the scale's file. A change is the paired "
        "difference from the setting that changes nothing, which has none. Brackets hold "
        "intervals: of AUC and correlations a bootstrap over seeds and test documents, of "
        "retrained summarizers one of Student's kind over seeds and validation documents. "
        "*Swaps*: consistent references against summaries that were given an intrinsic error. "
        "*S+ true* and *S- false*: how many of the chosen positives are true, and how many of "
        "the negatives are not.",
    ]
    for ablation in unique(rows, "ablation"):
        parts.append(f"### {_title(ablation)}")
        for dataset in unique(rows, "dataset"):
            chosen = [r for r in rows if (r["ablation"], r["dataset"]) == (ablation, dataset)]
            if chosen:
                parts.append(_ablation(dataset, chosen))
    return "\n\n".join(parts)


def digest(rows: Sequence[Row]) -> str:
    """A line for each setting, data sets beside each other; empty without rows."""
    if not rows:
        return ""
    parts = [
        "## Ablations",
        "One choice at a time, everything else as in the scale's file, over "
        f"{max(row['seeds'] for row in rows)} seeds. A change, with its interval, is the paired "
        "difference from the setting that changes nothing, which has none. Other columns are "
        "means; `ablations.md` has more of them, with intervals. *Swaps*: consistent references "
        "against summaries that were given an intrinsic error.",
    ]
    for title, shown in KINDS.items():
        chosen = {row["ablation"] for row in rows if row["metric"] == next(iter(shown))}
        own = [row for row in rows if row["ablation"] in chosen]
        if own:
            parts.append(f"{title}:\n\n{_digest(own, shown)}")
    return "\n\n".join(parts)


def _digest(rows: Sequence[Row], shown: Mapping[str, bool]) -> str:
    """Settings down, data sets and measures across; `shown` says which have their interval."""
    datasets = unique(rows, "dataset")
    cells = {(r["ablation"], r["setting"], r["dataset"], r["metric"]): r for r in rows}
    body = []
    for ablation in unique(rows, "ablation"):
        own = [row for row in rows if row["ablation"] == ablation]
        for setting in unique(own, "setting"):
            line = [f"{_title(ablation)}: {setting}"]
            for dataset in datasets:
                for metric, interval in shown.items():
                    row = cells.get((ablation, setting, dataset, metric))
                    if row is not None and not interval:
                        row = {**row, "low": None}
                    line.append(_cell(row, metric))
            body.append(line)
    header = [f"{dataset}: {COLUMNS[metric]}" for dataset in datasets for metric in shown]
    return table(["Setting", *header], body)


def _title(ablation: str) -> str:
    return ablation.capitalize().replace("_", " ")


def _ablation(dataset: str, rows: Sequence[Row]) -> str:
    """Settings down, measures across."""
    found = unique(rows, "metric")
    metrics = [metric for metric in COLUMNS if metric in found and metric not in HIDDEN]
    metrics += [metric for metric in found if metric not in COLUMNS]
    cells = {(row["setting"], row["metric"]): row for row in rows}
    body = [
        [setting, *(_cell(cells.get((setting, metric)), metric) for metric in metrics)]
        for setting in unique(rows, "setting")
    ]
    header = [COLUMNS.get(metric, metric) for metric in metrics]
    seeds = max(row["seeds"] for row in rows)
    return f"{dataset}, {seeds} seeds:\n\n" + table(["Setting", *header], body)


def _cell(row: Row | None, metric: str) -> str:
    if row is None or row["mean"] is None:
        return MISSING
    sign = "+" if metric.endswith("_change") else ""
    values = (row["mean"], row["low"], row["high"])
    return span(*values, digits=DIGITS.get(metric, 3), sign=sign)


def contrast_section(rows: Sequence[Row]) -> str:
    """Two tables for each data set: edits against the original, and against its paraphrase."""
    if not rows:
        return ""
    parts = [
        "## Contrast pairs",
        "True summaries against their smallest false edits, and the share of pairs that a metric "
        "ranks right; ties and undefined scores are misses. The control sets a true summary "
        "against a true paraphrase: a metric that looks at facts alone prefers neither, and is "
        "near a half or, with ties, below it.",
    ]
    for dataset in unique(rows, "dataset"):
        chosen = [row for row in rows if row["dataset"] == dataset]
        parts += [
            f"### {dataset}",
            "The original above the edit:",
            _shares(chosen, ("right", "low", "high")),
            folded(
                "A paraphrase above the edit, so that the wording differs as well",
                _shares(chosen, ("paraphrase_right", "paraphrase_low", "paraphrase_high")),
            ),
        ]
    return "\n\n".join(parts)


def _shares(rows: Sequence[Row], keys: tuple[str, str, str]) -> str:
    """Metrics down, edits across; edits without any value are left out."""
    edits = [
        edit
        for edit in unique(rows, "edit")
        if any(row[keys[0]] is not None for row in rows if row["edit"] == edit)
    ]
    sizes = {edit: max(row["n"] for row in rows if row["edit"] == edit) for edit in edits}
    cells = {(row["metric"], row["edit"]): row for row in rows}
    body = [
        [name(metric)]
        + [span(*(cells[metric, edit][key] for key in keys), digits=2) for edit in edits]
        for metric in unique(rows, "metric")
    ]
    header = [f"{EDITS.get(edit, edit)} (n = {number(sizes[edit], 0)})" for edit in edits]
    return table(["Metric", *header], body)
