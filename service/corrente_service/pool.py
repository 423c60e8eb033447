"""Threads for what takes long: kernels and networks let the others run meanwhile."""

import os
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

from corrente_service.job import Job
from corrente_service.runner import Runner

NICENESS = 5
"""What waits for a core behind the loop, which has little to do and must do it at once."""


class Pool:
    """Runs jobs in the order they come; one thread per core. `close` waits for what is running.

    Somebody who polls `fileno()` finds it readable when jobs are done.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._threads = ThreadPoolExecutor(os.cpu_count(), "corrente pool", step_back)
        self._ended: SimpleQueue[tuple[Job, Future[None]]] = SimpleQueue()
        self._alarm, self._waker = socket.socketpair()
        self._alarm.setblocking(False)
        self._waker.setblocking(False)

    def fileno(self) -> int:
        """What to poll for."""
        return self._alarm.fileno()

    def submit(self, jobs: Iterable[Job]) -> None:
        """Has jobs run."""
        for job in jobs:
            future = self._threads.submit(job.run, self._runner)
            future.add_done_callback(partial(self._end, job))

    def done(self) -> list[Job]:
        """The jobs that have run since the last call; raises what one of them raised."""
        with suppress(BlockingIOError):
            self._alarm.recv(4096)
        jobs: list[Job] = []
        while not self._ended.empty():
            job, future = self._ended.get()
            future.result()
            jobs.append(job)
        return jobs

    def close(self) -> None:
        """Runs nothing more."""
        self._threads.shutdown(cancel_futures=True)
        self._alarm.close()
        self._waker.close()

    def _end(self, job: Job, future: "Future[None]") -> None:
        if future.cancelled():
            return
        self._ended.put((job, future))
        with suppress(BlockingIOError):  # where the pipe is full somebody is about to look anyway
            self._waker.send(b"\0")


def step_back() -> None:
    """Lets the other threads go before this one."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
