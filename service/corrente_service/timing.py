"""The time of an item, reckoned from that of another."""

from collections.abc import Sequence

from corrente.format import Format
from corrente.wire import MAX_INDEX
from corrente_pipelines.group import Indices


def time_ahead(t_ns: int, items: float, rate_hz: float) -> int:
    """The time so many items behind `t_ns`, within the bounds of the wire.

    A publisher may claim any time and any rate; what follows from them must not overflow.
    """
    return within(t_ns + ahead_ns(items, rate_hz))


class Clock:
    """The times of an output's items, by those of the source, which has that rate."""

    def __init__(self, format: Format, rate_hz: float) -> None:
        origin, stride = format.origin, format.stride
        self._origin = origin.numerator * stride.denominator
        self._stride = stride.numerator * origin.denominator
        self._unit = origin.denominator * stride.denominator
        self._rate_hz = rate_hz

    def time(self, k: int, index: int, t_ns: int) -> int:
        """When item k was taken, where item `index` of the source was taken at `t_ns`."""
        return within(t_ns + self._ahead_ns(self._origin + k * self._stride - index * self._unit))

    def times(self, items: Indices, indices: Indices, times_ns: Sequence[int]) -> list[int]:
        """The same of an item each of several streams."""
        if self._stride == self._unit and (items - indices == (lag := items[0] - indices[0])).all():
            ahead_ns = self._ahead_ns(self._origin + int(lag) * self._stride)
            if min(times_ns) + ahead_ns >= -MAX_INDEX and max(times_ns) + ahead_ns <= MAX_INDEX:
                return [t_ns + ahead_ns for t_ns in times_ns]
        return list(map(self.time, items.tolist(), indices.tolist(), times_ns))

    def _ahead_ns(self, units: int) -> int:
        return ahead_ns(units / self._unit, self._rate_hz)


def ahead_ns(items: float, rate_hz: float) -> int:
    """How long so many items last, as far as the wire can say it."""
    return round(max(-float(MAX_INDEX), min(items / rate_hz * 1e9, float(MAX_INDEX))))


def within(t_ns: int) -> int:
    """The time, or the bound of the wire that lies beside it."""
    return t_ns if -MAX_INDEX <= t_ns <= MAX_INDEX else max(-MAX_INDEX, min(t_ns, MAX_INDEX))
