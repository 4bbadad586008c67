"""How are many texts scored on all cores? In equal parts, each by a process of its own.

A metric scores every text by itself, so that how they are dealt changes nothing.
"""

import os
from collections.abc import Callable
from typing import TypeVar

from quals.parallel import run_jobs

Item = TypeVar("Item")
Score = TypeVar("Score")


def in_parts(
    score: Callable[[list[Item]], list[Score]],
    items: list[Item],
    *,
    cost: Callable[[Item], float],
    workers: int | None = None,
) -> list[Score]:
    """`score` of all items, in order, dealt by falling `cost` so that parts take equally long.

    `workers` as in `run_jobs`; `score` must survive pickling and gets at least one item.
    """
    workers = min(workers or os.cpu_count() or 1, len(items))
    order = sorted(range(len(items)), key=lambda i: (-cost(items[i]), i))
    parts = [order[first::workers] for first in range(workers)]
    work = [[items[i] for i in part] for part in parts]
    found = run_jobs(score, work, workers=workers)
    scores = {
        i: value
        for part, values in zip(parts, found, strict=True)
        for i, value in zip(part, values, strict=True)
    }
    return [scores[i] for i in range(len(items))]
