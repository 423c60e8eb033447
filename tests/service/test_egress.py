"""The daemon's half of subscribing, without a socket."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from corrente import wire
from corrente.format import format_of
from corrente_service.egress import ENDED_TOPICS
from tests.service.exchange import IMU, MEAN, PATIENT, Exchange, kinds, ramp


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(MEAN)


def test_whoever_was_there_before_the_stream_gets_index_zero_and_the_format_first(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    assert kinds(subscriber.subscribe("imu/*/mean/smooth")) == ["Subscribed"]
    publisher.open()
    publisher.send(0, 10)
    publisher.end(10)
    announce, first, tail, end = subscriber.heard()
    assert (announce.stream, announce.pipeline, announce.stage) == ("imu/7", "mean", "smooth")
    assert (announce.format.shape, announce.index) == ((2,), 0)
    assert (first.index, first.count) == (0, 9)
    assert (tail.index, tail.count) == (9, 1)
    assert end.index == 10


def test_what_comes_is_the_definition_on_the_whole_signal(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth")
    publisher.open()
    for start, stop in ((0, 1), (1, 7), (7, 20)):
        publisher.send(start, stop)
    publisher.end(20)
    payload = b"".join(bytes(p) for m, p in subscriber.inbox() if isinstance(m, wire.Block))
    expected = ndimage.correlate1d(ramp(0, 20), np.ones(3) / 3, axis=0, mode="nearest")
    np.testing.assert_allclose(
        np.frombuffer(payload, "<f4").reshape(20, 2), expected, rtol=1e-6, atol=1e-6
    )


def test_times_follow_from_the_block_and_the_rate(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth")
    publisher.open()
    publisher.send(0, 10, t_ns=1_000_000_000)
    publisher.send(10, 20, t_ns=2_000_000_000)
    _, first, second = subscriber.heard()
    assert (first.index, first.t_ns) == (0, 1_000_000_000)
    assert (second.index, second.t_ns) == (9, 1_990_000_000)


def test_a_late_subscriber_starts_at_the_live_index(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    answers = subscriber.subscribe("imu/7/mean/up", "imu/7")
    assert kinds(answers) == ["Subscribed", "Announce", "Announce"]
    assert [(a.stage, a.index) for a in answers[1:]] == [("", 10), ("up", 9)]
    publisher.send(10, 20)
    assert [(m.index, m.count) for m in subscriber.heard()] == [(10, 10), (9, 10)]


@pytest.mark.parametrize(("since", "start"), [("first", 0), (0, 0), (4, 4)])
def test_history_that_is_gone_is_a_gap(exchange, since, start):
    publisher, subscriber = exchange.client(), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    _, announce, gap = subscriber.subscribe("imu/7", since=since)
    assert announce.index == 10
    assert (gap.start, gap.stop, gap.reason) == (start, 10, "expired")


def test_nothing_is_computed_or_encoded_for_nobody(exchange):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    assert exchange.service.egress.wanted("imu/7") == {}
    exchange.client().subscribe("imu/7/mean/up")
    assert exchange.service.egress.wanted("imu/7") == {"mean": {"up"}}


def test_all_subscribers_of_a_topic_get_the_same_frames(exchange):
    publisher, one, other = exchange.client(), exchange.client(), exchange.client()
    for subscriber in (one, other):
        subscriber.subscribe("imu/7")
    opened = publisher.open()
    block = wire.Block(opened.id, opened.epoch, 0, 10, 0)
    exchange.service.handle(publisher.peer, wire.encode(block, ramp(0, 10).tobytes()), 0.0)
    sent = dict(exchange.service.tick(0.0))
    assert sent[one.peer] is sent[other.peer]


def test_without_credit_the_oldest_blocks_are_dropped_and_told_as_one_gap(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=0, queue=2)
    publisher.open()
    for start in range(0, 50, 10):
        publisher.send(start, start + 10)
    assert kinds(subscriber.heard()) == ["Announce"]
    said = subscriber.say(wire.Credit(100, 1 << 30))
    assert kinds(said) == ["Gap", "Block", "Block"]
    assert (said[0].start, said[0].stop, said[0].reason) == (0, 30, "dropped")
    assert [m.index for m in said[1:]] == [30, 40]
    (subscription,) = exchange.service.egress.subscriptions.values()
    assert subscription.ledger.is_balanced(subscription.queued)
    assert subscription.ledger.snapshot(subscription.queued) == {
        "offered": 50, "sent": 20, "queued": 0, "dropped": 30,
    }  # fmt: skip


def test_a_queue_of_one_is_the_newest_block(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=1, queue=1)
    publisher.open()
    for start in range(0, 50, 10):
        publisher.send(start, start + 10)
    assert [m.index for m in subscriber.heard()[1:]] == [0]
    said = subscriber.say(wire.Credit(2, 1 << 30))
    assert [(m.start, m.stop) for m in said[:1]] == [(10, 40)]
    assert said[1].index == 40


def test_a_queue_is_bounded_in_bytes_too():
    exchange = Exchange(queue_bytes=1 << 20)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("cam/1", credit=0)
    opened = publisher.open("cam/1", format_of((512, 1024), rate_hz=30, dtype="uint8"))
    for k in range(5):
        publisher.say(wire.Block(opened.id, opened.epoch, k, 1, 0), bytes(512 << 10))
    said = subscriber.say(wire.Credit(100, 1 << 30))
    assert kinds(said) == ["Announce", "Gap", "Block", "Block"]
    assert [m.index for m in said if isinstance(m, wire.Block)] == [3, 4]


@pytest.mark.slow
def test_what_needs_no_credit_is_bounded_too():
    exchange = Exchange(queue_bytes=1 << 20)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**", credit=0)
    publisher.open("imu/7")
    publisher.send(0, 10)
    other = exchange.client()
    for k in range(1000):  # what they tell stands behind that block
        other.open(f"s{k}")
        other.end(0)
    publisher.end(10)
    said = subscriber.heard()
    assert kinds(said) == ["Announce", *["Announce", "End"] * 1000, "Gap", "End"]
    assert (said[-2].start, said[-2].stop) == (0, 10)


def test_a_gap_and_an_end_pass_without_credit_behind_what_is_lost(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=0, queue=1)
    publisher.open()
    publisher.send(0, 10)
    publisher.hello()
    publisher.open(index=20)
    publisher.send(20, 30)
    publisher.end(30)
    said = subscriber.heard()
    assert kinds(said) == ["Announce", "Gap", "Gap"]
    assert [(m.start, m.stop, m.reason) for m in said[1:]] == [
        (0, 10, "dropped"),
        (10, 20, "source"),
    ]
    assert kinds(subscriber.say(wire.Credit(1, 1))) == ["Block", "End"]


def test_the_last_block_may_overdraw_the_bytes(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=0)
    publisher.open()
    publisher.send(0, 10)
    publisher.send(10, 20)
    subscriber.heard()
    assert [m.index for m in subscriber.say(wire.Credit(9, 1))] == [0]
    assert subscriber.say(wire.Credit(9, 80)) == []
    assert [m.index for m in subscriber.say(wire.Credit(9, 81))] == [10]


def test_credit_never_shrinks(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=5)
    subscriber.say(wire.Credit(0, 0))
    publisher.open()
    publisher.send(0, 10)
    assert kinds(subscriber.heard()) == ["Announce", "Block"]


def test_large_outputs_leave_in_blocks_of_about_a_mebibyte(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7")
    publisher.open()
    publisher.send(0, 300_000)
    _, *blocks = subscriber.inbox()
    assert [m.index for m, _ in blocks] == [0, 131072, 262144]
    assert b"".join(bytes(p) for _, p in blocks) == ramp(0, 300_000).tobytes()
    assert blocks[1][0].t_ns == 1_310_720_000_000


def test_a_subscriber_that_leaves_is_no_longer_counted_on(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth", credit=0)
    publisher.open()
    publisher.send(0, 10)
    subscriber.say(wire.Goodbye("closed"))
    publisher.send(10, 20)
    egress = exchange.service.egress
    assert egress.wanted("imu/7") == {}
    assert egress.left.is_balanced(queued=0)
    assert egress.left.dropped == 9


@pytest.mark.parametrize("pattern", ["", "imu//7", "imu/7*", "a b"])
def test_a_pattern_that_can_match_nothing_is_refused(exchange, pattern):
    (refused,) = exchange.client().subscribe(pattern)
    assert (refused.code, refused.path, refused.request) == ("bad_pattern", pattern, 1)


def test_a_pong_counts_the_messages_about_topics_that_were_sent_since_subscribed(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    assert subscriber.say(wire.Ping()) == [wire.Pong(0)]
    subscriber.subscribe("imu/7")
    publisher.open()
    publisher.send(0, 10)
    publisher.end(10)
    assert kinds(subscriber.heard()) == ["Announce", "Block", "End"]
    assert subscriber.say(wire.Ping()) == [wire.Pong(3)]
    subscriber.subscribe("imu/7")
    assert subscriber.say(wire.Ping()) == [wire.Pong(0)]


def test_a_pong_does_not_count_what_leaves_behind_it(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7")
    publisher.open()
    subscriber.heard()
    block = wire.Block(publisher.opened.id, publisher.opened.epoch, 0, 10, 0)
    for peer, said in ((publisher, (block, ramp(0, 10).tobytes())), (subscriber, (wire.Ping(),))):
        exchange.service.handle(peer.peer, wire.encode(*said), 0.0)
    exchange.tick()
    pong, sent = subscriber.heard()
    assert (pong, sent.count) == (wire.Pong(1), 10)


def test_a_subscriber_that_was_away_is_told_what_ended_meanwhile(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    (subscribed,) = subscriber.subscribe("imu/*/mean/smooth")
    publisher.open("imu/1")
    publisher.send(0, 10)
    subscriber.hello()  # a new connection: it is subscribed to nothing
    publisher.send(10, 20)
    publisher.end(20)
    publisher.open("imu/2")
    publisher.end(0)
    again, announce, gap, end, other, its_end = subscriber.subscribe(
        "imu/*/mean/smooth", since="first", ended=subscribed.ended
    )
    assert again.ended == subscribed.ended + 6  # three topics each, of two streams
    assert (announce.stream, announce.stage, announce.index) == ("imu/1", "smooth", 20)
    assert (gap.id, gap.start, gap.stop, gap.reason) == (announce.id, 0, 20, "expired")
    assert (end.id, end.index) == (announce.id, 20)
    assert (other.stream, other.index, its_end.id, its_end.index) == ("imu/2", 0, other.id, 0)


def test_who_subscribes_for_the_first_time_is_not_told_of_what_has_ended(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    publisher.open()
    publisher.end(0)
    assert kinds(subscriber.subscribe("**", since="first")) == ["Subscribed"]


def test_only_so_many_topics_that_ended_are_remembered(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    (subscribed,) = subscriber.subscribe("*")
    for k in range(ENDED_TOPICS // 3 + 10):
        publisher.open(f"s{k}", format_of((1,), rate_hz=1))
        publisher.end(0)
    subscriber.hello()
    told = subscriber.subscribe("*", since="first", ended=subscribed.ended)
    assert 0 < kinds(told).count("End") <= ENDED_TOPICS


@pytest.mark.parametrize(
    "pattern", ["imu/7", "imu/*", "imu/7/mean/smooth", "**/mean/*", "patient/up"]
)
def test_waiting_needs_topics_of_a_pipeline_with_backpressure(pattern):
    exchange = Exchange(MEAN, PATIENT)
    (refused,) = exchange.client().subscribe(pattern, policy="wait")
    assert refused.code == "no_backpressure"
    assert "backpressure: true" in refused.remedy


def test_nobody_waits_where_no_pipeline_has_backpressure(exchange):
    (refused,) = exchange.client().subscribe("**", policy="wait")
    assert refused.code == "no_backpressure"


@pytest.mark.parametrize("pattern", ["**", "imu/7/**", "*/*/*/*", "imu/7/*/up", "**/patient/*"])
def test_a_pattern_waits_for_what_has_backpressure_and_gets_nothing_else(pattern):
    exchange = Exchange(MEAN, PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(pattern, policy="wait", queue=1, credit=0)
    publisher.open()
    acked = [publisher.send(start, start + 10)[0].next_index for start in (0, 10, 20)]
    assert acked == [10, 10, 10]
    said = subscriber.say(wire.Credit(100, 1 << 30))
    announced = {(m.pipeline, m.stage) for m in said if isinstance(m, wire.Announce)}
    assert ("patient", "up") in announced
    assert {pipeline for pipeline, _ in announced} == {"patient"}


def test_a_waiting_subscriber_holds_the_publisher_and_loses_nothing():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/*/patient/smooth", policy="wait", queue=2, credit=1)
    publisher.open()
    acked = [publisher.send(start, start + 10)[0].next_index for start in range(0, 60, 10)]
    assert acked == [10, 20, 30, 30, 30, 30]
    stream = exchange.service.ingest.streams["imu/7"]
    assert stream.ledger.is_balanced(stream.in_flight)
    assert stream.in_flight == 30
    blocks = [m for m in subscriber.heard() if isinstance(m, wire.Block)]
    for credit in range(2, 9):
        blocks += subscriber.say(wire.Credit(credit, 1 << 30))
    assert [m.index for m in blocks] == [0, 9, 19, 29, 39, 49]
    assert publisher.heard()[-1].next_index == 60
    assert (stream.in_flight, stream.ledger.processed) == (0, 60)


def test_a_held_stream_lets_others_go_on():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open("imu/7")
    for start in (0, 10, 20):
        publisher.send(start, start + 10)
    publisher.open("imu/8")
    assert publisher.send(0, 10)[0].next_index == 10


def test_what_a_held_stream_has_is_bounded_by_the_window_and_asked_for_again():
    exchange = Exchange(PATIENT, window_bytes=1024)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/up", policy="wait", queue=1, credit=0)
    publisher.open()
    for start in range(0, 400, 20):
        publisher.send(start, start + 20)
    stream = exchange.service.ingest.streams["imu/7"]
    assert stream.work_bytes <= 1024
    assert len(stream.work) <= 1024 // wire.BLOCK_BYTES
    accepted = stream.next_index
    subscriber.say(wire.Credit(100, 1 << 30))
    rewinds = [m for m in publisher.heard() if isinstance(m, wire.Rewind)]
    assert [m.next_index for m in rewinds] == [accepted]


def test_a_block_that_waits_goes_where_too_many_notices_wait_behind_it():
    exchange = Exchange(queue_bytes=1 << 20)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", credit=0)
    publisher.open()
    publisher.send(0, 10)
    indices = range(20, 50_000, 10)
    for index in indices:
        publisher.open(index=index)
        exchange.service.handle(subscriber.peer, wire.encode(wire.Ping()), exchange.now_s)
    announce, *gaps = (m for m in subscriber.heard() if not isinstance(m, wire.Pong))
    assert announce.index == 0
    assert (gaps[0].start, gaps[0].stop, gaps[0].reason) == (0, 10, "dropped")
    assert [(gap.start, gap.stop) for gap in gaps[1:]] == [
        (index - 10, index) for index in indices[: len(gaps) - 1]
    ]
    (subscription,) = exchange.service.egress.subscriptions.values()
    assert subscription.is_empty
    assert subscription.ledger.snapshot(0) == {"offered": 10, "sent": 0, "queued": 0, "dropped": 10}


def test_notices_before_a_subscriber_with_back_pressure_hold_the_stream_back():
    exchange = Exchange(PATIENT, queue_bytes=1 << 20, stall_timeout_s=1e9)
    publisher, other, subscriber = exchange.client(), exchange.client(), exchange.client()
    subscriber.subscribe("imu/*/patient/smooth", policy="wait", queue=9, credit=0)
    publisher.open()
    publisher.send(0, 10)
    for _ in range(5000):
        other.open("imu/8")
        other.end(0)
        exchange.service.handle(subscriber.peer, wire.encode(wire.Ping()), exchange.now_s)
    (subscription,) = exchange.service.egress.subscriptions.values()
    assert subscription.is_full
    assert subscription._waiting_bytes < (1 << 20) + 2000
    assert other.say(wire.Ping()) == [wire.Pong()]
    subscriber.say(wire.Credit(1, 1 << 30))
    assert exchange.service.is_drained


def test_a_stream_that_is_held_back_does_not_begin_anew_over_its_subscribers_head():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, 10)
    wide = format_of((3,), rate_hz=100)
    refused = publisher.open(format=wide, takeover=True)
    assert (refused.code, refused.path) == ("in_use", "imu/7")
    subscriber.say(wire.Credit(10, 1 << 30))
    assert publisher.open(format=wide, takeover=True).next_index == 0


def test_a_subscriber_that_stands_still_is_cut_and_the_stream_goes_on():
    exchange = Exchange(PATIENT, stall_timeout_s=10)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, 10)
    publisher.send(10, 20)
    said, acks = [], []
    for _ in range(12):
        exchange.tick(after_s=1.0)
        said += subscriber.say(wire.Ping())
        acks += [m for m in publisher.say(wire.Ping()) if isinstance(m, wire.Ack)]
    (goodbye,) = [m for m in said if isinstance(m, wire.Goodbye)]
    assert not goodbye.reconnect
    assert "10 s" in goodbye.reason
    assert acks[-1].next_index == 20


def test_a_slow_subscriber_is_not_cut():
    exchange = Exchange(PATIENT, stall_timeout_s=2)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    for start in range(0, 400, 10):
        publisher.send(start, start + 10)
    said = []
    for k in range(20):
        exchange.tick(after_s=1.0)
        publisher.say(wire.Ping())
        said += subscriber.say(wire.Credit(k, 1 << 30))
    assert "Goodbye" not in kinds(said)
    assert [m.index for m in said if isinstance(m, wire.Block)][:3] == [0, 9, 19]


def test_credit_too_small_for_a_block_to_leave_is_no_standstill():
    exchange = Exchange(PATIENT, stall_timeout_s=2)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, 1000)
    publisher.send(1000, 2000)
    publisher.send(2000, 3000)
    said = subscriber.say(wire.Credit(9, 1))
    for taken_bytes in range(100, 1500, 100):  # a block has 8000 bytes
        exchange.tick(after_s=1.0)
        said += subscriber.say(wire.Credit(9, taken_bytes))
        publisher.say(wire.Ping())
    assert kinds(said).count("Block") == 1
    assert "Goodbye" not in kinds(said)


def test_credit_said_again_is_a_standstill():
    exchange = Exchange(PATIENT, stall_timeout_s=2)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, 10)
    publisher.send(10, 20)
    said: list[Any] = []
    for _ in range(5):
        exchange.tick(after_s=1.0)
        said += subscriber.say(wire.Credit(1, 1000))
    assert "Goodbye" in kinds(said)


@settings(deadline=None, max_examples=50)
@given(
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=20),
    grants=st.lists(st.integers(0, 12), max_size=12),
    queue=st.integers(1, 4),
)
def test_blocks_and_gaps_tell_every_item_once(cuts, grants, queue):
    exchange = Exchange(MEAN)
    publisher, subscriber = exchange.client(), exchange.client()
    said = subscriber.subscribe("imu/7/mean/smooth", credit=0, queue=queue)
    publisher.open("imu/7", IMU)
    start = 0
    for k, n in enumerate(cuts):
        publisher.send(start, start := start + n)
        if k < len(grants):
            said += subscriber.say(wire.Credit(grants[k], 1 << 30))
    publisher.end(start)
    said += subscriber.say(wire.Credit(1000, 1 << 30))
    at = 0
    for message in said:
        if isinstance(message, wire.Block):
            assert message.index == at
            at += message.count
        elif isinstance(message, wire.Gap):
            assert message.start == at
            at = message.stop
    assert isinstance(said[-1], wire.End)
    assert at == said[-1].index == start
