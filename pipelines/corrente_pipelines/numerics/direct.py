"""Correlation by its definition, the taps added in one fixed order.

Every output is the sum `w[0] x[n] + w[1] x[n + 1] + …`, added from the left, wherever it lies in
a block: so its bits do not depend on the block. There is no fused multiply-add and no reassociation
(numba's default), with which vector lanes and loop tails would round differently.
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

_TILE = 512  # outputs summed at a time: their sums stay in the first-level cache


@numba.njit(nogil=True, cache=True, inline="always")
def _add_taps(sums: Reals, x: Floats, w: Reals, start: int, lanes: int) -> None:
    """`sums[j] += w[0] x[start + j] + w[1] x[start + lanes + j] + …`, from the left."""
    count = sums.size
    by_four = w.size // 4 * 4
    for k in range(0, by_four, 4):  # four taps a pass: a quarter of the loads and stores of sums
        at = start + k * lanes
        x0, x1 = x[at : at + count], x[at + lanes : at + lanes + count]
        x2, x3 = x[at + 2 * lanes : at + 2 * lanes + count], x[at + 3 * lanes :]
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        for j in range(count):
            sums[j] = (((sums[j] + w0 * x0[j]) + w1 * x1[j]) + w2 * x2[j]) + w3 * x3[j]
    for k in range(by_four, w.size):
        x0, w0 = x[start + k * lanes :], w[k]
        for j in range(count):
            sums[j] += w0 * x0[j]


@numba.njit(nogil=True, cache=True)
def _correlate(x: Floats, w: Floats, lanes: int) -> Floats:
    """`y[n] = sum_k w[k] x[n + k]` for interleaved lanes, all flat."""
    count = max(x.size - (w.size - 1) * lanes, 0)
    y = np.zeros(count, np.float32)
    for start in range(0, count, _TILE):
        sums = y[start : start + _TILE]
        _add_taps(sums, x, w, start, lanes)
        settle(sums)
    return y


@numba.njit(nogil=True, cache=True)
def _correlate_widely(x: Floats, w: Doubles, lanes: int) -> Floats:
    """`_correlate` with taps and sums in float64."""
    count = max(x.size - (w.size - 1) * lanes, 0)
    y = np.empty(count, np.float32)
    scratch = np.empty(min(_TILE, count), np.float64)
    for start in range(0, count, _TILE):
        sums = scratch[: min(_TILE, count - start)]
        sums[:] = 0
        _add_taps(sums, x, w, start, lanes)
        settle(sums)
        y[start : start + sums.size] = sums
    return y


@numba.njit(nogil=True, cache=True)
def _correlate_bank(x: Floats, w: Floats) -> Floats:
    """Planes `(C, n)` under kernels `(N, C, K)`, summed over C: maps `(N, n - K + 1)`."""
    count = max(x.shape[1] - w.shape[2] + 1, 0)
    y = np.zeros((w.shape[0], count), np.float32)
    for m in range(w.shape[0]):
        for start in range(0, count, _TILE):
            sums = y[m, start : start + _TILE]
            for c in range(w.shape[1]):
                _add_taps(sums, x[c], w[m, c], start, 1)
            settle(sums)
    return y


@numba.njit(nogil=True, cache=True)
def _correlate_rows(x: Floats, w: Floats, lanes: int) -> Floats:
    """`y[i, j] = sum_a sum_b w[a, b] x[i + a, j + b lanes]`: rows `(H, W lanes)`, valid part."""
    height, width = x.shape[0] - w.shape[0] + 1, x.shape[1] - (w.shape[1] - 1) * lanes
    y = np.zeros((height, width), np.float32)
    for i in range(height):
        for a in range(w.shape[0]):
            _add_taps(y[i], x[i + a], w[a], 0, lanes)
        settle(y[i])
    return y


@numba.njit(nogil=True, cache=True)
def _correlate_planes(x: Floats, w: Floats) -> Floats:
    """Planes `(C, H, W)` under kernels `(N, C, h, w)`, summed over C: maps `(N, H', W')`."""
    height, width = x.shape[1] - w.shape[2] + 1, x.shape[2] - w.shape[3] + 1
    y = np.zeros((w.shape[0], height, width), np.float32)
    for m in range(w.shape[0]):
        for i in range(height):
            for c in range(w.shape[1]):
                for a in range(w.shape[2]):
                    _add_taps(y[m, i], x[c, i + a], w[m, c, a], 0, 1)
            settle(y[m, i])
    return y


def rounded(taps: NDArray[np.float64]) -> Floats:
    """The taps as they are computed with: float32, what is below its normal range taken for zero.

    A tap there would make every product with it a hundred times slower, and change nothing.
    """
    return np.where(np.abs(taps) < np.finfo(np.float32).tiny, 0, taps).astype(np.float32)


def along_time(items: Floats, w: Floats) -> Floats:
    """Items `(n, …)` under taps `(K,)`, every channel or pixel by itself: `(n - K + 1, …)`."""
    lanes = prod(items.shape[1:])
    return _correlate(items.reshape(-1), w, lanes).reshape(-1, *items.shape[1:])


def along_time_widely(items: Floats, w: Doubles) -> Floats:
    """`along_time` with taps and sums in float64: an offset adds next to nothing to the error."""
    lanes = prod(items.shape[1:])
    return _correlate_widely(items.reshape(-1), w, lanes).reshape(-1, *items.shape[1:])


def bank_along_time(items: Floats, w: Floats) -> Floats:
    """Items `(n, C)` under kernels `(N, C, K)`: `(n - K + 1, N)`."""
    return np.ascontiguousarray(_correlate_bank(np.ascontiguousarray(items.T), w).T)


def on_frames(frames: Floats, w: Floats) -> Floats:
    """Frames `(n, H, W, C)` under a kernel `(h, w)`, every channel by itself, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - w.shape[0] + 1, width - w.shape[1] + 1, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        out[:] = _correlate_rows(x.reshape(height, -1), w, channels).reshape(out.shape)
    return y


def separable_on_frames(frames: Floats, column: Floats, row: Floats) -> Floats:
    """Frames `(n, H, W, C)` under `column[a] row[b]`, every channel by itself, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - column.size + 1, width - row.size + 1, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        rows = _correlate(x.reshape(-1), column, width * channels).reshape(-1, width * channels)
        out[:] = _correlate_rows(rows, row[np.newaxis], channels).reshape(out.shape)
    return y


def bank_on_frames(frames: Floats, w: Floats) -> Floats:
    """Frames `(n, H, W, C)` under kernels `(N, C, h, w)`, valid part: `(n, H', W', N)`."""
    n, height, width, _ = frames.shape
    y = np.empty((n, height - w.shape[2] + 1, width - w.shape[3] + 1, w.shape[0]), np.float32)
    for x, out in zip(frames, y, strict=True):
        planes = np.ascontiguousarray(x.transpose(2, 0, 1))
        out[:] = _correlate_planes(planes, w).transpose(1, 2, 0)
    return y
