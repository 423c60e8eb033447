"""Operators that correlate a signal with taps of their own making."""

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from corrente.format import Format, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics import direct
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import Windowed


class Tapped(Windowed):
    """`y[n] = sum_k w[k] x[n + k - K // 2]`, every channel of a signal by itself."""

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    @abstractmethod
    def make_taps(self) -> NDArray[np.float64]:
        """The taps `(K,)`."""

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return direct.rounded(self.make_taps())

    def runs_over_time(self, format: Format) -> bool:
        """Always."""
        return True

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Direct sums."""
        return direct.along_time(items, self._weights)

    def over_frames(self, frames: Items) -> Items:
        """Never: it takes signals."""
        raise NotImplementedError

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return reference.correlate(x[0], self._weights.astype(np.float64), self.pad)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of a sum of K products: `(K + 3) u sum |w| |x|`."""
        w = np.abs(self._weights.astype(np.float64))
        sums = reference.correlate(reference.magnitudes(x[0]), w, self.pad)
        return (w.size + 3) * UNIT_ROUNDOFF * sums
