"""What does a plan know of a scale? Its settings, grid, networks and texts; and what a plan is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from quals.doctor.arithmetic import Load
from quals.doctor.shapes import Shape
from quals.doctor.sizes import Corpus, Questions
from quals.left_out import LeftOut

Raw = Mapping[str, object]
BATCH = 32  # texts at once where the settings do not say


@dataclass(frozen=True)
class Dose:
    """Training: so many texts in so many passes and optimiser steps; at most `together` at once."""

    texts: float
    passes: float
    steps: float
    together: float
    frozen: bool = False
    rank: int = 0


@dataclass(frozen=True)
class Scale:
    """All that a plan needs; `shapes` has `qagen`, `qg`, `reader`, `factcc`, `mle <corpus>`."""

    settings: Raw
    grid: Raw
    left_out: LeftOut
    corpora: Mapping[str, Corpus]
    questions: Questions
    shapes: Mapping[str, Shape]

    def section(self, name: str) -> Raw:
        found = self.settings.get(name)
        return found if isinstance(found, Mapping) else {}

    def count(self, name: str) -> int:
        """Entries of one of the grid's lists."""
        found = self.grid.get(name)
        return len(found) if isinstance(found, list) else 1


@dataclass(frozen=True)
class StagePlan:
    """One stage with all its runs: texts, tokens that networks read or write, and the work.

    `together` are tokens that one pass holds in memory, `targets` those of them with logits;
    `saved` are models that stay on the disk, `networks` those that are in memory together where
    they are more than the work tells apart.
    """

    stage: str
    runs: int
    texts: float
    tokens: float
    loads: list[Load]
    together: float
    targets: float
    saved: list[Shape] = field(default_factory=list)
    trains: str = ""  # all, adapter or nothing
    networks: list[Shape] = field(default_factory=list)

    def repeated(self, runs: int, stage: str) -> "StagePlan":
        """As many runs of it, one after the other."""
        return replace(
            self,
            stage=stage,
            runs=runs,
            texts=self.texts * runs,
            tokens=self.tokens * runs,
            loads=[load.times(runs) for load in self.loads],
            saved=self.saved * runs,
        )


def dose(section: Raw, available: float, tokens: float, dataset: str | None = None) -> Dose | None:
    """How much a section trains, of `available` texts of `tokens` tokens; None where it does not.

    By steps and batches (of the section, or of its `training`), or by epochs and tokens
    (`finetuning`).
    """
    for name in ("finetuning", "training"):
        if name in section:
            found = section[name]
            if isinstance(found, Mapping) and dataset in found:
                found = found[dataset]
            if not isinstance(found, Mapping):
                return None
            section = found
            break
    lora = section.get("lora")
    rank = int(lora["rank"]) if isinstance(lora, Mapping) else 0
    if "epochs" in section:
        texts = float(section["epochs"]) * available
        part = float(section.get("part_tokens") or BATCH * tokens)
        together = max(1.0, part // max(1.0, tokens))
        passes = texts / together
        steps = passes / float(section.get("parts") or 1)
        return Dose(texts, passes, steps, together, rank > 0, rank)
    steps = section.get("steps")
    if isinstance(steps, Mapping):
        steps = steps.get(dataset)
    if not isinstance(steps, int):
        return None
    batch = float(section.get("batch_size") or section.get("documents_per_batch") or BATCH)
    part = min(batch, float(section.get("part_size") or batch))
    return Dose(steps * batch, steps * batch / part, steps, part, rank > 0, rank)
