"""The product of two inputs."""

from collections.abc import Sequence
from typing import Literal, Self

from corrente.format import Items
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.pointwise import Combination
from corrente_pipelines.reference import magnitudes


class Multiply(Combination):
    """`y = a b`, item by item, of two inputs of the same shape."""

    op: Literal["multiply"] = "multiply"

    def of(self, first: Items, second: Items) -> Items:
        """The product."""
        return first * second

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of both factors to float32."""
        return 3 * UNIT_ROUNDOFF * magnitudes(x[0]) * magnitudes(x[1])

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
