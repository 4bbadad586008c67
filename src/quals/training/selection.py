"""Which documents teach, and with which pair? S+ and S- of ConSeq (paper.md 4a)."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from quals.jsonl import read_jsonl


@dataclass(frozen=True)
class Scored:
    """A document's candidates and reference with a selector's scores; None where undefined."""

    id: str
    candidates: tuple[str, ...]
    scores: tuple[float | None, ...]
    reference: str
    reference_score: float | None

    @property
    def worst(self) -> int | None:
        """Index of the lowest-scored candidate, the first of equals; None if none has a score.

        A candidate equal to the reference never counts: it would be pulled up and pushed down.
        """
        known = [
            (score, index)
            for index, score in enumerate(self.scores)
            if score is not None and self.candidates[index] != self.reference
        ]
        return min(known)[1] if known else None


def read_scores(path: Path) -> list[Scored]:
    """The rows that the stage `reward` left."""
    fields = {"id": str, "candidates": list, "scores": list, "reference": str}
    return [
        Scored(
            row["id"],
            tuple(row["candidates"]),
            tuple(row["scores"]),
            row["reference"],
            row["reference_score"],
        )
        for row in read_jsonl(path, {**fields, "reference_score": object})
    ]


@dataclass(frozen=True)
class ContrastPair:
    """A document with the summary to learn (`positive`) and the one to unlearn (`negative`)."""

    id: str
    positive: str
    negative: str


def select_pairs(
    documents: list[Scored],
    *,
    negative_share: float,
    positive_share: float | None,
    most: int | None,
) -> list[ContrastPair]:
    """The pairs of the documents that are in both S- and S+, in order of id.

    S-: the `negative_share` of all documents whose worst candidate is lowest. S+: the
    `positive_share` whose reference is highest; None where the selector cannot tell references
    apart (ROUGE), and S+ are then the references of S-. Undefined scores are never selected; ties
    fall to the smaller id. Of more than `most` pairs an arbitrary but fixed part stays: keeping the
    lowest negatives would make another selection of it, and mostly keep unreadable ones.
    """
    eligible = [d for d in documents if d.worst is not None]
    lowest = sorted(eligible, key=lambda d: (d.scores[d.worst], d.id))
    lowest = lowest[: round(negative_share * len(documents))]
    chosen = lowest
    if positive_share is not None:
        graded = [d for d in documents if d.reference_score is not None]
        highest = sorted(graded, key=lambda d: (-d.reference_score, d.id))
        trusted = {d.id for d in highest[: round(positive_share * len(documents))]}
        chosen = [d for d in lowest if d.id in trusted]
    pairs = [ContrastPair(d.id, d.reference, d.candidates[d.worst]) for d in _some(chosen, most)]
    return sorted(pairs, key=lambda pair: pair.id)


def _some(documents: list[Scored], most: int | None) -> list[Scored]:
    """At most `most` of the documents, as if drawn by lot, but the same ones every time."""
    return sorted(documents, key=lambda d: (zlib.crc32(d.id.encode()), d.id))[:most]
