"""One NaN for all.

There are many: they differ in sign and payload. Which of two a sum has depends on how its loop was
compiled, vectors otherwise than what is left over at the end, and so on where a block was cut.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]]


@numba.njit(nogil=True, cache=True)
def settle(sums: Reals) -> None:
    """Makes every NaN in a flat array the same one."""
    for j in range(sums.size):
        sums[j] = sums[j] if sums[j] == sums[j] else np.nan


def settled(items: Reals) -> Reals:
    """The same array, C-contiguous, with one NaN for all."""
    settle(items.reshape(-1))
    return items
