"""A filter of finite impulse response."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from corrente.format import Format
from corrente_pipelines.band import Band
from corrente_pipelines.numerics.design import hamming_taps
from corrente_pipelines.tapped import Tapped


class Fir(Band, Tapped):
    """Correlation with `taps` taps that let a band of frequencies pass, without any shift in time.

    The taps are those of the ideal filter under a Hamming window (`scipy.signal.firwin`); about
    `3.3 / taps` of the rate lies between what passes and what is stopped, 53 dB down. They are
    symmetric, so that correlation and convolution are the same. The gain is 1 in the pass band: at
    0 Hz, at half the rate, or in the middle of the band.
    """

    op: Literal["fir"] = "fir"
    taps: Annotated[int, Field(ge=1, le=1 << 16)] = 129
    max_delay: Annotated[int, Field(ge=0, le=1 << 24)] | None = None
    """How many items more than it must an output may wait; the direct sums make none wait."""

    @model_validator(mode="after")
    def _type_one(self) -> Self:
        if self.high_hz is not None and self.taps % 2 == 0:
            raise ValueError(
                f"a high-pass has an odd number of taps (an even one stops half the rate), "
                f"got {self.taps}; use {self.taps + 1}"
            )
        return self

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        self.check_rate(formats[0])
        return super().output(*formats)

    def window(self) -> tuple[int, ...]:
        """As many items as taps."""
        return (self.taps,)

    def make_taps(self) -> NDArray[np.float64]:
        """A windowed ideal filter."""
        return hamming_taps(self.taps, *self.design, self.input_rate_hz)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each kind of band, odd and even, each padding."""
        return [
            cls(low_hz=0.1, taps=9),
            cls(low_hz=0.2, taps=1),
            cls(high_hz=0.3, taps=15, pad="edge"),
            cls(band_hz=(0.05, 0.15), taps=32, pad="valid"),
            cls(band_hz=(0.1, 0.4)),
        ]
