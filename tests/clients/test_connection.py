"""The thread of a connection: what it tells of a defect, and who sends what when."""

import pytest

from corrente import Closed, wire
from corrente.connection import GATHER_S, Connection, Line
from corrente.link import ignore, new_instance
from corrente.packing import SMALL_BYTES
from corrente.steps import Wait


class Defective:
    """A half of the protocol that divides by zero."""

    def welcomed(self, daemon):
        return [] * (1 // 0)

    def lost(self):
        pass

    def beat(self):
        return []

    def received(self, message, payload):
        return []


def never(timeout_s):
    yield Wait(lambda: False, timeout_s, "nothing came")


def test_a_defect_in_the_thread_is_told_to_whoever_waits(daemon, deadline_s):
    connection = Connection(daemon.address, Defective())
    with pytest.raises(Closed, match="ZeroDivisionError") as caught:
        connection.run(never(deadline_s))
    connection.close()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class Quiet:
    """A half of the protocol that has nothing to say, and remembers what it was told."""

    def __init__(self):
        self.is_up = False
        self.heard = []

    def welcomed(self, daemon):
        self.is_up = True
        return []

    def lost(self):
        self.is_up = False

    def beat(self):
        return []

    def received(self, message, payload):
        self.heard.append(message)
        return []


def test_whoever_posts_many_messages_sends_them_without_the_thread(daemon, deadline_s):
    half = Quiet()
    connection = Connection(daemon.address, half)
    with connection.lock:
        assert connection.changed.wait_for(lambda: half.is_up, deadline_s)
        for request in range(256):
            connection.post([(wire.Status(request), b"")])
        told = daemon.hears(wire.Status, 256)  # the thread does nothing without the lock
        assert [message.request for message in told] == list(range(256))
        assert connection.changed.wait_for(lambda: len(half.heard) >= 256, deadline_s)
    assert [message.request for message in half.heard] == list(range(256))
    connection.close()


def test_what_is_posted_is_sent_without_the_thread(daemon, deadline_s):
    half = Quiet()
    connection = Connection(daemon.address, half)
    with connection.lock:
        assert connection.changed.wait_for(lambda: half.is_up, deadline_s)
        connection.post([(wire.Status(1), b"")])
        daemon.hears(wire.Status)  # the thread does nothing without the lock
        connection.post([some_block()])
        daemon.hears(wire.Block)
    connection.close()


def test_the_thread_sends_what_was_gathered(daemon, deadline_s, monkeypatch):
    monkeypatch.setattr("corrente.connection.GATHER_S", 0.2)  # whatever else the machine does
    half = Quiet()
    connection = Connection(daemon.address, half)
    with connection.lock:
        assert connection.changed.wait_for(lambda: half.is_up, deadline_s)
        for _ in range(4):
            connection.post([some_block()])
    assert len(daemon.hears(wire.Block, 4)) == 4
    connection.close()


def some_block(size=4):
    return wire.Block(1, 1, 0, 1, 0), bytes(size)


@pytest.fixture
def line():
    line = Line("tcp://127.0.0.1:1", Quiet(), new_instance(), ignore)
    line.outbox = []
    yield line
    line.close()


def test_small_blocks_are_gathered_for_a_while_after_others_were_sent(line):
    line.outbox = [some_block()]
    assert not line.gathers_s(1.0)  # none was sent before
    line.flush(1.0)
    assert not line.gathers_s(1.0)  # there is nothing to send
    line.outbox = [some_block()]
    assert line.gathers_s(1.0) == pytest.approx(GATHER_S)
    assert not line.gathers_s(1.0 + 1.01 * GATHER_S)


@pytest.mark.parametrize(
    "envelopes",
    [
        [some_block(), (wire.Credit(1, 1), b"")],
        [some_block(SMALL_BYTES + 1)],
        [some_block()] * wire.MAX_BLOCKS,
    ],
    ids=["another message", "a large block", "as many as fit into a message"],
)
def test_everything_else_is_sent_at_once(line, envelopes):
    line.outbox = [some_block()]
    line.flush(1.0)
    line.outbox = list(envelopes)
    assert not line.gathers_s(1.0)


def test_nothing_is_gathered_behind_other_messages(line):
    line.outbox = [(wire.Credit(1, 1), b"")]
    line.flush(1.0)
    line.outbox = [some_block()]
    assert not line.gathers_s(1.0)
