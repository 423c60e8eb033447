"""Frames of another size."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.numerics.banded import Band, Interpolation, band, resample
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reference import magnitudes

MAX_SIDE = 1 << 16
Length = Annotated[int, Field(ge=1, le=8192)]


class Resize(Operator):
    """Each frame at `size`, rows and columns resampled one after the other.

    `linear` (the default) and `nearest` do nothing against aliasing; `area` averages the pixels
    that an output covers, and is the one for shrinking. Pixel centres lie at halves.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["resize"] = "resize"
    size: tuple[Length, Length]
    """Rows and columns of the output."""
    interpolation: Interpolation = "linear"
    """How pixels are made; `area` is the one for shrinking."""

    def output(self, *formats: Format) -> Format:
        """Frames of `size`, float32."""
        (format,) = formats
        if max(format.shape[:2]) > MAX_SIDE:
            raise FormatError(
                f"resize takes frames of at most {MAX_SIDE} pixels a side, gets {format.shape}; "
                "put {op: crop} before it"
            )
        return replace(format, shape=(*self.size, *format.shape[2:]), dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Frame by frame."""
        (block,) = blocks
        y = np.empty((len(block), *self.size, *block.shape[3:]), np.float32)
        rows, columns = self._bands(block)
        for frame, out in zip(block, y, strict=True):
            planes = floats(frame).reshape(*frame.shape[:2], -1)
            out[:] = resample(planes, rows, columns).reshape(out.shape)
        return None, y

    def reference(self, *x: Items) -> Items:
        """The definition."""
        rows, columns = self._bands(x[0])
        return _weighted(_weighted(x[0].astype(np.float64), rows, 1), columns, 2)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of two sums of a few products."""
        taps = sum(band.weights.shape[1] for band in self._bands(x[0]))
        return np.asarray((taps + 6) * UNIT_ROUNDOFF * self.reference(magnitudes(x[0])))

    def _bands(self, x: Items) -> tuple[Band, Band]:
        height, width = self.size
        return (
            band(x.shape[1], height, self.interpolation),
            band(x.shape[2], width, self.interpolation),
        )

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Smaller, larger, the same; each interpolation."""
        return [
            cls(size=(4, 3)),
            cls(size=(32, 32)),
            cls(size=(3, 11), interpolation="area"),
            cls(size=(2, 2), interpolation="area"),
            cls(size=(5, 13), interpolation="nearest"),
        ]


def _weighted(x: NDArray[np.float64], band: Band, axis: int) -> NDArray[np.float64]:
    moved = np.moveaxis(x, axis, 0)
    with np.errstate(invalid="ignore"):
        rows = [
            sum(w[k] * moved[first + k] for k in range(count))
            for first, count, w in zip(*band, strict=True)
        ]
    return np.moveaxis(np.stack(rows), 0, axis)
