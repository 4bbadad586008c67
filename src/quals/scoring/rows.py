"""What does a row of the output say? A score with its pairs, or why there is none."""

from typing import Protocol

from quals.records import QualsScore
from quals.scoring.cache import ScoreCache
from quals.scoring.metric import unscorable
from quals.scoring.source import Item

Row = dict[str, object]


class Scorer(Protocol):
    """What scoring needs of a metric; `Quals` is one."""

    def score(self, documents: list[str], summaries: list[str]) -> list[QualsScore]: ...


def score_items(scorer: Scorer, items: list[Item], cache: ScoreCache | None = None) -> list[Row]:
    """One row for each item, in order; texts that no model need read are answered here."""
    known = {
        (item.document, item.summary): QualsScore(None, (), reason).to_row()
        for item in items
        if (reason := unscorable(item.document, item.summary)) is not None
    }
    asked = [(item.document, item.summary) for item in items]
    if cache is not None:
        known |= cache.find([pair for pair in asked if pair not in known])
    # A dictionary, because a set has another order in every process.
    wanted = list(dict.fromkeys(pair for pair in asked if pair not in known))
    if wanted:
        scores = scorer.score([d for d, _ in wanted], [s for _, s in wanted])
        fresh = {pair: score.to_row() for pair, score in zip(wanted, scores, strict=True)}
        if cache is not None:
            cache.add(fresh)
        known |= fresh
    return [{"id": item.id, **known[item.document, item.summary]} for item in items]
