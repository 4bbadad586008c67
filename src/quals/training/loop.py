"""The one training loop. Methods differ by the batches and the loss that are handed in.

Where a launcher starts several processes, all go through the same batches and share each of them.
"""

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from quals.models.interface import recompute
from quals.params import Natural, NonNegative, Positive, Section, Share
from quals.scoring.hardware import choose_dtype
from quals.training.batches import digest, skip
from quals.training.optimizer import PlainAdamW
from quals.training.parts import differentiate
from quals.training.processes import join
from quals.training.resume import Resumable, identity_of
from quals.training.running import ALONE, Running

Batch = TypeVar("Batch")

BETA1 = 0.9


class Schedule(Section):
    """AdamW with linear warm-up, then a linear change to `final_share` of the peak rates."""

    beta2: Share
    warmup_steps: Natural
    final_share: Share
    weight_decay: NonNegative
    clip_norm: Positive


class Optimisation(Schedule):
    """A schedule and its peak rates: of matrices, and of all other parameters."""

    lr: Positive
    other_lr: Positive


def seed_everything(seed: int) -> None:
    """Seed every generator that a stage may touch; call it first."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # On a GPU matrix products are only repeatable with this, and some sums never are.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # `use_deterministic_algorithms` says the same and imports torch's compiler, for seconds.
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
    # No result here reads memory that was never written; filling it first only takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def train(
    model: nn.Module,
    batches: list[Batch] | Iterator[Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    *,
    steps: int,
    optimisation: Optimisation,
    title: str,
    running: Running = ALONE,
    about: Mapping[str, object] | None = None,
) -> list[float]:
    """Take `steps` steps over `batches` and return the loss of each; the model ends in eval mode.

    `loss` maps model and batch to a scalar. One batch is one optimiser step, whatever the number of
    processes and of the parts in which they compute it; both need a loss that is a `Mean`. `about`
    is what else the training depends on and nobody could tell from weights, data and loss.
    """
    processes, hardware = join(), running.hardware
    dtype = choose_dtype(hardware.dtype)
    if processes.leads and hardware.dtype != "float32":
        reason = "as asked" if hardware.dtype != "auto" else dtype.reason.partition(";")[0]
        print(f"{title}: {dtype.value} ({reason})", flush=True)
    model.to(processes.device)
    processes.align(model)
    optimizer = PlainAdamW(
        _groups(model, optimisation),
        betas=(BETA1, optimisation.beta2),
        weight_decay=optimisation.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: learning_rate_factor(
            step, steps, warmup=optimisation.warmup_steps, final_share=optimisation.final_share
        ),
    )
    losses: list[float] = []
    checkpoints = None
    if running.folder is not None:
        settings = {"steps": steps, "optimisation": optimisation.model_dump(), **(about or {})}
        identity = identity_of(
            model,
            loss,
            data=digest(batches),
            processes=processes.size,
            hardware=hardware.model_dump(),
            **settings,
        )
        folder = running.folder / title.replace(" ", "-")
        checkpoints = Resumable(folder, identity, model, optimizer, processes)
        losses = checkpoints.load()
        batches = skip(batches, len(losses))
        _go_to(schedule, len(losses))
    model.train()
    if hardware.recompute_activations:
        recompute(model, True)
    progress = tqdm(
        total=steps,
        initial=len(losses),
        desc=title,
        unit="step",
        mininterval=5,
        disable=not processes.leads,
    )
    for batch in take(batches, steps - len(losses)):
        value = differentiate(
            model,
            loss,
            batch,
            processes=processes,
            parts=hardware.accumulation,
            dtype=str(dtype.value),
        )
        nn.utils.clip_grad_norm_(model.parameters(), optimisation.clip_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(value.item())
        progress.update()
        progress.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
        if checkpoints is not None and _is_due(len(losses), steps, hardware.checkpoint_every):
            checkpoints.save(losses)
    progress.close()
    if hardware.recompute_activations:
        recompute(model, False)
    model.eval()
    return losses


def _is_due(step: int, steps: int, every: int | None) -> bool:
    return step == steps or (every is not None and step % every == 0)


def _go_to(schedule: torch.optim.lr_scheduler.LambdaLR, step: int) -> None:
    """As after `step` steps."""
    schedule.last_epoch = step
    factor = schedule.lr_lambdas[0](step)
    for group, rate in zip(schedule.optimizer.param_groups, schedule.base_lrs, strict=True):
        group["lr"] = rate * factor


def _groups(model: nn.Module, optimisation: Optimisation) -> list[dict[str, object]]:
    """Matrices, and all that is none: embeddings, position biases, norms; each with its rate.

    AdamW moves all values alike, and a network starts with embeddings and norms ten times as large
    as its matrices: at one rate they hardly move. Trained from scratch, T5 then learns slowly.
    """
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    trained = [p for p in model.parameters() if p.requires_grad]
    rates = {True: optimisation.lr, False: optimisation.other_lr}
    groups = [
        {"params": [p for p in trained if (id(p) in matrices) == kind], "lr": rate}
        for kind, rate in rates.items()
    ]
    return [group for group in groups if group["params"]]


def learning_rate_factor(step: int, steps: int, *, warmup: int, final_share: float) -> float:
    """Rises linearly to 1 over `warmup` steps, then goes linearly to `final_share` at `steps`."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = max(0.0, (steps - step) / max(1, steps - warmup))
    return final_share + (1 - final_share) * left


def take(batches: Iterable[Batch], steps: int) -> Iterator[Batch]:
    """The first `steps` batches; fewer raise, or a schedule would end half-way unnoticed."""
    count = 0
    for batch in batches:
        if count == steps:
            return
        yield batch
        count += 1
    if count < steps:
        raise ValueError(f"{steps} steps were asked for, there are only {count} batches")


def curve(losses: list[float], points: int = 50) -> list[float]:
    """The training curve in at most `points` means of equal stretches."""
    size = max(1, -(-len(losses) // points))
    return [float(np.mean(losses[at : at + size])) for at in range(0, len(losses), size)]


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self.start
