"""Reads dvc.yaml as the tests need it: stages with their matrix written out."""

from pathlib import Path

from quals.rehearsal.cells import Stage, cells

ROOT = Path(__file__).parents[1]


def stages(grid: dict[str, list]) -> list[Stage]:
    """All cells of all stages in the order of dvc.yaml, over the lists of `grid`."""
    return cells(ROOT / "dvc.yaml", grid)
