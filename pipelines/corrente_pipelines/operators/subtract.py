"""The difference of two inputs."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, FormatError, Items
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reference import magnitudes


class Subtract(Operator):
    """`y = a - b`, item by item, of two inputs of the same shape."""

    op: Literal["subtract"] = "subtract"

    @property
    def arity(self) -> int:
        """Two."""
        return 2

    def output(self, *formats: Format) -> Format:
        """The shape of both."""
        first, second = formats
        if (first.kind, first.shape) != (second.kind, second.shape):
            raise FormatError(
                f"subtract takes two inputs of the same shape, gets {first.shape} of kind "
                f"{first.kind} and {second.shape} of kind {second.kind}"
            )
        return replace(first, dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        first, second = (block.astype(np.float32, copy=False) for block in blocks)
        with np.errstate(invalid="ignore"):
            return None, first - second

    def reference(self, *x: Items) -> Items:
        """The definition."""
        with np.errstate(invalid="ignore"):
            return x[0].astype(np.float64) - x[1].astype(np.float64)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the inputs to float32."""
        return UNIT_ROUNDOFF * (magnitudes(x[0]) + magnitudes(x[1]))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
