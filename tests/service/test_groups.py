"""Streams that are alike are put through their pipelines together; nobody can tell."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from corrente import wire
from corrente.format import Items
from corrente_pipelines import Pipeline
from tests.service.exchange import MEAN, Client, Exchange, kinds
from tests.service.test_runner import BrokenPipeline, BrokenPlan

STREAMS = 7
RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class WatchedPipeline:
    """A pipeline whose plan says how many streams were stepped together, or one by one.

    `items` says how many of each.
    """

    sound: Pipeline
    name: str = "mean"
    for_each: str = "imu/*"
    backpressure: bool = False
    steps: list[int] = field(default_factory=list[int])
    items: list[int] = field(default_factory=list[int])

    def plan(self, format: Any, choice: Any = None) -> "WatchedPlan":
        return WatchedPlan(self.sound.plan(format), self.steps, self.items)


@dataclass(frozen=True, eq=False)
class WatchedPlan(BrokenPlan):
    steps: list[int]
    items: list[int]

    def __hash__(self) -> int:
        return hash(self.sound)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WatchedPlan) and other.sound is self.sound

    def step(self, states: Any, items: Items, want: Any) -> Any:
        self.steps.append(1)
        self.items.append(len(items))
        return self.sound.step(states, items, want)

    def step_group(self, states: Any, items: Items, want: Any) -> Any:
        self.steps.append(len(items))
        self.items.append(items.shape[1])
        return self.sound.step_group(states, items, want)


class ForgetfulPlan(WatchedPlan):
    """Stepped together once more, streams remember less than they did."""

    def step_group(self, states: Any, items: Items, want: Any) -> Any:
        after, outputs = super().step_group(states, items, want)
        (tail, *others) = after.memories
        less = tail._replace(items=tail.items[:, 1:]) if len(self.steps) > 2 else tail
        return after._replace(memories=(less, *others)), outputs


class ForgetfulPipeline(WatchedPipeline):
    def plan(self, format: Any, choice: Any = None) -> WatchedPlan:
        return ForgetfulPlan(self.sound.plan(format), self.steps, self.items)


def opened(publisher: Client, count: int = STREAMS) -> list[wire.Opened]:
    return [publisher.open(f"imu/{k}") for k in range(count)]


def send(publisher: Client, streams: list[wire.Opened], items: Items, start: int) -> list[Any]:
    """A block of each stream, `(S, n, 2)`, in one message."""
    n = items.shape[1]
    blocks = tuple(wire.Block(one.id, one.epoch, start, n, start * 10**7) for one in streams)
    return publisher.say(wire.Blocks(blocks, (8 * n,) * len(blocks)), items.tobytes())


def signals(*lengths: int) -> Items:
    return RANDOM.standard_normal((STREAMS, sum(lengths), 2)).astype(np.float32)


def mean(x: Items) -> Items:
    smooth: Items = ndimage.correlate1d(x.astype(float), np.ones(3) / 3, axis=1, mode="nearest")
    return smooth


def received(subscriber: Client) -> dict[int, list[tuple[Any, Items]]]:
    """By topic the blocks that came, with their items; each follows the one before."""
    found: dict[int, list[tuple[Any, Items]]] = {}
    for message, payload in subscriber.inbox():
        if isinstance(message, wire.Block):
            of = found.setdefault(message.id, [])
            assert message.index == (of[-1][0].index + of[-1][0].count if of else 0)
            of.append((message, np.frombuffer(payload, "<f4").reshape(-1, 2)))
    return found


def whole(blocks: list[tuple[Any, Items]]) -> Items:
    return np.concatenate([items for _, items in blocks])


def test_streams_that_are_alike_are_stepped_together_and_give_what_each_gives_alone():
    watched = WatchedPipeline(Pipeline.of(MEAN))
    exchange = Exchange(watched)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher), signals(10, 10, 6)
    for start, stop in ((0, 10), (10, 20), (20, 26)):
        send(publisher, streams, x[:, start:stop], start)
    assert watched.steps == [STREAMS] * 3
    for stream in streams:
        publisher.say(wire.End(stream.id, stream.epoch, 26))
    found = received(subscriber)
    assert len(found) == STREAMS
    for blocks, expected in zip(found.values(), mean(x), strict=True):
        np.testing.assert_allclose(whole(blocks), expected, rtol=1e-5, atol=1e-6)
        assert [(m.index, m.t_ns) for m, _ in blocks] == [
            (0, 0), (9, 9 * 10**7), (19, 19 * 10**7), (25, 25 * 10**7),
        ]  # fmt: skip
    ended = exchange.service.processing.ended
    assert ended.is_balanced(0)
    assert ended.processed == 26 * STREAMS


def test_a_stream_that_goes_on_alone_takes_its_state_along():
    exchange = Exchange(MEAN)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher), signals(10, 10, 10)
    send(publisher, streams, x[:, :10], 0)
    send(publisher, streams[:1], x[:1, 10:20], 10)
    send(publisher, streams[1:], x[1:, 10:20], 10)
    send(publisher, streams, x[:, 20:], 20)
    publisher.say(wire.End(streams[0].id, streams[0].epoch, 30))
    first, *others = received(subscriber).values()
    np.testing.assert_allclose(whole(first), mean(x)[0], rtol=1e-5, atol=1e-6)
    for blocks, expected in zip(others, mean(x)[1:], strict=True):
        np.testing.assert_allclose(whole(blocks), expected[:29], rtol=1e-5, atol=1e-6)


def test_a_pipeline_that_raises_is_taken_off_only_where_it_does():
    exchange = Exchange(BrokenPipeline(Pipeline.of(MEAN)))
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher), signals(10)
    x[3, 4] = 13
    send(publisher, streams, x, 0)
    said = subscriber.heard()
    assert kinds(said).count("Block") == STREAMS - 1
    (end,) = [message for message in said if isinstance(message, wire.End)]
    assert "thirteen" in end.reason
    counts = exchange.service.report(0.0)["items"]
    assert counts["dropped"] == {"pipeline_error": 10}
    assert counts["processed"] == 10 * (STREAMS - 1)


def test_states_that_do_not_fit_are_not_taken_over():
    pipeline = ForgetfulPipeline(Pipeline.of(MEAN))
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher), signals(10, 10, 10)
    for start in (0, 10, 20):
        send(publisher, streams, x[:, start : start + 10], start)
    assert pipeline.steps == [STREAMS] * 3 + [1] * STREAMS
    for blocks, expected in zip(received(subscriber).values(), mean(x), strict=True):
        np.testing.assert_allclose(whole(blocks), expected[:29], rtol=1e-5, atol=1e-6)


def test_many_acknowledgements_and_many_blocks_are_one_message_each():
    exchange = Exchange(MEAN)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher), signals(10)
    subscriber.heard()
    blocks = tuple(wire.Block(one.id, one.epoch, 0, 10, 0) for one in streams)
    frames = wire.encode(wire.Blocks(blocks, (80,) * STREAMS), x.tobytes())
    exchange.service.handle(publisher.peer, frames, 0.0)
    sent = [(peer, wire.decode(said)[0]) for peer, said in exchange.service.tick(1.0)]
    (to_publisher, acks), (to_subscriber, several) = sent
    assert (to_publisher, to_subscriber) == (publisher.peer, subscriber.peer)
    assert acks == wire.Acks(tuple(wire.Ack(one.id, one.epoch, 10) for one in streams))
    assert isinstance(several, wire.Blocks)
    assert len(several.blocks) == STREAMS
    assert subscriber.say(wire.Ping())[-1] == wire.Pong(2 * STREAMS)


def test_each_is_sent_what_is_its_own():
    exchange = Exchange(MEAN)
    publisher, one, all_ = exchange.client(), exchange.client(), exchange.client()
    one.subscribe("imu/3/mean/smooth")
    all_.subscribe("**/smooth", "imu/4")
    streams, x = opened(publisher), signals(10)
    send(publisher, streams, x, 0)
    (mine,) = received(one).values()
    np.testing.assert_allclose(whole(mine), mean(x)[3, :9], rtol=1e-5, atol=1e-6)
    assert len(received(all_)) == STREAMS + 1


@pytest.mark.parametrize("credit", [0, 1, 4])
def test_what_has_no_credit_is_dropped_block_by_block(credit):
    exchange = Exchange(MEAN)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth", credit=credit, queue=2)
    streams, x = opened(publisher), signals(10)
    send(publisher, streams, x, 0)
    assert kinds(subscriber.heard()).count("Block") == credit
    (subscription,) = exchange.service.egress.subscriptions.values()
    assert subscription.ledger.is_balanced(subscription.queued)
    assert subscription.queued == 9 * min(2, STREAMS - credit)
    send(publisher, streams, x, 10)
    said = subscriber.say(wire.Credit(100, 1 << 30))
    assert kinds(said) == ["Gap", "Block"] * 2
    assert subscription.ledger.is_balanced(subscription.queued)


def handle(publisher: Client, streams: list[wire.Opened], x: Items, start: int, stop: int) -> None:
    """A block of each stream arrives; nothing is done yet. No rate explains their times."""
    blocks = tuple(wire.Block(s.id, s.epoch, start, stop - start, 7 * start) for s in streams)
    part = np.ascontiguousarray(x[: len(streams), start:stop])
    sizes = (part.nbytes // len(streams),) * len(streams)
    frames = wire.encode(wire.Blocks(blocks, sizes), part.tobytes())
    publisher.exchange.service.handle(publisher.peer, frames, 0.0)


THIRD = {
    **MEAN,
    "stages": {
        "smooth": {"op": "moving_average", "size": 3},
        "some": {"op": "decimate", "factor": 3},
    },
}
"""Of ten items it gives three or four."""


@pytest.mark.parametrize("count", [1, 2, STREAMS])
@pytest.mark.parametrize("spec", [MEAN, THIRD], ids=["mean", "third"])
def test_blocks_that_follow_each_other_are_taken_as_one_and_come_out_as_they_came_in(spec, count):
    cuts = [0, 10, 20, 25, 31, *range(41, 122, 10), 133, *range(143, 204, 10)]
    x = signals(cuts[-1], 10)
    told = []
    for is_queued in (False, True):
        pipeline = WatchedPipeline(Pipeline.of(spec))
        exchange = Exchange(pipeline)
        publisher, subscriber = exchange.client(), exchange.client()
        subscriber.subscribe("**")
        streams = opened(publisher, count)
        for start, stop in pairwise(cuts):
            handle(publisher, streams, x, start, stop)
            if not is_queued or stop in (20, 31):
                exchange.tick()
        handle(publisher, streams[:1], x, cuts[-1], cuts[-1] + 10)
        exchange.tick()
        for k, stream in enumerate(streams):
            publisher.say(wire.End(stream.id, stream.epoch, cuts[-1] + 10 * (k == 0)))
        of = defaultdict(list)
        for message, payload in subscriber.inbox():
            if isinstance(message, wire.Block):
                of[message.id].append((message, bytes(payload)))
        told.append(of)
        total = exchange.service.processing.ended.processed
        assert total == count * cuts[-1] + 10
        assert total == sum(np.multiply(pipeline.steps, pipeline.items)), "some of it twice"
    assert told[0] == told[1]
    assert len(told[0]) == 3 * count
    assert max(pipeline.items) == 80 or spec is THIRD


def test_so_many_blocks_are_taken_as_one_as_gain_by_it():
    pipeline = WatchedPipeline(Pipeline.of(MEAN))
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    n = 256  # a quarter of what is stepped together
    streams, x = opened(publisher, 3), signals(12 * n)
    for k in range(12):
        handle(publisher, streams, x, k * n, (k + 1) * n)
        if k < 4:
            exchange.tick()
    assert pipeline.items == [n] * 4
    exchange.tick()
    assert pipeline.items == [n] * 4 + [4 * n] * 2
    for stream in streams:
        publisher.say(wire.End(stream.id, stream.epoch, 12 * n))
    for blocks, expected in zip(received(subscriber).values(), mean(x), strict=False):
        np.testing.assert_allclose(whole(blocks), expected, rtol=1e-5, atol=1e-6)
        tail, _ = blocks[-1]  # its time goes by the last block that came
        assert (tail.index, tail.t_ns) == (12 * n - 1, 7 * 11 * n + (n - 1) * 10**7)


def test_what_a_pipeline_raises_at_is_found_among_blocks_that_are_taken_as_one():
    exchange = Exchange(BrokenPipeline(Pipeline.of(MEAN)))
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("**/smooth")
    streams, x = opened(publisher, 1), signals(100)
    x[0, 75] = 13
    for start in range(0, 100, 10):
        handle(publisher, streams, x, start, start + 10)
        if start < 20:
            exchange.tick()
    exchange.tick()
    said = subscriber.heard()
    assert [m.index for m in said if isinstance(m, wire.Block)] == [0, *range(9, 60, 10)]
    (end,) = [message for message in said if isinstance(message, wire.End)]
    assert "thirteen" in end.reason
    counts = exchange.service.report(0.0)["items"]
    assert counts["processed"] + counts["dropped"]["pipeline_error"] == 100
