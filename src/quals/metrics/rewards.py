"""What does a selector make of a corpus's candidates and references? Scores, chunk by chunk."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quals.corpus import Article, stream_articles
from quals.jsonl import DataError, Row, stream_by_id
from quals.metrics.selectors import Selector
from quals.metrics.texts import Texts
from quals.params import Count, Section
from quals.piecewise import Done, Kept, work_through


class Reward(Section):
    """The scale's `reward` section."""

    chunk_documents: Count


@dataclass(frozen=True)
class Sampled:
    """A document with its candidates of each seed."""

    article: Article
    candidates: list[list[str]]


@dataclass(frozen=True)
class RewardJob:
    """`candidates` and `out` hold a file for each seed; `select` maps documents to a selector."""

    title: str
    corpus: Path
    candidates: Path
    seeds: Sequence[int]
    select: Callable[[list[Article]], Selector]
    settings: Reward
    kept: Kept
    out: Path


def write_rewards(job: RewardJob) -> Counter[str]:
    """A row of scores for each document and seed; counts `texts` and those `undefined`."""
    files = [job.candidates / f"{seed}.jsonl" for seed in job.seeds]
    return work_through(
        partial(stream_sampled, job.corpus, files),
        job.settings.chunk_documents,
        lambda start, sampled: _scored(job.select, sampled),
        kept=job.kept,
        outs=[job.out / path.name for path in files],
        title=job.title,
    )


def stream_sampled(corpus: Path, files: Sequence[Path]) -> Iterator[Sampled]:
    """The training documents that have candidates, one at a time, in order of id.

    Every file has a row for each of them; `DataError` where one has not, or where a row is of no
    document.
    """
    articles = stream_articles(corpus, "train")
    streams = [stream_by_id(path, {"id": str, "candidates": list}) for path in files]
    number = 0
    while any(rows := [next(stream, None) for stream in streams]):
        number += 1
        first = min(row["id"] for row in rows if row)
        for path, row in zip(files, rows, strict=True):
            if row is None or row["id"] != first:
                found = "nothing" if row is None else f"'{row['id']}'"
                raise DataError(f"{path}:{number}: field 'id': {found} where others have '{first}'")
        article = next((a for a in articles if a.id >= first), None)
        if article is None or article.id != first:
            raise DataError(f"{files[0]}:{number}: field 'id': '{first}' is none of {corpus}")
        yield Sampled(article, [row["candidates"] for row in rows])


def _scored(select: Callable[[list[Article]], Selector], sampled: list[Sampled]) -> Done:
    """All seeds in one call: what they share, documents and references, is read once."""
    seeds = range(len(sampled[0].candidates))
    asked = [
        (one.article, text)
        for seed in seeds
        for one in sampled
        for text in (*one.candidates[seed], one.article.summary)
    ]
    scores = select([one.article for one in sampled])(
        Texts(
            ids=[article.id for article, _ in asked],
            documents=[article.document for article, _ in asked],
            references=[article.summary for article, _ in asked],
            summaries=[text for _, text in asked],
        )
    )
    remaining = iter(scores)
    outputs = [
        [_row(one.article, one.candidates[seed], remaining) for one in sampled] for seed in seeds
    ]
    return Done(outputs, {"texts": len(scores), "undefined": sum(s is None for s in scores)})


def _row(article: Article, candidates: list[str], scores: Iterator[float | None]) -> Row:
    """A document's candidates and reference, each with the next of the scores."""
    return {
        "id": article.id,
        "candidates": candidates,
        "scores": [next(scores) for _ in candidates],
        "reference": article.summary,
        "reference_score": next(scores),
    }
