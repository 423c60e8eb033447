"""A graph of ezmsg: source, ezmsg-sigproc's filter, sink; one process or one for each of the three.

`python _ezmsg.py PROCESSES CHANNELS SECONDS` prints blocks per second, and whether the mean was
right. The source yields one message again and again, which costs it nothing; the sink takes it
without a copy.
"""

import json
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez
import numpy as np
from ezmsg.sigproc.filter import Filter, FilterCoefficients, FilterSettings
from ezmsg.util.messages.axisarray import AxisArray

ITEMS, SIZE = 256, 16
RATE_HZ = 1000.0
WARM_S = 1.0


class Shape(ez.Settings):  # type: ignore[misc]
    channels: int


class Source(ez.Unit):  # type: ignore[misc]
    SETTINGS = Shape
    OUTPUT = ez.OutputStream(AxisArray)

    @ez.publisher(OUTPUT)  # type: ignore[untyped-decorator]
    async def publish(self) -> AsyncGenerator[Any, None]:
        items = signal(self.SETTINGS.channels)
        axes = {"time": AxisArray.TimeAxis(fs=RATE_HZ)}
        message = AxisArray(items, dims=["time", "ch"], axes=axes, stream_dim="time")
        while True:
            yield self.OUTPUT, message


class Seconds(ez.Settings):  # type: ignore[misc]
    seconds: float
    channels: int


class Counted(ez.State):  # type: ignore[misc]
    blocks: int = 0
    checked: int = 0
    agrees: bool = False
    start_s: float = 0.0


class Sink(ez.Unit):  # type: ignore[misc]
    SETTINGS = Seconds
    STATE = Counted
    INPUT = ez.InputStream(AxisArray)

    @ez.subscriber(INPUT, zero_copy=True)  # type: ignore[untyped-decorator]
    async def take(self, message: AxisArray) -> None:
        state, now_s = self.STATE, time.monotonic()
        state.blocks += 1
        if state.checked < 3:
            state.checked += 1
            state.agrees = np.allclose(message.data, mean(self.SETTINGS.channels), atol=1e-5)
            state.start_s = now_s + WARM_S
        elif now_s < state.start_s:
            state.blocks = 0
        elif now_s >= state.start_s + self.SETTINGS.seconds:
            per_s = state.blocks / (now_s - state.start_s)
            print(json.dumps({"blocks_per_s": per_s, "agrees": state.agrees}), flush=True)
            raise ez.NormalTermination


def signal(channels: int) -> Any:
    items = np.random.default_rng(0).standard_normal((ITEMS, 1)).astype(np.float32)
    return np.ascontiguousarray(np.repeat(items, channels, axis=1))


def mean(channels: int) -> Any:
    """Of the same block for ever: the average goes round it."""
    items = signal(channels)
    return sum(np.roll(items, k, axis=0) for k in range(SIZE)) / SIZE


def main() -> None:
    processes, channels, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    taps = FilterCoefficients(b=np.full(SIZE, 1 / SIZE, np.float32), a=np.ones(1, np.float32))
    source, sink = Source(Shape(channels)), Sink(Seconds(seconds, channels))
    average = Filter(FilterSettings(coefs=taps))
    ez.run(
        components={"SOURCE": source, "AVERAGE": average, "SINK": sink},
        connections=(
            (source.OUTPUT, average.INPUT_SIGNAL),
            (average.OUTPUT_SIGNAL, sink.INPUT),
        ),
        process_components=(source, average) if processes > 1 else None,
        force_single_process=processes == 1,
    )


if __name__ == "__main__":
    main()
