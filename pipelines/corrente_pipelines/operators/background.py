"""What moves before a background that stays."""

from collections.abc import Sequence
from math import ceil, expm1, prod
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, Items, Kind
from corrente_pipelines.numerics.background import subtract_background
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Rated, State
from corrente_pipelines.reference import magnitudes

FORGOTTEN = 18
"""After so many time constants `exp(-18)` is left, less than float32 can tell."""

FLOAT64_BYTES = 8


class Background(Rated):
    """Each frame minus its background, the mean of the frames so far that forgets: the foreground.

    `b[n] = b[n-1] + a (x[n] - b[n-1])`, `b[0] = x[0]`, `a = 1 - exp(-1 / (time_constant_s
    rate_hz))`, and `y[n] = x[n] - b[n]`, pixel by pixel, so the first output is 0. What stands
    still for several time constants fades into the background, what moves stands out. The input
    minus the output is the background.

    A pixel that is not finite is not finite in that output and in no other: the background holds
    what it was there. Where none was finite yet, the first that is begins the mean.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)
    is_recursive: ClassVar[bool] = True

    op: Literal["background"] = "background"
    time_constant_s: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return replace(formats[0], dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """No background yet."""
        return np.full(formats[0].shape, np.nan)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The mean in float64: its small steps would be lost in float32."""
        (block,) = blocks
        background: NDArray[np.float64] = state.copy()
        rows = floats(block).reshape(len(block), background.size)
        y = subtract_background(rows, background.reshape(-1), self._gain)
        return background, y.reshape(block.shape)

    def receptive_field(self, *formats: Format) -> int:
        """As many items as are not forgotten."""
        return ceil(FORGOTTEN * self.time_constant_s * formats[0].rate_hz) + 1

    def state_bytes(self, *formats: Format) -> int:
        """The mean."""
        return prod(formats[0].shape) * FLOAT64_BYTES

    def algorithm(self, *formats: Format) -> str:
        """Float64."""
        return "recursive"

    @property
    def _items(self) -> float:
        return self.time_constant_s * self.input_rate_hz

    @property
    def _gain(self) -> float:
        return -expm1(-1 / self._items)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        y = np.empty(x[0].shape)
        background = np.full(x[0].shape[1:], np.nan)
        with np.errstate(invalid="ignore"):
            for n, frame in enumerate(x[0].astype(np.float64)):
                finite, begun = np.isfinite(frame), ~np.isnan(background)
                moved = background + self._gain * (frame - background)
                background[finite & begun] = moved[finite & begun]
                background[finite & ~begun] = frame[finite & ~begun]
                y[n] = frame - background
        return y

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the inputs to float32, and what is left of what came before a start.

        After `receptive_field` items that is `exp(-18)`; a pixel held, which forgets nothing,
        puts it off by one item.
        """
        window = ceil(FORGOTTEN * self._items) + 1
        held = np.cumsum(~np.isfinite(x[0]), axis=0)
        held[window:] -= held[:-window].copy()
        left = 2 * np.exp((np.minimum(held, window) - window) / self._items)
        largest = np.maximum.accumulate(magnitudes(x[0]), axis=0)
        return np.asarray((4 * UNIT_ROUNDOFF + left) * largest)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Shorter and longer than an item of the contract's streams."""
        return [cls(time_constant_s=0.4), cls(time_constant_s=1.5)]
