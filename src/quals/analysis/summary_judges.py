"""Which method's summaries do judges prefer that took no part in selection? Rows for a file."""

from collections.abc import Mapping, Sequence

import numpy as np

from quals.analysis.few_seeds import student_intervals
from quals.analysis.statistics import Draws, draw, holm, mean_intervals, sign_flip_p
from quals.analysis.tables import Scores, main_rows, stack, undefined_counts
from quals.jsonl import Row

REFERENCE = "reference"  # what a person wrote, as if it were a method's
Cell = tuple[str, str, str]  # metric, method, baseline


def judge_tables(
    dataset: str,
    rows: Mapping[tuple[str, int], Sequence[Row]],
    *,
    methods: Sequence[str],
    seeds: Sequence[int],
    baseline: str,
    resamples: int,
    permutations: int,
    seed: int,
    level: float,
) -> dict[str, list[Row]]:
    """Means of all methods, paired differences from the baseline, and counts without a score.

    `rows` are as `stack` takes them, by method and seed. Differences are of all methods but the
    baseline and the references, which are a yardstick. Raises `DataError` as `stack` does.
    """
    scores = stack(dataset, rows, methods=methods, seeds=seeds)
    draws = draw(len(seeds), len(scores.ids), resamples=resamples, seed=seed)
    others = [method for method in methods if method not in (baseline, REFERENCE)]
    cells = [(metric, method, baseline) for metric in scores.metrics for method in others]
    return {
        "main": main_rows(scores, draws, level=level),
        "differences": paired_differences(
            scores, cells, draws, level=level, permutations=permutations, seed=seed
        ),
        "undefined": undefined_counts(scores),
    }


def paired_differences(
    scores: Scores,
    cells: Sequence[Cell],
    draws: Draws,
    *,
    level: float,
    permutations: int,
    seed: int,
) -> list[Row]:
    """A row of method minus baseline for each cell, with both intervals, sign-flip p and Holm's p.

    The rows are Holm's family. A document counts where both scores exist.
    """
    if not cells:
        return []
    differences = np.stack(
        [scores.of(metric, method) - scores.of(metric, other) for metric, method, other in cells]
    )
    own = student_intervals(differences, level=level)
    resampled = mean_intervals(differences, draws, level=level)
    p_values = sign_flip_p(differences, permutations=permutations, seed=seed)
    return [
        {
            "dataset": scores.dataset,
            "metric": metric,
            "method": method,
            "baseline": baseline,
            "difference": mine.value,
            "low": mine.low,
            "high": mine.high,
            "bootstrap_low": drawn.low,
            "bootstrap_high": drawn.high,
            "p": p,
            "p_holm": adjusted,
        }
        for (metric, method, baseline), mine, drawn, p, adjusted in zip(
            cells, own, resampled, p_values, holm(p_values), strict=True
        )
    ]
