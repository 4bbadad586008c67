"""How likely is a summary under its document, without any question? The control for QUALS.

The mean log-probability of the summary's tokens after the document (BARTScore's idea, Yuan et al.,
2021), under a language model that was never trained for it.
"""

from quals.decoding.likelihoods import read_and_score, unread
from quals.metrics.explained import explained_share
from quals.metrics.pairs import mean
from quals.models.checkpoint import Checkpoint

NEWLINE = "\n"


class Likelihood:
    """The metric over a decoder-only language model: the summary stands on a line of its own.

    A document is cut at `longest` tokens; `row_budget` bounds the tokens computed at once and
    changes no score.
    """

    def __init__(self, checkpoint: Checkpoint, *, longest: int, row_budget: int):
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.longest, self.row_budget = longest, row_budget
        (newline,) = self.tokenizer.encode([NEWLINE])[0]
        # What the summary's first token follows is the end of the line.
        self.model.config = self.model.config.model_copy(update={"decoder_start_token_id": newline})

    def score(self, documents: list[str], summaries: list[str]) -> list[float | None]:
        """One value below 0 per summary (natural log), None where it has no token."""
        return [None if row is None else mean(row) for row in self.tokens(documents, summaries)]

    def explained(self, documents: list[str], summaries: list[str]) -> list[float | None]:
        """The explained share of each summary: `score` against what it is without a document."""
        return self.share(self.tokens(documents, summaries), summaries)

    def share(self, under: list[list[float] | None], summaries: list[str]) -> list[float | None]:
        """The explained shares where `tokens` found `under`."""
        rows = self.tokenizer.encode(summaries)
        told = [row for row in rows if row]
        alone = iter(unread(self.model, told, budget=self.row_budget))
        return [
            explained_share(tokens or [], next(alone)) if row else None
            for tokens, row in zip(under, rows, strict=True)
        ]

    def tokens(self, documents: list[str], summaries: list[str]) -> list[list[float] | None]:
        """Log p of each summary's tokens after its document; None where it has none."""
        sources = dict(zip(documents, self.tokenizer.encode(documents, self.longest), strict=True))
        targets = dict(zip(summaries, self.tokenizer.encode(summaries), strict=True))
        asked: dict[str, dict[str, None]] = {}
        for document, summary in zip(documents, summaries, strict=True):
            if targets[summary]:
                asked.setdefault(document, {})[summary] = None
        groups = read_and_score(
            self.model,
            [sources[document] for document in asked],
            [[targets[summary] for summary in mine] for mine in asked.values()],
            title="likelihood",
            budget=self.row_budget,
        )
        found = {
            (document, summary): tokens
            for (document, mine), group in zip(asked.items(), groups, strict=True)
            for summary, tokens in zip(mine, group, strict=True)
        }
        return [found.get(pair) for pair in zip(documents, summaries, strict=True)]
