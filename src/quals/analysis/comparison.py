"""How do the metrics compare with QUALS? AUC beside each other, QUALS with QAGS, QUALS by truth."""

from collections.abc import Sequence

import numpy as np

from quals.analysis import correlation
from quals.analysis.agreement import REFERENCE, SWAPPED, Items, collect, document_draws
from quals.analysis.statistics import Interval, interval
from quals.jsonl import Row

REFERENCES, SWAPS, SYSTEMS = "references", "references and swaps", "system outputs"
POPULATIONS = (REFERENCES, SWAPS, SYSTEMS)
BINS = 40


def auc_by_source(
    benchmark: str, items: Sequence[Row], *, resamples: int, seed: int, level: float
) -> list[Row]:
    """AUC per metric and population, and QUALS's AUC minus it, on the same resampled documents.

    References as they come stand apart from outputs of systems, because in a pool of both a metric
    can score by telling people's writing from a model's. The third population sets consistent
    references against swaps, summaries that were given an intrinsic error each.
    """
    table = collect(items)
    counts = document_draws(table, resamples=resamples, seed=seed)
    rows = []
    reference = table.sources == REFERENCE
    swaps = (table.sources == SWAPPED) | (reference & table.consistent)
    masks = (reference, swaps, table.of_systems)
    for population, chosen in zip(POPULATIONS, masks, strict=True):
        if not chosen.any():
            continue
        aucs = _Aucs(table.only(chosen), counts)
        for metric in table.scores:
            size, value, replicates = aucs.of(metric)
            auc = interval(value, replicates, level=level)
            ahead = Interval(None, None, None)
            if auc.value is not None and metric != "quals" and "quals" in table.scores:
                _, first, of_quals = aucs.of("quals", metric)
                _, second, of_metric = aucs.of(metric, "quals")
                ahead = interval(first - second, of_quals - of_metric, level=level)
            rows.append(
                {
                    "benchmark": benchmark,
                    "population": population,
                    "metric": metric,
                    "n": len(size),
                    "consistent": int(size.sum()),
                    "auc": auc.value,
                    "auc_low": auc.low,
                    "auc_high": auc.high,
                    "quals_ahead": ahead.value,
                    "quals_ahead_low": ahead.low,
                    "quals_ahead_high": ahead.high,
                }
            )
    return rows


class _Aucs:
    """AUCs of one population with their replicates, each resampled once."""

    def __init__(self, part: Items, counts: np.ndarray) -> None:
        self.part = part
        self.counts = counts
        self.known: dict[tuple[str, bytes], tuple[np.ndarray, float, np.ndarray]] = {}

    def of(self, metric: str, beside: str | None = None) -> tuple[np.ndarray, float, np.ndarray]:
        """Which items are consistent, the metric's AUC and its replicates (NaN if degenerate).

        `beside` leaves only items that this other metric scores as well.
        """
        wanted = [self.part.scores[name] for name in (metric, beside) if name is not None]
        mask = ~np.isnan(wanted).any(axis=0)
        key = (metric, mask.tobytes())
        if key not in self.known:
            self.known[key] = self._compute(metric, self.part.only(mask))
        return self.known[key]

    def _compute(self, metric: str, part: Items) -> tuple[np.ndarray, float, np.ndarray]:
        scores, consistent = part.scores[metric], part.consistent
        if correlation.constant(scores) or correlation.constant(consistent):
            return consistent, float("nan"), np.array([np.nan])
        statistic = correlation.weighted_auc
        return (
            consistent,
            correlation.point(statistic, scores, consistent),
            correlation.replicates(
                statistic, scores, consistent, members=part.documents, counts=self.counts
            ),
        )


def metric_correlation(
    items: Sequence[Row],
    first: str,
    second: str,
    *,
    systems_only: bool,
    resamples: int,
    seed: int,
    level: float,
) -> tuple[Interval, int]:
    """Spearman's rho between two metrics over the items that both score, and their number."""
    table = collect(items)
    if first not in table.scores or second not in table.scores:
        return Interval(None, None, None), 0
    counts = document_draws(table, resamples=resamples, seed=seed)
    both = table.scored(first, second)
    if systems_only:
        both = both.only(both.of_systems)
    rho = correlation.with_interval(
        correlation.weighted_spearman,
        both.scores[first],
        both.scores[second],
        members=both.documents,
        counts=counts,
        level=level,
    )
    return rho, len(both.truth)


def histogram(benchmark: str, items: Sequence[Row]) -> list[Row]:
    """QUALS of consistent and of inconsistent items, counted in the same bins: two rows.

    The bins span the middle 98 % of all scores; what lies outside is counted in the end bins.
    """
    table = collect(items)
    if "quals" not in table.scores:
        return []
    scored = table.scored("quals")
    scored = scored.only(scored.sources != SWAPPED)
    scores = scored.scores["quals"]
    if not len(scores):
        return []
    low, high = np.quantile(scores, [0.01, 0.99])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    inside = scores.clip(edges[0], edges[-1])
    return [
        {
            "benchmark": benchmark,
            "consistent": consistent,
            "edges": edges.tolist(),
            "counts": np.histogram(inside[scored.consistent == consistent], edges)[0].tolist(),
        }
        for consistent in (True, False)
    ]


def typical(benchmark: str, items: Sequence[Row]) -> list[Row]:
    """QUALS of consistent and of inconsistent references and outputs: median, 10 and 90 %."""
    table = collect(items)
    if "quals" not in table.scores:
        return []
    table = table.only(table.sources != SWAPPED)
    rows = []
    for consistent in (True, False):
        scores = table.scores["quals"][table.consistent == consistent]
        known = scores[~np.isnan(scores)]
        tenth, median, ninetieth = (
            np.quantile(known, [0.1, 0.5, 0.9]).tolist() if len(known) else (None, None, None)
        )
        rows.append(
            {
                "benchmark": benchmark,
                "consistent": consistent,
                "n": len(scores),
                "undefined": len(scores) - len(known),
                "p10": tenth,
                "median": median,
                "p90": ninetieth,
            }
        )
    return rows
