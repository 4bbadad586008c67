"""How do independent jobs share the cores, or the GPUs? One process each, with a single thread.

Small networks gain little from a second thread, so that two jobs side by side end well before two
in a row. What comes out does not depend on the number of cores. Where there are GPUs, each job has
one to itself.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

import torch

from quals.models.device import PLACE, gpus
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
    context = _context()
    places: SimpleQueue[int] = context.SimpleQueue()
    for place in range(workers):
        places.put(place)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(places, gpus()))
    with pool:
        return list(pool.map(function, jobs))


def default_workers() -> int:
    """As many as there are GPUs, else as cores; one where a launcher started several processes.

    Those take part in every job together: what they forked would take part too.
    """
    return (gpus() or os.cpu_count() or 1) if is_alone() else 1


def _context() -> BaseContext:
    """Forked where that is safe: a fresh process imports for seconds what this one has already.

    A forked process must not use the parent's thread pool. With a single thread it does not, which
    torch's data loaders rely on too. A GPU cannot be shared in this way, nor can macOS's libraries.
    """
    forked = sys.platform == "linux" and not gpus()
    return get_context("fork" if forked else "spawn")


def _start(places: "SimpleQueue[int]", count: int) -> None:
    """In a new process: its share of the cores, and a GPU where there are some."""
    _single_thread()
    if count:
        os.environ[PLACE] = str(places.get() % count)


def _single_thread() -> None:
    torch.set_num_threads(THREADS)


def _one_after_another(function: Callable[[Job], Result], jobs: list[Job]) -> list[Result]:
    threads = torch.get_num_threads()
    _single_thread()
    try:
        return [function(job) for job in jobs]
    finally:
        torch.set_num_threads(threads)
