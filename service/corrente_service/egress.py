"""The daemon's half of subscribing: which topics exist, and who gets what of them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import NamedTuple

import numpy as np

from corrente import topics, wire
from corrente.errors import FormatError, Refused
from corrente.format import AnyBlock, Format, Items
from corrente_pipelines import Pipeline
from corrente_pipelines.blocks import data
from corrente_service.demand import NO_DEMAND, Demand, Demands
from corrente_service.events import (
    Begun,
    Ended,
    Event,
    Missing,
    Output,
    Outputs,
    Revised,
    Topic,
    Wanted,
)
from corrente_service.ledger import SubscriptionLedger
from corrente_service.limits import Limits
from corrente_service.parcel import PARCEL_BYTES, Frames, Notice, Parcel
from corrente_service.subscription import Subscription
from corrente_service.timing import time_ahead

ENDED_TOPICS = 1024
"""How many topics that ended are remembered, for subscribers that were away; a client knows as many
by their ids.
"""


@dataclass(slots=True, eq=False)
class _Live:
    """A topic whose stream is open. Its id is the daemon's, the same for all subscribers."""

    topic: Topic
    id: int
    epoch: int
    format: Format
    revision: int = 0
    subscribers: list[Subscription] = field(default_factory=list[Subscription])


class _Past(NamedTuple):
    """A topic that ended before item `stop`, and what tells of it.

    That is kept encoded, since a format with many labels takes ten times as much as its bytes.
    """

    topic: Topic
    epoch: int
    stop: int
    announce: Notice
    end: Notice


