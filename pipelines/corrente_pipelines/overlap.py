"""Overlap-save of the tail: what an operator over time keeps of the past, and pads at the ends."""

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines.numerics.padding import Pad, Precision, beyond, margins

Tail = Items
"""The last items, at most one fewer than the window's size, padding included.

They are of the precision that is computed in, float32 unless `start` was told otherwise. As long as
there are none no item was seen, whose padding is missing; or the window is of one and needs none.
"""


def start(format: Format, precision: Precision = "float32") -> Tail:
    """The tail before the first item."""
    return np.empty((0, *format.shape), precision)


def extended(
    tail: Tail, block: Items, size: int, pad: Pad, centre: int | None = None
) -> tuple[Tail, Items]:
    """What lies before the block, padding included, and the block in the same precision."""
    if block.dtype != tail.dtype:
        block = block.astype(tail.dtype)
    if not len(tail) and pad != "valid" and len(block):
        tail = beyond(block[:1], margins(size, centre)[0], pad)
    return tail, block


def behind(tail: Tail, size: int, pad: Pad, centre: int | None = None) -> Items:
    """What lies behind the last item, as far as windows reach."""
    if pad == "valid" or not len(tail):
        return tail[:0]
    return beyond(tail[-1:], margins(size, centre)[1], pad)


def joined(before: Items, block: Items, size: int) -> tuple[Items, Items]:
    """The items under all windows of `size` that are complete, and the last, fewer than `size`."""
    items = np.concatenate((before, block))
    count = len(items)
    # Copied: a view would keep the whole block alive, and the block is the caller's.
    tail = items[max(count - size + 1, 0) :].copy()
    return items if count >= size else items[:0], tail
