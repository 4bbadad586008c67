"""How is a pretrained encoder-decoder fine-tuned? All weights, batches by tokens, smoothed labels.

The official recipe (paper.md 1a, 4c): a batch holds as many examples as fit into `part_tokens`
tokens, several of them make a step, and the step's loss is a mean over all its target tokens.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from quals.decoding.scoring import shift_right
from quals.errors import InputError
from quals.jsonl import DataError
from quals.models.bart import BART, set_dropout
from quals.models.checkpoint import Checkpoint
from quals.models.interface import ConditionalModel
from quals.params import Count, Positive, Section, Share, load_yaml
from quals.scoring.hardware import choose_dtype, precision
from quals.training.batches import Example, TargetBatch, collate
from quals.training.contrast import NEGATIVE_TOKENS, absent
from quals.training.loop import Optimisation, Schedule, train
from quals.training.smoothing import smoothed_likelihood, smoothed_unlikelihood

LONGEST_TARGET = 1022  # tokens besides the end token (official code drops longer rows)
FRAME = 1  # tokens that a network adds to a text: the end token; the official code has no `<s>`


class PretrainedTraining(Section):
    """How all weights are trained on: `epochs` times over the examples.

    At most `part_tokens` tokens, padding included, are computed at once, and `parts` such parts
    make a step (official code: GPUs times `update-freq`). `lr` is the one rate.
    """

    epochs: Positive
    part_tokens: Count
    parts: Count
    label_smoothing: Share
    dropout: Share
    attention_dropout: Share
    dtype: Literal["auto", "float32", "bfloat16"]
    lr: Positive
    schedule: Schedule


def finetunes(params: Path, section: str) -> bool:
    """Whether a section of the scale file trains all weights of a pretrained model."""
    found = load_yaml(params).get(section)
    return isinstance(found, dict) and "finetuning" in found


Parts = list[TargetBatch]
Loss = Callable[[ConditionalModel, TargetBatch], Tensor]  # summed over the tokens that count


def finetune(
    start: Checkpoint,
    examples: Sequence[Example],
    loss: Loss,
    settings: PretrainedTraining,
    *,
    seed: int,
    title: str,
    counted: Callable[[TargetBatch], TargetBatch] = lambda batch: batch,
) -> list[float]:
    """Train the network in place and return the loss of each step; it ends in evaluation mode.

    `counted` masks what does not count of a batch's targets.
    """
    dtype = choose_dtype(settings.dtype)
    reason = "as asked" if settings.dtype != "auto" else dtype.reason.partition(";")[0]
    print(f"{title}: {dtype.value} ({reason})", flush=True)
    _drop(start.model, settings.dropout, settings.attention_dropout)
    cut = token_parts(examples, settings.part_tokens)
    steps = max(1, math.ceil(settings.epochs * len(cut) / settings.parts))
    pad_id = start.model.config.pad_token_id
    drawn = steps_of_parts(cut, settings.parts, random.Random(seed))
    losses = train(
        start.model,
        ([counted(collate(part, pad_id)) for part in parts] for parts in drawn),
        over_parts(loss, str(dtype.value)),
        steps=steps,
        optimisation=Optimisation(
            lr=settings.lr, other_lr=settings.lr, **settings.schedule.model_dump()
        ),
        title=title,
    )
    _drop(start.model, 0.0, 0.0)
    return losses


def _drop(model: nn.Module, hidden: float, attention: float) -> None:
    if isinstance(model, BART):
        set_dropout(model, hidden, attention)
    elif hidden or attention:
        raise InputError("only BART is known to be trained with dropout")


def fitting(examples: Sequence[Example], longest: int = LONGEST_TARGET) -> list[Example]:
    """Examples whose targets have at most `longest` tokens before the end; others are left out.

    `DataError` where none is left.
    """
    kept = [e for e in examples if max(map(len, e.targets)) <= longest + 1]
    if not kept:
        raise DataError(f"no training example has a target of at most {longest} tokens")
    return kept


def token_parts(examples: Sequence[Example], most: int) -> list[list[Example]]:
    """Examples of like length together, as many as have at most `most` tokens, padding included.

    An example counts its longer side, as in the official code, and one that is too long is alone.
    Which examples meet depends on nothing else.
    """
    found: list[list[Example]] = []
    widest = 0
    for example in sorted(examples, key=_order):
        size = max(len(example.source) + FRAME, sum(map(len, example.targets)))
        if not found or (len(found[-1]) + 1) * max(widest, size) > most:
            found.append([])
            widest = 0
        found[-1].append(example)
        widest = max(widest, size)
    return found


def _order(example: Example) -> tuple[int, list[int], list[list[int]]]:
    return len(example.source), example.source, example.targets


def steps_of_parts(
    cut: Sequence[list[Example]], parts: int, rng: random.Random
) -> Iterator[list[list[Example]]]:
    """`parts` parts at a time for ever; all parts are shuffled anew each time round."""

    def endless() -> Iterator[list[Example]]:
        while True:
            order = list(range(len(cut)))
            rng.shuffle(order)
            yield from (cut[at] for at in order)

    stream = endless()
    while True:
        yield [next(stream) for _ in range(parts)]


def over_parts(loss: Loss, dtype: str) -> Callable[[nn.Module, Parts], Tensor]:
    """The mean over all target tokens of a step, with the memory of one part.

    Gradients of all parts but the last are taken here, where they add up; the loop takes the
    last. Products are computed in `dtype`.
    """

    def mean(model: nn.Module, batch: Parts) -> Tensor:
        tokens = sum(int(part.target_mask.sum()) for part in batch)
        before = torch.zeros(())
        for at, part in enumerate(batch):
            with precision(dtype):
                value = loss(model, part) / max(1, tokens)
            if at + 1 == len(batch):
                return value + before.to(value.device)
            value.backward()
            before = before + value.detach().to(before.device)
        raise ValueError("a step without parts")

    return mean


def likelihood_loss(smoothing: float) -> Loss:
    """Smoothed -log p, summed over all target tokens."""

    def loss(model: ConditionalModel, batch: TargetBatch) -> Tensor:
        logprobs, targets = vocabulary_logprobs(model, batch)
        return smoothed_likelihood(logprobs, targets, smoothing).sum()

    return loss


def contrastive_loss(smoothing: float, negative_weight: float) -> Loss:
    """ConSeq's loss on (positive, negative) targets, summed over the tokens of both.

    Smoothed -log p of the positive's tokens, smoothed -log(1 - p) of the negative's.
    """

    def loss(model: ConditionalModel, batch: TargetBatch) -> Tensor:
        logprobs, targets = vocabulary_logprobs(model, batch)
        negative = torch.zeros_like(batch.target_mask)
        negative[:, 1] = True
        pushed = negative[batch.target_mask]
        gain = smoothed_likelihood(logprobs[~pushed], targets[~pushed], smoothing)
        pain = smoothed_unlikelihood(logprobs[pushed], targets[pushed], smoothing)
        return gain.sum() + negative_weight * pain.sum()

    return loss


def punishing(negative_tokens: str) -> Callable[[TargetBatch], TargetBatch]:
    """A batch of which only the punished tokens of the negatives count.

    `all` (the paper), those `absent` from the positive, or `none`.
    """
    if negative_tokens not in NEGATIVE_TOKENS:
        raise ValueError(f"negative_tokens is '{negative_tokens}', not one of {NEGATIVE_TOKENS}")

    def counted(batch: TargetBatch) -> TargetBatch:
        mask = batch.target_mask.clone()
        if negative_tokens == "none":
            mask[:, 1] = False
        elif negative_tokens == "absent":
            mask[:, 1] &= absent(batch.targets[:, 1], batch.targets[:, 0])
        return replace(batch, target_mask=mask)

    return counted


def vocabulary_logprobs(model: ConditionalModel, batch: TargetBatch) -> tuple[Tensor, Tensor]:
    """Log-softmax [N, V] in fp32 and token [N] at every counted place of a batch's targets."""
    memory = model.read(batch.ids, batch.mask)
    hidden = model.decode(shift_right(batch.targets, model.config.decoder_start_token_id), memory)
    logits = model.logits(hidden[batch.target_mask]).float()
    return logits.log_softmax(-1), batch.targets[batch.target_mask]
