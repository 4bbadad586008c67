"""How well does each metric agree with the truth? Correlations and AUC, per benchmark.

An item is {"id", "document_id", "truth", "error", "source", "scores"}. AUC is the chance that a
consistent item outscores an inconsistent one; a truth between 0 and 1 counts as consistent above
0.5. Higher is read as more consistent for every metric, so an AUC below 0.5 means the opposite.
Intervals resample documents with replacement, with all their items. Benchmarks are never pooled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quals.analysis import correlation
from quals.analysis.statistics import draw_counts
from quals.jsonl import Row

METRICS = (
    *("quals", "qags", "factcc", "rouge1", "rouge2", "rougeL"),
    *("copy1", "copy2", "copy3", "length", "likelihood", "likelihood_explained"),
)
ERRORS = ("extrinsic", "entity", "role", "number", "date", "negation", "unparsed")
REFERENCE, SWAPPED = "reference", "swapped"  # sources of items that no summarizer wrote


class Items(NamedTuple):
    """The items of one benchmark as arrays over items; NaN = no score."""

    truth: np.ndarray
    documents: np.ndarray  # number of the item's document
    errors: np.ndarray  # "" = none
    sources: np.ndarray  # "reference", "swapped" (given an intrinsic error) or a method's name
    scores: dict[str, np.ndarray]

    def only(self, chosen: np.ndarray) -> "Items":
        """The items that a mask chooses; documents keep their numbers."""
        scores = {metric: values[chosen] for metric, values in self.scores.items()}
        parts = (self.truth, self.documents, self.errors, self.sources)
        return Items(*(part[chosen] for part in parts), scores)

    def scored(self, *metrics: str) -> "Items":
        """The items that have a score under all the metrics."""
        return self.only(~np.isnan([self.scores[metric] for metric in metrics]).any(axis=0))

    @property
    def of_systems(self) -> np.ndarray:
        """Whether a summarizer wrote the item."""
        return ~np.isin(self.sources, (REFERENCE, SWAPPED))

    @property
    def consistent(self) -> np.ndarray:
        """Whether the truth is above 0.5."""
        return self.truth > 0.5


def collect(items: Sequence[Row]) -> Items:
    """The items as arrays, in the order of METRICS, other metrics after them by name."""
    if not items:
        raise ValueError("a benchmark needs at least one item")
    found = {metric for item in items for metric in item["scores"]}
    metrics = [metric for metric in METRICS if metric in found]
    metrics += sorted(found.difference(METRICS))
    _, documents = np.unique([str(item["document_id"]) for item in items], return_inverse=True)
    return Items(
        np.array([float(item["truth"]) for item in items]),
        documents,
        np.array([item["error"] or "" for item in items]),
        np.array([item["source"] for item in items]),
        {
            metric: np.array([_number(item["scores"].get(metric)) for item in items])
            for metric in metrics
        },
    )


def agreement_rows(
    benchmark: str,
    items: Sequence[Row],
    *,
    resamples: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Row]:
    """One row per metric: its correlations and AUC with the truth; None where degenerate.

    Swapped items stay out: they are made to show each kind of error, not as they occur.
    """
    items = [item for item in items if item["source"] != SWAPPED]
    table = collect(items)
    counts = document_draws(table, resamples=resamples, seed=seed)
    rows = []
    for metric in table.scores:
        scored = table.scored(metric)
        scores = scored.scores[metric]
        fixed = {"members": scored.documents, "counts": counts, "level": level}
        pearson = correlation.with_interval(
            correlation.weighted_pearson, scores, scored.truth, **fixed
        )
        auc = correlation.with_interval(
            correlation.weighted_auc, scores, scored.consistent, **fixed
        )
        rows.append(
            {
                "benchmark": benchmark,
                "metric": metric,
                "n": len(scores),
                "undefined": len(items) - len(scores),
                "pearson": pearson.value,
                "pearson_low": pearson.low,
                "pearson_high": pearson.high,
                "spearman": correlation.spearman(scores, scored.truth),
                "kendall": correlation.kendall(scores, scored.truth),
                "auc": auc.value,
                "auc_low": auc.low,
                "auc_high": auc.high,
            }
        )
    return rows


def agreement_by_error(
    benchmark: str,
    items: Sequence[Row],
    *,
    resamples: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Row]:
    """One row per metric and kind of error: AUC of all consistent items against that kind.

    `n` counts the items of the kind and `consistent` the others, both with a score.
    """
    table = collect(items)
    counts = document_draws(table, resamples=resamples, seed=seed)
    rows = []
    for error in [error for error in ERRORS if error in table.errors]:
        chosen = table.only(table.consistent | (table.errors == error))
        for metric in table.scores:
            scored = chosen.scored(metric)
            auc = correlation.with_interval(
                correlation.weighted_auc,
                scored.scores[metric],
                scored.consistent,
                members=scored.documents,
                counts=counts,
                level=level,
            )
            consistent = int(scored.consistent.sum())
            rows.append(
                {
                    "benchmark": benchmark,
                    "metric": metric,
                    "error": error,
                    "n": len(scored.truth) - consistent,
                    "consistent": consistent,
                    "auc": auc.value,
                    "auc_low": auc.low,
                    "auc_high": auc.high,
                }
            )
    return rows


def document_draws(table: Items, *, resamples: int, seed: int) -> np.ndarray:
    """How often each document is in each resample: (documents, resamples)."""
    documents = int(table.documents.max()) + 1
    return draw_counts(documents, documents, resamples=resamples, seed=seed).T


def _number(value: object) -> float:
    """A score as a number, NaN where there is none."""
    return float("nan") if value is None else float(value)
