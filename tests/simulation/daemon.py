"""What the daemon's process does, on virtual time: it drains, works, sends, and is replaced."""

from collections.abc import Callable
from functools import partial

from corrente import wire
from corrente.link import Half
from corrente_service.ingest import Ingest
from corrente_service.job import Job
from corrente_service.limits import Limits
from corrente_service.processing import Processing
from corrente_service.runner import Runner
from corrente_service.service import ANSWER_S, Service
from tests.simulation.account import Account
from tests.simulation.client import Client
from tests.simulation.clock import Alarm
from tests.simulation.definition import PIPELINES, SAME
from tests.simulation.network import Frames, Network

LIMITS = Limits(window_bytes=1024, stall_timeout_s=5.0)
DRAIN_MESSAGES = 256
POLL_S = 0.1
STOP_S = 2.0
JOB_S = 0.05
HEAVY = 0.3
"""How often a stream is taken for one whose work is done elsewhere."""

Begin = Callable[[bytes, float], Service]
"""Makes the service of a process of that name, at that time."""


def begin(daemon: bytes, now_s: float) -> Service:
    """The service as it is shipped."""
    return Service(PIPELINES.values(), LIMITS, daemon, now_s)


def refit(
    service: Service,
    ingest: Ingest | None = None,
    runner: Runner | None = None,
    processing: type[Processing] | None = None,
) -> None:
    """Puts other parts into a service that has not begun."""
    service.ingest = ingest or service.ingest
    service.runner = runner or service.runner
    made = processing or type(service.processing)
    service.processing = made(service.ingest, service.runner, service.egress, service._send)


class Daemon:
    """One process after another behind the same address."""

    def __init__(self, network: Network, begin: Begin, account: Account) -> None:
        self.network = network
        self.account = account
        self._clients: dict[bytes, Client] = {}
        self._clock = network.clock
        self._begin = begin
        self._alarm = Alarm(network.clock, self._turn)
        self._start()

    @property
    def clients(self) -> list[Client]:
        """Those that run."""
        return [client for client in self._clients.values() if not client.is_gone]

    def connect(self, name: str, half: Half, heard: Callable[[wire.AnyMessage], None]) -> Client:
        """A new client of this daemon."""
        client = Client(self.network, name, half, self.arrived, heard)
        self._clients[client.instance] = client
        return client

    def arrived(self, peer: bytes, frames: Frames) -> None:
        """A message to the daemon; it is read in the next turn."""
        self._inbox.append((peer, frames))
        self._alarm.set(
            self._clock.now_s + self.network.rng.expovariate(1 / self.network.faults.turn_s)
        )

    def stop(self) -> None:
        """SIGTERM: it finishes what it has, says goodbye, and another begins."""
        self.network.tell("daemon", "is stopped")
        self._disturb()
        self._stops_s = self._clock.now_s + STOP_S
        self.service.stop()
        self._alarm.set(self._clock.now_s)

    def kill(self) -> None:
        """The process is killed, and another begins. Most clients see it by their sockets."""
        self.network.tell("daemon", "is killed, and begins anew")
        self._disturb()
        for client in self.clients:
            if client.connection is not None and self.network.rng.random() < 0.7:
                client.cut()
        self._start()

    def swap(self) -> None:
        """Its folder has other files that say the same."""
        self.network.tell("daemon", "swaps its pipelines")
        is_first = self.service.runner.pipelines["sharp"] is PIPELINES["sharp"]
        self.service.swap(SAME if is_first else PIPELINES)
        self._alarm.set(self._clock.now_s)

    def _disturb(self) -> None:
        for client in self.clients:
            client.disturb()

    def _start(self) -> None:
        self._inbox: list[tuple[bytes, Frames]] = []
        self._stops_s = 0.0
        self.service = self._begin(self.network.rng.randbytes(16), self._clock.now_s)
        if self.network.rng.random() < HEAVY:
            refit(self.service, runner=_Heavy(PIPELINES.values(), LIMITS))
        self.account.began(self.service)
        self._alarm.set(self._clock.now_s)

    def _turn(self) -> None:
        service, now_s = self.service, self._clock.now_s
        inbox, self._inbox = self._inbox[:DRAIN_MESSAGES], self._inbox[DRAIN_MESSAGES:]
        for peer, frames in inbox:
            self.account.watch(service, partial(service.handle, peer, frames, now_s))
        self._tick()
        if service.is_stopping and (service.is_drained or now_s >= self._stops_s):
            for peer, frames in service.dismiss():
                self._send(peer, frames)
            self._start()
        rest_s = ANSWER_S if self.service.owes else POLL_S
        self._alarm.set(now_s + (0.001 if self._inbox or self.service.has_work else rest_s))

    def _tick(self) -> None:
        envelopes = self.service.tick(self._clock.now_s)
        self.account.ticked(self.service)
        for peer, frames in envelopes:
            self._send(peer, frames)
        for job in self.service.jobs():
            self._hand_out(self.service, job)

    def _hand_out(self, service: Service, job: Job) -> None:
        """The job takes a while, wherever it is done."""

        def end() -> None:
            if service is self.service:
                job.run(service.runner)
                self.account.watch(service, partial(service.done, job))
                self._alarm.set(self._clock.now_s)

        self._clock.at(self._clock.now_s + self.network.rng.expovariate(1 / JOB_S), end)

    def _send(self, peer: bytes, frames: Frames) -> None:
        client = self._clients[peer]
        message, payload = wire.decode(frames)
        self.account.sent(client, message, payload.nbytes)
        self.network.tell("daemon", f"-> {client.name}: ", frames)
        if client.connection is not None:
            client.connection.down.send(frames)
        elif self.network.rng.random() < 0.5:  # else nobody knows yet that the socket is gone
            self.service.forget(peer, self._clock.now_s)


class _Heavy(Runner):
    """A runner of which every stream takes long."""

    def is_heavy(self, stream: str) -> bool:
        return True
