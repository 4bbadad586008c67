"""How does a pretrained summarizer learn more? By all its weights, or by an adapter, merged."""

from collections.abc import Sequence
from pathlib import Path

from quals.models import checkpoint
from quals.models.adapter import add
from quals.models.checkpoint import Checkpoint
from quals.training.batches import Example, TargetBatch
from quals.training.lora import Lora, extract, inject
from quals.training.parts import Mean
from quals.training.pretrained import PretrainedTraining, finetune
from quals.training.running import ALONE, Running


class Tuning(PretrainedTraining):
    """With `lora` the weights stay as they are, and `lr` is the rate of an adapter."""

    lora: Lora | None = None


def tune(
    folder: Path,
    start: Checkpoint,
    examples: Sequence[Example],
    loss: Mean[TargetBatch],
    settings: Tuning,
    *,
    seed: int,
    title: str,
    running: Running = ALONE,
) -> tuple[Checkpoint, list[float]]:
    """The model of `folder`, loaded as `start`, after training, and the loss of each step.

    `start` must not be used again. With an adapter the weights of `folder` are read once more and
    its products added to them, as to a release: `start` holds the layers that it was trained in.
    """
    if settings.lora is not None:
        inject(start.model, settings.lora, seed=seed)
    losses = finetune(start, examples, loss, settings, seed=seed, title=title, running=running)
    if settings.lora is None:
        return start, losses
    adapter = extract(start.model, settings.lora)
    merged = checkpoint.load(folder)
    add(merged.model, adapter, folder=folder)
    return merged, losses
