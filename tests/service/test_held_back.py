"""Streams that subscribers with back-pressure may hold back: together as far as there is room."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corrente import wire
from corrente_pipelines import Pipeline
from corrente_service import processing
from corrente_service.parcel import Parcel
from corrente_service.subscription import Subscription
from tests.service.exchange import IMU, PATIENT, Client, Exchange, kinds
from tests.service.test_groups import (
    STREAMS,
    WatchedPipeline,
    mean,
    opened,
    received,
    send,
    signals,
    whole,
)

SMOOTH = "imu/*/patient/smooth"
WIDER = {**PATIENT, "stages": {**PATIENT["stages"], "smooth": {"op": "moving_average", "size": 5}}}


def patient() -> WatchedPipeline:
    return WatchedPipeline(Pipeline.of(PATIENT), name="patient", backpressure=True)


def waiting(client: Client, *patterns: str, **more: Any) -> Subscription:
    client.subscribe(*(patterns or (SMOOTH,)), policy="wait", **more)
    client.heard()
    return client.exchange.service.egress.subscriptions[client.peer]


def grant(client: Client, blocks: int) -> None:
    """Gives credit for so many blocks in all; what comes stays in the client's inbox."""
    frames = wire.encode(wire.Credit(blocks, 1 << 30))
    client.exchange.service.handle(client.peer, frames, client.exchange.now_s)
    client.exchange.tick()


def has_work(exchange: Exchange) -> bool:
    return exchange.service.has_work


def in_flight(exchange: Exchange) -> int:
    """Items accepted and not processed; the books of all streams balance."""
    streams = exchange.service.ingest.streams.values()
    for stream in streams:
        assert stream.ledger.is_balanced(stream.in_flight)
    return sum(stream.in_flight for stream in streams)


def check_whole(subscriber: Client, x: np.ndarray) -> None:
    """All of these signals came, each in order."""
    found = received(subscriber)
    assert len(found) == len(x)
    for blocks, expected in zip(found.values(), mean(x), strict=True):
        np.testing.assert_allclose(whole(blocks), expected[:-1], rtol=1e-5, atol=1e-6)


def test_streams_are_stepped_together_as_far_as_their_subscriber_has_room():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    subscription = waiting(subscriber, queue=3, credit=1)
    streams, x = opened(publisher), signals(10)
    acks = send(publisher, streams, x, 0)
    assert [ack.next_index for ack in acks] == [10] * 4 + [0] * 3
    assert pipeline.steps == [4]
    assert subscription.is_full
    assert not has_work(exchange)
    assert in_flight(exchange) == 30


def test_credit_for_many_blocks_lets_as_many_streams_go_on_together():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=1, credit=0)
    streams, x = opened(publisher), signals(10)
    send(publisher, streams, x, 0)
    assert pipeline.steps == [1]
    publisher.heard()
    blocks = [m for m in subscriber.say(wire.Credit(5, 1 << 30)) if isinstance(m, wire.Block)]
    assert len(blocks) == 5
    assert pipeline.steps == [1, 5]
    assert [ack.next_index for ack in publisher.heard()] == [10] * 5
    assert in_flight(exchange) == 10
    exchange.service.handle(subscriber.peer, wire.encode(wire.Credit(7, 1 << 30)), 0.0)
    assert has_work(exchange)
    exchange.tick()
    assert in_flight(exchange) == 0
    assert exchange.service.is_drained


def test_of_a_backlog_of_one_stream_so_much_is_taken_as_there_is_credit_for():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    subscription = waiting(subscriber, queue=2, credit=0)
    streams = opened(publisher, 1)
    for k in range(20):
        send(publisher, streams, signals(10)[:1], 10 * k)
    assert pipeline.items == [10, 10]
    grant(subscriber, 4)
    assert in_flight(exchange) == 10 * (20 - 4 - 2)
    assert subscription._waiting_blocks == 2
    pipeline.items.clear()
    grant(subscriber, 15)
    assert pipeline.items == [80, 10, 10, 10]
    assert in_flight(exchange) == 10 * (20 - 15 - 2)


