"""Another rate."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.design import resampling_taps
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.numerics.polyphase import polyphase
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Rated, State
from corrente_pipelines.reference import correlate, magnitudes

MAX_TERM = 10_000
"""The largest numerator or denominator of a ratio: the kernel has 20 taps for each."""

MAX_RATIO = 1000


class _Waiting(NamedTuple):
    """The items that outputs to come are made of, float32; their first one's and the next output's
    index."""

    items: Items
    position: int
    output: int


class Resample(Rated):
    """The signal at `rate_hz`, filtered against aliasing: output k lies at item `k down / up`.

    `up / down` is the ratio of the new rate to the old one in lowest terms.
    `y[k] = sum_i h[k down - i up] x[i]`, 0 beyond both ends. The kernel h is that of
    `scipy.signal.resample_poly`: `up` times `firwin(2 L + 1, 1 / max(up, down))` under a Kaiser
    window with beta 5.0, `L = 10 max(up, down)`. Sums are float64.
    An output leaves once item `k down / up + L // up`, rounded up, is there.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    op: Literal["resample"] = "resample"
    rate_hz: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
    """Items per second of the output."""

    @cached_property
    def _ratio(self) -> Fraction:
        return _ratio(self.rate_hz, self.input_rate_hz)

    @cached_property
    def _half(self) -> int:
        """Half the kernel's length; a ratio of 1 changes nothing."""
        return 0 if self._ratio == 1 else 10 * max(self._ratio.numerator, self._ratio.denominator)

    @cached_property
    def _kernel(self) -> NDArray[np.float64]:
        if self._ratio == 1:
            return np.ones(1)
        return resampling_taps(self._ratio.numerator, self._ratio.denominator)

    def output(self, *formats: Format) -> Format:
        """The same channels at the new rate."""
        (format,) = formats
        ratio = _ratio(self.rate_hz, format.rate_hz)
        stride = format.stride / ratio
        return replace(format, dtype="float32", rate_hz=self.rate_hz, stride=stride)

    def start(self, *formats: Format, index: int = 0) -> State:
        """No item; what lies before the index counts as zero."""
        none = np.empty((0, *formats[0].shape), np.float32)
        return _Waiting(none, index, ceil(index * self._ratio))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Outputs whose items are all there."""
        items = np.concatenate([state.items, blocks[0].astype(np.float32, copy=False)])
        last = state.position + len(items) - 1
        ready = (last - self._reach) * self._ratio // 1 + 1
        y = self._between(items, state, ready)
        output = max(ready, state.output)
        up, down = self._ratio.numerator, self._ratio.denominator
        passed = -((self._half - output * down) // up) - state.position
        passed = min(max(passed, 0), len(items))
        # Copied: a view would keep the whole block alive.
        return _Waiting(items[passed:].copy(), state.position + passed, output), y

    def finish(self, state: State) -> Items | None:
        """Outputs that lie before the end."""
        end = state.position + len(state.items)
        return self._between(state.items, state, ceil(end * self._ratio))

    def _between(self, items: Items, state: _Waiting, stop: int) -> Items:
        """Outputs from the state's next one up to `stop`."""
        up, down = self._ratio.numerator, self._ratio.denominator
        offset = state.output * down - state.position * up
        count = max(stop - state.output, 0)
        return polyphase(floats(items), self._kernel, up, down, offset, count)

    @property
    def _reach(self) -> int:
        """How many whole items the kernel reaches beyond its centre."""
        return self._half // self._ratio.numerator

    def delay(self, *formats: Format) -> int:
        """Half the kernel, in whole items."""
        return self._reach

    def receptive_field(self, *formats: Format) -> int:
        """The items under the kernel."""
        return 2 * self._reach + 1

    def algorithm(self, *formats: Format) -> str:
        """Only the taps that meet an item, and the items that make an output."""
        return "polyphase"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._defined(x[0].astype(np.float64), self._kernel)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return np.asarray(
            1.01 * UNIT_ROUNDOFF * self._defined(magnitudes(x[0]), np.abs(self._kernel))
        )

    def _defined(self, x: Items, h: NDArray[np.float64]) -> Items:
        """`up - 1` zeros behind every item, under the kernel; every `down`-th of that."""
        up, down = self._ratio.numerator, self._ratio.denominator
        spread = np.zeros((len(x) * up, *x.shape[1:]))
        spread[::up] = x
        return correlate(spread, h[::-1], "zero")[::down]

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """The same, higher, lower, a fraction of both."""
        return [cls(rate_hz=1), cls(rate_hz=2), cls(rate_hz=0.25), cls(rate_hz=1.5)]


def _ratio(new_hz: float, old_hz: float) -> Fraction:
    """The ratio in lowest terms; raises `FormatError` where it is not one of small numbers."""
    exact = Fraction(new_hz) / Fraction(old_hz)
    if not Fraction(1, MAX_RATIO) <= exact <= MAX_RATIO:
        raise FormatError(
            f"{new_hz:g} Hz is more than {MAX_RATIO} times away from {old_hz:g} Hz; "
            "put another resample before it, to a rate between the two"
        )
    ratio = exact.limit_denominator(MAX_TERM)
    # Rates that are no whole numbers are rounded, those behind a changed stride twice.
    if abs(ratio - exact) > exact * Fraction(1, 10**12) or ratio.numerator > MAX_TERM:
        raise FormatError(
            f"{new_hz} Hz from {old_hz} Hz is no ratio of whole numbers up to {MAX_TERM}; "
            f"use {_simple(exact) * old_hz:.12g} Hz"
        )
    return ratio


def _simple(ratio: Fraction) -> float:
    """One of few digits close by."""
    if ratio < 1:
        return 1 / _simple(1 / ratio)
    return float(ratio.limit_denominator(10))
