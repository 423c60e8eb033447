"""The sum over channels."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.numerics.channels import channel_sums
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reduction import by_channels, reduced


class Sum(Operator):
    """`y = sum_c x[c]`: a signal keeps one channel, frames become `(H, W)`."""

    op: Literal["sum"] = "sum"

    def output(self, *formats: Format) -> Format:
        """One channel."""
        return reduced(formats[0])

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Sums in float64."""
        return None, by_channels(blocks[0], channel_sums)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._sum(x[0])

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return 2 * UNIT_ROUNDOFF * self._sum(reference.magnitudes(x[0]))

    def _sum(self, x: Items) -> Items:
        if x.ndim == 3:
            return x.astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(x.astype(np.float64).sum(axis=-1, keepdims=x.ndim == 2))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
