"""How likely is a summary under its document, without any question? The control for QUALS.

The mean log-probability of the summary's tokens after the document (BARTScore's idea, Yuan et al.,
2021), under a language model that was never trained for it.
"""

from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import score_targets
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
        sources = dict(zip(documents, self.tokenizer.encode(documents, self.longest), strict=True))
        targets = dict(zip(summaries, self.tokenizer.encode(summaries), strict=True))
        asked: dict[str, dict[str, None]] = {}
        for document, summary in zip(documents, summaries, strict=True):
            if targets[summary]:
                asked.setdefault(document, {})[summary] = None
        texts = list(asked)
        shapes = [(len(asked[t]), max(len(targets[s]) for s in asked[t])) for t in texts]
        found: dict[tuple[str, str], float] = {}
        for chosen, memory in read_in_batches(
            self.model,
            [sources[text] for text in texts],
            title="likelihood",
            targets=shapes,
            budget=self.row_budget,
        ):
            rows = [[targets[summary] for summary in asked[texts[i]]] for i in chosen]
            for i, group in zip(chosen, score_targets(self.model, memory, rows), strict=True):
                for summary, logprobs in zip(asked[texts[i]], group, strict=True):
                    found[texts[i], summary] = sum(logprobs) / len(logprobs)
        return [found.get(pair) for pair in zip(documents, summaries, strict=True)]
