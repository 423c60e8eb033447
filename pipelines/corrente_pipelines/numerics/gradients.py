"""Differences across edges, smoothed along them by three weights `s0, s1, s0`, row by row.

Of a frame's three rows around an output's, the vertical edges are the differences, two columns
apart, of what is smoothed down; the horizontal ones are what is smoothed across of the difference
of two rows. The taps between are zeros and still count: they carry what is not finite.

What makes one number of both, and a mask or bytes of that, can be done to each row while it is at
hand. It gives the bits that it gives when it is done to whole frames.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.channels import MAGNITUDE, Made, finish_row, reduce_two
from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.padding import Pad, kept
from corrente_pipelines.numerics.simd import FLOATS, all_floats, load_floats, settled, store
from corrente_pipelines.numerics.tails import copy

Floats = NDArray[np.float32]
Pixels = NDArray[Any]
"""uint8 or float32."""

Smoothing = tuple[float, float]
"""The outer weights and the middle one; together they are 4 at most."""

VERTICAL, HORIZONTAL, BOTH, ONE_OF_BOTH = 0, 1, 2, 3


@compiled
def _load(row: Floats, x: Pixels, i: int, margin: int, is_edge: bool) -> None:
    """Row i of a frame, which may lie beyond its borders, with a margin at both ends."""
    inside = min(max(i, 0), x.shape[0] - 1)
    if inside != i and not is_edge:
        row[:] = 0
        return
    copy(row[margin : margin + x.shape[1]], x[inside])
    if margin:
        row[0] = row[1] if is_edge else 0
        row[-1] = row[-2] if is_edge else 0


@compiled
def _down(smooth: Floats, change: Floats, rows: Floats, first: int, s0: Any, s1: Any) -> None:
    """A quarter of what three rows have smoothed, which cannot overflow, and their difference.

    Row `first` of the three, which take turns, is the uppermost.
    """
    outer, middle, nothing = all_floats(s0), all_floats(s1), all_floats(np.float32(0))
    quarter = all_floats(np.float32(0.25))
    outer, middle = outer * quarter, middle * quarter
    above, at, below = rows[first % 3], rows[(first + 1) % 3], rows[(first + 2) % 3]
    for j in range(0, smooth.size, FLOATS):
        a, b, c = load_floats(above, j), load_floats(at, j), load_floats(below, j)
        store(smooth, j, (outer * a + middle * b) + outer * c)
        store(change, j, (a - c) + nothing * b)


@compiled
def _across(
    vertical: Floats, horizontal: Floats, smooth: Floats, change: Floats, s0: Any, s1: Any
) -> None:
    """The edges, of what `_down` gives."""
    outer, middle, nothing = all_floats(s0), all_floats(s1), all_floats(np.float32(0))
    four = all_floats(np.float32(4))
    for j in range(0, vertical.size, FLOATS):
        a, b, c = load_floats(smooth, j), load_floats(smooth, j + 1), load_floats(smooth, j + 2)
        store(vertical, j, settled(((a - c) + nothing * b) * four))
        a, b, c = load_floats(change, j), load_floats(change, j + 1), load_floats(change, j + 2)
        store(horizontal, j, settled((outer * a + middle * b) + outer * c))


@compiled
def _interleave(y: Floats, first: Floats, second: Floats) -> None:
    for j in range(y.size // 2):
        y[2 * j] = first[j]
        y[2 * j + 1] = second[j]


@compiled
def _gradients(
    y: Pixels,
    x: Pixels,
    smoothing: Smoothing,
    margin: int,
    is_edge: bool,
    directions: int,
    reduction: int,
    finish: int,
    level: float,
) -> None:
    """A frame `(H, W)` to its edges, or what is made of them; `y` are rows, of two channels."""
    count = x.shape[1] + 2 * margin - 2
    s0, s1 = np.float32(smoothing[0]), np.float32(smoothing[1])
    # What is behind the end of a row, up to a whole vector, is computed and thrown away.
    whole = -(-count // FLOATS) * FLOATS
    rows = np.zeros((3, whole + FLOATS), np.float32)
    smooth, change = np.empty(whole + FLOATS, np.float32), np.empty(whole + FLOATS, np.float32)
    vertical, horizontal = np.empty(whole, np.float32), np.empty(whole, np.float32)
    out = np.empty(count, np.float32)
    for i in range(-2, y.shape[0]):
        _load(rows[(i + 2) % 3, : count + 2], x, i + 2 - margin, margin, is_edge)
        if i < 0:
            continue
        _down(smooth, change, rows, i, s0, s1)
        _across(vertical, horizontal, smooth, change, s0, s1)
        if directions == BOTH:
            _interleave(y[i], vertical, horizontal)
        elif directions == ONE_OF_BOTH:
            reduce_two(out, vertical[:count], horizontal[:count], reduction)
            finish_row(y[i], out, finish, level)
        else:
            one = vertical if directions == VERTICAL else horizontal
            copy(y[i], one[:count])


MAGNITUDES = Made(MAGNITUDE)


def on_frames(
    frames: Pixels, smoothing: Smoothing, pad: Pad, directions: int, made: Made = MAGNITUDES
) -> Pixels:
    """Frames `(n, H, W)` to `(n, H', W', 2)` for `BOTH` directions, else `(n, H', W')`.

    For `ONE_OF_BOTH` it is what is `made` of both.
    """
    n, height, width = frames.shape
    is_one, two = directions == ONE_OF_BOTH, (2,) if directions == BOTH else ()
    shape = (n, kept(height, 3, pad), kept(width, 3, pad), *two)
    y: Pixels = np.empty(shape, made.dtype if is_one else np.float32)
    margin, is_edge = int(pad != "valid"), pad == "edge"
    work = made.reduction, made.finish, made.level
    for x, out in zip(frames, y, strict=True):
        rows = out.reshape(len(out), -1)
        _gradients(rows, x, smoothing, margin, is_edge, directions, *work)
    return y
