"""QUALS with another average over tokens and pairs than the paper's: same model, same pairs."""

from pathlib import Path

from quals.metrics.averages import AVERAGES, PAPER, Average, Tokens
from quals.metrics.pairs import Candidate
from quals.metrics.quals import Quals, QualsSettings
from quals.records import Pair, QualsScore


class AveragedQuals(Quals):
    """A `Quals` whose score, and the sides of its pairs, are what an average makes of tokens.

    It takes whole pairs: `from_pretrained` raises `ValueError` for another `likelihood`.
    """

    average: Average = AVERAGES[PAPER]

    @classmethod
    def from_pretrained(
        cls,
        folder: Path | str,
        settings: QualsSettings | None = None,
        average: str = PAPER,
    ) -> "AveragedQuals":
        """Like `Quals.from_pretrained`; `average` is one of the names in `AVERAGES`."""
        quals = super().from_pretrained(folder, settings)
        if quals.settings.likelihood != "pair":
            raise ValueError(
                f"the average '{average}' is over whole pairs, but the setting 'likelihood' is "
                f"'{quals.settings.likelihood}'"
            )
        quals.average = AVERAGES[average]
        return quals

    def _result(self, scored: list[tuple[Candidate, tuple[float, ...]]]) -> QualsScore:
        found = []
        for c, under in scored:
            document, summary = self.average.sides(Tokens(under, c.logprobs, c.answer_at))
            found.append(Pair(c.question, c.answer, summary, document))
        pairs = tuple(found)
        score = self.average.of_pairs([pair.score for pair in pairs])
        return super()._result(scored) if score is None else QualsScore(score, pairs)
