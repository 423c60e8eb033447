"""Frames as cameras and JPEGs hold them."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, Items, Kind
from corrente_pipelines.operator import Operator, State


class ToUint8(Operator):
    """Each pixel as the nearest whole number from 0 to 255, of two the even one; dtype uint8.

    What lies below 0 becomes 0, above 255 it becomes 255, infinities too: it saturates and never
    wraps. A NaN becomes 0, since no uint8 says "not a number": put `scale` before it where 0 to
    255 is not the range, and look at the stage before it to tell black from bad.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["to_uint8"] = "to_uint8"

    def output(self, *formats: Format) -> Format:
        """The same shape, uint8."""
        return replace(formats[0], dtype="uint8")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Rounded in the block's own precision: float32 would make 0.5 of what is just above."""
        (block,) = blocks
        x = block if block.dtype.kind == "f" else block.astype(np.float64)
        # Of a NaN and a number, fmax takes the number.
        return None, np.fmin(np.fmax(np.rint(x), 0), 255).astype(np.uint8)

    def reference(self, *x: Items) -> Items:
        """The definition: down or up, by what is left of a whole number; half up from an odd one.

        Every output is finite, for every input.
        """
        doubles = x[0].astype(np.float64)
        within = np.where(np.isnan(doubles), 0.0, doubles).clip(-1, 256)
        whole = np.floor(within)
        left = within - whole
        up = (left > 0.5) | ((left == 0.5) & (whole % 2 == 1))
        return np.asarray((whole + up).clip(0, 255))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
