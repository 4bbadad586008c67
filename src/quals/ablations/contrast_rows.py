"""How often does a metric rank a true summary above its false edit? Shares by metric and kind."""

from collections.abc import Mapping, Sequence

import numpy as np

from quals.analysis.statistics import Draws, Interval, draw, mean_intervals
from quals.jsonl import Row
from quals.testbed.edits import EDITS

ORIGINAL, PARAPHRASE, ALL = "original", "paraphrase", "all"
# Of each document, the scores of a metric by kind of text; what is missing does not exist.
Scores = Sequence[Mapping[str, float | None]]


def contrast_rows(
    dataset: str,
    scores: Mapping[str, Scores],
    *,
    resamples: int,
    seed: int,
    level: float,
) -> list[Row]:
    """One row for each metric and kind of edit; `scores` maps a metric to those of all documents.

    `right` is the share of pairs whose original scores higher than the edit, `paraphrase_right`
    that of pairs whose paraphrase does: a true text in other words. Ties and scores that do not
    exist are misses, counted in `ties` and `undefined`. The kind `paraphrase` is the control: both
    texts are true, and a metric that looks at facts alone prefers neither, so that `right` is at
    most a half. `all` is the mean over the edits of a document. Documents are resampled.
    """
    rows = []
    for metric, found in scores.items():
        hits = {kind: _hits(found, ORIGINAL, kind) for kind in (*EDITS, PARAPHRASE)}
        beside = {kind: _hits(found, PARAPHRASE, kind) for kind in EDITS}
        for table in (hits, beside):
            table[ALL] = _mean_of([table[kind] for kind in EDITS])
        kinds = [*EDITS, ALL, PARAPHRASE]
        draws = draw(1, len(found), resamples=resamples, seed=seed)
        right = _intervals([hits[kind] for kind in kinds], draws, level)
        empty = np.full(len(found), np.nan)
        fair = _intervals([beside.get(kind, empty) for kind in kinds], draws, level)
        for kind, own, other in zip(kinds, right, fair, strict=True):
            pairs = _pairs(found, EDITS if kind == ALL else (kind,))
            rows.append(
                {
                    "dataset": dataset,
                    "metric": metric,
                    "edit": kind,
                    "n": len(pairs),
                    "ties": sum(one is not None and one == two for one, two in pairs),
                    "undefined": sum(one is None or two is None for one, two in pairs),
                    "right": own.value,
                    "low": own.low,
                    "high": own.high,
                    "paraphrase_right": other.value,
                    "paraphrase_low": other.low,
                    "paraphrase_high": other.high,
                }
            )
    return rows


def _pairs(
    found: Scores, kinds: Sequence[str], of: str = ORIGINAL
) -> list[tuple[float | None, float | None]]:
    return [
        (texts[of], texts[kind]) for texts in found for kind in kinds if {of, kind} <= texts.keys()
    ]


def _hits(found: Scores, of: str, kind: str) -> np.ndarray:
    """1 where the text `of` outscores the edit, 0 where not, NaN where there is no such pair."""
    return np.array(
        [
            float(_above(texts[of], texts[kind])) if {of, kind} <= texts.keys() else np.nan
            for texts in found
        ]
    )


def _above(true: float | None, false: float | None) -> bool:
    return true is not None and false is not None and true > false


def _mean_of(columns: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over kinds of each document, NaN where it has none."""
    table = np.stack(columns)
    known = ~np.isnan(table)
    total, count = np.where(known, table, 0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _intervals(columns: Sequence[np.ndarray], draws: Draws, level: float) -> list[Interval]:
    return mean_intervals(np.stack(columns)[:, None, :], draws, level=level)
