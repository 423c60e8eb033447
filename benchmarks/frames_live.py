"""How many frames per second go through the daemon, and how late is a sensor beside them?

Frames of uint8 through mean 3x3, gaussian 40x40, prewitt, magnitude and `to_uint8`; the edges
subscribed to as uint8. Beside them a sensor of 6 channels at 100 Hz goes through a moving average
of 9; its latency is from sending the item that completes an output to having that output. Every
process is its own: the daemon, each camera, each camera's viewer, and the sensor with its reader.

- **flat out**: the camera sends as fast as frames are taken, and nothing is dropped (`wait`).
- **30 frames/s**: the camera sends at that pace, and its viewer may miss frames (`queue=1`).
- **two cameras, resized**: both 1920x1080 at 30 frames/s, made small first (`resize` to 480x270).
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from multiprocessing.synchronize import Event
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._clients import processes, running
from benchmarks._contest import say
from benchmarks._load import daemon
from corrente import Closed, Publisher, Subscriber, Timeout
from corrente.wire import Policy

SENSOR_RATE_HZ = 100.0
FRAME_RATE_HZ = 30.0
SIZE = 9
TREND = {
    "corrente": 1,
    "name": "trend",
    "for_each": "imu/*",
    "stages": {"smooth": {"op": "moving_average", "size": SIZE}},
}
CHAIN = {
    "smooth": {"op": "moving_average", "size": 3, "pad": "edge"},
    "blurred": {"op": "gaussian", "size": 40, "sigma": 8, "pad": "edge"},
    "gradients": {"op": "prewitt", "pad": "edge"},
    "length": {"op": "magnitude"},
    "edges": {"op": "to_uint8"},
}
SMALL = {
    "small": {"op": "resize", "size": [270, 480]},
    "gradients": {"op": "prewitt"},
    "length": {"op": "magnitude"},
    "edges": {"op": "to_uint8"},
}


class Case(NamedTuple):
    """Cameras and what they go through; `rate_hz` None is as fast as frames are taken."""

    shape: tuple[int, int]
    stages: Mapping[str, Any]
    rate_hz: float | None
    cameras: int = 1


class Course(NamedTuple):
    """The sensor's latencies; frames per second seen by each viewer; cores the daemon used."""

    latencies_ms: np.ndarray
    frames_per_s: list[float]
    cores: float


CASES = {
    "640x480, flat out": Case((480, 640), CHAIN, None),
    "1920x1080, flat out": Case((1080, 1920), CHAIN, None),
    "1920x1080, 30 frames/s": Case((1080, 1920), CHAIN, FRAME_RATE_HZ),
    "two cameras, resized": Case((1080, 1920), SMALL, FRAME_RATE_HZ, cameras=2),
}


def measure(effort: Effort) -> Answer:
    """A row for each case."""
    found = {}
    for title, case in CASES.items():
        found[title] = course = run(case, max(2.0, effort.scaled(effort.seconds)))
        p99 = np.percentile(course.latencies_ms, 99)
        say(f"  {title}: {sum(course.frames_per_s):.1f} frames/s, sensor's p99 {p99:.1f} ms")
    rows = [
        [
            title,
            " + ".join(f"{per_s:.1f}" for per_s in course.frames_per_s),
            *np.percentile(course.latencies_ms, (50, 99, 100)),
            course.cores,
        ]
        for title, course in found.items()
    ]
    head = ["", "edges seen, frames/s", "sensor p50 ms", "p99 ms", "worst ms", "daemon's cores"]
    flat, paced = found["1920x1080, flat out"], found["1920x1080, 30 frames/s"]
    p99 = float(np.percentile(paced.latencies_ms, 99))
    return Answer(
        [Table("Frames beside a sensor", head, rows)],
        [
            Mark("1920x1080 through the chain", FRAME_RATE_HZ, flat.frames_per_s[0], " frames/s"),
            Mark("100 Hz sensor beside 30 frames/s of it, p99", 10.0, p99, " ms", True),
        ],
    )


