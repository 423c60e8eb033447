"""The socket of a client."""

from collections.abc import Iterator

import pytest

from corrente import wire
from corrente.dealer import Dealer
from corrente.link import Envelope, new_instance


@pytest.fixture
def dealer(daemon) -> Iterator[Dealer]:
    made = Dealer(daemon.address, new_instance())
    yield made
    made.close(linger_ms=0)


def hello(dealer: Dealer) -> Envelope:
    return wire.Hello(1, 1, dealer._instance), b""


def test_messages_arrive_and_are_answered(daemon, dealer, deadline_s):
    dealer.send([hello(dealer), (wire.Ping(), b"")])
    came: list[wire.AnyMessage] = []
    while len(came) < 2:
        if not dealer.has_more():
            dealer.wait(deadline_s)
        came += [wire.decode(frames)[0] for frames in dealer.received()]
    assert came == [wire.Welcome(1, b"daemon-process-1"), wire.Pong(0)]


def test_a_wait_ends_by_every_call_of_wake_until_it_may_rest(dealer):
    dealer.wake()
    for _ in range(2):
        dealer.wait(3600)
    dealer.rest()
    dealer.wait(0)


def test_nothing_follows_a_message_that_was_not_ended_but_on_another_connection(daemon, dealer):
    dealer.send([hello(dealer)])
    daemon.hears(wire.Hello)
    unsendable = memoryview(bytes(2 * wire.INLINE_BYTES))[::2]
    with pytest.raises((BufferError, ValueError, TypeError)):
        dealer.send([(wire.Block(1, 1, 0, 1, 0), unsendable)])
    dealer.send([(wire.Goodbye("the rest of a block"), b"")])
    assert dealer.has_more()
    assert dealer.broke()
    assert not dealer.broke()
    dealer.reconnect()
    dealer.send([hello(dealer)])
    daemon.hears(wire.Hello, 2)
    assert {type(message) for _, message in daemon.heard} == {wire.Hello}
