"""The life of a connection: greeting, heartbeats, silence, leaving. No I/O, and no clock.

States, as in docs/protocol.md:

    lost ── after RETRY_S ──> greeting ── welcome ──> up
     ^                           │                     │
     └── silence, broken socket, disorder, unknown_peer, stopping, goodbye(reconnect)
    over: a goodbye without `reconnect`, a common version there is not, bytes it does not take
"""

import secrets
from collections.abc import Callable
from importlib.metadata import version
from typing import Literal, Protocol

from corrente import wire
from corrente.errors import Closed, CorrenteError, Refused

RETRY_S = 0.2
AGENT = f"corrente-python/{version('corrente')}"

Envelope = tuple[wire.Message, wire.Buffer]
"""A message to send, and its payload."""


class Disorder(Exception):
    """Something was lost on its way: what follows cannot be understood without it."""


class Half(Protocol):
    """One side's part of the protocol, behind a link that is sometimes up."""

    def welcomed(self, daemon: bytes) -> list[Envelope]:
        """The link is up; what to say first. `daemon` names the daemon's process."""
        ...

    def lost(self) -> None:
        """The link is down; what was not answered may never have arrived."""
        ...

    def beat(self) -> list[Envelope]:
        """What to say again, once a heartbeat: the last may not have arrived, nor its answer."""
        ...

    def received(self, message: wire.AnyMessage, payload: memoryview) -> list[Envelope]:
        """What to answer.

        Raises `Disorder` where a message was lost on its way, `WireError` where the daemon breaks
        the protocol.
        """
        ...


def new_instance() -> bytes:
    """The name of a client object; ZeroMQ keeps routing ids that begin with zero to itself."""
    return bytes([1 + secrets.randbelow(255)]) + secrets.token_bytes(wire.INSTANCE_BYTES - 1)


def refusal(refused: wire.Refused) -> Refused:
    """The exception that says what the message says."""
    return Refused(refused.code, refused.message, path=refused.path, remedy=refused.remedy)


def ignore(_worker: int, _workers: int) -> None:
    """What a client does with the number of a worker where it has to do with one daemon only."""


class Link:
    """What stands between a half of the protocol and the socket. Begins lost: `greet`.

    `due` is when `tick` has something to do next, or, while lost, when to `greet` again.
    Times are seconds on any clock that never goes back. `welcome` is called with the number of the
    daemon's worker, and how many there are, before the half is welcomed.
    """

    def __init__(
        self,
        half: Half,
        instance: bytes,
        welcome: Callable[[int, int], None] = ignore,
    ) -> None:
        self.state: Literal["lost", "greeting", "up", "over"] = "lost"
        self.failure: CorrenteError | None = None
        self.due = 0.0
        self._half = half
        self._instance = instance
        self._welcome = welcome
        self._heard = 0.0
        self._ping_due = 0.0

    def greet(self, now: float) -> list[Envelope]:
        """The first message of a new socket."""
        self.state, self._heard, self.due = "greeting", now, now + wire.SILENCE_S
        return [(wire.Hello(wire.VERSION, wire.VERSION, self._instance, AGENT), b"")]

    def leave(self) -> list[Envelope]:
        """The last message."""
        said: list[Envelope] = [(wire.Goodbye("closed"), b"")] if self.state == "up" else []
        self.state = "over"
        return said

    def lose(self, now: float) -> None:
        """The socket broke, or the daemon forgot us: greet again when due."""
        if self.state == "over":
            return
        if self.state == "up":
            self._half.lost()
        self.state, self.due = "lost", now + RETRY_S

    def tick(self, now: float) -> list[Envelope]:
        """What time alone brings: a heartbeat, or the daemon's silence."""
        if self.state in ("lost", "over") or now < self.due:
            return []
        if now >= self._heard + wire.SILENCE_S:  # as `due` is reckoned, to the last bit
            self.lose(now)
            return []
        said: list[Envelope] = []
        if self.state == "up" and now >= self._ping_due:
            self._ping_due = now + wire.HEARTBEAT_S
            said = [(wire.Ping(), b""), *self._half.beat()]
        self._plan()
        return said

    def received(self, message: wire.AnyMessage, payload: memoryview, now: float) -> list[Envelope]:
        """What to answer to a message; what is not about the connection goes to the half."""
        if self.state in ("lost", "over"):
            return []
        self._heard = now
        match message:
            case wire.Welcome():
                return self._welcomed(message, now)
            case wire.Goodbye():
                self._dismissed(message, now)
                return []
            case wire.Refused(code="unknown_peer" | "stopping"):
                self.lose(now)
                return []
            case wire.Refused(code="version" | "bad_message"):
                self._end(refusal(message))
                return []
            case wire.Refused(code="too_large", path="") if self.state == "greeting":
                self._end(refusal(message))  # the daemon has as many clients as it takes
                return []
            case wire.Ping() if self.state == "up":
                return [(wire.Pong(), b"")]
            case _ if self.state == "up":
                return self._told(message, payload, now)
            case _:
                return []  # meant for the connection before

    def _told(self, message: wire.AnyMessage, payload: memoryview, now: float) -> list[Envelope]:
        try:
            return self._half.received(message, payload)
        except Disorder:
            self.lose(now)
            return []

    def _welcomed(self, welcome: wire.Welcome, now: float) -> list[Envelope]:
        if self.state == "up":
            self._half.lost()  # the daemon knows nothing of what was said on this connection
        self.state, self._ping_due = "up", now + wire.HEARTBEAT_S
        self._plan()
        self._welcome(welcome.worker, welcome.workers)
        return self._half.welcomed(welcome.daemon)

    def _dismissed(self, goodbye: wire.Goodbye, now: float) -> None:
        if goodbye.reconnect:
            self.lose(now)
        else:
            self._end(Closed(f"the daemon ended the connection: {goodbye.reason}"))

    def _end(self, failure: CorrenteError) -> None:
        self.state, self.failure = "over", failure

    def _plan(self) -> None:
        silent = self._heard + wire.SILENCE_S
        self.due = min(silent, self._ping_due) if self.state == "up" else silent
