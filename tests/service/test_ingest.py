"""The daemon's half of publishing, without a socket."""

from fractions import Fraction
from typing import Any

import pytest

from corrente import wire
from corrente.format import Format, format_of
from corrente_service.service import ANSWER_S
from tests.service.exchange import IMU, MEAN, PATIENT, Exchange, kinds, ramp


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(MEAN)


def items(exchange: Exchange, stream: str = "imu/7") -> dict[str, object]:
    found = exchange.service.ingest.streams[stream]
    assert found.ledger.is_balanced(found.in_flight)
    return found.ledger.snapshot(found.in_flight)


def test_a_stream_opens_at_index_zero_with_a_window_and_its_pipelines(exchange):
    opened = exchange.client().open()
    assert (opened.next_index, opened.pipelines, opened.notes) == (0, ("mean",), ())
    assert opened.window_bytes == 8 << 20


def test_a_stream_that_no_pipeline_is_for_is_told_the_nearest(exchange):
    (note,) = exchange.client().open("imo7").notes
    assert note == "no pipeline is for imo7; the nearest is mean, for imu/*"


def test_a_stream_that_does_not_fit_is_told_why():
    exchange = Exchange({**MEAN, "input": {"channels": 3}})
    opened = exchange.client().open()
    assert opened.pipelines == ()
    (note,) = opened.notes
    assert note == (
        "mean: input.channels: the pipeline takes 3, the stream has 2; "
        "change input.channels, or take another stream"
    )


def test_blocks_are_acknowledged_once_per_drain(exchange):
    publisher = exchange.client()
    opened = publisher.open()
    for start in (0, 10, 20):
        block = wire.Block(opened.id, opened.epoch, start, 10, 0)
        frames = wire.encode(block, ramp(start, start + 10).tobytes())
        exchange.service.handle(publisher.peer, frames, 0.0)
    exchange.tick()
    assert publisher.heard() == [wire.Ack(opened.id, opened.epoch, 30)]
    assert items(exchange) == {"accepted": 30, "processed": 30, "in_flight": 0, "dropped": {}}


def test_a_block_sent_twice_is_taken_once_and_acknowledged_again(exchange):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    assert publisher.send(0, 10)[0].next_index == 10
    assert items(exchange)["accepted"] == 10


