"""Signals and frames from formulas, without end."""

from collections.abc import Iterator

import numpy as np

from corrente.format import Items, format_of
from corrente.sources.source import Source

SINE_RATE_HZ = 250.0
BARS_RATE_HZ = 30.0


def sine(rate_hz: float | None) -> Source:
    """One period per second, amplitude 1, a tenth of a second at a time."""
    format = format_of((1,), rate_hz or SINE_RATE_HZ)
    step = max(1, round(format.rate_hz / 10))

    def blocks() -> Iterator[Items]:
        start = 0
        while True:
            seconds = np.arange(start, start + step)[:, np.newaxis] / format.rate_hz
            yield np.sin(2 * np.pi * seconds).astype(np.float32)
            start += step

    return Source(format, blocks)


def bars(rate_hz: float | None) -> Source:
    """Grey bars, 32 pixels wide, that move to the right by 2 pixels per frame."""
    format = format_of((240, 320), rate_hz or BARS_RATE_HZ, "uint8")

    def blocks() -> Iterator[Items]:
        columns = np.arange(320)
        k = 0
        while True:
            row = np.where((columns - 2 * k) // 32 % 2, 192, 64).astype(np.uint8)
            yield np.broadcast_to(row, (1, 240, 320))
            k += 1

    return Source(format, blocks)