def run(case: Case, seconds: float) -> Course:
    """The cameras first; then, once every viewer has seen some frames, the sensor for so long."""
    edges = {
        "corrente": 1,
        "name": "edges",
        "for_each": "cam/*",
        "backpressure": case.rate_hz is None,
        "stages": dict(case.stages),
    }
    seen = [processes.RawValue("q", 0) for _ in range(case.cameras)]
    with daemon(TREND, edges) as (address, process), ExitStack() as stack:
        for k, count in enumerate(seen):
            stop = processes.Event()
            stack.enter_context(running(stop, _view, address, f"cam/{k}", case, count, stop))
        for k in range(case.cameras):
            stop = processes.Event()
            stack.enter_context(running(stop, _film, address, f"cam/{k}", case, stop))
        while min(count.value for count in seen) < 10:
            time.sleep(0.05)
        before, before_s, start = [count.value for count in seen], process.cpu_s, time.monotonic()
        latencies_ms = _sense(address, seconds)
        took = time.monotonic() - start
        frames = [(count.value - first) / took for count, first in zip(seen, before, strict=True)]
        cores = (process.cpu_s - before_s) / took
    return Course(latencies_ms, frames, cores)


def _sense(address: str, seconds: float) -> np.ndarray:
    """Milliseconds of each output."""
    n = round(seconds * SENSOR_RATE_HZ)
    sent_s, came_s = np.full(n, np.nan), np.full(n, np.nan)

    def read(subscriber: Subscriber) -> None:
        for block in subscriber:
            now_s = time.monotonic()
            came_s[block.index : block.index + len(block.data)] = now_s

    with Publisher(address) as publisher, Subscriber(address, "imu/1/trend/smooth") as subscriber:
        stream = publisher.open("imu/1", shape=(6,), rate_hz=SENSOR_RATE_HZ)
        reader = Thread(target=read, args=(subscriber,))
        reader.start()
        start_s = time.monotonic()
        for k in range(n):
            time.sleep(max(0.0, start_s + k / SENSOR_RATE_HZ - time.monotonic()))
            sent_s[k] = time.monotonic()
            stream.send(np.full(6, k, np.float32))
        stream.end(timeout_s=30)
        reader.join()
    ahead = SIZE - 1 - SIZE // 2
    latencies_ms: np.ndarray = 1000 * (came_s[:-ahead] - sent_s[ahead:])
    assert np.isfinite(latencies_ms).all(), "an output is missing"
    return latencies_ms


def _film(address: str, name: str, case: Case, stop: Event) -> None:
    """Publishes moving noise at the camera's rate, or as fast as it is taken."""
    height, width = case.shape
    noise = np.random.default_rng(0).integers(0, 256, (height + 64, width), np.uint8)
    with Publisher(address) as publisher:
        stream = publisher.open(name, case.shape, rate_hz=FRAME_RATE_HZ, dtype="uint8")
        due_s, k = time.monotonic(), 0
        while not stop.is_set():
            if case.rate_hz:
                due_s = max(due_s + 1 / case.rate_hz, time.monotonic() - 1.0)
                time.sleep(max(0.0, due_s - time.monotonic()))
            stream.send(noise[k % 64 : k % 64 + height])
            k += 1


def _view(address: str, name: str, case: Case, count: Any, stop: Event) -> None:
    policy: Policy = "wait" if case.rate_hz is None else "drop"
    queue = 4 if policy == "wait" else 1
    topic = f"{name}/edges/edges"
    with Subscriber(address, topic, policy=policy, queue=queue, timeout_s=0.5) as subscriber:
        while not stop.is_set():
            with suppress(Timeout, Closed):
                count.value += len(next(subscriber).data)


if __name__ == "__main__":
    main(measure, __doc__, seconds=20.0)
