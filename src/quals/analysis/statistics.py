"""How sure are we of a mean or a difference? Bootstrap over seeds and documents, sign flips, Holm.

Values have the shape (..., seeds, documents); NaN marks a score that does not exist and is skipped.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 256  # resamples per matrix product: bounds the memory, not the result


class Interval(NamedTuple):
    """An estimate with the ends of its percentile interval; None where it does not exist."""

    value: float | None
    low: float | None
    high: float | None


class Draws(NamedTuple):
    """How often each resample holds each seed and each document: shapes (resamples, ...)."""

    seeds: np.ndarray
    documents: np.ndarray


def draw_counts(items: int, size: int, *, resamples: int, seed: int) -> np.ndarray:
    """How often each of `items` comes up in `size` draws with replacement: (resamples, items)."""
    random = np.random.default_rng(seed)
    chances = np.full(items, 1 / items)
    counts = np.empty((resamples, items), dtype=np.uint16)
    for start in range(0, resamples, BLOCK):
        block = counts[start : start + BLOCK]
        block[:] = random.multinomial(size, chances, size=len(block))
    return counts


def draw(seeds: int, documents: int, *, resamples: int, seed: int) -> Draws:
    """Resamples of the seeds and, independently, of the documents, both with replacement.

    Of S > 1 seeds, S - 1 are drawn: the variance between few seeds is then unbiased, where S draws
    would shrink it by (S - 1) / S (Rao and Wu 1988). Simulated coverage of the 95 % interval with 3
    seeds and 300 documents of a 0/1 score: 95 % where seeds alone spread the mean by 0.04, but 92 %
    at 0.06 and 87 % at 0.10. Where seeds are all that varies, the interval is their range, which
    holds the mean 75 % of the time with three. So what counts for means and differences is the
    interval of `few_seeds`, which reaches further; docs/statistics.md has the coverage of both.
    """
    streams = np.random.SeedSequence(seed).generate_state(2)
    return Draws(
        draw_counts(seeds, max(1, seeds - 1), resamples=resamples, seed=int(streams[0])),
        draw_counts(documents, documents, resamples=resamples, seed=int(streams[1])),
    )


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over seeds and documents that skips NaN; NaN where nothing is defined."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=(-2, -1))
    total = np.where(defined, values, 0.0).sum(axis=(-2, -1))
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def resampled_means(values: np.ndarray, draws: Draws) -> np.ndarray:
    """The mean of every resample: (..., resamples); seeds and documents weigh by their counts."""
    *outer, seeds, documents = values.shape
    defined = ~np.isnan(values)
    sums = _weighted_sums(np.where(defined, values, 0.0).reshape(-1, documents), seeds, draws)
    counts = _weighted_sums(defined.astype(float).reshape(-1, documents), seeds, draws)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means.T.reshape(*outer, -1)


def _weighted_sums(rows: np.ndarray, seeds: int, draws: Draws) -> np.ndarray:
    """Sums over seeds and documents, shape (resamples, len(rows) / seeds)."""
    blocks = []
    for start in range(0, len(draws.documents), BLOCK):
        stop = start + BLOCK
        per_seed = draws.documents[start:stop].astype(float) @ rows.T
        per_seed = per_seed.reshape(len(per_seed), -1, seeds)
        blocks.append((per_seed * draws.seeds[start:stop, None, :]).sum(axis=-1))
    return np.concatenate(blocks)


def interval(value: float, replicates: np.ndarray, *, level: float) -> Interval:
    """The percentile interval of an estimate; resamples in which it does not exist are left out."""
    if np.isnan(value):
        return Interval(None, None, None)
    existing = replicates[~np.isnan(replicates)]
    if not existing.size:
        return Interval(float(value), None, None)
    low, high = np.quantile(existing, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))


def mean_intervals(values: np.ndarray, draws: Draws, *, level: float) -> list[Interval]:
    """One interval per quantity: values (quantities, seeds, documents).

    For a paired difference hand in the difference of two methods: both then share the resampled
    seeds and documents, and a document counts where both scores exist.
    """
    pairs = zip(mean(values), resampled_means(values, draws), strict=True)
    return [interval(value, replicates, level=level) for value, replicates in pairs]


def sign_flip_p(differences: np.ndarray, *, permutations: int, seed: int) -> list[float | None]:
    """Two-sided p that the mean difference is zero: differences (quantities, seeds, documents).

    A flip turns all seeds of a document together, so a document counts once; seeds stay as they
    are, so the p value speaks of these trained models and the interval of other seeds as well.
    Exact while 2^documents <= `permutations`, else that many random flips with (1 + hits) /
    (1 + flips). None where no difference is defined.
    """
    totals = np.nansum(differences, axis=1)
    defined = ~np.isnan(differences).all(axis=(1, 2))
    sampled = _extreme_flips(totals, _random_signs(totals.shape[1], permutations, seed))
    p_values: list[float | None] = []
    for row, extreme, known in zip(totals, sampled, defined, strict=True):
        moving = row[row != 0]
        if not known:
            p_values.append(None)
        elif 2 ** len(moving) <= permutations:
            hits = _extreme_flips(moving[None], iter([_all_signs(len(moving))]))[0]
            p_values.append(float(hits / 2 ** len(moving)))
        else:
            p_values.append(float((1 + extreme) / (1 + permutations)))
    return p_values


def _all_signs(count: int) -> np.ndarray:
    """Every pattern of +1 and -1: (2^count, count)."""
    patterns = np.arange(2**count)[:, None] >> np.arange(count)
    return 1.0 - 2.0 * (patterns & 1)


def _random_signs(count: int, patterns: int, seed: int) -> Iterator[np.ndarray]:
    """Random patterns of +1 and -1 in blocks of (at most BLOCK, count)."""
    random = np.random.default_rng(seed)
    for start in range(0, patterns, BLOCK):
        yield 1.0 - 2.0 * random.integers(0, 2, size=(min(BLOCK, patterns - start), count))


def _extreme_flips(totals: np.ndarray, signs: Iterator[np.ndarray]) -> np.ndarray:
    """How many sign patterns give a sum at least as far from zero as the observed one, per row."""
    observed = np.abs(totals.sum(axis=1))
    slack = 1e-9 * np.abs(totals).sum(axis=1)  # equal sums may differ in their last bits
    return sum((np.abs(block @ totals.T) >= observed - slack).sum(axis=0) for block in signs)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment of one family of p values; None stays None and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted
