"""The largest value and the mean of squares of pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.simd import FLOATS, all_floats, larger, load_floats, store

Floats = NDArray[np.float32]

Pool = Callable[[Floats, Floats, int, int], None]
"""Writes the pools of a frame `(H, W, C)` to `(H', W', C)`, of a size, a stride apart."""


@compiled
def write_maxima(x: Floats, y: Floats, size: int, stride: int) -> None:
    """A NaN is larger than any number."""
    _write_maxima(x, y, size, stride, np.float32(-np.inf))


@compiled
def write_positive_maxima(x: Floats, y: Floats, size: int, stride: int) -> None:
    """The same of `max(x, 0)`."""
    _write_maxima(x, y, size, stride, np.float32(0))


@compiled
def _write_maxima(x: Floats, y: Floats, size: int, stride: int, least: Any) -> None:
    """No less than `least`: first down, then across."""
    _, width, channels = x.shape
    rows, lanes = x.reshape(-1), width * channels
    tall = np.empty(lanes, np.float32)
    whole = lanes - lanes % FLOATS
    for i in range(y.shape[0]):
        top = i * stride * lanes
        for j in range(0, whole, FLOATS):
            largest = all_floats(least)
            for a in range(size):
                largest = larger(largest, load_floats(rows, top + a * lanes + j))
            store(tall, j, largest)
        for j in range(whole, lanes):
            number = least
            for a in range(size):
                number = _larger(number, rows[top + a * lanes + j])
            tall[j] = number
        if size == 2 and stride == 2 and channels == 1:
            _maxima_of_pairs(y[i].reshape(-1), tall)
            continue
        for j in range(y.shape[1]):
            for c in range(channels):
                number = least
                for b in range(size):
                    number = _larger(number, tall[(j * stride + b) * channels + c])
                y[i, j, c] = number


@inlined
def _larger(first: Any, other: Any) -> Any:
    """As vectors have it."""
    takes = (other > first) | ((other != other) & (first == first))
    return other if takes else first


@compiled
def _maxima_of_pairs(y: Floats, x: Floats) -> None:
    for j in range(y.size):
        y[j] = _larger(x[2 * j], x[2 * j + 1])


@compiled
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
