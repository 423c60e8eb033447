"""The absolute value."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.pointwise import Pointwise


class Abs(Pointwise):
    """`y = |x|`, item by item."""

    op: Literal["abs"] = "abs"

    def of(self, x: Items) -> Items:
        """The distance from zero."""
        return np.abs(x)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
