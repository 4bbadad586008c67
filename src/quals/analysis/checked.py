"""Does FactCC believe the claims that hold, and no others? Balanced accuracy, AUC and controls.

Most of the claims that people checked hold: whoever believes them all is right about most, with a
balanced accuracy of 0.5.
"""

from collections.abc import Sequence

import numpy as np

from quals.analysis.agreement import agreement_rows, collect, document_draws
from quals.analysis.correlation import point, replicates, weighted_auc
from quals.analysis.statistics import Interval, interval
from quals.jsonl import Row

CLASSIFIER = "factcc"
BELIEVED = 0.5  # above it a claim is believed: the likelier class, as in the gates of training


def claim_tables(
    benchmark: str,
    items: Sequence[Row],
    *,
    resamples: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> Row:
    """FactCC's verdicts on claims, and `rows` of `agreement_rows` for it and the controls.

    Items are those of `quals.analysis.agreement`, with a truth of 0 or 1. Claims without a score
    are `undefined` and count in no share. Intervals resample documents with all their claims.
    """
    table = collect(items)
    scored = table.scored(CLASSIFIER)
    consistent = scored.consistent
    believed = scored.scores[CLASSIFIER] > BELIEVED
    right_if_all = _share(consistent)
    counts = document_draws(table, resamples=resamples, seed=seed)
    balanced = _balanced_accuracy(believed, consistent, scored.documents, counts, level)
    return {
        "benchmark": benchmark,
        "n": len(items),
        "documents": len(counts),
        "consistent": int(table.consistent.sum()),
        "inconsistent": int((~table.consistent).sum()),
        "undefined": len(items) - len(believed),
        "majority_accuracy": None if right_if_all is None else max(right_if_all, 1 - right_if_all),
        "accuracy": _share(believed == consistent),
        "believed": _share(believed),
        "believed_of_consistent": _share(believed[consistent]),
        "believed_of_inconsistent": _share(believed[~consistent]),
        "balanced_accuracy": balanced.value,
        "balanced_accuracy_low": balanced.low,
        "balanced_accuracy_high": balanced.high,
        "rows": agreement_rows(benchmark, items, resamples=resamples, seed=seed, level=level),
    }


def _balanced_accuracy(
    believed: np.ndarray,
    consistent: np.ndarray,
    members: np.ndarray,
    counts: np.ndarray,
    level: float,
) -> Interval:
    """Mean recall of both classes; None where one of them does not occur.

    It is the AUC of the verdicts, as their ties count half: with the recalls a and b, a consistent
    claim outscores another one with chance ab and ties with chance a(1 - b) + (1 - a)b.
    """
    verdicts = believed.astype(float)
    resampled = replicates(weighted_auc, verdicts, consistent, members=members, counts=counts)
    return interval(point(weighted_auc, verdicts, consistent), resampled, level=level)


def _share(chosen: np.ndarray) -> float | None:
    return float(chosen.mean()) if len(chosen) else None
