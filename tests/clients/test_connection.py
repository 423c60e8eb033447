"""The thread of a connection: what it tells of a defect, and who sends what when."""

import numpy as np
import pytest

from corrente import Closed, wire
from corrente.connection import GATHER_S, Connection, Line
from corrente.format import format_of
from corrente.link import ignore, new_instance
from corrente.packing import SMALL_BYTES
from corrente.publishing import Publishing
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
        for _ in range(40):
            connection.post([some_block()], gather=True)
    assert len(daemon.hears(wire.Block, 40)) == 40
    connection.close()


def some_block(size=4):
    return wire.Block(1, 1, 0, 1, 0), bytes(size)


@pytest.fixture
def line():
    line = Line("tcp://127.0.0.1:1", Quiet(), new_instance(), ignore)
    line.outbox = []
    yield line
    line.close()


def gather(line, count=1):
    line.outbox = [some_block()] * count
    line.gathered = count


def test_blocks_are_gathered_for_a_while_after_others_were_sent(line):
    gather(line)
    assert not line.gathers_s(1.0)  # none was sent before
    line.flush(1.0)
    assert not line.gathers_s(1.0)  # there is nothing to send
    gather(line)
    assert line.gathers_s(1.0) == pytest.approx(GATHER_S)
    assert not line.gathers_s(1.0 + 1.01 * GATHER_S)


def test_nothing_waits_with_another_message_behind_it(line):
    gather(line)
    line.flush(1.0)
    gather(line)
    line.outbox.append((wire.Credit(1, 1), b""))
    assert not line.gathers_s(1.0)


def test_as_many_as_fit_into_a_message_do_not_wait(line):
    gather(line)
    line.flush(1.0)
    gather(line, wire.MAX_BLOCKS)
    assert not line.gathers_s(1.0)


def test_nothing_is_gathered_behind_other_messages(line):
    line.outbox = [(wire.Credit(1, 1), b"")]
    line.flush(1.0)
    gather(line)
    assert not line.gathers_s(1.0)


@pytest.mark.parametrize("size", [4, SMALL_BYTES + 4])
def test_small_blocks_of_a_publisher_are_gathered_and_large_ones_are_not(size, monkeypatch):
    posted = []
    monkeypatch.setattr(
        Connection, "post", lambda _self, _said, _half=None, gather=False: posted.append(gather)
    )
    publishing = Publishing("tcp://127.0.0.1:1")
    outgoing, _ = publishing._sharing.open("s", format_of((1,), 1.0))
    outgoing.opened = wire.Opened(1, 1, 1, 0, 1 << 20)
    x = np.zeros((size // 4, 1), np.float32)
    sent_at_once = publishing.send_at_once(outgoing, x)
    publishing.connection.run(publishing.send(outgoing, x, 0, None))
    publishing.connection.close()
    assert sent_at_once == (size == 4)
    assert posted == ([True, True] if size == 4 else [False])
