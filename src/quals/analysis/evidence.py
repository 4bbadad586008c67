"""What else should a doubter see? Copying, spreads of scores, training curves, examples, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quals.analysis.copying import copying_rows
from quals.analysis.distributions import distribution_rows
from quals.analysis.statistics import draw
from quals.analysis.tables import Scores
from quals.jsonl import Row


@dataclass(frozen=True)
class Evidence:
    """Rows for the report beside those of `Findings`.

    `ablations` and `contrast` are rows of ablations.json and of contrast_pairs.json, `examples` is
    what the stage `examples` wrote as far as it is `public`, `costs` the scale's rows of
    benchmarks/costs.json (none if nobody measured them), `deviations` Markdown.
    """

    copying: list[Row]
    distributions: list[Row]
    curves: list[Row]
    ablations: list[Row]
    contrast: list[Row]
    examples: Row
    costs: list[Row]
    deviations: str


def gather(
    scores: Sequence[Scores],
    *,
    copying: Sequence[Scores],
    systems: Row,
    gates: Mapping[str, Row],
    ablations: Sequence[Row],
    contrast: Sequence[Row],
    examples: Row,
    costs: Sequence[Row],
    deviations: str,
    resamples: int,
    seed: int,
    level: float,
) -> Evidence:
    """`copying` holds the scores of all systems of `systems` (systems.json), by data set."""
    rows = []
    for one in copying:
        draws = draw(len(one.seeds), len(one.ids), resamples=resamples, seed=seed)
        judge = systems["judges"][one.dataset]
        rows += copying_rows(one, systems["systems"], draws, judge=judge, level=level)
    return Evidence(
        copying=rows,
        distributions=[row for one in scores for row in distribution_rows(one)],
        curves=curve_rows(scores, gates),
        ablations=list(ablations),
        contrast=list(contrast),
        examples=examples,
        costs=list(costs),
        deviations=deviations,
    )


def curve_rows(scores: Sequence[Scores], gates: Mapping[str, Row]) -> list[Row]:
    """The training curve of every model that has one: `dataset` is None for models of metrics."""
    runs = {
        f"{one.dataset}-{method}-{seed}": (one.dataset, method, seed)
        for one in scores
        for method in one.methods
        for seed in one.seeds
    }
    rows = []
    for name, gate in gates.items():
        dataset, model, seed = runs.get(name, (None, name, None))
        if losses := gate.get("curve"):
            rows.append({"dataset": dataset, "model": model, "seed": seed, "losses": losses})
    return rows


def public(examples: Row) -> Row:
    """The examples of an invented world as they are; of pairs of real texts only their number."""
    if examples["generated"]:
        return examples
    return {**examples, "pairs": [], "hidden": len(examples["pairs"])}


def first_pairs(examples: Row) -> list[Row]:
    """The first example of each data set."""
    firsts: dict[str, Row] = {}
    for pair in examples["pairs"]:
        firsts.setdefault(pair["dataset"], pair)
    return list(firsts.values())
