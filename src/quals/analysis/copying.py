"""Is a method more consistent than its copying explains? Its lead over plain decoding that copies.

A summarizer becomes more consistent simply by copying more, and the decoding variants of the MLE
model show at what rate. What a method gains counts as a gain if it lies above that curve (Ladhak et
al., ACL 2022, ask the same of models trained to copy more or less).
"""

from collections.abc import Sequence

import numpy as np

from quals.analysis.few_seeds import ANY, student_intervals
from quals.analysis.statistics import Draws, interval, mean, resampled_means
from quals.analysis.tables import RANGES, Scores
from quals.jsonl import Row

MEASURES = ("consistent", "density", "coverage", "novel2")
BASE = "mle"  # the model that the variants decode


def copying_rows(
    scores: Scores, systems: Sequence[Row], draws: Draws, *, judge: str, level: float
) -> list[Row]:
    """A row per system: the mean of each measure with its interval, and how far it is ahead.

    `systems` are rows of systems.json in the order of `scores.methods`. `ahead` is a method's
    consistency minus the curve at the method's density (see `curve_at`), on shared resamples.
    """
    values = np.stack([scores.metrics[measure] for measure in MEASURES])
    means, replicates = mean(values), resampled_means(values, draws)
    own = {}
    for measure in MEASURES:
        within = RANGES.get(judge if measure == "consistent" else measure, ANY)
        own[measure] = student_intervals(scores.metrics[measure], level=level, within=within)
    rows = []
    for place, system in enumerate(systems):
        row: Row = {
            "dataset": scores.dataset,
            **system,
            "judge": judge,
            "seeds": len(scores.seeds),
            "n": len(scores.ids),
        }
        for measure in MEASURES:
            found = own[measure][place]
            row |= {measure: found.value, f"{measure}_low": found.low}
            row |= {f"{measure}_high": found.high}
        lead = interval(float("nan"), np.array([]), level=level)
        if system["family"] == "method" and system["system"] != BASE:
            chosen = [at for at, other in enumerate(systems) if _of_base(other)]
            lead = interval(
                _lead(means[:, place], means[:, chosen]),
                np.array(
                    [
                        _lead(replicates[:, place, draw], replicates[:, chosen, draw])
                        for draw in range(replicates.shape[-1])
                    ]
                ),
                level=level,
            )
        rows.append({**row, "ahead": lead.value, "ahead_low": lead.low, "ahead_high": lead.high})
    return rows


def curve_at(density: float, densities: np.ndarray, consistent: np.ndarray) -> float:
    """The consistency that plain decoding reaches at a density.

    Variants in the order of their density; each counts as good as the best that copies no more;
    straight lines in between; flat beyond the last. NaN below the first, where nothing compares.
    """
    known = ~(np.isnan(densities) | np.isnan(consistent))
    order = np.argsort(densities[known], kind="stable")
    across, up = densities[known][order], consistent[known][order]
    if not len(across) or np.isnan(density) or density < across[0]:
        return float("nan")
    return float(np.interp(density, across, np.maximum.accumulate(up)))


def _lead(method: np.ndarray, base: np.ndarray) -> float:
    """Arrays of (measures,) and (measures, variants)."""
    consistent, density = MEASURES.index("consistent"), MEASURES.index("density")
    return float(method[consistent] - curve_at(method[density], base[density], base[consistent]))


def _of_base(system: Row) -> bool:
    """Whether a system is the MLE model, however decoded."""
    return system["system"] == BASE or system["family"] != "method"
