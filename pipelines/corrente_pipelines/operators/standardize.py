"""Signals of mean 0 and deviation 1."""

from collections.abc import Sequence
from math import ceil, exp, log, prod
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.fields import Seconds
from corrente_pipelines.numerics import recursive
from corrente_pipelines.operator import Bound, Rated, State

Doubles = NDArray[np.float64]

LONGEST = 1 << 30
"""Items after which the start is forgotten, at most."""

FORGOTTEN = 2.0**-27
"""What it still counts for then."""


class _Memory(NamedTuple):
    weight: float
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    last: NDArray[np.float32]


class Standardize(Rated):
    """`y[n] = (x[n] - m[n]) / s[n]`: less the mean, divided by the deviation, of what came so far.

    Items count the less the longer ago they are: `exp(-1)` after `time_constant_s`. With the
    weights `w[k] = r^(n - k)`, `m = sum_k w x / sum_k w` and `s^2 = sum_k w (x - m)^2 / sum_k w`,
    in float64. Where nothing has varied yet, `y` is 0. An item that is not finite is taken for the
    last finite one of its channel (`on_nonfinite: hold`).
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)
    is_recursive: ClassVar[bool] = True

    op: Literal["standardize"] = "standardize"
    time_constant_s: Seconds = 10.0
    on_nonfinite: Literal["hold"] = "hold"

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        (format,) = formats
        if self.receptive_field(format) > LONGEST:
            raise FormatError("time_constant_s is too long for that rate; put decimate before it")
        return replace(format, dtype="float32")

    def start(self, *formats: Format, index: int = 0) -> State:
        """Nothing has come yet."""
        channels = formats[0].channels
        return _Memory(0.0, np.zeros(channels), np.zeros(channels), np.zeros(channels, np.float32))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Item by item."""
        items, last = recursive.hold(blocks[0], state.last)
        mean, spread = state.mean.copy(), state.spread.copy()
        weight, y = recursive.standard_scores(items, self._keep, state.weight, mean, spread)
        return _Memory(weight, mean, spread, last), y

    def receptive_field(self, *formats: Format) -> int:
        """After 19 time constants an item counts for 2^-27."""
        return ceil(-log(FORGOTTEN) * self.time_constant_s * formats[0].rate_hz) + 1

    def state_bytes(self, *formats: Format) -> int:
        """Two sums and the last item."""
        return prod(formats[0].shape) * 20 + 8

    def algorithm(self, *formats: Format) -> str:
        """Means and deviations in float64."""
        return "recursion"

    def reference(self, *x: Items) -> Items:
        """The definition, item by item over all that came before."""
        mean, deviation, _ = self._moments(reference.held(x[0]))
        return np.divide(-mean, deviation, out=np.zeros(mean.shape), where=deviation > 0)

    def tolerance(self, *x: Items) -> Bound:
        """What is forgotten still counts for 2^-27 of the weights; no score exceeds their root."""
        items = reference.held(x[0])
        largest = np.maximum.accumulate(np.abs(items), axis=0)
        _, deviation, weight = self._moments(items)
        most = np.broadcast_to(2 * np.sqrt(weight), items.shape)
        scores = np.divide(largest, deviation, out=most / FORGOTTEN, where=deviation > 0)
        return np.asarray(np.minimum(4 * FORGOTTEN * scores, most))

    def _moments(self, x: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Of all items up to each: the mean, less that item; the deviation; the weights' sum.

        Items of a weight below `exp(-45)`, which float64 does not see, are left out.
        """
        if len(x) == 0:
            return x, x, x
        window = min(len(x), ceil(45 * self.time_constant_s * self.input_rate_hz) + 1)
        w = np.power(self._keep, np.arange(window - 1, -1, -1.0))
        before = np.zeros((window - 1, x.shape[1]))
        came = sliding_window_view(np.r_[before[:, 0], np.ones(len(x))], window, axis=0)
        seen = sliding_window_view(np.concatenate([before, x]), window, axis=0)
        distances = seen - x[..., np.newaxis]
        weights = (w * came)[:, np.newaxis]
        weight = weights.sum(axis=-1)
        mean = (weights * distances).sum(axis=-1) / weight
        spread = (weights * (distances - mean[..., np.newaxis]) ** 2).sum(axis=-1) / weight
        return mean, np.sqrt(spread), weight

    @property
    def _keep(self) -> float:
        return exp(-1 / (self.time_constant_s * self.input_rate_hz))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """At once, soon, slowly."""
        return [cls(time_constant_s=0.5), cls(time_constant_s=3), cls()]
