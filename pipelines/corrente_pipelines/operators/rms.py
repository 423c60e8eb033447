"""The moving root mean square."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from corrente.format import Format, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics import log_step
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import Windowed


class Rms(Windowed):
    """`y[n] = sqrt(sum_k x[n + k - K // 2]^2 / K)` over `size` items, every channel by itself.

    The squares are added in float64, so that none overflows.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    op: Literal["rms"] = "rms"
    size: Annotated[int, Field(ge=1, le=1 << 20)]

    def window(self) -> tuple[int, ...]:
        """`size` items."""
        return (self.size,)

    def runs_over_time(self, format: Format) -> bool:
        """Always."""
        return True

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Log-step sums of squares."""
        squares = np.square(items, dtype=np.float64)
        return np.sqrt(log_step.means_along_time(squares, self.size)).astype(np.float32)

    def over_frames(self, frames: Items) -> Items:
        """Never: it takes signals."""
        raise NotImplementedError

    def algorithm(self, *formats: Format) -> str:
        """That of the moving average."""
        return "log-step"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._rms(x[0])

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return 2 * UNIT_ROUNDOFF * self._rms(reference.magnitudes(x[0]))

    def _rms(self, x: Items) -> Items:
        w = np.full(self.size, 1 / self.size)
        with np.errstate(invalid="ignore"):
            return np.sqrt(reference.correlate(np.square(x, dtype=np.float64), w, self.pad))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One, even, odd; each padding."""
        return [cls(size=1), cls(size=4), cls(size=7, pad="edge"), cls(size=20, pad="valid")]
