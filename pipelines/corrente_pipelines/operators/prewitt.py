"""Prewitt's edges."""

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics import direct
from corrente_pipelines.numerics.padding import Pad, framed
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State, Weights
from corrente_pipelines.windowed import slid_over_frames

VERTICAL = ((1.0, 0.0, -1.0),) * 3


class Prewitt(Operator):
    """Correlation of frames `(H, W)` with Prewitt's kernels.

    `vertical` edges show under `[[1, 0, -1]] * 3`, `horizontal` ones under its transpose; `both`
    gives two channels, labelled so.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["prewitt"] = "prewitt"
    pad: Pad = "zero"
    """What lies beyond the borders; `valid` gives only outputs that need nothing from there."""
    direction: Literal["both", "vertical", "horizontal"] = "both"
    """Which edges to show."""

    @cached_property
    def _kernels(self) -> NDArray[np.float64]:
        vertical = np.array(VERTICAL)
        both = {"vertical": vertical, "horizontal": vertical.T}
        return np.stack([both[name] for name in self._directions])

    @cached_property
    def _bank(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._kernels[:, np.newaxis], np.float32)

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("vertical", "horizontal") if self.direction == "both" else (self.direction,)

    def output(self, *formats: Format) -> Format:
        """Frames `(H, W)`, with two channels for both directions."""
        (format,) = formats
        if len(format.shape) != 2:
            raise FormatError(
                f"prewitt takes frames (H, W), gets {format.shape}"
                + ("; put {op: gray} before it" if format.shape[2:] == (3,) else "")
            )
        out = slid_over_frames(format, (3, 3), self.pad)
        if self.direction != "both":
            return out
        return replace(out, shape=(*out.shape, 2), labels=self._directions)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Direct sums, every tap of the kernels, zeros too: they carry a NaN."""
        frames = framed(blocks[0][..., np.newaxis], (3, 3), self.pad)
        maps = direct.bank_on_frames(frames, self._bank)
        return None, maps if self.direction == "both" else maps[..., 0]

    def algorithm(self, *formats: Format) -> str:
        """Sums of products, as most do."""
        return "direct"

    def weights(self, *formats: Format) -> Weights:
        """The kernels, which take one channel."""
        return Weights(self._kernels[..., np.newaxis], self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._defined(x[0], self._kernels)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of a sum of nine products."""
        return 12 * UNIT_ROUNDOFF * self._defined(reference.magnitudes(x[0]), np.abs(self._kernels))

    def _defined(self, x: Items, kernels: NDArray[np.float64]) -> Items:
        maps = [reference.correlate(x, kernel, self.pad, first_axis=1) for kernel in kernels]
        return np.stack(maps, axis=-1) if len(maps) > 1 else maps[0]

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each direction, each padding."""
        return [
            cls(),
            cls(direction="vertical", pad="edge"),
            cls(direction="horizontal", pad="valid"),
        ]
