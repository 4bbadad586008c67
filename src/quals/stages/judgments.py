"""Stage `judgments`: each metric against people (QAGS) or makers of errors (HaluEval).

Settings are chosen on the half `development`; `rows` are of the other half, which nothing saw.
"""

import os
from pathlib import Path

import numpy as np

from quals.analysis.agreement import agreement_rows, collect, document_draws
from quals.analysis.leads import CONTROLS, dependence, lead_rows, partial_rows
from quals.analysis.pairwise import pair_rows
from quals.analysis.raters import rater_rows
from quals.analysis.statistics import holm
from quals.command import run, stage_parser
from quals.corpora.judgments import (
    DEVELOPMENT,
    HALUEVAL,
    HELD_OUT,
    Judgments,
    read_judgments,
)
from quals.jsonl import DataError, Row, read_jsonl, write_json, write_jsonl
from quals.metrics.averages import AVERAGES, PAPER, Tokens
from quals.metrics.quals import QualsSettings
from quals.models.source import model_folder
from quals.params import load_section
from quals.signature import signature
from quals.training.loop import Stopwatch

LEVEL, RESAMPLES, PERMUTATIONS = 0.95, 5000, 10_000
ROUNDING = 1e-4  # files keep six digits of every token
EXTENSION = (
    "quals_explained"  # the variant that is offered beside QUALS: held against all that QUALS is
)


def main(arguments) -> None:
    """`judged` holds the scores that the stages `judge_quals` and `judge_qags` left."""
    watch = Stopwatch()
    settings = load_section(arguments.params, "judgments", Judgments)
    judged = read_judgments(arguments.benchmark, settings, os.environ)
    quals = load_section(arguments.params, "quals", QualsSettings)
    qagen = model_folder(str(arguments.qagen))
    found = _scores(arguments.judged, quals.max_pairs)
    missing = [item.id for item in judged if item.id not in found]
    if missing:
        raise DataError(f"{arguments.judged}: '{missing[0]}' has no scores")
    items = [
        {
            "id": item.id,
            "document_id": item.document_id,
            "source": item.source,
            "half": item.half,
            "truth": item.truth,
            "error": None,
            "ratings": list(item.ratings),
            **found[item.id],
        }
        for item in judged
    ]
    write_jsonl(arguments.items, items)
    halves = {half: [i for i in items if i["half"] == half] for half in (HELD_OUT, DEVELOPMENT)}
    tables = {
        half: _tables(arguments.benchmark, rows, settings.length_tolerance)
        for half, rows in halves.items()
    }
    write_json(
        arguments.out,
        {
            **tables[HELD_OUT],
            DEVELOPMENT: tables[DEVELOPMENT],
            "signature": signature(models={"qagen": qagen}),
        },
    )
    print(f"judgments {arguments.benchmark}: {len(items)} summaries, {watch.seconds():.0f} s")


def _scores(judged: Path, most: int) -> dict[str, Row]:
    """By the id of a summary its scores from all files, and those of the variants of QUALS."""
    found: dict[str, Row] = {}
    for path in sorted(judged.glob("*.jsonl")):
        rows = read_jsonl(path, {"id": str, "scores": dict})
        averages = _averages(rows, most)
        for row, others in zip(rows, averages, strict=True):
            mine = found.setdefault(row["id"], {"scores": {}, "variants": {}})
            mine["scores"] |= row["scores"]
            mine["variants"] |= row.get("variants", {}) | others
    return found


def _averages(rows: list[Row], most: int) -> list[Row]:
    """What other averages make of the pairs behind each score, of which QUALS took `most`.

    Nothing where the pairs are others: those of a variant that searched wider, or parts of pairs.
    """
    if not all("pairs" in row for row in rows):
        return [{} for _ in rows]
    asked = [
        [Tokens(pair["document"], pair["summary"], pair["answer_at"]) for pair in row["pairs"]]
        for row in rows
    ]
    columns = {
        name: [average.of(pairs[:most]) for pairs in asked] for name, average in AVERAGES.items()
    }
    for row, again in zip(rows, columns.pop(PAPER), strict=True):
        score = row["scores"]["quals"]
        if (score is None) != (again is None) or abs((score or 0) - (again or 0)) > ROUNDING:
            print(f"judgments: the pairs of {row['id']} are not QUALS's own: no other averages")
            return [{} for _ in rows]
    return [
        {f"quals_{name}": column[at] for name, column in columns.items()} for at in range(len(rows))
    ]


def _tables(benchmark: str, items: list[Row], tolerance: float) -> dict[str, list[Row]]:
    """Agreement, QUALS's leads, what copying leaves, its variants, and people's line or the pairs.

    Variants are held against QUALS in a family of their own: Holm's other one is of other metrics.
    `extension` has the same tables for the one that is offered by name, its leads in a third.
    """
    fixed = {"resamples": RESAMPLES, "seed": 0, "level": LEVEL}
    variants = [
        {**item, "scores": {"quals": item["scores"]["quals"], **item["variants"]}} for item in items
    ]
    beside = dependence({benchmark: variants}, permutations=PERMUTATIONS, **fixed)
    tables = {
        "rows": agreement_rows(benchmark, items, **fixed),
        "by_error": [],
        **dependence({benchmark: items}, permutations=PERMUTATIONS, **fixed),
        "variants": agreement_rows(benchmark, variants, **fixed),
        "variant_leads": beside["leads"],
    }
    tables |= _beside_people(benchmark, items, tolerance)
    return {**tables, "extension": _extension(benchmark, items, tolerance)}


def _beside_people(benchmark: str, items: list[Row], tolerance: float) -> dict[str, list[Row]]:
    """The pairs of one article where an error was made, else every metric in a reader's place."""
    if benchmark == HALUEVAL:
        fixed = {"resamples": RESAMPLES, "seed": 0, "level": LEVEL}
        return {"pairs": pair_rows(benchmark, items, tolerance=tolerance, **fixed)}
    table = collect(items)
    rows = rater_rows(
        benchmark,
        np.array([item["ratings"] for item in items]),
        table.scores,
        members=table.documents,
        counts=document_draws(table, resamples=RESAMPLES, seed=0),
        level=LEVEL,
    )
    return {"raters": rows}


def _extension(benchmark: str, items: list[Row], tolerance: float) -> dict[str, list[Row]]:
    """Rows of the variant `EXTENSION` alone, among all metrics."""
    items = [
        {**item, "scores": {**item["scores"], EXTENSION: item["variants"][EXTENSION]}}
        for item in items
    ]
    table = collect(items)
    counts = document_draws(table, resamples=RESAMPLES, seed=0)
    leads = lead_rows(
        benchmark,
        table,
        counts,
        permutations=PERMUTATIONS,
        seed=0,
        level=LEVEL,
        ours=EXTENSION,
    )
    adjusted = holm([row["p"] for row in leads])
    few = [
        {
            **item,
            "scores": {name: item["scores"][name] for name in (EXTENSION, "length", *CONTROLS)},
        }
        for item in items
    ]
    others = {
        "partial": partial_rows(benchmark, collect(few), counts, level=LEVEL),
        **_beside_people(benchmark, few, tolerance),
    }
    return {
        "leads": [{**row, "p_holm": p} for row, p in zip(leads, adjusted, strict=True)],
        **{
            key: [row for row in rows if row["metric"] == EXTENSION] for key, rows in others.items()
        },
    }


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params qagen judged items out", names="benchmark"))
