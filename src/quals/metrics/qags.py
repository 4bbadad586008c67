"""QAGS: does a reader answer questions about a summary alike from the document? (Wang et al., 2020)

Three models: answers are picked from the summary, questions generated for each, and a reader
answers them from the summary and from the document; the score is the mean token F1 of both.
"""

from dataclasses import dataclass
from itertools import cycle, islice

from spacy.language import Language

from quals.decoding.beam import beam_search
from quals.decoding.reading import read_in_batches
from quals.decoding.sequences import Limits
from quals.metrics.answers import extract
from quals.metrics.encoder_reader import EncoderReader
from quals.metrics.reader import Reader
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.params import Count, Section
from quals.records import Comparison, QagsScore
from quals.text import token_f1


class QagsSettings(Section):
    """Everything that QAGS depends on besides its models.

    `refill_answers` repeats the answers of a summary that has fewer than `answers`, as the authors'
    code does; it changes the cost and no score, and only the `speed` stage turns it on.
    """

    answers: Count
    refill_answers: bool
    questions_per_answer: Count
    beams: Count
    shortest_question: Count
    longest_question: Count
    length_penalty: float
    max_questions: Count
    max_source_tokens: Count
    row_budget: Count


@dataclass(frozen=True)
class _Question:
    text: str
    answer: str
    logprob: float


class QuestionGenerator:
    """A question for a text and an answer in it: the second of the three models.

    `separator` stands between the two; by default it is that of our own tokenizers.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: QagsSettings, *, separator: int | None = None
    ):
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.settings = settings
        self.separator = self.tokenizer.id_of(SEPARATOR) if separator is None else separator

    def source(self, text: list[int], answer: list[int]) -> list[int]:
        """Text, separator, answer; a text that is too long is cut, the answer never."""
        room = max(0, self.settings.max_source_tokens - len(answer) - 1)
        return [*text[:room], self.separator, *answer]

    def generate(self, work: list[tuple[str, str]]) -> list[list[_Question]]:
        """The best questions for each (text, answer), likeliest first."""
        settings = self.settings
        texts = dict.fromkeys(text for text, _ in work)
        tokens = dict(zip(texts, self.tokenizer.encode(list(texts)), strict=True))
        answers = self.tokenizer.encode([answer for _, answer in work])
        sources = [self.source(tokens[t], a) for (t, _), a in zip(work, answers, strict=True)]
        found: list[list[_Question]] = [[] for _ in work]
        size = max(1, settings.row_budget // settings.beams)
        for chosen, memory in read_in_batches(self.model, sources, size=size, title="qags"):
            hypotheses = beam_search(
                self.model,
                memory,
                beams=settings.beams,
                limits=Limits(settings.shortest_question, settings.longest_question),
                length_penalty=settings.length_penalty,
                keep=settings.questions_per_answer,
            )
            for i, group in zip(chosen, hypotheses, strict=True):
                decoded = self.tokenizer.decode([h.ids for h in group])
                found[i] = [
                    _Question(text, work[i][1], sum(h.logprobs) / len(h.logprobs))
                    for text, h in zip(decoded, group, strict=True)
                ]
        return found


class Qags:
    """The metric over a spaCy pipeline, a question generator and a reader."""

    def __init__(
        self,
        nlp: Language,
        generator: QuestionGenerator,
        reader: Reader | EncoderReader,
        settings: QagsSettings,
    ):
        self.nlp, self.generator, self.reader, self.settings = nlp, generator, reader, settings

    def score(self, documents: list[str], summaries: list[str]) -> list[QagsScore]:
        """One result per (document, summary), in order; equal inputs are scored once."""
        texts = sorted(set(summaries))
        questions = dict(zip(texts, self.questions(texts), strict=True))
        keys = sorted(set(zip(documents, summaries, strict=True)))
        asked = [(q, d, s) for d, s in keys for q, _ in questions[s]]
        from_summary = {(s, q): a for s in texts for q, a in questions[s]}
        replies = self.reader.answer([q for q, _, _ in asked], [d for _, d, _ in asked])
        from_document = {(d, q): a for (q, d, _), a in zip(asked, replies, strict=True)}
        results = {}
        for d, s in keys:
            compared = tuple(
                Comparison(
                    q,
                    from_summary[s, q],
                    from_document[d, q],
                    token_f1(from_document[d, q], from_summary[s, q]),
                )
                for q, _ in questions[s]
            )
            results[d, s] = self._result(compared)
        return [results[key] for key in zip(documents, summaries, strict=True)]

    def questions(self, summaries: list[str]) -> list[list[tuple[str, str]]]:
        """The (question, answer) pairs about each distinct summary that pass the filter.

        paper.md 3b: the reader must give the conditioning answer from the summary; likeliest
        questions first; cut after the first question mark and dropped without one; no repeats;
        at least three words. Fewer than `max_questions` stay fewer: nothing is refilled.
        """
        answers = extract(self.nlp, summaries, self.settings.answers)
        if self.settings.refill_answers:
            answers = [list(islice(cycle(found), self.settings.answers)) for found in answers]
        work = [(s, a) for s, found in zip(summaries, answers, strict=True) for a in found]
        generated = self.generator.generate(work)
        flat = [(s, q) for (s, _), group in zip(work, generated, strict=True) for q in group]
        flat = [(s, q) for s, q in ((s, _cut(q)) for s, q in flat) if len(q.text.split()) >= 3]
        replies = self.reader.answer([q.text for _, q in flat], [s for s, _ in flat])
        kept: dict[str, dict[str, _Question]] = {summary: {} for summary in summaries}
        for (summary, question), reply in zip(flat, replies, strict=True):
            if reply == question.answer:
                best = kept[summary].get(question.text)
                if best is None or question.logprob > best.logprob:
                    kept[summary][question.text] = question
        return [
            [
                (question.text, question.answer)
                for question in sorted(kept[s].values(), key=lambda q: (-q.logprob, q.text))
            ][: self.settings.max_questions]
            for s in summaries
        ]

    def _result(self, comparisons: tuple[Comparison, ...]) -> QagsScore:
        if not comparisons:
            return QagsScore(None, (), reason="no question survives")
        return QagsScore(sum(c.f1 for c in comparisons) / len(comparisons), comparisons)


def _cut(question: _Question) -> _Question:
    """The question up to its first question mark; empty if it has none."""
    head, mark, _ = question.text.partition("?")
    return _Question(head + mark if mark else "", question.answer, question.logprob)
