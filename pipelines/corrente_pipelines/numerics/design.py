"""Filters as scipy.signal designs them; it brings no types, and is imported when one is needed."""

from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Pass = Literal["lowpass", "highpass", "bandpass"]


def _signal() -> Any:
    return import_module("scipy.signal")  # takes half a second


def hamming_taps(count: int, cutoffs_hz: list[float], kind: Pass, rate_hz: float) -> Doubles:
    """The ideal filter under a Hamming window, `(count,)`, its gain 1 where it lets pass."""
    w = _signal().firwin(count, cutoffs_hz, pass_zero=kind, fs=rate_hz)
    return np.asarray(w, np.float64)


def kaiser_taps(count: int, cutoff: float, shape: float) -> Doubles:
    """The ideal low-pass under a Kaiser window, `(count,)`; `cutoff` is of half the rate."""
    return np.asarray(_signal().firwin(count, cutoff, window=("kaiser", shape)), np.float64)


def butterworth(order: int, cutoffs_hz: list[float], kind: Pass, rate_hz: float) -> Doubles:
    """Second-order sections `(S, 6)`."""
    edges = cutoffs_hz if kind == "bandpass" else cutoffs_hz[0]
    sos = _signal().butter(order, edges, kind, fs=rate_hz, output="sos")
    return np.ascontiguousarray(sos, np.float64)


def impulse_response(sos: Doubles, length: int) -> Doubles:
    """What second-order sections give for a 1 and zeros behind it."""
    impulse = np.zeros(length)
    impulse[0] = 1
    return np.asarray(_signal().sosfilt(sos, impulse), np.float64)
