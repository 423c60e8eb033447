"""Numbers kept within bounds."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from corrente.format import Items
from corrente_pipelines.fields import Number
from corrente_pipelines.pointwise import Pointwise


class Clip(Pointwise):
    """`y = min(max(x, low), high)`, item by item; either bound may be missing."""

    op: Literal["clip"] = "clip"
    low: Number | None = None
    """The least that comes out."""
    high: Number | None = None
    """The most that comes out."""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("needs low or high, or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low must not be above high, got {self.low:g} and {self.high:g}")
        return self

    def of(self, x: Items) -> Items:
        """A NaN stays one."""
        return np.clip(x, self.low, self.high)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each bound, and both."""
        return [cls(low=0), cls(high=0.1), cls(low=-0.5, high=0.5)]
