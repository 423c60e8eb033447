"""Rates changed by a fraction: every output is a sum over the inputs under a shifted kernel."""

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@numba.njit(nogil=True, cache=True)
def resampled(
    x: Floats, w: Doubles, up: int, down: int, first: int, start: int, count: int
) -> Floats:
    """`y[k] = sum_m w[half + k down - m up] x[m]` for `count` outputs from k = `start` on.

    `w` `(2 half + 1,)`; `x` `(n, C)` holds the items from m = `first` on. Those before and behind
    are left out. Every output is added in float64 from the earliest item on.
    """
    half = w.size // 2
    y = np.empty((count, x.shape[1]), np.float32)
    sums = np.empty(x.shape[1], np.float64)
    for i in range(count):
        at = (start + i) * down
        low = max(first, -((half - at) // up))
        high = min(first + x.shape[0] - 1, (at + half) // up)
        sums[:] = 0
        for m in range(low, high + 1):
            tap = w[half + at - m * up]
            for c in range(x.shape[1]):
                sums[c] += tap * np.float64(x[m - first, c])
        for c in range(x.shape[1]):
            y[i, c] = np.float32(sums[c])
    return y
