"""How do independent jobs share the cores? One process each, with a single thread.

Small networks gain little from a second thread, so that two jobs side by side end well before two
in a row. What comes out does not depend on the number of cores.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import TypeVar

import torch

from quals.scoring.team import is_alone

Job = TypeVar("Job")
Result = TypeVar("Result")

THREADS = 1  # of a job


def run_jobs(
    function: Callable[[Job], Result], jobs: list[Job], *, workers: int | None = None
) -> list[Result]:
    """`function` of every job, in order; the first exception of a job is raised here.

    `workers` processes at a time, by default `default_workers`. `function` must be importable by
    name and jobs must survive pickling.
    """
    workers = min(default_workers() if workers is None else workers, len(jobs))
    if workers <= 1:
        return _one_after_another(function, jobs)
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_single_thread)
    with pool:
        return list(pool.map(function, jobs))


def default_workers() -> int:
    """As many as there are cores, or one where a GPU or several processes do the work.

    A launcher's processes take part in every job together: what they forked would take part too.
    """
    return 1 if torch.cuda.is_available() or not is_alone() else os.cpu_count() or 1


def _context() -> BaseContext:
    """Forked where that is safe: a fresh process imports for seconds what this one has already.

    A forked process must not use the parent's thread pool. With a single thread it does not, which
    torch's data loaders rely on too. A GPU cannot be shared in this way, nor can macOS's libraries.
    """
    forked = sys.platform == "linux" and not torch.cuda.is_available()
    return get_context("fork" if forked else "spawn")


def _single_thread() -> None:
    torch.set_num_threads(THREADS)


def _one_after_another(function: Callable[[Job], Result], jobs: list[Job]) -> list[Result]:
    threads = torch.get_num_threads()
    _single_thread()
    try:
        return [function(job) for job in jobs]
    finally:
        torch.set_num_threads(threads)
