"""How sure are we of a mean over few training seeds? A Student interval, where a bootstrap fails.

Resampling three seeds can never reach beyond the lowest and the highest of them. An interval of
Student's kind reaches further the fewer seeds there are.
"""

import numpy as np
from scipy.stats import t as student

from quals.analysis.statistics import Interval


def student_intervals(values: np.ndarray, *, level: float) -> list[Interval]:
    """Mean and interval of each quantity: values (quantities, seeds, documents), NaN = no score.

    Seeds and documents are crossed random effects: with S seeds, D documents and their mean squares
    Ms, Md and, of what is left, Mr, the variance of the mean is estimated by (Ms + Md - Mr) / (S D)
    (an effect below zero counts as none), with Satterthwaite's degrees of freedom (1946). Near 2
    of them for three seeds that differ widely, many where documents are all that varies. With one
    seed: Student's interval over documents, which says nothing of other seeds. Documents that lack
    a score under any seed are left out; None with fewer than two of them.
    """
    return [_student(each[:, ~np.isnan(each).any(axis=0)], level) for each in values]


def _student(values: np.ndarray, level: float) -> Interval:
    """One quantity without gaps: (seeds, documents)."""
    seeds, documents = values.shape
    if not documents:
        return Interval(None, None, None)
    middle = float(values.mean())
    if documents < 2:
        return Interval(middle, None, None)
    parts = _parts(values)
    variance = sum(sign * square for sign, square, _ in parts) / (seeds * documents)
    noise = sum((square / (seeds * documents)) ** 2 / degrees for _, square, degrees in parts)
    if variance <= 0:
        return Interval(middle, middle, middle)
    reach = student.ppf((1 + level) / 2, variance**2 / noise) * variance**0.5
    return Interval(middle, float(middle - reach), float(middle + reach))


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
    if max(of_seeds, of_documents) <= of_rest:  # neither effect shows
        return [(1, of_rest, degrees)]
    if of_documents < of_rest:
        return [found["seeds"]]
    if of_seeds < of_rest:
        return [found["documents"]]
    return list(found.values())
