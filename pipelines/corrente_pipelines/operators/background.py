"""What moves before a background that stays."""

from collections.abc import Sequence
from math import ceil, expm1, prod
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, Items, Kind
from corrente_pipelines.numerics.background import subtract_background
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.operator import FLOAT32_BYTES, UNIT_ROUNDOFF, Bound, Rated, State
from corrente_pipelines.reference import magnitudes

FORGOTTEN = 18
"""After so many time constants `exp(-18)` is left, less than float32 can tell."""

FLOAT64_BYTES = 8


class _Memory(NamedTuple):
    last: NDArray[np.float32]
    background: NDArray[np.float64]


class Background(Rated):
    """Each frame minus its background, the mean of the frames so far that forgets: the foreground.

    `b[n] = b[n-1] + a (x[n] - b[n-1])`, `b[0] = x[0]`, `a = 1 - exp(-1 / (time_constant_s
    rate_hz))`, and `y[n] = x[n] - b[n]`, pixel by pixel, so the first output is 0. What stands
    still for several time constants fades into the background, what moves stands out. The input
    minus the output is the background.

    A pixel that is not finite is taken for the last finite one there (`on_nonfinite: hold`). Where
    none was finite yet the output is 0, and the first that is begins the mean.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)
    is_recursive: ClassVar[bool] = True

    op: Literal["background"] = "background"
    time_constant_s: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]
    """Seconds after which a frame counts for 1/e of a new one."""
    on_nonfinite: Literal["hold"] = "hold"
    """A pixel that is not finite is taken for the last finite one there."""

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return replace(formats[0], dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """No pixel yet, and no background."""
        shape = formats[0].shape
        return _Memory(np.full(shape, np.nan, np.float32), np.full(shape, np.nan))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The mean in float64: its small steps would be lost in float32."""
        (block,) = blocks
        last, background = state.last.copy(), state.background.copy()
        rows = floats(block).reshape(len(block), last.size)
        y = subtract_background(rows, last.reshape(-1), background.reshape(-1), self._gain)
        return _Memory(last, background), y.reshape(block.shape)

    def receptive_field(self, *formats: Format) -> int:
        """As many items as are not forgotten."""
        return ceil(FORGOTTEN * self.time_constant_s * formats[0].rate_hz) + 1

    def state_bytes(self, *formats: Format) -> int:
        """The last pixels and the mean."""
        return prod(formats[0].shape) * (FLOAT32_BYTES + FLOAT64_BYTES)

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
        y = np.zeros(x[0].shape)
        last = background = np.full(x[0].shape[1:], np.nan)
        for n, frame in enumerate(x[0].astype(np.float64)):
            last = np.where(np.isfinite(frame), frame, last)
            moved = background + self._gain * (last - background)
            background = np.where(np.isnan(background), last, moved)
            y[n] = np.where(np.isnan(last), 0.0, last - background)
        return y

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the inputs to float32, and what is left of what came before a start.

        After `receptive_field` items that is `exp(-18)`; each pixel that is not finite may put that
        off by an item: what it is taken for lies before the start.
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
