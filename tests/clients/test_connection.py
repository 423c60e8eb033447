"""The thread of a connection, where its half has a defect."""

import pytest

from corrente import Closed
from corrente.connection import Connection


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


def test_a_defect_in_the_thread_is_told_to_whoever_waits(daemon, deadline_s):
    connection = Connection(daemon.address, Defective())
    with (
        connection.changed,
        pytest.raises(Closed, match="ZeroDivisionError") as caught,
    ):
        connection.wait(lambda: False, deadline_s, "nothing came")
    connection.close()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
