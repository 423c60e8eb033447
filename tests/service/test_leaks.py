"""Streams come and go, clients come and go; what they took is given back."""

import ctypes
import gc
import os

import numpy as np
import pytest

from corrente import Publisher, Subscriber
from tests.process import Process, wait_until
from tests.service.exchange import MEAN

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0
ITEMS = 50
TOPICS = "imu/*/mean/smooth"


WARM_ROUNDS = 10
LEAK_BYTES = 2 * 10**6
"""What memory comes and goes by; 40 bytes for each of 50,000 streams."""


class Taken:
    """What a process has taken of the system, once it is warm."""

    def __init__(self, pid: int) -> None:
        self._process = Process(pid)
        self._memory_bytes = self._process.memory_bytes
        self._counts = self._process.threads, self._process.files

    @property
    def kept(self) -> dict[str, int]:
        """What it has more now than then."""
        threads, files = self._counts
        more = {
            "threads": self._process.threads - threads,
            "files": self._process.files - files,
            "memory_bytes": max(0, self._process.memory_bytes - self._memory_bytes - LEAK_BYTES),
        }
        return {what: number for what, number in more.items() if number > 0}


def publish_and_end(address: str, name: str, streams: int) -> None:
    """Opens, publishes and ends so many streams, with clients of their own."""
    x = np.zeros((ITEMS, 2), "float32")
    with (
        Subscriber(address, TOPICS, queue=65536, timeout_s=DEADLINE_S) as subscriber,
        Publisher(address) as publisher,
    ):
        opened = [publisher.open(f"imu/{name}.{k}", (2,), rate_hz=100) for k in range(streams)]
        for stream in opened:
            stream.send(x)
        for stream in opened:
            stream.end(timeout_s=DEADLINE_S)
        ended = items = 0
        while ended < streams:
            block = next(subscriber)
            ended += block.last
            items += len(block.data)
    assert items == streams * ITEMS


def give_back() -> None:
    """What this process no longer uses goes back to the system, so that what is left is used."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


@pytest.mark.parametrize(
    ("streams", "rounds"), [(200, 6), pytest.param(1000, 50, marks=pytest.mark.long)]
)
def test_streams_that_end_leave_nothing_behind(serve, streams, rounds):
    serving = serve(MEAN)
    taken: list[Taken] = []
    for k in range(WARM_ROUNDS + rounds):
        if k == WARM_ROUNDS:
            taken = [Taken(serving.process.pid), Taken(os.getpid())]
        publish_and_end(serving.address, f"{k}", streams)
        give_back()
    # Sockets close in threads of ZeroMQ's.
    wait_until(lambda: not any(p.kept for p in taken), DEADLINE_S, lambda: [p.kept for p in taken])
