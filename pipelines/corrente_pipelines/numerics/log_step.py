"""Means over a sliding window, by adding shifted partial sums.

Sums of 2, 4, 8, … items come from adding two neighbours of the sum before; the window's own length
is put together from those that its binary digits name. That takes at most 2 log2(K) additions per
output instead of K, always the same ones in the same order: no running sum, so nothing drifts, a
NaN is gone after K items, and the bits do not depend on the block.

The sums are float64: in float32 the mean of 37 items around 1000 is up to 2.6 ulp off, so 0.5.
"""

from math import prod
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.nans import settle

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]

_TILE = 4096  # outputs at a time: their partial sums stay in the second-level cache
_LANES = 256  # lanes at a time at most, where there are many: so do whole windows of them


@numba.njit(nogil=True, cache=True)
def _add(total: Doubles, x: Doubles, y: Doubles, count: int) -> None:
    for j in range(count):
        total[j] = x[j] + y[j]


@numba.njit(nogil=True, cache=True, error_model="numpy")  # no test for a divisor of zero
def _divide(means: Reals, sums: Doubles, divisor: float) -> None:
    for j in range(sums.size):
        means[j] = sums[j] / divisor
    settle(means)


@numba.njit(nogil=True, cache=True)
def _window_means(x: Reals, size: int, lanes: int) -> Reals:
    """`y[n] = (x[n] + … + x[n + size - 1]) / size` for interleaved lanes, all flat."""
    reach = (size - 1) * lanes
    y = np.empty(max(x.size - reach, 0), x.dtype)
    tile = min(max(_TILE, reach), y.size)  # never shorter than what it has to read beyond it
    if tile == 0:
        return y
    scratch = np.empty((2, tile + reach), np.float64)
    total = np.empty(tile, np.float64)
    for start in range(0, y.size, tile):
        sums = total[: min(tile, y.size - start)]
        _sum_windows(sums, x[start : start + sums.size + reach], scratch, size, lanes)
        _divide(y[start : start + sums.size], sums, float(size))
    return y


@numba.njit(nogil=True, cache=True)
def _wide_window_means(x: Reals, size: int, step: int) -> Reals:
    """`_window_means` of rows `(n, lanes)`, `step` lanes at a time."""
    y = np.empty((x.shape[0] - size + 1, x.shape[1]), x.dtype)
    for start in range(0, x.shape[1], step):
        stop = min(start + step, x.shape[1])
        part = x[:, start:stop].copy()
        means = _window_means(part.reshape(-1), size, stop - start)
        y[:, start:stop] = means.reshape(y.shape[0], stop - start)
    return y


@numba.njit(nogil=True, cache=True)
def _sum_windows(sums: Doubles, x: Reals, scratch: Doubles, size: int, lanes: int) -> None:
    partial, turn = scratch[0], 1
    partial[: x.size] = x
    length, width, taken = x.size, 1, 0
    sums[:] = 0
    while True:
        if size & width:
            _add(sums, sums, partial[taken * lanes :], sums.size)
            taken += width
        if 2 * width > size:
            return
        length -= width * lanes
        doubled = scratch[turn]
        _add(doubled, partial, partial[width * lanes :], length)
        partial, turn = doubled, 1 - turn
        width *= 2


@numba.njit(nogil=True, cache=True)
def _row_means(x: Reals, size: int, lanes: int) -> Floats:
    """`_window_means` of every row of `x`."""
    y = np.empty((x.shape[0], x.shape[1] - (size - 1) * lanes), np.float32)
    for i in range(x.shape[0]):
        y[i] = _window_means(x[i], size, lanes)
    return y


def means_along_time(items: Reals, size: int) -> Reals:
    """Means over `size` consecutive items `(n, …)`, float32 or float64: `(n - size + 1, …)`."""
    lanes = prod(items.shape[1:])
    step = max(16, min(_LANES, 8 * _TILE // size))
    if lanes <= step or len(items) < size:
        return _window_means(items.reshape(-1), size, lanes).reshape(-1, *items.shape[1:])
    return _wide_window_means(items.reshape(-1, lanes), size, step).reshape(-1, *items.shape[1:])


def means_on_frames(frames: Floats, size: int) -> Floats:
    """Means over `size` x `size` pixels of frames `(n, H, W, C)`, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - size + 1, width - size + 1, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        columns = means_along_time(x.reshape(height, -1), size)
        out[:] = _row_means(columns, size, channels).reshape(out.shape)
    return y
