"""How well do scores follow a truth? Pearson, Spearman, Kendall, AUC, resampled by document.

`members` gives the document of each item and `counts`, of shape (documents, resamples), how often a
document is in a resample: all items of a document come and go together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import kendalltau

from quals.analysis.statistics import BLOCK, Interval, interval

NO_SPREAD = 1e-13  # a variance below it is rounding
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


@dataclass(frozen=True)
class Correlation:
    """Pearson's r per resample, or Spearman's rho: that of `ranks`, taken anew in each resample.

    NaN where a column is constant.
    """

    ranks: bool

    def __call__(
        self, x: np.ndarray, y: np.ndarray, members: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        return next(self.pairs((x, y), members, counts))

    def pairs(
        self, columns: Sequence[np.ndarray], members: np.ndarray, counts: np.ndarray
    ) -> Iterator[np.ndarray]:
        """The correlation of every two columns (items,) in order: 0 and 1, 0 and 2, 1 and 2."""
        weights = counts[members]
        found = _rank_products if self.ranks else _products
        products = found(columns, weights)
        for i, j in combinations(range(len(columns)), 2):
            vary = np.minimum(products[i, i], products[j, j]) > NO_SPREAD
            spread = np.sqrt((products[i, i] * products[j, j]).clip(0))
            none = np.full(len(spread), np.nan)
            yield np.divide(products[i, j], spread, out=none, where=vary).clip(-1, 1)


weighted_pearson = Correlation(ranks=False)
weighted_spearman = Correlation(ranks=True)

Products = dict[tuple[int, int], np.ndarray]


def _products(columns: Sequence[np.ndarray], weights: np.ndarray) -> Products:
    """Mean products (resamples,) of every two columns about their means, as one matrix product.

    Columns come in units of their largest distance from the mean, so that rounding is about 1e-16.
    """
    moved = np.stack([_in_units(column - column.mean()) for column in columns])
    places = [(i, j) for i in range(len(columns)) for j in range(i, len(columns))]
    total = weights.sum(axis=0)
    means = moved @ weights / total
    squares = np.stack([moved[i] * moved[j] for i, j in places]) @ weights / total
    return {
        (i, j): product - means[i] * means[j]
        for (i, j), product in zip(places, squares, strict=True)
    }


def _rank_products(columns: Sequence[np.ndarray], weights: np.ndarray) -> Products:
    """The same of ranks, whose mean is known; in units of the number of items."""
    total = weights.sum(axis=0)
    ranks = [(midranks(column, weights) - (total + 1) / 2) / total for column in columns]
    weighted = [weights * rank for rank in ranks]
    return {
        (i, j): np.einsum("ir,ir->r", weighted[i], ranks[j]) / total
        for i in range(len(columns))
        for j in range(i, len(columns))
    }


def _in_units(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max()
    return values / largest if largest else values


def midranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks from 1 in each resample, ties sharing their mean rank: weights (items, resamples)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(weights[order], starts, axis=0)
    return (np.cumsum(sizes, axis=0) - (sizes - 1) / 2)[group]


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
