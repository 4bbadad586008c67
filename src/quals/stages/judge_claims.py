"""Stage `judge_claims`: FactCC's classifier and the controls on claims that people checked."""

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
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.suite import load_classifier
from quals.params import load_section
from quals.signature import signature
from quals.training.loop import Stopwatch


def main(arguments) -> None:
    watch = Stopwatch()
    params: Path = arguments.params
    folder = load_section(params, "judgments", Judgments).folder
    rouge = Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
    claims = read_claims(arguments.benchmark, folder, os.environ)
    believed = in_parts(
        partial(_believe, params, arguments.factcc),
        [(claim.document, claim.text) for claim in claims],
        cost=lambda pair: len(pair[0]),
    )
    items = _items(claims, believed, rouge)
    write_jsonl(arguments.items, items)
    tables = claim_tables(arguments.benchmark, items)
    tables["signature"] = signature(models={"factcc": arguments.factcc})
    write_json(arguments.out, tables)
    print(f"judge_claims {arguments.benchmark}: {len(items)} claims, {watch.seconds():.0f} s")


def _believe(params: Path, factcc: Path, pairs: list[tuple[str, str]]) -> list[float]:
    """p(consistent) of (document, claim) pairs, in order; claims are not split into sentences."""
    documents, claims = [document for document, _ in pairs], [claim for _, claim in pairs]
    return load_classifier(params, factcc).probabilities(documents, claims)


def _items(claims: list[Claim], believed: list[float], rouge: Rouge) -> list[Row]:
    """Rounded as they will be in the file, so that how claims were batched decides no tie."""
    documents, texts = [claim.document for claim in claims], [claim.text for claim in claims]
    columns = zip(
        claims,
        believed,
        rouge.score(documents, texts),
        copied_shares(documents, texts),
        strict=True,
    )
    return [
        rounded(
            {
                "id": claim.id,
                "document_id": claim.document_id,
                "source": "claim",
                "truth": float(claim.consistent),
                "error": None,
                "scores": {
                    "factcc": probability,
                    "rougeL": overlap["rougeL"],
                    **copied,
                },
            }
        )
        for claim, probability, overlap, copied in columns
    ]


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params factcc items out", names="benchmark"))
