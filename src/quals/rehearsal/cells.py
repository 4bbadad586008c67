"""Which commands does dvc.yaml hold? Its stages with their matrix written out."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quals.params import load_yaml


@dataclass(frozen=True)
class Stage:
    """One cell of a stage's matrix, templates filled in."""

    name: str
    cmd: list[str]
    deps: list[str]
    outs: list[str]
    params: dict[str, list[str]]


def cells(path: Path, grid: Mapping[str, Sequence[object]]) -> list[Stage]:
    """All cells of all stages in the order of the file, over the lists of `grid`."""
    found = []
    for name, stage in load_yaml(path)["stages"].items():
        matrix = stage.get("matrix", {})
        keys = list(matrix)
        lists = [grid[matrix[key].strip("${}")] for key in keys]
        for values in itertools.product(*lists):
            item = dict(zip(keys, values, strict=True))
            found.append(_cell(name, stage, item))
    return found


def _cell(name: str, stage: dict, item: dict[str, object]) -> Stage:
    def fill(text: str) -> str:
        return re.sub(r"\$\{item\.(\w+)\}", lambda match: str(item[match[1]]), text)

    outs = [
        fill(next(iter(out)) if isinstance(out, dict) else out)
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    params = {
        fill(file): [fill(key) for key in keys]
        for entry in stage.get("params", [])
        for file, keys in entry.items()
    }
    deps = [fill(dep) for dep in stage.get("deps", [])]
    return Stage(name, fill(stage["cmd"]).split(), deps, outs, params)
