"""The difference of two inputs."""

from collections.abc import Sequence
from typing import Literal, Self

from corrente.format import Items
from corrente_pipelines.pointwise import Combination


class Subtract(Combination):
    """`y = a - b`, item by item, of two inputs of the same shape."""

    op: Literal["subtract"] = "subtract"

    def of(self, first: Items, second: Items) -> Items:
        """The difference."""
        return first - second

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
