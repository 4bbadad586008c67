"""How does the report show agreement with the truth? Always beside the controls."""

from quals.analysis.comparison import POPULATIONS
from quals.analysis.findings import Findings
from quals.analysis.formatting import name, number, span, table, unique
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
        "![QUALS of consistent and inconsistent summaries](quals_by_truth.png)",
    ]
    for benchmark in unique(found.agreement, "benchmark"):
        parts.append(f"### {benchmark}")
        parts.append(_correlations(_of(found.agreement, benchmark)))
        sources = _of(found.by_source, benchmark)
        parts += [_sources(sources), _controls(sources)]
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
