"""Which summaries are taught and which unlearned? S+ and S- in every variant of the ablations."""

import zlib
from dataclasses import dataclass, replace

from quals.ablations.recipes import Recipe
from quals.training.selection import Scored


@dataclass(frozen=True)
class Lesson:
    """A document's two summaries, and which of them are trained on.

    What is not trained on still says which tokens of the other one are its own.
    """

    id: str
    positive: str
    negative: str
    teach: bool = True
    punish: bool = True


def select_lessons(documents: list[Scored], recipe: Recipe) -> list[Lesson]:
    """The lessons of a recipe, in order of id.

    S- are the `negative_share` of all documents whose worst candidate is lowest, S+ the
    `positive_share` whose positive is highest, where a positive is the reference or the best
    candidate. Intersected, a document has to be in both (with no `positive_share`, in S- alone);
    otherwise each set is trained on by itself. Ties fall to the smaller id, and of more than
    `pairs` documents the same arbitrary part stays, as in `training.selection`.
    """
    table = [_row(_first(document, recipe.samples), recipe.positives) for document in documents]
    lowest = sorted((r for r in table if r.worst is not None), key=lambda r: (r.worst, r.id))
    lowest = highest = lowest[: round(recipe.negative_share * len(table))]
    if recipe.positive_share is not None:
        graded = sorted((r for r in table if r.best is not None), key=lambda r: (-r.best, r.id))
        highest = graded[: round(recipe.positive_share * len(table))]
    if recipe.intersect:
        trusted = {row.id for row in highest}
        lowest = highest = [row for row in lowest if row.id in trusted]
    lessons = _lessons(_some(highest, recipe.pairs), _some(lowest, recipe.pairs))
    return sorted(lessons, key=lambda lesson: lesson.id)


@dataclass(frozen=True)
class _Row:
    """A document's positive and negative with their scores, None where it cannot be one."""

    id: str
    positive: str
    best: float | None
    negative: str
    worst: float | None


def _row(document: Scored, positives: str) -> _Row:
    at = document.worst
    negative, worst = ("", None) if at is None else (document.candidates[at], document.scores[at])
    if positives == "reference":
        return _Row(document.id, document.reference, document.reference_score, negative, worst)
    positive, best = _best(document)
    if best is not None and worst is not None and best <= worst:
        worst = None  # all samples are equally good: none is to be unlearned
    return _Row(document.id, positive, best, negative, worst)


def _best(document: Scored) -> tuple[str, float | None]:
    """The candidate with the highest score, the first of equals."""
    known = [(-score, at) for at, score in enumerate(document.scores) if score is not None]
    if not known:
        return "", None
    lost, at = min(known)
    return document.candidates[at], -lost


def _lessons(taught: list[_Row], punished: list[_Row]) -> list[Lesson]:
    """One lesson for each document of either set, with both summaries where it is in both."""
    rows = {row.id: row for row in (*taught, *punished)}
    teach, punish = {row.id for row in taught}, {row.id for row in punished}
    return [
        Lesson(row.id, row.positive, row.negative, row.id in teach, row.id in punish)
        for row in rows.values()
    ]


def _first(document: Scored, samples: int) -> Scored:
    """The document with its first `samples` candidates."""
    return replace(
        document, candidates=document.candidates[:samples], scores=document.scores[:samples]
    )


def _some(rows: list[_Row], most: int) -> list[_Row]:
    """At most `most` of the rows, as if drawn by lot, but the same ones every time."""
    return sorted(rows, key=lambda row: (zlib.crc32(row.id.encode()), row.id))[:most]
