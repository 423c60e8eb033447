"""The envelope of an oscillation."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from corrente.format import Format, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics import direct
from corrente_pipelines.numerics.padding import kept, margins
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import Windowed


class Envelope(Windowed):
    """`y[n] = |x[n] + i h[n]|`, `h` the Hilbert transform of `x`: the size of an oscillation.

    `h` is a correlation with the odd part of the ideal transformer, `w[k] = -2 / (pi j)` for odd
    `j = k - K // 2` and 0 for even ones, under a Hamming window of `taps` taps (Oppenheim and
    Schafer, Discrete-Time Signal Processing, 12.4). It takes out what is slower than about
    `2 / taps` of the rate: put a band-pass before it.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    op: Literal["envelope"] = "envelope"
    taps: Annotated[int, Field(ge=3, le=1 << 16)] = 65

    @field_validator("taps")
    @classmethod
    def _odd(cls, taps: int) -> int:
        if taps % 2 == 0:
            raise ValueError(f"must be odd, so that it has a middle, got {taps}; use {taps + 1}")
        return taps

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        j = np.arange(self.taps) - self.taps // 2
        ideal = np.zeros(self.taps)
        ideal[j % 2 == 1] = -2 / (np.pi * j[j % 2 == 1])
        return direct.rounded(ideal * np.hamming(self.taps))

    def window(self) -> tuple[int, ...]:
        """As many items as taps."""
        return (self.taps,)

    def runs_over_time(self, format: Format) -> bool:
        """Always."""
        return True

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Direct sums, and the magnitude in float64."""
        imaginary = direct.along_time(items, self._weights)
        real = items[self.taps // 2 :][: len(imaginary)].astype(np.float64)
        # Not hypot, for which an infinity beside a NaN is an infinity.
        return np.sqrt(real**2 + np.square(imaginary, dtype=np.float64)).astype(np.float32)

    def over_frames(self, frames: Items) -> Items:
        """Never: it takes signals."""
        raise NotImplementedError

    def reference(self, *x: Items) -> Items:
        """The definition."""
        x64 = x[0].astype(np.float64)
        imaginary = reference.correlate(x64, self._weights.astype(np.float64), self.pad)
        first = margins(self.taps)[0] if self.pad == "valid" else 0
        real = x64[first : first + kept(len(x64), self.taps, self.pad)]
        with np.errstate(invalid="ignore", over="ignore"):
            return np.sqrt(real**2 + imaginary**2)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input, and of a sum of K products."""
        w = np.abs(self._weights.astype(np.float64))
        w[self.taps // 2] += 1
        sums = reference.correlate(reference.magnitudes(x[0]), w, self.pad)
        return (self.taps + 3) * UNIT_ROUNDOFF * sums

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Short, longer than most blocks; each padding."""
        return [cls(taps=3), cls(taps=11, pad="edge"), cls(taps=21, pad="valid"), cls()]