def test_groups_that_are_found_at_once_share_the_room_there_is():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    subscription = waiting(subscriber, queue=5, credit=0)
    streams = opened(publisher)
    for some, n in ((streams[:3], 10), (streams[3:], 12)):
        blocks = tuple(wire.Block(one.id, one.epoch, 0, n, 0) for one in some)
        sizes = (8 * n,) * len(some)
        frames = wire.encode(wire.Blocks(blocks, sizes), bytes(8 * n * len(some)))
        exchange.service.handle(publisher.peer, frames, 0.0)
    exchange.tick()
    assert subscription._waiting_blocks == 5
    assert pipeline.steps == [3, 1, 1]
    grant(subscriber, 3)
    assert pipeline.steps == [3, 1, 1, 1, 1]


def test_credit_that_comes_one_by_one_lets_every_stream_go_on_in_turn():
    exchange = Exchange(patient())
    publisher, subscriber = exchange.client(), exchange.client()
    subscription = waiting(subscriber, queue=1, credit=0)
    streams, x = opened(publisher), signals(10, 10, 10)
    for start in (0, 10, 20):
        send(publisher, streams, x[:, start : start + 10], start)
    for credit in range(1, 3 * STREAMS + 1):
        assert subscription.is_full
        grant(subscriber, credit)
        of = [stream.taken_index for stream in exchange.service.ingest.streams.values()]
        assert max(of) - min(of) <= 10
    assert min(of) == 30
    check_whole(subscriber, x)


@pytest.mark.parametrize("portion", [1, 2, 3, 5])
def test_nobody_waits_for_ever_behind_those_who_always_have_more(portion):
    exchange = Exchange(patient())
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=1, credit=0)
    streams = opened(publisher)
    for k in range(20):
        send(publisher, streams, signals(10), 10 * k)
    for credit in range(portion, 10 * STREAMS + 1, portion):
        subscriber.say(wire.Credit(credit, 1 << 30))
    taken = [stream.taken_index // 10 for stream in exchange.service.ingest.streams.values()]
    assert max(taken) - min(taken) <= 2, taken


def test_the_slower_of_two_subscribers_holds_and_both_get_everything():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, fast, slow = exchange.client(), exchange.client(), exchange.client()
    waiting(fast, queue=100, credit=1000)
    subscription = waiting(slow, queue=3, credit=1)
    streams, x = opened(publisher), signals(10, 10)
    send(publisher, streams, x[:, :10], 0)
    assert pipeline.steps == [4]
    send(publisher, streams, x[:, 10:], 10)
    came: dict[Client, list[Any]] = {fast: [], slow: []}
    for credit in range(1, 2 * STREAMS + 1, 2):
        assert subscription._waiting_blocks <= 3
        grant(slow, credit)
        for client in came:
            came[client] += client.inbox()
        sent = [sum(isinstance(m, wire.Block) for m, _ in came[client]) for client in (fast, slow)]
        assert sent[1] == credit
        assert sent[0] == min(2 * STREAMS, credit + 3)
    grant(slow, 2 * STREAMS)
    for client, said in came.items():
        exchange.inboxes[client.peer] = said + client.inbox()
        check_whole(client, x)


def test_who_may_be_dropped_loses_by_its_own_queue_and_who_waits_nothing():
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, hasty, subscriber = exchange.client(), exchange.client(), exchange.client()
    hasty.subscribe(SMOOTH, queue=2, credit=0)
    waiting(subscriber, queue=3, credit=1)
    streams, x = opened(publisher), signals(10, 10)
    hasty.heard()
    send(publisher, streams, x[:, :10], 0)
    assert pipeline.steps == [4]
    send(publisher, streams, x[:, 10:], 10)
    (dropping, _) = exchange.service.egress.subscriptions.values()
    assert dropping.queued == 2 * 9
    for credit in (5, 9, 14):
        grant(subscriber, credit)
    check_whole(subscriber, x)
    said = kinds(hasty.say(wire.Credit(100, 1 << 30)))
    assert said.count("Block") == 2
    assert "Gap" in said
    assert dropping.ledger.is_balanced(0)
    assert dropping.ledger.offered == STREAMS * 19


@pytest.mark.parametrize("credit", [0, 4])
def test_gaps_and_ends_keep_their_place_behind_what_is_held_back(credit):
    exchange = Exchange(patient())
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=3, credit=credit)
    streams, x = opened(publisher), signals(10, 10, 10)
    send(publisher, streams, x[:, :10], 0)
    for k in range(STREAMS):
        publisher.open(f"imu/{k}", index=20)
    send(publisher, streams, x[:, 20:], 20)
    for stream in streams[2:]:
        publisher.say(wire.End(stream.id, stream.epoch, 30))
    said = subscriber.inbox()
    while not exchange.service.processing.is_idle or not exchange.service.egress.is_empty:
        credit += 1
        grant(subscriber, credit)
        said += subscriber.inbox()
    of: dict[int, list[Any]] = defaultdict(list)
    for message, payload in said:
        if not isinstance(message, wire.Announce | wire.Credit):
            of[message.id].append((message, payload))
    assert len(of) == STREAMS
    for k, told in enumerate(of.values()):
        ended = k >= 2
        items = [np.frombuffer(p, "<f4").reshape(-1, 2) for m, p in told if type(m) is wire.Block]
        first, behind = mean(x[k, None, :10])[0], mean(x[k, None, 20:])[0]
        expected = np.concatenate([first, behind if ended else behind[:-1]])
        np.testing.assert_allclose(np.concatenate(items), expected, rtol=1e-5, atol=1e-6)
        assert [(m.start, m.stop) for m, _ in told if type(m) is wire.Gap] == [(10, 20)]
        assert type(told[-1][0]) is (wire.End if ended else wire.Block)
    assert exchange.service.processing.ended.is_balanced(0)


