"""What of the grid does a scale leave out, and why? The section `left_out` of its file.

The lists of params.yaml hold for all scales, and every stage runs for every entry, so that the
graph is the same everywhere. A stage whose entry is left out says so and leaves an empty output.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from quals.jsonl import write_text
from quals.params import ParamsError, Section, load_section, load_yaml

FILE = "left_out.txt"  # in a folder that would hold what was left out: DVC keeps no empty ones
Kind = Literal["selectors", "methods", "benchmarks", "ablations"]


class LeftOut(Section):
    """Entries of the lists of the same names; `methods` are left out of `contrastive` too.

    `reason` is null where nothing is left out.
    """

    reason: str | None
    selectors: list[Literal["quals", "rouge", "copy", "oracle"]]
    methods: list[str]
    benchmarks: list[Literal["xsum", "cnndm"]]
    ablations: Literal["all", "none"]

    @model_validator(mode="after")
    def _reason_fits(self) -> "LeftOut":
        if bool(self.reason) != bool(self.described()):
            raise ValueError("what is left out needs a reason, and a reason something left out")
        return self

    def has(self, kind: Kind, name: str) -> bool:
        if kind == "ablations":
            return self.ablations == "all"
        return name in getattr(self, kind)

    def lists(self, grid: Mapping[str, object]) -> dict[str, object]:
        """The lists of a grid without what is left out; entries of other kinds stay."""
        kinds: dict[str, Kind] = {
            "selectors": "selectors",
            "contrastive": "methods",
            "methods": "methods",
            "benchmarks": "benchmarks",
            "ablations": "ablations",
        }
        return {
            key: [name for name in values if not self.has(kinds[key], str(name))]
            if key in kinds and isinstance(values, list)
            else values
            for key, values in grid.items()
        }

    def described(self) -> list[str]:
        """What is left out, a text for each list."""
        found = [
            f"{kind} {', '.join(names)}"
            for kind, names in (
                ("selectors", self.selectors),
                ("methods", self.methods),
                ("benchmarks", self.benchmarks),
            )
            if names
        ]
        return found + ["all ablations"] * (self.ablations == "all")


def read_left_out(scale: Path) -> LeftOut:
    """The section of a scale's file; `ParamsError` names file and key of what nobody knows."""
    found = load_section(scale, "left_out", LeftOut)
    if found.methods:
        known = load_yaml(scale).get("methods")
        unknown = [name for name in found.methods if name not in (known or {})]
        if unknown:
            raise ParamsError(f"{scale}: left_out.methods: '{unknown[0]}' is not in `methods`")
    return found


def reason_to_leave(scale: Path, kind: Kind, name: str) -> str | None:
    """Why the scale leaves an entry out, which is printed; None where the stage has to run."""
    found = read_left_out(scale)
    if not found.has(kind, name):
        return None
    print(f"{kind} {name}: left out by {scale}: {found.reason}")
    return found.reason


def leave_empty(folders: Iterable[Path], reason: str) -> None:
    """Folders with nothing but the reason why there is nothing."""
    for folder in folders:
        write_text(folder / FILE, f"Left out at this scale: {reason}\n")
