"""The crossings of a level."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, isfinite, nextafter
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import EVENT_INDEX, Events, Format, FormatError, Items, Kind
from corrente_pipelines.blocks import events
from corrente_pipelines.placed import Placed

Doubles = NDArray[np.float64]
Direction = Literal["rising", "falling", "both"]
SIGNS: dict[Direction, tuple[int, ...]] = {"rising": (1,), "falling": (-1,), "both": (1, -1)}


class Seen(NamedTuple):
    """The index of the next item, the item before it and its level, and the last event's place."""

    next_index: int
    before: Doubles
    last: float


class Crossing(NamedTuple):
    """The item it belongs to, counted within its block; where it lies; 1 or -1."""

    item: int
    place: float
    sign: float


class Crossings(Placed):
    """Events where a signal of one channel crosses `level`, or else its second input.

    It rises through the level `l` between two items where `x[n] <= l[n]` and `x[n+1] > l[n+1]`, and
    falls where `x[n] >= l[n]` and `x[n+1] < l[n+1]`. The event lies where the straight line between
    the two meets that of the level: at `n + d[n] / (d[n] - d[n+1])`, `d = x - l`, and belongs to
    item n. Its column `index` is that place in items of the source stream; with `direction: both`
    a column `direction` is 1 where it rises and -1 where it falls. What is not finite, signal or
    level, crosses nothing. For `refractory_s` seconds after an event there is no other.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)
    # Which of two crossings close together is the event may depend on all before them.
    is_recursive: ClassVar[bool] = True

    op: Literal["crossings"] = "crossings"
    level: Annotated[float, Field(ge=-1e300, le=1e300, allow_inf_nan=False)] | None = None
    """What is crossed; left out, it is the second input."""
    direction: Direction = "rising"
    """Which crossings are events."""
    refractory_s: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] = 0.0
    """Seconds after an event in which there is no other."""

    @property
    def arity(self) -> int:
        """One where there is a level, else two."""
        return 1 if self.level is not None else 2

    def output(self, *formats: Format) -> Format:
        """Events with a row of one column, of two with `direction: both`."""
        for format in formats:
            if format.shape != (1,):
                raise FormatError(
                    f"crossings takes signals of one channel, gets {format.channels}; "
                    "put {op: sum} or {op: magnitude} before it"
                )
        labels = (EVENT_INDEX, "direction") if self.direction == "both" else (EVENT_INDEX,)
        return replace(
            formats[0], kind="events", shape=(len(labels),), dtype="float64", labels=labels
        )

    def start(self, *formats: Format, index: int = 0) -> Seen:
        """No item before the next."""
        return Seen(index, np.empty((0, 2)), -np.inf)

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        """The events between items that have both come."""
        if len(blocks[0]) == 0:
            return state, self._events([], 0)
        pairs = np.concatenate([state.before, self._pairs(blocks)])
        first = state.next_index - len(state.before)
        found = list(self._found(pairs, first, state.last))
        last = found[-1].place if found else state.last
        after = Seen(state.next_index + len(blocks[0]), pairs[-1:].copy(), last)
        return after, self._events(found, len(pairs) - 1)

    def finish(self, state: Seen) -> Events:
        """Behind the last item nothing is crossed."""
        return self._events([], len(state.before))

    def delay(self, *formats: Format) -> int:
        """The item behind."""
        return 1

    def receptive_field(self, *formats: Format) -> int:
        """Two items, and those of the time in which an event lets no other be."""
        return 2 + ceil(self.refractory_s * formats[0].rate_hz)

    def state_bytes(self, *formats: Format) -> int:
        """An item and its level."""
        return 16

    def algorithm(self, *formats: Format) -> str:
        """Pair by pair."""
        return "item by item"

    def _events(self, found: Sequence[Crossing], count: int) -> Events:
        columns = 2 if self.direction == "both" else 1
        rows = np.array([crossing[1:] for crossing in found]).reshape(-1, 2)[:, :columns]
        return events(rows.copy(), [crossing.item for crossing in found], count)

    def _pairs(self, blocks: Sequence[Items]) -> Doubles:
        """Each item beside its level: `(n, 2)`."""
        x = blocks[0].astype(np.float64)
        level = np.full_like(x, self.level) if self.level is not None else blocks[1]
        return np.concatenate([x, level.astype(np.float64)], axis=1)

    def _found(self, pairs: Doubles, first: int, last: float) -> Iterator[Crossing]:
        """The events among the pairs, the first of which has index `first`.

        `last` is the place of the event before.
        """
        wait = self.refractory_s * self.source_rate_hz
        for n in np.flatnonzero(self._crosses(pairs)).tolist():
            (x, level), (next_x, next_level) = pairs[n : n + 2].tolist()
            place = self._place(first + n, x, level, next_x, next_level)
            if place - last >= wait:
                last = place
                yield Crossing(n, place, 1.0 if next_x > next_level else -1.0)

    def _crosses(self, pairs: Doubles) -> NDArray[np.bool_]:
        """Of each two pairs, whether the second lies beyond its level, and the first does not."""
        x, level = pairs[:, 0], pairs[:, 1]
        crosses = np.zeros(len(pairs) - 1, np.bool_)
        for sign in SIGNS[self.direction]:
            beyond: NDArray[np.bool_] = x > level if sign == 1 else x < level
            crosses[~beyond[:-1] & beyond[1:]] = True
        finite = np.isfinite(x) & np.isfinite(level)
        return crosses & finite[:-1] & finite[1:]

    def _place(self, n: int, x: float, level: float, next_x: float, next_level: float) -> float:
        """Where the event behind item n lies in the source: there, or before the next item."""
        # Quarters, as the difference of two differences of large numbers may be infinite.
        before, after = x / 4 - level / 4, next_x / 4 - next_level / 4
        here, beyond = self.input_format.place(n), self.input_format.place(n + 1)
        # Numbers so small that their quarters are nothing are as good as on the level.
        part = before / (before - after) if before != after else 0.0
        return min(here + part * (beyond - here), nextafter(beyond, here))

    def reference(self, *x: Items) -> Events:
        """The definition, pair by pair."""
        pairs = self._pairs(x)
        found: list[Crossing] = []
        for n, ((x0, l0), (x1, l1)) in enumerate(pairwise(pairs.tolist())):
            rises, falls = x0 <= l0 and x1 > l1, x0 >= l0 and x1 < l1
            sign = rises - falls
            if sign not in SIGNS[self.direction] or not all(map(isfinite, (x0, l0, x1, l1))):
                continue
            own = n + (x0 - l0) / ((x0 - l0) - (x1 - l1))
            place = float(self.input_format.origin) + own * float(self.input_format.stride)
            if not found or self._seconds(place - found[-1].place) >= self.refractory_s:
                found.append(Crossing(n, place, float(sign)))
        return self._events(found, len(pairs))

    def _seconds(self, source_items: float) -> float:
        return source_items / float(self.input_format.stride) / self.input_rate_hz

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each direction; with a level and without; with a refractory time and without."""
        return [
            cls(level=0.0),
            cls(level=0.5, direction="falling", refractory_s=3.3),
            cls(level=-1.0, direction="both"),
            cls(direction="both", refractory_s=5.2),
            cls(),
        ]
