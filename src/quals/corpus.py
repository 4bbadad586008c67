"""What do the stages hand each other? Typed readers of the corpus, candidates and scores files."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from quals.jsonl import DataError, read_jsonl, stream_by_id

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Article:
    """A document with its reference summary, shaped as on the hub."""

    id: str
    document: str
    summary: str


def read_articles(folder: Path, split: str, most: int | None = None) -> list[Article]:
    """The split's articles in order of id, the first `most` of them."""
    return list(stream_articles(folder, split, most))


def stream_articles(folder: Path, split: str, most: int | None = None) -> Iterator[Article]:
    """The same one at a time; that there are fewer than `most` is found out at the end."""
    path = folder / f"{split}.jsonl"
    count = 0
    for row in islice(stream_by_id(path, {"id": str, "document": str, "summary": str}), most):
        count += 1
        yield Article(row["id"], row["document"], row["summary"])
    if most is not None and count < most:
        raise DataError(f"{path}: {most} rows are needed, there are {count}")


@dataclass(frozen=True)
class Asked:
    """A question about a context; `answer` is None where the context holds none."""

    question: str
    answer: str | None
    start: int | None


@dataclass(frozen=True)
class Context:
    """A text with questions about it; `kind` is "article" or "summary"."""

    id: str
    kind: str
    text: str
    questions: tuple[Asked, ...]


def read_contexts(path: Path) -> list[Context]:
    """The question-answer training data: SQuAD's content, one row per context."""
    rows = read_jsonl(path, {"id": str, "kind": str, "context": str, "questions": list})
    return [
        Context(
            row["id"],
            row["kind"],
            row["context"],
            tuple(Asked(q["question"], q["answer"], q["answer_start"]) for q in row["questions"]),
        )
        for row in rows
    ]
