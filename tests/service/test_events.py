"""Events on their way from a pipeline to subscribers, without a socket."""

from typing import Any

import numpy as np
import pytest

from corrente import wire
from corrente.format import Format, format_of
from tests.service.exchange import Client, Exchange, kinds

BEATS: dict[str, Any] = {
    "corrente": 1,
    "name": "heart",
    "stages": {
        "beats": {"op": "crossings", "level": 0.5},
        "rate": {"op": "event_rate", "window_s": 1, "per": "second"},
    },
}
ECG = format_of((1,), rate_hz=10)
TOPIC = "ecg/1/heart/beats"


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(BEATS)


def publish(publisher: Client, start: int, items: list[float], t_ns: int = 0) -> None:
    opened = publisher.opened
    block = wire.Block(opened.id, opened.epoch, start, len(items), t_ns)
    publisher.say(block, np.array(items, "<f4").tobytes())


def told(subscriber: Client) -> list[Any]:
    """What came: of blocks the range they cover, their time and their rows."""
    found: list[Any] = []
    for message, payload in subscriber.inbox():
        if isinstance(message, wire.Block):
            rows = np.frombuffer(payload, "<f8").tolist()
            found.append((message.index, message.index + message.count, message.t_ns, rows))
        elif isinstance(message, wire.Gap):
            found.append(("gap", message.start, message.stop, message.reason))
        elif isinstance(message, wire.End):
            found.append(("end", message.index))
    return found


def test_a_block_says_what_it_covers_whether_there_are_events_or_not(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(TOPIC)
    publisher.open("ecg/1", ECG)
    publish(publisher, 0, [0, 1, 0, 0], t_ns=1_000_000_000)
    publish(publisher, 4, [0, 0, 0], t_ns=1_400_000_000)
    publish(publisher, 7, [1, 0, 1], t_ns=1_700_000_000)
    publisher.end(10)
    assert told(subscriber) == [
        (0, 3, 1_000_000_000, [0.5]),
        (3, 6, 1_300_000_000, []),
        (6, 9, 1_600_000_000, [6.5, 8.5]),
        (9, 10, 1_900_000_000, []),
        ("end", 10),
    ]


def test_the_format_says_that_it_is_of_events(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("ecg/1/heart/*")
    publisher.open("ecg/1", ECG)
    beats, rate = subscriber.heard()
    assert beats.format == Format(
        kind="events", shape=(1,), dtype="float64", rate_hz=10, labels=("index",)
    )
    assert rate.format.labels == ("per second",)


def test_a_gap_in_the_source_is_one_in_what_is_covered(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(TOPIC)
    publisher.open("ecg/1", ECG)
    publish(publisher, 0, [0, 1, 0])
    publisher.open("ecg/1", ECG, index=8)
    publish(publisher, 8, [1, 0, 1])
    # nothing crosses the gap, though what is behind it lies above
    assert told(subscriber) == [
        (0, 2, 0, [0.5]),
        (2, 3, 200_000_000, []),
        ("gap", 3, 8, "source"),
        (8, 10, 0, [9.5]),
    ]


def test_blocks_that_are_dropped_are_one_gap_of_what_they_covered(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(TOPIC, credit=0, queue=1)
    publisher.open("ecg/1", ECG)
    for start in range(0, 12, 3):
        publish(publisher, start, [0, 1, 0])
    assert kinds(subscriber.heard()) == ["Announce"]
    gap, block = subscriber.say(wire.Credit(10, 1 << 20))
    assert (gap.start, gap.stop, gap.reason) == (0, 8, "dropped")
    assert (block.index, block.count) == (8, 3)


@pytest.mark.slow
def test_many_events_leave_in_blocks_of_about_a_mebibyte_that_cover_what_they_say(exchange):
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(TOPIC)
    publisher.open("ecg/1", ECG)
    count = 400_000
    publish(publisher, 0, [0.0, 1.0] * (count // 2))
    blocks = told(subscriber)
    assert len(blocks) > 1
    next_index = 0
    for start, stop, _, rows in blocks:
        assert start == next_index
        assert len(rows) * 8 <= 1 << 20
        assert rows == (np.arange(start + start % 2, stop, 2) + 0.5).tolist()
        next_index = stop
    assert next_index == count - 1


def test_nobody_publishes_events(exchange):
    format = Format(kind="events", shape=(1,), dtype="float64", labels=("index",))
    refused = exchange.client().open("ecg/1", format)
    assert isinstance(refused, wire.Refused)
    assert (refused.code, refused.path) == ("bad_format", "ecg/1")
    assert "publish the signal" in refused.remedy
