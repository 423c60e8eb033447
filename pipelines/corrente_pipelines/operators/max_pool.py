"""Max pooling."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from corrente.format import Items
from corrente_pipelines.numerics.pools import Pool, write_maxima
from corrente_pipelines.pooling import Pooling


class MaxPool(Pooling):
    """The largest pixel of every `size` x `size` of a frame, `stride` apart (`size` unless said).

    `y[i, j] = max x[i stride + a, j stride + b]` over `0 <= a, b < size`; pools round down. Every
    channel is by itself. A pool that holds a NaN gives one, no other does.
    """

    op: Literal["max_pool"] = "max_pool"

    def pool(self) -> Pool:
        """Maxima."""
        return write_maxima

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return np.asarray(self.pools(x[0]).max(axis=-1))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One pixel; even and odd; strides that overlap, and that leave some out."""
        return [cls(size=1), cls(size=2), cls(size=3, stride=2), cls(size=2, stride=3)]
