"""Resampling in time by a fraction: every output is the sum over one phase of a long kernel."""

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@compiled
def polyphase(x: Floats, h: Doubles, up: int, down: int, offset: int, count: int) -> Floats:
    """`y[k] = sum_i h[offset + k down - i up + half] x[i]` of items `(n, C)`, `count` of them.

    `half` is half the kernel, `len(h) // 2`; `offset` is where output 0 lies, in parts of an item,
    of which there are `up`. The items add up from the first to the last, in float64. What lies
    outside of `x` counts as zero.
    """
    half = h.size // 2
    y = np.empty((count, x.shape[1]), np.float32)
    for k in range(count):
        at = offset + k * down
        first = max(-((half - at) // up), 0)
        stop = min((at + half) // up + 1, x.shape[0])
        for c in range(x.shape[1]):  # outside: a loop over one channel costs more than a tap
            total, tap = 0.0, at - first * up + half
            for i in range(first, stop):
                total += h[tap] * x[i, c]
                tap -= up
            y[k, c] = total
    return y
