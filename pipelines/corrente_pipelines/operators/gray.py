"""Colour to gray."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.numerics.channels import channel_weighted_sums
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reduction import by_channels, reduced
from corrente_pipelines.reference import magnitudes

LUMA = (0.299, 0.587, 0.114)


class Gray(Operator):
    """`y = 0.299 r + 0.587 g + 0.114 b` (the luma of ITU-R BT.601) of frames `(H, W, 3)`."""

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["gray"] = "gray"

    def output(self, *formats: Format) -> Format:
        """Frames `(H, W)`."""
        (format,) = formats
        if format.shape[2:] != (3,):
            raise FormatError(f"gray takes frames (H, W, 3), gets {format.shape}")
        return reduced(format)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Sums in float64."""
        weights = np.array(LUMA)
        return None, by_channels(blocks[0], lambda rows: channel_weighted_sums(rows, weights))

    def reference(self, *x: Items) -> Items:
        """The definition."""
        red, green, blue = np.moveaxis(x[0].astype(np.float64), -1, 0)
        with np.errstate(invalid="ignore"):
            return np.asarray(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return 2 * UNIT_ROUNDOFF * self.reference(magnitudes(x[0]))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """There is one."""
        return [cls()]
