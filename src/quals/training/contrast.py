"""What does contrastive training learn from? Batches of (document, positive, negative)."""

from functools import partial

import torch
from torch import Tensor

from quals.corpus import Article
from quals.decoding.scoring import target_logprobs
from quals.models.checkpoint import Checkpoint
from quals.models.interface import ConditionalModel
from quals.training.batches import Example, TargetBatch
from quals.training.losses import contrastive
from quals.training.parts import Mean
from quals.training.selection import ContrastPair

NEGATIVE_TOKENS = ("all", "absent", "none")


def contrast_examples(
    pairs: list[ContrastPair], articles: dict[str, Article], start: Checkpoint, limit: int
) -> list[Example]:
    """A text with two targets: the positive, then the negative."""
    sources = start.tokenizer.encode([articles[p.id].document for p in pairs], limit)
    positives = start.tokenizer.encode([p.positive for p in pairs])
    negatives = start.tokenizer.encode([p.negative for p in pairs])
    end = start.model.config.eos_token_id
    return [
        Example(s, [[*p, end], [*n, end]])
        for s, p, n in zip(sources, positives, negatives, strict=True)
    ]


def contrastive_loss(*, negative_tokens: str, negative_weight: float) -> Mean[TargetBatch]:
    """The loss of a method: which tokens of the negative are punished, and how hard.

    `all`: every token (the paper); `absent`: those that the positive does not contain (the control
    `masked`); `none`: likelihood of the positives alone.
    """
    if negative_tokens not in NEGATIVE_TOKENS:
        raise ValueError(f"negative_tokens is '{negative_tokens}', not one of {NEGATIVE_TOKENS}")
    return Mean(
        partial(_loss, negative_tokens=negative_tokens, negative_weight=negative_weight),
        lambda batch: int(batch.target_mask[:, 0].sum() + punished(batch, negative_tokens).sum()),
    )


def _loss(
    model: ConditionalModel, batch: TargetBatch, *, negative_tokens: str, negative_weight: float
) -> Tensor:
    logprobs = target_logprobs(
        model, model.read(batch.ids, batch.mask), batch.targets, batch.target_mask
    )
    return contrastive(
        logprobs[:, 0],
        batch.target_mask[:, 0],
        logprobs[:, 1],
        punished(batch, negative_tokens),
        negative_weight=negative_weight,
    )


def punished(batch: TargetBatch, negative_tokens: str) -> Tensor:
    """Which tokens [B, T] of the negatives are."""
    every = batch.target_mask[:, 1]
    if negative_tokens == "none":
        return torch.zeros_like(every)
    if negative_tokens == "absent":
        return every & absent(batch.targets[:, 1], batch.targets[:, 0])
    return every


def absent(negative: Tensor, positive: Tensor) -> Tensor:
    """Which tokens [B, T] of each negative its own positive [B, U] does not contain."""
    return (negative[:, :, None] != positive[:, None, :]).all(-1)
