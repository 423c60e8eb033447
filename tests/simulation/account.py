"""The witness of all that the daemon does, who holds it against the promises.

What the daemon accepts of a stream is what was sent, in order, each item once; nothing is
acknowledged before it was processed; `accepted = processed + dropped + in flight` at every turn;
no block leaves without credit.
"""

from collections.abc import Callable

import numpy as np

from corrente import wire
from corrente_service.service import Service
from corrente_service.stream import Arrived, LeftOut, Stream, Work
from tests.simulation.client import Client, Connection
from tests.simulation.definition import items_of
from tests.simulation.life import Life
from tests.simulation.session import Session
from tests.simulation.wrong import check


class Account:
    """What every life of a stream was told, and tells."""

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self.process = 0
        self.processes: dict[bytes, int] = {}  # by the names they have for clients
        self.lives: list[Life] = []
        self.sessions: list[Session] = []
        self._live: dict[Stream, Life] = {}
        self._by_epoch: dict[tuple[int, int], Life] = {}  # by process, and its first epoch
        self._ids: dict[int, Life] = {}  # of this process
        self._sent: dict[bytes, tuple[Connection | None, list[int]]] = {}  # since `subscribed`

    def began(self, service: Service) -> None:
        """Another process, which knows nothing of the one before."""
        self.process += 1
        self.processes[service.daemon] = self.process
        begin = service.ingest.begin

        def begin_seen(asked: wire.Open, instance: bytes, peer: bytes) -> Stream:
            stream = begin(asked, instance, peer)
            self.look(service)  # it may end before the service is done
            return stream

        vars(service.ingest)["begin"] = begin_seen
        self._live.clear()
        self._ids.clear()
        self._sent.clear()

    def life(self, process: int, epoch: int) -> Life:
        """The life that a topic's messages are about."""
        return self._by_epoch[process, epoch]

    def watch(self, service: Service, action: Callable[[], None]) -> None:
        """Lets the service do something, and looks at what it took in by it."""
        before = {stream: tuple(stream.work) for stream in service.ingest.streams.values()}
        action()
        self.look(service)
        for stream, life in self._live.items():
            known = set(map(id, before.get(stream, ())))
            for work in stream.work:
                if id(work) not in known:
                    self._took(life, work)
            check(life.next_index == stream.next_index, "{}: our own index differs", life)

    def look(self, service: Service) -> None:
        """Which streams began, and which ended?"""
        streams = service.ingest.streams.values()
        for stream in streams:
            if stream not in self._live:
                life = Life(len(self.lives), self.process, stream)
                self._live[stream] = self._ids[stream.id] = life
                self._by_epoch[self.process, stream.epoch] = life
                self.lives.append(life)
        for stream in set(self._live).difference(streams):
            life = self._live.pop(stream)
            if stream.next_index > life.next_index:  # left out in the moment in which it ended
                check(stream.ledger.accepted == life.accepted, "{}: {}", life, stream.ledger)
                life.leave_out(stream.next_index)
            life.ended_topics = service.egress.ended_topics
            check(stream.ledger.is_balanced(0), "{}: ended with {}", life, stream.ledger)

    def ticked(self, service: Service) -> None:
        """A turn is over: the books must balance."""
        self.look(service)
        for stream, life in self._live.items():
            ledger = stream.ledger
            check(ledger.accepted == life.accepted, "{}: the ledger has {}", life, ledger)
            check(ledger.is_balanced(stream.in_flight), "{}: out of balance: {}", life, ledger)
            is_bounded = stream.work_bytes <= self._window_bytes or len(stream.work) == 1
            check(is_bounded, "{}: {} bytes wait", life, stream.work_bytes)
        for subscription in service.egress.subscriptions.values():
            balanced = subscription.ledger.is_balanced(subscription.queued)
            check(balanced, "a subscription is out of balance: {}", subscription.ledger)

    def sent(self, client: Client, message: wire.AnyMessage, payload_bytes: int) -> None:
        """A message leaves the daemon."""
        match message:
            case wire.Ack():
                self._acknowledged(message)
            case wire.Acks(acks):
                for ack in acks:
                    self._acknowledged(ack)
            case wire.Subscribed():
                self._sent[client.instance] = client.connection, [0, 0]
            case wire.Block():
                self._spent(client, payload_bytes)
            case wire.Blocks(_, sizes):
                for size in sizes:
                    self._spent(client, size)
            case _:
                pass

    def check_sent(self) -> None:
        """In the end: whatever was acknowledged had been accepted."""
        for session in self.sessions:
            lost = [index for index in session.promised if index not in session.accepted]
            check(not lost, "{}: acknowledged, but never accepted: items {}", session, lost[:10])

    def _took(self, life: Life, work: Work) -> None:
        if isinstance(work, LeftOut):
            life.leave_out(work.stop)
        elif isinstance(work, Arrived):
            assert isinstance(work.items, np.ndarray)
            session = self.sessions[int(work.items[0, 1])]
            first, n = life.next_index, len(work.items)
            sent = items_of(life.stream.format, first, n, session.key)
            check(
                session.outgoing.stream == life.stream.name and np.array_equal(work.items, sent),
                "{}: was accepted as items {} to {}, but {} sent {}",
                *(life, first, first + n - 1, session, work.items[:, 0]),
            )
            session.accept(life, first, n)
            life.accept(work.items)

    def _acknowledged(self, ack: wire.Ack) -> None:
        life = self._ids[ack.id]
        done = life.stream.ledger.processed + life.stream.ledger.dropped.total()
        check(ack.next_index <= life.next_index, "{}: {} is not there", life, ack)
        is_done = life.accepted_below(ack.next_index) <= done
        check(is_done, "{}: {} comes too early, {} are done", life, ack, done)
        ended = life.ended_topics is not None
        check(ended or not ack.ended, "{}: {}, but it has not ended", life, ack)

    def _spent(self, client: Client, payload_bytes: int) -> None:
        """The last block may overdraw the bytes, no block the blocks."""
        connection, sent = self._sent[client.instance]
        if connection is not None:
            granted = connection.granted_blocks, connection.granted_bytes
            has_credit = sent[0] < granted[0] and sent[1] < granted[1]
            check(has_credit, "{}: {} sent, {} granted", client.name, sent, granted)
        sent[0] += 1
        sent[1] += payload_bytes
