"""How do the intervals and tests behave where the truth is known? Simulated experiments.

Each function repeats an experiment `trials` times and gives a share: of intervals that hold the
truth, or of tests that reject at 5 % although nothing is there. Same seed, same share.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from quals.analysis import correlation, raters
from quals.analysis.dependence import ahead_of, given, partial, swap_p, williams
from quals.analysis.few_seeds import student_intervals
from quals.analysis.statistics import (
    Interval,
    draw,
    draw_counts,
    holm,
    interval,
    mean_intervals,
    sign_flip_p,
)

LEVEL, ALPHA = 0.95, 0.05
CHUNK = 100  # trials that are simulated at once and share their resamples
EASE = (0.2, 0.8)  # chance of a hit in a hard and in an easy document
GAIN = 0.04  # what one of two compared methods is truly ahead
SHARED = 0.5  # part of the variance of an item that its document has

World = Callable[[np.random.Generator, tuple[int, int, int], float], np.ndarray]
Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], Interval]


def outcomes(random: np.random.Generator, shape: tuple[int, int, int], spread: float) -> np.ndarray:
    """0/1 scores of a method, true mean 0.5: shape (trials, seeds, documents).

    `spread` is the standard deviation of the means of models that differ in their seed alone.
    """
    ease, shift = _effects(random, shape, spread)
    return (random.random(shape) < ease + shift).astype(float)


def gains(random: np.random.Generator, shape: tuple[int, int, int], spread: float) -> np.ndarray:
    """Differences of two methods' 0/1 scores on the same documents, true mean GAIN."""
    ease, shift = _effects(random, shape, spread)
    half = (GAIN + shift) / 2
    better, worse = random.random(shape) < ease + half, random.random(shape) < ease - half
    return better.astype(float) - worse


def ties(random: np.random.Generator, shape: tuple[int, int, int], spread: float) -> np.ndarray:
    """Like `gains`, of two methods that are equally good on average over seeds."""
    ease, shift = _effects(random, shape, spread)
    better, worse = random.random(shape) < ease + shift / 2, random.random(shape) < ease - shift / 2
    return better.astype(float) - worse


def _effects(
    random: np.random.Generator, shape: tuple[int, int, int], spread: float
) -> tuple[np.ndarray, np.ndarray]:
    trials, seeds, documents = shape
    ease = random.choice(EASE, (trials, 1, documents))
    return ease, random.normal(0, spread, (trials, seeds, 1))


def chunks(trials: int) -> list[int]:
    """Sizes of at most CHUNK that sum to `trials`."""
    return [min(CHUNK, trials - start) for start in range(0, trials, CHUNK)]


def mean_coverage(
    world: World,
    truth: float,
    *,
    seeds: int,
    documents: int,
    spread: float,
    trials: int,
    resamples: int,
    seed: int = 0,
) -> tuple[float, float]:
    """Shares of bootstrap and of Student intervals of a mean that hold it."""
    random = np.random.default_rng(seed)
    found: tuple[list[Interval], list[Interval]] = ([], [])
    for place, size in enumerate(chunks(trials)):
        values = world(random, (size, seeds, documents), spread)
        draws = draw(seeds, documents, resamples=resamples, seed=seed + place)
        found[0].extend(mean_intervals(values, draws, level=LEVEL))
        found[1].extend(student_intervals(values, level=LEVEL))
    return covered(found[0], truth), covered(found[1], truth)


def covered(intervals: Sequence[Interval], truth: float) -> float:
    """Share of the intervals that hold the truth; one that does not exist does not hold it."""
    held = [found.low is not None and found.low <= truth <= found.high for found in intervals]
    return float(np.mean(held))


def normal_items(
    random: np.random.Generator, matrix: np.ndarray, *, documents: int, each: int
) -> np.ndarray:
    """Normal variables with the given correlations: (variables, documents * each).

    Items of one document are alike: SHARED of every variable's variance is the document's.
    """
    size = len(matrix)
    common = np.repeat(random.normal(size=(size, documents)), each, axis=1)
    own = random.normal(size=(size, documents * each))
    return np.linalg.cholesky(matrix) @ (SHARED**0.5 * common + (1 - SHARED) ** 0.5 * own)


class Case(NamedTuple):
    """An estimate over normal items, with their correlations and the value to be found."""

    matrix: np.ndarray
    estimate: Estimate
    truth: float


def _plain(statistic: correlation.Statistic) -> Estimate:
    """The statistic of the first variable with the second, as the truth."""

    def estimate(columns: np.ndarray, members: np.ndarray, counts: np.ndarray) -> Interval:
        return correlation.with_interval(
            statistic, columns[0], columns[1], members=members, counts=counts, level=LEVEL
        )

    return estimate


def _auc(columns: np.ndarray, members: np.ndarray, counts: np.ndarray) -> Interval:
    signs = np.stack([columns[0], columns[1] > 0])
    return correlation.with_interval(
        lambda x, y, *rest: correlation.weighted_auc(x, y > 0, *rest),
        *signs,
        members=members,
        counts=counts,
        level=LEVEL,
    )


def _given(statistic: correlation.Correlation) -> Estimate:
    """The third variable is the control."""

    def estimate(columns: np.ndarray, members: np.ndarray, counts: np.ndarray) -> Interval:
        return _plain(given(statistic, columns[2]))(columns, members, counts)

    return estimate


def _lead(columns: np.ndarray, members: np.ndarray, counts: np.ndarray) -> Interval:
    """The third variable is the other metric."""
    lead = ahead_of(correlation.weighted_pearson, columns[2])
    return _plain(lead)(columns, members, counts)


