"""Differences across edges, smoothed along them by three weights `s0, s1, s0`, row by row.

Of a frame's three rows around an output's, the vertical edges are the differences, two columns
apart, of what is smoothed down; the horizontal ones are what is smoothed across of the difference
of two rows. The taps between are zeros and still count: they carry what is not finite.

What makes one number of both, and a mask or bytes of that, can be done to each row while it is at
hand. It gives the bits that it gives when it is done to whole frames.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.channels import MAGNITUDE, Made, finish_row, reduce_two
from corrente_pipelines.numerics.nans import settle
from corrente_pipelines.numerics.padding import Pad, kept
from corrente_pipelines.numerics.tails import copy

Floats = NDArray[np.float32]
Pixels = NDArray[Any]
"""uint8 or float32."""

Smoothing = tuple[float, float]
"""The outer weights and the middle one; together they are 4 at most."""

VERTICAL, HORIZONTAL, BOTH, ONE_OF_BOTH = 0, 1, 2, 3


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True)
def _smooth_down(y: Floats, above: Floats, at: Floats, below: Floats, s0: float, s1: float) -> None:
    """A quarter of it, which cannot overflow where the differences of it do not."""
    outer, middle = np.float32(s0) / np.float32(4), np.float32(s1) / np.float32(4)
    for j in range(y.size):
        y[j] = (outer * above[j] + middle * at[j]) + outer * below[j]


@numba.njit(nogil=True, cache=True)
def _smooth_across(
    y: Floats, left: Floats, at: Floats, right: Floats, s0: float, s1: float
) -> None:
    outer, middle = np.float32(s0), np.float32(s1)
    for j in range(y.size):
        y[j] = (outer * left[j] + middle * at[j]) + outer * right[j]


@numba.njit(nogil=True, cache=True)
def _difference(y: Floats, before: Floats, at: Floats, behind: Floats, scale: float) -> None:
    by, nothing = np.float32(scale), np.float32(0)
    for j in range(y.size):
        y[j] = ((before[j] - behind[j]) + nothing * at[j]) * by


@numba.njit(nogil=True, cache=True)
def _interleave(y: Floats, first: Floats, second: Floats) -> None:
    for j in range(first.size):
        y[2 * j] = first[j]
        y[2 * j + 1] = second[j]


@numba.njit(nogil=True, cache=True)
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
    (s0, s1), count = smoothing, x.shape[1] + 2 * margin - 2
    rows = np.empty((3, count + 2), np.float32)
    between, out = np.empty(count + 2, np.float32), np.empty(count, np.float32)
    vertical, horizontal = np.empty(count, np.float32), np.empty(count, np.float32)
    left, centre, right = between[:count], between[1 : count + 1], between[2:]
    for i in range(-2, y.shape[0]):
        _load(rows[(i + 2) % 3], x, i + 2 - margin, margin, is_edge)
        if i < 0:
            continue
        above, at, below = rows[i % 3], rows[(i + 1) % 3], rows[(i + 2) % 3]
        if directions != HORIZONTAL:
            _smooth_down(between, above, at, below, s0, s1)
            _difference(vertical, left, centre, right, 4)
            settle(vertical)
        if directions != VERTICAL:
            _difference(between, above, at, below, 1)
            _smooth_across(horizontal, left, centre, right, s0, s1)
            settle(horizontal)
        if directions == BOTH:
            _interleave(y[i], vertical, horizontal)
        elif directions == ONE_OF_BOTH:
            reduce_two(out, vertical, horizontal, reduction)
            finish_row(y[i], out, finish, level)
        else:
            copy(y[i], vertical if directions == VERTICAL else horizontal)


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
