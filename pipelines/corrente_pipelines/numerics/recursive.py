"""Recursions over the items of a signal, float64, one channel beside the other.

An item that is not finite is replaced, per channel, by the last finite one; by 0 before any. It
would stay in the recursion for ever.
"""

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@inlined
def _held(value: float, last: Doubles, channel: int) -> float:
    """The value, or the channel's last finite one where it is not finite."""
    if np.isfinite(value):
        last[channel] = value
    return float(last[channel])


@compiled
def second_order_sections(x: Doubles, sections: Doubles, memory: Doubles, last: Doubles) -> Floats:
    """Items `(n, C)` through sections `(S, 6)`, rows `b0 b1 b2 1 a1 a2`, one after the other.

    The transposed direct form II. `memory` `(S, C, 2)` and `last` `(C,)`, the last finite item,
    are brought up to date in place.
    """
    y = np.empty(x.shape, np.float32)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = _held(x[n, c], last, c)
            for s in range(sections.shape[0]):
                b0, b1, b2 = sections[s, 0], sections[s, 1], sections[s, 2]
                a1, a2 = sections[s, 4], sections[s, 5]
                out = b0 * value + memory[s, c, 0]
                memory[s, c, 0] = b1 * value - a1 * out + memory[s, c, 1]
                memory[s, c, 1] = b2 * value - a2 * out
                value = out
            y[n, c] = np.float32(value)
    return y


@compiled
def standard_scores(
    x: Doubles, keep: float, weight: float, mean: Doubles, square: Doubles, last: Doubles
) -> tuple[Floats, float]:
    """`(x - mean) / std` of items `(n, C)` under weights that fall by `keep` from item to item.

    `weight` is the sum of weights, `mean` `(C,)` the mean, `square` `(C,)` the weighted sum of
    squared deviations from it; the arrays are brought up to date in place, the weight is returned.
    """
    y = np.empty(x.shape, np.float32)
    for n in range(x.shape[0]):
        weight = keep * weight + 1.0
        for c in range(x.shape[1]):
            value = _held(x[n, c], last, c)
            before = value - mean[c]
            mean[c] += before / weight
            after = value - mean[c]
            square[c] = keep * square[c] + before * after
            std = np.sqrt(square[c] / weight)
            y[n, c] = np.float32(after / std) if std > 0.0 else np.float32(0.0)
    return y, weight
