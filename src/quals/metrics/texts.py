"""What is scored, and how are very many texts? In parts side by side, one process each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from quals.parallel import run_jobs

Score = TypeVar("Score")

PARTS = 4  # not the number of cores: batches, and with them the last digits, are the same anywhere


@dataclass(frozen=True)
class Texts:
    """Aligned documents, references and summaries, and the documents' ids."""

    ids: list[str]
    documents: list[str]
    references: list[str]
    summaries: list[str]


def score_in_parts(
    score: Callable[[Texts], list[Score]], texts: Texts, *, workers: int | None = None
) -> list[Score]:
    """What `score` finds for each text, in order; equal texts are scored once.

    All texts of a document are in one part, so that it is read once. `score` is called once for
    each part, perhaps in another process: it must survive pickling, which loaded models do not.
    """
    rows = list(zip(texts.ids, texts.documents, texts.references, texts.summaries, strict=True))
    documents = sorted(set(texts.documents))
    part_of = {document: at % PARTS for at, document in enumerate(documents)}
    parts: list[list[tuple[str, str, str, str]]] = [[] for _ in range(PARTS)]
    for row in sorted(set(rows)):
        parts[part_of[row[1]]].append(row)
    parts = [part for part in parts if part]
    jobs = [(score, Texts(*map(list, zip(*part, strict=True)))) for part in parts]
    found = {}
    for part, scores in zip(parts, run_jobs(_score, jobs, workers=workers), strict=True):
        found.update(zip(part, scores, strict=True))
    return [found[row] for row in rows]


def _score(job: tuple[Callable[[Texts], list[Score]], Texts]) -> list[Score]:
    score, texts = job
    return score(texts)
