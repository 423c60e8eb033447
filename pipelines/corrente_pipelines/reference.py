"""The textbook definitions that several operators share: whole arrays, plain loops, float64."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from corrente.format import Items
from corrente_pipelines.numerics.padding import Pad, margins

Doubles = NDArray[np.float64]


def magnitudes(x: Items) -> Doubles:
    """`|x|`, and 0 where it is not finite: what a bound on rounding is made of."""
    doubles = x.astype(np.float64)
    return np.abs(np.where(np.isfinite(doubles), doubles, 0.0))


def held(x: Items) -> Doubles:
    """`x`, an item that is not finite replaced by the last finite one before it, by 0 before any.

    Every channel by itself.
    """
    doubles = x.astype(np.float64)
    places = np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1))
    last = np.maximum.accumulate(np.where(np.isfinite(doubles), places, -1), axis=0)
    chosen = np.take_along_axis(doubles, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, chosen, 0.0)


def padded(x: Doubles, axis: int, size: int, pad: Pad, centre: int | None = None) -> Doubles:
    """`x` with what a kernel of that size needs beyond both ends of the axis."""
    if pad == "valid" or x.shape[axis] == 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = margins(size, centre)
    return np.pad(x, widths, mode="constant" if pad == "zero" else "edge")


def correlate(
    x: Items,
    w: Doubles,
    pad: Pad,
    first_axis: int = 0,
    centres: Sequence[int] | None = None,
) -> Doubles:
    """`y[n] = sum_k w[k] x[n + k - centre]` over as many axes of `x` as `w` has.

    The centre along each of them is half the kernel's size, `K // 2`, unless said.
    """
    y = x.astype(np.float64)
    for axis, size in enumerate(w.shape):
        centre = None if centres is None else centres[axis]
        y = padded(y, first_axis + axis, size, pad, centre)
    counts = [max(y.shape[first_axis + a] - size + 1, 0) for a, size in enumerate(w.shape)]
    lead, trail = y.shape[:first_axis], y.shape[first_axis + w.ndim :]
    total = np.zeros((*lead, *counts, *trail))
    if total.size == 0 or x.shape[first_axis] == 0:
        return total
    with np.errstate(invalid="ignore", over="ignore"):
        for k in product(*map(range, w.shape)):
            window = tuple(slice(a, a + count) for a, count in zip(k, counts, strict=True))
            total += w[k] * y[(slice(None),) * first_axis + window]
    return total


def correlate_bank(
    x: Items,
    w: Doubles,
    pad: Pad,
    first_axis: int = 0,
    centres: Sequence[int] | None = None,
) -> Doubles:
    """Kernels `(N, …, C)` on `x` `(…, C)`: `y[…, m] = sum_c correlate(x[…, c], w[m, …, c])`."""
    with np.errstate(invalid="ignore", over="ignore"):
        maps = [
            sum(
                correlate(x[..., c], kernel[..., c], pad, first_axis, centres)
                for c in range(kernel.shape[-1])
            )
            for kernel in w
        ]
    return np.stack(maps, axis=-1)
