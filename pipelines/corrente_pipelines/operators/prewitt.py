"""Prewitt's edges."""

from collections.abc import Sequence
from typing import Literal, Self

from corrente_pipelines.gradient import Gradient
from corrente_pipelines.numerics.gradients import Smoothing


class Prewitt(Gradient):
    """Correlation of frames `(H, W)` with Prewitt's kernels.

    `vertical` edges show under `[[1, 0, -1]] * 3`, `horizontal` ones under its transpose; `both`
    gives two channels, labelled so. (J. Prewitt, Object enhancement and extraction, 1970.)
    """

    op: Literal["prewitt"] = "prewitt"

    def smoothing(self) -> Smoothing:
        """All alike."""
        return (1.0, 1.0)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each direction, each padding."""
        return [
            cls(),
            cls(direction="vertical", pad="edge"),
            cls(direction="horizontal", pad="valid"),
        ]
