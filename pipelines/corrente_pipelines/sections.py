"""How long second-order sections remember, and how much they round."""

from math import ceil, log

import numpy as np
from numpy.typing import NDArray

Sections = NDArray[np.float64]
"""`(S, 6)`, rows `b0 b1 b2 1 a1 a2`."""

FORGOTTEN = 2.0**-52
"""What an input of size 1 may still add to an output once it counts as forgotten."""


def radii(sections: Sections) -> NDArray[np.float64]:
    """How far each section's two poles lie from zero, `(S, 2)`; below 1 where it is stable.

    They are the roots of `z^2 + a1 z + a2`.
    """
    a1, a2 = sections[:, 4], sections[:, 5]
    root = np.sqrt((a1 * a1 - 4 * a2).astype(np.complex128))
    return np.abs(np.stack([(-a1 + root) / 2, (-a1 - root) / 2], axis=1))


def memory(sections: Sections) -> int:
    """After how many items the impulse response sums up to less than `FORGOTTEN` in all.

    For any q above all poles' radii r it is at most `q^n prod b(1/q) / prod (1 - r/q)` at item n,
    b being the sizes of a section's numerator; q is the best of a few.
    """
    poles = radii(sections)
    largest = max(float(poles.max()), 1e-3)
    return min(
        _memory_within(sections, poles, largest**part) for part in np.linspace(0.1, 0.98, 45)
    )


def _memory_within(sections: Sections, poles: NDArray[np.float64], q: float) -> int:
    numerators = np.abs(sections[:, :3]) @ np.array([1, 1 / q, 1 / q**2])
    size = float(np.log(numerators).sum() - np.log1p(-poles / q).sum())
    return max(1, ceil((size - log(1 - q) - log(FORGOTTEN)) / -log(q)))


def rounding(sections: Sections) -> float:
    """What float64 rounding can add to an output, for items of size 1.

    Each of the few roundings a section makes is as large as the section's output or its input can
    be, times 2^-53, and goes through its recursion and all later sections.
    """
    recursion = np.prod(1 / (1 - radii(sections)), axis=1)
    gain = np.maximum(1, np.abs(sections[:, :3]).sum(axis=1) * recursion)
    return float(16 * len(sections) * 2.0**-53 * gain.prod() * recursion.max())
