"""Reductions over channels, in a fixed order; what is done to a row of them while it is at hand."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.simd import FLOATS, all_floats, load_floats, root, store, within
from corrente_pipelines.numerics.tails import copy

Floats = NDArray[np.float32]

SUM, MAGNITUDE = 0, 1
"""What makes one number of a pixel's channels."""

AS_IS, MASK, BYTES = 0, 1, 2
"""What is made of that number: nothing else, 1 above a level and 0 elsewhere, or a uint8."""


class Made(NamedTuple):
    """What is made of the two channels of a pixel."""

    reduction: int
    finish: int = AS_IS
    level: float = 0.0
    dtype: type[np.float32 | np.uint8] = np.float32


_LEAST, _MOST = np.float32(1e-30), np.float32(1e30)  # between them squares lose nothing

_TILE = 1024  # pixels whose channels are put apart at a time


@compiled
def channel_sums(x: Floats) -> Floats:
    """`y[i] = sum_c x[i, c]`, in float64."""
    y = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            total += np.float64(x[i, c])
        y[i] = np.float32(total)
    return y


@compiled
def channel_magnitudes(x: Floats) -> Floats:
    """`y[i] = sqrt(sum_c x[i, c]^2)`; float64 where a square would overflow, or vanish."""
    y = np.empty(x.shape[0], np.float32)
    if x.shape[1] == 2:
        _reduce(y, x, MAGNITUDE, AS_IS, 0.0)
        return y
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            value = np.float64(x[i, c])
            total += value * value
        y[i] = np.float32(np.sqrt(total))
    return y


@compiled
def magnitudes_of_two(y: Floats, first: Floats, second: Floats) -> None:
    """`y[i] = sqrt(first[i]^2 + second[i]^2)`."""
    safe, vectors = all_floats(np.float32(0)), 0
    least, most, zero = all_floats(_LEAST), all_floats(_MOST), all_floats(np.float32(0))
    for j in range(0, y.size if y.size >= FLOATS else 0, FLOATS):
        i = min(j, y.size - FLOATS)  # the last vector begins early enough to end there
        a, b = load_floats(first, i), load_floats(second, i)
        square = a * a + b * b
        store(y, i, root(square))
        is_zero = within(a, zero, zero) * within(b, zero, zero)
        safe, vectors = safe + within(square, least, most) + is_zero, vectors + 1
    lanes = np.zeros(FLOATS, np.float32)
    store(lanes, 0, safe)
    if vectors and lanes.sum() == vectors * FLOATS:
        return
    for i in range(y.size):
        square = first[i] * first[i] + second[i] * second[i]
        within_range = (square >= _LEAST) & (square <= _MOST)
        if vectors and (within_range or (first[i] == 0 and second[i] == 0)):
            continue
        if within_range:
            y[i] = np.sqrt(square)
        else:
            one, two = np.float64(first[i]), np.float64(second[i])
            y[i] = np.float32(np.sqrt(one * one + two * two))


@compiled
def channel_weighted_sums(x: Floats, w: NDArray[np.float64]) -> Floats:
    """`y[i] = sum_c w[c] x[i, c]`."""
    y = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        total = 0.0
        for c in range(x.shape[1]):
            total += w[c] * np.float64(x[i, c])
        y[i] = np.float32(total)
    return y


@compiled
def reduce_two(y: Floats, first: Floats, second: Floats, reduction: int) -> None:
    """A row of sums or magnitudes of two channels: the numbers of the functions above."""
    if reduction == MAGNITUDE:
        magnitudes_of_two(y, first, second)
    else:
        for i in range(y.size):
            y[i] = first[i] + second[i]  # float64 would round to the same


@compiled
def _separate(first: Floats, second: Floats, x: Floats) -> None:
    for i in range(first.size):
        first[i] = x[2 * i]
        second[i] = x[2 * i + 1]


@compiled
def _reduce(y: NDArray[Any], x: Floats, reduction: int, finish: int, level: float) -> None:
    first, second = np.empty(_TILE, np.float32), np.empty(_TILE, np.float32)
    row = np.empty(_TILE, np.float32)
    for start in range(0, y.size, _TILE):
        count = min(_TILE, y.size - start)
        _separate(first[:count], second[:count], x[start : start + count].reshape(-1))
        reduce_two(row[:count], first[:count], second[:count], reduction)
        finish_row(y[start : start + count], row[:count], finish, level)


def made_of_two(frames: Floats, made: Made) -> NDArray[Any]:
    """Frames `(n, H, W, 2)` to `(n, H, W)`."""
    y: NDArray[Any] = np.empty(frames.shape[:3], made.dtype)
    _reduce(y.reshape(-1), frames.reshape(-1, 2), made.reduction, made.finish, made.level)
    return y


@compiled
def finish_row(y: NDArray[Any], row: Floats, finish: int, level: float) -> None:
    """A row as it is, as `threshold` has it, or as `to_uint8` has it."""
    if finish == AS_IS:
        copy(y, row)
    elif finish == MASK:
        for i in range(y.size):
            y[i] = row[i] if row[i] != row[i] else row[i] > level
    else:
        for i in range(y.size):
            whole = np.rint(row[i])
            whole = whole if whole > 0 else np.float32(0)  # a NaN is not
            y[i] = np.uint8(whole if whole < 255 else np.float32(255))
