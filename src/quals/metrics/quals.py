"""QUALS: are questions and answers about a summary as likely under the document? (Nan et al., 2021)

For each summary: 60 diverse question-answer pairs, those with an answer from the summary kept, at
most 10 over distinct answers; the mean over pairs of their mean token log-probability under the
document minus that under the summary. One model does all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quals.decoding.diverse import diverse_decode
from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Hypothesis, Limits
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.models.t5 import Memory
from quals.models.tokenizer import load_special_ids
from quals.params import Count, Natural, NonNegative, Section
from quals.records import Pair, QualsScore
from quals.text import contains_whole_words


class QualsSettings(Section):
    """Everything that QUALS depends on besides the model."""

    groups: Count
    diversity_strength: NonNegative
    shortest: Natural
    longest: Count
    max_pairs: Count
    max_source_tokens: Count
    row_budget: Count


@dataclass(frozen=True)
class _Candidate:
    question: str
    answer: str
    hypothesis: Hypothesis

    @property
    def summary_logprob(self) -> float:
        return mean(self.hypothesis.logprobs)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


class Quals:
    """The metric over one QAGen model."""

    def __init__(self, checkpoint: Checkpoint, separator: int, settings: QualsSettings):
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.separator = separator
        self.settings = settings

    @classmethod
    def from_pretrained(cls, folder: Path | str, settings: QualsSettings) -> "Quals":
        """Load a QAGen folder; its `config.json` names the separator before the answer."""
        ids = load_special_ids(folder)
        if "separator_token_id" not in ids:
            raise checkpoint.CheckpointError(
                f"{folder}/config.json: no separator_token_id; this is not a QAGen model"
            )
        return cls(checkpoint.load(folder), ids["separator_token_id"], settings)

    def score(self, documents: list[str], summaries: list[str]) -> list[QualsScore]:
        """One result per (document, summary), in order. Equal inputs are scored once.

        Scores do not depend on order or company: every text is padded and masked on its own.
        """
        if len(documents) != len(summaries):
            raise ValueError(f"{len(documents)} documents, but {len(summaries)} summaries")
        pairs = self.generate(sorted(set(summaries)))
        work: dict[tuple[str, str], list[_Candidate]] = {
            (d, s): pairs[s] for d, s in sorted(set(zip(documents, summaries, strict=True)))
        }
        scores = self._score_documents(work)
        return [scores[key] for key in zip(documents, summaries, strict=True)]

    def generate(self, summaries: list[str]) -> dict[str, list[_Candidate]]:
        """The surviving question-answer pairs of each distinct summary, best first."""
        settings = self.settings
        found: dict[str, list[_Candidate]] = {}
        limits = Limits(settings.shortest, settings.longest)
        # A summary costs its groups, each of which is a row of the decoder.
        size = max(1, settings.row_budget // settings.groups)
        for batch, memory in self._read(summaries, size, "questions"):
            hypotheses = diverse_decode(
                self.model,
                memory,
                groups=settings.groups,
                strength=settings.diversity_strength,
                limits=limits,
            )
            for text, group in zip(batch, hypotheses, strict=True):
                found[text] = self.select(text, group)
        return found

    def select(self, summary: str, hypotheses: list[Hypothesis]) -> list[_Candidate]:
        """The filter of paper.md 1d, with whole-word answers: at most `max_pairs`, round-robin.

        A pair needs exactly one separator, a question, and an answer that stands in the summary.
        Best total log-probability first; the answers take turns, and a question counts once for
        each answer.
        """
        by_answer: dict[str, list[_Candidate]] = {}
        seen: set[tuple[str, str]] = set()
        ordered = sorted(hypotheses, key=lambda h: (-sum(h.logprobs), h.ids))
        for candidate in filter(None, map(self._parse, ordered)):
            answer = candidate.answer.lower()
            key = (candidate.question.lower(), answer)
            if key in seen or not contains_whole_words(summary, candidate.answer):
                continue
            seen.add(key)
            by_answer.setdefault(answer, []).append(candidate)
        rounds = max(map(len, by_answer.values()), default=0)
        turns = [
            group[turn]
            for turn in range(rounds)
            for group in by_answer.values()
            if turn < len(group)
        ]
        return turns[: self.settings.max_pairs]

    def _parse(self, hypothesis: Hypothesis) -> _Candidate | None:
        ids = hypothesis.ids[:-1]  # without the end token
        if ids.count(self.separator) != 1:
            return None
        at = ids.index(self.separator)
        question, answer = self.tokenizer.decode([ids[:at], ids[at + 1 :]])
        return _Candidate(question, answer, hypothesis) if question and answer else None

    def _score_documents(
        self, work: dict[tuple[str, str], list[_Candidate]]
    ) -> dict[tuple[str, str], QualsScore]:
        """Score the pairs of all summaries of a document together: it is encoded once."""
        targets: dict[str, list[list[int]]] = {}
        for (document, _), candidates in work.items():
            known = targets.setdefault(document, [])
            known += [c.hypothesis.ids for c in candidates if c.hypothesis.ids not in known]
        scored: dict[str, dict[tuple[int, ...], float]] = {}
        documents = [document for document, rows in targets.items() if rows]
        width = max([1, *map(len, targets.values())])
        size = max(1, self.settings.row_budget // width)
        for batch, memory in self._read(documents, size, "documents"):
            rows = [targets[document] for document in batch]
            for document, ids, logprobs in zip(
                batch, rows, score_targets(self.model, memory, rows), strict=True
            ):
                values = map(mean, logprobs)
                scored[document] = dict(zip(map(tuple, ids), values, strict=True))
        return {
            key: self._result([(c, scored[key[0]][tuple(c.hypothesis.ids)]) for c in candidates])
            for key, candidates in work.items()
        }

    def _result(self, scored: list[tuple[_Candidate, float]]) -> QualsScore:
        pairs = tuple(Pair(c.question, c.answer, c.summary_logprob, value) for c, value in scored)
        if not pairs:
            return QualsScore(None, (), reason="no question-answer pair survives")
        return QualsScore(mean([pair.score for pair in pairs]), pairs)

    def _read(self, texts: list[str], size: int, title: str) -> Iterator[tuple[list[str], Memory]]:
        """At most `size` of the texts at a time with what the decoder needs of them."""
        sources = self.tokenizer.encode(texts, self.settings.max_source_tokens)
        for chosen, memory in read_in_batches(self.model, sources, size=size, title=title):
            yield [texts[i] for i in chosen], memory
