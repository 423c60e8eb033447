"""What filters let pass, as specs say it."""

from typing import NamedTuple, Self

from pydantic import model_validator

from corrente.format import Format, FormatError
from corrente_pipelines.fields import Hertz
from corrente_pipelines.numerics.design import Pass
from corrente_pipelines.operator import Rated


class Design(NamedTuple):
    """What scipy.signal calls it: the cutoffs, and the type of the pass band."""

    cutoffs_hz: list[float]
    type: Pass


class Band(Rated):
    """An operator that lets a band of frequencies pass: exactly one of the three is given.

    `low_hz` is a low-pass: it keeps what lies below. `high_hz` is a high-pass: it keeps what lies
    above. `band_hz: [lo, hi]` keeps what lies between.
    """

    low_hz: Hertz | None = None
    high_hz: Hertz | None = None
    band_hz: tuple[Hertz, Hertz] | None = None

    @model_validator(mode="after")
    def _one_band(self) -> Self:
        given = [self.low_hz, self.high_hz, self.band_hz]
        if sum(edge is not None for edge in given) != 1:
            raise ValueError(
                "needs exactly one of low_hz (keeps what lies below), high_hz (above) "
                "and band_hz: [lo, hi] (between)"
            )
        if self.band_hz is not None and self.band_hz[0] >= self.band_hz[1]:
            raise ValueError(f"band_hz must rise, got {list(self.band_hz)}")
        return self

    @property
    def design(self) -> Design:
        """The band as scipy.signal's designers take it."""
        if self.low_hz is not None:
            return Design([self.low_hz], "lowpass")
        if self.high_hz is not None:
            return Design([self.high_hz], "highpass")
        assert self.band_hz is not None
        return Design(list(self.band_hz), "bandpass")

    def check_rate(self, format: Format) -> None:
        """`FormatError` where the input has no such frequencies."""
        highest = max(self.design.cutoffs_hz)
        if highest >= format.rate_hz / 2:
            raise FormatError(
                f"at {format.rate_hz:g} items per second there is nothing above "
                f"{format.rate_hz / 2:g} Hz, got {highest:g} Hz; choose a lower frequency"
            )
