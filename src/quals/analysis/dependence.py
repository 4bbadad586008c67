"""Is one metric ahead of another on the same items, and what is left of it beside copying?

Two metrics that are held against one truth share it, and their items, so their correlations depend
on each other. The primary p value swaps the two metrics' scores document by document; Williams'
test stands beside it. Arrays are over items, `members` and `counts` as in `correlation`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from quals.analysis.correlation import Correlation, Statistic, constant
from quals.analysis.statistics import BLOCK

NO_SPREAD = 1e-9  # below it a correlation is one, and nothing is left to explain


class Williams(NamedTuple):
    """Williams' t with its degrees of freedom and two-sided p; None where it does not exist."""

    t: float | None
    degrees: int
    p: float | None


def williams(first: float, second: float, between: float, *, n: int) -> Williams:
    """Test that two variables correlate equally with a third: first = r12, second = r13.

    t = (r12 - r13) sqrt((n - 1)(1 + r23) / (2 (n - 1) / (n - 3) |R| + m^2 (1 - r23)^3)), where |R|
    = 1 - r12^2 - r13^2 - r23^2 + 2 r12 r13 r23, m is the mean of r12 and r13, and t has n - 3
    degrees of freedom (Williams 1959, as equation 7 of Steiger 1980, Psychological Bulletin 87).
    It takes items as independent and normal. Several summaries of one document, and truths that
    are 0 or 1, are neither: read `swap_p` first. None where the two are one variable or n < 4.
    Raises `ValueError` for values that no three variables can have.
    """
    determinant = 1 - first**2 - second**2 - between**2 + 2 * first * second * between
    if determinant < -NO_SPREAD:
        raise ValueError(f"no variables correlate by {first}, {second} and {between}")
    if n < 4 or not abs(between) <= 1 - NO_SPREAD or not np.isfinite(determinant):
        return Williams(None, n - 3, None)
    level = ((first + second) / 2) ** 2
    below = 2 * (n - 1) / (n - 3) * max(determinant, 0.0) + level * (1 - between) ** 3
    if below < NO_SPREAD:
        return Williams(None, n - 3, None)
    t = (first - second) * ((n - 1) * (1 + between) / below) ** 0.5
    return Williams(float(t), n - 3, float(2 * student.sf(abs(t), n - 3)))


def swap_p(
    first: np.ndarray,
    second: np.ndarray,
    truth: np.ndarray,
    *,
    members: np.ndarray,
    permutations: int,
    seed: int,
) -> float | None:
    """Two-sided p that two metrics have the same Pearson correlation with the truth.

    If the metrics are alike, their scores may be exchanged in any document without notice. Each
    is brought to mean 0 and variance 1 first, for their units differ, and all items of a document
    are swapped together (the swap of Deutsch, Dror and Roth 2021, over documents). For Spearman
    hand in ranks. Exact while 2^documents <= `permutations`, else that many random swaps with
    (1 + hits) / (1 + swaps). None where a metric or the truth is constant.
    """
    if constant(first) or constant(second) or constant(truth):
        return None
    one, other, target = (_standardised(values) for values in (first, second, truth))
    middle, apart = (one + other) / 2, one - other
    _, documents = np.unique(members, return_inverse=True)
    sums = np.stack(
        [np.bincount(documents, part) for part in (apart, middle * apart, apart * target)], axis=1
    )
    sums = sums[(np.abs(sums) > NO_SPREAD).any(axis=1)]
    fixed = (float(middle @ target), float(middle @ middle + apart @ apart / 4), len(truth))
    observed = _lead(np.ones((1, len(sums))), sums, *fixed)[0]
    exact = 2 ** len(sums) <= permutations
    patterns = _all_signs(len(sums)) if exact else _signs(len(sums), permutations, seed)
    # Not "at least as far": a lead that does not exist (NaN) must count as far.
    nearer = sum(
        int((np.abs(_lead(block, sums, *fixed)) < abs(observed) - NO_SPREAD).sum())
        for block in patterns
    )
    if exact:
        return 1 - nearer / 2 ** len(sums)
    return (1 + permutations - nearer) / (1 + permutations)


def _lead(
    signs: np.ndarray, sums: np.ndarray, shared: float, squares: float, items: int
) -> np.ndarray:
    """r of the first minus r of the second metric for each pattern of swaps: (patterns,).

    With s = 1 or -1 in each document, the metrics are middle + s apart / 2 and middle - s apart /
    2: every sum in their correlations is linear in s. Means are 0 and the truth's variance is 1.
    """
    apart, product, target = (signs @ sums).T
    means = (apart / 2) ** 2 / items
    spreads = np.stack([squares + product - means, squares - product - means])
    leads = np.stack([shared + target / 2, shared - target / 2])
    none = np.full(leads.shape, np.nan)
    ratios = np.divide(leads, np.sqrt(spreads.clip(0)), out=none, where=spreads > NO_SPREAD)
    return (ratios[0] - ratios[1]) / items**0.5


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0, variance 1."""
    moved = values - values.mean()
    return moved / moved.std()


def _all_signs(count: int) -> Iterator[np.ndarray]:
    """Every pattern of +1 and -1, as one block (2^count, count)."""
    yield 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)


def _signs(count: int, patterns: int, seed: int) -> Iterator[np.ndarray]:
    """Random patterns of +1 and -1 in blocks of (at most BLOCK, count)."""
    random = np.random.default_rng(seed)
    for start in range(0, patterns, BLOCK):
        yield 1.0 - 2.0 * random.integers(0, 2, size=(min(BLOCK, patterns - start), count))


def partial(xy: np.ndarray, xz: np.ndarray, yz: np.ndarray) -> np.ndarray:
    """Correlation of x and y at a fixed z, from the three plain ones (Yule 1907).

    Of Pearson's r, it is that of the residuals of x and y after regression on z; of Spearman's
    rho, that of the residuals of ranks. NaN where z determines x or y.
    """
    left = (1 - xz**2) * (1 - yz**2)
    none = np.full(np.shape(left), np.nan)
    found = np.divide(xy - xz * yz, np.sqrt(np.maximum(left, 0)), out=none, where=left > NO_SPREAD)
    return found.clip(-1, 1)


def given(correlation: Correlation, control: np.ndarray) -> Statistic:
    """A correlation at a fixed value of the control."""

    def fixed(x: np.ndarray, y: np.ndarray, members: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return partial(*correlation.pairs((x, y, control), members, counts))

    return fixed


def ahead_of(statistic: Statistic, other: np.ndarray) -> Statistic:
    """How far x is ahead of another metric in a statistic with y, on the same resamples."""

    def lead(x: np.ndarray, y: np.ndarray, members: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return statistic(x, y, members, counts) - statistic(other, y, members, counts)

    return lead
