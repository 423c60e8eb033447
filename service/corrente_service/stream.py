"""A stream as its publisher sees it, and the work that waits in its queue."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from corrente import wire
from corrente.format import Format, Items
from corrente_pipelines import Pipeline
from corrente_service.jpeg import Jpegs
from corrente_service.ledger import StreamLedger
from corrente_service.timing import time_ahead


class Arrived(NamedTuple):
    """The next items of a stream, as they came."""

    items: Items | Jpegs
    t_ns: int

    @property
    def decoded_bytes(self) -> int:
        """What the items take once decoded; `items.nbytes` is what they took to come."""
        items = self.items
        return len(items) * items.item_bytes if isinstance(items, Jpegs) else items.nbytes

    @property
    def held_bytes(self) -> int:
        """What it counts for in the publisher's window."""
        return wire.BLOCK_BYTES + self.items.nbytes


class LeftOut(NamedTuple):
    """The publisher goes on at item `stop`."""

    stop: int


class Finished(NamedTuple):
    """The publisher ended the stream."""


class Swapped(NamedTuple):
    """From the next item on, these are the pipelines, by name."""

    pipelines: Mapping[str, Pipeline]


Work = Arrived | LeftOut | Finished | Swapped


@dataclass(slots=True, eq=False)
class Stream:
    """One stream as its publisher sees it.

    `peer` is the connection its owner is on, None while the owner is away; `next_index` that of
    the next item to accept, `taken_index` of the next one to process.
    """

    name: str
    id: int
    epoch: int
    format: Format
    encoding: wire.Encoding
    owner: bytes
    peer: bytes | None
    next_index: int
    taken_index: int
    work: deque[Work] = field(default_factory=deque[Work])
    work_bytes: int = 0  # payload, and so much for each block
    stamped: tuple[int, int] | None = None  # index and time of the last block
    is_lost: bool = False  # items are missing; what lies behind them is not accepted
    is_rewind_due: bool = False  # and the publisher has yet to be asked for them
    is_ending: bool = False
    is_working: bool = False  # a job of its first work is out
    away_since_s: float = 0.0
    ledger: StreamLedger = field(default_factory=StreamLedger)

    def put(self, work: Work) -> None:
        """Queues what arrived in order, or is to happen before the next item."""
        if self.work and isinstance(work, LeftOut) and isinstance(self.work[-1], LeftOut):
            self.work.pop()  # nothing lies between the two
        self.work.append(work)
        if isinstance(work, Arrived):
            self._stamp(work.t_ns)
            self.next_index += len(work.items)
            self.work_bytes += work.held_bytes
            self.ledger.accept(len(work.items))
        elif isinstance(work, LeftOut):
            self.next_index = work.stop
        elif isinstance(work, Finished):
            self.is_ending = True

    def is_changed_by(self, asked: wire.Open) -> bool:
        """Whether to open it like that ends it, or leaves items out."""
        return self.format != asked.format or (asked.index or 0) > self.next_index

    def lose(self) -> None:
        """Items are missing: the publisher is asked for them once."""
        self.is_rewind_due |= not self.is_lost
        self.is_lost = True

    def _stamp(self, t_ns: int) -> None:
        """Compares the time of the next item with what the last block lets expect of it."""
        if self.stamped is not None:
            index, before_ns = self.stamped
            rate_hz = self.format.rate_hz
            expected_ns = time_ahead(before_ns, self.next_index - index, rate_hz)
            self.ledger.stamp(t_ns, before_ns, expected_ns, 1e9 / rate_hz)
        self.stamped = self.next_index, t_ns

    @property
    def in_flight(self) -> int:
        """Items that wait to be processed."""
        return sum(len(work.items) for work in self.work if isinstance(work, Arrived))

    def take(self) -> Work:
        """The oldest work, out of the queue."""
        work = self.work.popleft()
        if isinstance(work, Arrived):
            self.taken_index += len(work.items)
            self.work_bytes -= work.held_bytes
        elif isinstance(work, LeftOut):
            self.taken_index = work.stop
        return work
