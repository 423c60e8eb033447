"""One subscriber's queue: what waits for credit, what may leave, what was dropped."""

from collections import deque
from typing import NamedTuple

from corrente import wire
from corrente.topics import Patterns
from corrente_service.ledger import SubscriptionLedger

GRANT_BLOCKS = 1024
GRANT_BYTES = 16 << 20
"""What one `Credit` may add to what was sent. The socket's high-water mark lies far beyond."""

ENTRY_BYTES = 512
"""What an entry of the queue takes besides its payload: header, objects."""

Frames = list[wire.Buffer]


class Parcel(NamedTuple):
    """An encoded block of a topic, items `[start, stop)`; shared by all its subscribers."""

    id: int
    epoch: int
    start: int
    stop: int
    payload_bytes: int
    frames: Frames

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return self.payload_bytes + ENTRY_BYTES


class Notice(NamedTuple):
    """An encoded announcement, gap or end of a topic: needs no credit, is never dropped."""

    id: int
    frames: Frames

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.frames[0]) + ENTRY_BYTES


class Subscription:
    """What one connection is subscribed to, and what is on its way to it.

    The oldest entry is always a parcel without credit: whatever may leave, has left.
    """

    def __init__(self, peer: bytes, asked: wire.Subscribe, queue_bytes: int) -> None:
        self.peer = peer
        self.patterns = asked.patterns
        self.matches = Patterns(asked.patterns).match
        self.since = asked.since
        self.policy = asked.policy
        self.ledger = SubscriptionLedger()
        self.messages = 0  # that were given out to be sent
        self._queue_blocks = asked.queue
        self._queue_bytes = queue_bytes
        self._waiting: deque[Parcel | Notice] = deque()
        self._waiting_blocks = 0
        self._waiting_bytes = 0
        self._lost: dict[int, tuple[int, int, int]] = {}  # topic id -> epoch, start, stop
        self._leaving: list[Frames] = []
        self._sent_blocks = self._sent_bytes = 0
        self._granted_blocks = self._granted_bytes = 0
        self._stood: tuple[tuple[int, int], float] | None = None  # full, with what granted, since

    @property
    def is_full(self) -> bool:
        """Whether the next block would be one too many."""
        return (
            self._waiting_blocks >= self._queue_blocks or self._waiting_bytes >= self._queue_bytes
        )

    @property
    def queued(self) -> int:
        """Items that wait for credit."""
        return sum(entry.stop - entry.start for entry in self._waiting if isinstance(entry, Parcel))

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for credit."""
        return not self._waiting

    def grant(self, credit: wire.Credit) -> None:
        """The subscriber allows so much in all; what it once allowed stands."""
        blocks = min(credit.blocks, self._sent_blocks + GRANT_BLOCKS)
        payload_bytes = min(credit.payload_bytes, self._sent_bytes + GRANT_BYTES)
        self._granted_blocks = max(self._granted_blocks, blocks)
        self._granted_bytes = max(self._granted_bytes, payload_bytes)
        self._advance()

    def offer(self, entry: Parcel | Notice) -> None:
        """Queues an entry. Where that is too much, and the policy says so, the oldest go."""
        self._waiting.append(entry)
        self._waiting_bytes += entry.size
        if isinstance(entry, Parcel):
            self.ledger.offer(entry.stop - entry.start)
            self._waiting_blocks += 1
        self._advance()
        while self.policy == "drop" and self._is_overfull:
            self._drop_oldest()
            self._advance()

    def leaving(self) -> list[Frames]:
        """What has credit, or needs none, in order; each is given out once."""
        leaving, self._leaving = self._leaving, []
        self.messages += len(leaving)
        return leaving

    def abandon(self) -> SubscriptionLedger:
        """Drops what waits, as nobody will come for it; gives the final counts."""
        self.ledger.drop(self.queued)
        self._waiting.clear()
        return self.ledger

    def stalled_s(self, now_s: float) -> float:
        """How long the queue has been full without more credit; asked every `EXPIRY_S`."""
        if not self.is_full:
            self._stood = None
            return 0.0
        granted = (self._granted_blocks, self._granted_bytes)
        if self._stood is None or self._stood[0] != granted:
            self._stood = (granted, now_s)
        return now_s - self._stood[1]

    @property
    def _is_overfull(self) -> bool:
        if not self._waiting:
            return False
        # The oldest may have any size; notices count, as there may be no end of them.
        behind = self._waiting_bytes - self._waiting[0].size
        return self._waiting_blocks > self._queue_blocks or behind > self._queue_bytes

    @property
    def _has_credit(self) -> bool:
        # The last block may overdraw the bytes, so that one larger than the whole grant passes.
        return self._sent_blocks < self._granted_blocks and self._sent_bytes < self._granted_bytes

    def _advance(self) -> None:
        while self._waiting:
            entry = self._waiting[0]
            if isinstance(entry, Parcel):
                if not self._has_credit:
                    return
                self._sent_blocks += 1
                self._sent_bytes += entry.payload_bytes
                self.ledger.send(entry.stop - entry.start)
            self._unqueue()
            self._say_lost(entry.id)
            self._leaving.append(entry.frames)

    def _drop_oldest(self) -> None:
        entry = self._unqueue()
        assert isinstance(entry, Parcel)
        self.ledger.drop(entry.stop - entry.start)
        # Whatever lay between two lost parcels of a topic was a notice, which has said it before.
        _, start, _ = self._lost.get(entry.id, (0, entry.start, 0))
        self._lost[entry.id] = (entry.epoch, start, entry.stop)

    def _unqueue(self) -> Parcel | Notice:
        entry = self._waiting.popleft()
        self._waiting_blocks -= isinstance(entry, Parcel)
        self._waiting_bytes -= entry.size
        return entry

    def _say_lost(self, id: int) -> None:
        lost = self._lost.pop(id, None)
        if lost is not None:
            epoch, start, stop = lost
            self._leaving.append(wire.encode(wire.Gap(id, epoch, start, stop, "dropped")))
