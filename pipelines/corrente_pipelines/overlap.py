"""Overlap-save of the tail: what an operator over time keeps of the past, and pads at the ends."""

from typing import NamedTuple

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines.numerics.padding import Pad, Precision, beyond, margins


class Tail(NamedTuple):
    """The last items, at most one fewer than the window's size, padding included.

    They are of the precision that is computed in, float32 unless `start` was told otherwise.

    `begun` is whether an item was seen: the padding at the start needs the first one.
    """

    items: Items
    begun: bool


def start(format: Format, precision: Precision = "float32") -> Tail:
    """The tail before the first item."""
    return Tail(np.empty((0, *format.shape), precision), begun=False)


def extended(
    tail: Tail, block: Items, size: int, pad: Pad, centre: int | None = None
) -> tuple[Items, Items]:
    """What lies before the block, padding included, and the block in the same precision."""
    before, begun = tail
    if block.dtype is not before.dtype:
        block = block.astype(before.dtype)
    if not begun and pad != "valid" and len(block):
        before = beyond(block[:1], margins(size, centre)[0], pad)
    return before, block


def behind(tail: Tail, size: int, pad: Pad, centre: int | None = None) -> Items:
    """What lies behind the last item, as far as windows reach."""
    if pad == "valid" or not tail.begun:
        return tail.items[:0]
    return beyond(tail.items[-1:], margins(size, centre)[1], pad)


def joined(before: Items, block: Items, size: int) -> tuple[Items, Items]:
    """The items under all windows of `size` that are complete, and the last, fewer than `size`."""
    items = np.concatenate((before, block))
    count = len(items)
    # Copied: a view would keep the whole block alive, and the block is the caller's.
    tail = items[max(count - size + 1, 0) :].copy()
    return items if count >= size else items[:0], tail
