"""Items in standard deviations from a mean that forgets."""

from collections.abc import Sequence
from math import ceil, exp
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.numerics.recursive import standard_scores
from corrente_pipelines.operator import Bound, Rated, State

TIME_CONSTANTS = 37
"""After so many time constants a weight is below 2^-53."""

ROUNDOFF = 2.0**-53


class _Moments(NamedTuple):
    """The sum of weights; per channel, mean, weighted sum of squared deviations, last item."""

    weight: float
    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    last: NDArray[np.float64]


class Standardize(Rated):
    """`y[n] = (x[n] - mean[n]) / std[n]`, per channel; 0 where the deviation is 0.

    Mean and variance are those of all items up to n, weighted with `a^(n - i)` and divided by the
    sum of the weights: `mean[n] = sum_i a^(n-i) x[i] / sum_i a^(n-i)`, the variance likewise of
    `(x[i] - mean[n])^2`. `a = exp(-1 / (time_constant_s rate_hz))`: an item weighs 1/e after the
    time constant. All in float64, brought forward from item to item (West, Updating mean and
    variance estimates, 1979). An item that is not finite is replaced, per channel, by the last
    finite one (`on_nonfinite: hold`); by 0 before any.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)
    is_recursive: ClassVar[bool] = True

    op: Literal["standardize"] = "standardize"
    time_constant_s: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
    """Seconds after which an item counts for 1/e of a new one."""
    on_nonfinite: Literal["hold"] = "hold"
    """An item that is not finite is taken for the last finite one of its channel."""

    @property
    def _time_constant(self) -> float:
        """In items."""
        return self.time_constant_s * self.input_rate_hz

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        (format,) = formats
        items = self.time_constant_s * format.rate_hz
        if not 1 <= items <= 1e9:
            raise FormatError(
                f"a time constant of {self.time_constant_s:g} s is {items:g} items at "
                f"{format.rate_hz:g} Hz; use one of 1 to 1e9 items"
            )
        return replace(format, dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """No weight."""
        channels = formats[0].channels
        return _Moments(0.0, np.zeros(channels), np.zeros(channels), np.zeros(channels))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        arrays = [state.mean.copy(), state.square.copy(), state.last.copy()]
        keep = exp(-1 / self._time_constant)
        y, weight = standard_scores(floats(blocks[0], "float64"), keep, state.weight, *arrays)
        return _Moments(weight, *arrays), y

    def receptive_field(self, *formats: Format) -> int:
        """So many items that the weight before them is less than a rounding."""
        return ceil(TIME_CONSTANTS * self._time_constant)

    def state_bytes(self, *formats: Format) -> int:
        """Three numbers a channel, and the weight."""
        return (3 * formats[0].channels + 1) * 8

    def algorithm(self, *formats: Format) -> str:
        """From item to item."""
        return "recursive"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        deviation, std, _ = self._defined(reference.held(x[0]))
        return np.divide(deviation, std, out=np.zeros(std.shape), where=std > 0)

    def tolerance(self, *x: Items) -> Bound:
        """Float64 rounding of mean and variance, for the largest item so far.

        It counts against the deviation: where that is 2^-53 of the offset, nothing is left to say
        but that no item of weight 1 lies further off than the root of all weights.
        """
        held = reference.held(x[0])
        deviation, std, weights = self._defined(held)
        largest = np.maximum.accumulate(np.abs(held), axis=0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = largest / std
            score = np.abs(deviation) / std
            bound = 32 * (1 + self._time_constant) * ROUNDOFF * ratio * (1 + score * ratio)
        most = 2 * np.sqrt(weights)
        return np.asarray(np.where(np.isfinite(bound), np.minimum(bound, most), most))

    def _defined(self, x: Items) -> tuple[Items, Items, Items]:
        """Deviation from the mean, standard deviation, sum of weights.

        Weights below 2^-70 are left out.
        """
        lags = range(min(len(x), ceil(50 * self._time_constant)))
        weights, mean, variance = np.zeros((len(x), 1)), np.zeros(x.shape), np.zeros(x.shape)
        for lag in lags:
            weight = exp(-lag / self._time_constant)
            weights[lag:] += weight
            mean[lag:] += weight * x[: len(x) - lag]
        mean /= weights
        for lag in lags:
            weight = exp(-lag / self._time_constant)
            variance[lag:] += weight * (x[: len(x) - lag] - mean[lag:]) ** 2
        return x - mean, np.sqrt(variance / weights), weights

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """The shortest at 1 Hz, and longer ones."""
        return [cls(time_constant_s=1), cls(time_constant_s=4.5), cls(time_constant_s=8)]
