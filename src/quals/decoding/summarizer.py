"""What does a summarizer write, and how likely does it find a summary?"""

from collections.abc import Iterator

import torch

from quals.decoding.beam import beam_search
from quals.decoding.reading import read_in_batches
from quals.decoding.sampling import sample
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Limits
from quals.models.checkpoint import Checkpoint
from quals.models.interface import Memory
from quals.params import Count, Natural, Section


class SummaryLimits(Section):
    """How a corpus is decoded: beam search and lengths in tokens, the end token not counted."""

    beams: Count
    shortest: Natural
    longest: Count
    length_penalty: float
    batch_size: Count


class Summarizer:
    """An encoder-decoder that writes summaries of documents."""

    def __init__(self, checkpoint: Checkpoint, settings: SummaryLimits, max_source_tokens: int):
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.settings = settings
        self.limits = Limits(settings.shortest, settings.longest)
        self.max_source_tokens = max_source_tokens

    def summarize(self, documents: list[str]) -> list[str]:
        """The best beam-search summary of each document."""
        found = [""] * len(documents)
        for chosen, memory in self._read(documents, "summaries"):
            hypotheses = beam_search(
                self.model,
                memory,
                beams=self.settings.beams,
                limits=self.limits,
                length_penalty=self.settings.length_penalty,
            )
            texts = self.tokenizer.decode([group[0].ids for group in hypotheses])
            for i, text in zip(chosen, texts, strict=True):
                found[i] = text
        return found

    def sample(
        self, documents: list[str], *, samples: int, top_k: int, generator: torch.Generator
    ) -> list[list[str]]:
        """`samples` top-k samples of each document."""
        found: list[list[str]] = [[] for _ in documents]
        for chosen, memory in self._read(documents, "samples"):
            drawn = sample(
                self.model,
                memory,
                samples=samples,
                top_k=top_k,
                limits=self.limits,
                generator=generator,
            )
            for i, group in zip(chosen, drawn, strict=True):
                found[i] = self.tokenizer.decode(group)
        return found

    def likelihood(self, documents: list[str], summaries: list[str]) -> list[float]:
        """Mean log p per token of each summary after its document, end token included."""
        end = self.model.config.eos_token_id
        targets = [[*ids, end] for ids in self.tokenizer.encode(summaries)]
        found = [0.0] * len(documents)
        for chosen, memory in self._read(documents, "likelihood"):
            scored = score_targets(self.model, memory, [[targets[i]] for i in chosen])
            for i, (logprobs,) in zip(chosen, scored, strict=True):
                found[i] = sum(logprobs) / len(logprobs)
        return found

    def _read(self, documents: list[str], title: str) -> Iterator[tuple[list[int], Memory]]:
        sources = self.tokenizer.encode(documents, self.max_source_tokens)
        return read_in_batches(self.model, sources, size=self.settings.batch_size, title=title)
