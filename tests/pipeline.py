"""Reads dvc.yaml as the tests need it: stages with their matrix written out."""

from pathlib import Path

from quals.rehearsal.cells import Stage, cells

ROOT = Path(__file__).parents[1]


def stages(grid: dict[str, list]) -> list[Stage]:
    """All cells of all stages in the order of dvc.yaml, over the lists of `grid`."""
    return cells(ROOT / "dvc.yaml", grid)


def edges(found: list[Stage]) -> set[tuple[str, str]]:
    """(maker, reader) for each pair of stages by name of which one reads what the other makes."""
    return {
        (maker.name, reader.name)
        for maker in found
        for reader in found
        for out in maker.outs
        for dep in reader.deps
        if out == dep or out.startswith(f"{dep}/")
    }


def before(name: str, found: list[Stage]) -> set[str]:
    """The stages that must have run before this one has."""
    makers, reached, waiting = edges(found), set(), {name}
    while waiting:
        waiting = {maker for maker, reader in makers if reader in waiting} - reached
        reached |= waiting
    return reached
