"""The sum of two inputs."""

from collections.abc import Sequence
from typing import Literal, Self

from corrente.format import Items
from corrente_pipelines.pointwise import Combination


class Add(Combination):
    """`y = a + b`, item by item, of two inputs of the same shape."""

    op: Literal["add"] = "add"

    def of(self, first: Items, second: Items) -> Items:
        """The sum."""
        return first + second

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
