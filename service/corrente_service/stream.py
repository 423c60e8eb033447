"""A stream as its publisher sees it, and the work that waits in its queue."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from corrente import wire
from corrente.format import Format, Items
from corrente_pipelines import Pipeline
from corrente_service.demand import Demand
from corrente_service.jpeg import Jpegs
from corrente_service.ledger import StreamLedger
from corrente_service.timing import ahead_ns


class Layout(NamedTuple):
    """How the items of a stream lie in a payload."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    item_bytes: int

    @classmethod
    def of(cls, format: Format) -> "Layout":
        """That of raw items: little-endian, in C order."""
        return cls(format.shape, np.dtype(format.dtype).newbyteorder("<"), format.item_bytes)


class Arrived(Struct, frozen=True, eq=False, gc=False):
    """The next `count` items of a stream, as they came: raw, JPEGs, or a copy of either.

    `held_bytes` is what they count for in the publisher's window.
    """

    came: wire.Buffer | Jpegs | Items
    count: int
    held_bytes: int
    t_ns: int
    layout: Layout

    @property
    def items(self) -> Items | Jpegs:
        """The items."""
        if isinstance(self.came, Jpegs | np.ndarray):
            return self.came
        shape, dtype, _ = self.layout
        items: Items = np.ndarray((self.count, *shape), dtype, self.came)
        # A frame may begin at any address, and compiled kernels want whole numbers in their places.
        return items if items.flags.aligned else items.copy()

    @property
    def raw(self) -> wire.Buffer:
        """The bytes of items that are no JPEGs."""
        came = self.came
        assert not isinstance(came, Jpegs)
        return came.data if isinstance(came, np.ndarray) else came

    @property
    def decoded_bytes(self) -> int:
        """What the items take once decoded."""
        return self.count * self.layout.item_bytes


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
    stamped_index: int = -1  # of the last block; none yet
    stamped_ns: int = 0  # its time
    is_lost: bool = False  # items are missing; what lies behind them is not accepted
    is_rewind_due: bool = False  # and the publisher has yet to be asked for them
    is_ending: bool = False
    is_working: bool = False  # a job of its first work is out
    held_by: Demand | None = None  # set aside, as these have no room for more
    away_since_s: float = 0.0
    ledger: StreamLedger = field(default_factory=StreamLedger)
    layout: Layout = field(init=False)
    item_bytes: int = field(init=False)
    _item_ns: float = field(init=False)
    _ahead_items: int = 0
    _ahead_ns: int = 0  # so long last so many items

    def __post_init__(self) -> None:
        self.layout = Layout.of(self.format)
        self.item_bytes = self.layout.item_bytes
        self._item_ns = 1e9 / self.format.rate_hz

    def arrive(self, block: Arrived) -> None:
        """Queues what arrived in order."""
        index, t_ns, ledger = self.next_index, block.t_ns, self.ledger
        if self.stamped_index >= 0:
            items = index - self.stamped_index
            if items != self._ahead_items:
                self._ahead_items, self._ahead_ns = items, ahead_ns(items, self.format.rate_hz)
            expected_ns = self.stamped_ns + self._ahead_ns
            if t_ns != expected_ns:
                ledger.stamp(t_ns, self.stamped_ns, expected_ns, self._item_ns)
        self.stamped_index, self.stamped_ns = index, t_ns
        self.next_index = index + block.count
        self.work_bytes += block.held_bytes
        ledger.accepted += block.count
        self.work.append(block)

    def put(self, work: "LeftOut | Finished | Swapped") -> None:
        """Queues what is to happen before the next item."""
        if isinstance(work, LeftOut):
            if self.work and isinstance(self.work[-1], LeftOut):
                self.work.pop()  # nothing lies between the two
            self.next_index = work.stop
        elif isinstance(work, Finished):
            self.is_ending = True
        self.work.append(work)

    def is_changed_by(self, asked: wire.Open) -> bool:
        """Whether to open it like that ends it, or leaves items out."""
        return self.format != asked.format or (asked.index or 0) > self.next_index

    def lose(self) -> None:
        """Items are missing: the publisher is asked for them once."""
        self.is_rewind_due |= not self.is_lost
        self.is_lost = True

    @property
    def in_flight(self) -> int:
        """Items that wait to be processed."""
        return sum(work.count for work in self.work if isinstance(work, Arrived))

    def process(self, block: Arrived) -> None:
        """Takes the oldest work, that block, out of the queue, and counts it."""
        self.work.popleft()
        self.taken_index += block.count
        self.work_bytes -= block.held_bytes
        self.ledger.processed += block.count

    def take(self) -> Work:
        """The oldest work, out of the queue."""
        work = self.work.popleft()
        if isinstance(work, Arrived):
            self.taken_index += work.count
            self.work_bytes -= work.held_bytes
        elif isinstance(work, LeftOut):
            self.taken_index = work.stop
        return work
