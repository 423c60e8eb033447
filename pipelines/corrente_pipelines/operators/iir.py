"""A recursive filter."""

from collections.abc import Sequence
from functools import cached_property
from math import ceil, log, log2, prod
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.band import Band
from corrente_pipelines.numerics import recursive
from corrente_pipelines.numerics.design import butterworth, impulse_response
from corrente_pipelines.operator import Bound, State

LONGEST = 1 << 22
"""Items after which a filter has forgotten its start, at most."""

FORGOTTEN = 2.0**-27
"""What the start still counts for then, of all; a quarter of that is rounding in float64."""


class _Memory(NamedTuple):
    sections: NDArray[np.float64]
    last: NDArray[np.float32]


class Iir(Band):
    """A Butterworth filter of that `order`, as second-order sections (`scipy.signal.butter`).

    Each section gives `y[n] = b0 x[n] + b1 x[n - 1] + b2 x[n - 2] - a1 y[n - 1] - a2 y[n - 2]` in
    float64, before the first item lie zeros. It looks back only, so what comes out lags behind. An
    item that is not finite is taken for the last finite one of its channel (`on_nonfinite: hold`).
    A band has twice as many poles as `order`.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)
    is_recursive: ClassVar[bool] = True

    op: Literal["iir"] = "iir"
    order: Annotated[int, Field(ge=1, le=12)] = 4
    on_nonfinite: Literal["hold"] = "hold"

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        (format,) = formats
        self.check_rate(format)
        self.receptive_field(format)
        return replace(format, dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """Zeros."""
        channels = formats[0].channels
        return _Memory(np.zeros((len(self._sections), 2, channels)), np.zeros(channels, np.float32))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Section by section, item by item."""
        z = state.sections.copy()
        items, last = recursive.hold(blocks[0], state.last)
        return _Memory(z, last), recursive.sections(items, self._sections, z)

    def receptive_field(self, *formats: Format) -> int:
        """After how many items the start is forgotten: its time constant, many times over."""
        count = self.prepared(*formats)._settled  # noqa: SLF001 - of itself
        if count is None:
            raise FormatError(
                f"the filter would remember more than {LONGEST} items; choose a higher frequency, "
                "a wider band or a lower order, or put {op: decimate} before it"
            )
        return count

    def state_bytes(self, *formats: Format) -> int:
        """Two numbers per section, and the last item."""
        poles = self.order * (2 if self.band_hz else 1)
        return prod(formats[0].shape) * (8 * 2 * ceil(poles / 2) + 4)

    def algorithm(self, *formats: Format) -> str:
        """Sections in float64."""
        return "second-order sections"

    def reference(self, *x: Items) -> Items:
        """The difference equations, with more bits than float64 has where there are more."""
        y = reference.held(x[0]).astype(np.longdouble)
        for b0, b1, b2, _, a1, a2 in self._sections.astype(np.longdouble):
            before = np.zeros((2, *y.shape[1:]), np.longdouble)
            out = np.concatenate([before, np.empty_like(y)])
            given = np.concatenate([before, y])
            for n in range(2, len(out)):
                out[n] = b0 * given[n] + b1 * given[n - 1] + b2 * given[n - 2]
                out[n] -= a1 * out[n - 1] + a2 * out[n - 2]
            y = out[2:]
        return y.astype(np.float64)

    def tolerance(self, *x: Items) -> Bound:
        """What a start that is forgotten still counts for: `2^-27 sum |h|` of the largest item."""
        largest = np.maximum.accumulate(np.abs(reference.held(x[0])), axis=0)
        return np.asarray(FORGOTTEN * self._gain * largest)

    @cached_property
    def _sections(self) -> NDArray[np.float64]:
        return butterworth(self.order, *self.design, self.input_rate_hz)

    @cached_property
    def _response(self) -> NDArray[np.float64] | None:
        """`|h|` until it has died away; None where that takes too long."""
        poles = np.concatenate([np.roots(section[3:]) for section in self._sections])
        radius = np.abs(poles).max()
        # A pole of order m dies as n^m r^n: twice the time of r^n and some is enough for 12.
        bits = -2 * log2(FORGOTTEN)
        length = ceil(bits * log(2) / -log(radius)) + 64 if 0 < radius < 1 else 64
        if radius >= 1 or length > 2 * LONGEST:
            return None
        return np.abs(impulse_response(self._sections, length))

    @cached_property
    def _gain(self) -> float:
        assert self._response is not None
        return float(self._response.sum())

    @cached_property
    def _settled(self) -> int | None:
        if self._response is None:
            return None
        tails = np.cumsum(self._response[::-1])[::-1]
        count = int(np.count_nonzero(tails > FORGOTTEN / 4 * tails[0])) + 2
        return count if count <= LONGEST else None

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each kind of band, even and odd orders."""
        return [
            cls(low_hz=0.2),
            cls(high_hz=0.1, order=3),
            cls(band_hz=(0.1, 0.3), order=2),
            cls(low_hz=0.4, order=1),
        ]
