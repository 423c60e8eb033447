"""One NaN for all.

There are many: they differ in sign and payload. Which of two a sum has depends on how its loop was
compiled, vectors otherwise than what is left over at the end, and so on where a block was cut.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.simd import all_of, load_as, store

Reals = NDArray[np.floating[Any]]


@compiled
def settle(sums: Reals) -> None:
    """Makes every NaN in a flat array the same one."""
    if is_finite(sums):  # to look is much faster than to write
        return
    for j in range(sums.size):
        sums[j] = sums[j] if sums[j] == sums[j] else np.nan


@compiled
def is_finite(x: Reals) -> bool:
    """Whether every number of a flat array is finite."""
    width, zero = 32 // x.itemsize, x.dtype.type(0)
    none = one = two = all_of(zero)
    whole = x.size - x.size % (2 * width)
    for j in range(0, whole, 2 * width):
        one = one + load_as(x, j, x) * none  # a zero, or a NaN
        two = two + load_as(x, j + width, x) * none
    lanes = np.empty(width, x.dtype)
    store(lanes, 0, one + two)
    total = zero
    for j in range(width):
        total += lanes[j]
    for j in range(whole, x.size):
        total += x[j] * zero
    return bool(total == zero)


def settled(items: Reals) -> Reals:
    """The same array, C-contiguous, with one NaN for all."""
    settle(items.reshape(-1))
    return items
