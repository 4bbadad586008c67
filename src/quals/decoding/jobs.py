"""What does a process need that decodes with a summarizer? Folders and settings, nothing loaded."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from quals.corpus import Article, stream_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.models import checkpoint
from quals.params import Count, Section
from quals.piecewise import Done, Kept, work_through
from quals.training.loop import seed_everything


@dataclass(frozen=True)
class Writer:
    """A summarizer's folder, and how it reads and decodes."""

    folder: Path
    limits: SummaryLimits
    max_source_tokens: int

    def load(self) -> Summarizer:
        return Summarizer(checkpoint.load(self.folder), self.limits, self.max_source_tokens)


class Summarize(Section):
    """The scale's `summarize` section; how each corpus is decoded stands in `summaries`."""

    chunk_documents: Count


@dataclass(frozen=True)
class SummaryJob:
    """Summaries of a corpus's test split."""

    writer: Writer
    corpus: Path
    settings: Summarize
    kept: Kept
    out: Path


def write_summaries(job: SummaryJob) -> None:
    """By beam search, one row for each document."""
    load = cache(job.writer.load)  # once, and never where all chunks are there

    def work(start: int, articles: list[Article]) -> Done:
        texts = load().summarize([article.document for article in articles])
        rows = zip(articles, texts, strict=True)
        return Done([[{"id": article.id, "summary": text} for article, text in rows]], {})

    work_through(
        partial(stream_articles, job.corpus, "test"),
        job.settings.chunk_documents,
        work,
        kept=job.kept,
        outs=[job.out],
        title="summarize",
    )


class Sample(Section):
    """The scale's `sample` section (paper.md 4a: six samples, top-k 50)."""

    documents: Count | None  # null for all
    samples: Count
    top_k: Count
    chunk_documents: Count


@dataclass(frozen=True)
class SampleJob:
    """Samples of a corpus's first training documents."""

    writer: Writer
    corpus: Path
    seed: int
    settings: Sample
    kept: Kept
    out: Path


def write_samples(job: SampleJob) -> Counter[str]:
    """One row of candidates for each document.

    Counts `documents`, their `texts` and how many of these are `distinct`.
    """
    seed_everything(job.seed)
    load = cache(job.writer.load)

    def work(start: int, articles: list[Article]) -> Done:
        found = load().sample(
            [article.document for article in articles],
            samples=job.settings.samples,
            top_k=job.settings.top_k,
            generator=torch.Generator().manual_seed(chunk_seed(job.seed, start)),
        )
        rows = [{"id": a.id, "candidates": texts} for a, texts in zip(articles, found, strict=True)]
        counts = {
            "documents": len(rows),
            "texts": sum(map(len, found)),
            "distinct": sum(len(set(texts)) for texts in found),
        }
        return Done([rows], counts)

    return work_through(
        partial(stream_articles, job.corpus, "train", job.settings.documents),
        job.settings.chunk_documents,
        work,
        kept=job.kept,
        outs=[job.out],
        title=f"sample {job.seed}",
    )


def chunk_seed(seed: int, start: int) -> int:
    """Of the random numbers of a chunk, by its place: not by what was drawn before it.

    The first chunk's is the seed itself, so that a corpus of one chunk needs no other.
    """
    if start == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed} {start}".encode(), digest_size=7).digest())
