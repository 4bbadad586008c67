"""What is minimised? One loss for each name in a recipe, over batches of lessons."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from quals.ablations.lessons import Lesson
from quals.ablations.recipes import Recipe
from quals.corpus import Article
from quals.decoding.scoring import target_logprobs
from quals.models.checkpoint import Checkpoint
from quals.models.interface import ConditionalModel
from quals.training.batches import TargetBatch, bucketed, collate
from quals.training.contrast import absent, contrast_examples
from quals.training.losses import contrastive, mean_likelihood
from quals.training.preference_losses import (
    dpo,
    mean_logprobs,
    rank_calibration,
    sequence_logprobs,
    sequence_unlikelihood,
)
from quals.training.selection import ContrastPair


@dataclass(frozen=True)
class LessonBatch:
    """B documents with a positive and a negative each; `used` [B, 2] says which are trained on.

    `reference` is log p [2, B] of whole positives and negatives under the model before training,
    for losses that hold it against that.
    """

    pairs: TargetBatch
    used: Tensor
    reference: Tensor | None = None


@dataclass(frozen=True)
class Sides:
    """Log p [B, T] of positives and negatives, and which of their tokens count.

    `own` are the tokens of a negative that its positive lacks, `reference` is that of the batch.
    """

    positive: Tensor
    positive_mask: Tensor
    negative: Tensor
    negative_mask: Tensor
    own: Tensor
    reference: Tensor | None


def _likelihood(sides: Sides, recipe: Recipe) -> Tensor:
    return mean_likelihood(sides.positive, sides.positive_mask)


def _token(sides: Sides, recipe: Recipe) -> Tensor:
    """The paper's."""
    return _tokens(sides, sides.negative_mask, recipe)


def _masked(sides: Sides, recipe: Recipe) -> Tensor:
    return _tokens(sides, sides.negative_mask & sides.own, recipe)


def _tokens(sides: Sides, punished: Tensor, recipe: Recipe) -> Tensor:
    return contrastive(
        sides.positive,
        sides.positive_mask,
        sides.negative,
        punished,
        negative_weight=recipe.negative_weight,
    )


def _sequence(sides: Sides, recipe: Recipe) -> Tensor:
    return _with_likelihood(sides, recipe, sequence_logprobs(sides.negative, sides.negative_mask))


def _sequence_mean(sides: Sides, recipe: Recipe) -> Tensor:
    return _with_likelihood(sides, recipe, mean_logprobs(sides.negative, sides.negative_mask))


def _with_likelihood(sides: Sides, recipe: Recipe, negative: Tensor) -> Tensor:
    """Two means, of the positives' tokens and of the negatives; counts do not mix the two."""
    pain = sequence_unlikelihood(negative, sides.negative_mask.any(-1))
    return _likelihood(sides, recipe) + recipe.negative_weight * pain


def _dpo(sides: Sides, recipe: Recipe) -> Tensor:
    if sides.reference is None:
        raise ValueError("DPO needs the model before training")
    return dpo(*_wholes(sides), *sides.reference, beta=recipe.beta)


def _slic(sides: Sides, recipe: Recipe) -> Tensor:
    ranks = rank_calibration(*_wholes(sides), margin=recipe.margin)
    return _likelihood(sides, recipe) + recipe.negative_weight * ranks


def _wholes(sides: Sides) -> tuple[Tensor, Tensor]:
    return (
        sequence_logprobs(sides.positive, sides.positive_mask),
        sequence_logprobs(sides.negative, sides.negative_mask),
    )


OBJECTIVES: dict[str, Callable[[Sides, Recipe], Tensor]] = {
    "likelihood": _likelihood,
    "token": _token,
    "masked": _masked,
    "sequence": _sequence,
    "sequence_mean": _sequence_mean,
    "dpo": _dpo,
    "slic": _slic,
}
AGAINST_START = ("dpo",)  # losses that need the model before training


def objective(recipe: Recipe) -> Callable[[ConditionalModel, LessonBatch], Tensor]:
    """The loss of a recipe."""
    compute = OBJECTIVES[recipe.loss]

    def loss(model: ConditionalModel, batch: LessonBatch) -> Tensor:
        return compute(sides_of(model, batch), recipe)

    return loss


def sides_of(model: ConditionalModel, batch: LessonBatch) -> Sides:
    """What all losses are made of."""
    logprobs = _logprobs(model, batch.pairs)
    mask = batch.pairs.target_mask & batch.used[..., None]
    return Sides(
        logprobs[:, 0],
        mask[:, 0],
        logprobs[:, 1],
        mask[:, 1],
        absent(batch.pairs.targets[:, 1], batch.pairs.targets[:, 0]),
        batch.reference,
    )


def with_reference(start: ConditionalModel, batch: LessonBatch) -> LessonBatch:
    """The batch with what the model before training thinks of it."""
    mask = batch.pairs.target_mask & batch.used[..., None]
    with torch.no_grad():
        reference = sequence_logprobs(_logprobs(start, batch.pairs), mask).T
    return replace(batch, reference=reference)


def _logprobs(model: ConditionalModel, batch: TargetBatch) -> Tensor:
    memory = model.read(batch.ids, batch.mask)
    return target_logprobs(model, memory, batch.targets, batch.target_mask)


def lesson_batches(
    lessons: list[Lesson],
    articles: dict[str, Article],
    start: Checkpoint,
    limit: int,
    size: int,
    rng: random.Random,
    *,
    against_start: bool = False,
) -> Iterator[LessonBatch]:
    """Batches of at most `size` lessons for ever, in the order of `train_contrastive`.

    `against_start` gives them a reference: the log p of all lessons under `start` as it is at the
    call, computed once, however often they come.
    """
    pairs = [ContrastPair(lesson.id, lesson.positive, lesson.negative) for lesson in lessons]
    examples = contrast_examples(pairs, articles, start, limit)
    used = torch.tensor([(lesson.teach, lesson.punish) for lesson in lessons])
    size = min(size, len(lessons))

    def batch(chosen: list[int], reference: Tensor | None = None) -> LessonBatch:
        rows = collate([examples[i] for i in chosen], start.model.config.pad_token_id)
        return LessonBatch(rows, used[chosen], reference)

    reference = None
    if against_start:
        parts = [list(range(len(lessons)))[at : at + size] for at in range(0, len(lessons), size)]
        known = [with_reference(start.model, batch(part)).reference for part in parts]
        reference = torch.cat(known, dim=1)
    order = bucketed(list(range(len(lessons))), size, lambda i: len(examples[i].source), rng)
    return (batch(chosen, None if reference is None else reference[:, chosen]) for chosen in order)
