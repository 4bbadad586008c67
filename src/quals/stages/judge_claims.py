"""Stage `judge_claims`: FactCC, explained shares and the controls on claims that people checked.

QUALS itself would have to ask sixty groups of questions about each of a thousand claims.
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quals.analysis.checked import claim_tables
from quals.command import run, stage_parser
from quals.corpora.claims import Claim, read_claims
from quals.corpora.judgments import Judgments
from quals.jsonl import Row, rounded, write_json, write_jsonl
from quals.metrics.explained import ExplainedQuals
from quals.metrics.judging import copied_shares
from quals.metrics.likelihood import Likelihood
from quals.metrics.pairs import mean
from quals.metrics.parts import in_parts
from quals.metrics.quals import QualsSettings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.suite import load_classifier
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.released import find
from quals.models.source import model_folder
from quals.params import load_section
from quals.signature import signature
from quals.training.loop import Stopwatch

Pair = tuple[str, str]  # document and claim


def main(arguments) -> None:
    watch = Stopwatch()
    params: Path = arguments.params
    settings = load_section(params, "judgments", Judgments)
    claims = read_claims(arguments.benchmark, settings.folder, os.environ)
    pairs = [(claim.document, claim.text) for claim in claims]
    reader = Reader(
        qagen=model_folder(str(arguments.qagen)),
        plain=find(load_section(params, "train_qagen.base", Places), params),
        settings=load_section(params, "quals", QualsSettings),
        longest=settings.max_likelihood_tokens,
    )
    columns = {
        "factcc": in_parts(
            partial(_believe, params, arguments.factcc), pairs, cost=lambda pair: len(pair[0])
        ),
        **reader.columns(pairs),
    }
    rouge = Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
    items = _items(claims, columns, rouge)
    write_jsonl(arguments.items, items)
    tables = claim_tables(arguments.benchmark, items)
    tables["signature"] = signature(models={"factcc": arguments.factcc, "qagen": reader.qagen})
    write_json(arguments.out, tables)
    print(f"judge_claims {arguments.benchmark}: {len(items)} claims, {watch.seconds():.0f} s")


def _believe(params: Path, factcc: Path, pairs: list[Pair]) -> list[float]:
    """p(consistent) of (document, claim) pairs, in order; claims are not split into sentences."""
    documents, claims = [document for document, _ in pairs], [claim for _, claim in pairs]
    return load_classifier(params, factcc).probabilities(documents, claims)


@dataclass(frozen=True)
class Reader:
    """What a language model makes of a claim, as in `judge_quals`: QAGen, and one before it."""

    qagen: Path
    plain: Path
    settings: QualsSettings
    longest: int

    def columns(self, pairs: list[Pair]) -> dict[str, list[float | None]]:
        """Scores of all pairs by name. A document with many claims is read once."""
        asked: dict[str, dict[str, None]] = {}
        for document, claim in pairs:
            asked.setdefault(document, {})[claim] = None
        texts = [(document, tuple(mine)) for document, mine in asked.items()]
        found = in_parts(self, texts, cost=lambda text: len(text[0]))
        scores = {
            (document, claim): row
            for (document, mine), rows in zip(texts, found, strict=True)
            for claim, row in zip(mine, rows, strict=True)
        }
        names = next(iter(scores.values()))
        return {name: [scores[pair][name] for pair in pairs] for name in names}

    def __call__(self, texts: list[tuple[str, tuple[str, ...]]]) -> list[list[Row]]:
        """A row for each claim about each document."""
        documents = [document for document, mine in texts for _ in mine]
        claims = [claim for _, mine in texts for claim in mine]
        explained = ExplainedQuals.from_pretrained(self.qagen, self.settings)
        shares = explained.score(documents, claims)
        plain = Likelihood(
            checkpoint.load(self.plain), longest=self.longest, row_budget=self.settings.row_budget
        )
        tokens = plain.tokens(documents, claims)
        rows = zip(shares, tokens, plain.share(tokens, claims), strict=True)
        of_claims = (
            {
                "quals_explained": share.quals,
                "likelihood": None if under is None else mean(under),
                "likelihood_explained": plainly,
            }
            for share, under, plainly in rows
        )
        return [[next(of_claims) for _ in mine] for _, mine in texts]


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
