"""QUALS: are questions and answers about a summary as likely under the document? (Nan et al., 2021)

For each summary: 60 diverse question-answer pairs, those with an answer from the summary kept, at
most 10 over distinct answers; the mean over pairs of their mean token log-probability under the
document minus that under the summary. One model does all of it.
"""

from collections.abc import Iterator
from pathlib import Path

from quals.decoding.diverse import diverse_decode
from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Hypothesis, Limits
from quals.jsonl import read_json, write_json
from quals.metrics.pairs import Candidate, Likelihood, PairFilter, mean
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.models.interface import Memory
from quals.models.tokenizer import load_special_ids
from quals.params import Count, Natural, NonNegative, Section, validated
from quals.records import Pair, QualsScore, TokenPair

SETTINGS = "quals.json"


class QualsSettings(Section):
    """Everything that QUALS depends on besides the model.

    `penalised_summary_score` and `substring_answers` are oddities of the official code,
    `likelihood` names the tokens that are averaged. `row_budget` bounds the tokens that are read or
    written at once and changes no score.
    """

    groups: Count
    diversity_strength: NonNegative
    shortest: Natural
    longest: Count
    max_pairs: Count
    max_source_tokens: Count
    penalised_summary_score: bool
    substring_answers: bool
    likelihood: Likelihood
    row_budget: Count


PAPER = QualsSettings(
    groups=60,
    diversity_strength=0.5,
    shortest=8,
    longest=60,
    max_pairs=10,
    max_source_tokens=1022,
    penalised_summary_score=False,
    substring_answers=False,
    likelihood="pair",
    row_budget=512,
)


def save_settings(settings: QualsSettings, folder: Path | str) -> None:
    """Write the settings beside a QAGen model: `Quals.from_pretrained` falls back to them."""
    write_json(Path(folder) / SETTINGS, settings.model_dump())


def load_settings(folder: Path | str) -> QualsSettings:
    """The settings stored beside a model, else the paper's."""
    path = Path(folder) / SETTINGS
    if not path.is_file():
        return PAPER
    return validated(read_json(path), QualsSettings, path=path)


class Quals:
    """The metric over one QAGen model."""

    def __init__(self, checkpoint: Checkpoint, separator: int, settings: QualsSettings):
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.separator = separator
        self.settings = settings
        self.filter = PairFilter(
            self.tokenizer,
            separator,
            penalised=settings.penalised_summary_score,
            substring=settings.substring_answers,
        )

    @classmethod
    def from_pretrained(cls, folder: Path | str, settings: QualsSettings | None = None) -> "Quals":
        """Load a QAGen folder; its `config.json` names the separator before the answer.

        Without `settings` those in the folder's `quals.json` hold, and the paper's if it has none.
        """
        ids = load_special_ids(folder)
        if "separator_token_id" not in ids:
            raise checkpoint.CheckpointError(
                f"{folder}/config.json: no separator_token_id; this is not a QAGen model"
            )
        settings = load_settings(folder) if settings is None else settings
        return cls(checkpoint.load(folder), ids["separator_token_id"], settings)

    def score(self, documents: list[str], summaries: list[str]) -> list[QualsScore]:
        """One result per (document, summary), in order. Equal inputs are scored once.

        Scores do not depend on order or company: every text is padded and masked on its own.
        """
        if len(documents) != len(summaries):
            raise ValueError(f"{len(documents)} documents, but {len(summaries)} summaries")
        keys = sorted(set(zip(documents, summaries, strict=True)))
        pairs = self.generate(sorted(set(summaries)))
        work = {(document, summary): pairs[summary] for document, summary in keys}
        under_document = self._score_documents(work)
        results = {
            key: self._result(
                [(c, under_document[key[0]][c.ids]) for c in candidates],
            )
            for key, candidates in work.items()
        }
        return [results[key] for key in zip(documents, summaries, strict=True)]

    def token_pairs(self, document: str, summary: str) -> list[TokenPair]:
        """The pairs of one summary token by token, in the order of `score`.

        The means over their tokens are those of `score([document], [summary])`, bit by bit.
        """
        candidates = self.generate([summary])[summary]
        under_document = self._score_documents({(document, summary): candidates})
        return [
            TokenPair(
                c.question,
                c.answer,
                tuple(self.tokenizer.pieces(list(c.ids))),
                c.answer_at,
                c.logprobs,
                under_document[document][c.ids],
            )
            for c in candidates
        ]

    def generate(self, summaries: list[str]) -> dict[str, list[Candidate]]:
        """The surviving question-answer pairs of each distinct summary, best first."""
        settings = self.settings
        found: dict[str, list[Candidate]] = {}
        limits = Limits(settings.shortest, settings.longest)
        steps = [(settings.groups, 1)] * len(summaries)  # a token of every group at a time
        for batch, memory in self._read(summaries, steps, "questions"):
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

    def select(self, summary: str, hypotheses: list[Hypothesis]) -> list[Candidate]:
        """The pairs of a summary that count, at most `max_pairs`."""
        return self.filter.select(summary, hypotheses, self.settings.max_pairs)

    def _score_documents(
        self, work: dict[tuple[str, str], list[Candidate]]
    ) -> dict[str, dict[tuple[int, ...], tuple[float, ...]]]:
        """Log p of the pairs of all summaries of a document together: it is encoded once."""
        targets: dict[str, dict[tuple[int, ...], None]] = {}
        for (document, _), candidates in work.items():
            targets.setdefault(document, {}).update(dict.fromkeys(c.ids for c in candidates))
        found: dict[str, dict[tuple[int, ...], tuple[float, ...]]] = {d: {} for d in targets}
        documents = [document for document, rows in targets.items() if rows]
        shapes = [(len(targets[d]), max(map(len, targets[d]))) for d in documents]
        for batch, memory in self._read(documents, shapes, "documents"):
            rows = [[list(ids) for ids in targets[document]] for document in batch]
            for document, logprobs in zip(
                batch, score_targets(self.model, memory, rows), strict=True
            ):
                found[document] = dict(zip(targets[document], map(tuple, logprobs), strict=True))
        return found

    def _result(self, scored: list[tuple[Candidate, tuple[float, ...]]]) -> QualsScore:
        likelihood = self.settings.likelihood
        pairs = tuple(
            Pair(c.question, c.answer, c.mean(c.logprobs, likelihood), c.mean(under, likelihood))
            for c, under in scored
        )
        if not pairs:
            return QualsScore(None, (), reason="no question-answer pair survives")
        return QualsScore(mean([pair.score for pair in pairs]), pairs)

    def _read(
        self, texts: list[str], targets: list[tuple[int, int]], title: str
    ) -> Iterator[tuple[list[str], Memory]]:
        """Some of the texts at a time with what the decoder needs of them."""
        settings = self.settings
        sources = self.tokenizer.encode(texts, settings.max_source_tokens)
        for chosen, memory in read_in_batches(
            self.model, sources, title=title, targets=targets, budget=settings.row_budget
        ):
            yield [texts[i] for i in chosen], memory
