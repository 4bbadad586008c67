"""How sure are we of a mean over few training seeds? A Student interval, where a bootstrap fails.

Resampling three seeds can never reach beyond the lowest and the highest of them. An interval of
Student's kind reaches further the fewer seeds there are.
"""

import numpy as np
from scipy.stats import t as student

from quals.analysis.statistics import Interval, mean

Range = tuple[float, float]
ANY: Range = (-np.inf, np.inf)
SHARE: Range = (0.0, 1.0)


def student_intervals(values: np.ndarray, *, level: float, within: Range = ANY) -> list[Interval]:
    """Mean and interval of each quantity: values (quantities, seeds, documents), NaN = no score.

    Seeds and documents are crossed random effects: with S seeds, D documents and their mean squares
    Ms, Md and, of what is left, Mr, the variance of the mean is estimated by (Ms + Md - Mr) / (S D)
    (an effect below zero counts as none), with Satterthwaite's degrees of freedom (1946). Near 2
    of them for three seeds that differ widely, many where documents are all that varies. With one
    seed: Student's interval over documents, which says nothing of other seeds.

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
    seeds, documents = values.shape
    if documents < 2:
        return Interval(middle, None, None)
    known = ~np.isnan(values)
    linear = values if known.all() else np.where(known, values - middle, 0.0) / known.mean()
    parts = _parts(linear)
    variance = sum(sign * square for sign, square, _ in parts) / (seeds * documents)
    noise = sum((square / (seeds * documents)) ** 2 / degrees for _, square, degrees in parts)
    if variance <= 0:
        return Interval(middle, middle, middle)
    reach = student.ppf((1 + level) / 2, variance**2 / noise) * variance**0.5
    least, most = within
    return Interval(middle, float(max(least, middle - reach)), float(min(most, middle + reach)))


def _parts(values: np.ndarray) -> list[tuple[int, float, int]]:
    """The mean squares that make up the variance: (sign, mean square, degrees of freedom)."""
    seeds, documents = values.shape
    rows, columns, middle = values.mean(axis=1), values.mean(axis=0), values.mean()
    of_documents = seeds * float(((columns - middle) ** 2).sum()) / (documents - 1)
    if seeds == 1:
        return [(1, of_documents, documents - 1)]
    of_seeds = documents * float(((rows - middle) ** 2).sum()) / (seeds - 1)
    left = values - rows[:, None] - columns + middle
    degrees = (seeds - 1) * (documents - 1)
    of_rest = float((left**2).sum()) / degrees
    found = {
        "seeds": (1, of_seeds, seeds - 1),
        "documents": (1, of_documents, documents - 1),
        "rest": (-1, of_rest, degrees),
    }
    shown = of_rest * (1 + 1e-9)  # equal squares, as of a single miss, may differ in last bits
    if max(of_seeds, of_documents) <= shown:  # neither effect shows
        return [(1, of_rest, degrees)]
    if of_documents <= shown:
        return [found["seeds"]]
    if of_seeds <= shown:
        return [found["documents"]]
    return list(found.values())
