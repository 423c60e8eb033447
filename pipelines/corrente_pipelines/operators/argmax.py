"""The channel with the largest value."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, Items
from corrente_pipelines.operator import Operator, State
from corrente_pipelines.reduction import reduced


class Argmax(Operator):
    """The number, from 0, of the largest channel; of equal ones the first, of NaNs the first.

    A signal keeps one channel, frames become `(H, W)`; dtype int32.
    """

    op: Literal["argmax"] = "argmax"

    def output(self, *formats: Format) -> Format:
        """One channel of int32."""
        return replace(reduced(formats[0]), dtype="int32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        return None, self._argmax(blocks[0]).astype(np.int32)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._argmax(x[0]).astype(np.float64)

    def _argmax(self, x: Items) -> Items:
        if x.ndim == 3:
            return np.zeros(x.shape, np.int32)
        return np.asarray(x.argmax(axis=-1, keepdims=x.ndim == 2))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
