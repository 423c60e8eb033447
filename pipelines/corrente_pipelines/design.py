"""Filters as scipy.signal designs them, and applies them for the reference."""

from functools import lru_cache
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

Passes = Literal["lowpass", "highpass", "bandpass"]


def windowed_taps(
    count: int, cutoffs_hz: tuple[float, ...], passes: Passes, rate_hz: float
) -> Doubles:
    """`scipy.signal.firwin`, under a Hamming window."""
    taps = _signal().firwin(count, cutoffs_hz, pass_zero=passes, fs=rate_hz)
    return np.asarray(taps, np.float64)


def resampling_taps(up: int, down: int) -> Doubles:
    """The kernel of `scipy.signal.resample_poly`: `20 max(up, down) + 1` taps."""
    longer = max(up, down)
    taps = _signal().firwin(20 * longer + 1, 1 / longer, window=("kaiser", 5.0))
    return np.asarray(taps * up, np.float64)


@lru_cache(maxsize=64)
def butterworth(
    order: int, cutoffs_hz: tuple[float, ...], passes: Passes, rate_hz: float
) -> Doubles:
    """`scipy.signal.butter` as second-order sections `(S, 6)`, rows `b0 b1 b2 1 a1 a2`.

    A band has twice the order.
    """
    cutoffs = cutoffs_hz if passes == "bandpass" else cutoffs_hz[0]
    designed = _signal().butter(order, cutoffs, btype=passes, output="sos", fs=rate_hz)
    sections = np.ascontiguousarray(designed, np.float64)
    sections.flags.writeable = False
    return sections


def filtered(sections: Doubles, x: Doubles) -> Doubles:
    """`scipy.signal.sosfilt` of items `(n, C)`."""
    if len(x) == 0:
        return x
    return np.asarray(_signal().sosfilt(sections.copy(), x, axis=0), np.float64)


def _signal() -> Any:
    """scipy.signal: it takes 0.5 s to import, and brings no types."""
    return import_module("scipy.signal")
