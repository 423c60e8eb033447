"""The rate of events."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Events, Format, FormatError, Items, Kind
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.placed import Placed

Doubles = NDArray[np.float64]
SECONDS = {"minute": 60.0, "second": 1.0}
MAX_WINDOW = 1 << 24


class Recent(NamedTuple):
    """The index of the next item; of the events in the window: their items, their places."""

    next_index: int
    items: NDArray[np.int64]
    places: Doubles


class EventRate(Placed):
    """How many events there are per minute, or second: a signal with one value for each item.

    Of the m events that belong to the last `window_s` seconds of items, the one included for which
    the value is, `y = (m - 1) / (t_last - t_first)`: one over the mean interval between them, which
    is exact where they are regular, whatever part of an interval the window cuts. With fewer than
    two events, or all at one place, there is no interval, and `y` is NaN: zero would say that
    nothing happens, where nobody can know yet.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("events",)

    op: Literal["event_rate"] = "event_rate"
    window_s: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
    """Seconds of the past whose events count."""
    per: Literal["minute", "second"] = "minute"
    """What the rate is in."""

    def output(self, *formats: Format) -> Format:
        """A signal of one channel, which its unit names."""
        (format,) = formats
        if self._window(format) > MAX_WINDOW:
            raise FormatError(
                f"at {format.rate_hz:g} Hz a window of {self.window_s:g} s has more than "
                f"{MAX_WINDOW} items; use a shorter one"
            )
        labels = (f"per {self.per}",)
        return replace(format, kind="signal", shape=(1,), dtype="float32", labels=labels)

    def start(self, *formats: Format, index: int = 0) -> Recent:
        """No event before the next item."""
        return Recent(index, np.empty(0, np.int64), np.empty(0))

    def step(self, state: Recent, *blocks: Events) -> tuple[Recent, Items]:
        """A value for each item: between its first and its last event the window is looked up."""
        (block,) = blocks
        items = np.concatenate([state.items, block.items + state.next_index])
        places = np.concatenate([state.places, block.rows[:, 0]])
        stop = state.next_index + len(block)
        window = self._window(self.input_format)
        ends = np.arange(state.next_index + 1, stop + 1)
        first = np.searchsorted(items, ends - window)
        last = np.searchsorted(items, ends) - 1
        y = np.full((len(block), 1), np.nan, np.float32)
        some = np.flatnonzero(last > first)
        span = places[last[some]] - places[first[some]]
        with np.errstate(divide="ignore"):
            rate = self._scale * (last[some] - first[some]) / span
        y[some, 0] = np.where(span > 0, rate, np.nan)
        kept = slice(np.searchsorted(items, stop + 1 - window), None)
        return Recent(stop, items[kept].copy(), places[kept].copy()), y

    def receptive_field(self, *formats: Format) -> int:
        """The items of the window."""
        return self._window(formats[0])

    def state_bytes(self, *formats: Format) -> int:
        """An event for every item, which would be many."""
        return 16 * self._window(formats[0])

    def algorithm(self, *formats: Format) -> str:
        """Two look-ups for each item."""
        return "look-up"

    def _window(self, format: Format) -> int:
        """How many items the window has."""
        return max(1, round(self.window_s * format.rate_hz))

    @property
    def _scale(self) -> float:
        """From events per item of the source to what is said."""
        return SECONDS[self.per] * self.source_rate_hz

    def reference(self, *x: Events) -> Items:
        """The definition, item by item."""
        y = np.full((len(x[0]), 1), np.nan)
        for n in range(len(x[0])):
            window = x[0][max(0, n + 1 - self._window(self.input_format)) : n + 1]
            places = window.rows[:, 0]
            if len(places) > 1 and places[-1] > places[0]:
                intervals_s = np.diff(places) / float(self.input_format.stride) / self.input_rate_hz
                y[n] = SECONDS[self.per] / intervals_s.mean()
        return y

    def tolerance(self, *x: Events) -> Bound:
        """The rounding of the difference of two places, which is below that of the result."""
        return np.asarray(UNIT_ROUNDOFF * np.nan_to_num(self.reference(*x)))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One item; a few; more than there are."""
        return [
            cls(window_s=0.1),
            cls(window_s=7.0),
            cls(window_s=10.0, per="second"),
        ]
