"""How does an encoder learn a new head? On pairs of texts with targets, in the one loop."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quals.models.encoder import Encoder, Inputs
from quals.params import Count, Section, Share
from quals.training.batches import bucketed
from quals.training.loop import Optimisation, train
from quals.training.parts import Mean
from quals.training.running import ALONE, Running


class EncoderTraining(Section):
    """`batch_size` pairs make a step; `dropout` is that of hidden states and of attention."""

    steps: Count
    batch_size: Count
    dropout: Share
    optimisation: Optimisation


@dataclass(frozen=True)
class Labelled:
    """A pair of token ids and what is to be told of it: class indices, one for each output."""

    first: list[int]
    second: list[int]
    target: tuple[int, ...]


Logits = Callable[[nn.Module, Inputs], Tensor]


def train_encoder(
    encoder: Encoder,
    rows: list[Labelled],
    logits: Logits,
    settings: EncoderTraining,
    *,
    seed: int,
    title: str,
    running: Running = ALONE,
) -> list[float]:
    """Train the network in place and return the loss of each step.

    `logits` maps network and inputs to [B, C, K]: C classes of each of K outputs.
    """

    def loss(model: nn.Module, chosen: list[Labelled]) -> Tensor:
        inputs = encoder.batch([(row.first, row.second) for row in chosen])
        found = logits(model, inputs)
        targets = torch.tensor([row.target for row in chosen], device=found.device)
        return nn.functional.cross_entropy(found.float(), targets)

    batches = bucketed(
        rows,
        settings.batch_size,
        lambda row: len(row.first) + len(row.second),
        random.Random(seed),
    )
    return train(
        encoder.model,
        batches,
        Mean(loss, len),
        steps=settings.steps,
        optimisation=settings.optimisation,
        title=title,
        running=running,
        about={"dropout": settings.dropout},
    )
