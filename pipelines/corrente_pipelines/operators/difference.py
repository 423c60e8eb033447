"""What changed from one frame to the next."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from corrente.format import Format, Items, Kind
from corrente_pipelines import overlap, reference
from corrente_pipelines.numerics.nans import settled
from corrente_pipelines.numerics.padding import Pad
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State, Weights
from corrente_pipelines.windowed import slid_over_time


class Difference(Operator):
    """Each frame minus the one before it: `y[n] = x[n] - x[n - 1]`, pixel by pixel.

    `pad` says what lies before the first frame. Here it is `edge` unless said: the first frame
    again, so that the first difference is 0 and no motion is seen where a stream begins. With
    `zero` the first difference is the first frame, with `valid` there is none.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    op: Literal["difference"] = "difference"
    pad: Pad = "edge"
    """What lies before the first frame; `valid` gives no difference for it."""

    def output(self, *formats: Format) -> Format:
        """The same channels, float32."""
        return slid_over_time(formats[0], 2, self.pad)

    def start(self, *formats: Format, index: int = 0) -> State:
        """No frame."""
        return overlap.start(formats[0])

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """A window of two frames is centred at the later one: nothing waits, nothing is owed."""
        before, block = overlap.extended(state, blocks[0], 2, self.pad)
        items, tail = overlap.joined(before, block, 2)
        with np.errstate(invalid="ignore"):
            return tail, settled(items[1:] - items[:-1])

    def receptive_field(self, *formats: Format) -> int:
        """A frame and the one before it."""
        return 2

    def weights(self, *formats: Format) -> Weights:
        """The later less the earlier."""
        return Weights(np.array([-1.0, 1.0]), self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return reference.correlate(x[0], np.array([-1.0, 1.0]), self.pad)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the inputs to float32."""
        sums = reference.correlate(reference.magnitudes(x[0]), np.ones(2), self.pad)
        return UNIT_ROUNDOFF * sums

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each padding."""
        return [cls(), cls(pad="zero"), cls(pad="valid")]
