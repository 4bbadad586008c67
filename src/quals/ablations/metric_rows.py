"""How well does each variant of QUALS follow the truth? AUC and Pearson's r over seeds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from quals.ablations.rows import row
from quals.ablations.variants import MetricVariant
from quals.analysis import correlation
from quals.analysis.statistics import Draws, Interval, interval
from quals.jsonl import Row

Estimate = tuple[float, np.ndarray]  # a statistic and its replicates, NaN where it does not exist


class Judged(NamedTuple):
    """Some of the summaries: their truth, the number of their document, their place among all."""

    truth: np.ndarray
    documents: np.ndarray
    places: np.ndarray


def metric_rows(
    dataset: str,
    variants: Sequence[MetricVariant],
    scores: np.ndarray,
    of_seeds: Sequence[Judged],
    swaps: Judged,
    *,
    base: int,
    draws: Draws,
    level: float,
) -> list[Row]:
    """All rows of a corpus: `scores` (variants, summaries), NaN = undefined; `base` is a variant.

    `auc` and `pearson` are of references and one seed's outputs, as in `agreement.json`, and the
    mean over seeds; `auc_swaps` of consistent references against swaps, which have no seed.
    `auc_change` is the difference from the base on the same resampled documents and seeds, over
    the items that both score. `undefined` is the share of items without a score.
    """
    rows = []
    for variant, own in zip(variants, scores, strict=True):
        undefined = np.mean([np.isnan(own[judged.places]).mean() for judged in of_seeds])
        found = {
            "auc": interval(*_over_seeds(_auc, own, of_seeds, draws), level=level),
            "pearson": interval(*_over_seeds(_pearson, own, of_seeds, draws), level=level),
            "auc_swaps": interval(*_auc(own, swaps, draws), level=level),
            "undefined": Interval(float(undefined), None, None),
        }
        if variant.settings != variants[base].settings:
            found["auc_change"] = interval(
                *_change(own, scores[base], of_seeds, draws), level=level
            )
        for metric, value in found.items():
            seeds = 1 if metric == "auc_swaps" else len(of_seeds)
            rows.append(row(variant.ablation, variant.setting, dataset, metric, value, seeds))
    return rows


def _change(
    own: np.ndarray, base: np.ndarray, of_seeds: Sequence[Judged], draws: Draws
) -> Estimate:
    """AUC of a variant minus the base's over the items that both score."""
    neither = np.isnan(own) | np.isnan(base)
    pair = [np.where(neither, np.nan, scores) for scores in (own, base)]
    (first, resampled), (second, of_base) = (
        _over_seeds(_auc, scores, of_seeds, draws) for scores in pair
    )
    return first - second, resampled - of_base


def _over_seeds(
    statistic: Callable[[np.ndarray, Judged, Draws], Estimate],
    scores: np.ndarray,
    of_seeds: Sequence[Judged],
    draws: Draws,
) -> Estimate:
    """The mean over seeds, in each resample of the seeds that it drew."""
    found = [statistic(scores, judged, draws) for judged in of_seeds]
    replicates = np.stack([resampled for _, resampled in found])
    weights = draws.seeds.T.astype(float)
    # A seed that a resample did not draw must not spoil it where its statistic does not exist.
    weighed = np.where(weights > 0, replicates, 0.0) * weights
    mean = float(np.mean([value for value, _ in found]))
    return mean, weighed.sum(axis=0) / weights.sum(axis=0)


def _auc(scores: np.ndarray, judged: Judged, draws: Draws) -> Estimate:
    return _estimate(correlation.weighted_auc, scores, judged, judged.truth > 0.5, draws)


def _pearson(scores: np.ndarray, judged: Judged, draws: Draws) -> Estimate:
    return _estimate(correlation.weighted_pearson, scores, judged, judged.truth, draws)


def _estimate(
    statistic: correlation.Statistic,
    scores: np.ndarray,
    judged: Judged,
    truth: np.ndarray,
    draws: Draws,
) -> Estimate:
    own = scores[judged.places]
    known = ~np.isnan(own)
    x, y = own[known], truth[known]
    if correlation.constant(x) or correlation.constant(y):
        return float("nan"), np.full(len(draws.documents), np.nan)
    replicates = correlation.replicates(
        statistic, x, y, members=judged.documents[known], counts=draws.documents.T
    )
    return correlation.point(statistic, x, y), replicates
