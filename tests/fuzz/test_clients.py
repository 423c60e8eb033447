"""Clients of a daemon that says whatever it likes: they end with an error of theirs, or go on."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from corrente import wire
from corrente.errors import CorrenteError, WireError
from corrente.link import Link
from corrente.receiving import Receiving
from corrente.sending import Sending
from tests.fuzz.corpus import FROM_CLIENTS, FROM_DAEMON, IMU, samples
from tests.fuzz.mutation import Mutator

DAEMONS = (b"d" * 16, b"e" * 16)


class Conversation:
    """A half behind its link, and a daemon of which little can be expected."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_s = 0.0
        self.ended = self.heard = 0
        self._mutator = Mutator(seed, samples(FROM_DAEMON), samples(FROM_CLIENTS))

    def run(self, begin: Callable[[], Any], use: Callable[[Any], Any], messages: int) -> None:
        """Says so many messages to a half, which is begun again when it has had enough."""
        half, link = self._begin(begin)
        for _ in range(messages):
            frames = self._mutator.message((), self._aim(half))
            self.now_s += self.random.expovariate(100)
            if link.state == "lost":
                self._greet(link)
            try:
                message, payload = wire.decode(frames)
            except WireError:
                continue  # it ends a connection, but there would be little else
            try:
                link.received(message, payload, self.now_s)
                link.tick(self.now_s)
                use(half)
            except WireError:
                half, link = self._begin(begin)
            except CorrenteError:  # which a user may let pass: there are other streams
                if self.random.random() < 0.2:
                    half, link = self._begin(begin)
            if link.state == "over":
                assert isinstance(link.failure, CorrenteError)
                half, link = self._begin(begin)
            self.heard += link.state == "up"

    def _begin(self, begin: Callable[[], Any]) -> tuple[Any, Link]:
        self.ended += 1
        half = begin()
        link = Link(half, b"i" * 16)
        self._greet(link)
        return half, link

    def _greet(self, link: Link) -> None:
        link.greet(self.now_s)
        welcome = wire.Welcome(1, self.random.choice(DAEMONS))
        link.received(welcome, memoryview(b""), self.now_s)

    def _aim(self, half: Any) -> Callable[[list[Any], bytes], bytes]:
        return lambda fields, payload: half_aims[type(half)](self.random, half, fields, payload)


def aim_at_sending(random: Random, half: Sending, fields: list[Any], payload: bytes) -> bytes:
    """Makes an answer one to what was asked."""
    if fields[0] in ("opened", "refused") and half._asked:
        fields[1] = random.choice(list(half._asked))
    elif fields[0] in ("ack", "rewind"):
        aim_at_outgoing(random, half, fields)
    elif fields[0] == "acks":
        fields[1] = [["ack", 1, 1, 0, False] for _ in range(random.randint(1, 3))]
        for ack in fields[1]:
            aim_at_outgoing(random, half, ack)
    return payload


def aim_at_outgoing(random: Random, half: Sending, fields: list[Any]) -> None:
    """Makes it about a stream that is open."""
    if not half._ids:
        return
    outgoing = random.choice(list(half._ids.values()))
    if outgoing.opened is not None:
        fields[1:3] = outgoing.opened.id, outgoing.opened.epoch
        fields[3] = max(0, outgoing.oldest + random.choice((-1, 0, 0, 1, 5)))


def aim_at_receiving(random: Random, half: Receiving, fields: list[Any], payload: bytes) -> bytes:
    """Makes it about a topic that was announced."""
    if fields[0] in ("subscribed", "refused"):
        fields[1] = half._request
    elif fields[0] == "pong":
        fields[1] = half._came
    elif fields[0] in ("block", "gap", "end") and half._ids:
        item_bytes = aim_at_incoming(random, half, fields)
        if fields[0] == "block":
            return aim_at_items(random, fields, item_bytes)
    elif fields[0] == "blocks" and half._ids:
        blocks = [["block", 1, 1, 0, 1, 0] for _ in range(random.randint(1, 3))]
        parts = [aim_at_items(random, b, aim_at_incoming(random, half, b)) for b in blocks]
        fields[1:3] = blocks, [len(part) for part in parts]
        return b"".join(parts)
    return payload


def aim_at_incoming(random: Random, half: Receiving, fields: list[Any]) -> int:
    """Makes it about a topic that was announced; the bytes of an item of that."""
    incoming = random.choice(list(half._ids.values()))
    fields[1:3] = incoming.announced.id, incoming.announced.epoch
    fields[3] = max(0, incoming.next_index + random.choice((-1, 0, 0, 0, 2)))
    return incoming.announced.format.item_bytes


def aim_at_items(random: Random, fields: list[Any], item_bytes: int) -> bytes:
    """Gives a block some items."""
    fields[4] = random.randint(0, 3)
    return random.randbytes(min(1 << 16, fields[4] * item_bytes))


half_aims: dict[type, Callable[..., bytes]] = {
    Sending: aim_at_sending,
    Receiving: aim_at_receiving,
}


def publish(half: Sending) -> None:
    """What a user does meanwhile: opens what is not open, sends, ends now and then."""
    half.check_all()
    outgoing = half._streams.get("imu/1") or half.open("imu/1", IMU)[0]
    if outgoing.has_room(8) and not outgoing.is_ending:
        half.send(outgoing, 1, 0, memoryview(bytes(8)))
        if outgoing.next_index % 50 == 0:
            half.end(outgoing)


def consume(half: Receiving) -> None:
    """What a user does meanwhile: takes, and raises why nothing more comes."""
    if half.has_block:
        half.take()
    if half.error is not None:
        raise half.error


CLIENTS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "publisher": (Sending, publish),
    "subscriber": (lambda: Receiving(("imu/1/mean/smooth", "**"), "first", "drop", 16), consume),
}


def converse(client: str, seed: int, messages: int) -> None:
    conversation = Conversation(seed)
    begin, use = CLIENTS[client]
    conversation.run(begin, use, messages)
    assert conversation.heard > messages // 3
    assert conversation.ended < messages // 5


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_only_errors_of_the_package_come_out(client):
    converse(client, 1, 10_000)


@pytest.mark.long
@pytest.mark.parametrize("client", CLIENTS)
def test_only_errors_of_the_package_come_out_of_very_many(client):
    converse(client, 2, 200_000)
