"""Sums of uint8 pixels over frames: whole numbers, exact however they are added, so they run."""

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled

LONGEST = 257
"""Frames whose sums fit into 16 bits."""


@compiled
def move(
    y: NDArray[np.float32],
    sums: NDArray[np.uint16],
    entering: NDArray[np.uint8],
    leaving: NDArray[np.uint8],
    size: int,
) -> None:
    """Means over `size` frames, all flat: `sums` are those of all but the one entering.

    Behind it they are those of all but the one leaving.
    """
    count = np.float32(size)
    for i in range(y.size):
        total = np.uint16(sums[i] + entering[i])
        y[i] = np.float32(total) / count
        sums[i] = np.uint16(total - leaving[i])


@compiled
def add(sums: NDArray[np.uint16], entering: NDArray[np.uint8]) -> None:
    """One frame more, all flat."""
    for i in range(sums.size):
        sums[i] = np.uint16(sums[i] + entering[i])
