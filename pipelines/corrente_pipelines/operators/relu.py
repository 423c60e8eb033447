"""The rectifier."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, Items
from corrente_pipelines.operator import Operator, State


class Relu(Operator):
    """`y = max(x, 0)`, item by item."""

    op: Literal["relu"] = "relu"

    def output(self, *formats: Format) -> Format:
        """The same shape."""
        return replace(formats[0], dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item; a NaN stays one."""
        return None, np.maximum(blocks[0].astype(np.float32, copy=False), np.float32(0))

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return np.where(x[0] <= 0, 0.0, x[0].astype(np.float64))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
