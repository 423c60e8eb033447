"""Resampling of an axis: every output is a weighted sum of a few neighbouring inputs."""

from functools import lru_cache
from math import ceil, floor
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled

Floats = NDArray[np.float32]
Interpolation = Literal["nearest", "linear", "area"]


class Band(NamedTuple):
    """Output i is `sum_k weights[i, k] x[first[i] + k]` over k below `counts[i]`."""

    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    weights: NDArray[np.float64]


@lru_cache(maxsize=64)
def band(size: int, out: int, interpolation: Interpolation) -> Band:
    """The band that takes `size` pixels to `out`, pixel centres at halves.

    With the scale `s = size / out`, output i lies at `(i + 1/2) s`. `nearest` takes the pixel
    there, `linear` the two whose centres enclose it (at the border the last), `area` the mean of
    `[i s, (i + 1) s)`, which keeps a shrunk image free of aliases.
    """
    rows = [_taps(i, size, size / out, interpolation) for i in range(out)]
    weights = np.zeros((out, max(len(w) for _, w in rows)))
    for i, (_, w) in enumerate(rows):
        weights[i, : len(w)] = w
    return Band(np.array([f for f, _ in rows]), np.array([len(w) for _, w in rows]), weights)


def _taps(i: int, size: int, scale: float, interpolation: Interpolation) -> tuple[int, list[float]]:
    """The first pixel of output i and the weights, none zero."""
    centre = (i + 0.5) * scale
    if interpolation == "nearest":
        return min(floor(centre), size - 1), [1.0]
    if interpolation == "linear":
        position = min(max(centre - 0.5, 0.0), size - 1.0)
        low, part = floor(position), position - floor(position)
        return low, [1 - part, part] if part else [1.0]
    left, right = i * scale, min((i + 1) * scale, float(size))
    pixels = range(floor(left), ceil(right))
    covered = [min(right, p + 1) - max(left, p) for p in pixels]
    kept = [p for p, w in zip(pixels, covered, strict=True) if w > 1e-9]  # a rounding, not a pixel
    return kept[0], [covered[p - pixels[0]] / (right - left) for p in kept]


@compiled
def _rows(x: Floats, first: NDArray[np.int64], counts: NDArray[np.int64], w: Floats) -> Floats:
    """Rows `(H, M)` to `(H', M)`."""
    y = np.zeros((first.size, x.shape[1]), np.float32)
    for i in range(first.size):
        for k in range(counts[i]):
            tap, source = w[i, k], x[first[i] + k]
            for j in range(x.shape[1]):
                y[i, j] += tap * source[j]
    return y


@compiled
def _columns(x: Floats, first: NDArray[np.int64], counts: NDArray[np.int64], w: Floats) -> Floats:
    """Rows of pixels `(H, W, C)` to `(H, W', C)`."""
    y = np.zeros((x.shape[0], first.size, x.shape[2]), np.float32)
    for i in range(x.shape[0]):
        for j in range(first.size):
            for k in range(counts[j]):
                for c in range(x.shape[2]):
                    y[i, j, c] += w[j, k] * x[i, first[j] + k, c]
    return y


def resample(frame: Floats, rows: Band, columns: Band) -> Floats:
    """A frame `(H, W, C)` to `(H', W', C)`."""
    height, width, channels = frame.shape
    tall = _rows(
        frame.reshape(height, -1), rows.first, rows.counts, rows.weights.astype(np.float32)
    ).reshape(-1, width, channels)
    return _columns(tall, columns.first, columns.counts, columns.weights.astype(np.float32))
