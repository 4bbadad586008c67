"""How is training run? Precision, memory and checkpoints: none of it is part of the method."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quals.params import Count, Section, load_section, load_yaml
from quals.training.processes import join
from quals.unfinished import unfinished

SECTION = "hardware"


class Hardware(Section):
    """The scale's optional `hardware` section, for all trainings of the scale.

    A process computes its share of a batch, or each piece of one that comes in pieces, in
    `accumulation` parts, and its products in `dtype`; with `recompute_activations` it keeps no
    values inside of layers but computes them again. Every `checkpoint_every` steps (null: never) it
    writes down where it is.
    """

    dtype: Literal["auto", "float32", "bfloat16"]
    accumulation: Count
    recompute_activations: bool
    checkpoint_every: Count | None


PLAIN = Hardware(
    dtype="float32", accumulation=1, recompute_activations=False, checkpoint_every=None
)


@dataclass(frozen=True)
class Running:
    """`folder` holds the checkpoints of a stage's trainings; without one there are none."""

    hardware: Hardware = PLAIN
    folder: Path | None = None

    @property
    def leads(self) -> bool:
        """Whether this process measures and writes what was trained; `running` holds the others."""
        return join().leads


ALONE = Running()


@contextmanager
def running(params: Path, stage: str) -> Iterator[Running]:
    """How a scale wants its trainings run; a scale that says nothing gets plain ones.

    Checkpoints go when the block ends, not when a training does. No process leaves before all have
    ended: the leading one has then written everything.
    """
    hardware = PLAIN
    if SECTION in load_yaml(params):
        hardware = load_section(params, SECTION, Hardware)
    if hardware.checkpoint_every is None:
        yield Running(hardware)
        join().wait()
        return
    with unfinished(params, stage) as folder:
        yield Running(hardware, folder)
        join().wait()
