"""A subscriber over tcp; the daemon says what a test wants it to say."""

import threading

import numpy as np
import pytest

from corrente import (
    Closed,
    Format,
    FormatError,
    Lost,
    Publisher,
    Refused,
    Subscriber,
    Timeout,
    WireError,
    wire,
)

FORMAT = Format(kind="signal", shape=(1,), dtype="uint8", rate_hz=10.0)


def announce(index=0):
    return wire.Announce(1, 1, "s", "", "", FORMAT, index)


def block(index, count):
    return wire.Block(1, 1, index, count, index * 100_000_000), bytes(range(index, index + count))


@pytest.fixture
def sub(daemon, deadline_s):
    with Subscriber(daemon.address, "s", since="first", timeout_s=deadline_s) as sub:
        daemon.say(announce())
        yield sub


def test_take_gives_exactly_so_many_items_however_they_were_cut(daemon, sub):
    for start, count in [(0, 3), (3, 1), (4, 6), (10, 10)]:
        daemon.say(*block(start, count))
    taken = [sub.take(n) for n in (2, 5, 1, 12)]
    assert [got.index for got in taken] == [0, 2, 7, 8]
    assert [got.data[:, 0].tolist() for got in taken] == [
        [0, 1],
        [2, 3, 4, 5, 6],
        [7],
        [*range(8, 20)],
    ]
    assert [got.t_ns for got in taken] == [0, 200_000_000, 700_000_000, 800_000_000]
    assert not any(got.data.flags.writeable for got in taken)


def test_taking_and_iterating_go_on_from_each_other(daemon, sub):
    daemon.say(*block(0, 5))
    assert sub.take(2).index == 0
    rest = next(sub)
    assert (rest.index, rest.data[:, 0].tolist()) == (2, [2, 3, 4])


def test_take_raises_on_a_gap_and_goes_on_behind_it(daemon, sub):
    daemon.say(*block(0, 2))
    daemon.say(wire.Gap(1, 1, 2, 5, "dropped"))
    daemon.say(*block(5, 4))
    with pytest.raises(Lost, match="s: items 2 to 4 are missing"):
        sub.take(3)
    assert sub.take(4).index == 5


def test_take_raises_on_a_gap_between_two_items(daemon, sub):
    daemon.say(*block(0, 2))
    daemon.say(wire.Gap(1, 1, 2, 2, "source"))
    daemon.say(*block(2, 4))
    with pytest.raises(Lost, match="s: starts anew at item 2, behind a gap between its items"):
        sub.take(3)
    assert sub.take(4).index == 2


def test_take_says_what_ended_the_topic(daemon, sub):
    daemon.say(*block(0, 2))
    daemon.say(wire.End(1, 1, 2, "items 2 to 3 are missing"))
    with pytest.raises(Lost, match="s has ended at 2, 1 items short: items 2 to 3 are missing"):
        sub.take(3)


def test_take_raises_where_the_topic_ends(daemon, sub):
    daemon.say(*block(0, 2))
    daemon.say(wire.End(1, 1, 2))
    with pytest.raises(Lost, match="s has ended at 2, 1 items short"):
        sub.take(3)
    with pytest.raises(Lost, match="s has ended, 3 items short"):
        sub.take(3)


def settle(daemon, sub):
    """Until all that the daemon said has come; it is the last of this subscriber."""
    daemon.say(wire.Goodbye("that was all"))
    sub._connection._thread.join()


def test_a_timeout_takes_nothing_away(daemon):
    with Subscriber(daemon.address, "s", timeout_s=0.2) as sub:
        daemon.say(announce())
        daemon.say(*block(0, 2))
        daemon.say(*block(2, 1))
        with pytest.raises(Timeout, match=r"no block came within 0\.2 s"):
            sub.take(4)
        daemon.say(*block(3, 1))
        settle(daemon, sub)
        assert sub.take(4).data[:, 0].tolist() == [0, 1, 2, 3]


def test_iteration_goes_on_after_a_timeout(daemon):
    with Subscriber(daemon.address, "s", timeout_s=0.1) as sub:
        with pytest.raises(Timeout):
            next(sub)
        daemon.say(announce())
        daemon.say(*block(0, 1))
        settle(daemon, sub)
        for got in sub:
            assert got.index == 0
            break


def test_a_gap_and_the_end_come_in_their_places(daemon, sub):
    daemon.say(wire.Gap(1, 1, 0, 2, "expired"))
    daemon.say(*block(2, 2))
    daemon.say(*block(6, 1))
    daemon.say(wire.End(1, 1, 9))
    assert [(got.index, len(got.data), got.gap, got.last) for got in sub] == [
        (2, 2, (0, 2), False),
        (6, 1, (4, 6), False),
        (9, 0, (7, 9), True),
    ]


