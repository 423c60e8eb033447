"""Filters of infinite impulse response: Butterworth, as second-order sections."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items
from corrente_pipelines import reference
from corrente_pipelines.design import butterworth
from corrente_pipelines.frequency_filter import FrequencyFilter
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.numerics.recursive import second_order_sections
from corrente_pipelines.operator import Bound, State
from corrente_pipelines.sections import FORGOTTEN, Sections, memory, radii, rounding

SLOWEST = 1 - 1e-6
"""The largest radius of a pole: a filter that remembers longer loses too many digits."""


class _Memory(NamedTuple):
    """Two numbers per section and channel, `(S, C, 2)`; per channel the last finite item."""

    sections: NDArray[np.float64]
    last: NDArray[np.float64]


class Iir(FrequencyFilter):
    """A Butterworth filter of that `order`, second-order sections one after the other.

    `y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2]` in each section, with 0 before
    the start, all in float64. The sections are those of `scipy.signal.butter`, the output is that
    of `scipy.signal.sosfilt`. A band has twice the order. An item that is not finite is replaced,
    per channel, by the last finite one (`on_nonfinite: hold`); by 0 before any.
    """

    is_recursive: ClassVar[bool] = True

    op: Literal["iir"] = "iir"
    order: Annotated[int, Field(ge=1, le=16)] = 4
    """Of the Butterworth filter; a band has twice as many poles."""
    on_nonfinite: Literal["hold"] = "hold"
    """An item that is not finite is taken for the last finite one of its channel."""

    @property
    def _sections(self) -> Sections:
        return butterworth(self.order, self.cutoffs_hz, self.passes, self.input_rate_hz)

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        (format,) = formats
        self.check_cutoffs(format)
        sections = butterworth(self.order, self.cutoffs_hz, self.passes, format.rate_hz)
        if not radii(sections).max() < SLOWEST:
            raise FormatError(
                f"a cutoff of {min(self.cutoffs_hz):g} Hz is too low for a signal of "
                f"{format.rate_hz:g} Hz; put {{op: resample}} to a lower rate before it, "
                "or use a lower order"
            )
        return replace(format, dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """Zeros."""
        channels = formats[0].channels
        return _Memory(np.zeros((len(self._sections), channels, 2)), np.zeros(channels))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        after = _Memory(state.sections.copy(), state.last.copy())
        sections = floats(self._sections, "float64")
        return after, second_order_sections(floats(blocks[0], "float64"), sections, *after)

    def receptive_field(self, *formats: Format) -> int:
        """After so many items an input adds less than 2^-52 of its size: from the poles."""
        return memory(self._sections)

    def state_bytes(self, *formats: Format) -> int:
        """Two numbers for every section and channel, and an item."""
        return (2 * len(self._sections) + 1) * formats[0].channels * 8

    def algorithm(self, *formats: Format) -> str:
        """As designed."""
        return "second-order sections"

    def reference(self, *x: Items) -> Items:
        """The difference equation of each section, one after the other."""
        y = reference.held(x[0])
        for b0, b1, b2, _, a1, a2 in self._sections:
            given = np.concatenate([np.zeros((2, y.shape[1])), y])
            out = np.zeros(given.shape)
            for n in range(2, len(out)):
                out[n] = b0 * given[n] + b1 * given[n - 1] + b2 * given[n - 2]
                out[n] -= a1 * out[n - 1] + a2 * out[n - 2]
            y = out[2:]
        return y

    def tolerance(self, *x: Items) -> Bound:
        """Float64 rounding, and what counts as forgotten, for the largest item so far."""
        largest = np.maximum.accumulate(reference.magnitudes(x[0]), axis=0)
        return np.asarray((rounding(self._sections) + FORGOTTEN) * largest)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each kind; even and odd orders."""
        return [
            cls(low_hz=0.1, order=1),
            cls(high_hz=0.2, order=3),
            cls(band_hz=(0.1, 0.3), order=2),
            cls(low_hz=0.15),
        ]
