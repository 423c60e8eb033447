"""A service without a socket, on virtual time, and clients that speak the wire to it."""

from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

from corrente import wire
from corrente.format import Format, Items, format_of
from corrente_pipelines import Pipeline
from corrente_service.limits import Limits
from corrente_service.service import ANSWER_S, Service
from tests.unpacked import unpacked

IMU = format_of((2,), rate_hz=100)

MEAN: dict[str, Any] = {
    "corrente": 1,
    "name": "mean",
    "for_each": "imu/*",
    "stages": {"smooth": {"op": "moving_average", "size": 3, "pad": "edge"}, "up": {"op": "relu"}},
}
PATIENT = {**MEAN, "name": "patient", "backpressure": True}


def ramp(start: int, stop: int) -> Items:
    """Items of `IMU` that say their index: `(n, 2)`."""
    return np.repeat(np.arange(start, stop, dtype=np.float32)[:, None], 2, axis=1)


class Exchange:
    """Carries envelopes between a service and its clients."""

    def __init__(self, *pipelines: Any, worker: int = 0, workers: int = 1, **limits: Any) -> None:
        self.now_s = 0.0
        made = [Pipeline.of(p) if isinstance(p, dict) else p for p in pipelines]
        daemon = b"daemon".ljust(16, b"\0")
        self.service = Service(made, Limits(**limits), daemon, 0.0, worker=worker, workers=workers)
        self.inboxes: dict[bytes, list[tuple[Any, Any]]] = {}
        self._names = count(1)

    def stranger(self) -> "Client":
        """A client that has not said hello."""
        return Client(self, f"client {next(self._names)}".encode().ljust(16, b"\0"))

    def client(self) -> "Client":
        """A client that was welcomed."""
        client = self.stranger()
        client.hello()
        return client

    def tick(self, after_s: float = 0.0) -> None:
        """Lets time pass, and the service work; what it sends arrives, and what it owes, too."""
        self.now_s += after_s
        self.deliver(self.service.tick(self.now_s))
        while jobs := self.service.jobs():
            for job in jobs:
                job.run(self.service.runner)
                self.service.done(job)
            self.deliver(self.service.tick(self.now_s))
        self.wait_for_answers()

    def wait_for_answers(self) -> None:
        """Lets time pass until nothing is owed."""
        while self.service.owes:
            self.now_s += ANSWER_S
            self.deliver(self.service.tick(self.now_s))

    def deliver(self, envelopes: Iterable[Any]) -> None:
        """Puts what the service sends where it belongs."""
        for peer, frames in envelopes:
            said = unpacked(*wire.decode(frames))
            self.inboxes.setdefault(peer, []).extend(said)


class Client:
    """One connection, spoken for by hand."""

    def __init__(self, exchange: Exchange, instance: bytes) -> None:
        self.exchange = exchange
        self.instance = self.peer = instance
        self.opened: wire.Opened
        self.formats: dict[int, Format] = {}
        self._requests = count(1)

    def raw(self, *frames: wire.Buffer) -> list[Any]:
        """Sends frames as they are; gives the messages that come."""
        self.exchange.service.handle(self.peer, list(frames), self.exchange.now_s)
        self.exchange.tick()
        return self.heard()

    def say(self, message: wire.Message, payload: Any = b"") -> list[Any]:
        """Sends a message; gives the messages that come."""
        return self.raw(*wire.encode(message, payload))

    def heard(self) -> list[Any]:
        """The messages that came since the last call."""
        return [message for message, _ in self.inbox()]

    def inbox(self) -> list[tuple[Any, Any]]:
        """The messages and payloads that came since the last call."""
        return self.exchange.inboxes.pop(self.peer, [])

    def hello(self) -> list[Any]:
        return self.say(wire.Hello(1, 1, self.instance, "test"))

    def open(self, stream: str = "imu/7", format: Format = IMU, **more: Any) -> Any:
        """Opens a stream; gives the answer, and remembers it if it is a yes."""
        answers = self.say(wire.Open(next(self._requests), stream, format, **more))
        answer = next(m for m in answers if isinstance(m, wire.Opened | wire.Refused))
        if isinstance(answer, wire.Opened):
            self.opened = answer
        return answer

    def send(self, start: int, stop: int, t_ns: int = 0) -> list[Any]:
        """Publishes items `[start, stop)` of the ramp on the stream opened last."""
        block = wire.Block(self.opened.id, self.opened.epoch, start, stop - start, t_ns)
        return self.say(block, ramp(start, stop).tobytes())

    def end(self, index: int) -> list[Any]:
        return self.say(wire.End(self.opened.id, self.opened.epoch, index))

    def subscribe(self, *patterns: str, credit: int = 1000, **more: Any) -> list[Any]:
        """Subscribes, with credit for so many blocks; gives what comes."""
        answers = self.say(wire.Subscribe(next(self._requests), patterns, **more))
        if credit and isinstance(answers[0], wire.Subscribed):
            answers += self.say(wire.Credit(credit, 1 << 30))
        return answers


def kinds(messages: Iterable[Any]) -> list[str]:
    """The names of messages, for comparing."""
    return [type(message).__name__ for message in messages]