def test_pipelines_are_swapped_behind_what_is_held_back():
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=3, credit=0)
    streams, x = opened(publisher), signals(10, 10)
    send(publisher, streams, x[:, :10], 0)
    exchange.service.swap({"patient": Pipeline.of(WIDER)})
    exchange.tick()
    send(publisher, streams, x[:, 10:], 10)
    swapped = exchange.service.runner.swapped
    assert [swapped(f"imu/{k}") for k in range(STREAMS)] == [{}] * STREAMS
    grant(subscriber, 100)
    assert in_flight(exchange) == 0
    assert [swapped(f"imu/{k}") for k in range(STREAMS)] == [{"patient": 10}] * STREAMS


def test_a_subscriber_that_stands_still_is_cut_and_all_go_on_together():
    pipeline = patient()
    exchange = Exchange(pipeline, stall_timeout_s=10)
    publisher, stuck, other = exchange.client(), exchange.client(), exchange.client()
    waiting(stuck, queue=3, credit=0)
    streams, x = opened(publisher), signals(10, 10)
    other.subscribe(SMOOTH)
    send(publisher, streams, x[:, :10], 0)
    send(publisher, streams, x[:, 10:], 10)
    for _ in range(12):
        publisher.say(wire.Ping())
        other.say(wire.Ping())
        stuck.say(wire.Ping())
        exchange.tick(1.0)
    assert kinds(stuck.heard())[-1] == "Goodbye"
    assert pipeline.steps[0] == 3
    assert sorted(pipeline.steps[1:]) == [3, 4, 4]  # 3 are a block ahead
    assert in_flight(exchange) == 0


def test_who_leaves_holds_nothing_back():
    exchange = Exchange(patient())
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=1, credit=0)
    streams = opened(publisher)
    send(publisher, streams, signals(10), 0)
    assert not has_work(exchange)
    exchange.service.forget(subscriber.peer, 0.0)
    assert has_work(exchange)
    exchange.tick()
    assert in_flight(exchange) == 0
    assert not has_work(exchange)


def test_who_comes_may_hold_back_what_another_holds():
    exchange = Exchange(patient())
    publisher, one, two = exchange.client(), exchange.client(), exchange.client()
    waiting(one, queue=1, credit=0)
    streams = opened(publisher)
    send(publisher, streams, signals(10), 0)
    waiting(two, queue=2, credit=0)
    one.say(wire.Credit(100, 1 << 30))
    assert in_flight(exchange) == 10 * (STREAMS - 3)
    two.say(wire.Credit(100, 1 << 30))
    assert in_flight(exchange) == 0


