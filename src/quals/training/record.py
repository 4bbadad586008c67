"""What does a training stage leave in `results/<scale>/training`? One JSON object of one form."""

from pathlib import Path

from torch import nn

from quals.jsonl import write_json
from quals.models import checkpoint
from quals.signature import signature
from quals.training.loop import Stopwatch, curve


def write_record(
    path: Path,
    *,
    stage: str,
    seed: int,
    model: nn.Module,
    losses: list[float],
    metrics: dict[str, float],
    watch: Stopwatch,
    data: str | None = None,
) -> None:
    """Write and print the metrics: those given, and the loss of the last step if there was one.

    `data` says where the training data are from, at scales where that may differ.

    Seconds are printed only: a file that holds them would differ from run to run.
    """
    metrics = {**metrics, "train_loss": losses[-1]} if losses else metrics
    parameters = checkpoint.parameters(model)
    print(f"{stage}: {parameters:,} parameters, {metrics}, {watch.seconds():.0f} s")
    write_json(
        path,
        {
            "stage": stage,
            "metrics": metrics,
            "curve": curve(losses),
            "parameters": parameters,
            "signature": signature(seed=seed),
            **({} if data is None else {"data": data}),
        },
    )
