"""The largest value and the mean of squares of pixels."""

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Pool = Callable[[Floats, Floats, int, int], None]
"""Writes the pools of a frame `(H, W, C)` to `(H', W', C)`, of a size, a stride apart."""


@numba.njit(nogil=True, cache=True)
def write_maxima(x: Floats, y: Floats, size: int, stride: int) -> None:
    """A NaN is larger than any number."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for c in range(y.shape[2]):
                top, left = i * stride, j * stride
                largest = x[top, left, c]
                for a in range(size):
                    for b in range(size):
                        value = x[top + a, left + b, c]
                        if value > largest or np.isnan(value):
                            largest = value
                y[i, j, c] = largest


@numba.njit(nogil=True, cache=True)
def write_means(x: Floats, y: Floats, size: int, stride: int) -> None:
    """Sums in float64, row by row: nothing overflows, and the order is always the same."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for c in range(y.shape[2]):
                total = 0.0
                for a in range(size):
                    for b in range(size):
                        total += np.float64(x[i * stride + a, j * stride + b, c])
                y[i, j, c] = np.float32(total / (size * size))


def pooled(frames: Floats, size: int, stride: int, write: Pool) -> Floats:
    """Frames `(n, H, W, C)` in pools: `(n, H', W', C)`; what is left over at the end is cut."""
    n, height, width, channels = frames.shape
    counts = pool_count(height, size, stride), pool_count(width, size, stride)
    y = np.empty((n, *counts, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        write(x, out, size, stride)
    return y


def pool_count(length: int, size: int, stride: int) -> int:
    """How many pools lie wholly inside a length."""
    return max((length - size) // stride + 1, 0)
