"""Average pooling."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.numerics.pools import Pool, write_means
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.pooling import Pooling
from corrente_pipelines.reference import magnitudes


class AveragePool(Pooling):
    """The mean of every `size` x `size` pixels of a frame, `stride` apart (`size` unless said).

    `y[i, j] = sum x[i stride + a, j stride + b] / size^2` over `0 <= a, b < size`; pools round
    down. Every channel is by itself. A pool that holds a NaN gives one, no other does.
    """

    op: Literal["average_pool"] = "average_pool"

    def pool(self) -> Pool:
        """Means."""
        return write_means

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._means(x[0])

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32; the sums, in float64, add next to nothing."""
        return 2 * UNIT_ROUNDOFF * self._means(magnitudes(x[0]))

    def _means(self, x: Items) -> Items:
        with np.errstate(invalid="ignore"):
            return np.asarray(self.pools(x).sum(axis=-1) / self.size**2)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One pixel; even and odd; strides that overlap, and that leave some out."""
        return [cls(size=1), cls(size=2), cls(size=3, stride=2), cls(size=2, stride=3)]
