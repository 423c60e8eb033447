"""Another rate."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.fields import Hertz
from corrente_pipelines.numerics.design import kaiser_taps
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.numerics.polyphase import resampled
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Rated, State
from corrente_pipelines.reference import magnitudes

LARGEST = 2048
"""What both numbers of the fraction between the rates may be at most."""

ZEROS = 10
"""Zero crossings of the kernel on each side, at the lower of the two rates."""


class _Tail(NamedTuple):
    items: NDArray[np.float32]
    first: int  # the index of the first of them
    output: int  # the index of the next output


class Resample(Rated):
    """`y[k] = sum_m w[half + k down - m up] x[m]`, `rate_hz / rate = up / down` in lowest terms.

    `w` is the ideal low-pass at half the lower of the two rates under a Kaiser window of shape 5,
    10 zero crossings to each side: what `scipy.signal.resample_poly` computes. Output k lies at
    item `k down / up` of the input, exactly; before the first and behind the last item lie zeros.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    op: Literal["resample"] = "resample"
    rate_hz: Hertz

    def output(self, *formats: Format) -> Format:
        """The same channels at that rate."""
        (format,) = formats
        ratio = self._exactly(format.rate_hz)
        if max(ratio.numerator, ratio.denominator) > LARGEST:
            raise FormatError(
                f"{self.rate_hz:g} Hz are {ratio.numerator}/{ratio.denominator} of the input's "
                f"{format.rate_hz:g} Hz; choose a rate with numbers up to {LARGEST} there"
            )
        stride = format.stride / ratio
        return replace(format, dtype="float32", rate_hz=self.rate_hz, stride=stride)

    def start(self, *formats: Format, index: int = 0) -> State:
        """No item yet."""
        up, down = self._up_down
        empty = np.empty((0, formats[0].channels), np.float32)
        return _Tail(empty, index, -(-index * up // down))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Outputs for which all items up to `delay` behind them have come."""
        up, down = self._up_down
        items = np.concatenate([state.items, floats(blocks[0])])
        stop = (state.first + len(items) - 1 - self._reach) * up // down + 1
        y = self._outputs(items, state, max(0, stop - state.output))
        output = state.output + len(y)
        # What the next output needs no more is left out; copied, to keep no block alive.
        passed = min(max(output * down // up - self._reach - state.first, 0), len(items))
        return _Tail(items[passed:].copy(), state.first + passed, output), y

    def finish(self, state: State) -> Items | None:
        """Outputs that lie before the end, or less than an item behind the last one."""
        up, down = self._up_down
        stop = -(-(state.first + len(state.items)) * up // down)
        return self._outputs(state.items, state, max(0, stop - state.output))

    def delay(self, *formats: Format) -> int:
        """Items behind an output under the kernel."""
        return _reach(self._exactly(formats[0].rate_hz))

    def receptive_field(self, *formats: Format) -> int:
        """Items under the kernel."""
        return 2 * self.delay(*formats) + 1

    def algorithm(self, *formats: Format) -> str:
        """Only what is kept is computed, of nothing but what came."""
        return "polyphase"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._defined(x[0].astype(np.float64), self._taps)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32."""
        return 2 * UNIT_ROUNDOFF * self._defined(magnitudes(x[0]), np.abs(self._taps))

    def _defined(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        up, down = self._up_down
        half = w.size // 2
        y = np.zeros((-(-len(x) * up // down), x.shape[1]))
        with np.errstate(invalid="ignore", over="ignore"):
            for k in range(len(y)):
                m = np.arange(len(x))[max(0, -((half - k * down) // up)) :][: 2 * self._reach + 1]
                m = m[np.abs(k * down - m * up) <= half]
                y[k] = (w[half + k * down - m * up, np.newaxis] * x[m]).sum(axis=0)
        return y

    def _outputs(self, items: Items, state: _Tail, count: int) -> Items:
        up, down = self._up_down
        return resampled(items, self._taps, up, down, state.first, state.output, count)

    @cached_property
    def _taps(self) -> NDArray[np.float64]:
        if self._reach == 0:
            return np.ones(1)
        up, longer = self._up_down[0], max(self._up_down)
        return up * kaiser_taps(2 * ZEROS * longer + 1, 1 / longer, 5.0)

    @cached_property
    def _up_down(self) -> tuple[int, int]:
        return self._exactly(self.input_rate_hz).as_integer_ratio()

    @cached_property
    def _reach(self) -> int:
        return _reach(Fraction(*self._up_down))

    def _exactly(self, input_rate_hz: float) -> Fraction:
        """The fraction between the rates as they are written: 29.97 is 2997/100."""
        return Fraction(repr(self.rate_hz)) / Fraction(repr(input_rate_hz))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Of an input at 1 Hz: to more and to less, by whole numbers and by fractions."""
        return [
            cls(rate_hz=1),
            cls(rate_hz=2),
            cls(rate_hz=0.5),
            cls(rate_hz=1.5),
            cls(rate_hz=0.4),
        ]


def _reach(ratio: Fraction) -> int:
    """Items of the input to each side of an output that it is made of; none at the same rate."""
    return 0 if ratio == 1 else ceil(ZEROS / min(ratio, Fraction(1)))
