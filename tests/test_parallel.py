"""Laws of jobs side by side: order, one thread each, errors that come through."""

import os
import time

import pytest
import torch

from quals import parallel
from quals.models.device import PLACE
from quals.parallel import run_jobs


def describe(job: int) -> tuple[int, int, int]:
    """What was asked, in which process, with how many threads."""
    return job, os.getpid(), torch.get_num_threads()


def fail_at_two(job: int) -> int:
    if job == 2:
        raise ValueError("job 2 fails")
    return job


def test_two_workers_are_other_processes_with_one_thread_each_and_keep_the_order():
    found = run_jobs(describe, [3, 1, 2], workers=2)
    assert [job for job, _, _ in found] == [3, 1, 2]
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {1}


def multiply(seed: int) -> float:
    """A product large enough for several threads, and its gradient."""
    factor = torch.randn(300, 300, generator=torch.Generator().manual_seed(seed))
    factor.requires_grad_()
    (factor @ factor).sum().backward()
    return factor.grad.sum().item()


def test_jobs_compute_the_same_elsewhere_after_this_process_has_used_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        multiply(0)
        here = run_jobs(multiply, [1, 2], workers=1)
        assert run_jobs(multiply, [1, 2], workers=2) == here
    finally:
        torch.set_num_threads(before)


def test_as_many_jobs_run_at_once_as_there_are_cores(monkeypatch):
    monkeypatch.setattr(parallel, "default_workers", lambda: 2)
    assert os.getpid() not in {process for _, process, _ in run_jobs(describe, [1, 2])}
    monkeypatch.setattr(parallel, "default_workers", lambda: 1)
    assert {process for _, process, _ in run_jobs(describe, [1, 2])} == {os.getpid()}


def test_processes_of_a_launcher_do_one_job_after_another(monkeypatch):
    """They train together: what one of them forked would wait for the others of its own."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert {process for _, process, _ in run_jobs(describe, [1, 2])} == {os.getpid()}


def place(job: int) -> tuple[int, str]:
    """In which process, on which GPU; long enough for another process to take the next job."""
    time.sleep(0.2)
    return os.getpid(), os.environ[PLACE]


def test_every_process_has_a_gpu_to_itself(monkeypatch):
    monkeypatch.setattr(parallel, "gpus", lambda: 2)
    found = run_jobs(place, list(range(30)))
    assert {gpu for _, gpu in found} <= {"0", "1"}
    assert len(set(found)) == len({process for process, _ in found}) == len({g for _, g in found})


@pytest.mark.parametrize(("gpus", "cores", "expected"), [(3, 2, 3), (1, 8, 1), (0, 8, 8)])
def test_there_are_as_many_workers_as_gpus_else_as_cores(monkeypatch, gpus, cores, expected):
    monkeypatch.setattr(parallel, "gpus", lambda: gpus)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert parallel.default_workers() == expected


def test_a_single_worker_stays_here_and_gives_the_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run_jobs(describe, [1, 2], workers=1) == [(1, os.getpid(), 1), (2, os.getpid(), 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_job_is_raised_here(workers):
    with pytest.raises(ValueError, match="job 2 fails"):
        run_jobs(fail_at_two, [1, 2, 3], workers=workers)
