"""Streams that subscribers with back-pressure hold back, set aside until there is room for more."""

from itertools import islice

from corrente_service.demand import Demand
from corrente_service.egress import Egress
from corrente_service.stream import Stream


class HeldBack:
    """All that are set aside. A turn costs what is done in it, however many these are."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._streams: dict[Demand, dict[Stream, None]] = {}  # who waited longest is first
        self._changes = 0  # of demands, when `free` looked at them

    @property
    def is_empty(self) -> bool:
        """Whether no stream is held back."""
        return not self._streams

    @property
    def has_room(self) -> bool:
        """Whether some of them may go on."""
        return any(not demand.is_held for demand in self._streams) or self._is_changed

    def add(self, stream: Stream, demand: Demand) -> None:
        """Sets a stream aside that is held back by those. If it was already, it keeps its place."""
        if stream.held_by is demand:
            return
        self.discard(stream)
        stream.held_by = demand
        self._streams.setdefault(demand, {})[stream] = None

    def discard(self, stream: Stream) -> None:
        """The stream is not held back, or no longer."""
        if stream.held_by is None:
            return
        streams = self._streams[stream.held_by]
        del streams[stream]
        if not streams:
            del self._streams[stream.held_by]
        stream.held_by = None

    def free(self) -> list[Stream]:
        """As many as there is room for a block of each; all, where others may hold them back now.

        They keep their places until they are discarded.
        """
        is_changed, self._changes = self._is_changed, self._egress.changes
        return [
            stream
            for demand, streams in self._streams.items()
            for stream in islice(streams, None if is_changed else demand.free)
        ]

    @property
    def _is_changed(self) -> bool:
        return bool(self._streams) and self._changes != self._egress.changes
