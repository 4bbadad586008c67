"""How do differences of single tokens become a score? The paper's means, and others by name.

A token's difference is its log p under the document minus that under the summary. The paper takes
the mean over the tokens of a pair, and over pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Tokens(NamedTuple):
    """Log p (natural) of a pair's tokens under both texts; from `answer_at` on they answer.

    The last one ends the pair and is no part of the answer.
    """

    document: Sequence[float]
    summary: Sequence[float]
    answer_at: int


@dataclass(frozen=True)
class Average:
    """What is done with the tokens of a pair, and with its pairs.

    - `sum` says how much likelier the summary makes a whole pair, however long it is.
    - `worst_answer_token` asks the answer alone, and of it the token that the document supports
      least: one wrong word makes an answer wrong, and how a question is put says little.
    - `lowest` lets the worst pair speak alone: one wrong fact makes a summary inconsistent.
    """

    tokens: Literal["mean", "sum", "worst_answer_token"]
    pairs: Literal["mean", "lowest"]

    def of(self, pairs: Sequence[Tokens]) -> float | None:
        """The score (nats) of a summary with these pairs; None without pairs."""
        sides = [self.sides(pair) for pair in pairs]
        return self.of_pairs([document - summary for document, summary in sides])

    def sides(self, pair: Tokens) -> tuple[float, float]:
        """What document and summary make of a pair (nats); their difference is its score."""
        document, summary, answer_at = pair
        if self.tokens == "worst_answer_token":
            answer = range(answer_at, len(document) - 1)
            worst = min(answer, key=lambda at: document[at] - summary[at])
            return document[worst], summary[worst]
        if self.tokens == "sum":
            return sum(document), sum(summary)
        return _mean(document), _mean(summary)

    def of_pairs(self, scores: Sequence[float]) -> float | None:
        if not scores:
            return None
        return min(scores) if self.pairs == "lowest" else _mean(scores)


def _mean(values: Sequence[float]) -> float:  # that of `pairs` comes with torch, for seconds
    return sum(values) / len(values)


PAPER, WORST_TOKEN = "paper", "worst_token"
AVERAGES = {
    PAPER: Average(tokens="mean", pairs="mean"),
    "sum": Average(tokens="sum", pairs="mean"),
    "lowest": Average(tokens="mean", pairs="lowest"),
    "worst_pair": Average(tokens="sum", pairs="lowest"),
    WORST_TOKEN: Average(tokens="worst_answer_token", pairs="mean"),
}
