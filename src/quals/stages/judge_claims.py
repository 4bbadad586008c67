"""Stage `judge_claims`: FactCC, explained shares and the controls on claims that people checked.

QUALS itself would have to ask sixty groups of questions about each of a thousand claims.
"""

import os
from functools import partial
from pathlib import Path

from quals.analysis.checked import claim_tables
from quals.command import run, stage_parser
from quals.corpora.claims import Claim, read_claims
from quals.corpora.judgments import Judgments
from quals.jsonl import Row, rounded, write_json, write_jsonl
from quals.metrics.judging import copied_shares
from quals.metrics.parts import in_parts
from quals.metrics.readings import Pair, Readings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.suite import load_classifier
from quals.params import load_section
from quals.signature import signature
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    params: Path = arguments.params
    settings = load_section(params, "judgments", Judgments)
    claims = read_claims(arguments.benchmark, settings.folder, os.environ)
    pairs = [(claim.document, claim.text) for claim in claims]
    readings = Readings.of_scale(params, arguments.qagen)
    columns = {
        "factcc": in_parts(
            partial(_believe, params, arguments.factcc), pairs, cost=lambda pair: len(pair[0])
        ),
        **readings.columns(pairs),
    }
    rouge = Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
    items = _items(claims, columns, rouge)
    write_jsonl(arguments.items, items)
    tables = claim_tables(arguments.benchmark, items)
    tables["signature"] = signature(models={"factcc": arguments.factcc, "qagen": readings.qagen})
    write_json(arguments.out, tables)
    print(f"judge_claims {arguments.benchmark}: {len(items)} claims, {watch.seconds():.0f} s")


def _believe(params: Path, factcc: Path, pairs: list[Pair]) -> list[float]:
    """p(consistent) of (document, claim) pairs, in order; claims are not split into sentences."""
    documents, claims = [document for document, _ in pairs], [claim for _, claim in pairs]
    return load_classifier(params, factcc).probabilities(documents, claims)


def _items(claims: list[Claim], columns: dict[str, list[float | None]], rouge: Rouge) -> list[Row]:
    """Rounded as they will be in the file, so that how claims were batched decides no tie."""
    documents, texts = [claim.document for claim in claims], [claim.text for claim in claims]
    scores = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = zip(
        claims, scores, rouge.score(documents, texts), copied_shares(documents, texts), strict=True
    )
    return [
        rounded(
            {
                "id": claim.id,
                "document_id": claim.document_id,
                "source": "claim",
                "truth": float(claim.consistent),
                "error": None,
                "scores": {**judged, "rougeL": overlap["rougeL"], **copied},
            }
        )
        for claim, judged, overlap, copied in rows
    ]


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params factcc qagen items out", names="benchmark"))
