"""The moving average."""

from collections.abc import Sequence
from functools import cached_property
from math import log2, prod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.numerics import box, log_step, separable
from corrente_pipelines.numerics.padding import as_compiled, pixels
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Weights
from corrente_pipelines.windowed import Windowed

FEW = 16
"""Pixels each way that are sooner added one by one."""


class MovingAverage(Windowed):
    """The mean of `size` items around each item: `y[n] = sum_k x[n + k - K // 2] / K`.

    On frames it is the mean of `size` x `size` pixels, or with `over: time` that of every pixel
    over `size` frames. It is computed by adding shifted partial sums, never by a running sum.
    """

    op: Literal["moving_average"] = "moving_average"
    size: Annotated[int, Field(ge=1, le=1 << 20)]
    """How many items, or pixels each way."""
    over: Literal["time"] | None = None
    """`time` averages each pixel over frames."""

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.full(self.size, 1 / self.size)

    def window(self) -> tuple[int, ...]:
        """`size` both ways; over time the first counts."""
        return (self.size, self.size)

    def runs_over_time(self, format: Format) -> bool:
        """On signals, and where the spec says so."""
        return format.kind == "signal" or self.over == "time"

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Log-step sums."""
        return log_step.means_along_time(items, self.size)

    def over_time_behind(self, before: Items, block: Items) -> tuple[Items, Items]:
        """The same, of signals in one go."""
        if block.ndim > 2:
            return super().over_time_behind(before, block)
        return log_step.means_along_time_behind(before, as_compiled(block), self.size)

    def over_frames(self, frames: Items) -> Items:
        """Sums down and across: whole numbers of uint8, direct ones of few pixels, or log-step."""
        frames = pixels(frames)
        if frames.dtype == np.uint8 and self.size <= box.LARGEST:
            return box.means_on_frames(frames, self.size, self.pad)
        if self.size <= FEW:
            return separable.on_frames(frames, self._weights, self._weights, self.pad)
        return log_step.means_on_frames(self.framed(frames), self.size)

    def algorithm(self, *formats: Format) -> str:
        """Neither one by one nor a running sum, where sums round."""
        if self.runs_over_time(formats[0]):
            return "log-step"
        if formats[0].dtype == "uint8" and self.size <= box.LARGEST:
            return "whole numbers"
        return "direct, float64" if self.size <= FEW else "log-step"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what an item takes."""
        return prod(formats[0].shape) * (1 + 2 * log2(self.size))

    def weights(self, *formats: Format) -> Weights:
        """All the same, held once."""
        sizes = self.window()[:1] if self.runs_over_time(formats[0]) else self.window()
        return Weights(np.broadcast_to(1.0 / self.size ** len(sizes), sizes), self.pad)

    def reference(self, *x: Items) -> Items:
        """Correlation with `1 / K`."""
        return self._mean(x[0].astype(np.float64))

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32, and on frames that of the columns' means."""
        return 3 * UNIT_ROUNDOFF * self._mean(reference.magnitudes(x[0]))

    def _mean(self, x: Items) -> Items:
        w = np.full(self.size, 1 / self.size)
        if x.ndim == 2 or self.over == "time":
            return reference.correlate(x, w, self.pad)
        return reference.correlate(x, np.outer(w, w), self.pad, first_axis=1)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One, even, odd, longer than most blocks; fours, sixteens; over time; each padding."""
        return [
            cls(size=1),
            cls(size=2),
            cls(size=3, pad="edge"),
            cls(size=4, pad="valid"),
            cls(size=37, pad="edge"),
            cls(size=12),
            cls(size=48, pad="edge"),
            cls(size=5, over="time"),
            cls(size=4, over="time", pad="edge"),
        ]
