"""Threads that run jobs."""

import select
import threading
from contextlib import closing
from typing import Any

import pytest

from corrente_service.limits import Limits
from corrente_service.pool import Pool
from corrente_service.runner import Runner

DEADLINE_S = 20.0


class Job:
    """A job that waits until it may go on, and then does what it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_run = threading.Event()
        self.error = error

    def run(self, runner):
        assert self.may_run.wait(DEADLINE_S)
        if self.error is not None:
            raise self.error


def new_pool() -> Any:
    """A pool that takes jobs of our own."""
    return Pool(Runner([], Limits()))


@pytest.fixture
def pool():
    with closing(new_pool()) as pool:
        yield pool


def test_who_polls_is_woken_when_a_job_is_done(pool):
    job = Job()
    pool.submit([job])
    assert pool.done() == []
    assert select.select([pool], [], [], 0)[0] == []
    job.may_run.set()
    assert select.select([pool], [], [], DEADLINE_S)[0] == [pool]
    assert pool.done() == [job]
    assert select.select([pool], [], [], 0)[0] == []
    assert pool.done() == []


def test_what_a_job_raises_is_raised_where_it_is_taken_over(pool):
    job = Job(ArithmeticError("a defect"))
    pool.submit([job])
    job.may_run.set()
    assert select.select([pool], [], [], DEADLINE_S)[0] == [pool]
    with pytest.raises(ArithmeticError, match="a defect"):
        pool.done()


def test_closing_waits_for_what_runs_and_drops_what_does_not():
    pool = new_pool()
    jobs = [Job() for _ in range(100)]
    pool.submit(jobs)
    for job in jobs:
        job.may_run.set()
    pool.close()
    assert not any(thread.name.startswith("corrente pool") for thread in threading.enumerate())
