"""Is the consistent summary of a document ranked above the other one? Shares, and for like lengths.

Made errors often make a summary longer: a metric that knows only the length would then rank well.
So every figure is given a second time over pairs of nearly the same length.
"""

from collections.abc import Sequence

import numpy as np

from quals.analysis import correlation
from quals.analysis.agreement import Items, collect, document_draws
from quals.analysis.statistics import interval
from quals.jsonl import Row

ALL, MATCHED = "all", "like length"


def pair_rows(
    benchmark: str,
    items: Sequence[Row],
    *,
    tolerance: float,
    resamples: int,
    seed: int,
    level: float,
) -> list[Row]:
    """One row per population and metric: share of pairs ranked right, and AUC over their items.

    A pair is the one consistent and the one other item of a document; ties are misses. Of like
    length are pairs whose `length` differs by at most `tolerance` of the longer one. Documents are
    resampled with replacement. Pairs without both scores count as `undefined`.
    """
    table = collect(items)
    counts = document_draws(table, resamples=resamples, seed=seed)
    pairs = _pairs(table)
    length = table.scores["length"][pairs]
    alike = np.abs(length[:, 0] - length[:, 1]) <= tolerance * length.max(axis=1)
    rows = []
    for population, chosen in ((ALL, pairs), (MATCHED, pairs[alike])):
        for metric, values in table.scores.items():
            scored = chosen[~np.isnan(values[chosen]).any(axis=1)]
            row: Row = {"benchmark": benchmark, "population": population, "metric": metric}
            row |= {"pairs": len(scored), "undefined": len(chosen) - len(scored)}
            row |= _ranked(table, values, scored, counts, level)
            rows.append(row)
    return rows


def _pairs(table: Items) -> np.ndarray:
    """Places of the consistent and the other item of each document: (documents, 2)."""
    found = []
    for document in range(int(table.documents.max()) + 1):
        places = np.flatnonzero(table.documents == document)
        right, wrong = (places[table.consistent[places] == kind] for kind in (True, False))
        if len(right) != 1 or len(wrong) != 1:
            raise ValueError("a document must have one consistent summary and one other")
        found.append((right[0], wrong[0]))
    return np.array(found)


def _ranked(
    table: Items, values: np.ndarray, pairs: np.ndarray, counts: np.ndarray, level: float
) -> Row:
    if not len(pairs):
        nothing = dict.fromkeys(("right", "right_low", "right_high"))
        return nothing | dict.fromkeys(("auc", "auc_low", "auc_high"))
    hits = (values[pairs[:, 0]] > values[pairs[:, 1]]).astype(float)
    weights = counts[table.documents[pairs[:, 0]]].astype(float)  # (pairs, resamples)
    total = weights.sum(axis=0)
    share = np.divide(hits @ weights, total, out=np.full(len(total), np.nan), where=total > 0)
    right = interval(float(hits.mean()), share, level=level)
    both = pairs.flatten()
    auc = correlation.with_interval(
        correlation.weighted_auc,
        values[both],
        table.consistent[both],
        members=table.documents[both],
        counts=counts,
        level=level,
    )
    return {
        "right": right.value,
        "right_low": right.low,
        "right_high": right.high,
        "auc": auc.value,
        "auc_low": auc.low,
        "auc_high": auc.high,
    }
