"""Convolution with a kernel, or with a bank of kernels."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.kernelled import Kernelled


class Convolve(Kernelled):
    """Convolution, the kernel flipped: `y[n] = sum_k w[k] x[n - k + K // 2]`.

    `kernel` goes over every channel by itself: `(K,)` on signals, `(h, w)` on frames. `kernels`
    give one feature map each, summed over the channels, which are not flipped: `(N, K)` or
    `(N, K, C)` on signals, `(N, h, w)` or `(N, h, w, C)` on frames; without C the input has one
    channel. The centre is that of `scipy.ndimage.convolve`, for even K too.
    """

    op: Literal["convolve"] = "convolve"

    def turned(self, taps: NDArray[np.float64], axes: tuple[int, ...]) -> NDArray[np.float64]:
        """Flipped along the axes that slide."""
        return np.flip(taps, axes)

    def centre(self) -> tuple[int, ...]:
        """Where the tap `K // 2` lies once the kernel is flipped."""
        return tuple(size - 1 - size // 2 for size in self.window())

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One tap; even and odd sizes; banks; each padding."""
        return [
            cls(kernel=[2.0]),
            cls(kernel=[1, 2, 3, 4], pad="edge"),
            cls(kernel=[1, 2], pad="valid"),
            cls(kernel=[1, 0, -1, 0.5, 3]),
            cls(kernel=[[1, 2], [3, 4], [0, -1]], pad="edge"),
            cls(kernel=[[1, 0, -1], [2, 3, 4]], pad="valid"),
            cls(kernels=[[1, 0, -1, 2], [1, 2, 1, 0]], pad="edge"),
            cls(kernels=[[[1, 2, 3], [0, -1, 1]]], pad="valid"),
            cls(kernels=np.arange(-9, 9).reshape(1, 3, 2, 3).tolist(), pad="edge"),
        ]
