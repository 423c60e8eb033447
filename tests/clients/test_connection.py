"""The thread of a connection, where its half has a defect."""

import pytest

from corrente import Closed, wire
from corrente.connection import Connection
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
