"""The mean of every pixel over time, which forgets."""

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled


@compiled
def subtract_background(
    x: NDArray[np.float32], last: NDArray[np.float32], background: NDArray[np.float64], gain: float
) -> NDArray[np.float32]:
    """Items `(n, P)` less the background `(P,)`, which is moved towards each of them before.

    A pixel that is not finite is taken for the `last` one that was. Where none was yet, `last` and
    the background are NaN, and 0 comes out.
    """
    y = np.zeros(x.shape, np.float32)
    for n in range(x.shape[0]):
        for p in range(x.shape[1]):
            if np.isfinite(x[n, p]):
                last[p] = x[n, p]
            pixel, mean = np.float64(last[p]), background[p]
            if not np.isnan(pixel):
                mean = pixel if np.isnan(mean) else mean + gain * (pixel - mean)
                background[p] = mean
                y[n, p] = np.float32(pixel - mean)
    return y
