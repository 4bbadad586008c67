"""How does the report show agreement with the truth? Always beside the controls."""

from quals.analysis.comparison import POPULATIONS
from quals.analysis.findings import Findings
from quals.analysis.formatting import MISSING, name, number, span, table, unique
from quals.jsonl import Row


def section(found: Findings) -> str:
    """Agreement per benchmark, by source and by kind of error; empty without benchmarks."""
    if not found.agreement:
        return ""
    parts = [
        "## Agreement with the truth",
        "AUC: the chance that a consistent summary scores higher than an inconsistent one (0.5 is "
        "chance; below it, the metric prefers the inconsistent). Intervals resample documents with "
        "all their summaries. Copy rates, length and likelihood are controls: a metric that does "
        "not beat them has not shown that it checks facts. ROUGE is taken against the document "
        "here, as references are among the summaries.",
        "Two measures are compared by swapping their scores document by document, which gives the "
        "p value; Holm's family is QUALS against every other measure on all benchmarks. Williams' "
        "test takes summaries as independent and normal, which they are not; it stands here for "
        "comparison with other work.",
        "![QUALS of consistent and inconsistent summaries](quals_by_truth.png)",
    ]
    for benchmark in unique(found.agreement, "benchmark"):
        parts.append(f"### {benchmark}")
        parts.append(_correlations(_of(found.agreement, benchmark)))
        sources = _of(found.by_source, benchmark)
        parts += [_sources(sources), _controls(sources)]
        parts += _leads(_of(found.dependence["leads"], benchmark))
        parts += _partial(_of(found.dependence["partial"], benchmark))
        errors = _of(found.agreement_errors, benchmark)
        if errors:
            parts.append(_by_error(errors))
    return "\n\n".join(parts)


def _of(rows: list[Row], benchmark: str) -> list[Row]:
    return [row for row in rows if row["benchmark"] == benchmark]


def _correlations(rows: list[Row]) -> str:
    header = ["Metric", "n", "Undefined", "AUC", "Pearson", "Spearman", "Kendall's tau-b"]
    cells = [
        [
            name(row["metric"]),
            str(row["n"]),
            str(row["undefined"]),
            span(row["auc"], row["auc_low"], row["auc_high"]),
            span(row["pearson"], row["pearson_low"], row["pearson_high"]),
            number(row["spearman"]),
            number(row["kendall"]),
        ]
        for row in rows
    ]
    return table(header, cells)


def _sources(rows: list[Row]) -> str:
    """AUC within each population, with QUALS's lead over the metric."""
    populations = unique(rows, "population")
    header = ["Metric"]
    for population in populations:
        row = next(row for row in rows if row["population"] == population)
        size = f"{row['consistent']} of {row['n']} consistent"
        header += [f"AUC, {population} ({size})", "QUALS minus this"]
    body = []
    for metric in unique(rows, "metric"):
        cells = [name(metric)]
        for population in populations:
            row = _row(rows, population, metric)
            cells.append(span(row["auc"], row["auc_low"], row["auc_high"]))
            cells.append(
                span(row["quals_ahead"], row["quals_ahead_low"], row["quals_ahead_high"], sign="+")
            )
        body.append(cells)
    return "Within each kind of summary:\n\n" + table(header, body)


def _row(rows: list[Row], population: str, metric: str) -> Row:
    return next(r for r in rows if (r["population"], r["metric"]) == (population, metric))


def _controls(rows: list[Row]) -> str:
    """Which metrics QUALS does not beat, in words."""
    sentences = []
    for population in POPULATIONS:
        compared = [
            row
            for row in rows
            if row["population"] == population and row["quals_ahead_low"] is not None
        ]
        if not compared:
            continue
        unbeaten = [name(row["metric"]) for row in compared if row["quals_ahead_low"] <= 0]
        ahead = len(compared) - len(unbeaten)
        rest = f"; not of {', '.join(unbeaten)}" if unbeaten else ""
        sentences.append(
            f"On {population}, QUALS is ahead of {ahead} of {len(compared)} other measures "
            f"(interval above zero){rest}."
        )
    return " ".join(sentences) or "QUALS cannot be compared with the other measures here."


def _leads(rows: list[Row]) -> list[str]:
    """QUALS against each other metric in Pearson's r, with both tests; nothing without QUALS."""
    if not rows:
        return []
    header = ["Metric", "n", "QUALS minus this (Pearson)", "p", "Holm's p", "Williams' p"]
    cells = [
        [
            name(row["against"]),
            str(row["n"]),
            span(row["difference"], row["low"], row["high"], sign="+"),
            *(_p(row[key]) for key in ("p", "p_holm", "williams_p")),
        ]
        for row in rows
    ]
    return [
        "QUALS against each other measure, on the summaries that both score:",
        table(header, cells),
    ]


def _p(value: float | None) -> str:
    """A p value; none is zero, however many digits are shown."""
    return "< 0.0001" if value is not None and value < 5e-5 else number(value, 4)


def _partial(rows: list[Row]) -> list[str]:
    """Correlation with the truth at a fixed copy rate; nothing where no copy rate is scored."""
    if not rows:
        return []
    controls = unique(rows, "control")
    cells = {(row["metric"], row["control"]): row for row in rows}
    body = [
        [name(metric)]
        + [
            MISSING
            if (row := cells.get((metric, control))) is None
            else span(*(row[key] for key in (kind, f"{kind}_low", f"{kind}_high")), digits=2)
            for kind in ("pearson", "spearman")
            for control in controls
        ]
        for metric in unique(rows, "metric")
    ]
    header = [
        f"{kind}, {name(control).lower()}"
        for kind in ("Pearson", "Spearman")
        for control in controls
    ]
    text = "Correlation with the truth at a fixed share of copied text (partial correlation):"
    return [text, table(["Metric", *header], body)]


def _by_error(rows: list[Row]) -> str:
    kinds = unique(rows, "error")
    sizes = {kind: max(row["n"] for row in rows if row["error"] == kind) for kind in kinds}
    header = ["Metric", *(f"{kind} (n = {sizes[kind]})" for kind in kinds)]
    cells = {(row["metric"], row["error"]): row for row in rows}
    body = [
        [name(metric)]
        + [
            span(*(cells[metric, kind][key] for key in ("auc", "auc_low", "auc_high")), digits=2)
            for kind in kinds
        ]
        for metric in unique(rows, "metric")
    ]
    return "AUC of all consistent summaries against one kind of error:\n\n" + table(header, body)
