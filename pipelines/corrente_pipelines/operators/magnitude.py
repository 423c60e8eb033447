"""The magnitude over channels."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines.numerics.channels import channel_magnitudes
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reduction import by_channels, reduced
from corrente_pipelines.reference import magnitudes


class Magnitude(Operator):
    """`y = sqrt(sum_c x[c]^2)`: a signal keeps one channel, frames become `(H, W)`."""

    op: Literal["magnitude"] = "magnitude"

    def output(self, *formats: Format) -> Format:
        """One channel."""
        return reduced(formats[0])

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Squares in float64."""
        return None, by_channels(blocks[0], channel_magnitudes)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._magnitude(x[0].astype(np.float64))

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return 2 * UNIT_ROUNDOFF * self._magnitude(magnitudes(x[0]))

    def _magnitude(self, x: Items) -> Items:
        if x.ndim == 3:
            return np.abs(x)
        return np.asarray(np.sqrt((x**2).sum(axis=-1, keepdims=x.ndim == 2)))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
