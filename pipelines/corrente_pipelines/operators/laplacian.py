"""The Laplacian."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from corrente.format import Format, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics import sliding
from corrente_pipelines.numerics.padding import Pad, framed
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State, Weights
from corrente_pipelines.windowed import slid_over_frames

KERNEL = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


class Laplacian(Operator):
    """Correlation of frames with `[[0, 1, 0], [1, -4, 1], [0, 1, 0]]`, each channel by itself.

    That is the sum of the second differences down and across: the four neighbours, less four times
    the pixel. A bright spot is negative, a flat or evenly rising part 0.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["laplacian"] = "laplacian"
    pad: Pad = "zero"
    """What lies beyond the borders; `valid` gives only outputs that need nothing from there."""

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return slid_over_frames(formats[0], KERNEL.shape, self.pad)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Direct sums, every tap, the zeros at the corners too: as `correlate` does."""
        (block,) = blocks
        planes = block if block.ndim == 4 else block[..., np.newaxis]
        y = sliding.correlate(framed(planes, (3, 3), self.pad), KERNEL)
        return None, y.reshape(*y.shape[:3], *block.shape[3:])

    def algorithm(self, *formats: Format) -> str:
        """Sums of products."""
        return "direct"

    def weights(self, *formats: Format) -> Weights:
        """The kernel."""
        return Weights(KERNEL.astype(np.float64), self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return reference.correlate(x[0], KERNEL.astype(np.float64), self.pad, first_axis=1)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of a sum of nine products."""
        weights = np.abs(KERNEL.astype(np.float64))
        sums = reference.correlate(reference.magnitudes(x[0]), weights, self.pad, first_axis=1)
        return 12 * UNIT_ROUNDOFF * sums

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each padding."""
        return [cls(), cls(pad="edge"), cls(pad="valid")]
