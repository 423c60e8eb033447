"""Means over a sliding window, by adding shifted partial sums.

Sums of 2, 4, 8, … items come from adding two neighbours of the sum before; the window's own length
is put together from those that its binary digits name. That takes at most 2 log2(K) additions per
output instead of K, always the same ones in the same order: no running sum, so nothing drifts, a
NaN is gone after K items, and the bits do not depend on the block.

The sums are float64: in float32 the mean of 37 items around 1000 is up to 2.6 ulp off, so 0.5.
"""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.nans import settle
from corrente_pipelines.numerics.simd import (
    DOUBLES,
    all_doubles,
    load_doubles,
    one_on,
    settled,
    store,
    two_on,
)
from corrente_pipelines.numerics.tails import copy, joined, kept

if TYPE_CHECKING:
    from corrente_pipelines.numerics.simd import Doubles as Vector

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]

_TILE = 2048  # outputs at a time: their partial sums stay in the first-level cache
_STRIP = DOUBLES  # lanes at a time, where there are more: so whole windows of them stay there, too
_WIDE = 128  # the same of frames, whose pixels lie far from one frame to the next


@compiled
def _fill(sums: Doubles, x: Reals, start: int, lanes: int, stride: int) -> None:
    """Rows of `lanes` items, one behind the other, from rows that lie `stride` apart in `x`."""
    if lanes == stride:
        end = sums.size - sums.size % 4
        for j in range(0, end, 4):
            store(sums, j, load_doubles(x, start + j))
        for j in range(end, sums.size):
            sums[j] = x[start + j]
    elif lanes == _STRIP:
        for i in range(sums.size // 4):
            store(sums, 4 * i, load_doubles(x, start + i * stride))
    else:
        for i in range(sums.size // lanes):
            at = start + i * stride
            copy(sums[i * lanes : (i + 1) * lanes], x[at : at + lanes])


@compiled
def _fill_with_fours(sums: Doubles, x: Reals, start: int, lanes: int, stride: int) -> None:
    """The sums of four such rows that follow each other."""
    if lanes == 1 and stride == 1:
        _fill_with_fours_of_one(sums, x, start)
    elif lanes == _STRIP:
        second, third = load_doubles(x, start + stride), load_doubles(x, start + 2 * stride)
        low, high = load_doubles(x, start) + second, second + third
        for i in range(sums.size // 4):
            fourth = load_doubles(x, start + (i + 3) * stride)
            next_high = third + fourth
            store(sums, 4 * i, low + next_high)
            low, high, third = high, next_high, fourth
    else:
        for i in range(sums.size // lanes):
            _add_four_rows(sums[i * lanes : (i + 1) * lanes], x[start + i * stride :], stride)


@compiled
def _add_four_rows(sums: Doubles, x: Reals, stride: int) -> None:
    first, second, third, fourth = x, x[stride:], x[2 * stride :], x[3 * stride :]
    for j in range(sums.size):
        sums[j] = (np.float64(first[j]) + second[j]) + (np.float64(third[j]) + fourth[j])


@compiled
def _fill_with_fours_of_one(sums: Doubles, x: Reals, start: int) -> None:
    """`_fill_with_fours` of one lane: neighbours are put beside each other in registers."""
    end = max((sums.size - 5) // 4 * 4, 0)  # the last vectors would be read beyond the end
    if end:
        here, there = load_doubles(x, start), load_doubles(x, start + 4)
        pairs = here + one_on(here, there)
        for j in range(0, end, 4):
            here, there = there, load_doubles(x, start + j + 8)
            next_pairs = here + one_on(here, there)
            store(sums, j, pairs + two_on(pairs, next_pairs))
            pairs = next_pairs
    for j in range(end, sums.size):
        sums[j] = _four(x, start + j)


@compiled
def _fill_with_sixteens(sums: Doubles, x: Reals, start: int, lanes: int, stride: int) -> None:
    """The sums of sixteen such rows, of one lane or of `_STRIP`."""
    if lanes == 1:
        _fill_with_sixteens_of_one(sums, x, start)
    else:
        _fill_with_sixteens_of_strip(sums, x, start, stride)


@compiled
def _fill_with_sixteens_of_one(sums: Doubles, x: Reals, start: int) -> None:
    """The sums of sixteen items of one lane, made of those of four, and of eight, in registers."""
    end = max((sums.size - 5) // 4 * 4, 0)
    if end:
        here, there = load_doubles(x, start), load_doubles(x, start + 4)
        pairs = here + one_on(here, there)
        here, there = there, load_doubles(x, start + 8)
        next_pairs = here + one_on(here, there)
        fours = pairs + two_on(pairs, next_pairs)
        pairs, here, there = next_pairs, there, load_doubles(x, start + 12)
        next_pairs = here + one_on(here, there)
        next_fours = pairs + two_on(pairs, next_pairs)
        eights = fours + next_fours
        fours, pairs, here, there = next_fours, next_pairs, there, load_doubles(x, start + 16)
        next_pairs = here + one_on(here, there)
        next_fours = pairs + two_on(pairs, next_pairs)
        next_eights = fours + next_fours
        fours, pairs = next_fours, next_pairs
        for j in range(0, end, 4):
            here, there = there, load_doubles(x, start + j + 20)
            next_pairs = here + one_on(here, there)
            next_fours = pairs + two_on(pairs, next_pairs)
            last_eights = fours + next_fours
            store(sums, j, eights + last_eights)
            eights, next_eights, fours, pairs = next_eights, last_eights, next_fours, next_pairs
    for j in range(end, sums.size):
        sums[j] = _sixteen(x, start + j)


@compiled
def _fill_with_sixteens_of_strip(sums: Doubles, x: Reals, start: int, stride: int) -> None:
    """The same of four lanes, whose rows lie `stride` apart: a row is a vector."""
    rows = sums.size // _STRIP
    end = rows - rows % 4
    if end:
        a0, a1, a2, a3 = _four_fours(x, start, stride)
        b0, b1, b2, b3 = _four_fours(x, start + 4 * stride, stride)
        c0, c1, c2, c3 = _four_fours(x, start + 8 * stride, stride)
        a0, a1, a2, a3 = a0 + b0, a1 + b1, a2 + b2, a3 + b3  # of eight rows from here on
        b0, b1, b2, b3 = b0 + c0, b1 + c1, b2 + c2, b3 + c3
        at = start + 12 * stride
        second, last = load_doubles(x, at + stride), load_doubles(x, at + 2 * stride)
        p0, p1 = load_doubles(x, at) + second, second + last
        for i in range(0, end, 4):
            at = start + (i + 15) * stride
            x0, x1 = load_doubles(x, at), load_doubles(x, at + stride)
            x2, x3 = load_doubles(x, at + 2 * stride), load_doubles(x, at + 3 * stride)
            p2, p3, p4, p5 = last + x0, x0 + x1, x1 + x2, x2 + x3
            d0, d1, d2, d3 = p0 + p2, p1 + p3, p2 + p4, p3 + p5
            p0, p1, last = p4, p5, x3
            c0, c1, c2, c3 = c0 + d0, c1 + d1, c2 + d2, c3 + d3
            store(sums, 4 * i, a0 + c0)
            store(sums, 4 * i + 4, a1 + c1)
            store(sums, 4 * i + 8, a2 + c2)
            store(sums, 4 * i + 12, a3 + c3)
            a0, a1, a2, a3 = b0, b1, b2, b3
            b0, b1, b2, b3 = c0, c1, c2, c3
            c0, c1, c2, c3 = d0, d1, d2, d3
    for i in range(end, rows):
        at = start + i * stride
        one = _four_rows(x, at, stride) + _four_rows(x, at + 4 * stride, stride)
        two = _four_rows(x, at + 8 * stride, stride) + _four_rows(x, at + 12 * stride, stride)
        store(sums, 4 * i, one + two)


@inlined
def _four_fours(x: Reals, at: int, stride: int) -> "tuple[Vector, Vector, Vector, Vector]":
    return (
        _four_rows(x, at, stride),
        _four_rows(x, at + stride, stride),
        _four_rows(x, at + 2 * stride, stride),
        _four_rows(x, at + 3 * stride, stride),
    )


@inlined
def _four_rows(x: Reals, at: int, stride: int) -> "Vector":
    one = load_doubles(x, at) + load_doubles(x, at + stride)
    return one + (load_doubles(x, at + 2 * stride) + load_doubles(x, at + 3 * stride))


@compiled
def _four(x: Reals, at: int) -> float:
    return float((np.float64(x[at]) + x[at + 1]) + (np.float64(x[at + 2]) + x[at + 3]))


@compiled
def _sixteen(x: Reals, at: int) -> float:
    return (_four(x, at) + _four(x, at + 4)) + (_four(x, at + 8) + _four(x, at + 12))


@compiled
def _double(sums: Doubles, shift: int, count: int) -> None:
    """`sums[j] += sums[j + shift]`; in place: what is read was not written before."""
    end = count - count % 16
    for j in range(0, end, 16):
        a = load_doubles(sums, j) + load_doubles(sums, j + shift)
        b = load_doubles(sums, j + 4) + load_doubles(sums, j + 4 + shift)
        c = load_doubles(sums, j + 8) + load_doubles(sums, j + 8 + shift)
        d = load_doubles(sums, j + 12) + load_doubles(sums, j + 12 + shift)
        store(sums, j, a)
        store(sums, j + 4, b)
        store(sums, j + 8, c)
        store(sums, j + 12, d)
    for j in range(end, count):
        sums[j] += sums[j + shift]


@compiled
def _double_twice(sums: Doubles, shift: int, count: int) -> None:
    """`_double` by `shift`, and by twice as much, with half the loads and stores."""
    end = count - count % 8
    for j in range(0, end, 8):
        a = load_doubles(sums, j) + load_doubles(sums, j + shift)
        b = load_doubles(sums, j + 2 * shift) + load_doubles(sums, j + 3 * shift)
        c = load_doubles(sums, j + 4) + load_doubles(sums, j + 4 + shift)
        d = load_doubles(sums, j + 4 + 2 * shift) + load_doubles(sums, j + 4 + 3 * shift)
        store(sums, j, a + b)
        store(sums, j + 4, c + d)
    for j in range(end, count):
        low, high = sums[j] + sums[j + shift], sums[j + 2 * shift] + sums[j + 3 * shift]
        sums[j] = low + high


@compiled
def _take(total: Doubles, sums: Doubles, offset: int, is_first: bool) -> None:
    """`total[j] += sums[offset + j]`, or the first of these."""
    end = total.size - total.size % 4
    for j in range(0, end, 4):
        part = load_doubles(sums, offset + j)
        store(total, j, part if is_first else load_doubles(total, j) + part)
    for j in range(end, total.size):
        total[j] = sums[offset + j] if is_first else total[j] + sums[offset + j]


@compiled
def _finish(
    y: Reals, start: int, one: Doubles, two: Doubles, scale: float, lanes: int, stride: int
) -> None:
    """`(one + two) * scale` into the rows of `y`, as `_fill` reads those of `x`."""
    if lanes == stride:
        _finish_row(y, start, one, two, 0, one.size, scale)
    elif lanes == _STRIP:
        factor = all_doubles(scale)
        for i in range(one.size // 4):
            sums = load_doubles(one, 4 * i) + load_doubles(two, 4 * i)
            store(y, start + i * stride, settled(sums * factor))
    else:
        for i in range(one.size // lanes):
            _finish_row(y, start + i * stride, one, two, i * lanes, lanes, scale)


@compiled
def _finish_row(
    y: Reals, to: int, one: Doubles, two: Doubles, at: int, count: int, scale: float
) -> None:
    factor, end = all_doubles(scale), count - count % 4
    for j in range(0, end, 4):
        sums = load_doubles(one, at + j) + load_doubles(two, at + j)
        store(y, to + j, settled(sums * factor))
    for j in range(end, count):
        mean = (one[at + j] + two[at + j]) * scale
        y[to + j] = mean if mean == mean else np.nan


@compiled
def _sum_windows(
    total: Doubles, sums: Doubles, size: int, width: int, lanes: int
) -> tuple[Doubles, Doubles]:
    """Two arrays that add up to the sums of `size` rows of `lanes`; `size` is 2 at least.

    `sums` holds those of `width` rows, and is worked in; `total` is worked in, too.
    """
    taken, length = 0, sums.size
    while 2 * width <= size:
        if size & width:
            _take(total, sums, taken * lanes, taken == 0)
            taken += width
        if 2 * width == size:
            return sums[: total.size], sums[width * lanes :]
        if 8 * width <= size and not size & (3 * width):
            length -= 3 * width * lanes
            _double_twice(sums, width * lanes, length)
            width *= 4
        else:
            length -= width * lanes
            _double(sums, width * lanes, length)
            width *= 2
    return total, sums[taken * lanes :]


@compiled
def _strip_means(y: Reals, x: Reals, size: int, first: int, lanes: int, stride: int) -> None:
    """The means of `lanes` lanes from the `first` on, of rows of `stride`."""
    rows = y.size // stride
    reach = size - 1
    tile = min(max(_TILE // lanes, reach), rows)  # no shorter than what is read beyond it
    scratch = np.empty((tile + reach) * lanes, np.float64)
    total = np.empty(tile * lanes, np.float64)
    for row in range(0, rows, tile):
        count, start = min(tile, rows - row), row * stride + first
        if size % 16 == 0 and size > 16 and (stride == 1 or lanes == _STRIP):
            sums, width = scratch[: (count + reach - 15) * lanes], 16
            _fill_with_sixteens(sums, x, start, lanes, stride)
        elif size % 4 == 0 and size > 4:
            sums, width = scratch[: (count + reach - 3) * lanes], 4
            _fill_with_fours(sums, x, start, lanes, stride)
        else:
            sums, width = scratch[: (count + reach) * lanes], 1
            _fill(sums, x, start, lanes, stride)
        one, two = _sum_windows(total[: count * lanes], sums, size, width, lanes)
        _finish(y, start, one, two, 1 / size, lanes, stride)


@compiled
def _means(y: Reals, x: Reals, size: int, lanes: int) -> None:
    """`y[n] = (x[n] + … + x[n + size - 1]) / size` for interleaved lanes, all flat."""
    if size == 1:
        copy(y, x)
        settle(y)
    elif y.size == 0:
        return
    elif lanes <= _STRIP:
        _strip_means(y, x, size, 0, lanes, lanes)
    else:
        strip = _WIDE if lanes >= 4 * _WIDE else _STRIP
        whole = lanes - lanes % strip
        for first in range(0, whole, strip):
            _strip_means(y, x, size, first, strip, lanes)
        if whole < lanes:
            _strip_means(y, x, size, whole, lanes - whole, lanes)


@compiled
def _window_means(x: Reals, size: int, lanes: int) -> Reals:
    y = np.empty(max(x.size - (size - 1) * lanes, 0), x.dtype)
    _means(y, x, size, lanes)
    return y


@compiled
def means_along_time_behind(before: Reals, block: Reals, size: int) -> tuple[Reals, Reals]:
    """Of `before` and `block`, both `(n, L)`, the items to keep, and means over `size` items."""
    lanes, x = block.shape[1], block.reshape(-1)
    reach = (size - 1) * lanes
    y = np.empty(max(before.size + x.size - reach, 0), before.dtype)
    first = min(before.size, y.size)  # windows that begin in what was before
    _means(y[:first], joined(before, block[: size - 1]), size, lanes)
    _means(y[first:], x, size, lanes)
    return kept(before, block, size), y.reshape(-1, lanes)


@compiled
def _row_means(x: Reals, size: int, lanes: int) -> Floats:
    """`_window_means` of every row of `x`."""
    y = np.empty((x.shape[0], x.shape[1] - (size - 1) * lanes), np.float32)
    for i in range(x.shape[0]):
        y[i] = _window_means(x[i], size, lanes)
    return y


def means_along_time(items: Reals, size: int) -> Reals:
    """Means over `size` consecutive items `(n, …)`, float32 or float64: `(n - size + 1, …)`."""
    lanes = prod(items.shape[1:])
    return _window_means(items.reshape(-1), size, lanes).reshape(-1, *items.shape[1:])


def means_on_frames(frames: Floats, size: int) -> Floats:
    """Means over `size` x `size` pixels of frames `(n, H, W, C)`, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - size + 1, width - size + 1, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        columns = means_along_time(x.reshape(height, -1), size)
        out[:] = _row_means(columns, size, channels).reshape(out.shape)
    return y
