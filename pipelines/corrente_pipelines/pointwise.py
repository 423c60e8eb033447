"""Operators that go item by item: of one input, or of two of the same shape."""

from abc import abstractmethod

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, FormatError, Items
from corrente_pipelines.numerics.nans import settled
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reference import magnitudes


class Pointwise(Operator):
    """Every number of the output is made of the one at its place in the input."""

    @abstractmethod
    def of(self, x: Items) -> Items:
        """The numbers out of those in `x`, of any float dtype, in a new array; a NaN stays one."""

    def output(self, *formats: Format) -> Format:
        """The same shape."""
        return replace(formats[0], dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item; never the block itself."""
        (block,) = blocks
        wide = block.dtype if block.dtype.kind == "f" else np.float32
        with np.errstate(invalid="ignore", over="ignore"):
            return None, self.of(block.astype(wide, copy=False)).astype(np.float32, copy=False)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self.of(x[0].astype(np.float64))


class Combination(Operator):
    """Every number of the output is made of those at its place in two inputs of one shape."""

    @abstractmethod
    def of(self, first: Items, second: Items) -> Items:
        """The numbers out of those in both."""

    @property
    def arity(self) -> int:
        """Two."""
        return 2

    def output(self, *formats: Format) -> Format:
        """The shape of both."""
        first, second = formats
        if (first.kind, first.shape) != (second.kind, second.shape):
            raise FormatError(
                f"{self.name} takes two inputs of the same shape, gets {first.shape} of kind "
                f"{first.kind} and {second.shape} of kind {second.kind}; bring them to one, with "
                "{op: sum}, {op: crop} or {op: resize}"
            )
        return replace(first, dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        first, second = (block.astype(np.float32, copy=False) for block in blocks)
        with np.errstate(invalid="ignore", over="ignore"):
            return None, settled(self.of(first, second))

    def reference(self, *x: Items) -> Items:
        """The definition."""
        first, second = (items.astype(np.float64) for items in x)
        with np.errstate(invalid="ignore", over="ignore"):
            return self.of(first, second)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the inputs to float32."""
        return UNIT_ROUNDOFF * (magnitudes(x[0]) + magnitudes(x[1]))