def _people(columns: np.ndarray, members: np.ndarray, counts: np.ndarray) -> Interval:
    """All variables are raters."""
    found = raters.line(columns.T, members=members, counts=counts)
    return interval(found.value, found.replicates, level=LEVEL)


def _matrix(first: float, *others: float) -> np.ndarray:
    """Correlations of two (r12) or three (r12, r13, r23) variables."""
    if not others:
        return np.array([[1, first], [first, 1]])
    second, between = others
    return np.array([[1, first, second], [first, 1, between], [second, between, 1]])


def rank_correlation(r: float) -> float:
    """Spearman's rho of two normal variables that correlate by r."""
    return 6 / np.pi * np.arcsin(r / 2)


CONTROLLED = (0.5, 0.6, 0.4)  # metric and truth, metric and control, truth and control
CASES = {
    "Pearson": Case(_matrix(0.5), _plain(correlation.weighted_pearson), 0.5),
    "Spearman": Case(
        _matrix(0.5), _plain(correlation.weighted_spearman), float(rank_correlation(0.5))
    ),
    # P(x1 > x2 | y1 > 0 > y2) of normal pairs that correlate by r: an orthant of three variables.
    "AUC": Case(_matrix(0.7), _auc, float(0.5 + 2 / np.pi * np.arcsin(0.7 / 2**0.5))),
    "Pearson given a control": Case(
        _matrix(*CONTROLLED), _given(correlation.weighted_pearson), float(partial(*CONTROLLED))
    ),
    "Spearman given a control": Case(
        _matrix(*CONTROLLED),
        _given(correlation.weighted_spearman),
        float(partial(*map(rank_correlation, CONTROLLED))),
    ),
    "difference of two Pearson": Case(_matrix(0.5, 0.6, 0.4), _lead, 0.1),
    "one rater against the rest": Case(_matrix(0.5, 0.5, 0.5), _people, 0.5 / 0.75**0.5),
}


def correlation_coverage(
    case: Case, *, documents: int, each: int, trials: int, resamples: int, seed: int = 0
) -> float:
    """Share of the case's intervals that hold its truth."""
    random = np.random.default_rng(seed)
    members = np.repeat(np.arange(documents), each)
    found = []
    for place, size in enumerate(chunks(trials)):
        counts = draw_counts(documents, documents, resamples=resamples, seed=seed + place).T
        for _ in range(size):
            columns = normal_items(random, case.matrix, documents=documents, each=each)
            found.append(case.estimate(columns, members, counts))
    return covered(found, case.truth)


def sign_flip_errors(
    *, seeds: int, documents: int, spread: float, trials: int, permutations: int, seed: int = 0
) -> float:
    """Share of sign-flip tests that find a difference between equally good methods."""
    random = np.random.default_rng(seed)
    p_values: list[float | None] = []
    for place, size in enumerate(chunks(trials)):
        values = ties(random, (size, seeds, documents), spread)
        p_values += sign_flip_p(values, permutations=permutations, seed=seed + place)
    return float(np.mean(np.array(p_values) <= ALPHA))


def lead_errors(
    *, skewed: bool, documents: int, each: int, trials: int, permutations: int, seed: int = 0
) -> dict[str, float]:
    """Share of tests that find a lead between metrics with the same correlation (0.4).

    `skewed` gives the second metric an error with an exponential shape instead of a normal one.
    """
    random = np.random.default_rng(seed)
    members = np.repeat(np.arange(documents), each)
    rejected: dict[str, int] = {}
    for trial in range(trials):
        truth, first, second = normal_items(random, np.eye(3), documents=documents, each=each)
        if skewed:
            common, own = random.exponential(size=documents), random.exponential(size=len(truth))
            second = (np.repeat(common, each) + own - 2) / 2**0.5
        first, second = (0.4 * truth + 0.84**0.5 * noise for noise in (first, second))
        fixed = {"members": members, "permutations": permutations, "seed": seed + trial}
        r = np.corrcoef([first, second, truth])
        found = {
            "swaps": swap_p(first, second, truth, **fixed),
            "Williams": williams(r[0, 2], r[1, 2], r[0, 1], n=len(truth)).p,
        }
        if not skewed:  # else ranks follow the truth differently, and there is something to find
            ranks = [rankdata(values) for values in (first, second, truth)]
            found["swaps of ranks"] = swap_p(*ranks, **fixed)
        for name, p in found.items():
            rejected[name] = rejected.get(name, 0) + (p <= ALPHA)
    return {name: count / trials for name, count in rejected.items()}


def holm_errors(
    *, family: int, true: int, documents: int, trials: int, permutations: int, seed: int = 0
) -> tuple[float, float]:
    """Shares of families with a false finding: with Holm's p, and with plain p values.

    `true` of the members have an effect. Members correlate by one half, as metrics of the same
    summaries do.
    """
    random = np.random.default_rng(seed)
    effects = np.where(np.arange(family) < true, 0.5, 0.0)[:, None]
    false = {"holm": 0, "plain": 0}
    for trial in range(trials):
        noise = random.normal(size=(family, documents)) + random.normal(size=documents)
        values = effects + noise / 2**0.5
        p = sign_flip_p(values[:, None], permutations=permutations, seed=seed + trial)
        false["holm"] += min(holm(p)[true:]) <= ALPHA
        false["plain"] += min(p[true:]) <= ALPHA
    return false["holm"] / trials, false["plain"] / trials
