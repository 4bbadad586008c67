"""How do independent trainings share the cores? One process each, with a single thread.

Small networks gain little from a second thread, so that two trainings side by side end well before
two in a row. What comes out does not depend on the number of cores.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_jobs(
    function: Callable[[Job], Result], jobs: list[Job], *, workers: int | None = None
) -> list[Result]:
    """`function` of every job, in order; the first exception of a job is raised here.

    `workers` processes at a time, by default as many as there are cores, or one where a GPU does
    the work. `function` must be importable by name and jobs must survive pickling.
    """
    if workers is None:
        workers = 1 if torch.cuda.is_available() else os.cpu_count() or 1
    workers = min(workers, len(jobs))
    if workers <= 1:
        return _one_after_another(function, jobs)
    # A forked process would inherit locks of torch's thread pool that nobody opens again.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_single_thread)
    with pool:
        return list(pool.map(function, jobs))


def _single_thread() -> None:
    torch.set_num_threads(1)


def _one_after_another(function: Callable[[Job], Result], jobs: list[Job]) -> list[Result]:
    threads = torch.get_num_threads()
    _single_thread()
    try:
        return [function(job) for job in jobs]
    finally:
        torch.set_num_threads(threads)
