"""What do metrics return? Frozen results that convert to JSON."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Comparison:
    """A question of QAGS with what the reader answers from the summary and from the document."""

    question: str
    summary_answer: str
    document_answer: str
    f1: float


@dataclass(frozen=True)
class QagsScore:
    """QAGS of one summary in [0, 1]: mean token F1; None where no question survives."""

    qags: float | None
    comparisons: tuple[Comparison, ...]
    reason: str | None = None
