"""How consistent are a system's summaries, and how much do they copy? Rows for the trade-off.

With an oracle consistency is the truth, without one it is QUALS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from quals.corpus import Article, read_articles
from quals.decoding.jobs import Writer
from quals.decoding.variants import Copying, decode, variants
from quals.jsonl import write_jsonl
from quals.metrics.fragments import extractiveness
from quals.metrics.quals import Quals, QualsSettings
from quals.models import checkpoint
from quals.testbed.oracle import Oracle
from quals.training.loop import seed_everything

Judge = Callable[[list[Article], list[str]], list[float | None]]


@dataclass(frozen=True)
class CopyingJob:
    """The decoding variants of one MLE model; `corpus` and `truth` are folders of its data set."""

    seed: int
    writer: Writer
    settings: Copying
    corpus: Path
    truth: Path
    qagen: Path
    quals: QualsSettings
    out: Path


def judge_of(truth: Path) -> str:
    """The metric that judges a data set's summaries: the truth, where somebody knows it."""
    return "truth" if (truth / "test.jsonl").is_file() else "quals"


def decode_and_judge(job: CopyingJob) -> None:
    """Rows of every variant's summaries of the test documents, in `out`/<variant>/<seed>.jsonl."""
    seed_everything(job.settings.seed)
    articles = read_articles(job.corpus, "test")
    judge = _judge(job, articles)
    mle = checkpoint.load(job.writer.folder)
    for way in variants(job.settings):
        texts = decode(
            way,
            mle,
            [article.document for article in articles],
            limits=job.writer.limits,
            max_source_tokens=job.writer.max_source_tokens,
            top_k=job.settings.top_k,
            generator=torch.Generator().manual_seed(job.settings.seed),
        )
        write_rows(
            job.out / way.name / f"{job.seed}.jsonl", articles, texts, judge(articles, texts)
        )


def _judge(job: CopyingJob, articles: list[Article]) -> Judge:
    if judge_of(job.truth) == "truth":
        oracle = Oracle(job.truth, "test", articles)
        return lambda those, texts: [
            float(oracle.judge(article.id, text).consistent)
            for article, text in zip(those, texts, strict=True)
        ]
    quals = Quals.from_pretrained(job.qagen, job.quals)
    return lambda those, texts: [
        score.quals for score in quals.score([article.document for article in those], texts)
    ]


def write_rows(
    path: Path, articles: list[Article], texts: list[str], consistent: list[float | None]
) -> None:
    """Rows like those of `evaluate`, with how consistent each text is and what it copies."""
    write_jsonl(
        path,
        (
            {
                "id": article.id,
                "metrics": {"consistent": value, **extractiveness(article.document, text)},
            }
            for article, text, value in zip(articles, texts, consistent, strict=True)
        ),
    )
