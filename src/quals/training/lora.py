"""How is an adapter trained? LoRA layers by peft inside one of our networks, in the one loop.

Only the adapter's matrices have gradients; the loop's optimiser passes over all that have none.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from quals.errors import InputError
from quals.models.adapter_folder import Adapter
from quals.models.checkpoint import Checkpoint
from quals.params import Count, Positive, Section, Share
from quals.training.batches import Batches, Example, TargetBatch, bucketed, collate
from quals.training.loop import Optimisation, Schedule, train
from quals.training.parts import Mean, Pieces
from quals.training.qa import likelihood_of
from quals.training.running import ALONE, Running


class Lora(Section):
    """The adapter: rank of its products, alpha (they are scaled by alpha / rank), targets.

    `targets` are the last parts of the names of linear layers; `dropout` is that of their inputs.
    """

    rank: Count
    alpha: Positive
    dropout: Share
    targets: Annotated[list[str], Field(min_length=1)]


class LoraTraining(Section):
    """How it is trained: `batch_size` examples make a step, `part_size` are computed at once.

    An adapter has matrices only: `lr` is the one rate.
    """

    lora: Lora
    steps: Count
    batch_size: Count
    part_size: Count
    lr: Positive
    schedule: Schedule


def train_lora(
    start: Checkpoint,
    examples: list[Example],
    settings: LoraTraining,
    *,
    seed: int,
    title: str,
    loss: Mean[TargetBatch] = likelihood_of,
    running: Running = ALONE,
) -> tuple[Adapter, list[float]]:
    """Train an adapter for `start` and return it with the loss of each step.

    The network keeps the adapter inside and ends in evaluation mode: it can be measured at once.
    """
    inject(start.model, settings.lora, seed=seed)
    losses = train(
        start.model,
        batches_in_parts(
            examples,
            batch_size=settings.batch_size,
            part_size=settings.part_size,
            pad_id=start.model.config.pad_token_id,
            rng=random.Random(seed),
        ),
        loss,
        steps=settings.steps,
        optimisation=Optimisation(
            lr=settings.lr, other_lr=settings.lr, **settings.schedule.model_dump()
        ),
        title=title,
        running=running,
        about={"lora": settings.lora.model_dump()},
    )
    return extract(start.model, settings.lora), losses


def inject(model: nn.Module, lora: Lora, *, seed: int) -> None:
    """Put the adapter's layers into the network, where they change nothing yet; freeze the rest.

    A target that is no linear layer raises `InputError`.
    """
    peft = _peft()
    layers = {name for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    for target in lora.targets:
        if not any(name == target or name.endswith("." + target) for name in layers):
            raise InputError(f"lora.targets: '{target}' is no linear layer of this network")
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
    )
    torch.manual_seed(seed)
    with _config_as_mapping(model):
        peft.inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)


def extract(model: nn.Module, lora: Lora) -> Adapter:
    """The adapter inside a network; matrices that no gradient has reached raise `ValueError`.

    A network that uses a layer's weight without calling the layer would pass over its adapter.
    """
    state = _peft().get_peft_model_state_dict(model, save_embedding_layers=False)
    names = sorted({key.rpartition(".lora_")[0] for key in state})
    pairs = {}
    for name in names:
        a, b = (state[f"{name}.lora_{matrix}.weight"].detach().cpu().clone() for matrix in "AB")
        if not b.any():
            raise ValueError(f"'{name}' has learned nothing: no gradient reaches its adapter")
        pairs[name] = (a, b)
    return Adapter(lora.rank, lora.alpha, lora.dropout, tuple(sorted(lora.targets)), pairs)


def batches_in_parts(
    examples: list[Example], *, batch_size: int, part_size: int, pad_id: int, rng: random.Random
) -> Batches[Pieces[TargetBatch]]:
    """Batches for ever, in pieces of at most `part_size` examples of like length."""

    def length(example: Example) -> int:
        return len(example.source) + max(map(len, example.targets))

    def pieces(chosen: list[Example]) -> Pieces[TargetBatch]:
        starts = range(0, len(chosen), part_size)
        return Pieces([collate(chosen[at : at + part_size], pad_id) for at in starts])

    return bucketed(examples, batch_size, length, rng).map(pieces)


@contextmanager
def _config_as_mapping(model: nn.Module) -> Iterator[None]:
    """peft reads a network's configuration as a dict."""
    config = model.config
    model.config = config.model_dump()
    try:
        yield
    finally:
        model.config = config


def _peft():
    try:
        import peft
    except ImportError as error:
        raise InputError(
            "training an adapter needs peft: pip install -r requirements-laptop.lock"
        ) from error
    return peft
