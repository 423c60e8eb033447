"""Reductions over channels, in float64 and a fixed order."""

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@numba.njit(nogil=True, cache=True)
def channel_sums(x: Floats) -> Floats:
    """`y[i] = sum_c x[i, c]`."""
    y = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            total += np.float64(x[i, c])
        y[i] = np.float32(total)
    return y


@numba.njit(nogil=True, cache=True)
def channel_magnitudes(x: Floats) -> Floats:
    """`y[i] = sqrt(sum_c x[i, c]^2)`; float64, so that no square overflows."""
    y = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            value = np.float64(x[i, c])
            total += value * value
        y[i] = np.float32(np.sqrt(total))
    return y


@numba.njit(nogil=True, cache=True)
def channel_weighted_sums(x: Floats, w: NDArray[np.float64]) -> Floats:
    """`y[i] = sum_c w[c] x[i, c]`."""
    y = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            total += w[c] * np.float64(x[i, c])
        y[i] = np.float32(total)
    return y