def test_an_overlapping_block_is_trimmed(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7")
    publisher.open()
    publisher.send(0, 10)
    publisher.send(5, 12, t_ns=5_000_000_000)
    (_, _), (first, _), (second, payload) = subscriber.inbox()
    assert (first.index, first.count) == (0, 10)
    assert (second.index, second.count, second.t_ns) == (10, 2, 5_050_000_000)
    assert bytes(payload) == ramp(10, 12).tobytes()


def test_what_waits_of_a_trimmed_block_does_not_keep_the_rest_of_it():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/up", policy="wait", queue=1, credit=0)
    publisher.open()
    for start in (0, 10, 11):
        publisher.send(start, start + 10)
    waiting: Any = exchange.service.ingest.streams["imu/7"].work[-1]
    assert (len(waiting.items), waiting.items.base) == (1, None)


def test_a_loss_gets_one_rewind_and_nothing_behind_it_is_taken(exchange):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    assert kinds(publisher.send(20, 30)) == ["Ack", "Rewind"]
    assert kinds(publisher.send(30, 40)) == ["Ack"]
    assert publisher.send(10, 20)[0].next_index == 20
    assert publisher.send(30, 40)[1].next_index == 20
    assert items(exchange)["accepted"] == 20


def test_a_reminder_behind_a_loss_gets_the_rewind_again(exchange):
    publisher = exchange.client()
    publisher.open()
    assert kinds(publisher.send(10, 20)) == ["Ack", "Rewind"]
    assert kinds(publisher.send(20, 20)) == ["Ack", "Rewind"]


def test_an_end_behind_a_loss_gets_a_rewind(exchange):
    publisher = exchange.client()
    publisher.open()
    assert kinds(publisher.end(10)) == ["Ack", "Rewind"]
    publisher.send(0, 10)
    assert publisher.end(10)[-1].ended


def test_an_ended_stream_is_forgotten_and_begins_anew_in_a_new_epoch(exchange):
    publisher = exchange.client()
    before = publisher.open()
    publisher.send(0, 10)
    (ack,) = publisher.end(10)
    assert (ack.ended, ack.next_index) == (True, 10)
    assert publisher.end(10)[0].code == "unknown_stream"
    after = publisher.open()
    assert after.next_index == 0
    assert after.epoch > before.epoch
    assert exchange.service.processing.ended.snapshot(0)["processed"] == 10


def test_a_stream_with_a_live_owner_is_in_use(exchange):
    exchange.client().open()
    refused = exchange.client().open()
    assert (refused.code, refused.path, refused.request) == ("in_use", "imu/7", 1)


def test_a_takeover_fences_the_former_owner(exchange):
    former, latter = exchange.client(), exchange.client()
    former.open()
    former.send(0, 10)
    opened = latter.open(takeover=True)
    assert opened.next_index == 10
    assert opened.epoch > former.opened.epoch
    (refused,) = former.send(10, 20)
    assert (refused.code, refused.path) == ("fenced", "imu/7")
    assert former.end(10)[0].code == "fenced"
    assert latter.send(10, 20)[0].next_index == 20


def test_nobody_publishes_on_another_ones_stream(exchange):
    owner, other = exchange.client(), exchange.client()
    other.opened = owner.open()
    assert other.send(0, 10)[0].code == "fenced"


def test_a_silent_owner_is_gone_and_its_stream_goes_on_with_another(exchange):
    former, latter = exchange.client(), exchange.client()
    former.open()
    former.send(0, 10)
    for _ in range(4):
        exchange.tick(after_s=1.0)
        latter.say(wire.Ping())
    assert latter.open().next_index == 10
    assert former.send(10, 20)[0].code == "unknown_peer"


def test_goodbye_leaves_the_stream_without_an_owner(exchange):
    former, latter = exchange.client(), exchange.client()
    former.open()
    former.say(wire.Goodbye("closed"))
    assert isinstance(latter.open(), wire.Opened)


def test_the_same_instance_resumes_with_its_id_and_epoch(exchange):
    publisher = exchange.client()
    before = publisher.open()
    publisher.send(0, 10)
    publisher.hello()
    after = publisher.open()
    assert (after.id, after.epoch, after.next_index) == (before.id, before.epoch, 10)


def test_a_daemon_that_was_held_up_does_not_blame_its_peers(exchange):
    publisher = exchange.client()
    publisher.open()
    exchange.tick(after_s=30.0)
    assert publisher.send(0, 10)[0].next_index == 10


def test_an_index_below_the_next_is_taken(exchange):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    publisher.hello()
    assert publisher.open(index=9).code == "index_taken"
    assert publisher.open(index=10).next_index == 10


def test_an_index_beyond_the_next_leaves_a_gap(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7")
    publisher.open()
    publisher.send(0, 10)
    publisher.hello()
    assert publisher.open(index=15).next_index == 15
    publisher.send(15, 20)
    said = subscriber.heard()
    assert kinds(said) == ["Announce", "Block", "Gap", "Block"]
    assert (said[2].start, said[2].stop, said[2].reason) == (10, 15, "source")
    assert items(exchange)["accepted"] == 15


def test_a_new_stream_may_begin_at_any_index(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth")
    assert publisher.open(index=1000).next_index == 1000
    publisher.send(1000, 1010)
    announce, block = subscriber.heard()
    assert (announce.index, block.index) == (1000, 1000)


@pytest.mark.parametrize("name", ["imu", "imu/7/mean", "imu/7/mean/smooth"])
def test_a_name_may_not_extend_anothers(exchange, name):
    publisher = exchange.client()
    publisher.open()
    assert publisher.open(name).code == "bad_name"
    publisher.end(0)
    assert isinstance(publisher.open(name), wire.Opened)


@pytest.mark.parametrize("name", ["", "/", "imu//7", "imu/*", "a b", "x/" * 16 + "x"])
def test_a_name_that_may_not_be_is_refused(exchange, name):
    assert exchange.client().open(name).code == "bad_name"


def test_another_format_needs_a_takeover_and_begins_the_stream_anew(exchange):
    publisher, other, subscriber = exchange.client(), exchange.client(), exchange.client()
    subscriber.subscribe("imu/7")
    publisher.open()
    publisher.send(0, 10)
    wide = format_of((3,), rate_hz=100)
    assert publisher.open(format=wide).code == "bad_format"
    assert other.open(format=wide, takeover=True).next_index == 0
    assert kinds(subscriber.heard()) == ["Announce", "Block", "End", "Announce"]


def test_a_stream_is_its_own_source(exchange):
    thinned = Format(kind="signal", shape=(2,), stride=Fraction(2))
    assert exchange.client().open(format=thinned).code == "bad_format"


def test_labels_that_no_announcement_would_hold_are_refused_and_change_nothing(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    labels = tuple(f"{k:06d}{'x' * 9}" for k in range(1900))
    subscriber.subscribe("**")
    format = Format(kind="signal", shape=(1900,), labels=labels)
    refused = publisher.open(format=format)
    assert (refused.code, refused.path) == ("bad_format", "imu/7")
    assert "34200 bytes" in refused.message
    publisher.open()
    publisher.send(0, 10)
    assert publisher.open(format=format, takeover=True).code == "bad_format"
    assert publisher.send(10, 20)[0].next_index == 20
    assert exchange.client().subscribe("**")[0] == wire.Subscribed(1)


def test_all_labels_that_are_allowed_can_be_announced(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**")
    labels = tuple("\N{OX}" * 16 for _ in range(244))  # (64 + 3) * 244 bytes
    assert publisher.open(format=Format(kind="signal", shape=(244,), labels=labels)).notes == ()
    assert kinds(subscriber.heard()) == ["Announce"] * 3


def test_there_are_only_so_many_streams():
    exchange = Exchange(MEAN, streams=2)
    publisher = exchange.client()
    publisher.open("imu/1")
    publisher.open("imu/2")
    assert publisher.open("imu/3").code == "too_large"
    publisher.opened = publisher.open("imu/2")
    publisher.end(0)
    assert isinstance(publisher.open("imu/3"), wire.Opened)


def test_an_index_no_output_could_carry_is_refused(exchange):
    publisher = exchange.client()
    assert publisher.open(index=1 << 60).code == "too_large"
    opened = publisher.open(index=1 << 53)
    assert publisher.send(1 << 53, (1 << 53) + 1)[0].code == "too_large"
    assert opened.next_index == 1 << 53


def test_an_abandoned_stream_ends():
    exchange = Exchange(MEAN, stream_idle_s=60)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth")
    publisher.open()
    publisher.send(0, 10)
    publisher.say(wire.Goodbye("closed"))
    said = []
    for _ in range(62):
        exchange.tick(after_s=1.0)
        said += subscriber.say(wire.Ping())
    assert [m.index for m in said if isinstance(m, wire.End)] == [10]
    assert exchange.service.ingest.streams == {}


@pytest.mark.parametrize("size", [0, 79, 81, 160])
def test_a_payload_that_contradicts_its_shape_is_refused_and_the_stream_goes_on(exchange, size):
    publisher = exchange.client()
    opened = publisher.open()
    (refused,) = publisher.say(wire.Block(opened.id, opened.epoch, 0, 10, 0), bytes(size))
    assert (refused.code, refused.path) == ("bad_payload", "imu/7")
    assert publisher.send(0, 10)[0].next_index == 10


def packed(*parts):
    """One message of `(opened, start, stop)` of the ramp."""
    blocks = tuple(wire.Block(o.id, o.epoch, a, b - a, 0) for o, a, b in parts)
    payloads = [ramp(a, b).tobytes() for _, a, b in parts]
    return wire.Blocks(blocks, tuple(map(len, payloads))), b"".join(payloads)


def test_several_blocks_in_one_message_are_taken_as_if_they_came_alone(exchange):
    client = exchange.client()
    first, second = client.open("imu/1"), client.open("imu/2")
    answers = client.say(*packed((first, 0, 3), (second, 0, 2), (first, 3, 10), (second, 5, 7)))
    assert answers == [
        wire.Ack(first.id, first.epoch, 10),
        wire.Ack(second.id, second.epoch, 2),
        wire.Rewind(second.id, second.epoch, 2),
    ]


def test_what_is_wrong_with_one_of_several_blocks_is_said_once_and_the_others_are_taken(exchange):
    client = exchange.client()
    opened = client.open("imu/1")
    unknown = wire.Opened(0, 99, 1, 0, 0)
    answers = client.say(*packed((unknown, 0, 3), (opened, 0, 4), (unknown, 3, 5)))
    assert kinds(answers) == ["Refused", "Ack"]
    assert (answers[0].code, answers[0].path) == ("unknown_stream", "99")
    assert answers[1].next_index == 4


def test_several_blocks_whose_sizes_do_not_add_up_are_no_message(exchange):
    client = exchange.client()
    opened = client.open("imu/1")
    message, payload = packed((opened, 0, 3), (opened, 3, 4))
    (refused,) = client.say(message, payload[:-1])
    assert refused.code == "bad_message"


def test_a_block_for_an_unknown_stream_is_refused(exchange):
    (refused,) = exchange.client().say(wire.Block(99, 1, 0, 1, 0), bytes(8))
    assert (refused.code, refused.path) == ("unknown_stream", "99")


def test_any_time_and_rate_a_publisher_claims_stays_within_the_wire(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**")
    publisher.open("imu/1", Format(kind="signal", shape=(2,), rate_hz=5e-324))
    publisher.send(0, 10, t_ns=wire.MAX_INDEX)
    publisher.send(5, 15, t_ns=wire.MAX_INDEX)
    assert kinds(publisher.end(15)) == ["Ack"]
    times = [m.t_ns for m in subscriber.heard() if isinstance(m, wire.Block)]
    assert len(times) == 8
    assert all(abs(t_ns) <= wire.MAX_INDEX for t_ns in times)


def test_the_ledger_of_another_stream_is_its_own(exchange):
    publisher = exchange.client()
    publisher.open("imu/1")
    publisher.send(0, 10)
    publisher.open("imu/2", IMU)
    publisher.send(0, 3)
    assert items(exchange, "imu/1")["accepted"] == 10
    assert items(exchange, "imu/2")["accepted"] == 3


def test_what_an_owner_sent_before_it_lost_and_regained_the_stream_is_fenced(exchange):
    former, latter = exchange.client(), exchange.client()
    before = former.open()
    latter.open(takeover=True)
    former.open(takeover=True)
    late = wire.Block(before.id, before.epoch, 0, 1, 0)
    assert former.say(late, ramp(0, 1).tobytes())[0].code == "fenced"


def stamps(exchange: Exchange) -> dict[str, int]:
    found: dict[str, int] = exchange.service.report(0.0)["streams"]["imu/7"]["stamps"]
    return found


MS = 1_000_000


@pytest.mark.parametrize(
    ("t_ns", "counted"),
    [
        (100 * MS, (0, 0)),  # ten items of 10 ms behind the first block
        (105 * MS, (0, 0)),
        (95 * MS, (0, 0)),
        (105 * MS + 1, (1, 0)),
        (95 * MS - 1, (1, 0)),
        (0, (1, 0)),
        (-1, (0, 1)),
        (wire.MAX_INDEX, (1, 0)),
        (-wire.MAX_INDEX - 1, (0, 1)),
    ],
)
def test_a_time_that_is_odd_is_counted_and_breaks_nothing(exchange, t_ns, counted):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10, t_ns=0)
    assert publisher.send(10, 20, t_ns=t_ns)[0].next_index == 20
    assert stamps(exchange) == {"jittered": counted[0], "backward": counted[1]}
    assert exchange.service.report(0.0)["stamps"] == stamps(exchange)
    publisher.end(20)
    assert exchange.service.report(0.0)["stamps"]["jittered"] == counted[0]


def test_what_is_expected_follows_the_last_block_over_gaps_and_repetitions(exchange):
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10, t_ns=0)
    publisher.send(10, 20, t_ns=500 * MS)  # odd; from here on all is even
    publisher.send(10, 20, t_ns=500 * MS)
    publisher.send(15, 30, t_ns=550 * MS)
    publisher.open(index=100)
    publisher.send(100, 110, t_ns=1400 * MS)
    assert stamps(exchange) == {"jittered": 1, "backward": 0}


@pytest.mark.parametrize("rate_hz", [5e-324, 1e-300, 1e300, 1.7e308])
@pytest.mark.parametrize("t_ns", [-wire.MAX_INDEX - 1, 0, wire.MAX_INDEX])
def test_no_rate_and_no_time_ends_the_daemon(exchange, rate_hz, t_ns):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7", "imu/7/mean/*")
    assert kinds([publisher.open("imu/7", format_of((2,), rate_hz))]) == ["Opened"]
    for start in (0, 10, 20):
        assert publisher.send(start, start + 10, t_ns=t_ns)[0].next_index == start + 10
    assert publisher.end(30)[-1].ended


def test_gaps_that_follow_each_other_wait_as_one():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, 10)
    for index in (20, 30, 40):
        assert publisher.open(index=index).next_index == index
    assert len(exchange.service.ingest.streams["imu/7"].work) == 1
    heard = subscriber.say(wire.Credit(10, 1 << 30))
    (gap,) = [message for message in heard if isinstance(message, wire.Gap)]
    assert (gap.start, gap.stop, gap.reason) == (10, 40, "source")


def test_acknowledgements_leave_now_and_then_and_say_it_all():
    exchange = Exchange()
    service, publisher = exchange.service, exchange.client()
    opened = publisher.open()

    def send(start, now_s):
        block = wire.Block(opened.id, opened.epoch, start, 10, 0)
        service.handle(publisher.peer, wire.encode(block, ramp(start, start + 10).tobytes()), now_s)
        return acknowledged(now_s)

    def acknowledged(now_s):
        said = (wire.decode(frames)[0] for _, frames in service.tick(now_s))
        return [ack.next_index for ack in said if isinstance(ack, wire.Ack)]

    def state():
        return service.owes, service.is_drained

    assert send(0, 1.0) == [10]
    assert state() == (False, True)
    assert send(10, 1.0 + 0.4 * ANSWER_S) == []
    assert send(20, 1.0 + 0.8 * ANSWER_S) == []
    assert state() == (True, False)  # its publisher would send again what was processed
    assert acknowledged(1.0 + 1.1 * ANSWER_S) == [30]
    assert send(30, 1.0 + 1.2 * ANSWER_S) == []
    service.stop()
    assert acknowledged(1.0 + 1.3 * ANSWER_S) == [40]
    assert state() == (False, True)