class Egress:
    """Every live topic, and every subscription."""

    def __init__(self, limits: Limits, pipelines: Mapping[str, Pipeline]) -> None:
        self._limits = limits
        self.pipelines = pipelines
        self._ids = count(1)
        self._live: dict[str, dict[Topic, _Live]] = {}  # by stream
        self._places: dict[tuple[str, str], dict[str, _Live]] = {}  # by pipeline and stage
        self._demands: dict[str, Demand] = {}  # by stream
        self._made_demands = Demands()
        self.changes = 0  # of what is wanted of streams, and by whom
        self._unannounced: set[str] = set()  # streams that may owe somebody an announcement
        self._ended: deque[_Past] = deque(maxlen=ENDED_TOPICS)
        self.ended_topics = 0  # since the daemon began
        self.subscriptions: dict[bytes, Subscription] = {}
        self.left = SubscriptionLedger()

    def subscribe(
        self, peer: bytes, asked: wire.Subscribe, positions: Mapping[Topic, int]
    ) -> Subscription:
        """A new subscription, in place of the peer's last; announces what matches already.

        `positions` are the indices of the next items of the topics whose streams stand still; the
        others are announced by `catch_up`. What ended since a former subscription is told first.
        Raises `Refused` where a pattern can match nothing, or allows no back-pressure.
        """
        for pattern in asked.patterns:
            self._check(pattern, asked.policy)
        self.leave(peer)
        subscription = Subscription(peer, asked, self._limits.queue_bytes)
        self.subscriptions[peer] = subscription
        self._tell_ended(subscription, asked.ended)
        for stream, found in self._live.items():
            if any(topic in positions for topic in found):
                for live in found.values():
                    self._attach(live, subscription, positions[live.topic])
                self._count(stream)
            else:
                self._unannounced.add(stream)
        return subscription

    def owes(self, stream: str) -> bool:
        """Whether somebody subscribed while the stream's topics could not be announced."""
        return stream in self._unannounced

    def catch_up(self, stream: str, positions: Mapping[Topic, int]) -> None:
        """Announces a stream's topics to those who subscribed meanwhile."""
        self._unannounced.discard(stream)
        for live in self._live.get(stream, {}).values():
            self._attach_all(live, positions[live.topic])
        self._count(stream)

    def grant(self, peer: bytes, credit: wire.Credit) -> None:
        """The peer may be sent so much in all."""
        subscription = self.subscriptions.get(peer)
        if subscription is not None:
            subscription.grant(credit)

    def messages(self, peer: bytes) -> int:
        """How many messages about topics the peer was sent since it subscribed."""
        subscription = self.subscriptions.get(peer)
        return 0 if subscription is None else subscription.messages

    def leave(self, peer: bytes) -> None:
        """The peer is no longer subscribed to anything."""
        subscription = self.subscriptions.pop(peer, None)
        if subscription is None:
            return
        self.left.add(subscription.abandon())
        self._made_demands.forget()
        for stream, found in self._live.items():
            for live in found.values():
                if subscription in live.subscribers:
                    live.subscribers.remove(subscription)
            self._count(stream)

    def open(
        self,
        stream: str,
        epoch: int,
        formats: Mapping[Topic, Format],
        positions: Mapping[Topic, int],
    ) -> None:
        """New topics, announced to whoever waits for them."""
        self._live[stream] = {}
        for topic, format in formats.items():
            self._attach_all(self._made(topic, epoch, format), positions[topic])
        self._count(stream)

    def close(self, stream: str) -> None:
        """The stream's topics are no more; their ends were offered before."""
        for topic in tuple(self._live[stream]):
            self._unmade(topic)
        del self._live[stream]
        self._unannounced.discard(stream)
        self._count(stream)

    def offer(self, events: Iterable[Event]) -> None:
        """Queues what the runner gave; a block is encoded once for all who get it."""
        changed: set[str] = set()  # streams that have other topics now
        for event in events:
            found = self._live[event.topic.stream]
            if isinstance(event, Begun):
                self._begin(found, event)
                changed.add(event.topic.stream)
                continue
            live = found[event.topic]
            if isinstance(event, Output):
                for parcel in _parcels(live, event):
                    for subscription in live.subscribers:
                        subscription.offer(parcel)
                continue
            if isinstance(event, Ended) and self.owes(event.topic.stream):
                self._attach_all(live, event.stop)
            notice = _notice(live, event)
            for subscription in live.subscribers:
                subscription.offer(notice)
            if isinstance(event, Ended):
                past = _Past(
                    live.topic, live.epoch, event.stop, _announcement(live, event.stop), notice
                )
                self._ended.append(past)
                self.ended_topics += 1
                self._unmade(event.topic)
                changed.add(event.topic.stream)
        for stream in changed:
            self._count(stream)

    def offer_group(self, outputs: Outputs) -> None:
        """Queues a block of each of several streams; what goes to the same people, together."""
        found = self._places[outputs.pipeline, outputs.stage]
        lives = [found[stream] for stream in outputs.streams]
        count = outputs.items.shape[1]
        blocks = [
            wire.Block(live.id, live.epoch, start, count, t_ns)
            for live, start, t_ns in zip(lives, outputs.starts, outputs.times_ns, strict=True)
        ]
        subscribers = [live.subscribers for live in lives]
        if subscribers.count(subscribers[0]) == len(lives):
            _offer(blocks, outputs.items, subscribers[0])
            return
        for some, rows in _by_subscribers(lives).items():
            _offer([blocks[row] for row in rows], outputs.items[rows], some)

    def wanted(self, stream: str) -> Wanted:
        """The stages of a stream that somebody is subscribed to."""
        return self.demand(stream).want

    def demand(self, stream: str) -> Demand:
        """What is wanted of a stream, and by whom it may be held back."""
        return self._demands.get(stream, NO_DEMAND)

    def holds(self, stream: str) -> bool:
        """Whether a subscriber with back-pressure has no room for more of the stream."""
        return self.demand(stream).is_held

    def leaving(self) -> Iterator[tuple[bytes, Frames]]:
        """What may be sent, and to whom."""
        for peer, subscription in self.subscriptions.items():
            for frames in subscription.leaving():
                yield peer, frames

    def stalled(self, now_s: float) -> list[bytes]:
        """The peers with back-pressure that have granted nothing for too long."""
        return [
            peer
            for peer, subscription in self.subscriptions.items()
            if subscription.policy == "wait"
            and subscription.stalled_s(now_s) > self._limits.stall_timeout_s
        ]

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for any subscriber's credit."""
        return all(subscription.is_empty for subscription in self.subscriptions.values())

    def _begin(self, found: dict[Topic, _Live], begun: Begun) -> None:
        epoch = next(live.epoch for live in found.values())  # there is always the raw stream
        self._attach_all(self._made(begun.topic, epoch, begun.format), begun.start)

    def _made(self, topic: Topic, epoch: int, format: Format) -> _Live:
        live = _Live(topic, next(self._ids), epoch, format)
        self._live[topic.stream][topic] = live
        self._places.setdefault(topic[1:], {})[topic.stream] = live
        return live

    def _unmade(self, topic: Topic) -> None:
        del self._live[topic.stream][topic]
        place = self._places[topic[1:]]
        del place[topic.stream]
        if not place:
            del self._places[topic[1:]]

    def _check(self, pattern: str, policy: wire.Policy) -> None:
        try:
            topics.check_pattern(pattern)
        except FormatError as error:
            raise Refused("bad_pattern", str(error), path=pattern) from error
        if policy == "drop":
            return
        patient = (name for name, made in self.pipelines.items() if made.backpressure)
        if not any(topics.overlap(pattern, f"*/**/{name}/*") for name in patient):
            raise Refused(
                "no_backpressure",
                "policy='wait' is for topics of pipelines with back-pressure; this matches none",
                path=pattern,
                remedy="put `backpressure: true` into the pipeline's spec and name its topics, "
                "STREAM/PIPELINE/STAGE, or use policy='drop'",
            )

    def _attach_all(self, live: _Live, index: int) -> None:
        attached = set(live.subscribers)
        for subscription in self.subscriptions.values():
            if subscription not in attached:
                self._attach(live, subscription, index)

    def _attach(self, live: _Live, subscription: Subscription, index: int) -> None:
        if self._takes(subscription, live.topic):
            live.subscribers.append(subscription)
            _announce(_announcement(live, index), live.epoch, subscription, index)

    def _tell_ended(self, subscription: Subscription, ended: int | None) -> None:
        """Tells of the topics that ended behind the first `ended` ones, as far as remembered."""
        missed = 0 if ended is None else max(0, self.ended_topics - ended)
        forgotten = max(0, len(self._ended) - missed)
        for past in islice(self._ended, forgotten, None):
            if self._takes(subscription, past.topic):
                _announce(past.announce, past.epoch, subscription, past.stop)
                subscription.offer(past.end)

    def _takes(self, subscription: Subscription, topic: Topic) -> bool:
        if subscription.policy == "wait":
            pipeline = self.pipelines.get(topic.pipeline)
            if pipeline is None or not pipeline.backpressure:
                return False
        return subscription.matches(topic.name)

    def may_hold(self, stream: str) -> bool:
        """Whether a subscriber with back-pressure has a topic of the stream."""
        return bool(self.demand(stream).holding)

    def _count(self, stream: str) -> None:
        """Notes anew what is wanted of a stream, and who may hold it back."""
        wanted: dict[str, set[str]] = {}
        holding: dict[Subscription, dict[str, set[str]]] = {}
        for live in self._live.get(stream, {}).values():
            _, pipeline, stage = live.topic
            if live.subscribers:
                wanted.setdefault(pipeline, set()).add(stage)
            for subscription in live.subscribers:
                if subscription.policy == "wait":
                    takes = holding.setdefault(subscription, {})
                    takes.setdefault(pipeline, set()).add(stage)
        self.changes += 1
        self._demands[stream] = self._made_demands.of(wanted, holding)
        if stream not in self._live:
            del self._demands[stream]


