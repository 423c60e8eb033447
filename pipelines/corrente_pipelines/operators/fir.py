"""Filters of finite impulse response, designed by a window."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from corrente.format import Format, Items
from corrente_pipelines import reference
from corrente_pipelines.design import windowed_taps
from corrente_pipelines.frequency_filter import FrequencyFilter
from corrente_pipelines.numerics import direct
from corrente_pipelines.numerics.padding import as_compiled
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Weights
from corrente_pipelines.windowed import WindowedOverTime


class Fir(WindowedOverTime, FrequencyFilter):
    """Correlation with `taps` taps of linear phase: `y[n] = sum_k w[k] x[n + k - K // 2]`.

    The taps are those of `scipy.signal.firwin`: the ideal filter's under a Hamming window, scaled
    to a gain of exactly 1 at 0 Hz, at half the rate (`high_hz`) or in the band's middle. They are
    symmetric, so nothing is flipped and, for an odd number, nothing is shifted in time. `low_hz`
    keeps what lies below it, `high_hz` what lies above. Sums are float64, and so are the Fourier
    transforms that long filters are computed by.
    """

    op: Literal["fir"] = "fir"
    taps: Annotated[int, Field(ge=3, le=1 << 16)] = 129
    """How many; more make the edges of the band steeper."""
    max_delay: Annotated[int, Field(ge=0, le=1 << 20)] | None = None
    """How many items an output may wait for beyond those that its taps ask for, so that many can be
    computed at once; as many as there are taps unless said. With 0 it waits for none.
    """

    @model_validator(mode="after")
    def _odd_for_high(self) -> Self:
        if self.high_hz is not None and self.taps % 2 == 0:
            raise ValueError(
                f"taps must be odd with high_hz, got {self.taps}: an even number of symmetric "
                f"taps has no gain at half the rate; use {self.taps + 1}"
            )
        return self

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return windowed_taps(self.taps, self.cutoffs_hz, self.passes, self.input_rate_hz)

    def window(self) -> tuple[int, ...]:
        """The taps."""
        return (self.taps,)

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        self.check_cutoffs(formats[0])
        return self.slid(formats[0])

    def over_time(self, items: Items) -> Items:
        """Direct sums."""
        return direct.along_time_widely(items, self._weights)

    def over_time_behind(self, before: Items, block: Items) -> tuple[Items, Items]:
        """The same in one go."""
        return direct.along_time_widely_behind(before, as_compiled(block), self._weights)

    def weights(self, *formats: Format) -> Weights:
        """The taps."""
        return Weights(self._weights, self.pad)

    def cost_ns(self, *formats: Format) -> float:
        """Sums of products, for every channel."""
        return formats[0].channels * (0.5 + 0.05 * self.taps)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return reference.correlate(x[0], self._weights, self.pad)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        magnitudes = reference.magnitudes(x[0])
        sums = reference.correlate(magnitudes, np.abs(self._weights), self.pad)
        return 1.01 * UNIT_ROUNDOFF * sums

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each kind; even and odd; each padding."""
        return [
            cls(low_hz=0.1, taps=4),
            cls(high_hz=0.2, taps=5, pad="edge"),
            cls(band_hz=(0.1, 0.3), taps=12, pad="valid"),
            cls(band_hz=(0.05, 0.2)),
        ]
