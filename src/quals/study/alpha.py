"""How far do annotators agree beyond chance? Krippendorff's alpha, nominal and ordinal.

Alpha = 1 - observed / expected disagreement (Krippendorff, Content Analysis, chapter on
reliability). 1 is perfect agreement, 0 what chance gives. Annotators may skip units; a unit with
fewer than two values does not count.
"""

from collections.abc import Callable

import numpy as np

Distance = Callable[[np.ndarray], np.ndarray]


def coincidences(counts: np.ndarray) -> np.ndarray:
    """The coincidence matrix of each unit: (units, categories, categories).

    `counts` (units, categories) says how many annotators gave a unit each value. Every ordered pair
    of a unit's m values counts 1 / (m - 1), so that the matrix sums to m.
    """
    counts = np.asarray(counts, dtype=float)
    size = counts.shape[1]
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(size)
    values = counts.sum(axis=1)
    return np.divide(
        pairs,
        (values - 1)[:, None, None],
        out=np.zeros_like(pairs),
        where=(values > 1)[:, None, None],
    )


def nominal(totals: np.ndarray) -> np.ndarray:
    """Distance 1 between different values: (..., categories) to (..., categories, categories)."""
    size = totals.shape[-1]
    return np.broadcast_to(1.0 - np.eye(size), (*totals.shape, size))


def ordinal(totals: np.ndarray) -> np.ndarray:
    """Squared number of values between two categories, half of each of the two included.

    Categories stand in their order; `totals` (..., categories) is how often each occurs.
    """
    middles = np.cumsum(totals, axis=-1) - totals / 2
    return (middles[..., :, None] - middles[..., None, :]) ** 2


def alpha(matrix: np.ndarray, distance: Distance) -> np.ndarray:
    """Alpha of coincidence matrices summed over units: (..., categories, categories) to (...).

    NaN where no unit has two values, or where all values are the same: nothing could disagree.
    """
    totals = matrix.sum(axis=-1)
    between = distance(totals)
    number = totals.sum(axis=-1)
    observed = (matrix * between).sum(axis=(-2, -1))
    chance = (totals[..., :, None] * totals[..., None, :] * between).sum(axis=(-2, -1))
    undefined = np.full(chance.shape, np.nan)
    return 1 - np.divide((number - 1) * observed, chance, out=undefined, where=chance > 0)
