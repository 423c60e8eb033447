"""Other units."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.fields import Number
from corrente_pipelines.pointwise import Pointwise


class Scale(Pointwise):
    """`y = factor x + offset`, item by item."""

    op: Literal["scale"] = "scale"
    factor: Number = 1.0
    """What numbers are multiplied by."""
    offset: Number = 0.0
    """What is added then."""

    def of(self, x: Items) -> Items:
        """In float64."""
        return self.factor * x.astype(np.float64) + self.offset

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each field, and both."""
        return [cls(factor=1 / 255), cls(offset=-0.5), cls(factor=-2, offset=3)]
