"""A graph of timeflux: source, filter, sink, run by its own scheduler in one process.

`python _timeflux.py CHANNELS SECONDS` prints blocks per second, and whether the mean was right.
The source sets the same frame again and again; the filter is a node as its users write them, around
`lfilter` with its state.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from timeflux.core.node import Node
from timeflux.core.scheduler import Scheduler
from timeflux.core.worker import Worker

ITEMS, SIZE = 256, 16
WARM_S = 1.0


class Source(Node):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        index = pd.date_range("2026-01-01", periods=ITEMS, freq="1ms")
        self._frame = pd.DataFrame(signal(channels), index)

    def update(self) -> None:
        self.o.data = self._frame


class Average(Node):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        self._taps, self._one = np.full(SIZE, 1 / SIZE), np.ones(1)
        self._state = np.zeros((SIZE - 1, channels))

    def update(self) -> None:
        frame = self.i.data
        items, self._state = lfilter(
            self._taps, self._one, frame.to_numpy(), axis=0, zi=self._state
        )
        self.o.data = pd.DataFrame(items, frame.index, frame.columns)


class Sink(Node):  # type: ignore[misc]
    blocks = 0
    last: Any = None

    def update(self) -> None:
        if self.i.ready():
            Sink.blocks += 1
            Sink.last = self.i.data


def signal(channels: int) -> Any:
    """float64: of float32, pandas makes a copy at every step."""
    items = np.random.default_rng(0).standard_normal((ITEMS, 1)).astype(np.float32)
    return np.repeat(items.astype(float), channels, axis=1)


def main() -> None:
    channels, seconds = int(sys.argv[1]), float(sys.argv[2])
    here = {"module": "_timeflux", "params": {"channels": channels}}
    graph = {
        "id": "bench",
        "rate": 0,
        "nodes": [
            {"id": "source", "class": "Source", **here},
            {"id": "average", "class": "Average", **here},
            {"id": "sink", "class": "Sink", "module": "_timeflux", "params": {}},
        ],
        "edges": [
            {"source": "source", "target": "average"},
            {"source": "average", "target": "sink"},
        ],
    }
    path, nodes = Worker(graph).load()
    scheduler = Scheduler(path, nodes, 0)
    sink = type(nodes["sink"])
    for _ in range(3):
        scheduler.next()
    items = signal(channels)
    expected = sum(np.roll(items, k, axis=0) for k in range(SIZE)) / SIZE
    agrees = bool(np.allclose(sink.last.to_numpy(), expected))
    warm = time.monotonic() + WARM_S
    while time.monotonic() < warm:
        scheduler.next()
    sink.blocks = 0
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        scheduler.next()
    print(json.dumps({"blocks_per_s": sink.blocks / (now - start), "agrees": agrees}))


if __name__ == "__main__":
    main()
