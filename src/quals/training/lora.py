"""How is an adapter trained? LoRA layers by peft inside one of our networks, in the one loop.

Only the adapter's matrices have gradients; the loop's optimiser passes over all that have none.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from quals.errors import InputError
from quals.models.adapter_folder import Adapter
from quals.models.checkpoint import Checkpoint
from quals.params import Count, Positive, Section, Share
from quals.scoring.hardware import choose_dtype, precision
from quals.training.batches import Batches, Example, TargetBatch, bucketed, collate
from quals.training.loop import Optimisation, Schedule, train
from quals.training.qa import likelihood_of
from quals.training.running import ALONE, Running

Parts = list[TargetBatch]
Loss = Callable[[nn.Module, TargetBatch], Tensor]


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
    dtype: Literal["auto", "float32", "bfloat16"]
    lr: Positive
    schedule: Schedule


def train_lora(
    start: Checkpoint,
    examples: list[Example],
    settings: LoraTraining,
    *,
    seed: int,
    title: str,
    loss: Loss = likelihood_of,
    running: Running = ALONE,
) -> tuple[Adapter, list[float]]:
    """Train an adapter for `start` and return it with the loss of each step.

    The network keeps the adapter inside and ends in evaluation mode: it can be measured at once.
    `loss` must be a mean over a batch's target tokens. Parts and dtype are the settings'; one
    process trains.
    """
    dtype = choose_dtype(settings.dtype)
    reason = "as asked" if settings.dtype != "auto" else dtype.reason.partition(";")[0]
    print(f"{title}: {dtype.value} ({reason})", flush=True)
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
        accumulated(loss, str(dtype.value)),
        steps=settings.steps,
        optimisation=Optimisation(
            lr=settings.lr, other_lr=settings.lr, **settings.schedule.model_dump()
        ),
        title=title,
        running=running.changed(dtype="float32", accumulation=1),
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
) -> Batches[Parts]:
    """Batches for ever, each cut into parts of at most `part_size` examples of like length."""

    def length(example: Example) -> int:
        return len(example.source) + max(map(len, example.targets))

    def parts(chosen: list[Example]) -> Parts:
        starts = range(0, len(chosen), part_size)
        return [collate(chosen[at : at + part_size], pad_id) for at in starts]

    return bucketed(examples, batch_size, length, rng).map(parts)


def accumulated(loss: Loss, dtype: str) -> Callable[[nn.Module, Parts], Tensor]:
    """A loss over the parts of a batch that needs the memory of one part.

    Every part but the last is differentiated here, where gradients add up; the loop does the last.
    Each counts by its target tokens, so that value and gradients are those of the whole batch.
    Products are computed in `dtype`.
    """

    def over_parts(model: nn.Module, parts: Parts) -> Tensor:
        counts = [int(part.target_mask.sum()) for part in parts]
        before = 0.0
        for at, (part, count) in enumerate(zip(parts, counts, strict=True)):
            with precision(dtype):
                value = loss(model, part) * (count / max(1, sum(counts)))
            if at + 1 == len(parts):
                return value + before
            value.backward()
            before = before + value.detach()
        raise ValueError("a batch without parts")

    return over_parts


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
