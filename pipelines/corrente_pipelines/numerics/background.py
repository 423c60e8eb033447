"""The mean of every pixel over time, which forgets."""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True)
def subtract_background(
    x: NDArray[np.float32], background: NDArray[np.float64], gain: float
) -> NDArray[np.float32]:
    """Items `(n, P)` less the background `(P,)`, which is moved towards each of them before.

    It is NaN where no finite pixel was yet, and stays what it is where the pixel is not finite.
    """
    y = np.empty(x.shape, np.float32)
    for n in range(x.shape[0]):
        for p in range(x.shape[1]):
            pixel, mean = np.float64(x[n, p]), background[p]
            if np.isfinite(pixel):
                mean = pixel if np.isnan(mean) else mean + gain * (pixel - mean)
                background[p] = mean
            y[n, p] = np.float32(pixel - mean)
    return y
