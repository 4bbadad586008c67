"""What follows from the score files, taken together? Everything that the report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quals.analysis.aims import aim_rows
from quals.analysis.claims import claim_rows
from quals.analysis.comparison import auc_by_source, histogram, typical
from quals.analysis.evidence import Evidence
from quals.analysis.leads import dependence
from quals.analysis.statistics import draw
from quals.analysis.tables import Scores, difference_rows, error_rows, main_rows
from quals.jsonl import Row


@dataclass(frozen=True)
class Findings:
    """The inputs of a report and all rows computed from them."""

    scale: str
    level: float
    permutations: int
    scores: tuple[Scores, ...]
    runs: tuple[Row, ...]
    main: list[Row]
    differences: list[Row]
    errors: list[Row]
    agreement: list[Row]
    agreement_errors: list[Row]
    by_source: list[Row]
    dependence: Mapping[str, list[Row]]
    typical: list[Row]
    checked: list[Row]
    histograms: list[Row]
    claims: list[Row]
    speed: Row
    gates: Mapping[str, Row]
    evidence: Evidence


def find(
    scale: str,
    scores: Sequence[Scores],
    runs: Sequence[Row],
    *,
    agreement: Sequence[Row],
    agreement_errors: Sequence[Row],
    benchmarks: Mapping[str, Sequence[Row]],
    checked: Sequence[Row],
    speed: Row,
    gates: Mapping[str, Row],
    evidence: Evidence,
    resamples: int,
    permutations: int,
    seed: int,
    level: float,
    margin: float,
) -> Findings:
    """Compute every table: `benchmarks` maps a name to its items, `gates` a file's name to its row.

    `checked` are what FactCC makes of claims that people checked, a row for each set of claims.
    `margin` is the loss of ROUGE that still counts as none.
    """
    datasets = [
        (one, draw(len(one.seeds), len(one.ids), resamples=resamples, seed=seed)) for one in scores
    ]
    resampling = {"resamples": resamples, "seed": seed, "level": level}
    main = [row for one, draws in datasets for row in main_rows(one, draws, level=level)]
    differences = difference_rows(datasets, level=level, permutations=permutations, seed=seed)
    by_source = [
        row
        for name, items in benchmarks.items()
        for row in auc_by_source(name, items, **resampling)
    ]
    claims = claim_rows(datasets, differences, speed, benchmarks, **resampling)
    names = [one.dataset for one in scores]
    claims += aim_rows(names, main, differences, by_source, margin=margin)
    return Findings(
        scale=scale,
        level=level,
        permutations=permutations,
        scores=tuple(scores),
        runs=tuple(runs),
        main=main,
        differences=differences,
        errors=[row for one in scores for row in error_rows(one, level=level, baseline="mle")],
        agreement=list(agreement),
        agreement_errors=list(agreement_errors),
        by_source=by_source,
        dependence=dependence(benchmarks, permutations=permutations, **resampling),
        typical=[row for name, items in benchmarks.items() for row in typical(name, items)],
        checked=list(checked),
        histograms=[row for name, items in benchmarks.items() for row in histogram(name, items)],
        claims=claims,
        speed=speed,
        gates=gates,
        evidence=evidence,
    )
