"""Filters from their cutoff frequencies: windowed ideal filters, and Butterworth's.

scipy.signal designs the same, and the tests hold these against it. It is not used for it here since
it takes 0.9 s to import and 140 MB to install: most of the start of a daemon, and of its image.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

REAL = 1e-12
"""An imaginary part below is rounding."""

Passes = Literal["lowpass", "highpass", "bandpass"]


def windowed_taps(
    count: int, cutoffs_hz: tuple[float, ...], passes: Passes, rate_hz: float
) -> Doubles:
    """The taps of the ideal filter under a Hamming window, as `scipy.signal.firwin` gives them.

    Their gain is exactly 1 at 0 Hz, at half the rate (high-pass), or in the middle of the band.
    """
    edges = [2 * hz / rate_hz for hz in cutoffs_hz]  # of half the rate
    low = 0.0 if passes == "lowpass" else edges[0]
    high = 1.0 if passes == "highpass" else edges[-1]
    at = {"lowpass": 0.0, "highpass": 1.0, "bandpass": (low + high) / 2}[passes]
    return _ideal(np.hamming(count), low, high, at)


def resampling_taps(up: int, down: int) -> Doubles:
    """The kernel of `scipy.signal.resample_poly`: `20 max(up, down) + 1` taps.

    `up` times the ideal low-pass at the lower of both half rates under a Kaiser window of beta 5.
    """
    longer = max(up, down)
    return up * _ideal(np.kaiser(20 * longer + 1, 5.0), 0.0, 1 / longer, 0.0)


def _ideal(window: Doubles, low: float, high: float, at: float) -> Doubles:
    """The ideal band from `low` to `high`, of half the rate, under a window; gain 1 at `at`."""
    n = np.arange(window.size) - (window.size - 1) / 2
    taps = (high * np.sinc(high * n) - low * np.sinc(low * n)) * window
    return np.asarray(taps / (taps * np.cos(np.pi * at * n)).sum())


@lru_cache(maxsize=64)
def butterworth(
    order: int, cutoffs_hz: tuple[float, ...], passes: Passes, rate_hz: float
) -> Doubles:
    """Butterworth's filter as second-order sections `(S, 6)`, rows `b0 b1 b2 1 a1 a2`.

    A band has twice the order. The analog prototype's poles lie evenly on the left half of the unit
    circle; they are moved to the cutoffs, warped beforehand, and taken to the z-plane by the
    bilinear transform (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.1 and appendix B).
    The gain is 1 at 0 Hz, at half the rate (high-pass), or in the geometric middle of the band.
    """
    warped = np.tan(np.pi * np.array(cutoffs_hz) / rate_hz)
    prototype = -np.exp(1j * np.pi * np.arange(1 - order, order, 2) / (2 * order))
    if passes == "lowpass":
        poles, zeros, at = prototype * warped[0], (-1.0, -1.0), 0.0
    elif passes == "highpass":
        poles, zeros, at = warped[0] / prototype, (1.0, 1.0), np.pi
    else:
        half, middle = prototype * (warped[1] - warped[0]) / 2, np.sqrt(warped[0] * warped[1])
        root = np.sqrt(half**2 - middle**2)
        poles, zeros = np.concatenate([half + root, half - root]), (1.0, -1.0)
        at = float(2 * np.arctan(middle))
    denominators = _denominators(np.asarray((1 + poles) / (1 - poles), np.complex128))
    sections = np.array([(*_numerator(zeros, a2), 1.0, a1, a2) for a1, a2 in denominators])
    z = np.exp(1j * at * np.arange(0, -3, -1))
    # Each section is scaled by itself, so that none of them gives more than float64 holds.
    gains = np.abs(sections[:, :3] @ z) / np.abs(sections[:, 3:] @ z)
    sections[:, :3] /= gains[:, np.newaxis]
    sections.flags.writeable = False
    return sections


def _denominators(poles: NDArray[np.complex128]) -> list[tuple[float, float]]:
    """`a1`, `a2` of each pair of poles, and `a1`, 0 of one that is left over; slow ones last."""
    upper = [pole for pole in poles if pole.imag > REAL]
    real = sorted(pole.real for pole in poles if abs(pole.imag) <= REAL)
    pairs = [(-2 * pole.real, abs(pole) ** 2) for pole in sorted(upper, key=abs)]
    while len(real) > 1:
        first, second = real.pop(0), real.pop()
        pairs.insert(0, (-first - second, first * second))
    return [(-pole, 0.0) for pole in real] + pairs


def _numerator(zeros: tuple[float, float], a2: float) -> tuple[float, float, float]:
    """That of both zeros; of one where the section has one pole."""
    if a2 == 0.0:
        return 1.0, -zeros[0], 0.0
    return 1.0, -zeros[0] - zeros[1], zeros[0] * zeros[1]
