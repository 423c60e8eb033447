"""Every factor-th item."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from msgspec.structs import replace
from pydantic import Field

from corrente.format import Format, Items
from corrente_pipelines.operator import Operator, State


class Decimate(Operator):
    """`y[k] = x[k * factor]`: every `factor`-th item, counted from item 0 of the input.

    What lies above half the new rate is folded below it: put a low-pass, `{op: fir, low_hz: …}`,
    before it, or use `resample`, which brings its own.
    """

    op: Literal["decimate"] = "decimate"
    factor: Annotated[int, Field(ge=1, le=1 << 20)]

    def output(self, *formats: Format) -> Format:
        """The same items at a lower rate."""
        (format,) = formats
        rate_hz, stride = format.rate_hz / self.factor, format.stride * self.factor
        return replace(format, rate_hz=rate_hz, stride=stride)

    def start(self, *formats: Format, index: int = 0) -> State:
        """How many items are to be passed over."""
        return -index % self.factor

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """A copy, contiguous."""
        (block,) = blocks
        return (state - len(block)) % self.factor, block[state :: self.factor].copy()

    def algorithm(self, *formats: Format) -> str:
        """Nothing is computed."""
        return "copy"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return x[0][:: self.factor].astype(np.float64)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One, a few, more than most blocks have."""
        return [cls(factor=1), cls(factor=2), cls(factor=3), cls(factor=50)]
