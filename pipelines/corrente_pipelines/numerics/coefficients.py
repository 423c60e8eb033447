"""Correlation coefficients of a template with every window, by their definition, in float64.

Every window's own mean is taken off its items before anything is squared: an offset of the input
changes nothing. Sums are added in one fixed order, whatever the block.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, compiled_dividing
from corrente_pipelines.numerics.nans import settle

Doubles = NDArray[np.float64]

_TILE = 512  # outputs at a time: their sums stay in the first-level cache


def unit(template: Doubles) -> Doubles:
    """The template without its mean, divided by its norm.

    Its least item is taken off first, which is exact where the rest is small beside it; scaled by
    the largest, no square leaves the range of float64.
    """
    above = template - template.min()
    centred = above / above.max() - (above / above.max()).mean()
    return np.ascontiguousarray(centred / np.sqrt((centred**2).sum()))


@compiled
def _window_means(x: Doubles, rows: int, columns: int, lanes: int) -> Doubles:
    """The means of the windows over the first `rows` rows of `x`, a row of them."""
    sums = np.zeros(x.shape[1])
    for a in range(rows):
        for j in range(sums.size):
            sums[j] += x[a, j]
    means = np.zeros(x.shape[1] - (columns - 1) * lanes)
    for b in range(columns):
        for j in range(means.size):
            means[j] += sums[j + b * lanes]
    for j in range(means.size):
        means[j] /= rows * columns
    return means


@compiled_dividing
def _coefficients(x: Doubles, w: Doubles, lanes: int) -> NDArray[np.float32]:
    """Rows `(H, W lanes)` under a unit template `(h, w)`: one coefficient for each window inside.

    A window whose items are all the same has no coefficient: it gives 0.
    """
    rows, columns = w.shape
    height, width = x.shape[0] - rows + 1, x.shape[1] - (columns - 1) * lanes
    y = np.empty((height, width), np.float32)
    products, energies = np.empty(_TILE), np.empty(_TILE)
    for i in range(height):
        means = _window_means(x[i : i + rows], rows, columns, lanes)
        for start in range(0, width, _TILE):
            count = min(_TILE, width - start)
            products[:] = 0
            energies[:] = 0
            for a in range(rows):
                for b in range(columns):
                    items, tap = x[i + a, start + b * lanes :], w[a, b]
                    for j in range(count):
                        item = items[j] - means[start + j]
                        products[j] += tap * item
                        energies[j] += item * item
            for j in range(count):
                # A NaN is no 0: it stays. Past 1 lie roundings of float64 only: float32 drops them.
                y[i, start + j] = 0 if energies[j] == 0 else products[j] / np.sqrt(energies[j])
        settle(y[i])
    return y


def along_time(items: Doubles, w: Doubles) -> NDArray[np.float32]:
    """Items `(n, C)` under a unit template `(K,)`, every channel by itself: `(n - K + 1, C)`."""
    count = max(len(items) - w.size + 1, 0)
    if count == 0:
        return np.empty((0, *items.shape[1:]), np.float32)
    lanes = prod(items.shape[1:])
    return _coefficients(items.reshape(1, -1), w[np.newaxis], lanes).reshape(-1, *items.shape[1:])


def on_frames(frames: Doubles, w: Doubles) -> NDArray[np.float32]:
    """Frames `(n, H, W, C)` under a unit template `(h, w)`, every channel by itself, valid part."""
    n, height, width, channels = frames.shape
    y = np.empty((n, height - w.shape[0] + 1, width - w.shape[1] + 1, channels), np.float32)
    for x, out in zip(frames, y, strict=True):
        out[:] = _coefficients(x.reshape(height, -1), w, channels).reshape(out.shape)
    return y
