"""What a client's thread does, on virtual time: a half of the protocol, its link, a connection."""

from collections.abc import Callable, Iterable

from corrente import wire
from corrente.link import Envelope, Half, Link
from corrente.packing import pack
from tests.simulation.clock import Alarm
from tests.simulation.network import Frames, Line, Network

Arrive = Callable[[bytes, Frames], None]


class Connection:
    """One socket's life: a line up to the daemon, and one down."""

    def __init__(self, network: Network, client: "Client", daemon: Arrive) -> None:
        self.is_broken = False
        self.granted_blocks = self.granted_bytes = 0  # the most that was said
        instance, disturbed = client.instance, client.disturb
        self.up = Line(network, client.name, lambda frames: daemon(instance, frames), disturbed)
        self.down = Line(network, client.name, client.arrived, disturbed)

    def silence(self, in_s: float = 0.0) -> None:
        """Nothing arrives any more, but what is far enough on its way up."""
        self.up.cut(in_s)
        self.down.cut()


class Client:
    """A client object on a connection that breaks; `heard` is called after every message."""

    def __init__(
        self,
        network: Network,
        name: str,
        half: Half,
        daemon: Arrive,
        heard: Callable[[wire.AnyMessage], None],
    ) -> None:
        self.name = name
        self.instance = network.rng.randbytes(wire.INSTANCE_BYTES)
        self.link = Link(half, self.instance)
        self.is_gone = False
        self.is_disturbed = False
        self._network = network
        self._clock = network.clock
        self._daemon = daemon
        self._heard = heard
        self._inbox: list[Frames] = []
        self._outbox: list[Envelope] = []
        self._stalled_s = self._deaf_s = 0.0
        self._alarm = Alarm(network.clock, self._turn)
        self._connection = Connection(network, self, daemon)
        self.wake()

    @property
    def connection(self) -> Connection | None:
        """The socket the daemon reaches; None while it is broken."""
        return None if self.is_gone or self._connection.is_broken else self._connection

    @property
    def is_stalled(self) -> bool:
        """Whether the process stands still."""
        return self._clock.now_s < self._stalled_s

    def arrived(self, frames: Frames) -> None:
        """A message from the daemon; it is read in the next turn."""
        self._inbox.append(frames)
        self.wake()

    def post(self, envelopes: Iterable[Envelope]) -> None:
        """Has messages sent."""
        self._outbox += envelopes
        self.wake()

    def wake(self) -> None:
        """The thread goes on, once it is not stalled."""
        self._alarm.set(max(self._clock.now_s, self._stalled_s))

    def disturb(self) -> None:
        """From now on anything may have happened to it."""
        self.is_disturbed = True

    def cut(self) -> None:
        """The connection breaks, and the client sees it."""
        self._network.tell(self.name, "the connection breaks")
        self.is_disturbed = self._connection.is_broken = True
        self._connection.silence(self._network.rng.expovariate(200))
        self.wake()

    def silence(self, lasts_s: float) -> None:
        """Nothing passes for a time, and nobody sees it."""
        self._network.tell(self.name, f"nothing passes for {lasts_s:.3f} s")
        self.is_disturbed, self._deaf_s = True, self._clock.now_s + lasts_s
        self._connection.silence()

    def stall(self, lasts_s: float) -> None:
        """The process does nothing for a time."""
        self._network.tell(self.name, f"stalls for {lasts_s:.3f} s")
        self.is_disturbed, self._stalled_s = True, self._clock.now_s + lasts_s

    def heal(self) -> None:
        """From now on everything passes."""
        self._stalled_s = self._deaf_s = 0.0
        self.wake()

    def leave(self) -> None:
        """Says goodbye, where the link is up."""
        self._network.tell(self.name, "leaves")
        self._outbox += self.link.leave()
        self._send()
        self._gone(lasts_s=0.1)

    def crash(self) -> None:
        """The process is killed."""
        self._network.tell(self.name, "is killed")
        self._gone(lasts_s=self._network.rng.expovariate(200))

    def _gone(self, lasts_s: float) -> None:
        self.is_gone = True
        self._connection.silence(lasts_s)

    def _turn(self) -> None:
        """As `corrente.connection` does it."""
        if self.is_gone:
            return
        now_s, inbox, self._inbox = self._clock.now_s, self._inbox, []
        for frames in inbox:
            self._network.tell(self.name, "<- ", frames)
            message, payload = wire.decode(frames)
            self._outbox += self.link.received(message, payload, now_s)
            self._heard(message)
        if self._connection.is_broken and self.link.state != "lost":
            self.link.lose(now_s)
        self._outbox += self.link.tick(now_s)
        if self.link.state == "lost" and now_s >= self.link.due:
            self._connect()
        self._send()
        if self.link.state != "over":
            self._alarm.set(max(self.link.due, self._stalled_s))

    def _connect(self) -> None:
        self._connection.silence()
        self._inbox.clear()
        self._connection = Connection(self._network, self, self._daemon)
        if self._clock.now_s < self._deaf_s:
            self._connection.silence()
        self._outbox = self.link.greet(self._clock.now_s)

    def _send(self) -> None:
        envelopes, self._outbox = self._outbox, []
        connection = self._connection
        for message, payload in pack(envelopes):
            frames = wire.encode(message, payload)
            self._network.tell(self.name, "-> ", frames)
            if isinstance(message, wire.Credit):
                connection.granted_blocks = max(connection.granted_blocks, message.blocks)
                connection.granted_bytes = max(connection.granted_bytes, message.payload_bytes)
            if not connection.is_broken:
                connection.up.send(frames)
