"""Correlation of frames by its definition, many outputs at a time.

As in `direct`, an output is the sum of its products from the left, row by row, channel by channel,
in float32: its bits do not depend on what is summed beside it.
"""

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.simd import (
    FLOATS,
    all_floats,
    halves_across,
    load_all_floats,
    load_floats,
    settled,
    store,
    store_high,
    store_low,
)

if TYPE_CHECKING:
    from corrente_pipelines.numerics.simd import Floats as Vector

Floats = NDArray[np.float32]

_ONE, _FOUR = 4 * FLOATS, 2 * FLOATS
"""Outputs of one kernel, and of each of four, whose sums registers hold."""


def correlate(frames: Floats, w: Floats) -> Floats:
    """Frames `(n, H, W, C)` under a kernel `(h, w)`, every channel by itself, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - w.shape[0] + 1, width - w.shape[1] + 1, channels), np.float32)
    kernel = np.ascontiguousarray(w[np.newaxis])
    for x, out in zip(frames, y, strict=True):
        rows = x.reshape(1, height, width * channels)
        _correlate_one(rows, kernel, channels, out.reshape(len(out), -1, 1), 0)
    return y


def correlate_bank(frames: Floats, w: Floats) -> Floats:
    """Frames `(n, H, W, C)` under kernels `(N, C, h, w)`, valid part: `(n, H', W', N)`."""
    n, height, width, _ = frames.shape
    shape = (n, height - w.shape[2] + 1, width - w.shape[3] + 1, len(w))
    y = np.empty(prod(shape) + 4, np.float32)[: prod(shape)].reshape(shape)
    w = np.ascontiguousarray(w)
    # The last four again do some before. Fewer than four put too much, which the next ones put
    # right, and the very last into what `y` was cut from.
    fours = [min(m, max(len(w) - 4, 0)) for m in range(0, len(w), 4)]
    four = w if len(w) >= 4 else w[[0, *range(1, len(w)), 0, 0][:4]]
    for x, maps in zip(frames, y, strict=True):
        planes = np.ascontiguousarray(x.transpose(2, 0, 1))
        if len(w) == 1 or maps.shape[1] < _FOUR:
            for m in range(len(w)):
                _correlate_one(planes, w[m], 1, maps, m)
        else:
            for m in fours:
                _correlate_four(planes, four[m : m + 4], maps, m)
    return y


@compiled
def _correlate_one(x: Floats, w: Floats, lanes: int, y: Floats, m: int) -> None:
    """Planes `(C, H, W)` under a kernel `(C, h, w)`, to map m of `(H', W', N)`.

    Taps are `lanes` pixels apart.
    """
    _, height, width = x.shape
    pixels, taps, flat, maps = x.reshape(-1), w.reshape(-1), y.reshape(-1), y.shape[2]
    sums, block = np.empty(_ONE, np.float32), min(_ONE, y.shape[1])
    if block < _ONE:
        block = min(block, FLOATS)
    for i in range(y.shape[0]):
        for start in range(0, y.shape[1], block):
            j = min(start, y.shape[1] - block)  # the last of a row again do some before
            q = (i * y.shape[1] + j) * maps + m
            p = i * width + j
            if block == _ONE:
                a, b, c, d = _sums_of_one(pixels, p, height * width, width, lanes, w, taps)
                if maps == 1:
                    store(flat, q, a)
                    store(flat, q + FLOATS, b)
                    store(flat, q + 2 * FLOATS, c)
                    store(flat, q + 3 * FLOATS, d)
                    continue
                store(sums, 0, a)
                store(sums, FLOATS, b)
                store(sums, 2 * FLOATS, c)
                store(sums, 3 * FLOATS, d)
            else:
                for k in range(block):
                    sums[k] = _sum_at(pixels, p + k, height * width, width, lanes, w)
            for k in range(block):
                flat[q + k * maps] = sums[k]


@compiled
def _sum_at(x: Floats, at: int, plane: int, row: int, lanes: int, w: Floats) -> np.float32:
    total = np.float32(0)
    for c in range(w.shape[0]):
        for a in range(w.shape[1]):
            p = at + c * plane + a * row
            for b in range(w.shape[2]):
                total += w[c, a, b] * x[p + b * lanes]
    return total if total == total else np.float32(np.nan)


@compiled
def _sums_of_one(
    x: Floats, at: int, plane: int, row: int, lanes: int, w: Floats, taps: Floats
) -> "tuple[Vector, Vector, Vector, Vector]":
    """Of 32 outputs beside each other."""
    y0 = y1 = y2 = y3 = all_floats(np.float32(0))
    t = 0
    for c in range(w.shape[0]):
        for a in range(w.shape[1]):
            p = at + c * plane + a * row
            for _ in range(w.shape[2]):
                tap = load_all_floats(taps, t)
                y0 = y0 + tap * load_floats(x, p)
                y1 = y1 + tap * load_floats(x, p + FLOATS)
                y2 = y2 + tap * load_floats(x, p + 2 * FLOATS)
                y3 = y3 + tap * load_floats(x, p + 3 * FLOATS)
                p += lanes
                t += 1
    return settled(y0), settled(y1), settled(y2), settled(y3)


@compiled
def _correlate_four(x: Floats, w: Floats, y: Floats, m: int) -> None:
    """Planes `(C, H, W)` under four kernels `(4, C, h, w)`, to maps m to m + 3 of `(H', W', N)`."""
    _, height, width = x.shape
    pixels, taps, flat, maps = x.reshape(-1), w.reshape(-1), y.reshape(-1), y.shape[2]
    far = w[0].size
    for i in range(y.shape[0]):
        for start in range(0, y.shape[1], _FOUR):
            j = min(start, y.shape[1] - _FOUR)
            a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = all_floats(np.float32(0))
            t = 0
            for c in range(w.shape[1]):
                for a in range(w.shape[2]):
                    p = (c * height + i + a) * width + j
                    for _ in range(w.shape[3]):
                        x0, x1 = load_floats(pixels, p), load_floats(pixels, p + FLOATS)
                        tap = load_all_floats(taps, t)
                        a0, a1 = a0 + tap * x0, a1 + tap * x1
                        tap = load_all_floats(taps, t + far)
                        b0, b1 = b0 + tap * x0, b1 + tap * x1
                        tap = load_all_floats(taps, t + 2 * far)
                        c0, c1 = c0 + tap * x0, c1 + tap * x1
                        tap = load_all_floats(taps, t + 3 * far)
                        d0, d1 = d0 + tap * x0, d1 + tap * x1
                        p += 1
                        t += 1
            q = (i * y.shape[1] + j) * maps + m
            _put_four(flat, q, maps, a0, b0, c0, d0)
            _put_four(flat, q + FLOATS * maps, maps, a1, b1, c1, d1)


@inlined
def _put_four(
    y: Floats, q: int, maps: int, a: "Vector", b: "Vector", c: "Vector", d: "Vector"
) -> None:
    """Eight outputs of four kernels to `y[q]` and on, from one to the next `maps`."""
    s, t, u, v = halves_across(settled(a), settled(b), settled(c), settled(d))
    store_low(y, q, s)
    store_low(y, q + maps, t)
    store_low(y, q + 2 * maps, u)
    store_low(y, q + 3 * maps, v)
    store_high(y, q + 4 * maps, s)
    store_high(y, q + 5 * maps, t)
    store_high(y, q + 6 * maps, u)
    store_high(y, q + 7 * maps, v)
