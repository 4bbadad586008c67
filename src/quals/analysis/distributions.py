"""How do the scores of each method spread? Quantiles over all its summaries, seeds together."""

import numpy as np

from quals.analysis.tables import Scores
from quals.jsonl import Row

SHOWN = ("quals", "qags", "factcc", "rougeL", "copy2")
QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def distribution_rows(scores: Scores) -> list[Row]:
    """A row per metric and method; quantiles are None where no summary has a score."""
    rows = []
    for metric in (metric for metric in SHOWN if metric in scores.metrics):
        for method in scores.methods:
            values = scores.of(metric, method).ravel()
            known = values[~np.isnan(values)]
            found = (
                np.quantile(known, list(QUANTILES.values())).tolist()
                if known.size
                else [None] * len(QUANTILES)
            )
            rows.append(
                {
                    "dataset": scores.dataset,
                    "metric": metric,
                    "method": method,
                    "n": int(known.size),
                    **dict(zip(QUANTILES, found, strict=True)),
                }
            )
    return rows
