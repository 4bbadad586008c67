"""How sure are we of a mean over few training seeds? A Student interval, where a bootstrap fails.

Resampling three seeds can never reach beyond the lowest and the highest of them. An interval of
Student's kind reaches further the fewer seeds there are.
"""

from functools import lru_cache

import numpy as np
from scipy.stats import f as fisher
from scipy.stats import t as student

from quals.analysis.statistics import Interval, mean

Range = tuple[float, float]
ANY: Range = (-np.inf, np.inf)
SHARE: Range = (0.0, 1.0)

# Where seeds differ by less than in half of all experiments without an effect of theirs, the
# interval speaks of documents alone. Those of the other half are then too wide, and these may miss
# 1.6 times as often: so 95 % holds whether seeds differ or not (`coverage`, docs/statistics.md).
BY_CHANCE = 0.5
SHORTER = 1.6


def student_intervals(values: np.ndarray, *, level: float, within: Range = ANY) -> list[Interval]:
    """Mean and interval of each quantity: values (quantities, seeds, documents), NaN = no score.

    Seeds and documents are crossed random effects, with mean squares Ms, Md and, of what is left,
    Mr. Where Ms is beyond Mr by more than chance would have it in half of all experiments, the
    reaches over the S seeds and the D documents are added as squares (Howe 1974; Zou and Donner
    2008): (t(S - 1)^2 Ms + t(D - 1)^2 (Md - Mr)) / (S D); an effect below zero counts as none.
    Else it is the interval over documents. With one seed: Student's over documents, which says
    nothing of other seeds.

    With gaps the mean is that of the scores there are, a ratio of two sums: the same formulas hold
    its linear part, which is zero at a gap. Seeds and documents without any score do not count;
    None with fewer than two documents. `within` has the least and the most that a score can be,
    and no interval of a mean goes beyond.
    """
    return [_student(each, level, within) for each in values]


def _student(values: np.ndarray, level: float, within: Range) -> Interval:
    """One quantity: (seeds, documents)."""
    known = ~np.isnan(values)
    values = values[known.any(axis=1)][:, known.any(axis=0)]
    if not values.size:
        return Interval(None, None, None)
    middle = float(mean(values))
    if values.shape[1] < 2:
        return Interval(middle, None, None)
    known = ~np.isnan(values)
    linear = values if known.all() else np.where(known, values - middle, 0.0) / known.mean()
    reach = (_squared_reach(linear, level) / values.size) ** 0.5
    least, most = within
    return Interval(middle, float(max(least, middle - reach)), float(min(most, middle + reach)))


def _squared_reach(values: np.ndarray, level: float) -> float:
    """Of the sum of all values over the root of how many they are."""
    seeds, documents = values.shape
    rows, columns, middle = values.mean(axis=1), values.mean(axis=0), values.mean()
    of_documents = seeds * float(((columns - middle) ** 2).sum()) / (documents - 1)
    if seeds == 1:
        return _t(level, documents - 1) ** 2 * of_documents
    of_seeds = documents * float(((rows - middle) ** 2).sum()) / (seeds - 1)
    degrees = (seeds - 1) * (documents - 1)
    of_rest = float(((values - rows[:, None] - columns + middle) ** 2).sum()) / degrees
    shown = of_documents > of_rest * (1 + 1e-9)  # equal squares may differ in their last bits
    document_degrees = documents - 1 if shown else degrees
    alone = max(of_documents, of_rest)
    if of_seeds <= of_rest * _by_chance(seeds - 1, degrees):
        return _t(1 - SHORTER * (1 - level), document_degrees) ** 2 * alone
    beyond = of_documents - of_rest if shown else 0.0
    both = _t(level, seeds - 1) ** 2 * of_seeds + _t(level, document_degrees) ** 2 * beyond
    return max(both, _t(level, document_degrees) ** 2 * alone)


@lru_cache(maxsize=256)
def _t(level: float, degrees: int) -> float:
    return float(student.ppf((1 + level) / 2, degrees))


@lru_cache(maxsize=256)
def _by_chance(degrees: int, others: int) -> float:
    return float(fisher.ppf(BY_CHANCE, degrees, others))
