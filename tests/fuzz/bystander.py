"""A publisher and a subscriber that do as they should: the clients' own halves of the protocol."""

from collections.abc import Callable

import numpy as np

from corrente import wire
from corrente.format import Items
from corrente.link import Envelope, Link
from corrente.receiving import Receiving
from corrente.sending import Sending
from tests.fuzz.corpus import IMU

STREAM = "imu/bystander"
PUBLISHER, SUBSCRIBER = b"the publisher by", b"the subscriber b"

Say = Callable[[bytes, list[wire.Buffer]], None]


def signal(start: int, stop: int) -> Items:
    """Items of the stream: `(n, 2)`, the same for the same indices."""
    n = np.arange(start, stop)[:, None]
    return ((n * 7919 + [0, 13]) % 101).astype("<f4")


def smooth(start: int, stop: int, ends_at: int | None = None) -> Items:
    """What `moving_average {size: 3, pad: edge}` is by its definition, items `[start, stop)`."""
    last = stop if ends_at is None else ends_at - 1
    window = np.arange(start, stop)[:, None] + [-1, 0, 1]
    return np.stack([signal(0, last + 1)[np.clip(k, 0, last)].mean(0) for k in window])


class Bystander:
    """The pair. Call `step` as time passes; it says by `say(peer, frames)` what it has to.

    What arrives is compared with the definition at once, so nothing of it is kept.
    """

    def __init__(self, say: Say, now_s: float) -> None:
        self.sending, self.receiving = Sending(), Receiving((f"{STREAM}/mean/smooth",))
        self.received = 0  # items
        self.is_ended = False
        self._say = say
        self._links = {
            SUBSCRIBER: Link(self.receiving, SUBSCRIBER),
            PUBLISHER: Link(self.sending, PUBLISHER),
        }
        for peer, link in self._links.items():
            self._post(peer, link.greet(now_s))
        self._outgoing, said = self.sending.open(STREAM, IMU)
        assert not said

    @property
    def sent(self) -> int:
        """Items."""
        return self._outgoing.next_index

    def hear(self, peer: bytes, frames: list[wire.Buffer], now_s: float) -> None:
        """A message from the daemon."""
        message, payload = wire.decode(frames)
        link = self._links[peer]
        self._post(peer, link.received(message, payload, now_s))
        assert link.state != "lost", message

    def step(self, now_s: float) -> None:
        """Says what is due, takes what came."""
        for peer, link in self._links.items():
            self._post(peer, link.tick(now_s))
            assert link.state != "lost", "the daemon was silent"
        self._take()

    def send(self, items: int) -> None:
        """Publishes some items, if the window takes them."""
        payload = memoryview(signal(self.sent, self.sent + items).tobytes())
        if self._outgoing.is_flowing and self._outgoing.has_room(len(payload)):
            self._post(PUBLISHER, self.sending.send(self._outgoing, items, 0, payload))

    def end(self) -> None:
        """Publishes no more."""
        self._post(PUBLISHER, self.sending.end(self._outgoing))

    def check_whole(self) -> None:
        """Whether all that was sent was acknowledged, and all that follows from it came."""
        self._take()
        self.sending.check_all()
        assert self._outgoing.ended
        assert self.is_ended
        assert self.received == self.sent > 0

    def _take(self) -> None:
        while self.receiving.has_block:
            block, said = self.receiving.take()
            self._post(SUBSCRIBER, said)
            assert block.gap is None
            assert block.index == self.received
            self.received += len(block.data)
            self.is_ended |= block.last
            # The tail and the end come after all was sent.
            is_tail = self.received == self.sent
            if len(block.data):
                expected = smooth(block.index, self.received, self.sent if is_tail else None)
                np.testing.assert_allclose(block.data, expected, rtol=1e-5)
        assert self.receiving.error is None

    def _post(self, peer: bytes, said: list[Envelope]) -> None:
        for envelope in said:
            self._say(peer, wire.encode(*envelope))
