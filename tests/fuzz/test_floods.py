"""What a stranger repeats for ever takes up no more for it.

Each flood goes on `N` times, then `N` times more: the second half may add next to nothing. What is
held back or stands still is the hard case, so most have a subscriber that takes nothing.
"""

import gc
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from corrente import wire
from corrente.format import format_of
from tests.fuzz.corpus import LABELLED, TINY
from tests.service.exchange import IMU, MEAN, PATIENT, Client, Exchange, ramp

N = 1500
"""Messages that fill what may be filled: a queue of notices, the topics that ended."""

GROWTH = 0.5
"""Objects that each message behind those may leave behind; what is left is one at least."""

HELD = 10
"""Items of a stream that is held back, to begin with."""

WIDE: dict[str, Any] = {
    **MEAN,
    "name": "wide",
    "for_each": "wide/*",
    "stages": {f"s{n}": {"op": "relu", "from": "input"} for n in range(12)},
}

Flood = Callable[[int], object]
FLOODS: dict[str, Callable[[Exchange], Flood]] = {}


def flood(begin: Callable[[Exchange], Flood]) -> Callable[[Exchange], Flood]:
    FLOODS[begin.__name__] = begin
    return begin


def held(exchange: Exchange) -> Client:
    """A publisher whose stream a subscriber with back-pressure holds back."""
    subscriber, publisher = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/up", policy="wait", queue=1, credit=0)
    publisher.open()
    publisher.send(0, HELD)
    assert exchange.service.egress.holds("imu/7")
    return publisher


def standing(exchange: Exchange, policy: str = "drop") -> Client:
    """A publisher, and a subscriber of everything that has a block in its queue and no credit."""
    subscriber, publisher = exchange.client(), exchange.client()
    publisher.open()
    subscriber.subscribe("**", queue=1 << 16, credit=0)
    publisher.send(0, 1)
    return publisher


@flood
def blocks_of_one_item_into_a_held_stream(exchange):
    publisher = held(exchange)
    return lambda k: publisher.send(HELD + k, HELD + 1 + k)


@flood
def packed_blocks_into_a_held_stream(exchange):
    publisher = held(exchange)
    opened = publisher.opened

    def send(k):
        blocks = tuple(wire.Block(opened.id, 1, HELD + 8 * k + n, 1, 0) for n in range(8))
        publisher.say(wire.Blocks(blocks, (8,) * 8), ramp(0, 8).tobytes())

    return send


@flood
def gaps_in_a_held_stream(exchange):
    publisher = held(exchange)
    return lambda k: publisher.open(index=HELD + 10 + 2 * k)


@flood
def gaps_before_a_subscriber_that_stands_still(exchange):
    publisher = standing(exchange)
    return lambda k: publisher.open(index=10 + 2 * k)


@flood
def streams_that_come_and_go_before_one(exchange):
    standing(exchange)
    publisher = exchange.client()

    def come_and_go(k):
        publisher.open("free", TINY)
        publisher.end(0)

    return come_and_go


@flood
def formats_that_change_before_one(exchange):
    standing(exchange)
    publisher = exchange.client()
    formats = (TINY, IMU)
    return lambda k: publisher.open("free", formats[k % 2], takeover=True)


@flood
def formats_that_change_in_a_held_stream(exchange):
    publisher = held(exchange)
    formats = (format_of((3,), 1), IMU)

    def change(k):
        publisher.open("imu/7", formats[k % 2], takeover=True)
        stream = exchange.service.ingest.streams["imu/7"]
        block = wire.Block(stream.id, stream.epoch, stream.next_index, 1, 0)
        publisher.say(block, bytes(stream.format.item_bytes))

    return change


@flood
def formats_with_many_labels(exchange):
    publisher = exchange.client()
    again = wire.encode(wire.Open(1, "free", LABELLED))

    def come_and_go(k):
        publisher.raw(*again)
        stream = exchange.service.ingest.streams["free"]
        publisher.say(wire.End(stream.id, stream.epoch, 0))

    return come_and_go


@flood
def subscriptions_one_after_the_other(exchange):
    subscriber, publisher = exchange.client(), exchange.client()
    publisher.open()

    def subscribe(k):
        subscriber.subscribe(*(f"imu/*/mean/{k}-{n}" for n in range(8)), credit=0, queue=4)
        publisher.send(k, k + 1)

    return subscribe


@flood
def subscriptions_to_ever_other_sets_of_stages(exchange):
    subscriber, publisher = exchange.client(), exchange.client()
    publisher.open("wide/1")

    def subscribe(k):
        stages = [stage for n, stage in enumerate(WIDE["stages"]) if (k + 1) >> n & 1]
        subscriber.subscribe(*(f"wide/1/wide/{stage}" for stage in stages), credit=0, queue=4)
        publisher.send(k, k + 1)

    return subscribe


@flood
def hellos_under_other_names(exchange):
    client = exchange.client()
    return lambda k: client.say(wire.Hello(1, 1, k.to_bytes(16, "big"), "x" * 255))


@flood
def connections_that_say_nothing_more(exchange):
    def connect(k):
        exchange.now_s += 0.1
        exchange.stranger().hello()
        exchange.inboxes.clear()

    return connect


@flood
def refusals_of_every_kind(exchange):
    client, stranger = exchange.client(), exchange.stranger()

    def ask(k):
        client.say(wire.Block(k, k, k, 0, 0))
        client.say(wire.Open(k, f"-{k}", IMU))
        client.say(wire.Subscribe(k, (f"-{k}",)))
        stranger.raw(k.to_bytes(64, "big"))

    return ask


@flood
def losses_without_end(exchange):
    publisher = exchange.client()
    publisher.open()
    return lambda k: publisher.send(1 + k, 2 + k)


@flood
def credit_and_questions(exchange):
    subscriber = exchange.client()
    subscriber.subscribe("**", credit=0)
    requests = count(1)

    def ask(k):
        subscriber.say(wire.Credit(k, k))
        subscriber.say(wire.Status(next(requests)))
        subscriber.say(wire.Ping())

    return ask


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_takes_up_no_more_the_longer_it_is(name, caplog):
    caplog.set_level("CRITICAL")  # what is captured takes up memory
    limits = {"window_bytes": 64 << 10, "queue_bytes": 1 << 20, "peers": 32, "streams": 32}
    # Nobody is cut for standing still: that would end the flood's cause.
    exchange = Exchange(MEAN, PATIENT, WIDE, stall_timeout_s=1e9, **limits)
    once = FLOODS[name](exchange)
    blocks: list[int] = []
    for messages in (range(N), range(N, 2 * N)):
        for k in messages:
            once(k)
            exchange.inboxes.clear()
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert blocks[1] - blocks[0] < GROWTH * N
