"""How well do scores follow a truth? Pearson, Spearman, Kendall, AUC, resampled by document.

`members` gives the document of each item and `counts`, of shape (documents, resamples), how often a
document is in a resample: all items of a document come and go together.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import kendalltau

from quals.analysis.statistics import BLOCK, Interval, interval

Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def weighted_auc(
    scores: np.ndarray, positive: np.ndarray, members: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Chance that a positive item outscores a negative one, ties half, per resample.

    NaN where a resample has no positive or no negative item.
    """
    order = np.argsort(scores, kind="stable")
    order = order[~positive[order]]
    negatives = counts[members[order]]
    below = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(negatives, axis=0)])
    left = np.searchsorted(scores[order], scores[positive], side="left")
    right = np.searchsorted(scores[order], scores[positive], side="right")
    positives = counts[members[positive]]
    wins = np.einsum("ir,ir->r", positives, below[left])
    if (left != right).any():
        wins = (wins + np.einsum("ir,ir->r", positives, below[right])) / 2
    pairs = positives.sum(axis=0) * below[-1]
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def weighted_pearson(
    x: np.ndarray, y: np.ndarray, members: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Pearson's r per resample; NaN where x or y is constant."""
    return _pearson(x[:, None], y[:, None], counts[members])


def weighted_spearman(
    x: np.ndarray, y: np.ndarray, members: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Spearman's rho per resample, ranks taken anew in each; NaN where x or y is constant."""
    weights = counts[members]
    return _pearson(midranks(x, weights), midranks(y, weights), weights)


def midranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks from 1 in each resample, ties sharing their mean rank: weights (items, resamples)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(weights[order], starts, axis=0)
    return (np.cumsum(sizes, axis=0) - (sizes - 1) / 2)[group]


def _pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r per column of weights (items, resamples)."""
    total = weights.sum(axis=0)
    dx = x - (weights * x).sum(axis=0) / total
    dy = y - (weights * y).sum(axis=0) / total
    weighted = weights * dx
    spread = np.sqrt((weighted * dx).sum(axis=0) * (weights * dy * dy).sum(axis=0))
    smallest = 1e-12 * total * np.abs(x).max() * np.abs(y).max()  # below it: rounding, no spread
    none = np.full(len(total), np.nan)
    r = np.divide((weighted * dy).sum(axis=0), spread, out=none, where=spread > smallest)
    return r.clip(-1, 1)


def point(statistic: Statistic, x: np.ndarray, y: np.ndarray) -> float:
    """The statistic of the items as they are, each once; NaN where it does not exist."""
    return float(statistic(x, y, np.zeros(len(x), dtype=int), np.ones((1, 1)))[0])


def replicates(
    statistic: Statistic, x: np.ndarray, y: np.ndarray, *, members: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The statistic of every resample, in blocks that bound the memory."""
    starts = range(0, counts.shape[1], BLOCK)
    parts = [
        statistic(x, y, members, np.ascontiguousarray(counts[:, start : start + BLOCK], float))
        for start in starts
    ]
    return np.concatenate(parts)


def with_interval(
    statistic: Statistic,
    x: np.ndarray,
    y: np.ndarray,
    *,
    members: np.ndarray,
    counts: np.ndarray,
    level: float,
) -> Interval:
    """The statistic with its document-bootstrap interval; None where x or y is constant."""
    if constant(x) or constant(y):
        return Interval(None, None, None)
    resampled = replicates(statistic, x, y, members=members, counts=counts)
    return interval(point(statistic, x, y), resampled, level=level)


def spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman's rho; None where x or y is constant."""
    return None if constant(x) or constant(y) else point(weighted_spearman, x, y)


def kendall(x: np.ndarray, y: np.ndarray) -> float | None:
    """Kendall's tau-b; None where x or y is constant."""
    return None if constant(x) or constant(y) else float(kendalltau(x, y).statistic)


def constant(values: np.ndarray) -> bool:
    """Whether fewer than two different values are there."""
    return not len(values) or bool((values == values[0]).all())