def test_items_missed_while_the_daemon_was_away_are_one_gap(daemon, sub):
    daemon.say(*block(0, 2))
    assert next(sub).index == 0
    daemon.restart()
    daemon.say(wire.Goodbye("restart", reconnect=True))
    # The goodbye reached nobody, since the daemon forgot everybody: the next message tells.
    sub._connection.post([(wire.Ping(), b"")])
    assert [said.since for said in daemon.hears(wire.Subscribe, 2)] == ["first", "first"]
    daemon.say(announce(index=7))
    daemon.say(*block(7, 1))
    got = next(sub)
    assert (got.index, got.gap) == (7, (2, 7))


def test_wildcards_bring_every_topic_they_match(daemon, deadline_s):
    with (
        Subscriber(daemon.address, "imu/*", timeout_s=deadline_s) as sub,
        Publisher(daemon.address) as pub,
    ):
        for name in ("imu/1", "cam/1", "imu/2"):
            pub.open(name, shape=(1,), rate_hz=1).send(np.zeros((3, 1), "float32"))
        assert [next(sub).stream for _ in range(2)] == ["imu/1", "imu/2"]


def test_credit_follows_what_the_user_takes(daemon, deadline_s):
    with Subscriber(daemon.address, "s", queue=4, timeout_s=deadline_s) as sub:
        daemon.say(announce())
        for k in range(4):
            daemon.say(*block(k, 1))
        for _ in range(4):
            next(sub)
        assert [said.blocks for said in daemon.hears(wire.Credit, 3)] == [4, 6, 8]


def test_a_refused_subscription_raises_with_the_remedy(daemon):
    daemon.refuses[wire.Subscribe] = wire.Refused(
        1, "no_backpressure", "edges has none", remedy="policy='drop'"
    )
    with pytest.raises(Refused, match="edges has none; policy='drop'"):
        Subscriber(daemon.address, "s", policy="wait")


def test_being_cut_off_raises_with_the_reason(daemon, sub):
    daemon.say(*block(0, 1))
    daemon.say(wire.Goodbye("nothing moved for 10 s"))
    assert next(sub).index == 0  # what came before is not lost
    with pytest.raises(Closed, match="nothing moved for 10 s"):
        next(sub)


def test_a_payload_that_contradicts_its_format_raises(daemon, sub):
    daemon.say(wire.Block(1, 1, 0, 3, 0), b"xy")
    with pytest.raises(WireError, match="3 items of 1 bytes came as 2 bytes"):
        next(sub)


@pytest.mark.slow
def test_nobody_there_times_out():
    with pytest.raises(Timeout, match="not subscribed within 10 s"):
        Subscriber("tcp://127.0.0.1:9", "s")


@pytest.mark.parametrize("timeout_s", [0, 1e-9])
def test_who_waits_for_no_block_still_waits_for_the_daemon(daemon, timeout_s):
    with Subscriber(daemon.address, "s", timeout_s=timeout_s) as sub:
        with pytest.raises(Timeout, match="no block came"):
            next(sub)
        daemon.say(announce())
        daemon.say(*block(0, 1))
        settle(daemon, sub)
        assert next(sub).index == 0


@pytest.mark.parametrize(
    ("topics", "options"),
    [
        ((), {}),
        (("a b",), {}),
        (("a",), {"since": "then"}),
        (("a",), {"since": -1}),
        (("a",), {"policy": "hope"}),
        (("a",), {"queue": 0}),
        (("a",), {"queue": 65537}),
        (("a",), {"queue": 2.5}),
        (("a",), {"since": 2**64}),
        (("a",), {"since": 1.5}),
        (("a",), {"since": None}),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_it_is_sent(daemon, topics, options):
    with pytest.raises(FormatError):
        Subscriber(daemon.address, *topics, **options)


def test_numbers_and_names_may_be_numpys(daemon):
    topic, since, queue = np.str_("s"), np.int64(7), np.uint8(4)
    with Subscriber(daemon.address, topic, since=since, queue=queue):
        [said] = daemon.hears(wire.Subscribe)
    assert (said.patterns, said.since, said.queue) == (("s",), 7, 4)


def test_take_needs_one_topic(daemon):
    with Subscriber(daemon.address, "a/*") as sub, pytest.raises(ValueError, match="one topic"):
        sub.take(1)


def test_closing_from_another_thread_ends_the_wait(daemon):
    sub = Subscriber(daemon.address, "s")
    closer = threading.Timer(0.05, sub.close)
    closer.start()
    with pytest.raises(Closed):
        next(sub)
    closer.join()
    sub.close()


def test_take_refuses_events_and_takes_nothing_away(daemon, deadline_s):
    events = Format(kind="events", shape=(1,), dtype="float64", labels=("index",))
    with Subscriber(daemon.address, "s", since="first", timeout_s=deadline_s) as sub:
        daemon.say(wire.Announce(1, 1, "s", "", "", events, 0))
        daemon.say(wire.Block(1, 1, 0, 5, 0), np.array([1.5]).tobytes())
        for _ in range(2):
            with pytest.raises(FormatError, match=r"s gives events, .* iterate over the blocks"):
                sub.take(3)
        block = next(sub)
    assert (block.index, block.stop, block.data.tolist()) == (0, 5, [[1.5]])
