"""How are many texts scored on all cores? In equal parts, each by a process of its own.

A metric scores every text by itself, so that how they are dealt changes nothing.
"""

from collections.abc import Callable
from typing import TypeVar

from quals.parallel import default_workers, run_jobs

Item = TypeVar("Item")
Score = TypeVar("Score")


def in_parts(
    score: Callable[[list[Item]], list[Score]],
    items: list[Item],
    *,
    cost: Callable[[Item], float],
    parts: int | None = None,
    workers: int | None = None,
) -> list[Score]:
    """`score` of all items, in order, dealt by falling `cost` so that parts take equally long.

    There are `parts` of them, by default one for each worker; `workers` as in `run_jobs`. `score`
    must survive pickling and gets at least one item.
    """
    count = min(parts or workers or default_workers(), len(items))
    order = sorted(range(len(items)), key=lambda i: (-cost(items[i]), i))
    dealt = [order[first::count] for first in range(count)]
    work = [[items[i] for i in part] for part in dealt]
    found = run_jobs(score, work, workers=workers)
    scores = {
        i: value
        for part, values in zip(dealt, found, strict=True)
        for i, value in zip(part, values, strict=True)
    }
    return [scores[i] for i in range(len(items))]
