"""Connections, bad input and the report, without a socket."""

from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from corrente import wire
from corrente_service.service import REPORT_S
from tests.service.exchange import MEAN, PATIENT, Exchange, kinds, ramp


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(MEAN)


def test_hello_is_answered_with_the_version_and_the_daemons_name(exchange):
    assert exchange.stranger().hello() == [wire.Welcome(1, exchange.service.daemon)]


@pytest.mark.parametrize(("oldest", "newest"), [(0, 0), (2, 9)])
def test_a_version_in_common_there_must_be(exchange, oldest, newest):
    (refused,) = exchange.stranger().say(wire.Hello(oldest, newest, bytes(16)))
    assert refused.code == "version"
    assert exchange.service.report(0.0)["peers"] == 0


def test_a_later_client_that_still_speaks_this_version_is_welcome(exchange):
    assert kinds(exchange.stranger().say(wire.Hello(1, 7, bytes(16)))) == ["Welcome"]


@pytest.mark.parametrize(
    "message",
    [
        wire.Ping(),
        wire.Status(3),
        wire.Subscribe(3, ("a",)),
        wire.Credit(1, 1),
        wire.Block(1, 1, 0, 0, 0),
    ],
)
def test_who_has_not_said_hello_is_not_known(exchange, message):
    (refused,) = exchange.stranger().say(message)
    assert refused.code == "unknown_peer"


def test_ping_is_answered(exchange):
    assert exchange.client().say(wire.Ping()) == [wire.Pong()]


def test_a_second_hello_drops_the_subscription_and_keeps_the_streams(exchange):
    client = exchange.client()
    client.subscribe("**")
    client.open()
    client.hello()
    assert exchange.service.egress.subscriptions == {}
    assert client.send(0, 10)[-1].next_index == 10


def test_there_are_only_so_many_peers():
    exchange = Exchange(peers=1)
    exchange.client()
    (refused,) = exchange.stranger().hello()
    assert refused.code == "too_large"


def framed(*fields: Any) -> bytes:
    """A message of one frame, whatever its fields are."""
    header = msgspec.msgpack.encode(fields)
    head = len(header).to_bytes(2, "little") + header
    return head + bytes(-len(head) % 64)


def with_origin(*origin: Any) -> bytes:
    """An `open` of a format with that origin."""
    return framed("open", 1, "imu/7", {"kind": "signal", "shape": [2], "origin": origin})


HEAD = bytes(wire.encode(wire.Ping())[0])
GARBAGE: dict[str, list[bytes]] = {
    "nothing": [],
    "an empty frame": [b""],
    "noise": [bytes(range(256))],
    "three frames": [HEAD, b"", b""],
    "a truncated header": [HEAD[:40]],
    "a length beyond the frame": [b"\xff\x7f" + HEAD[2:]],
    "an unknown tag": [HEAD.replace(b"ping", b"pinG")],
    "a payload behind a ping": [HEAD, b"x"],
    "a first frame with more than its header": [HEAD + bytes(64), b"x"],
    "fields of other types": [b"\x0f\x00\x96\xa5block\xa1x\xa1x\x00\x00\x00".ljust(64, b"\0")],
    "a fraction with too many digits to print": [with_origin("1e5000", None)],
    "a fraction with too many digits to count": [with_origin("1e100000000", None)],
    "a fraction out of bounds": [with_origin(1, 1 << 63)],
    "arrays in arrays": [b"\xff\x7f" + (b"\x91" * 32767).ljust(32830, b"\0")],
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("is_known", [False, True])
def test_garbage_is_refused_and_other_streams_go_on(exchange, name, is_known):
    publisher = exchange.client()
    publisher.open()
    sender = exchange.client() if is_known else exchange.stranger()
    (refused,) = sender.raw(*GARBAGE[name])
    assert (refused.code, refused.request) == ("bad_message", 0)
    assert publisher.send(0, 10)[0].next_index == 10


INTEGERS = st.sampled_from([-(1 << 63), -1, 0, 1, 2, 7, 1 << 31, 1 << 53, (1 << 63) - 1, 1 << 63])
SCALARS = INTEGERS | st.floats() | st.booleans() | st.none()
WORDS = st.sampled_from(["", "imu/7", "imu/**", "**/**", "raw", "now", "first", "wait", "1e5000"])
FORMATS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["signal", "frames", "x"]), "shape": st.lists(INTEGERS, max_size=4)},
    optional={
        "dtype": st.sampled_from(["float32", "uint8", "complex128"]),
        "rate_hz": SCALARS | WORDS,
        "labels": st.lists(WORDS, max_size=3),
        "origin": st.lists(SCALARS | WORDS, max_size=3),
        "stride": st.lists(SCALARS | WORDS, max_size=3),
    },
)
FIELDS = st.lists(SCALARS | WORDS | FORMATS | st.lists(WORDS, max_size=3), max_size=7)
TAGS = sorted(kind.__name__.lower() for kind in wire.AnyMessage.__args__)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.tuples(st.sampled_from(TAGS), FIELDS), max_size=8))
def test_no_message_ends_the_daemon(messages):
    exchange = Exchange(PATIENT)
    publisher, sender = exchange.client(), exchange.client()
    publisher.open()
    for tag, fields in messages:
        sender.raw(framed(tag, *fields))
    assert publisher.send(0, 10)[-1].next_index == 10


