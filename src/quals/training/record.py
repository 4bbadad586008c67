"""What does a training stage leave in `results/<scale>/training`? One JSON object of one form."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from quals.jsonl import write_json
from quals.models import checkpoint
from quals.signature import signature
from quals.training.loop import Stopwatch, curve, seed_everything


@dataclass(frozen=True)
class Begun:
    """A training: its name in records and messages, its seed, and since when it runs."""

    stage: str
    seed: int
    watch: Stopwatch

    def record(
        self,
        path: Path,
        *,
        model: nn.Module,
        losses: list[float],
        metrics: dict[str, float],
        data: str | None = None,
    ) -> None:
        """Write and print the metrics: those given, and the loss of the last step if there was one.

        `data` says where the training data are from, at scales where that may differ.

        Seconds are printed only: a file that holds them would differ from run to run.
        """
        metrics = {**metrics, "train_loss": losses[-1]} if losses else metrics
        parameters = checkpoint.parameters(model)
        print(f"{self.stage}: {parameters:,} parameters, {metrics}, {self.watch.seconds():.0f} s")
        write_json(
            path,
            {
                "stage": self.stage,
                "metrics": metrics,
                "curve": curve(losses),
                "parameters": parameters,
                "signature": signature(seed=self.seed),
                **({} if data is None else {"data": data}),
            },
        )


def begin(stage: str, seed: int) -> Begun:
    """Seed every generator and start the clock; call it before anything is drawn."""
    seed_everything(seed)
    return Begun(stage, seed, Stopwatch())