def test_a_stream_that_is_held_back_may_be_abandoned():
    exchange = Exchange(patient(), stream_idle_s=10)
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=3, credit=0)
    streams = opened(publisher)
    send(publisher, streams, signals(10), 0)
    exchange.service.forget(publisher.peer, 0.0)
    assert in_flight(exchange) == 40
    for _ in range(11):
        subscriber.say(wire.Ping())
        exchange.tick(1.0)
    assert exchange.service.processing.is_idle
    assert not exchange.service.ingest.streams
    assert exchange.service.processing.ended.is_balanced(0)


def test_a_backlog_is_worked_off_in_turns_that_are_not_long(monkeypatch):
    monkeypatch.setattr(processing, "TURN_BLOCKS", 10)
    pipeline = patient()
    exchange = Exchange(pipeline)
    publisher, subscriber = exchange.client(), exchange.client()
    waiting(subscriber, queue=STREAMS, credit=0)
    streams = opened(publisher)
    for k in range(20):
        send(publisher, streams, signals(10), 10 * k)
    exchange.service.forget(subscriber.peer, 0.0)
    steps: list[int] = []
    while has_work(exchange):
        pipeline.steps.clear()
        exchange.service.tick(0.0)
        steps.append(sum(pipeline.steps))
    assert max(steps) == 2 * STREAMS
    assert in_flight(exchange) == 0


def test_the_same_people_are_one_demand_whoever_left_before():
    exchange = Exchange(patient())
    publisher, leaving, subscriber = exchange.client(), exchange.client(), exchange.client()
    waiting(leaving)
    waiting(subscriber)
    opened(publisher, 3)
    exchange.service.forget(leaving.peer, 0.0)
    publisher.open("imu/3")
    egress = exchange.service.egress
    assert len({egress.demand(f"imu/{k}") for k in range(4)}) == 1
    exchange.service.forget(subscriber.peer, 0.0)
    assert not any(egress.demand(f"imu/{k}").holding for k in range(4))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_room_is_for_so_many_blocks_and_where_only_blocks_count_for_no_more(
    data: st.DataObject,
) -> None:
    draw = data.draw
    queue, stages = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    size = draw(st.sampled_from([8, 500, 1500]))
    grants = draw(st.sampled_from([0, 1500, 1 << 30]))
    asked = wire.Subscribe(1, ("**",), policy="wait", queue=queue)
    queue_bytes = draw(st.sampled_from([2_000, 20_000, 1 << 30]))
    subscription = Subscription(b"", asked, queue_bytes)
    blocks = 0

    def push(payload_bytes: int) -> None:
        nonlocal blocks
        for _ in range(stages):
            one = wire.Block(1, 1, blocks, 1, 0)
            subscription.offer(Parcel([one], [payload_bytes], memoryview(bytes(payload_bytes))))
            blocks += 1

    for _ in range(draw(st.integers(0, 4))):
        credit = blocks + draw(st.integers(0, 9))
        subscription.grant(wire.Credit(credit, subscription._sent_bytes + grants))
        if not subscription.is_full:
            push(size)
        subscription.leaving()
    room = subscription.room(stages, stages * size)
    assert (room > 0) == (not subscription.is_full) == (subscription.free > 0)
    for _ in range(room):
        assert not subscription.is_full
        push(size - draw(st.integers(0, 8)))
    if stages == 1 and grants == queue_bytes == 1 << 30:
        assert subscription.is_full


