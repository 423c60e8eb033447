"""The thread of a connection, where its half has a defect."""

import pytest

from corrente import Closed
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
