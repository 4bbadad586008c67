"""How is a pretrained encoder-decoder fine-tuned? All weights, batches by tokens, smoothed labels.

The official recipe (paper.md 1a, 4c): a batch holds as many examples as fit into `part_tokens`
tokens, several of them make a step, and the step's loss is a mean over all its target tokens.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from quals.decoding.scoring import shift_right
from quals.errors import InputError
from quals.jsonl import DataError
from quals.models.bart import BART, set_dropout
from quals.models.checkpoint import Checkpoint
from quals.models.interface import ConditionalModel
from quals.params import Count, Positive, Section, Share
from quals.training.batches import Batches, Example, TargetBatch, collate
from quals.training.contrast import NEGATIVE_TOKENS, punished
from quals.training.loop import Optimisation, Schedule, train
from quals.training.parts import Mean, Pieces
from quals.training.qa import target_tokens
from quals.training.running import ALONE, Running
from quals.training.smoothing import smoothed_likelihood, smoothed_unlikelihood

LONGEST_TARGET = 1022  # tokens besides the end token (official code drops longer rows)
FRAME = 1  # tokens that a network adds to a text: the end token; the official code has no `<s>`


class PretrainedTraining(Section):
    """How all weights are trained on: `epochs` times over the examples.

    A part has at most `part_tokens` tokens, padding included, and `parts` of them make a step
    (official code: GPUs times `update-freq`), whoever computes them. `lr` is the one rate.
    """

    epochs: Positive
    part_tokens: Count
    parts: Count
    label_smoothing: Share
    dropout: Share
    attention_dropout: Share
    lr: Positive
    schedule: Schedule


def finetune(
    start: Checkpoint,
    examples: Sequence[Example],
    loss: Mean[TargetBatch],
    settings: PretrainedTraining,
    *,
    seed: int,
    title: str,
    running: Running = ALONE,
) -> list[float]:
    """Train the network in place and return the loss of each step; it ends in evaluation mode.

    A step's parts are its pieces: processes take turns at them, and each needs the memory of one.
    """
    _drop(start.model, settings.dropout, settings.attention_dropout)
    cut = token_parts(examples, settings.part_tokens)
    steps = max(1, math.ceil(settings.epochs * len(cut) / settings.parts))
    pad_id = start.model.config.pad_token_id
    drawn = steps_of_parts(cut, settings.parts, random.Random(seed))
    losses = train(
        start.model,
        drawn.map(lambda parts: Pieces([collate(part, pad_id) for part in parts])),
        loss,
        steps=steps,
        optimisation=Optimisation(
            lr=settings.lr, other_lr=settings.lr, **settings.schedule.model_dump()
        ),
        title=title,
        running=running,
        about={"dropout": [settings.dropout, settings.attention_dropout]},
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
) -> Batches[list[list[Example]]]:
    """`parts` parts at a time for ever; all parts are shuffled anew each time round."""
    identity = [list(cut), parts, rng.getstate()]

    def endless() -> Iterator[int]:
        while True:
            order = list(range(len(cut)))
            rng.shuffle(order)
            yield from order

    def chosen() -> Iterator[list[int]]:
        stream = endless()
        while True:
            yield [next(stream) for _ in range(parts)]

    return Batches(chosen(), lambda places: [cut[at] for at in places], identity)


def likelihood_loss(smoothing: float) -> Mean[TargetBatch]:
    """Smoothed -log p, a mean over all target tokens."""
    return Mean(partial(_likelihood, smoothing=smoothing), target_tokens)


def _likelihood(model: ConditionalModel, batch: TargetBatch, *, smoothing: float) -> Tensor:
    logprobs, targets = vocabulary_logprobs(model, batch)
    return smoothed_likelihood(logprobs, targets, smoothing).mean()


def contrastive_loss(
    *, smoothing: float, negative_weight: float, negative_tokens: str
) -> Mean[TargetBatch]:
    """ConSeq's loss on (positive, negative) targets, a mean over the tokens of both that count.

    Smoothed -log p of the positive's tokens, smoothed -log(1 - p) of the negative's. Of these
    count `all` (the paper), those `absent` from the positive, or `none`.
    """
    if negative_tokens not in NEGATIVE_TOKENS:
        raise ValueError(f"negative_tokens is '{negative_tokens}', not one of {NEGATIVE_TOKENS}")
    return Mean(
        partial(
            _contrastive,
            smoothing=smoothing,
            negative_weight=negative_weight,
            negative_tokens=negative_tokens,
        ),
        lambda batch: target_tokens(_counted(batch, negative_tokens)),
    )


def _contrastive(
    model: ConditionalModel,
    batch: TargetBatch,
    *,
    smoothing: float,
    negative_weight: float,
    negative_tokens: str,
) -> Tensor:
    batch = _counted(batch, negative_tokens)
    logprobs, targets = vocabulary_logprobs(model, batch)
    negative = torch.zeros_like(batch.target_mask)
    negative[:, 1] = True
    pushed = negative[batch.target_mask]
    gain = smoothed_likelihood(logprobs[~pushed], targets[~pushed], smoothing)
    pain = smoothed_unlikelihood(logprobs[pushed], targets[pushed], smoothing)
    return (gain.sum() + negative_weight * pain.sum()) / len(targets)


def _counted(batch: TargetBatch, negative_tokens: str) -> TargetBatch:
    """A batch of which only the punished tokens of the negatives count."""
    mask = batch.target_mask.clone()
    mask[:, 1] = punished(batch, negative_tokens)
    return replace(batch, target_mask=mask)


def vocabulary_logprobs(model: ConditionalModel, batch: TargetBatch) -> tuple[Tensor, Tensor]:
    """Log-softmax [N, V] in fp32 and token [N] at every counted place of a batch's targets."""
    memory = model.read(batch.ids, batch.mask)
    hidden = model.decode(shift_right(batch.targets, model.config.decoder_start_token_id), memory)
    logits = model.logits(hidden[batch.target_mask]).float()
    return logits.log_softmax(-1), batch.targets[batch.target_mask]
