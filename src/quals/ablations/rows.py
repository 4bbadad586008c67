"""What do the result files say of an ablation? Rows with means and intervals."""

from collections.abc import Sequence

import numpy as np

from quals.ablations.recipes import Variant
from quals.ablations.trials import Measured
from quals.analysis.few_seeds import ANY, SHARE, student_intervals
from quals.analysis.statistics import Interval
from quals.jsonl import Row

JUDGED = ("truth", "rougeL", "copy2", "unparsed", "length")
CHANGES = ("truth", "rougeL", "copy2")  # also as the paired difference from the base
SHARES = ("truth", "rougeL", "copy2", "unparsed")  # between 0 and 1
CHOICE = ("pairs", "positives_true", "negatives_false")


def row(ablation: str, setting: str, dataset: str, metric: str, found: Interval, seeds: int) -> Row:
    """One row of `ablations.json`."""
    return {
        "ablation": ablation,
        "setting": setting,
        "dataset": dataset,
        "metric": metric,
        "mean": found.value,
        "low": found.low,
        "high": found.high,
        "seeds": seeds,
    }


def training_rows(
    ablation: str,
    dataset: str,
    variants: Sequence[Variant],
    measured: Sequence[dict[str, Measured]],
    *,
    level: float,
) -> list[Row]:
    """All rows of a corpus; `measured` has one entry for each seed.

    Intervals are of Student's kind over seeds and documents: seeds differ widely where a loss
    moves a summarizer far, and a bootstrap never leaves the range of three means. `_change` is
    the mean difference from the base setting on the same seeds and documents. What describes the
    choice of pairs is a mean over seeds without an interval.
    """
    rows = []
    for variant in variants:
        own = [runs[variant.setting] for runs in measured]
        base = [runs[variant.base] for runs in measured]
        found = {m: _interval(_values(own, m), m in SHARES, level) for m in JUDGED}
        if variant.setting != variant.base:
            for metric in CHANGES:
                difference = _values(own, metric) - _values(base, metric)
                found[f"{metric}_change"] = _interval(difference, False, level)
        for name in CHOICE:
            known = [value for run in own if (value := getattr(run, name)) is not None]
            mean = float(np.mean(known)) if known else None
            found[name] = Interval(mean, None, None)
        rows += [
            row(ablation, variant.setting, dataset, metric, interval, len(own))
            for metric, interval in found.items()
        ]
    return rows


def _values(runs: Sequence[Measured], metric: str) -> np.ndarray:
    """Scores (seeds, documents), NaN where there is none."""
    return np.array([[np.nan if v is None else v for v in run.scores[metric]] for run in runs])


def _interval(values: np.ndarray, share: bool, level: float) -> Interval:
    """Student's interval; that of a share ends where shares end."""
    return student_intervals(values[None], level=level, within=SHARE if share else ANY)[0]
