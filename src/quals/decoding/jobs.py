"""What does a process need that decodes with a summarizer? Folders and settings, nothing loaded."""

from dataclasses import dataclass
from pathlib import Path

import torch

from quals.corpus import read_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.jsonl import write_jsonl
from quals.models import checkpoint
from quals.params import Count, Section
from quals.training.loop import seed_everything


@dataclass(frozen=True)
class Writer:
    """A summarizer's folder, and how it reads and decodes."""

    folder: Path
    limits: SummaryLimits
    max_source_tokens: int

    def load(self) -> Summarizer:
        return Summarizer(checkpoint.load(self.folder), self.limits, self.max_source_tokens)


@dataclass(frozen=True)
class SummaryJob:
    """Summaries of a corpus's test split."""

    writer: Writer
    corpus: Path
    out: Path


def write_summaries(job: SummaryJob) -> None:
    """By beam search, one row for each document."""
    articles = read_articles(job.corpus, "test")
    texts = job.writer.load().summarize([article.document for article in articles])
    rows = zip(articles, texts, strict=True)
    write_jsonl(job.out, ({"id": article.id, "summary": text} for article, text in rows))


class Sample(Section):
    """The scale's `sample` section (paper.md 4a: six samples, top-k 50)."""

    documents: Count | None  # null for all
    samples: Count
    top_k: Count


@dataclass(frozen=True)
class SampleJob:
    """Samples of a corpus's first training documents."""

    writer: Writer
    corpus: Path
    seed: int
    settings: Sample
    out: Path


def write_samples(job: SampleJob) -> float:
    """One row of candidates for each document; how many distinct ones a document has on average."""
    seed_everything(job.seed)
    articles = read_articles(job.corpus, "train", job.settings.documents)
    candidates = job.writer.load().sample(
        [article.document for article in articles],
        samples=job.settings.samples,
        top_k=job.settings.top_k,
        generator=torch.Generator().manual_seed(job.seed),
    )
    rows = zip(articles, candidates, strict=True)
    write_jsonl(job.out, ({"id": article.id, "candidates": texts} for article, texts in rows))
    return sum(len(set(texts)) for texts in candidates) / len(candidates)
