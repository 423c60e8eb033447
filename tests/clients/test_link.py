"""The life of a connection on a clock of the test's own."""

import pytest

from corrente import Closed, Refused, wire
from corrente.link import RETRY_S, Disorder, Link, new_instance

NOTHING = memoryview(b"")
WELCOME = wire.Welcome(1, b"d" * 16)


class Echo:
    """A half that notes what it is told."""

    def __init__(self):
        self.told = []

    def welcomed(self, daemon):
        self.told.append("welcomed")
        return [(wire.Status(1), b"")]

    def lost(self):
        self.told.append("lost")

    def beat(self):
        self.told.append("beat")
        return [(wire.Status(2), b"")]

    def received(self, message, payload):
        self.told.append(message)
        return []


@pytest.fixture
def half():
    return Echo()


@pytest.fixture
def link(half):
    return Link(half, b"i" * 16)


def said(envelopes):
    return [type(message) for message, _ in envelopes]


def test_it_says_hello_first_and_the_half_speaks_when_welcomed(link, half):
    [(hello, _)] = link.greet(0.0)
    assert (hello.oldest_version, hello.newest_version, hello.instance) == (1, 1, b"i" * 16)
    assert said(link.received(WELCOME, NOTHING, 0.1)) == [wire.Status]
    assert link.state == "up"


def test_what_comes_before_the_welcome_is_ignored(link, half):
    link.greet(0.0)
    assert link.received(wire.Subscribed(1), NOTHING, 0.1) == []
    assert half.told == []


def test_it_pings_every_second_and_is_due_when_it_should(link):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    pings = []
    now = 0.0
    while now < 10:
        now = link.due
        if envelopes := link.tick(now):
            assert said(envelopes) == [wire.Ping, wire.Status]  # the half's beat
            pings.append(now)
        link.received(wire.Pong(), NOTHING, now)
    assert pings == pytest.approx([*range(1, 11)])


class Confused(Echo):
    """A half that misses something before whatever comes."""

    def received(self, message, payload):
        raise Disorder


def test_a_half_that_misses_something_greets_again():
    half = Confused()
    link = Link(half, b"i" * 16)
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    assert link.received(wire.End(1, 1, 1), NOTHING, 0.5) == []
    assert link.state == "lost"
    assert link.due == pytest.approx(0.5 + RETRY_S)
    assert half.told == ["welcomed", "lost"]


def test_silence_loses_the_connection_and_it_greets_again(link, half):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.5)
    link.tick(3.4)
    assert link.state == "up"
    link.tick(3.5)
    assert link.state == "lost"
    assert link.due == pytest.approx(3.5 + RETRY_S)
    assert half.told == ["welcomed", "beat", "lost"]
    assert said(link.greet(link.due)) == [wire.Hello]


def test_no_answer_to_the_hello_is_silence_too(link, half):
    link.greet(0.0)
    link.tick(wire.SILENCE_S)
    assert link.state == "lost"
    assert half.told == []


@pytest.mark.parametrize(
    "message",
    [
        wire.Goodbye("restart", reconnect=True),
        wire.Refused(0, "unknown_peer", "say hello"),
        wire.Refused(3, "stopping", "come back"),
    ],
)
def test_it_comes_back_when_it_may(link, half, message):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    link.received(message, NOTHING, 1.0)
    assert link.state == "lost"
    assert half.told == ["welcomed", "lost"]
    assert link.received(wire.Subscribed(1), NOTHING, 1.0) == []


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        (wire.Goodbye("too slow"), Closed),
        (wire.Refused(0, "version", "2 to 3"), Refused),
        (wire.Refused(0, "bad_message", "what?"), Refused),
    ],
)
def test_it_stays_away_when_it_must(link, message, failure):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    link.received(message, NOTHING, 1.0)
    link.lose(2.0)
    assert link.state == "over"
    assert isinstance(link.failure, failure)


def test_a_daemon_that_is_full_ends_it_at_the_greeting_only(link):
    full = wire.Refused(0, "too_large", "too many clients")
    link.greet(0.0)
    link.received(full, NOTHING, 0.1)
    assert (link.state, link.failure.code) == ("over", "too_large")
    other = Link(Echo(), b"j" * 16)
    other.greet(0.0)
    other.received(WELCOME, NOTHING, 0.0)
    other.received(full, NOTHING, 0.1)
    assert other.state == "up"


def test_a_ping_is_answered(link):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    assert said(link.received(wire.Ping(), NOTHING, 0.1)) == [wire.Pong]


def test_it_takes_its_leave_only_where_it_was_welcomed(link):
    link.greet(0.0)
    assert link.leave() == []
    other = Link(Echo(), b"j" * 16)
    other.greet(0.0)
    other.received(WELCOME, NOTHING, 0.0)
    assert said(other.leave()) == [wire.Goodbye]


def test_an_instance_never_begins_with_zero():
    instances = {new_instance() for _ in range(1000)}
    assert len(instances) == 1000
    assert all(len(instance) == 16 and instance[0] for instance in instances)


def test_silence_is_noticed_at_the_time_it_is_due(link):
    for now in (0.1, 0.7, 6.585165880242133):
        link.greet(now)
        link.tick(link.due)
        assert link.state == "lost"


def test_a_second_welcome_begins_the_connection_anew(link, half):
    link.greet(0.0)
    link.received(WELCOME, NOTHING, 0.0)
    assert said(link.received(WELCOME, NOTHING, 0.1)) == [wire.Status]
    assert half.told == ["welcomed", "lost", "welcomed"]
