"""The moving root mean square."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.numerics import log_step
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import WindowedOverTime


class Rms(WindowedOverTime):
    """The root of the mean square: `y[n] = sqrt(sum_k x[n + k - K // 2]^2 / K)`, K being `size`.

    Squares and their sums are float64: none overflows.
    """

    op: Literal["rms"] = "rms"
    size: Annotated[int, Field(ge=1, le=1 << 20)]
    """How many items."""

    def window(self) -> tuple[int, ...]:
        """`size` items."""
        return (self.size,)

    def over_time(self, items: Items) -> Items:
        """Log-step sums of squares."""
        squares = np.square(items, dtype=np.float64)
        return np.sqrt(log_step.means_along_time(squares, self.size)).astype(np.float32)

    def algorithm(self, *formats: Format) -> str:
        """As the moving average."""
        return "log-step"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        squares = np.square(x[0], dtype=np.float64)
        w = np.full(self.size, 1 / self.size)
        return np.sqrt(reference.correlate(squares, w, self.pad))

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return np.asarray(1.01 * UNIT_ROUNDOFF * self.reference(reference.magnitudes(x[0])))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One, even, odd; each padding."""
        return [cls(size=1), cls(size=4, pad="edge"), cls(size=5), cls(size=37, pad="valid")]
