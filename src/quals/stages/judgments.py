"""Stage `judgments`: each metric against people (QAGS) or makers of errors (HaluEval).

Settings are chosen on the half `development`; `rows` are of the other half, which nothing saw.
"""

import os
from pathlib import Path

import numpy as np

from quals.analysis.agreement import agreement_rows, collect, document_draws
from quals.analysis.leads import dependence
from quals.analysis.pairwise import pair_rows
from quals.analysis.raters import rater_rows
from quals.command import run, stage_parser
from quals.corpora.judgments import (
    DEVELOPMENT,
    HALUEVAL,
    HELD_OUT,
    Judged,
    Judgments,
    read_judgments,
)
from quals.jsonl import Row, write_json, write_jsonl
from quals.metrics.likelihood import Likelihood
from quals.metrics.overlap import copy_rates
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import TYPES, Rouge, RougeSettings
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.released import find
from quals.models.source import hub_folder
from quals.params import load_section
from quals.signature import signature
from quals.training.loop import Stopwatch

LEVEL, RESAMPLES, PERMUTATIONS = 0.95, 5000, 10_000


def main(arguments) -> None:
    watch = Stopwatch()
    settings = load_section(arguments.params, "judgments", Judgments)
    judged = read_judgments(arguments.benchmark, settings, os.environ)
    base = find(
        load_section(arguments.params, "train_qagen.base", Places), arguments.params, hub=hub_folder
    )
    quals = Quals.from_pretrained(
        arguments.qagen, load_section(arguments.params, "quals", QualsSettings)
    )
    scores = _scores(arguments.params, quals, base, settings, judged)
    items = [
        {
            "id": item.id,
            "document_id": item.document_id,
            "source": item.source,
            "half": item.half,
            "truth": item.truth,
            "error": None,
            "ratings": list(item.ratings),
            "scores": metrics,
        }
        for item, metrics in zip(judged, scores, strict=True)
    ]
    write_jsonl(arguments.items, items)
    halves = {half: [i for i in items if i["half"] == half] for half in (HELD_OUT, DEVELOPMENT)}
    found = {
        half: _tables(arguments.benchmark, rows, settings.length_tolerance)
        for half, rows in halves.items()
    }
    write_json(
        arguments.out,
        {
            **found[HELD_OUT],
            DEVELOPMENT: found[DEVELOPMENT],
            "signature": signature(models={"qagen": arguments.qagen, "base": base}),
        },
    )
    print(f"judgments {arguments.benchmark}: {len(items)} summaries, {watch.seconds():.0f} s")


def _scores(
    params: Path, quals: Quals, base: Path, settings: Judgments, judged: list[Judged]
) -> list[Row]:
    """All metrics of every summary; ROUGE is taken against the document."""
    documents, summaries = [j.document for j in judged], [j.summary for j in judged]
    budget = quals.settings.row_budget
    plain = Likelihood(
        checkpoint.load(base), longest=settings.max_likelihood_tokens, row_budget=budget
    )
    rouge = Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
    columns = zip(
        quals.score(documents, summaries),
        rouge.score(documents, summaries),
        copy_rates(documents, summaries),
        plain.score(documents, summaries),
        strict=True,
    )
    return [
        {
            "quals": found.quals,
            **{name: overlap[name] for name in TYPES},
            **{name: value for name, value in copied.items() if name != "novel2"},
            "likelihood": likelihood,
        }
        for found, overlap, copied, likelihood in columns
    ]


def _tables(benchmark: str, items: list[Row], tolerance: float) -> dict[str, list[Row]]:
    """Agreement, QUALS's leads, what copying leaves, and people's line or the pairs."""
    table = collect(items)
    fixed = {"resamples": RESAMPLES, "seed": 0, "level": LEVEL}
    tables = {
        "rows": agreement_rows(benchmark, items, **fixed),
        "by_error": [],
        **dependence({benchmark: items}, permutations=PERMUTATIONS, **fixed),
    }
    if benchmark == HALUEVAL:
        tables["pairs"] = pair_rows(benchmark, items, tolerance=tolerance, **fixed)
    else:
        tables["raters"] = rater_rows(
            benchmark,
            np.array([item["ratings"] for item in items]),
            table.scores,
            members=table.documents,
            counts=document_draws(table, resamples=RESAMPLES, seed=0),
            level=LEVEL,
        )
    return tables


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params qagen items out", names="benchmark"))
