"""Sobel's edges."""

from collections.abc import Sequence
from typing import Literal, Self

from corrente_pipelines.gradient import Gradient
from corrente_pipelines.numerics.gradients import Smoothing


class Sobel(Gradient):
    """Correlation of frames `(H, W)` with Sobel's kernels.

    `vertical` edges show under `[[1, 0, -1], [2, 0, -2], [1, 0, -1]]`, `horizontal` ones under its
    transpose; `both` gives two channels, labelled so. It is `prewitt` with 1, 2, 1 along the edge.
    (I. Sobel, G. Feldman, 1968; printed in Duda, Hart, Pattern Classification and Scene Analysis.)
    """

    op: Literal["sobel"] = "sobel"

    def smoothing(self) -> Smoothing:
        """The middle twice."""
        return (1.0, 2.0)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each direction, each padding."""
        return [
            cls(),
            cls(direction="vertical", pad="edge"),
            cls(direction="horizontal", pad="valid"),
        ]
