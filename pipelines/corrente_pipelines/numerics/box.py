"""Means of squares of uint8 pixels: their sums are whole numbers, and exact however they are added.

So the sums of columns can run down the frame, and where squares are wide those of rows along it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.padding import Pad, margins

Bytes = NDArray[np.uint8]
Counts = NDArray[np.unsignedinteger[Any]]

LARGEST = 4096
"""Pixels each way: the sum of more might not fit into 32 bits."""

_NARROW = 16  # pixels each way: the sum of so many fits into 16 bits


@compiled
def _row(x: Bytes, i: int, beyond: Bytes, is_edge: bool) -> Bytes:
    inside = min(max(i, 0), x.shape[0] - 1)
    return x[inside] if is_edge or inside == i else beyond


@compiled
def _move(sums: Counts, entering: Bytes, leaving: Bytes) -> None:
    for j in range(sums.size):
        sums[j] = sums.dtype.type(sums[j] + entering[j] - leaving[j])


@compiled
def _add(sums: Counts, more: Counts) -> None:
    for j in range(sums.size):
        sums[j] = sums.dtype.type(sums[j] + more[j])


@compiled
def _sum_across(sums: Counts, columns: Counts, size: int, channels: int) -> None:
    """`sums[j] = sum_k columns[j + k channels]`."""
    if size > _NARROW:
        for j in range(channels):
            total = np.uint32(0)
            for k in range(size):
                total = np.uint32(total + columns[j + k * channels])
            sums[j] = total
        for j in range(channels, sums.size):
            newest = columns[j + (size - 1) * channels]
            sums[j] = np.uint32(sums[j - channels] + newest - columns[j - channels])
        return
    sums[:] = 0
    for k in range(size):
        _add(sums, columns[k * channels : k * channels + sums.size])


@compiled
def _divide(y: NDArray[np.float32], sums: Counts, by: float) -> None:
    """Exactly rounded: sums of up to 2^24 in float32, longer ones in float64."""
    if by <= 1 << 16:
        for j in range(y.size):
            y[j] = np.float32(sums[j]) / np.float32(by)
    else:
        for j in range(y.size):
            y[j] = np.float32(np.float64(sums[j]) / by)


@compiled
def _means(
    y: NDArray[np.float32],
    x: Bytes,
    columns: Counts,
    size: int,
    above: int,
    left: int,
    channels: int,
    is_edge: bool,
) -> None:
    """A frame, rows of pixels `(H, W C)`, with `above` rows and `left` columns added.

    `columns` holds zeros, as many as a row with all its margins.
    """
    lanes, before = x.shape[1], left * channels
    inside = columns[before : before + lanes]
    beyond, sums = np.zeros(lanes, np.uint8), np.empty(y.shape[1], columns.dtype)
    for k in range(size):
        _move(inside, _row(x, k - above, beyond, is_edge), beyond)
    for i in range(y.shape[0]):
        if i:
            entering = _row(x, i - 1 + size - above, beyond, is_edge)
            _move(inside, entering, _row(x, i - 1 - above, beyond, is_edge))
        if is_edge:
            for j in range(before):
                columns[j] = inside[j % channels]
            for j in range(columns.size - before - lanes):
                columns[before + lanes + j] = inside[lanes - channels + j % channels]
        _sum_across(sums, columns, size, channels)
        _divide(y[i], sums, size * size)


def means_on_frames(frames: Bytes, size: int, pad: Pad) -> NDArray[np.float32]:
    """Frames `(n, H, W, C)` to the means of `size` x `size` pixels, `LARGEST` at most.

    The centre is half of the size.
    """
    n, height, width, channels = frames.shape
    before, behind = (0, 0) if pad == "valid" else margins(size)
    high, wide = height + before + behind - size + 1, width + before + behind - size + 1
    y = np.empty((n, high, wide, channels), np.float32)
    sums = np.uint16 if size <= _NARROW else np.uint32
    for x, out in zip(frames, y, strict=True):
        columns = np.zeros((width + before + behind) * channels, sums)
        _means(
            out.reshape(high, -1),
            x.reshape(height, -1),
            columns,
            size,
            before,
            before,
            channels,
            pad == "edge",
        )
    return y
