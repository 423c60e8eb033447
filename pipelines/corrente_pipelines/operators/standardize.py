"""Signals of mean 0 and deviation 1."""

from collections.abc import Iterator, Sequence
from math import ceil, exp, log, prod
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.fields import Seconds
from corrente_pipelines.numerics import recursive
from corrente_pipelines.operator import Bound, Rated, State

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
        items = reference.held(x[0])
        y = np.zeros(items.shape)
        for n, distances, w, deviation in self._deviations(items):
            mean = (w * distances).sum(axis=0) / w.sum()
            np.divide(-mean, deviation, out=y[n], where=deviation > 0)
        return y

    def tolerance(self, *x: Items) -> Bound:
        """What is forgotten still counts for 2^-27 of the weights; no score exceeds their root."""
        items = reference.held(x[0])
        largest = np.maximum.accumulate(np.abs(items), axis=0)
        bound = np.zeros(items.shape)
        for n, _, w, deviation in self._deviations(items):
            most = np.full(items.shape[1], 2 * np.sqrt(w.sum()))
            scores = np.divide(largest[n], deviation, out=most / FORGOTTEN, where=deviation > 0)
            bound[n] = np.minimum(4 * FORGOTTEN * scores, most)
        return bound

    def _deviations(self, x: Items) -> Iterator[tuple[int, Items, Items, Items]]:
        """For each item: the distances from it of all so far, their weights, their deviation."""
        for n in range(len(x)):
            w = np.power(self._keep, np.arange(n, -1, -1.0))[:, np.newaxis]
            distances = x[: n + 1] - x[n]
            mean = (w * distances).sum(axis=0) / w.sum()
            yield n, distances, w, np.sqrt((w * (distances - mean) ** 2).sum(axis=0) / w.sum())

    @property
    def _keep(self) -> float:
        return exp(-1 / (self.time_constant_s * self.input_rate_hz))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """At once, soon, slowly."""
        return [cls(time_constant_s=0.5), cls(time_constant_s=3), cls()]
