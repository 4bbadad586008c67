"""What is scored, and how are very many texts? In parts side by side, by one process each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from quals.metrics.parts import in_parts

Score = TypeVar("Score")
Row = tuple[str, str, str, str]  # id, document, reference, summary

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
    of_document: dict[str, list[Row]] = {}
    for row in sorted(set(rows)):
        of_document.setdefault(row[1], []).append(row)
    groups = list(of_document.values())
    scores = in_parts(partial(_score, score), groups, cost=len, parts=PARTS, workers=workers)
    found = {
        row: value
        for group, values in zip(groups, scores, strict=True)
        for row, value in zip(group, values, strict=True)
    }
    return [found[row] for row in rows]


def _score(score: Callable[[Texts], list[Score]], groups: list[list[Row]]) -> list[list[Score]]:
    rows = [row for group in groups for row in group]
    values = iter(score(Texts(*map(list, zip(*rows, strict=True)))))
    return [[next(values) for _ in group] for group in groups]
