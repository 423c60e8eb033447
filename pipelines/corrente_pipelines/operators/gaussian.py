"""The Gaussian filter."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.kernels import gaussian_taps
from corrente_pipelines.numerics import direct, separable
from corrente_pipelines.numerics.padding import pixels
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Weights
from corrente_pipelines.windowed import Windowed


class Gaussian(Windowed):
    """Correlation with `q[k] = exp(-i^2 / (2 sigma^2))`, `i = k - size // 2`.

    On frames with `q[i, j] = exp(-(i^2 + j^2) / (2 sigma^2))`. The taps sum to one unless
    `normalise` is false. `sigma` is in items, or pixels.
    """

    op: Literal["gaussian"] = "gaussian"
    size: Annotated[int, Field(ge=1, le=4096)]
    """Taps, on frames each way."""
    sigma: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]
    """The standard deviation, in items or pixels."""
    normalise: bool = True
    """Whether the taps sum to one."""

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return direct.rounded(gaussian_taps(self.size, self.sigma, self.normalise))

    def window(self) -> tuple[int, ...]:
        """`size` both ways; over time the first counts."""
        return (self.size, self.size)

    def runs_over_time(self, format: Format) -> bool:
        """On signals."""
        return format.kind == "signal"

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Direct sums."""
        return direct.along_time(items, self._weights)

    def over_frames(self, frames: Items) -> Items:
        """Direct sums, down and across: the kernel is a product."""
        return separable.on_frames(pixels(frames), self._weights, self._weights, self.pad)

    def weights(self, *formats: Format) -> Weights:
        """The Gaussian."""
        q = self._weights.astype(np.float64)
        return Weights(q if self.runs_over_time(formats[0]) else np.outer(q, q), self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition, on frames with the whole two-dimensional kernel."""
        return self._defined(x[0])

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of one or two sums of K products."""
        return 2 * (self.size + 4) * UNIT_ROUNDOFF * self._defined(reference.magnitudes(x[0]))

    def _defined(self, x: Items) -> Items:
        q = self._weights.astype(np.float64)
        if x.ndim == 2:
            return reference.correlate(x, q, self.pad)
        return reference.correlate(x, np.outer(q, q), self.pad, first_axis=1)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One, even, odd, larger than the frame; each padding; not normalised."""
        return [
            cls(size=1, sigma=1),
            cls(size=4, sigma=1.5),
            cls(size=5, sigma=1, pad="edge"),
            cls(size=3, sigma=0.5, pad="valid", normalise=False),
            cls(size=40, sigma=8, pad="edge"),
        ]
