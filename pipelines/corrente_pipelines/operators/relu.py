"""The rectifier."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.pointwise import Pointwise


class Relu(Pointwise):
    """`y = max(x, 0)`, item by item."""

    op: Literal["relu"] = "relu"

    def of(self, x: Items) -> Items:
        """What is not below zero."""
        return np.asarray(np.maximum(x, x.dtype.type(0)))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
