"""What do metrics return? Frozen results that convert to JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from quals.jsonl import dump

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Pair:
    """A question and its answer with their mean token log-probabilities (natural log).

    `score` is the document side minus the summary side: near 0 where the document makes the pair
    as likely as the summary does, negative where it does not.
    """

    question: str
    answer: str
    summary_logprob: float
    document_logprob: float

    @property
    def score(self) -> float:
        return self.document_logprob - self.summary_logprob

    def __str__(self) -> str:
        return f"{self.score:+8.3f}  {self.question} {self.answer}"

    def to_row(self) -> dict[str, object]:
        return {
            "question": self.question,
            "answer": self.answer,
            "summary_logprob": self.summary_logprob,
            "document_logprob": self.document_logprob,
            "score": self.score,
        }


@dataclass(frozen=True)
class TokenPair:
    """A scored pair token by token: question, separator, answer, end token.

    `tokens` are pieces of text that join to the decoded pair (specials included); `answer_at` is
    the first token of the answer. The log-probabilities (natural log) are those whose means make
    a `Pair`.
    """

    question: str
    answer: str
    tokens: tuple[str, ...]
    answer_at: int
    summary_logprobs: tuple[float, ...]
    document_logprobs: tuple[float, ...]


@dataclass(frozen=True)
class QualsScore:
    """QUALS of one summary: higher (nearer 0) is more consistent; None where no pair survives."""

    quals: float | None
    pairs: tuple[Pair, ...]
    reason: str | None = None

    def to_row(self) -> dict[str, object]:
        row: dict[str, object] = {"quals": self.quals, "pairs": [p.to_row() for p in self.pairs]}
        return row if self.reason is None else {**row, "reason": self.reason}

    def to_json(self) -> str:
        """One line of JSON, as `quals score` writes it (without an id)."""
        return dump(self.to_row())

    def __str__(self) -> str:
        if self.quals is None:
            return f"QUALS undefined: {self.reason}"
        return "\n".join(
            [f"QUALS {self.quals:+.3f}, {len(self.pairs)} pairs", *map(str, self.pairs)]
        )


@dataclass(frozen=True)
class Comparison:
    """A question of QAGS with what the reader answers from the summary and from the document."""

    question: str
    summary_answer: str
    document_answer: str
    f1: float

    def __str__(self) -> str:
        answers = f"{self.summary_answer or '(none)'} / {self.document_answer or '(none)'}"
        return f"{self.f1:8.3f}  {self.question} {answers}"


@dataclass(frozen=True)
class QagsScore:
    """QAGS of one summary in [0, 1]: mean token F1; None where no question survives."""

    qags: float | None
    comparisons: tuple[Comparison, ...]
    reason: str | None = None

    def to_row(self) -> dict[str, object]:
        row: dict[str, object] = {
            "qags": self.qags,
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
        }
        return row if self.reason is None else {**row, "reason": self.reason}

    def to_json(self) -> str:
        """One line of JSON."""
        return dump(self.to_row())

    def __str__(self) -> str:
        if self.qags is None:
            return f"QAGS undefined: {self.reason}"
        title = f"QAGS {self.qags:.3f}, {len(self.comparisons)} questions (summary / document)"
        return "\n".join([title, *map(str, self.comparisons)])


def to_frame(
    scores: Sequence[QualsScore | QagsScore], ids: Sequence[str] | None = None
) -> "DataFrame":
    """A row for each summary: its score (NaN where undefined), number of parts, and reason.

    The parts are pairs or comparisons. The index is `ids`, or the position in `scores`.
    """
    from pandas import DataFrame

    records = []
    for row in (score.to_row() for score in scores):
        reason = row.pop("reason", None)
        (metric, value), (part, found) = row.items()
        records.append({metric: value, part: len(found), "reason": reason})
    frame = DataFrame(records, index=None if ids is None else list(ids))
    scored = [name for name in ("quals", "qags") if name in frame]
    return frame.astype(dict.fromkeys(scored, float))