def test_a_message_that_only_the_daemon_says_is_refused(exchange):
    (refused,) = exchange.client().say(wire.Welcome(1, bytes(16)))
    assert refused.code == "bad_message"


def test_a_refusal_is_never_larger_than_a_header(exchange):
    format = {"kind": "signal", "shape": [1], "dtype": "\N{OX}" * 7000}
    (refused,) = exchange.client().raw(framed("open", 1, "\N{OX}" * 255, format))
    assert refused.code == "bad_message"


def test_more_notes_than_a_header_holds_are_cut(exchange):
    pipelines = [{**MEAN, "name": f"mean{k}", "input": {"channels": 3}} for k in range(300)]
    exchange = Exchange(*pipelines, MEAN)
    opened = exchange.client().open()
    assert opened.pipelines == ("mean",)
    assert len(opened.notes) == wire.MAX_NOTES


def test_the_report_counts_what_is_and_what_was(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/*/mean/up")
    publisher.open("imu/1")
    publisher.send(0, 10)
    publisher.end(10)
    publisher.open("imu/2")
    publisher.send(0, 5)
    publisher.send(9, 12)
    publisher.raw(b"garbage")
    publisher.say(wire.Status(7))
    exchange.now_s = 2.5
    exchange.service.handle(publisher.peer, wire.encode(wire.Status(7)), 2.5)
    exchange.tick()
    ((report, payload),) = publisher.inbox()
    body = msgspec.msgpack.decode(payload)
    assert report.request == 7
    assert (body["ready"], body["uptime_s"], body["peers"]) == (True, 2.5, 2)
    assert body["pipelines"] == {"mean": {"for_each": "imu/*", "backpressure": False}}
    assert body["refusals"] == {"bad_message": 1}
    assert list(body["streams"]) == ["imu/2"]
    stream = body["streams"]["imu/2"]
    assert (stream["next_index"], stream["is_published"], stream["shape"]) == (5, True, [2])
    assert stream["pipelines"] == ["mean"]
    assert body["items"] == {"accepted": 15, "processed": 15, "in_flight": 0, "dropped": {}}
    assert body["egress"] == {"offered": 14, "sent": 14, "queued": 0, "dropped": 0}
    assert body["subscriptions"][0]["topics"] == ["imu/*/mean/up"]


def test_who_asks_often_is_told_once_a_turn_and_all_are_told_the_same():
    exchange = Exchange(MEAN)
    publisher, often, once = exchange.client(), exchange.client(), exchange.client()
    for k in range(400):
        publisher.open(f"imu/{k}")
    for request in range(1000):
        exchange.service.handle(often.peer, wire.encode(wire.Status(request)), 0.0)
    exchange.service.handle(once.peer, wire.encode(wire.Status(7)), 0.0)
    sent = exchange.service.tick(0.0)
    assert [peer for peer, _ in sent] == [often.peer, once.peer]
    exchange.deliver(sent)
    ((to_often, same),) = often.inbox()
    ((to_once, as_this),) = once.inbox()
    assert (to_often.request, to_once.request) == (999, 7)
    assert same.obj is as_this.obj
    assert len(msgspec.msgpack.decode(same)["streams"]) == 400


def test_a_stopping_service_refuses_what_is_new_and_finishes_what_is_in():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=1, credit=0)
    opened = publisher.open()
    publisher.send(0, 10)
    publisher.send(10, 20)
    exchange.service.stop()
    assert exchange.stranger().hello()[0].code == "stopping"
    assert publisher.open("imu/8").code == "stopping"
    assert (
        publisher.say(wire.Block(opened.id, opened.epoch, 20, 1, 0), ramp(20, 21).tobytes()) == []
    )
    was_drained = exchange.service.is_drained
    subscriber.say(wire.Credit(10, 1 << 30))
    assert (was_drained, exchange.service.is_drained) == (False, True)
    assert [m.next_index for m in publisher.heard()] == [20]
    exchange.deliver(exchange.service.dismiss())
    assert publisher.heard() == [wire.Goodbye("the daemon stops", reconnect=True)]
    assert kinds(subscriber.heard()) == ["Goodbye"]


def test_reports_are_some_time_apart_however_often_they_are_asked_for(exchange):
    client, other = exchange.client(), exchange.client()
    assert client.say(wire.Status(1)) == [wire.Report(1)]
    assert client.say(wire.Status(2)) == client.say(wire.Status(3)) == []
    assert other.say(wire.Status(7)) == []
    exchange.tick(after_s=REPORT_S)
    assert client.heard() == [wire.Report(3)]
    assert other.heard() == [wire.Report(7)]


def test_a_stream_of_another_worker_is_refused_and_its_worker_named():
    client = Exchange(MEAN, worker=1, workers=3).stranger()
    [welcome] = client.hello()
    assert (welcome.worker, welcome.workers) == (1, 3)
    refused = client.open("imu/7")  # partition 38
    assert (refused.code, refused.path) == ("other_worker", "imu/7")
    assert "worker 2 of 3" in refused.message
    assert isinstance(client.open("imu/8"), wire.Opened)  # partition 55


def test_anything_may_be_subscribed_to_of_any_worker():
    client = Exchange(MEAN, worker=1, workers=3).client()
    assert kinds(client.subscribe("imu/7", "imu/7/mean/smooth", "**")) == ["Subscribed"]
