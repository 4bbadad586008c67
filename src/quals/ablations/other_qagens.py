"""Would QUALS agree better with people if its QAGen had learnt otherwise?

`python -m quals.ablations.other_qagens` lets another QAGen score the development halves of what
people judged, and holds its scores against those that the scale's QAGen left (`judge_quals`). The
held-out halves are not looked at, so that a QAGen may be chosen by what comes of it. docs/people.md
shows how another one is trained and what became of some.
"""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from quals.ablations.variants import score_by_folder
from quals.analysis.agreement import agreement_rows, collect, document_draws
from quals.analysis.leads import lead_rows
from quals.analysis.statistics import holm
from quals.command import run, stage_parser
from quals.corpora.judgments import DEVELOPMENT, Judged, Judgments, read_judgments
from quals.jsonl import DataError, Row, read_json, read_jsonl, write_json
from quals.metrics.quals import QualsSettings
from quals.metrics.texts import Texts, score_in_parts
from quals.models.source import model_folder
from quals.params import load_section
from quals.piecewise import Done, Kept, identity_of, work_through
from quals.signature import content_hash, signature
from quals.stages.judgments import LEVEL, PERMUTATIONS, RESAMPLES
from quals.unfinished import unfinished

FORMULAS = ("quals", "quals_explained")  # the paper's, and the one that is offered by name
OURS, OTHER = "scale", "other"  # the QAGen of the scale, and the one that is tried
SEED = 0  # of resamples and permutations, as in the stage `judgments`


def main(arguments: argparse.Namespace) -> None:
    """Judge with the other QAGen and write what came of it to `out`."""
    settings = load_section(arguments.params, "judgments", Judgments)
    record = _training_record(arguments.training)
    qagen = model_folder(str(arguments.qagen))
    sets = {}
    for benchmark in arguments.benchmarks:  # all of them: bad input is found before any work
        judged = read_judgments(benchmark, settings, os.environ)
        items = [item for item in judged if item.half == DEVELOPMENT]
        sets[benchmark] = items, _stored(arguments.judged / benchmark / "quals.jsonl", items)
    rows: list[Row] = []
    for benchmark, (items, before) in sets.items():
        path = arguments.scores / f"{benchmark}.jsonl"
        _judge(arguments.params, qagen, items, path, chunk=settings.chunk_summaries)
        rows += compare(benchmark, items, before, read_jsonl(path))
    adjusted = holm([row["p"] for row in rows])
    write_json(
        arguments.out,
        {
            "training": record,
            "rows": [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)],
            "signature": signature(models={"qagen": qagen}),
        },
    )


def compare(
    benchmark: str, items: Sequence[Judged], before: Sequence[Row], after: Sequence[Row]
) -> list[Row]:
    """A row for each formula: Pearson's r under both QAGens, and how far the other's is ahead.

    `before` and `after` hold the scores of each item by formula, None where there is none. The
    difference is over the items that both QAGens score, each r over those that its own scores.
    """
    rows = []
    for formula in FORMULAS:
        found = [
            {
                "id": item.id,
                "document_id": item.document_id,
                "source": item.source,
                "truth": item.truth,
                "error": None,
                "scores": {OURS: old[formula], OTHER: new[formula]},
            }
            for item, old, new in zip(items, before, after, strict=True)
        ]
        of = {
            row["metric"]: row
            for row in agreement_rows(benchmark, found, resamples=RESAMPLES, seed=SEED, level=LEVEL)
        }
        table = collect(found)
        (lead,) = lead_rows(
            benchmark,
            table,
            document_draws(table, resamples=RESAMPLES, seed=SEED),
            permutations=PERMUTATIONS,
            seed=SEED,
            level=LEVEL,
            ours=OTHER,
        )
        kept = ("n", "undefined", "pearson", "pearson_low", "pearson_high")
        rows.append(
            {
                "benchmark": benchmark,
                "metric": formula,
                **{which: {key: of[which][key] for key in kept} for which in (OURS, OTHER)},
                **{key: lead[key] for key in ("n", "difference", "low", "high", "p")},
            }
        )
    return rows


def _training_record(path: Path) -> Row:
    """What the stage `train_qagen` wrote of its work, but for the curve."""
    record = read_json(path)
    if not isinstance(record, dict) or record.get("stage") != "train_qagen":
        raise DataError(f"{path}: field 'stage' must be 'train_qagen'")
    return {key: record[key] for key in ("metrics", "settings", "signature")}


def _stored(path: Path, items: Sequence[Judged]) -> list[Row]:
    """By formula what the scale's QAGen made of the items, in their order."""
    fields = {"id": str, "scores": dict, "variants": dict}
    known = {row["id"]: row["scores"] | row["variants"] for row in read_jsonl(path, fields)}
    for item in items:
        for formula in FORMULAS:
            if formula not in known.get(item.id, {}):
                raise DataError(f"{path}: '{item.id}' has no score '{formula}'")
    return [known[item.id] for item in items]


def _judge(params: Path, qagen: Path, items: list[Judged], out: Path, *, chunk: int) -> None:
    """Write the scores of `FORMULAS` by that QAGen; a kill costs a chunk of items."""
    settings = load_section(params, "quals", QualsSettings)
    score = partial(score_by_folder, qagen, [settings])

    def rows(part: list[Judged]) -> list[Row]:
        ids, documents = [item.id for item in part], [item.document for item in part]
        summaries = [item.summary for item in part]
        found = score_in_parts(score, Texts(ids, documents, [""] * len(part), summaries))
        return [
            {"id": name, **dict(zip(FORMULAS, scores, strict=True))}
            for name, scores in zip(ids, found, strict=True)
        ]

    model = content_hash(qagen)
    depends = {"model": model, "settings": settings.model_dump()}
    with unfinished(params, f"other_qagens/{model}/{out.stem}") as folder:
        work_through(
            lambda: iter(items),
            chunk,
            lambda _, part: Done([rows(part)], {}),
            kept=Kept(folder, identity_of("judge_quals", **depends)),
            outs=[out],
            title=f"other_qagens {out.stem}",
        )


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params qagen training judged scores out")
    parser.add_argument("--benchmarks", nargs="+", required=True, metavar="NAME")
    run(main, parser)
