"""The process above the workers of a service: it starts them, and again where one dies."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

from corrente_service.daemon import STOP_S
from corrente_service.settings import Settings

POLL_S = 0.1
FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 10.0
"""A worker that dies again and again is started after pauses twice as long each, up to this."""

HEALTHY_S = 60.0
"""A worker that ran for so long dies as if for the first time."""

END_S = STOP_S + 1.0
"""How long the workers may take to leave."""

PORTS_TRIED = 100

log = logging.getLogger(__name__)


class StartError(RuntimeError):
    """A worker did not begin; `code` is what it ended with."""

    def __init__(self, worker: int, code: int) -> None:
        super().__init__(f"worker {worker} did not begin, and ended with {code}")
        self.code = code


@dataclass
class _Worker:
    """A worker's process, and what is known of those before it."""

    number: int
    process: "subprocess.Popen[str]"
    started_s: float
    deaths: int = 0  # one soon behind the other
    due_s: float | None = None  # when to start it again


class Supervisor:
    """The workers of a service, with those settings. Use as a context manager.

    They hold the reading end of a pipe, and drain when its other end is closed: however this
    process goes, they go as well. They are of process groups of their own, so that Ctrl-C is for
    this process only.
    """

    def __init__(self, chosen: Settings) -> None:
        self._chosen = chosen
        self._workers: list[_Worker] = []
        self._end, self._lifeline = os.pipe()

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        deadline_s = time.monotonic() + END_S
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("worker killed, it did not leave", extra={"worker": worker.number})
                worker.process.kill()
                worker.process.wait()
            _close(worker.process)
        os.close(self._end)
        os.close(self._lifeline)

    def start(self) -> str:
        """Starts all, waits until they serve, and gives the address of the first.

        Raises `StartError` where one does not.
        """
        now_s = time.monotonic()
        for number in range(self._chosen.workers):
            self._workers.append(_Worker(number, self._started(number), now_s))
        first, *_ = [self._address(worker) for worker in self._workers]
        return first

    def watch(self, stopping: Event) -> None:
        """Starts again what dies, until it is time to stop."""
        while not stopping.wait(POLL_S):
            for worker in self._workers:
                self._look_after(worker, time.monotonic())

    def leave(self) -> None:
        """Tells the workers to drain, and does not wait for them."""
        for worker in self._workers:
            worker.process.terminate()

    def _look_after(self, worker: _Worker, now_s: float) -> None:
        if worker.due_s is not None:
            if now_s >= worker.due_s:
                worker.process, worker.started_s = self._started(worker.number), now_s
                worker.due_s = None
            return
        code = worker.process.poll()
        if code is None:
            return
        _close(worker.process)
        worker.deaths = 1 if now_s - worker.started_s > HEALTHY_S else worker.deaths + 1
        pause = pause_s(worker.deaths)
        worker.due_s = now_s + pause
        log.error(
            "worker died, it is started again",
            extra={"worker": worker.number, "code": code, "pause_s": pause},
        )

    def _started(self, number: int) -> "subprocess.Popen[str]":
        settings = json.dumps(self._chosen.model_dump(), default=str)
        return subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [
                *(sys.executable, "-m", "corrente_service.worker", "--settings", settings),
                *("--worker", str(number), "--lifeline", str(self._end)),
            ],
            pass_fds=(self._end,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    @staticmethod
    def _address(worker: _Worker) -> str:
        """What its line `ready` tells."""
        assert worker.process.stdout is not None
        match worker.process.stdout.readline().split():
            case ["ready", address]:
                return address
            case _:
                raise StartError(worker.number, worker.process.wait())


def pause_s(deaths: int) -> float:
    """How long to wait after so many deaths, one soon behind the other."""
    return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(deaths - 1, 16))


def with_ports(chosen: Settings) -> Settings:
    """The settings with a port that the following ones are free behind, where any was asked for.

    Raises `OSError` where none is found.
    """
    if not chosen.bind.startswith("tcp://") or not chosen.bind.endswith(":0"):
        return chosen
    host = chosen.bind.removeprefix("tcp://").removesuffix(":0")
    for _ in range(PORTS_TRIED):
        if first := _free_ports(host.strip("[]"), chosen.workers):
            return chosen.model_copy(update={"bind": f"tcp://{host}:{first}"})
    raise OSError(f"no {chosen.workers} free ports that follow each other")


def _free_ports(host: str, count: int) -> int:
    """The first of so many ports that are free now, or 0: chance has it that others are not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first = 0
    with ExitStack() as stack:
        for k in range(count):
            taken = stack.enter_context(socket.socket(family))
            try:
                taken.bind(("" if host == "*" else host, first + k if k else 0))
            except (OSError, OverflowError):  # taken, or beyond the last
                return 0
            first = first or taken.getsockname()[1]
    return first


def _close(process: "subprocess.Popen[str]") -> None:
    if process.stdout is not None:
        process.stdout.close()
