"""What does one stalled subscriber cost the others, and the daemon, while 1 GB goes past it?

Beside a subscriber that takes all it can stands nobody, one whose user takes nothing (`idle`), or
one whose process is stopped (`stopped`), in turns. Publisher, daemon and subscribers are processes
of their own.
"""

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np

from benchmarks._answer import Answer, Effort, Table, main
from benchmarks._contest import say
from corrente import NoPipeline, Publisher, Subscriber
from tests.process import Process
from tests.serving import Serving

FRAME = (1000, 1000)
FRAMES = 1000
ROUNDS = 7
TOPIC = "cam/1"
NEIGHBOURS = ("nobody", "idle", "stopped")

_processes = multiprocessing.get_context("spawn")


class Measured(NamedTuple):
    """One gigabyte: the other's rate in MB/s, the daemon's growth in MB, its processor time."""

    rate: float
    grown: float
    cpu_s: float


def measure(effort: Effort) -> Answer:
    """Measures in turns; a row for each neighbour."""
    found: dict[str, list[Measured]] = {name: [] for name in NEIGHBOURS}
    for k in range(1 if effort.quick else ROUNDS):
        say(f"  round {k + 1}")
        for name in NEIGHBOURS[k % 3 :] + NEIGHBOURS[: k % 3]:
            found[name].append(_measure(name))
    rows = [_row(name, of, found["nobody"]) for name, of in found.items()]
    head = ["beside it", "MB/s", "of that alone", "daemon's processor, s", "grown by at most, MB"]
    return Answer([Table("1 GB of frames to a subscriber", head, rows)])


def _row(name: str, of: list[Measured], alone: list[Measured]) -> list[str | float]:
    """Medians; the ratio is that of the rate over the rate alone in the same round."""
    ratios = [one.rate / other.rate for one, other in zip(of, alone, strict=True)]
    return [
        name,
        median(one.rate for one in of),
        f"{median(ratios):.2f}",
        median(one.cpu_s for one in of),
        max(one.grown for one in of),
    ]


def _measure(neighbour: str) -> Measured:
    """Once, with a new daemon."""
    with tempfile.TemporaryDirectory() as folder, Serving(Path(folder)) as serving:
        daemon = Process(serving.process.pid)
        with _subscriber(_take, serving.address) as other, _beside(neighbour, serving.address):
            before, spent_s = daemon.memory_bytes, daemon.cpu_s
            daemon.forget_most()
            _publish(serving.address)
            nbytes, seconds = other.recv()
            return Measured(
                nbytes / seconds / 1e6,
                (daemon.most_memory_bytes - before) / 1e6,
                daemon.cpu_s - spent_s,
            )


def _publish(address: str) -> None:
    frame = np.zeros(FRAME, np.uint8)
    with Publisher(address) as publisher, catch_warnings():
        simplefilter("ignore", NoPipeline)
        stream = publisher.open(TOPIC, FRAME, rate_hz=1000, dtype="uint8")
        for _ in range(FRAMES):
            stream.send(frame)
        stream.end()


@contextmanager
def _beside(neighbour: str, address: str) -> Iterator[None]:
    if neighbour == "nobody":
        yield
        return
    with _subscriber(_idle if neighbour == "idle" else _stopped, address):
        yield


@contextmanager
def _subscriber(work: Callable[[str, Connection], None], address: str) -> Iterator[Connection]:
    """A subscriber in a process of its own, once it is subscribed; killed in the end."""
    here, there = _processes.Pipe()
    process = _processes.Process(target=work, args=(address, there))
    process.start()
    try:
        here.recv()
        yield here
    finally:
        process.kill()
        process.join()


def _take(address: str, there: Connection) -> None:
    with Subscriber(address, TOPIC) as subscriber:
        there.send("subscribed")
        nbytes, began_s = 0, 0.0
        for block in subscriber:
            began_s = began_s or time.monotonic()
            nbytes += block.data.nbytes
        there.send((nbytes, time.monotonic() - began_s))
        there.recv()  # until killed


def _idle(address: str, there: Connection) -> None:
    with Subscriber(address, TOPIC):
        there.send("subscribed")
        there.recv()


def _stopped(address: str, there: Connection) -> None:
    with Subscriber(address, TOPIC):
        there.send("subscribed")
        os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main(measure, __doc__)
