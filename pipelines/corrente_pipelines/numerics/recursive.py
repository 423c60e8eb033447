"""Recursions over time, item by item, in float64: the same bits however items come in blocks.

An item that is not finite would stay in a recursion for ever. So each channel's last finite one is
held in its place; before any, 0.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from corrente.format import Items
from corrente_pipelines.numerics.padding import floats

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@numba.njit(nogil=True, cache=True)
def _hold(x: Floats, last: Floats) -> Floats:
    held = x.copy()
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            if np.isfinite(held[n, c]):
                last[c] = held[n, c]
            else:
                held[n, c] = last[c]
    return held


def hold(block: Items, last: Floats) -> tuple[Floats, Floats]:
    """Items `(n, …)` as finite float32 rows `(n, lanes)`, and the last of each lane."""
    last = last.copy()
    return _hold(floats(block).reshape(len(block), last.size), last), last


@numba.njit(nogil=True, cache=True)
def sections(x: Floats, sos: Doubles, z: Doubles) -> Floats:
    """Rows `(n, C)` through second-order sections `(S, 6)`; their state `z` `(S, 2, C)` goes on.

    The transposed direct form II, as in `scipy.signal.sosfilt`.
    """
    y = np.empty(x.shape, np.float32)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = np.float64(x[n, c])
            for s in range(sos.shape[0]):
                out = sos[s, 0] * value + z[s, 0, c]
                z[s, 0, c] = sos[s, 1] * value - sos[s, 4] * out + z[s, 1, c]
                z[s, 1, c] = sos[s, 2] * value - sos[s, 5] * out
                value = out
            y[n, c] = np.float32(value)
    return y


@numba.njit(nogil=True, cache=True, error_model="numpy")
def standard_scores(
    x: Floats, keep: float, weight: float, mean: Doubles, spread: Doubles
) -> tuple[float, Floats]:
    """Rows `(n, C)` less their weighted mean, divided by their weighted deviation.

    Before item n lie the weights' sum `weight`, the means, and the sums `spread` of weighted
    squared distances from the mean (West, Communications of the ACM 22(9), 1979). `mean` and
    `spread` go on in place; the weights' sum behind the last item comes first.
    """
    y = np.empty(x.shape, np.float32)
    for n in range(x.shape[0]):
        weight = keep * weight + 1
        for c in range(x.shape[1]):
            value = np.float64(x[n, c])
            distance = value - mean[c]
            mean[c] += distance / weight
            spread[c] = keep * spread[c] + distance * (value - mean[c])
            deviation = np.sqrt(spread[c] / weight)
            y[n, c] = np.float32((value - mean[c]) / deviation) if deviation > 0 else np.float32(0)
    return weight, y
