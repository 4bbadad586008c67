"""Does a claim follow from a document? The classifier behind FactCC."""

from pathlib import Path

import torch
from tqdm import tqdm

from quals.models import heads
from quals.models.heads import ClaimClassifier, ProbeFormatter


class TrainedClassifier:
    """A trained claim classifier with its tokenizer.

    Class 1 is consistent here; FactCC's own files count 0 as right.
    """

    def __init__(self, folder: Path | str, *, longest: int, contexts_per_batch: int):
        self.model, self.tokenizer = heads.load(ClaimClassifier, folder)
        self.formatter = ProbeFormatter(self.model, self.tokenizer)
        self.longest, self.contexts_per_batch = longest, contexts_per_batch

    @torch.inference_mode()
    def probabilities(self, documents: list[str], claims: list[str]) -> list[float]:
        """p(consistent) of each claim under its document; documents are cut at `longest` tokens."""
        made: dict[str, list[str]] = {}
        for document, claim in sorted(set(zip(documents, claims, strict=True))):
            made.setdefault(document, []).append(claim)
        texts = sorted(made, key=lambda text: (len(text), text))
        found: dict[tuple[str, str], float] = {}
        size = self.contexts_per_batch
        for start in tqdm(range(0, len(texts), size), desc="factcc", delay=5, leave=False):
            chosen = texts[start : start + size]
            batch = self.formatter.batch(
                self.tokenizer.encode(chosen, self.longest),
                [self.tokenizer.encode(made[text]) for text in chosen],
            )
            believed = self.model(*batch).float().softmax(-1)[..., 1].tolist()
            for text, row in zip(chosen, believed, strict=True):
                found |= {(text, c): p for c, p in zip(made[text], row, strict=False)}
        return [found[key] for key in zip(documents, claims, strict=True)]
