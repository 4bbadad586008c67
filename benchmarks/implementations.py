"""How do the three score one summary? Naive loops, plain batches of `transformers`, the engine.

All find pairs first and then score them under the document; both steps can be timed.
"""

from abc import ABC, abstractmethod

import naive
import torch
from network import Network
from torch import Tensor
from work import Measured

from quals.decoding.sequences import Hypothesis
from quals.metrics.pairs import Candidate
from quals.records import QualsScore


class Engine:
    """The library, as everybody calls it."""

    def __init__(self, metric: Measured):
        self.metric = metric

    def generate(self, summaries: list[str]) -> dict[str, list[Candidate]]:
        self.metric.given = None
        return self.metric.generate(summaries)

    def score_given(
        self, documents: list[str], summaries: list[str], pairs: dict[str, list[Candidate]]
    ) -> list[QualsScore]:
        """Document scoring alone."""
        self.metric.given = pairs
        return self.metric.score(documents, summaries)


class Loops(ABC):
    """What naive and plain version share: summary after summary, teacher forcing on both sides."""

    def __init__(self, metric: Measured, network: Network):
        self.metric, self.network = metric, network

    @abstractmethod
    def decode(self, text: list[int]) -> list[list[int]]:
        """The diverse hypotheses about a text, one for each group."""

    @abstractmethod
    def force(self, text: list[int], targets: list[list[int]]) -> list[list[float]]:
        """Log p of every token of the targets, teacher-forced."""

    def generate(self, summaries: list[str]) -> dict[str, list[Candidate]]:
        found = {}
        for summary in summaries:
            text = self._ids(summary)
            targets = self.metric.survivors(summary, self.decode(text))
            logprobs = self.force(text, targets)
            hypotheses = [Hypothesis(*pair) for pair in zip(targets, logprobs, strict=True)]
            found[summary] = self.metric.select(summary, hypotheses)
        return found

    def score_given(
        self, documents: list[str], summaries: list[str], pairs: dict[str, list[Candidate]]
    ) -> list[QualsScore]:
        """Document scoring alone."""
        results = []
        for document, summary in zip(documents, summaries, strict=True):
            candidates = pairs[summary]
            logprobs = self.force(self._ids(document), [list(c.ids) for c in candidates])
            scored = [(c, tuple(row)) for c, row in zip(candidates, logprobs, strict=True)]
            results.append(self.metric.result(scored))
        return results

    def _ids(self, text: str) -> list[int]:
        return self.metric.tokenizer.encode([text], self.metric.settings.max_source_tokens)[0]


class Naive(Loops):
    """One pair at a time: a full pass for every token decoded, and for every pair forced."""

    def decode(self, text: list[int]) -> list[list[int]]:
        chosen = self.metric.settings
        return naive.diverse(
            self.network.next_logprobs,
            text,
            end=self.metric.model.config.eos_token_id,
            groups=chosen.groups,
            strength=chosen.diversity_strength,
            shortest=chosen.shortest,
            longest=chosen.longest,
        )

    def force(self, text: list[int], targets: list[list[int]]) -> list[list[float]]:
        return [row for target in targets for row in self.network.forced_logprobs(text, [target])]


class Plain(Loops):
    """The groups and the pairs of a summary as the rows of a batch, with a cache when decoding.

    The text is repeated for every row: where `generate` of `transformers` repeats it, too.
    """

    def force(self, text: list[int], targets: list[list[int]]) -> list[list[float]]:
        return self.network.forced_logprobs(text, targets)

    @torch.inference_mode()
    def decode(self, text: list[int]) -> list[list[int]]:
        chosen, config = self.metric.settings, self.network.config
        rows: list[list[int]] = [[] for _ in range(chosen.groups)]
        inputs = self._first(text, chosen.groups)
        for step in range(chosen.longest + 1):
            out = self.network.model(**inputs, use_cache=True)
            picked = self._pick(out.logits[:, -1], rows, step)
            for row, token in zip(rows, picked, strict=True):
                if row[-1:] != [config.eos_token_id]:
                    row.append(token)
            if all(row[-1] == config.eos_token_id for row in rows):
                break
            tokens = torch.tensor([[row[-1]] for row in rows])
            key = "decoder_input_ids" if self.network.encodes else "input_ids"
            kept = {k: v for k, v in inputs.items() if k == "encoder_outputs"}
            inputs = {**kept, key: tokens, "past_key_values": out.past_key_values}
        return rows

    def _first(self, text: list[int], rows: int) -> dict[str, object]:
        """What the first step's call is given."""
        network = self.network
        start = torch.full((rows, 1), network.config.decoder_start_token_id)
        source = torch.tensor([network.source(text)])
        if not network.encodes:
            joined = torch.cat([source.expand(rows, -1), start], 1)
            return {"input_ids": joined, "logits_to_keep": 1}
        from transformers.modeling_outputs import BaseModelOutput

        hidden = network.model.get_encoder()(input_ids=source).last_hidden_state
        repeated = BaseModelOutput(last_hidden_state=hidden.repeat(rows, 1, 1))
        return {"encoder_outputs": repeated, "decoder_input_ids": start}

    def _pick(self, logits: Tensor, rows: list[list[int]], step: int) -> list[int]:
        """The groups' tokens, one group after the other; those that have ended pick none."""
        chosen, end = self.metric.settings, self.network.config.eos_token_id
        if step == chosen.longest:
            return [end] * len(rows)
        scores = logits.log_softmax(-1)
        if step < chosen.shortest:
            scores[:, end] = -torch.inf
        penalties = torch.zeros(scores.shape[1])
        picked = []
        for row, group in zip(rows, scores, strict=True):
            token = int((group - penalties).argmax())
            picked.append(token)
            if row[-1:] != [end]:
                penalties[token] += chosen.diversity_strength
        return picked


IMPLEMENTATIONS = {"naive": Naive, "plain": Plain, "engine": Engine}
