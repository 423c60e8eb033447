"""Signals and frames from formulas, without end, and alike whenever they are asked for."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from corrente.errors import FormatError
from corrente.format import Items, format_of
from corrente.sources.digits import digit_image
from corrente.sources.source import Source

SIGNAL_RATE_HZ = 250.0
FRAMES_RATE_HZ = 30.0

CHIRP_S = 10.0
CHIRP_HZ = (1.0, 50.0)
"""From the first frequency to the second within `CHIRP_S`, and again."""

MOVING_SHAPE = (120, 160)
STEP_PX = 2


def sine(option: str, rate_hz: float | None) -> Source:
    """One period per second, amplitude 1."""
    rate_hz = SIGNAL_RATE_HZ if rate_hz is None else rate_hz
    return _signal(option, rate_hz, lambda k: np.sin(2 * np.pi * k / rate_hz))


def chirp(option: str, rate_hz: float | None) -> Source:
    """Sweeps linearly through `CHIRP_HZ`, amplitude 1; starts over without a jump."""
    rate_hz = SIGNAL_RATE_HZ if rate_hz is None else rate_hz
    low_hz, high_hz = CHIRP_HZ

    def value(k: Items) -> Items:
        t = k / rate_hz % CHIRP_S
        swept: Items = np.sin(2 * np.pi * (low_hz * t + (high_hz - low_hz) / (2 * CHIRP_S) * t * t))
        return swept

    return _signal(option, rate_hz, value)


def noise(option: str, rate_hz: float | None) -> Source:
    """White Gaussian noise of deviation 1; the option is its seed, 0 unless said."""
    if option and not option.isdecimal():
        raise FormatError(f"noise:SEED has a whole number for its seed, got {option!r}")
    format = format_of((1,), SIGNAL_RATE_HZ if rate_hz is None else rate_hz)

    def blocks() -> Iterator[Items]:
        drawn = np.random.default_rng(int(option or 0))
        while True:
            yield drawn.standard_normal((_step(format.rate_hz), 1)).astype(np.float32)

    return Source(format, blocks)


def bars(option: str, rate_hz: float | None) -> Source:
    """Grey bars, 32 pixels wide, that move to the right by `STEP_PX` per frame."""
    columns = np.arange(320)

    def frame(k: int) -> Items:
        row = np.where((columns - STEP_PX * k) // 32 % 2, 192, 64).astype(np.uint8)
        return np.broadcast_to(row, (240, 320))

    return _frames(option, rate_hz, (240, 320), frame)


def digits(option: str, rate_hz: float | None) -> Source:
    """Drawn digits, half a second each, 0 to 9 and again.

    At rest they fill frames (28, 28); with the option `moving` they wander over larger ones.
    """
    rate_hz = FRAMES_RATE_HZ if rate_hz is None else rate_hz
    images = [digit_image(digit) for digit in range(10)]
    height, width = (side - 28 for side in MOVING_SHAPE)

    def resting(k: int) -> Items:
        return images[int(2 * k / rate_hz) % 10]

    def moving(k: int) -> Items:
        frame = np.zeros(MOVING_SHAPE, np.uint8)
        y, x = _bounced(k, height), _bounced(STEP_PX * k, width)
        frame[y : y + 28, x : x + 28] = resting(k)
        return frame

    if option == "moving":
        return _frames("", rate_hz, MOVING_SHAPE, moving)
    return _frames(option, rate_hz, (28, 28), resting)


SYNTHETIC: dict[str, Callable[[str, float | None], Source]] = {
    "sine": sine,
    "chirp": chirp,
    "noise": noise,
    "bars": bars,
    "digits": digits,
}


def _signal(option: str, rate_hz: float, value: Callable[[Items], Items]) -> Source:
    """One channel, a tenth of a second at a time; `value` takes the indices of items."""
    _check_no_option(option)

    def blocks() -> Iterator[Items]:
        step = _step(rate_hz)
        for start in count(0, step):
            yield value(np.arange(start, start + step))[:, np.newaxis].astype(np.float32)

    return Source(format_of((1,), rate_hz), blocks)


def _frames(
    option: str, rate_hz: float | None, shape: tuple[int, int], frame: Callable[[int], Items]
) -> Source:
    _check_no_option(option)
    format = format_of(shape, FRAMES_RATE_HZ if rate_hz is None else rate_hz, "uint8")
    return Source(format, lambda: (frame(k)[np.newaxis] for k in count()))


def _step(rate_hz: float) -> int:
    return max(1, round(rate_hz / 10))


def _bounced(k: int, most: int) -> int:
    """0, 1, … `most`, … 1, 0, 1, …"""
    return most - abs(k % (2 * most) - most)


def _check_no_option(option: str) -> None:
    if option:
        raise FormatError(f"there are noise:SEED and digits:moving; nothing else takes :{option}")
