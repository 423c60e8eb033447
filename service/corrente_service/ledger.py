"""What became of every item: nothing that was accepted is lost silently.

Per stream `accepted = processed + dropped + in_flight`; per subscription
`offered = sent + dropped + queued`. The two sides of each are counted apart, so that their being
equal says something.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

DropReason = str
"""Why items were dropped: `pipeline_error`."""


@dataclass(slots=True)
class StreamLedger:
    """Counts of a stream's items since it was opened."""

    accepted: int = 0
    processed: int = 0
    in_flight: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter[DropReason])

    def accept(self, items: int) -> None:
        """Counts items taken in."""
        self.accepted += items
        self.in_flight += items

    def process(self, items: int) -> None:
        """Counts items that every pipeline of the stream has had."""
        self.in_flight -= items
        self.processed += items

    def drop(self, items: int, reason: DropReason) -> None:
        """Counts items that were taken in, and that some pipeline did not get through."""
        self.in_flight -= items
        self.dropped[reason] += items

    def add(self, other: "StreamLedger") -> None:
        """Sums another ledger into this one."""
        self.accepted += other.accepted
        self.processed += other.processed
        self.in_flight += other.in_flight
        self.dropped.update(other.dropped)

    @property
    def is_balanced(self) -> bool:
        """Whether every accepted item is accounted for."""
        return self.accepted == self.processed + self.dropped.total() + self.in_flight

    def snapshot(self) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "accepted": self.accepted,
            "processed": self.processed,
            "in_flight": self.in_flight,
            "dropped": dict(self.dropped),
        }


@dataclass(slots=True)
class SubscriptionLedger:
    """Counts of the items offered to a subscription, of all its topics."""

    offered: int = 0
    sent: int = 0
    queued: int = 0
    dropped: int = 0

    def queue(self, items: int) -> None:
        """Counts items that wait for credit."""
        self.offered += items
        self.queued += items

    def send(self, items: int) -> None:
        """Counts items that left."""
        self.queued -= items
        self.sent += items

    def drop(self, items: int) -> None:
        """Counts items that did not leave; the subscriber is told by a gap, if it is there."""
        self.queued -= items
        self.dropped += items

    def add(self, other: "SubscriptionLedger") -> None:
        """Sums another ledger into this one."""
        self.offered += other.offered
        self.sent += other.sent
        self.queued += other.queued
        self.dropped += other.dropped

    @property
    def is_balanced(self) -> bool:
        """Whether every offered item is accounted for."""
        return self.offered == self.sent + self.dropped + self.queued

    def snapshot(self) -> dict[str, int]:
        """The counts as plain values."""
        return {
            "offered": self.offered,
            "sent": self.sent,
            "queued": self.queued,
            "dropped": self.dropped,
        }