def pair(spec: dict[str, Any]) -> tuple[Pipeline, Pipeline]:
    """A pipeline whose streams are stepped together, and the same where each is stepped alone."""
    together, alone = Pipeline.of(spec), Pipeline.of(spec)
    vars(alone.plan(IMU))["gains"] = lambda count: False
    return together, alone


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_whatever_happens_it_is_what_streams_give_that_are_stepped_alone(
    data: st.DataObject,
) -> None:
    draw = data.draw
    names = [f"imu/{k}" for k in range(6)]
    queues = draw(st.lists(st.sampled_from([1, 3, 8]), min_size=1, max_size=2))
    patterns = [draw(st.sampled_from([SMOOTH, "**/up", "**"])) for _ in queues]
    random = np.random.default_rng(draw(st.integers(0, 99)))
    worlds = []
    swaps = [pair(spec) for spec in (PATIENT, WIDER)]
    for pipeline in swaps[0]:
        exchange = Exchange(pipeline, queue_bytes=1 << 20)
        publisher, *subscribers = [exchange.client() for _ in range(1 + len(queues))]
        for subscriber, queue, pattern in zip(subscribers, queues, patterns, strict=True):
            subscriber.subscribe(pattern, policy="wait", queue=queue, credit=0)
        for name in names:
            publisher.open(name)
        worlds.append((exchange, publisher, subscribers))
    ids = [{s.name: s for s in world[0].service.ingest.streams.values()} for world in worlds]
    index = dict.fromkeys(names, 0)
    granted = [0] * len(queues)
    told: list[list[list[tuple[Any, Any]]]] = [[[] for _ in queues] for _ in worlds]

    is_plain = set(patterns) in ({SMOOTH}, {"**/up"})

    def look() -> None:
        for of, (_, _, subscribers) in zip(told, worlds, strict=True):
            for said, subscriber in zip(of, subscribers, strict=True):
                said += subscriber.inbox()
        for said, credit in zip(told[0], granted, strict=True):
            assert sum(isinstance(message, wire.Block) for message, _ in said) <= credit
        taken = [in_flight(exchange) for exchange, *_ in worlds]
        for subscription in worlds[0][0].service.egress.subscriptions.values():
            assert subscription._waiting_blocks < subscription._queue_blocks + 2
        if is_plain:  # then every block gives one, whichever stream has its turn
            assert taken[0] == taken[1]

    for _ in range(draw(st.integers(1, 12))):
        act = draw(
            st.sampled_from(["send", "send", "send", "credit", "credit", "gap", "end", "swap"])
        )
        some = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        some = [name for name in some if index[name] >= 0]
        is_plain &= act in ("send", "credit")
        if act == "send" and some:
            n = draw(st.sampled_from([8, 8, 20]))
            x = random.standard_normal((len(some), n, 2)).astype(np.float32)
            for known, (_, publisher, _) in zip(ids, worlds, strict=True):
                blocks = tuple(
                    wire.Block(known[name].id, known[name].epoch, index[name], n, 7 * index[name])
                    for name in some
                )
                publisher.say(wire.Blocks(blocks, (8 * n,) * len(some)), x.tobytes())
            index |= {name: index[name] + n for name in some}
        elif act == "credit":
            who = draw(st.integers(0, len(queues) - 1))
            granted[who] += draw(st.integers(1, 9))
            for *_, subscribers in worlds:
                grant(subscribers[who], granted[who])
        elif act == "gap" and some:
            index[some[0]] += 4
            for _, publisher, _ in worlds:
                publisher.open(some[0], index=index[some[0]])
        elif act == "end" and some:
            for known, (_, publisher, _) in zip(ids, worlds, strict=True):
                one = known[some[0]]
                publisher.say(wire.End(one.id, one.epoch, index[some[0]]))
            index[some[0]] = -1
        elif act == "swap":
            swaps.reverse()
            for pipeline, (exchange, *_) in zip(swaps[0], worlds, strict=True):
                exchange.service.swap({"patient": pipeline})
                exchange.tick()
        look()
    granted = [credit + 1000 for credit in granted]
    for *_, subscribers in worlds:
        for subscriber, credit in zip(subscribers, granted, strict=True):
            grant(subscriber, credit)
    look()
    for exchange, *_ in worlds:
        assert in_flight(exchange) == 0
        assert exchange.service.is_drained
    for together, alone in zip(*told, strict=True):
        assert _by_topic(together) == _by_topic(alone)


def _by_topic(said: list[tuple[Any, Any]]) -> dict[int, list[tuple[Any, bytes]]]:
    of: dict[int, list[tuple[Any, bytes]]] = defaultdict(list)
    for message, payload in said:
        if isinstance(message, wire.Announce | wire.Block | wire.Gap | wire.End):
            of[message.id].append((message, bytes(payload)))
    return of
