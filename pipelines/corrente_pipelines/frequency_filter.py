"""Filters that a spec gives by the frequencies they let through."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from corrente.format import Format, FormatError, Kind
from corrente_pipelines.design import Passes
from corrente_pipelines.operator import Rated

Frequency = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]


class FrequencyFilter(Rated):
    """A filter by its cutoff frequencies: exactly one of the three.

    `low_hz` keeps what lies below it, `high_hz` what lies above it, `band_hz: [low, high]` what
    lies between the two.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    band_hz: tuple[Frequency, Frequency] | None = None
    """Keeps what lies between the two: `[low, high]`."""
    low_hz: Frequency | None = None
    """Keeps what lies below."""
    high_hz: Frequency | None = None
    """Keeps what lies above."""

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = [value is not None for value in (self.band_hz, self.low_hz, self.high_hz)]
        if sum(given) != 1:
            raise ValueError("needs exactly one of band_hz, low_hz and high_hz")
        if self.band_hz is not None and not self.band_hz[0] < self.band_hz[1]:
            low, high = self.band_hz
            raise ValueError(f"band_hz must be [low, high], low below high, got [{low}, {high}]")
        return self

    @property
    def passes(self) -> Passes:
        """What it lets through, in the words of scipy.signal."""
        if self.band_hz is not None:
            return "bandpass"
        return "lowpass" if self.low_hz is not None else "highpass"

    @property
    def cutoffs_hz(self) -> tuple[float, ...]:
        """One frequency, or the two of a band."""
        if self.band_hz is not None:
            return self.band_hz
        return tuple(hz for hz in (self.low_hz, self.high_hz) if hz is not None)

    def check_cutoffs(self, format: Format) -> None:
        """Raises `FormatError` where a signal of that rate has no such frequencies."""
        highest = max(self.cutoffs_hz)
        if highest >= format.rate_hz / 2:
            field = "band_hz" if self.band_hz is not None else f"{self.passes[:-4]}_hz"
            raise FormatError(
                f"{field} reaches {highest:g} Hz, but a signal of {format.rate_hz:g} Hz has "
                f"frequencies below {format.rate_hz / 2:g} Hz only; use a lower one, "
                "or a signal of a higher rate"
            )
