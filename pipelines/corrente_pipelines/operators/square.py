"""The square."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.pointwise import Pointwise


class Square(Pointwise):
    """`y = x^2`, item by item; an infinity beyond the range of float32, 3.4e38."""

    op: Literal["square"] = "square"

    def of(self, x: Items) -> Items:
        """The product of a number with itself."""
        return np.square(x)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
