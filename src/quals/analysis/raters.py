"""How well could a person do? One rater against the mean of the others, and metrics beside it.

Ratings are (items, raters), NaN = not rated. A column is a person or, where people change from item
to item, a place among the answers: first, second, third. A metric is held against the same means
of the others, one rater left out at a time: the mean of all raters is a steadier target than a
person has, and would flatter the metric.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from quals.analysis import correlation
from quals.analysis.correlation import Statistic, weighted_pearson
from quals.analysis.statistics import Interval, interval
from quals.jsonl import Row

PEOPLE = "one rater"


class Line(NamedTuple):
    """A mean over raters with its replicates, and how many raters it is of (0: no value)."""

    value: float
    replicates: np.ndarray
    raters: int


def rest(ratings: np.ndarray, rater: int) -> np.ndarray:
    """Mean rating of the others for each item; NaN where nobody else rated it."""
    others = np.delete(ratings, rater, axis=1)
    known = ~np.isnan(others)
    count = known.sum(axis=1)
    total = np.where(known, others, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def line(
    ratings: np.ndarray,
    *,
    members: np.ndarray,
    counts: np.ndarray,
    scores: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
    statistic: Statistic = weighted_pearson,
) -> Line:
    """Each rater, or the scores in the rater's place, against the rest; the mean over raters.

    An item counts for a rater where the rater, someone else and `scores` rated it and `chosen`
    holds. A rater who rates all alike has no correlation and is left out. A resample in which one
    of the remaining raters has none is left out of the interval.
    """
    values, resampled = [], []
    for rater in range(ratings.shape[1]):
        target = rest(ratings, rater)
        source = ratings[:, rater] if scores is None else scores
        mask = ~np.isnan([ratings[:, rater], target, source]).any(axis=0)
        mask = mask if chosen is None else mask & chosen
        x, y, documents = source[mask], target[mask], members[mask]
        rated_alike = correlation.constant(ratings[mask, rater])
        if rated_alike or correlation.constant(x) or correlation.constant(y):
            continue
        values.append(correlation.point(statistic, x, y))
        resampled.append(correlation.replicates(statistic, x, y, members=documents, counts=counts))
    if not values:
        return Line(float("nan"), np.array([np.nan]), 0)
    return Line(float(np.mean(values)), np.mean(resampled, axis=0), len(values))


def rater_rows(
    benchmark: str,
    ratings: np.ndarray,
    scores: Mapping[str, np.ndarray],
    *,
    members: np.ndarray,
    counts: np.ndarray,
    level: float,
) -> list[Row]:
    """The line of people, then each metric on the same targets and its lead over people.

    The lead is taken over the items that the metric scores, on the same resampled documents.
    """
    fixed = {"members": members, "counts": counts}
    people = line(ratings, **fixed)
    found = interval(people.value, people.replicates, level=level)
    nothing = Interval(None, None, None)
    rows = [_row(benchmark, PEOPLE, len(ratings), people.raters, found, nothing)]
    for metric, values in scores.items():
        known = ~np.isnan(values)
        own = line(ratings, scores=values, **fixed)
        beside = line(ratings, chosen=known, **fixed)
        lead = nothing
        if own.raters and own.raters == beside.raters:
            apart = own.replicates - beside.replicates
            lead = interval(own.value - beside.value, apart, level=level)
        found = interval(own.value, own.replicates, level=level)
        rows.append(_row(benchmark, metric, int(known.sum()), own.raters, found, lead))
    return rows


def _row(benchmark: str, who: str, n: int, raters: int, found: Interval, lead: Interval) -> Row:
    """One row of the table; `n` counts the items with a score."""
    return {
        "benchmark": benchmark,
        "metric": who,
        "n": n,
        "raters": raters,
        "pearson": found.value,
        "pearson_low": found.low,
        "pearson_high": found.high,
        "ahead_of_people": lead.value,
        "ahead_of_people_low": lead.low,
        "ahead_of_people_high": lead.high,
    }
