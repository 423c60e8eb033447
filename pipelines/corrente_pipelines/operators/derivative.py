"""The derivative."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.numerics.nans import settled
from corrente_pipelines.numerics.padding import Pad
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Rated, Weights
from corrente_pipelines.windowed import WindowedOverTime


class Derivative(WindowedOverTime, Rated):
    """The central difference, per second: `y[n] = (x[n + 1] - x[n - 1]) rate_hz / 2`.

    At the ends `pad: edge`, the default here, takes the item itself for the missing neighbour:
    `y[0] = (x[1] - x[0]) rate_hz / 2`, half the one-sided difference. `zero` takes 0 for it, and
    `valid` leaves both ends out.
    """

    op: Literal["derivative"] = "derivative"
    pad: Pad = "edge"
    """What lies beyond the ends; `valid` leaves both ends out."""

    def window(self) -> tuple[int, ...]:
        """An item and its two neighbours."""
        return (3,)

    def over_time(self, items: Items) -> Items:
        """In float64, so that nothing is lost before the difference is taken."""
        wide = items.astype(np.float64)
        with np.errstate(invalid="ignore"):
            y = ((wide[2:] - wide[:-2]) * (self.input_rate_hz / 2)).astype(np.float32)
        return settled(y)

    def algorithm(self, *formats: Format) -> str:
        """One difference."""
        return "difference"

    def weights(self, *formats: Format) -> Weights:
        """The difference of the two neighbours, halved, per second."""
        return Weights(np.array([-0.5, 0.0, 0.5]) * formats[0].rate_hz, self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        wide = reference.padded(x[0].astype(np.float64), 0, 3, self.pad)
        with np.errstate(invalid="ignore"):
            return np.asarray((wide[2:] - wide[:-2]) * self.input_rate_hz / 2)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        wide = reference.padded(reference.magnitudes(x[0]), 0, 3, self.pad)
        return np.asarray(1.01 * UNIT_ROUNDOFF * (wide[2:] + wide[:-2]) * self.input_rate_hz / 2)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each padding."""
        return [cls(), cls(pad="zero"), cls(pad="valid")]
