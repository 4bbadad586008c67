"""Which means, differences and shares do the score files hold? Rows for the result files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quals.analysis.agreement import ERRORS
from quals.analysis.few_seeds import ANY, SHARE, Range, student_intervals
from quals.analysis.statistics import Draws, Interval, holm, mean_intervals, sign_flip_p
from quals.jsonl import DataError, Row

METRICS = (
    *("rouge1", "rouge2", "rougeL", "qags", "factcc", "quals", "truth", "unparsed"),
    *("copy1", "copy2", "copy3", "novel2", "length"),
)
RANGES: dict[str, Range] = {  # of single scores; a metric that is not here may take any value
    **dict.fromkeys(("rouge1", "rouge2", "rougeL", "qags", "factcc", "truth", "unparsed"), SHARE),
    **dict.fromkeys(("copy1", "copy2", "copy3", "novel2", "coverage"), SHARE),
    **dict.fromkeys(("length", "density"), (0.0, np.inf)),
}
TESTED = ("truth", "rouge1", "rouge2", "rougeL", "qags", "quals", "factcc")
BASELINES = ("mle", "rouge")
INTRINSIC = ("entity", "role", "number", "date", "negation")
RUN_TOLERANCE = 2e-6  # both the mean in the run file and the scores are rounded to 6 digits


@dataclass(frozen=True)
class Scores:
    """All scores of one dataset; arrays are (methods, seeds, documents), NaN = undefined.

    `errors` holds the kind of error, "" for none; it is None without an oracle.
    """

    dataset: str
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    ids: tuple[str, ...]
    metrics: dict[str, np.ndarray]
    errors: np.ndarray | None

    def of(self, metric: str, method: str) -> np.ndarray:
        """The scores of one method: (seeds, documents)."""
        return self.metrics[metric][self.methods.index(method)]


def stack(
    dataset: str,
    rows: Mapping[tuple[str, int], Sequence[Row]],
    *,
    methods: Sequence[str],
    seeds: Sequence[int],
) -> Scores:
    """The score rows of every (method, seed) as arrays.

    Raises `DataError` naming the run if it lacks documents or metrics that the first run has.
    """
    first = sorted(rows[methods[0], seeds[0]], key=lambda row: row["id"])
    ids = tuple(str(row["id"]) for row in first)
    names = set(first[0]["metrics"]) if first else set()
    judged = "error" in first[0] if first else False
    grid = []
    for method in methods:
        for seed in seeds:
            run = sorted(rows[method, seed], key=lambda row: row["id"])
            where = f"{dataset}-{method}-{seed}"
            if tuple(str(row["id"]) for row in run) != ids or not ids:
                raise DataError(f"{where}: other documents than {dataset}-{methods[0]}-{seeds[0]}")
            for row in run:
                if set(row["metrics"]) != names or ("error" in row) != judged:
                    raise DataError(f"{where}: '{row['id']}' has other fields than the first run")
                if (row.get("error") or "") not in ("", *ERRORS):
                    raise DataError(f"{where}: '{row['id']}' has unknown error '{row['error']}'")
            grid.append(run)
    shape = (len(methods), len(seeds), len(ids))
    ordered = [*(name for name in METRICS if name in names), *sorted(names.difference(METRICS))]
    metrics = {
        name: np.array(
            [[_number(row["metrics"][name]) for row in run] for run in grid], dtype=float
        ).reshape(shape)
        for name in ordered
    }
    errors = np.array([[row.get("error") or "" for row in run] for run in grid]).reshape(shape)
    return Scores(dataset, tuple(methods), tuple(seeds), ids, metrics, errors if judged else None)


def check_run(run: Row, scores: Scores, where: str) -> None:
    """Raise `DataError` unless a run file's n and means are those of the score file beside it."""
    method, seed = run["method"], run["seed"]
    known = method in scores.methods and seed in scores.seeds
    if run["dataset"] != scores.dataset or not known:
        raise DataError(f"{where}: describes {run['dataset']}-{method}-{seed}")
    if run["n"] != len(scores.ids):
        raise DataError(f"{where}: n is {run['n']}, the score file has {len(scores.ids)} rows")
    for metric, mean in run["metrics"].items():
        if metric not in scores.metrics:
            raise DataError(f"{where}: metric '{metric}' is not in the score file")
        values = scores.of(metric, method)[scores.seeds.index(seed)]
        defined = values[~np.isnan(values)]
        found = float(defined.mean()) if defined.size else None
        same = found is None if mean is None else found is not None
        if not same or (found is not None and abs(found - mean) > RUN_TOLERANCE):
            raise DataError(f"{where}: mean {metric} is {mean}, the score file gives {found}")


