"""What a window over time keeps of the items it has passed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled

Reals = NDArray[np.floating[Any]]


@compiled
def joined(before: Reals, block: Reals) -> Reals:
    """Items `(m, L)` and those behind them as one array, flat."""
    items = np.empty(before.size + block.size, before.dtype)
    copy(items, before.reshape(-1))
    copy(items[before.size :], block.reshape(-1))
    return items


@compiled
def kept(before: Reals, block: Reals, size: int) -> Reals:
    """The last items of both `(m, L)`, at most one fewer than `size`, in an array of their own."""
    lanes = block.shape[1]
    count = min((size - 1) * lanes, before.size + block.size)
    tail = np.empty(count, before.dtype)
    late = min(count, block.size)
    copy(tail, before.reshape(-1)[before.size - count + late :])
    copy(tail[count - late :], block.reshape(-1)[block.size - late :])
    return tail.reshape(-1, lanes)


@compiled
def copy(target: Reals, items: Reals) -> None:
    """In a loop of its own, which becomes vectors; assigning to a part of an array does not."""
    for i in range(items.size):
        target[i] = items[i]
