"""A publisher and a subscriber, each in a process of its own, with a daemon between them."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import numpy as np

from benchmarks._load import AHEAD, ITEMS, RATE_HZ, SIZE, TOPICS
from corrente import Publisher, Subscriber

processes = multiprocessing.get_context("spawn")


def block(channels: int) -> np.ndarray:
    """One block `(256, channels)`, the same in every channel; a stream repeats it for ever."""
    items = np.random.default_rng(0).standard_normal((ITEMS, 1)).astype(np.float32)
    return np.ascontiguousarray(np.repeat(items, channels, axis=1))


def rate(address: str, streams: int, channels: int, warm_s: float, seconds: float) -> float:
    """Blocks per second from a publisher to a subscriber, both as fast as they are let."""
    stop = processes.Event()
    here, there = processes.Pipe(duplex=False)
    subscriber = processes.Process(
        target=_count, args=(address, channels, warm_s, seconds, there), daemon=True
    )
    publisher = processes.Process(
        target=_publish, args=(address, streams, channels, stop), daemon=True
    )
    with running(subscriber):
        assert here.recv() == "subscribed"
        with running(publisher):
            assert here.poll(warm_s + seconds + 60), "the subscriber got nothing"
            per_s: float = here.recv()
            stop.set()
            publisher.join(10)
    return per_s


@contextmanager
def running(process: multiprocessing.process.BaseProcess) -> Iterator[None]:
    """The process, from its start until it is killed."""
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _publish(address: str, count: int, channels: int, stop: Event) -> None:
    items = block(channels)
    with Publisher(address) as publisher:
        streams = [publisher.open(f"bench/{k}", (channels,), RATE_HZ) for k in range(count)]
        while not stop.is_set():
            for stream in streams:
                stream.send(items)


def _count(address: str, channels: int, warm_s: float, seconds: float, there: Connection) -> None:
    """Compares what comes while it warms up, then counts."""
    items = block(channels).astype(float)
    expected = sum(np.roll(items, k - AHEAD, axis=0) for k in range(SIZE)) / SIZE
    with Subscriber(address, TOPICS, policy="wait", queue=4096) as subscriber:
        there.send("subscribed")
        blocks = iter(subscriber)
        next(blocks)
        start = time.monotonic()
        while time.monotonic() < start + warm_s:
            came = next(blocks)
            if came.index:  # before the first item of all there was nothing
                at = (came.index + np.arange(len(came.data))) % ITEMS
                assert np.allclose(came.data, expected[at], atol=1e-5), "the mean is wrong"
        count = 0
        start = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            count += len(next(blocks).data)
        there.send(count / ITEMS / (now - start))
