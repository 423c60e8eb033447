"""What lies beyond the borders of a signal or an image."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from corrente.format import Items

Pad = Literal["zero", "edge", "valid"]
"""`zero` and `edge` give as many out as in, `valid` only outputs that lie wholly inside."""


Precision = Literal["float32", "float64"]
"""What is computed in; float64 where drift or dynamic range asks for it."""

_DTYPES: Mapping[Precision, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}


def floats(items: Items, precision: Precision = "float32") -> Items:
    """The items as kernels are compiled for: of that precision, C-contiguous, aligned, writable.

    A block off the wire is read-only and may be misaligned: numba would compile for it once more.
    """
    if items.dtype == _DTYPES[precision] and items.flags.carray:  # as most are
        return items
    return np.require(items, precision, ["C", "ALIGNED", "WRITEABLE"])


def as_compiled(items: Items) -> Items:
    """The items, copied where a compiled function would be compiled once more for them."""
    return items if items.flags.carray else np.require(items, None, ["C", "ALIGNED", "WRITEABLE"])


def pixels(frames: Items) -> Items:
    """Frames as kernels are compiled for: uint8 as they are, others as float32."""
    return as_compiled(frames) if frames.dtype == np.uint8 else floats(frames)


def margins(size: int, centre: int | None = None) -> tuple[int, int]:
    """Items missing before the first and behind the last, for a kernel with that centre.

    It is `size // 2` unless said.
    """
    before = size // 2 if centre is None else centre
    return before, size - 1 - before


def kept(length: int, size: int, pad: Pad) -> int:
    """How many outputs a length has under a kernel of that size."""
    return max(length - size + 1, 0) if pad == "valid" else length


def beyond(items: Items, count: int, pad: Pad) -> Items:
    """`count` items to put before or behind `items`, which is the one item at that border."""
    if pad == "zero":
        return np.zeros((count, *items.shape[1:]), np.float32)
    return np.repeat(items, count, axis=0)


def framed(
    frames: Items,
    sizes: tuple[int, int],
    pad: Pad,
    centres: tuple[int | None, int | None] = (None, None),
    precision: Precision = "float32",
) -> Items:
    """Frames `(n, H, W, C)`, floats, with their margins on all four sides; `valid` adds none."""
    frames = floats(frames, precision)
    if pad == "valid":
        return frames
    widths = ((0, 0), margins(sizes[0], centres[0]), margins(sizes[1], centres[1]), (0, 0))
    return np.pad(frames, widths, mode="constant" if pad == "zero" else "edge")
