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


def extend(
    tail: Tail, block: Items, size: int, pad: Pad, centre: int | None = None
) -> tuple[Tail, Items]:
    """The new tail, and the items under all windows of `size` that are complete now."""
    if len(block) == 0:
        return tail, tail.items[:0]
    items = block.astype(tail.items.dtype, copy=False)
    before = tail.items
    if not tail.begun and pad != "valid":
        before = beyond(items[:1], margins(size, centre)[0], pad)
    return _cut(np.concatenate([before, items]), size)


def close(tail: Tail, size: int, pad: Pad, centre: int | None = None) -> Items:
    """The items under the windows that reach beyond the end of the stream."""
    if pad == "valid" or not tail.begun:
        return tail.items[:0]
    behind = beyond(tail.items[-1:], margins(size, centre)[1], pad)
    return _cut(np.concatenate([tail.items, behind]), size)[1]


def _cut(items: Items, size: int) -> tuple[Tail, Items]:
    keep = min(size - 1, len(items))
    # Copied: a view would keep the whole block alive, and the block is the caller's.
    tail = Tail(items[len(items) - keep :].copy(), begun=True)
    return tail, items if len(items) >= size else items[:0]
