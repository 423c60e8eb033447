"""The subscriber's half of the protocol, without a socket."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from corrente import Format, Refused, WireError, wire
from corrente.credit import WINDOW_BYTES
from corrente.link import Disorder, Envelope
from corrente.receiving import Receiving

FORMAT = Format(kind="signal", shape=(2,), dtype="int16", rate_hz=1.0)
DAEMON, OTHER = b"d" * 16, b"e" * 16
NOTHING = memoryview(b"")


def only_credit(said: list[Envelope]) -> wire.Credit:
    """The credit that is all that was said."""
    [(credit, _)] = said
    assert isinstance(credit, wire.Credit)
    return credit


def only_subscribe(said: list[Envelope]) -> wire.Subscribe:
    """The subscription that is all that was said."""
    [(subscribe, _)] = said
    assert isinstance(subscribe, wire.Subscribe)
    return subscribe


class Talk:
    """A half with a confirmed subscription, and a daemon that announces topics by number."""

    def __init__(self, *patterns, since="now", policy="drop", queue=256):
        self.half = Receiving(patterns or ("t1",), since, policy, queue)
        self.connect()

    def connect(self, daemon=DAEMON):
        self.subscribe = only_subscribe(self.half.welcomed(daemon))
        return self.hear(wire.Subscribed(self.subscribe.request, ended=3))

    def reconnect(self, daemon=DAEMON):
        self.half.lost()
        self.connect(daemon)

    def hear(self, message, payload=NOTHING):
        return self.half.received(message, payload)

    def announce(self, topic=1, index=0, epoch=1, format=FORMAT, name="", revision=0):
        stream = name or f"t{topic}"
        self.hear(wire.Announce(topic, epoch, stream, "", "", format, index, revision))

    def block(self, index, count=1, topic=1, epoch=1):
        payload = np.arange(2 * index, 2 * (index + count), dtype="<i2").tobytes()
        return self.hear(
            wire.Block(topic, epoch, index, count, 10 * index), memoryview(bytearray(payload))
        )

    def blocks(self, *parts):
        """One message of blocks, each `(topic, index, count)`."""
        blocks = tuple(wire.Block(topic, 1, index, n, 10 * index) for topic, index, n in parts)
        payloads = [np.arange(2 * k, 2 * (k + n), dtype="<i2").tobytes() for _, k, n in parts]
        several = wire.Blocks(blocks, tuple(map(len, payloads)))
        return self.hear(several, memoryview(b"".join(payloads)))

    def gap(self, start, stop, topic=1, epoch=1):
        self.hear(wire.Gap(topic, epoch, start, stop, "dropped"))

    def end(self, index, topic=1, epoch=1):
        self.hear(wire.End(topic, epoch, index))

    def taken(self):
        """(index, number of items, gap) of every block that waits."""
        blocks = []
        while self.half.has_block:
            block, _ = self.half.take()
            blocks.append((block.index, len(block.data), block.gap))
        return blocks


def test_a_block_says_what_it_is():
    talk = Talk("imu/*/p/s")
    talk.hear(wire.Announce(3, 4, "imu/7", "p", "s", FORMAT, 5))
    talk.block(5, count=3, topic=3, epoch=4)
    block, _ = talk.half.take()
    assert (block.stream, block.pipeline, block.stage) == ("imu/7", "p", "s")
    assert block.topic == "imu/7/p/s"
    assert (block.index, block.t_ns, block.format, block.gap) == (5, 50, FORMAT, None)
    assert block.data.tolist() == [[10, 11], [12, 13], [14, 15]]
    assert not block.data.flags.writeable
    assert not block.last


def test_several_blocks_in_one_message_are_what_each_would_be_alone():
    parts = [(1, 0, 2), (2, 7, 1), (1, 2, 1), (2, 9, 3), (1, 3, 0)]
    alone, together = Talk("*"), Talk("*")
    for talk in (alone, together):
        talk.announce(1)
        talk.announce(2, index=7)
    for topic, index, count in parts:
        alone.block(index, count, topic=topic)
    together.blocks(*parts)
    for talk in (alone, together):
        talk.hear(wire.Pong(2 + len(parts)))
    while alone.half.has_block:
        (one, credit), (other, other_credit) = alone.half.take(), together.half.take()
        assert (one.topic, one.index, one.gap, one.t_ns) == (
            *(other.topic, other.index, other.gap, other.t_ns),
        )
        assert one.data.tolist() == other.data.tolist()
        assert credit == other_credit
    assert not together.half.has_block


def test_a_block_of_several_keeps_no_memory_but_its_own():
    talk = Talk()
    talk.announce()
    talk.blocks(*((1, index, 1) for index in range(256)))
    block, _ = talk.half.take()
    held: Any = block.data
    while not isinstance(held, bytes):
        held = held.base if isinstance(held, np.ndarray) else held.obj
    assert len(held) == block.data.nbytes
    assert not block.data.flags.writeable


def test_a_block_among_several_that_is_not_due_is_told_to_the_link_behind_those_before_it():
    talk = Talk("*")
    talk.announce(1)
    talk.announce(2)
    with pytest.raises(Disorder):
        talk.blocks((1, 0, 1), (2, 0, 1), (1, 0, 1), (2, 1, 1))
    assert talk.taken() == [(0, 1, None), (0, 1, None)]


def test_a_block_of_several_may_not_be_of_another_size_than_its_items():
    talk = Talk("*")
    talk.announce(1)
    blocks = (wire.Block(1, 1, 0, 1, 0), wire.Block(1, 1, 1, 1, 0))
    with pytest.raises(WireError, match="1 items of 4 bytes came as 3 bytes"):
        talk.hear(wire.Blocks(blocks, (3, 5)), memoryview(bytes(8)))


def test_several_blocks_have_1_mib_at_most_and_one_may_have_more():
    wide = Format(kind="signal", shape=(1 << 19,), dtype="uint8", rate_hz=1.0)
    talk = Talk()
    talk.announce(format=wide)
    talk.hear(
        wire.Blocks(tuple(wire.Block(1, 1, k, 1, 0) for k in range(2)), (1 << 19,) * 2),
        memoryview(bytes(1 << 20)),
    )
    talk.hear(wire.Blocks((wire.Block(1, 1, 2, 3, 0),), (3 << 19,)), memoryview(bytes(3 << 19)))
    assert [count for _, count, _ in talk.taken()] == [1, 1, 3]
    blocks = tuple(wire.Block(1, 1, k, 0, 0) for k in range(5, 8))
    with pytest.raises(WireError, match="1048576 bytes"):
        talk.hear(wire.Blocks(blocks, ((1 << 20) + 1, 0, 0)), memoryview(bytes((1 << 20) + 1)))


def test_touching_gaps_are_one_before_the_next_items():
    talk = Talk()
    talk.announce()
    talk.block(0)
    talk.gap(1, 4)
    talk.gap(4, 6)
    talk.block(8)
    talk.block(9)
    assert talk.taken() == [(0, 1, None), (8, 1, (1, 8)), (9, 1, None)]


def test_a_gap_between_two_items_is_told_though_none_is_missing():
    talk = Talk()
    talk.announce()
    talk.block(0)
    talk.gap(1, 1)
    talk.gap(1, 1)  # two gaps of the source, with nothing of this topic between them
    talk.block(1)
    talk.block(2)
    talk.gap(3, 4)
    talk.gap(4, 4)
    talk.block(4)
    talk.gap(5, 5)
    talk.gap(5, 6)
    talk.end(6)
    assert talk.taken() == [
        (0, 1, None),
        (1, 1, (1, 1)),
        (2, 1, None),
        (4, 1, (3, 4)),
        (6, 0, (5, 6)),
    ]


def test_a_gap_between_two_items_below_the_first_one_wanted_says_nothing():
    talk = Talk(since=12)
    talk.announce(index=8)
    talk.gap(8, 8)
    talk.block(8, count=8)
    assert talk.taken() == [(12, 4, None)]


def test_an_end_tells_its_reason():
    talk = Talk("t1", "t2")
    for topic in (1, 2):
        talk.announce(topic)
        talk.block(0, topic=topic)
    talk.hear(wire.End(1, 1, 1, "items 1 to 3 are missing"))
    talk.end(1, topic=2)
    blocks = [talk.half.take()[0] for _ in range(4)]
    assert [(block.last, block.error) for block in blocks] == [
        (False, ""),
        (False, ""),
        (True, "items 1 to 3 are missing"),
        (True, ""),
    ]


def test_a_gap_before_the_end_comes_with_the_end():
    talk = Talk()
    talk.announce()
    talk.gap(0, 3)
    talk.end(5)
    block, _ = talk.half.take()
    assert (block.index, block.gap, block.last, block.data.shape) == (5, (0, 5), True, (0, 2))
    assert talk.half.is_finished


def test_expired_history_is_a_gap_before_the_first_item():
    talk = Talk(since="first")
    talk.announce(index=40)
    talk.gap(0, 40)
    talk.block(40)
    assert talk.taken() == [(40, 1, (0, 40))]


def test_since_names_the_first_item_wanted_of_a_stream_yet_to_begin():
    talk = Talk(since=5)
    talk.announce()
    talk.block(0, count=2)
    talk.gap(2, 4)
    talk.block(4, count=3)
    block, _ = talk.half.take()
    assert (block.index, block.gap, block.t_ns) == (5, None, 40 + 1_000_000_000)
    assert block.data.tolist() == [[10, 11], [12, 13]]
    talk.end(9)
    assert talk.taken() == [(9, 0, (7, 9))]


def test_since_beyond_the_live_index_begins_there_also_after_a_reconnect():
    talk = Talk(since=15)
    talk.announce(index=10)
    talk.block(10, count=2)
    talk.reconnect()
    assert talk.subscribe.since == 15
    talk.announce(index=12)
    talk.block(12, count=2)
    talk.reconnect(OTHER)
    talk.announce(index=14)
    talk.gap(14, 17)
    talk.block(17)
    assert talk.taken() == [(17, 1, (15, 17))]


def test_a_gap_below_the_first_item_wanted_says_nothing():
    talk = Talk(since=15)
    talk.announce(index=10)
    talk.gap(10, 15)
    talk.block(15)
    talk.announce(2, index=10)
    talk.gap(10, 12, topic=2)
    talk.end(12, topic=2)
    assert talk.taken() == [(15, 1, None), (12, 0, None)]


def test_who_joins_now_misses_nothing():
    talk = Talk()
    talk.announce(index=40)
    talk.block(40)
    assert talk.taken() == [(40, 1, None)]


def test_the_gaps_of_one_topic_are_not_those_of_another():
    talk = Talk("*")
    talk.announce(1)
    talk.announce(2)
    talk.gap(0, 3, topic=1)
    talk.block(0, topic=2)
    talk.block(3, topic=1)
    assert talk.taken() == [(0, 1, None), (3, 1, (0, 3))]


def test_what_was_missed_while_away_is_one_gap():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    talk.gap(5, 7)
    talk.reconnect()
    assert talk.subscribe.since == "first"
    talk.announce(index=20)
    talk.gap(0, 20)
    talk.gap(20, 22)
    talk.block(22)
    assert talk.taken() == [(0, 5, None), (22, 1, (5, 22))]


def test_a_topic_that_began_while_away_has_lost_its_beginning():
    talk = Talk("*")
    talk.reconnect()
    talk.announce(index=20)
    talk.gap(0, 20)
    talk.block(20)
    assert talk.taken() == [(20, 1, (0, 20))]


def test_nothing_is_missing_where_the_topic_stood_still():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    for _ in range(2):
        talk.reconnect()
        talk.announce(index=5)
        talk.gap(0, 5)
    talk.block(5)
    assert talk.taken() == [(0, 5, None), (5, 1, None)]


def test_a_topic_joined_now_and_lost_before_its_first_item_goes_on_from_there():
    talk = Talk()
    talk.announce(index=10)
    talk.reconnect()
    talk.announce(index=12)
    talk.gap(0, 12)
    talk.block(12)
    assert talk.taken() == [(12, 1, (10, 12))]


def test_a_publisher_that_goes_on_at_a_new_daemon_has_one_gap():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    talk.reconnect(OTHER)
    talk.announce(index=0, epoch=2)
    talk.gap(0, 8, epoch=2)
    talk.block(8, epoch=2)
    assert talk.taken() == [(0, 5, None), (8, 1, (5, 8))]


def test_a_publisher_that_goes_on_at_a_new_daemon_without_loss_has_none():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    talk.reconnect(OTHER)
    talk.announce(index=0)
    talk.gap(0, 5)
    talk.block(5)
    assert talk.taken() == [(0, 5, None), (5, 1, None)]


def test_two_new_daemons_without_a_block_between_them_are_one_gap():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    for daemon in (OTHER, b"f" * 16):
        talk.reconnect(daemon)
        talk.announce(index=9)
        talk.gap(0, 9)
    talk.block(9)
    assert talk.taken() == [(0, 5, None), (9, 1, (5, 9))]


def test_a_new_daemon_may_be_lost_before_it_announces_anything():
    talk = Talk()
    talk.announce()
    talk.block(0, count=5)
    talk.reconnect(OTHER)
    talk.reconnect(OTHER)
    talk.announce(index=0)
    talk.gap(0, 9)
    talk.block(9)
    talk.reconnect(DAEMON)
    talk.reconnect(DAEMON)
    talk.announce(index=2)
    talk.block(2)
    talk.block(3)
    assert talk.taken() == [(0, 5, None), (9, 1, (5, 9)), (2, 1, (0, 2)), (3, 1, None)]


def test_a_stream_begun_anew_at_a_new_daemon_starts_over():
    talk = Talk("*")
    talk.announce()
    talk.block(0, count=5)
    talk.reconnect(OTHER)
    talk.announce(2)  # ids are the daemon's: this one is not that of before
    talk.announce(1)
    talk.block(2)
    talk.block(3)
    assert talk.taken() == [(0, 5, None), (2, 1, (0, 2)), (3, 1, None)]


def test_a_new_daemon_may_give_a_topic_the_id_another_had():
    talk = Talk("*")
    talk.announce(1)
    talk.block(0, count=5)
    talk.reconnect(OTHER)
    talk.hear(wire.Announce(1, 1, "t2", "", "", FORMAT, 0))
    talk.hear(wire.Announce(2, 1, "t1", "", "", FORMAT, 0))
    talk.block(7, topic=2)
    assert talk.taken() == [(0, 5, None), (7, 1, (5, 7))]


def test_a_topic_begun_anew_while_away_starts_over():
    talk = Talk("*")
    talk.announce()
    talk.block(0, count=5)
    talk.reconnect()
    with pytest.raises(Disorder):  # the end of the first was to come before: it is asked for again
        talk.announce(2, index=2, epoch=2, name="t1")
    talk.reconnect()
    talk.announce(2, index=2, epoch=2, name="t1")
    talk.gap(0, 2, topic=2, epoch=2)
    talk.block(2, topic=2, epoch=2)
    assert talk.taken() == [(0, 5, None), (2, 1, (0, 2))]


def test_a_topic_may_end_and_begin_again():
    talk = Talk("*")
    talk.announce()
    talk.block(0)
    talk.end(1)
    talk.announce(2, epoch=2, name="t1")
    talk.block(0, topic=2, epoch=2)
    assert talk.taken() == [(0, 1, None), (1, 0, None), (0, 1, None)]
    assert not talk.half.is_finished


def test_a_topic_is_not_told_behind_one_that_began_after_it():
    talk = Talk("*")
    talk.announce(2, name="t1")
    talk.block(0, topic=2)
    talk.reconnect()
    talk.announce(1, index=3, name="t1")
    talk.gap(0, 3)
    talk.end(3)
    talk.announce(2, index=1, name="t1")
    talk.block(1, topic=2)
    assert talk.taken() == [(0, 1, None), (1, 1, None)]


def test_a_topic_may_not_take_the_place_of_one_whose_end_has_yet_to_come():
    talk = Talk("**")
    talk.announce(1, name="t1")
    talk.announce(1, name="t2")
    for _ in range(2):
        with pytest.raises(Disorder):
            talk.announce(2, name="t1")
        talk.reconnect()
        talk.announce(1, name="t1")


def test_a_takeover_goes_on_with_the_indices():
    talk = Talk()
    talk.announce()
    talk.block(0, count=3)
    talk.announce(index=4, epoch=2)
    talk.block(4, epoch=2)
    assert talk.taken() == [(0, 3, None), (4, 1, (3, 4))]


def test_it_is_finished_when_every_topic_without_a_wildcard_has_ended():
    talk = Talk("t1", "t2", "x/**")
    for topic in (1, 2):
        assert not talk.half.is_finished
        talk.announce(topic)
        talk.end(0, topic=topic)
    assert talk.half.is_finished


@pytest.mark.parametrize(
    "misdeed",
    [
        lambda talk: talk.gap(5, 4),
        lambda talk: talk.hear(wire.Block(1, 1, 0, 1, 0), memoryview(b"xyz")),
        lambda talk: talk.hear(wire.Block(1, 1, 0, 2, 0), memoryview(b"abcd")),
    ],
    ids=["a gap that ends before it begins", "half an item", "an item too few"],
)
def test_a_daemon_that_breaks_the_protocol_is_told_apart(misdeed):
    talk = Talk()
    talk.announce()
    with pytest.raises(WireError):
        misdeed(talk)


@pytest.mark.parametrize(
    "sign",
    [
        lambda talk: talk.block(0, topic=9),
        lambda talk: talk.block(0, epoch=9),
        lambda talk: talk.gap(0, 1, topic=9),
        lambda talk: talk.end(0, topic=9),
        lambda talk: talk.hear(wire.Pong(3)),
        lambda talk: talk.hear(wire.Pong(5)),
    ],
    ids=["block", "epoch", "gap", "end", "fewer messages", "more messages"],
)
def test_a_sign_that_a_message_was_lost_is_told_to_the_link(sign):
    talk = Talk()
    talk.announce()
    talk.block(0)
    talk.gap(1, 2)
    talk.block(2)
    talk.hear(wire.Pong(4))
    with pytest.raises(Disorder):
        sign(talk)


def test_what_was_sent_is_counted_anew_on_every_connection():
    talk = Talk()
    talk.announce()
    talk.block(0)
    talk.reconnect()
    talk.hear(wire.Pong(0))
    talk.announce(index=1)
    talk.hear(wire.Pong(1))
    talk.half.lost()
    talk.hear(wire.Pong(17))


@pytest.mark.parametrize(
    "late",
    [
        lambda talk: talk.announce(),
        lambda talk: talk.announce(topic=2, name="t1"),
        lambda talk: talk.block(4),
        lambda talk: talk.block(2, count=3),
        lambda talk: talk.gap(1, 3),
        lambda talk: [talk.gap(5, 7), talk.gap(5, 7)],
        lambda talk: talk.end(4),
        lambda talk: talk.hear(wire.Subscribed(talk.subscribe.request, ended=3)),
    ],
    ids=["announce", "another's", "block", "overlap", "gap", "gap twice", "end", "subscribed"],
)
def test_what_comes_twice_or_late_is_told_to_the_link_and_not_to_the_user(late):
    talk = Talk()
    talk.announce()
    talk.block(0, count=2)
    talk.block(4)
    with pytest.raises(Disorder):
        late(talk)
    assert talk.taken() == [(0, 2, None), (4, 1, (2, 4))]


def test_a_block_behind_the_end_is_told_to_the_link():
    talk = Talk("*")
    talk.announce()
    talk.end(0)
    with pytest.raises(Disorder):
        talk.block(0)
    for late in (talk.announce, lambda: talk.block(0)):
        talk.reconnect()
        talk.announce()
        with pytest.raises(Disorder):
            late()


def test_what_is_no_longer_kept_is_known_by_the_announcement():
    for since, gap in (("first", (0, 40)), (15, (15, 40)), ("now", None)):
        talk = Talk(since=since)
        talk.announce(index=40)
        talk.reconnect()
        talk.announce(index=40)
        talk.block(40)
        assert talk.taken() == [(40, 1, gap)]


def test_ends_are_asked_for_again_until_those_that_were_told_have_come():
    talk = Talk()
    for _ in range(2):
        talk.half.lost()
        subscribe = only_subscribe(talk.half.welcomed(DAEMON))
        assert subscribe.ended == 3
        talk.hear(wire.Subscribed(subscribe.request, ended=9))
        talk.hear(wire.Pong(0))  # it may stand before what is told
    talk.announce()
    talk.hear(wire.Pong(1))
    talk.half.lost()
    assert only_subscribe(talk.half.welcomed(DAEMON)).ended == 9


def test_an_end_is_told_once_however_often_the_daemon_tells_it():
    talk = Talk("*")
    talk.announce()
    talk.end(0)
    talk.reconnect()
    talk.announce()
    talk.end(0)
    talk.reconnect()
    talk.announce()
    talk.end(0)
    assert talk.taken() == [(0, 0, None)]


def test_a_topic_that_ended_while_away_ends_behind_what_was_missed():
    talk = Talk()
    talk.announce()
    talk.block(0, count=2)
    talk.reconnect()
    assert talk.subscribe.ended == 3
    talk.announce(index=7)
    talk.gap(0, 7)
    talk.end(7)
    assert talk.taken() == [(0, 2, None), (7, 0, (2, 7))]
    assert talk.half.is_finished


def test_another_daemon_may_begin_a_topic_with_an_id_that_had_ended():
    talk = Talk("*")
    talk.announce()
    talk.end(0)
    talk.reconnect(OTHER)
    assert talk.subscribe.ended is None
    talk.announce()
    talk.block(0)
    assert talk.taken() == [(0, 0, None), (0, 1, None)]


def test_it_subscribes_with_every_heartbeat_until_that_is_confirmed_and_then_grants_again():
    half = Receiving(("t1",))
    first, second = only_subscribe(half.welcomed(DAEMON)), only_subscribe(half.beat())
    assert (second.request, second.ended) == (first.request + 1, None)
    assert half.received(wire.Subscribed(first.request), NOTHING) == []
    assert not half.is_subscribed
    granted = half.received(wire.Subscribed(second.request), NOTHING)
    assert half.beat() == half.beat() == granted


def test_a_stage_that_was_changed_has_another_revision():
    talk = Talk()
    talk.announce()
    talk.block(0)
    talk.announce(index=1, revision=1)
    talk.block(1)
    blocks = [talk.half.take()[0] for _ in range(2)]
    assert [(block.index, block.gap, block.revision) for block in blocks] == [
        (0, None, 0),
        (1, None, 1),
    ]


def test_what_was_meant_for_the_connection_before_is_ignored():
    talk = Talk()
    talk.announce()
    talk.half.lost()
    talk.half.welcomed(DAEMON)
    talk.block(0)
    assert talk.taken() == []


def test_a_refusal_is_why_nothing_comes():
    talk = Talk()
    talk.hear(wire.Refused(1, "no_backpressure", "drop it"))
    assert isinstance(talk.half.error, Refused)
    assert talk.half.error.code == "no_backpressure"


@pytest.mark.parametrize("queue", [1, 2, 3, 64, 1000])
def test_credit_grows_by_what_was_taken_and_never_stops(queue):
    half = Receiving(("t1",), queue=queue)
    half.welcomed(DAEMON)
    credit = only_credit(half.received(wire.Subscribed(1), NOTHING))
    assert credit == wire.Credit(min(queue, 64), 8 << 20)
    half.received(wire.Announce(1, 1, "t1", "", "", FORMAT, 0), NOTHING)
    for index in range(500):
        assert half.received(wire.Block(1, 1, index, 1, 0), memoryview(bytes(4))) == []
        if index + 1 < credit.blocks:
            continue
        while half.has_block:
            for said in half.take()[1]:
                granted = only_credit([said])
                assert granted.blocks > credit.blocks
                credit = granted
        assert index + 1 < credit.blocks <= index + 1 + min(queue, 64)


@pytest.mark.parametrize("queue", [1, 8, 256])
def test_who_holds_the_publisher_back_says_of_every_block_that_it_was_taken(queue):
    talk = Talk(policy="wait", queue=queue)
    window = min(queue, 64)
    talk.announce()
    for index in range(window):
        assert talk.block(index) == []
    said = [only_credit(talk.half.take()[1]).blocks for _ in range(window)]
    assert said == list(range(window + 1, 2 * window + 1))


def test_a_block_larger_than_the_bytes_granted_is_made_up_for():
    frames = Format(kind="frames", shape=(4096, 4096), dtype="uint8", rate_hz=1.0)
    talk = Talk()
    talk.announce(format=frames)
    size = 4096 * 4096
    assert talk.hear(wire.Block(1, 1, 0, 1, 0), memoryview(bytes(size))) == []
    _, said = talk.half.take()
    assert only_credit(said).payload_bytes == size + WINDOW_BYTES


def test_after_a_reconnect_credit_leaves_room_for_what_still_waits():
    talk = Talk(queue=4)
    talk.announce()
    talk.block(0)
    talk.block(1)
    talk.block(2)
    talk.half.lost()
    assert only_credit(talk.connect()).blocks == 1
    talk.announce(index=3)
    talk.half.take()
    _, said = talk.half.take()
    assert only_credit(said).blocks == 3


def test_items_that_are_not_wanted_cost_nothing():
    talk = Talk(since=1999, queue=2)
    talk.announce()
    said = [only_credit(said) for k in range(20) if (said := talk.block(100 * k, count=100))]
    assert said[-1] == wire.Credit(21, 19 * 400 + WINDOW_BYTES)
    _, credit = talk.half.take()
    assert only_credit(credit) == wire.Credit(22, 20 * 400 + WINDOW_BYTES)


def test_blocks_without_items_cost_nothing():
    talk = Talk(queue=2)
    talk.announce()
    said = [talk.hear(wire.Block(1, 1, 0, 0, 0)) for _ in range(10)]
    assert not talk.half.has_block
    assert sum(map(len, said)) >= 5


EVENTS = Format(
    kind="events",
    shape=(2,),
    dtype="float64",
    labels=("index", "direction"),
    origin=Fraction(1, 2),
    stride=Fraction(2),
)


def hear_events(talk, index, count, *rows):
    payload = np.array(rows, "<f8").tobytes()
    return talk.hear(wire.Block(1, 1, index, count, 0), memoryview(bytearray(payload)))


def test_a_block_of_events_says_what_it_covers():
    talk = Talk()
    talk.announce(format=EVENTS)
    hear_events(talk, 0, 4, (0.5, 1), (3.75, -1))
    hear_events(talk, 4, 3)
    first, _ = talk.half.take()
    assert (first.index, first.count, first.stop) == (0, 4, 4)
    assert first.data.tolist() == [[0.5, 1], [3.75, -1]]
    assert not first.data.flags.writeable
    second, _ = talk.half.take()
    assert (second.index, second.count, second.stop) == (4, 3, 7)
    assert second.data.shape == (0, 2)
    assert not talk.half.has_block


def test_of_events_before_the_first_item_wanted_nothing_comes():
    # item 3 lies at 6.5 of the source
    talk = Talk(since=3)
    talk.announce(format=EVENTS)
    hear_events(talk, 0, 2, (0.5, 1))
    hear_events(talk, 2, 4, (4.5, 1), (6.4, -1), (6.5, 1), (12.4, -1))
    block, _ = talk.half.take()
    assert (block.index, block.stop, block.gap) == (3, 6, None)
    assert block.data.tolist() == [[6.5, 1], [12.4, -1]]
    assert not talk.half.has_block


def test_the_end_of_events_covers_nothing():
    talk = Talk()
    talk.announce(format=EVENTS)
    hear_events(talk, 0, 2)
    talk.gap(2, 5)
    talk.end(5)
    _, last = talk.half.take()[0], talk.half.take()[0]
    assert (last.index, last.stop, last.gap, last.last) == (5, 5, (2, 5), True)
    assert last.data.shape == (0, 2)


@pytest.mark.parametrize(
    ("count", "size", "complaint"),
    [
        (4, 24, "whole rows of 16 bytes"),
        (4, 8, "whole rows of 16 bytes"),
        (0, 16, "at most 0 bytes"),
    ],
)
def test_the_rows_of_events_are_whole_and_of_some_item(count, size, complaint):
    talk = Talk()
    talk.announce(format=EVENTS)
    with pytest.raises(WireError, match=complaint):
        talk.hear(wire.Block(1, 1, 0, count, 0), memoryview(bytes(size)))


def test_no_block_has_more_events_than_64_mib():
    talk = Talk()
    talk.announce(format=EVENTS)
    with pytest.raises(WireError, match="at most 67108864 bytes"):
        talk.hear(wire.Block(1, 1, 0, 1, 0), memoryview(bytes((64 << 20) + 16)))


def test_blocks_without_events_fill_the_window_until_they_are_taken():
    talk = Talk(queue=4)
    talk.announce(format=EVENTS)
    said = [hear_events(talk, k, 1) for k in range(4)]
    assert said == [[]] * 4  # all four of the window wait
    granted = [credit for _ in range(4) for credit in talk.half.take()[1]]
    assert granted
    assert only_credit(granted[-1:]).blocks == 8