def main_rows(scores: Scores, draws: Draws, *, level: float) -> list[Row]:
    """The results table: mean of every metric and method, with Student's interval and another."""
    stacked = np.concatenate([scores.metrics[metric] for metric in scores.metrics])
    resampled = iter(mean_intervals(stacked, draws, level=level))
    rows: list[Row] = []
    for metric, values in scores.metrics.items():
        found = student_intervals(values, level=level, within=RANGES.get(metric, ANY))
        for method, own in zip(scores.methods, found, strict=True):
            rows.append(
                {
                    "dataset": scores.dataset,
                    "method": method,
                    "metric": metric,
                    "mean": own.value,
                    **_ends(own, next(resampled)),
                    "seeds": len(scores.seeds),
                    "n": len(scores.ids),
                }
            )
    return rows


def _ends(own: Interval, resampled: Interval) -> Row:
    """Student's interval is the one that counts; the bootstrap's stands beside it."""
    return {
        "low": own.low,
        "high": own.high,
        "bootstrap_low": resampled.low,
        "bootstrap_high": resampled.high,
    }


def comparisons(methods: Sequence[str]) -> list[tuple[str, str]]:
    """(method, baseline) of the declared family: all against each baseline, no pair twice."""
    pairs: list[tuple[str, str]] = []
    for baseline in [name for name in BASELINES if name in methods]:
        others = [name for name in methods if name != baseline]
        pairs += [(name, baseline) for name in others if (baseline, name) not in pairs]
    return pairs


def difference_rows(
    datasets: Sequence[tuple[Scores, Draws]], *, level: float, permutations: int, seed: int
) -> list[Row]:
    """Paired differences (method minus baseline) with both intervals, sign-flip p and Holm's p.

    Holm's family is every row of this table: all datasets, the metrics of TESTED that exist, and
    every method against MLE and against ROUGE-contrastive training (MLE against ROUGE would repeat
    ROUGE against MLE and is left out). A document counts where both scores exist.
    """
    rows: list[Row] = []
    for scores, draws in datasets:
        tested = [metric for metric in TESTED if metric in scores.metrics]
        cells = [(metric, *pair) for metric in tested for pair in comparisons(scores.methods)]
        if not cells:
            continue
        differences = np.stack(
            [scores.of(metric, one) - scores.of(metric, other) for metric, one, other in cells]
        )
        resampled = mean_intervals(differences, draws, level=level)
        p_values = sign_flip_p(differences, permutations=permutations, seed=seed)
        for cell, values, other, p in zip(cells, differences, resampled, p_values, strict=True):
            metric, method, baseline = cell
            least, most = RANGES.get(metric, ANY)
            reach = (least - most, most - least)
            (found,) = student_intervals(values[None], level=level, within=reach)
            rows.append(
                {
                    "dataset": scores.dataset,
                    "metric": metric,
                    "method": method,
                    "baseline": baseline,
                    "difference": found.value,
                    **_ends(found, other),
                    "p": p,
                }
            )
    adjusted = holm([row["p"] for row in rows])
    return [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]


def error_rows(scores: Scores, *, level: float, baseline: str) -> list[Row]:
    """Share of summaries with each kind of error, and its difference from the baseline's share.

    "intrinsic" sums the kinds that distort what the document says; "extrinsic" adds to it. No rows
    without an oracle.
    """
    if scores.errors is None:
        return []
    kinds = (*ERRORS, "intrinsic")
    rows: list[Row] = []
    for kind in kinds:
        members = INTRINSIC if kind == "intrinsic" else (kind,)
        found = np.isin(scores.errors, members).astype(float)
        shares = student_intervals(found, level=level, within=SHARE)
        changes = None
        if baseline in scores.methods:
            against = found - found[scores.methods.index(baseline)]
            changes = student_intervals(against, level=level, within=(-1.0, 1.0))
        for place, method in enumerate(scores.methods):
            compared = changes is not None and method != baseline
            rows.append(
                {
                    "dataset": scores.dataset,
                    "method": method,
                    "error": kind,
                    "share": shares[place].value,
                    "low": shares[place].low,
                    "high": shares[place].high,
                    "difference": changes[place].value if compared else None,
                    "difference_low": changes[place].low if compared else None,
                    "difference_high": changes[place].high if compared else None,
                    "seeds": len(scores.seeds),
                    "n": len(scores.ids),
                }
            )
    return rows


def undefined_counts(scores: Scores) -> list[Row]:
    """How many scores do not exist, over all seeds, per metric and method that lacks any."""
    return [
        {"dataset": scores.dataset, "metric": metric, "method": method, "undefined": count}
        for metric in scores.metrics
        for method in scores.methods
        if (count := int(np.isnan(scores.of(metric, method)).sum()))
    ]


def seed_means(scores: Scores, metric: str, method: str) -> list[float | None]:
    """The mean of each seed's model; None where nothing is defined."""
    means = []
    for values in scores.of(metric, method):
        defined = values[~np.isnan(values)]
        means.append(float(defined.mean()) if defined.size else None)
    return means


def _number(value: object) -> float:
    """A score as a number, NaN where there is none."""
    return float("nan") if value is None else float(value)
