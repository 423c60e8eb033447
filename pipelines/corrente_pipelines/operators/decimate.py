"""Every so many-th item."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from msgspec.structs import replace
from pydantic import Field

from corrente.format import Format, Items
from corrente_pipelines.operator import Operator, State


class Decimate(Operator):
    """Every `factor`-th item, from item 0 of the stream on: `y[k] = x[factor k]`.

    It does not filter: what lies above half the new rate is folded below it. Put a low-pass before
    it (`fir`, `iir` or `moving_average`), or use `resample`, which filters.
    """

    op: Literal["decimate"] = "decimate"
    factor: Annotated[int, Field(ge=1, le=1 << 20)]
    """One item of so many is kept."""

    def output(self, *formats: Format) -> Format:
        """The same items, fewer of them."""
        (format,) = formats
        rate_hz, stride = format.rate_hz / self.factor, format.stride * self.factor
        return replace(format, rate_hz=rate_hz, stride=stride)

    def start(self, *formats: Format, index: int = 0) -> State:
        """How many items to pass over before the next one to take."""
        return -index % self.factor

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The items on the grid."""
        (block,) = blocks
        return (state - len(block)) % self.factor, block[state :: self.factor].copy()

    def algorithm(self, *formats: Format) -> str:
        """No arithmetic."""
        return "selection"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return np.asarray(x[0].astype(np.float64)[:: self.factor])

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """All items, an even and an odd factor."""
        return [cls(factor=1), cls(factor=2), cls(factor=5)]
