"""A publisher and a subscriber, each in a process of its own, with a daemon between them."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
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
    stop, over = processes.Event(), processes.Event()
    here, there = processes.Pipe(duplex=False)
    with running(over, _count, address, channels, warm_s, seconds, there):
        assert here.recv() == "subscribed"
        with running(stop, _publish, address, streams, channels, stop):
            assert here.poll(warm_s + seconds + 60), "the subscriber got nothing"
            per_s: float = here.recv()
    return per_s


@contextmanager
def running(stop: Event, work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """The work in a process of its own; in the end it is told to stop, and waited for."""
    process = processes.Process(target=work, args=arguments)
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(30)
        process.kill()


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
    expected = np.mean([np.roll(items, k - AHEAD, axis=0) for k in range(SIZE)], axis=0)
    with Subscriber(address, TOPICS, policy="wait", queue=4096) as subscriber:
        there.send("subscribed")
        next(subscriber)
        start = time.monotonic()
        while time.monotonic() < start + warm_s:
            came = next(subscriber)
            if came.index:  # before the first item of all there was nothing
                at = (came.index + np.arange(len(came.data))) % ITEMS
                assert np.allclose(came.data, expected[at], atol=1e-5), "the mean is wrong"
        count = 0
        start = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            count += len(next(subscriber).data)
        there.send(count / ITEMS / (now - start))
