"""Kernels that are a product of one down and one across, on frames with padded borders.

Rows are summed down into some of their own, which are then summed across: sums of products in a
fixed order, wherever a pixel lies, in what the taps are, float32 or float64. Six vectors of sums
share what they are made of: down, those of rows that follow each other; across, those that lie
eight taps apart, which is why every eighth tap is added first, then those behind these.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.padding import Pad, margins
from corrente_pipelines.numerics.simd import all_of, load_as, settled, store

Reals = NDArray[np.floating[Any]]
Pixels = NDArray[Any]
"""uint8, float32 or float64."""

_BAND = 48  # rows at a time, so that those between the sums stay in the second-level cache
_STRIP = 64  # columns at a time, so that what is summed down stays in the first-level cache
_APART = 8  # taps


@compiled
def _width(w: Reals) -> int:
    """Numbers in a vector."""
    return 32 // w.itemsize


@compiled
def _sum_six(
    y: Reals, to: int, row: int, x: Pixels, at: int, tap: int, every: int, w: Reals
) -> None:
    """Six vectors of `sum_k w[k] x[at + k tap]`; each next one lies `every` taps on.

    They are put to `y[to]`, each `row` numbers behind the one before.
    """
    y0 = y1 = y2 = y3 = y4 = y5 = all_of(w.dtype.type(0))
    step = every * tap
    for first in range(min(every, w.size)):
        i = at + first * tap
        x0, x1, x2 = load_as(x, i, w), load_as(x, i + step, w), load_as(x, i + 2 * step, w)
        x3, x4 = load_as(x, i + 3 * step, w), load_as(x, i + 4 * step, w)
        for k in range(first, w.size, every):
            x5, weight = load_as(x, i + 5 * step, w), all_of(w[k])
            y0, y1, y2 = y0 + weight * x0, y1 + weight * x1, y2 + weight * x2
            y3, y4, y5 = y3 + weight * x3, y4 + weight * x4, y5 + weight * x5
            x0, x1, x2, x3, x4 = x1, x2, x3, x4, x5
            i += step
    store(y, to, settled(y0))
    store(y, to + row, settled(y1))
    store(y, to + 2 * row, settled(y2))
    store(y, to + 3 * row, settled(y3))
    store(y, to + 4 * row, settled(y4))
    store(y, to + 5 * row, settled(y5))


@compiled
def _sum_one(y: Reals, to: int, x: Pixels, at: int, tap: int, every: int, w: Reals) -> None:
    """The first of the six vectors."""
    total = all_of(w.dtype.type(0))
    for first in range(min(every, w.size)):
        for k in range(first, w.size, every):
            total = total + all_of(w[k]) * load_as(x, at + k * tap, w)
    store(y, to, settled(total))


@compiled
def _sum_number(y: Reals, to: int, x: Pixels, at: int, tap: int, every: int, w: Reals) -> None:
    """The first number of that vector."""
    total = w.dtype.type(0)
    for first in range(min(every, w.size)):
        for k in range(first, w.size, every):
            total += w[k] * w.dtype.type(x[at + k * tap])
    y[to] = total if total == total else np.nan


@compiled
def _sum_row(
    y: Reals, to: int, x: Pixels, at: int, count: int, tap: int, every: int, w: Reals
) -> None:
    """`count` sums beside each other: the last vector begins early enough to end there."""
    width = _width(w)
    if count < width:
        for j in range(count):
            _sum_number(y, to + j, x, at + j, tap, every, w)
        return
    for j in range(0, count, width):
        start = min(j, count - width)
        _sum_one(y, to + start, x, at + start, tap, every, w)


@compiled
def _sum_down(tall: Reals, margin: int, x: Pixels, w: Reals) -> None:
    """`tall[i, margin + j] = sum_k w[k] x[i + k, j]`."""
    rows, lanes, width = x.shape[0] - w.size + 1, x.shape[1], _width(w)
    to, source, row = tall.reshape(-1), x.reshape(-1), tall.shape[1]
    whole = rows - rows % 6 if lanes >= width else 0
    for strip in range(0, lanes, _STRIP):
        for i in range(0, whole, 6):
            for j in range(strip, min(strip + _STRIP, lanes), width):
                start = min(j, lanes - width)
                _sum_six(to, i * row + margin + start, row, source, i * lanes + start, lanes, 1, w)
    for i in range(whole, rows):
        _sum_row(to, i * row + margin, source, i * lanes, lanes, lanes, 1, w)


@compiled
def _sum_across(y: Reals, tall: Reals, channels: int, w: Reals) -> None:
    """`y[j] = sum_k w[k] tall[j + k channels]`."""
    width = _width(w)
    group = 6 * _APART * channels
    whole = y.size - y.size % group
    for start in range(0, whole, group):
        for j in range(start, start + _APART * channels, width):
            _sum_six(y, j, _APART * channels, tall, j, channels, _APART, w)
    _sum_row(y, whole, tall, whole, y.size - whole, channels, _APART, w)


@compiled
def _rows(x: Pixels, first: int, count: int, is_edge: bool) -> Pixels:
    """Rows of a frame from `first` on, some of which lie beyond its borders."""
    y = np.zeros((count, x.shape[1]), x.dtype)
    for i in range(count):
        inside = min(max(first + i, 0), x.shape[0] - 1)
        if is_edge or inside == first + i:
            y[i] = x[inside]
    return y


@compiled
def _fill_margins(row: Reals, left: int, right: int, channels: int) -> None:
    """The first pixel of a row before it, the last behind it."""
    for j in range(left):
        row[j] = row[left + j % channels]
    end = row.size - right
    for j in range(right):
        row[end + j] = row[end - channels + j % channels]


@compiled
def _correlate(
    y: Reals,
    x: Pixels,
    column: Reals,
    row: Reals,
    above: int,
    left: int,
    channels: int,
    is_edge: bool,
) -> None:
    """A frame, rows of pixels `(H, W C)`, `above` rows and `left` columns added: `(H', W' C)`."""
    before = left * channels
    behind = y.shape[1] + (row.size - 1) * channels - x.shape[1] - before
    tall = np.zeros((_BAND, before + x.shape[1] + behind), column.dtype)
    for start in range(0, y.shape[0], _BAND):
        count = min(_BAND, y.shape[0] - start)
        first, needed = start - above, count + column.size - 1
        if first >= 0 and first + needed <= x.shape[0]:
            _sum_down(tall, before, x[first : first + needed], column)
        else:
            _sum_down(tall, before, _rows(x, first, needed, is_edge), column)
        for i in range(count):
            if is_edge:
                _fill_margins(tall[i], before, behind, channels)
            _sum_across(y[start + i], tall[i], channels, row)


def on_frames(frames: Pixels, column: Reals, row: Reals, pad: Pad) -> NDArray[np.float32]:
    """Frames `(n, H, W, C)`, uint8 or float32, under `column[a] row[b]`: `(n, H', W', C)`.

    Every channel is by itself. The centre is half of each size.
    """
    n, height, width, channels = frames.shape
    (above, below), (left, right) = margins(column.size), margins(row.size)
    if pad == "valid":
        above = below = left = right = 0
    high, wide = height + above + below - column.size + 1, width + left + right - row.size + 1
    y = np.empty((n, high, wide, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        _correlate(
            out.reshape(high, -1),
            x.reshape(height, -1),
            column,
            row,
            above,
            left,
            channels,
            pad == "edge",
        )
    return y
