"""One subscriber's queue: what waits for credit, what may leave, what was dropped."""

from collections import deque
from itertools import accumulate

from corrente import wire
from corrente.topics import Patterns
from corrente_service.ledger import SubscriptionLedger
from corrente_service.parcel import ENTRY_BYTES, Frames, Notice, Parcel, packed

GRANT_BLOCKS = 1024
GRANT_BYTES = 16 << 20
"""What one `Credit` may add to what was sent. The socket's high-water mark lies far beyond."""


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
        self._leaving: list[Parcel | Notice] = []
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
        return sum(entry.items for entry in self._waiting if isinstance(entry, Parcel))

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for credit."""
        return not self._waiting

    @property
    def free(self) -> int:
        """How many blocks may come before it is full, at most."""
        credit = self._granted_blocks - self._sent_blocks
        return 0 if self.is_full else credit + self._queue_blocks - self._waiting_blocks

    def room(self, blocks: int, payload_bytes: int) -> int:
        """How many times so many blocks may come before it is full, at least.

        `payload_bytes` is what they have together at most.
        """
        entry_bytes = payload_bytes + blocks * ENTRY_BYTES
        # It is full behind the block that fills it: the last ones may have any size.
        waits = min(
            -(-(self._queue_blocks - self._waiting_blocks) // blocks),
            -(-(self._queue_bytes - self._waiting_bytes) // entry_bytes),
        )
        leaves = min(
            (self._granted_blocks - self._sent_blocks) // blocks,
            (self._granted_bytes - self._sent_bytes) // payload_bytes,
        )
        return max(0, leaves) + max(0, waits)

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
            self.ledger.offer(entry.items)
            self._waiting_blocks += len(entry.blocks)
        self._advance()
        while self.policy == "drop" and self._is_overfull:
            self._drop_oldest()
            self._advance()

    def leaving(self) -> list[Frames]:
        """What has credit, or needs none, in order; each is given out once."""
        leaving, self._leaving = self._leaving, []
        for entry in leaving:
            self.messages += len(entry.blocks) if isinstance(entry, Parcel) else 1
        return [entry.frames for entry in packed(leaving)]

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
        oldest = self._waiting[0]
        first = oldest.first_size if isinstance(oldest, Parcel) else oldest.size
        return (
            self._waiting_blocks > self._queue_blocks
            or self._waiting_bytes - first > self._queue_bytes
        )

    def _credit(self, parcel: Parcel) -> int:
        """How many of its blocks may leave."""
        blocks = min(self._granted_blocks - self._sent_blocks, len(parcel.blocks))
        room = self._granted_bytes - self._sent_bytes
        if blocks <= 0 or room <= 0:
            return 0
        # The last block may overdraw the bytes, so that one larger than the whole grant passes.
        if len(parcel.payload) - parcel.sizes[-1] < room:
            return blocks
        fits = sum(before < room for before in accumulate(parcel.sizes[:-1], initial=0))
        return min(blocks, fits)

    def _advance(self) -> None:
        while self._waiting:
            entry = self._waiting[0]
            if isinstance(entry, Notice):
                self._unqueue(entry)
                self._say_lost(entry.id)
                self._leaving.append(entry)
                continue
            count = self._credit(entry)
            if not count:
                return
            self._send(self._take(entry, count))

    def _send(self, parcel: Parcel) -> None:
        self._sent_blocks += len(parcel.blocks)
        self._sent_bytes += len(parcel.payload)
        self.ledger.send(parcel.items)
        while self._lost and len(parcel.blocks) > 1:  # what is lost is told before what is behind
            first, parcel = parcel.cut(1)
            self._say_lost(first.blocks[0].id)
            self._leaving.append(first)
        self._say_lost(parcel.blocks[0].id)
        self._leaving.append(parcel)

    def _drop_oldest(self) -> None:
        entry = self._waiting[0]
        assert isinstance(entry, Parcel)
        [block] = self._take(entry, 1).blocks
        self.ledger.drop(block.count)
        # Whatever lay between two lost parcels of a topic was a notice, which has said it before.
        _, start, _ = self._lost.get(block.id, (0, block.index, 0))
        self._lost[block.id] = (block.epoch, start, block.index + block.count)

    def _take(self, parcel: Parcel, count: int) -> Parcel:
        """The first blocks of the oldest entry, out of the queue."""
        self._unqueue(parcel)
        if count == len(parcel.blocks):
            return parcel
        first, rest = parcel.cut(count)
        self._waiting.appendleft(rest)
        self._waiting_blocks += len(rest.blocks)
        self._waiting_bytes += rest.size
        return first

    def _unqueue(self, oldest: Parcel | Notice) -> None:
        self._waiting.popleft()
        self._waiting_blocks -= len(oldest.blocks) if isinstance(oldest, Parcel) else 0
        self._waiting_bytes -= oldest.size

    def _say_lost(self, id: int) -> None:
        lost = self._lost.pop(id, None)
        if lost is not None:
            epoch, start, stop = lost
            gap = wire.Gap(id, epoch, start, stop, "dropped")
            self._leaving.append(Notice(id, wire.encode(gap)))
