"""Which generated pairs count? Those with an answer from the summary, over distinct answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quals.decoding.sequences import Hypothesis
from quals.models.tokenizer import TextTokenizer
from quals.text import contains_whole_words

Likelihood = Literal["pair", "question", "answer"]


@dataclass(frozen=True)
class Candidate:
    """A generated pair with its token ids and their log p under the summary.

    `answer_at` is the first token of the answer, behind the separator.
    """

    question: str
    answer: str
    ids: tuple[int, ...]
    answer_at: int
    logprobs: tuple[float, ...]

    def mean(self, logprobs: tuple[float, ...], likelihood: Likelihood) -> float:
        """Mean of the tokens that count; separator and end token do in `pair` alone."""
        if likelihood == "question":
            return mean(logprobs[: self.answer_at - 1])
        if likelihood == "answer":
            return mean(logprobs[self.answer_at : -1])
        return mean(logprobs)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


class PairFilter:
    """The filter of paper.md 1d: one separator, a question, an answer from the summary.

    `penalised` keeps the diversity penalty in the log-probabilities, `substring` lets an answer be
    part of a word; the official code does both.
    """

    def __init__(
        self, tokenizer: TextTokenizer, separator: int, *, penalised: bool, substring: bool
    ):
        self.tokenizer, self.separator = tokenizer, separator
        self.penalised, self.substring = penalised, substring

    def select(self, summary: str, hypotheses: list[Hypothesis], most: int) -> list[Candidate]:
        """At most `most` pairs, round-robin over answers.

        Best total log-probability first, ties by token ids; the answers take turns, and a question
        counts once for each answer.
        """
        by_answer: dict[str, list[Candidate]] = {}
        seen: set[tuple[str, str]] = set()
        parsed = [c for c in self._parse(hypotheses) if self._stands_in(summary, c.answer)]
        for candidate in sorted(parsed, key=lambda c: (-sum(c.logprobs), c.ids)):
            answer = candidate.answer.lower()
            key = (candidate.question.lower(), answer)
            if key not in seen:
                seen.add(key)
                by_answer.setdefault(answer, []).append(candidate)
        rounds = max(map(len, by_answer.values()), default=0)
        turns = [
            group[turn]
            for turn in range(rounds)
            for group in by_answer.values()
            if turn < len(group)
        ]
        return turns[:most]

    def _stands_in(self, summary: str, answer: str) -> bool:
        if self.substring:
            return answer.lower() in summary.lower()
        return contains_whole_words(summary, answer)

    def _parse(self, hypotheses: list[Hypothesis]) -> list[Candidate]:
        """The hypotheses that are a question, one separator and an answer."""
        halves, found = [], []
        sound = [h for h in hypotheses if h.ids.count(self.separator) == 1]
        for hypothesis in sound:
            at = hypothesis.ids.index(self.separator)
            halves += [hypothesis.ids[:at], hypothesis.ids[at + 1 : -1]]  # no end token
        texts = self.tokenizer.decode(halves)
        for hypothesis, question, answer in zip(sound, texts[::2], texts[1::2], strict=True):
            if question and answer:
                at = hypothesis.ids.index(self.separator) + 1
                logprobs = tuple(hypothesis.logprobs)
                if self.penalised and hypothesis.penalties:
                    paid = zip(logprobs, hypothesis.penalties, strict=True)
                    logprobs = tuple(logprob - penalty for logprob, penalty in paid)
                found.append(Candidate(question, answer, tuple(hypothesis.ids), at, logprobs))
        return found
