"""Correlation by its definition, the taps added in one fixed order.

Every output is the sum `w[0] x[n] + w[1] x[n + 1] + …`, added from the left, wherever it lies in
a block: so its bits do not depend on the block. There is no fused multiply-add and no reassociation
(numba's default), with which vector lanes and loop tails would round differently.
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.nans import settle
from corrente_pipelines.numerics.simd import all_doubles, load_doubles, settled, store
from corrente_pipelines.numerics.tails import kept

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]

_TILE = 512  # outputs summed at a time: their sums stay in the first-level cache


@inlined
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


@compiled
def _correlate(x: Floats, w: Floats, lanes: int) -> Floats:
    """`y[n] = sum_k w[k] x[n + k]` for interleaved lanes, all flat."""
    count = max(x.size - (w.size - 1) * lanes, 0)
    y = np.zeros(count, np.float32)
    for start in range(0, count, _TILE):
        sums = y[start : start + _TILE]
        _add_taps(sums, x, w, start, lanes)
        settle(sums)
    return y


@compiled
def along_time_widely_behind(before: Floats, block: Floats, w: Doubles) -> tuple[Floats, Floats]:
    """`before` and `block`, both `(n, C)`, every channel by itself, with taps and sums in float64.

    Gives the items to keep, and the outputs `(n - K + 1, C)` of both as one. Every fourth tap is
    added first, then those behind these, and so on: so 24 outputs beside each other share the
    vectors that they are made of, and these are loaded once.
    """
    lanes, n = block.shape[1], before.shape[0] + block.shape[0]
    count = max(n - w.size + 1, 0)
    y = np.empty((count, lanes), np.float32)
    x = np.zeros(n + 24)  # the sums of what is behind the end are thrown away
    sums = np.empty(-(-count // 24) * 24, np.float32)
    for lane in range(lanes):
        _widen(x, before, lane)
        _widen(x[before.shape[0] :], block, lane)
        for i in range(0, count, 24):
            _correlate_24(sums, x, w, i)
        if lanes == 1:
            return kept(before, block, w.size), sums[:count].reshape(count, 1)
        for i in range(count):
            y[i, lane] = sums[i]
    return kept(before, block, w.size), y


@compiled
def _widen(x: Doubles, items: Floats, lane: int) -> None:
    if items.shape[1] == 1:
        flat = items.reshape(-1)
        for i in range(flat.size):
            x[i] = flat[i]
    else:
        for i in range(items.shape[0]):
            x[i] = items[i, lane]


@compiled
def _correlate_24(sums: Floats, x: Doubles, w: Doubles, i: int) -> None:
    y0 = y1 = y2 = y3 = y4 = y5 = all_doubles(0.0)
    for first in range(min(4, w.size)):
        x0, x1 = load_doubles(x, i + first), load_doubles(x, i + first + 4)
        x2, x3 = load_doubles(x, i + first + 8), load_doubles(x, i + first + 12)
        x4 = load_doubles(x, i + first + 16)
        for k in range(first, w.size, 4):
            x5, tap = load_doubles(x, i + k + 20), all_doubles(w[k])
            y0, y1, y2 = y0 + tap * x0, y1 + tap * x1, y2 + tap * x2
            y3, y4, y5 = y3 + tap * x3, y4 + tap * x4, y5 + tap * x5
            x0, x1, x2, x3, x4 = x1, x2, x3, x4, x5
    store(sums, i, settled(y0))
    store(sums, i + 4, settled(y1))
    store(sums, i + 8, settled(y2))
    store(sums, i + 12, settled(y3))
    store(sums, i + 16, settled(y4))
    store(sums, i + 20, settled(y5))


@compiled
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
    """Items `(n, C)` as in `along_time`, taps and sums in float64: an offset adds no error."""
    return along_time_widely_behind(items[:0], items, w)[1]


def bank_along_time(items: Floats, w: Floats) -> Floats:
    """Items `(n, C)` under kernels `(N, C, K)`: `(n - K + 1, N)`."""
    return np.ascontiguousarray(_correlate_bank(np.ascontiguousarray(items.T), w).T)
