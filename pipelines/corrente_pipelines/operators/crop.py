"""A part of each frame."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.operator import Operator, State

Offset = Annotated[int, Field(ge=0, le=1 << 16)]
Length = Annotated[int, Field(ge=1, le=1 << 16)]


class Crop(Operator):
    """The pixels `[top, top + height)` x `[left, left + width)` of each frame, dtype unchanged."""

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["crop"] = "crop"
    top: Offset = 0
    """The first row kept."""
    left: Offset = 0
    """The first column kept."""
    height: Length
    """How many rows are kept."""
    width: Length
    """How many columns are kept."""

    def output(self, *formats: Format) -> Format:
        """Frames of `height` x `width`."""
        (format,) = formats
        height, width, *channels = format.shape
        bottom, right = self.top + self.height, self.left + self.width
        if bottom > height or right > width:
            raise FormatError(
                f"the crop reaches to row {bottom} and column {right}, "
                f"a frame has {height} x {width}; move it, or make it smaller"
            )
        return replace(format, shape=(self.height, self.width, *channels))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """A copy, contiguous."""
        return None, self._cut(blocks[0]).copy()

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._cut(x[0]).astype(np.float64)

    def _cut(self, x: Items) -> Items:
        return x[:, self.top : self.top + self.height, self.left : self.left + self.width]

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """A corner, one pixel, the middle, the whole of a small frame."""
        return [
            cls(height=2, width=3),
            cls(top=1, left=1, height=1, width=1),
            cls(top=1, left=2, height=4, width=3),
            cls(height=5, width=5),
        ]
