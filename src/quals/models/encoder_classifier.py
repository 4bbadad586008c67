"""Does a claim follow from a document? FactCC as its authors built it: BERT reads both together."""

from pathlib import Path

import torch
from tqdm import tqdm

from quals.models import encoder
from quals.models.encoder import CLAIM, SPECIAL


class EncoderClassifier:
    """A trained encoder; class 1 is consistent here, FactCC's own files count 0 as right.

    `longest` are the tokens of document and claim with the special ones, `contexts_per_batch` the
    pairs that are read at once.
    """

    def __init__(self, folder: Path | str, *, longest: int, contexts_per_batch: int):
        self.encoder = encoder.load(CLAIM, folder, longest=longest)
        self.longest, self.size = longest, contexts_per_batch

    @torch.inference_mode()
    def probabilities(self, documents: list[str], claims: list[str]) -> list[float]:
        """p(consistent) of each claim under its document, which is cut to fit beside the claim."""
        asked = sorted(set(zip(documents, claims, strict=True)))
        ids = self._tokens([text for pair in asked for text in pair])
        pairs = [fit(ids[document], ids[claim], self.longest) for document, claim in asked]
        order = sorted(range(len(pairs)), key=lambda i: sum(map(len, pairs[i])))
        found: dict[tuple[str, str], float] = {}
        starts = range(0, len(order), self.size)
        for at in tqdm(starts, desc="factcc", delay=5, leave=False):
            chosen = order[at : at + self.size]
            logits = self.encoder.model(**self.encoder.batch([pairs[i] for i in chosen])).logits
            believed = logits.float().softmax(-1)[:, 1].tolist()
            found |= {asked[i]: p for i, p in zip(chosen, believed, strict=True)}
        return [found[key] for key in zip(documents, claims, strict=True)]

    def _tokens(self, texts: list[str]) -> dict[str, list[int]]:
        distinct = list(dict.fromkeys(texts))
        encoded = self.encoder.tokenizer.encode(distinct, self.longest)
        return dict(zip(distinct, encoded, strict=True))


def fit(document: list[int], claim: list[int], longest: int) -> tuple[list[int], list[int]]:
    """Both within `longest` tokens, special ones included: the longer one loses its end (FactCC).

    That is the document, unless the claim is longer than half of `longest`.
    """
    room = longest - SPECIAL
    claim = claim[: max(room - len(document), room // 2)]
    return document[: room - len(claim)], claim
