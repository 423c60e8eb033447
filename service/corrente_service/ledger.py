"""What became of every item: nothing that was accepted is lost silently.

Per stream `accepted = processed + dropped + in_flight`; per subscription
`offered = sent + dropped + queued`. A ledger counts what happened to items; how many are on their
way is not counted, but found where they wait. So an item that is mislaid unbalances the books.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from corrente.wire import MAX_INDEX

DropReason = str
"""Why items were dropped: `pipeline_error`, `bad_jpeg`."""


@dataclass(slots=True)
class StreamLedger:
    """Counts of a stream's items since it was opened, and of blocks whose time is odd.

    `filled` items were made up for missing ones, of each pipeline that did: they were not accepted.

    `backward`: earlier than the block before. `jittered`: not earlier, but more than half an item's
    time off what the block before lets expect.
    """

    accepted: int = 0
    processed: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter[DropReason])
    filled: int = 0
    jittered: int = 0
    backward: int = 0

    def accept(self, items: int) -> None:
        """Counts items taken in."""
        self.accepted += items

    def stamp(self, t_ns: int, before_ns: int, expected_ns: int, item_ns: float) -> None:
        """Looks at a block's time, and counts it where it is odd.

        No time lies beyond the wire's bounds, and so none is expected there.
        """
        if t_ns < before_ns:
            self.backward += 1
            return
        twice = 2 * (t_ns - (min(MAX_INDEX, expected_ns)))
        if twice > item_ns or -twice > item_ns:
            self.jittered += 1

    def process(self, items: int) -> None:
        """Counts items that every pipeline of the stream has had."""
        self.processed += items

    def drop(self, items: int, reason: DropReason) -> None:
        """Counts items that were taken in, and that some pipeline did not get through."""
        if items:
            self.dropped[reason] += items

    def fill(self, items: int) -> None:
        """Counts items that a pipeline was given in the place of missing ones."""
        self.filled += items

    def add(self, other: "StreamLedger") -> None:
        """Sums another ledger into this one."""
        self.accepted += other.accepted
        self.processed += other.processed
        self.dropped.update(other.dropped)
        self.filled += other.filled
        self.jittered += other.jittered
        self.backward += other.backward

    def is_balanced(self, in_flight: int) -> bool:
        """Whether every accepted item is accounted for, where so many wait."""
        return self.accepted == self.processed + self.dropped.total() + in_flight

    def snapshot(self, in_flight: int) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "accepted": self.accepted,
            "processed": self.processed,
            "in_flight": in_flight,
            "dropped": dict(self.dropped),
        }

    def stamps(self) -> dict[str, int]:
        """The counts of odd times as plain values."""
        return {"jittered": self.jittered, "backward": self.backward}


@dataclass(slots=True)
class SubscriptionLedger:
    """Counts of the items offered to a subscription, of all its topics."""

    offered: int = 0
    sent: int = 0
    dropped: int = 0

    def offer(self, items: int) -> None:
        """Counts items of the subscription's topics."""
        self.offered += items

    def send(self, items: int) -> None:
        """Counts items that left."""
        self.sent += items

    def drop(self, items: int) -> None:
        """Counts items that did not leave; the subscriber is told by a gap, if it is there."""
        self.dropped += items

    def add(self, other: "SubscriptionLedger") -> None:
        """Sums another ledger into this one."""
        self.offered += other.offered
        self.sent += other.sent
        self.dropped += other.dropped

    def is_balanced(self, queued: int) -> bool:
        """Whether every offered item is accounted for, where so many wait."""
        return self.offered == self.sent + self.dropped + queued

    def snapshot(self, queued: int) -> dict[str, int]:
        """The counts as plain values."""
        return {
            "offered": self.offered,
            "sent": self.sent,
            "queued": queued,
            "dropped": self.dropped,
        }
