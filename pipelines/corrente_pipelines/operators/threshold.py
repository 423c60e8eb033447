"""What is larger than a level."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.fields import Number
from corrente_pipelines.pointwise import Pointwise


class Threshold(Pointwise):
    """`y = 1` where `x > level`, else 0, item by item; a NaN stays one."""

    op: Literal["threshold"] = "threshold"
    level: Number
    """What a number must exceed."""

    def of(self, x: Items) -> Items:
        """Compared in float64."""
        return np.where(np.isnan(x), x, x.astype(np.float64) > self.level)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Between and at the values of small signals."""
        return [cls(level=0), cls(level=0.3), cls(level=100)]