def _by_subscribers(lives: Sequence[_Live]) -> dict[tuple[Subscription, ...], list[int]]:
    rows: dict[tuple[Subscription, ...], list[int]] = {}
    for row, live in enumerate(lives):
        rows.setdefault(tuple(live.subscribers), []).append(row)
    return rows


def _offer(blocks: Sequence[wire.Block], items: Items, subscribers: Sequence[Subscription]) -> None:
    """Queues blocks, and their items `(S, n, …)`, in parcels of a size that is fair to others."""
    if not subscribers or not items.shape[1]:
        return
    payload = memoryview(items.tobytes())
    size = len(payload) // len(blocks)
    most = min(wire.MAX_BLOCKS, max(1, wire.MAX_BLOCKS_BYTES // size))
    for start in range(0, len(blocks), most):
        some = blocks[start : start + most]
        part = payload[start * size : (start + len(some)) * size]
        parcel = Parcel(some, [size] * len(some), part)
        for subscription in subscribers:
            subscription.offer(parcel)


def _parcels(live: _Live, output: Output) -> Iterator[Parcel]:
    """The output in blocks of a size that is fair to others."""
    if not live.subscribers:
        return
    format = live.format
    most = max(1, PARCEL_BYTES // format.item_bytes)
    for start in range(0, len(output.items), most):
        items = output.items[start : start + most]
        index = output.start + start
        t_ns = time_ahead(output.t_ns, start, format.rate_hz)
        payload = _bytes(items)
        block = wire.Block(live.id, live.epoch, index, len(items), t_ns)
        yield Parcel((block,), (len(payload),), payload)


def _announce(notice: Notice, epoch: int, subscription: Subscription, index: int) -> None:
    """Tells of a topic whose next item is `index`, and that what was before is not kept."""
    subscription.offer(notice)
    since = 0 if subscription.since == "first" else subscription.since
    if isinstance(since, int) and since < index:
        gap = wire.Gap(notice.id, epoch, since, index, "expired")
        subscription.offer(Notice(notice.id, wire.encode(gap)))


def _bytes(items: AnyBlock) -> memoryview:
    plain = np.ascontiguousarray(data(items))
    return plain.data.cast("B") if plain.size else memoryview(b"")


def _announcement(live: _Live, index: int) -> Notice:
    announce = wire.Announce(live.id, live.epoch, *live.topic, live.format, index, live.revision)
    return Notice(live.id, wire.encode(announce))


def _notice(live: _Live, event: Missing | Ended | Revised) -> Notice:
    if isinstance(event, Revised):
        live.format, live.revision = event.format, live.revision + 1
        return _announcement(live, event.start)
    if isinstance(event, Missing):
        gap = wire.Gap(live.id, live.epoch, event.start, event.stop, event.reason)
        return Notice(live.id, wire.encode(gap))
    end = wire.End(live.id, live.epoch, event.stop, event.error[: wire.MAX_TEXT])
    return Notice(live.id, wire.encode(end))
