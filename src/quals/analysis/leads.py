"""Which metrics is QUALS ahead of, and what does a metric know beside copying? Rows of a file."""

from collections.abc import Mapping, Sequence

import numpy as np

from quals.analysis import correlation
from quals.analysis.agreement import SWAPPED, Items, collect, document_draws
from quals.analysis.dependence import Williams, ahead_of, given, swap_p, williams
from quals.analysis.statistics import Interval, holm
from quals.jsonl import Row

CONTROLS = ("copy1", "copy2", "copy3")
STATISTICS = {
    "pearson": correlation.weighted_pearson,
    "spearman": correlation.weighted_spearman,
}


def dependence(
    benchmarks: Mapping[str, Sequence[Row]],
    *,
    resamples: int,
    permutations: int,
    seed: int,
    level: float,
) -> dict[str, list[Row]]:
    """Both tables over the items of `agreement_rows`: swapped summaries stay out.

    Holm's family is every p of `leads`: QUALS against each other metric on each benchmark.
    """
    partials: list[Row] = []
    leads: list[Row] = []
    for benchmark, items in benchmarks.items():
        kept = [item for item in items if item["source"] != SWAPPED]
        if not kept:
            continue
        table = collect(kept)
        counts = document_draws(table, resamples=resamples, seed=seed)
        partials += partial_rows(benchmark, table, counts, level=level)
        leads += lead_rows(
            benchmark, table, counts, permutations=permutations, seed=seed, level=level
        )
    adjusted = holm([row["p"] for row in leads])
    leads = [{**row, "p_holm": p} for row, p in zip(leads, adjusted, strict=True)]
    return {"partial": partials, "leads": leads}


def partial_rows(benchmark: str, table: Items, counts: np.ndarray, *, level: float) -> list[Row]:
    """One row per metric and copy rate: the metric's correlation with the truth at a fixed rate."""
    rows = []
    controls = [control for control in CONTROLS if control in table.scores]
    pairs = [(metric, control) for metric in table.scores for control in controls]
    for metric, control in [pair for pair in pairs if pair[0] != pair[1]]:
        scored = table.scored(metric, control)
        row: Row = {"benchmark": benchmark, "metric": metric, "control": control}
        row["n"] = len(scored.truth)
        for name, statistic in STATISTICS.items():
            found = correlation.with_interval(
                given(statistic, scored.scores[control]),
                scored.scores[metric],
                scored.truth,
                members=scored.documents,
                counts=counts,
                level=level,
            )
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return rows


def lead_rows(
    benchmark: str,
    table: Items,
    counts: np.ndarray,
    *,
    permutations: int,
    seed: int,
    level: float,
    ours: str = "quals",
) -> list[Row]:
    """One row per other metric: Pearson's r of QUALS minus its r, over the items that both score.

    The sign counts: a metric that ranks the wrong way round is behind, however strongly it does.
    """
    rows = []
    for metric in [metric for metric in table.scores if metric != ours and ours in table.scores]:
        both = table.scored(ours, metric)
        first, second, truth = both.scores[ours], both.scores[metric], both.truth
        found, beside = Interval(None, None, None), Williams(None, len(truth) - 3, None)
        p = None
        if not any(map(correlation.constant, (first, second, truth))):
            found = correlation.with_interval(
                ahead_of(correlation.weighted_pearson, second),
                first,
                truth,
                members=both.documents,
                counts=counts,
                level=level,
            )
            p = swap_p(
                first, second, truth, members=both.documents, permutations=permutations, seed=seed
            )
            r = [
                correlation.point(correlation.weighted_pearson, *pair)
                for pair in ((first, truth), (second, truth), (first, second))
            ]
            beside = williams(*r, n=len(truth))
        rows.append(
            {
                "benchmark": benchmark,
                "metric": ours,
                "against": metric,
                "n": len(truth),
                "difference": found.value,
                "low": found.low,
                "high": found.high,
                "p": p,
                "williams_t": beside.t,
                "williams_p": beside.p,
            }
        )
    return rows
