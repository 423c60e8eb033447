"""Publishers, the daemon and subscribers in one process, on virtual time, from one seed."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from corrente.receiving import Receiving
from corrente.sending import Sending
from tests.simulation import daemon
from tests.simulation.account import Account
from tests.simulation.clock import Clock
from tests.simulation.daemon import LIMITS, Begin, Daemon
from tests.simulation.faults import PROFILES, Faults
from tests.simulation.network import Network
from tests.simulation.publisher import Publisher
from tests.simulation.subscriber import Subscriber
from tests.simulation.wrong import Wrong

ACTIVE_S = 4.0
BOUND_S = 40.0
"""How long after the last fault all must have been told."""

REST_S = 1.2
"""Longer than a heartbeat: whatever is told too much is told by then."""

ACT_S = 0.12
SUBSCRIBERS = 2


class Parts(NamedTuple):
    """What is under test."""

    sending: type[Sending] = Sending
    receiving: type[Receiving] = Receiving
    begin: Begin = daemon.begin


SHIPPED = Parts()


class World:
    """Everything that a seed decides. `run` raises `Wrong` where a promise is broken."""

    def __init__(self, seed: int, parts: Parts = SHIPPED, is_told: bool = False) -> None:
        rng = Random(seed)
        self.profile = rng.choice(list(PROFILES))
        self.clock = Clock()
        self.network = Network(self.clock, rng, PROFILES[self.profile], is_told)
        self._rng = rng
        self._parts = parts
        self._account = Account(LIMITS.window_bytes)
        self._daemon = Daemon(self.network, parts.begin, self._account)
        self._publishers = [
            Publisher(self._daemon, parts.sending, f"publisher {k}", [f"s/{k}"], ["s/x", "s/y"])
            for k in range(2)
        ]
        self._subscribers = [self._subscriber(k) for k in range(SUBSCRIBERS)]
        self._gone: list[Subscriber] = []
        self._is_healed = False

    def run(self) -> None:
        """Lives from beginning to end, and checks it."""
        self._every(ACT_S, self._act)
        self._every(0.1, self._strike)
        self._go_on(ACTIVE_S)
        self._heal()
        until_s = self.clock.now_s + BOUND_S
        while missing := self._missing():
            if self.clock.now_s > until_s:
                raise Wrong(f"not within {BOUND_S:g} s: {missing}")
            self._go_on(0.5)
        self._go_on(REST_S)
        self._account.check_sent()
        for subscriber in self._gone + self._subscribers:
            subscriber.check()

    def _go_on(self, lasts_s: float) -> None:
        until_s = self.clock.now_s + lasts_s
        while self.clock.now_s < until_s:
            self.clock.step()

    def _every(self, period_s: float, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.clock.at(self.clock.now_s + period_s, again)

        again()

    def _act(self) -> None:
        for publisher in self._publishers:
            publisher.act()
        for k, subscriber in enumerate(self._subscribers):
            if subscriber.is_gone:
                self._gone.append(subscriber)
                self._subscribers[k] = self._subscriber(k)
            elif self._is_healed:
                subscriber.take()
            else:
                subscriber.act()

    def _subscriber(self, k: int) -> Subscriber:
        return Subscriber(self._daemon, self._parts.receiving, f"subscriber {k}")

    def _strike(self) -> None:
        """What befalls clients and the daemon as time passes."""
        faults, strikes = self.network.faults, self.network.strikes
        for client in self._daemon.clients:
            if strikes(0.1 * faults.cut_hz):
                client.cut()
            if strikes(0.1 * faults.silent_hz):
                client.silence(self._rng.expovariate(0.5))
            if strikes(0.1 * faults.stall_hz):
                client.stall(self._rng.expovariate(0.5))
        if strikes(0.1 * faults.restart_hz):
            self._rng.choice([self._daemon.kill, self._daemon.stop])()
        if strikes(0.1 * faults.swap_hz):
            self._daemon.swap()

    def _heal(self) -> None:
        self.network.tell("", "from now on nothing goes wrong")
        self.network.faults = Faults()
        self._is_healed = True
        for client in self._daemon.clients:
            client.heal()
        for publisher in self._publishers:
            publisher.is_quiet = True

    def _missing(self) -> str:
        """What is yet to be told, to anybody; empty where nothing is."""
        sessions = [session for publisher in self._publishers for session in publisher.sessions]
        if sessions:
            return f"the end of {sessions[0]}"
        for name in self._daemon.service.ingest.streams:
            self._publishers[0].sweep(name)
            return f"the end of {name}"
        return next((what for told in self._subscribers for what in told.missing()), "")
