"""The envelope of a band-limited signal."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from corrente.format import Items
from corrente_pipelines import reference
from corrente_pipelines.numerics import direct
from corrente_pipelines.numerics.nans import settled
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import WindowedOverTime


class Envelope(WindowedOverTime):
    """The magnitude of the analytic signal: `y[n] = sqrt(x[n]^2 + h[n]^2)`.

    h is the Hilbert transform of x by an odd number of taps K under a Hamming window:
    `h[n] = sum_m g[m] x[n - m]` over `|m| <= K // 2`, with `g[m] = 2 / (pi m)` for odd m, 0 for
    even m, times `0.54 + 0.46 cos(2 pi m / (K - 1))`. It takes the content between about
    `2 rate_hz / K` and as far below half the rate: put a band-pass before it.
    (Oppenheim and Schafer, Discrete-Time Signal Processing, on FIR Hilbert transformers.)
    """

    op: Literal["envelope"] = "envelope"
    taps: Annotated[int, Field(ge=3, le=(1 << 16) - 1)] = 129
    """Of the Hilbert transformer; odd."""

    @field_validator("taps")
    @classmethod
    def _odd(cls, taps: int) -> int:
        if taps % 2 == 0:
            raise ValueError(f"must be odd, so that one tap lies at the item itself, got {taps}")
        return taps

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """The taps in the order in which the items come: `w[k] = g[K // 2 - k]`."""
        m = self.taps // 2 - np.arange(self.taps)
        odd = m % 2 == 1
        window = 0.54 + 0.46 * np.cos(2 * np.pi * m / (self.taps - 1))
        return np.where(odd, 2 / (np.pi * np.where(odd, m, 1)), 0.0) * window

    def window(self) -> tuple[int, ...]:
        """The taps."""
        return (self.taps,)

    def over_time(self, items: Items) -> Items:
        """Direct sums, float64."""
        hilbert = direct.along_time_widely(items, self._weights)
        own = items[self.taps // 2 :][: len(hilbert)]
        squares = np.square(own, dtype=np.float64) + np.square(hilbert, dtype=np.float64)
        return settled(np.asarray(np.sqrt(squares), np.float32))

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._magnitude(x[0], self._weights)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input and of the transform to float32."""
        magnitudes = reference.magnitudes(x[0])
        return np.asarray(2.01 * UNIT_ROUNDOFF * self._magnitude(magnitudes, abs(self._weights)))

    def _magnitude(self, x: Items, w: NDArray[np.float64]) -> Items:
        hilbert = reference.correlate(x, w, self.pad)
        own = reference.padded(x.astype(np.float64), 0, self.taps, self.pad)[self.taps // 2 :]
        return np.asarray(np.sqrt(own[: len(hilbert)] ** 2 + hilbert**2))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """The smallest; each padding."""
        return [cls(taps=3), cls(taps=5, pad="edge"), cls(taps=15, pad="valid"), cls(taps=63)]
