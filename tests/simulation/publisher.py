"""A user who publishes: opens, sends, leaves items out, ends, leaves, comes back."""

from collections.abc import Callable

from corrente import wire
from corrente.errors import CorrenteError, Refused
from corrente.link import Envelope
from corrente.sending import Outgoing, Sending
from tests.simulation.daemon import Daemon
from tests.simulation.definition import FORMATS, items_of, time_ns
from tests.simulation.session import Session
from tests.simulation.wrong import check

STREAMS = 3
MOST_ITEMS = 12
UNOPENED = {"in_use", "index_taken", "bad_format"}
"""Why a stream that others may have is not opened."""


class Publisher:
    """One person, with one client object after another.

    `own` names are nobody else's; `shared` ones are taken over and lost.
    """

    def __init__(
        self, daemon: Daemon, half: type[Sending], name: str, own: list[str], shared: list[str]
    ) -> None:
        self.sessions: list[Session] = []
        self.is_quiet = False
        self._daemon = daemon
        self._rng = daemon.network.rng
        self._half = half
        self._name = name
        self._own = own
        self._shared = shared
        self._begin()

    def act(self) -> None:
        """One thing that a user may do."""
        if self._client.is_stalled:
            return
        self._drop_over()
        chance = self._rng.random()
        if self.is_quiet:
            for session in self.sessions:
                self._end(session)
        elif chance < 0.02:
            self._begin_anew(self._client.leave)
        elif chance < 0.04:
            self._begin_anew(self._client.crash)
        elif len(self.sessions) < STREAMS and (not self.sessions or chance < 0.15):
            self._open()
        elif chance < 0.2:
            self._end(self._rng.choice(self.sessions))
        else:
            self._send(self._rng.choice(self.sessions))

    def sweep(self, name: str) -> None:
        """Takes over a stream that was left, to end it."""
        if name not in self._names():
            format = self._daemon.service.ingest.streams[name].format
            outgoing, said = self._sending.open(name, format, takeover=True)
            self._add(outgoing, said, is_contended=True)

    def _begin(self) -> None:
        self._sending = self._half()
        self._client = self._daemon.connect(self._name, self._sending, self._heard)

    def _begin_anew(self, leave: Callable[[], None]) -> None:
        """What is not acknowledged stays unsent."""
        leave()
        self.sessions.clear()
        self._begin()

    def _open(self) -> None:
        free = [name for name in self._own + self._shared if name not in self._names()]
        if not free:
            return
        name = self._rng.choice(free)
        stream = self._daemon.service.ingest.streams.get(name)
        index = None
        if self._rng.random() < 0.3:
            index = (stream.next_index if stream else 0) + self._rng.randrange(8)
        is_shared = name in self._shared
        format = self._rng.choice(FORMATS) if is_shared else FORMATS[0]
        takeover = self._rng.random() < 0.5
        outgoing, said = self._sending.open(name, format, "raw", index, takeover)
        self._add(outgoing, said, is_shared)

    def _add(self, outgoing: Outgoing, said: list[Envelope], is_contended: bool) -> None:
        sessions = self._daemon.account.sessions
        session = Session(len(sessions), self._name, outgoing, is_contended)
        sessions.append(session)
        self.sessions.append(session)
        self._daemon.network.tell(self._name, f"opens {session}")
        self._client.post(said)

    def _send(self, session: Session) -> None:
        outgoing = session.outgoing
        start, n = outgoing.next_index, self._rng.randint(1, MOST_ITEMS)
        payload = memoryview(items_of(outgoing.format, start, n, session.key).tobytes())
        if session.is_open and outgoing.has_room(payload.nbytes):
            self._client.post(self._sending.send(outgoing, n, time_ns(start), payload))

    def _end(self, session: Session) -> None:
        if session.is_open:
            self._client.post(self._sending.end(session.outgoing))

    def _names(self) -> set[str]:
        return {session.outgoing.stream for session in self.sessions}

    def _heard(self, message: wire.AnyMessage) -> None:
        for session in self.sessions:
            session.note()

    def _drop_over(self) -> None:
        """Forgets what has ended; only what others publish, too, may fail."""
        check(self._client.link.failure is None, "{}: {}", self._name, self._client.link.failure)
        for session in tuple(self.sessions):
            error = session.outgoing.error
            if session.outgoing.ended or error is not None:
                self.sessions.remove(session)
            if error is not None:
                is_fair = session.is_contended or self._may_fail(session.outgoing, error)
                check(is_fair, "{} failed: {!r}", session, error)

    def _may_fail(self, outgoing: Outgoing, error: CorrenteError) -> bool:
        if not isinstance(error, Refused):
            return False
        if outgoing.opened is None:
            return error.code in UNOPENED
        # The refusal of an end that came twice can overtake what answers the first.
        is_lossy = self._daemon.network.faults.is_lossy
        return is_lossy and outgoing.is_ending and error.code == "unknown_stream"
