"""Laws of jobs side by side: order, one thread each, errors that come through."""

import os

import pytest
import torch

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
