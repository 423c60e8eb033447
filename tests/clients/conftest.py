"""A daemon in a thread: it speaks the protocol, relays raw streams, and does as a test tells it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import zmq

from corrente import wire
from corrente.topics import matches

DEADLINE_S = 60.0  # starting a process takes its time on a machine that others use, too


@dataclass
class Published:
    """A stream as the daemon knows it."""

    id: int
    owner: bytes
    opened: wire.Open
    epoch: int
    next_index: int = 0
    items: list[tuple[int, bytes]] = field(default_factory=list)
    rewound_at: int = -1


class FakeDaemon:
    """What a client sees of a daemon, and how a test makes it behave."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.changed = threading.Condition()
        self.heard: list[tuple[bytes, wire.AnyMessage]] = []
        self.streams: dict[str, Published] = {}
        self.window_bytes = 1 << 20
        self.pipelines: tuple[str, ...] = ("raw",)
        self.notes: tuple[str, ...] = ()
        self.acknowledges = True
        self.loses = 0  # how many blocks vanish before they arrive
        self.refuses: dict[type, wire.Refused] = {}
        self._id = b"daemon-process-1"
        self._peers: dict[bytes, dict[int, Published]] = {}
        self._patterns: dict[bytes, tuple[str, ...]] = {}
        self._announced: set[tuple[bytes, int]] = set()
        self._sent: dict[bytes, int] = {}  # messages about topics
        self._to_say: list[tuple[bytes, wire.Message, bytes]] = []
        self._context = context
        self._is_breaking = False
        self._socket = self._bind("tcp://127.0.0.1:*")
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._alarm = context.socket(zmq.PAIR)
        self._alarm.bind(f"inproc://{id(self)}")
        self._waker = context.socket(zmq.PAIR)
        self._waker.connect(f"inproc://{id(self)}")
        self._is_running = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def say(self, message: wire.Message, payload: bytes = b"") -> None:
        """Send a message to every peer."""
        with self.changed:
            self._to_say += [(peer, message, payload) for peer in self._peers]
            self._waker.send(b"")

    def restart(self) -> None:
        """Know nobody and nothing any more, under another name; the sockets stay."""
        with self.changed:
            self._id = b"daemon-process-2"
            self.streams = {}
            self._peers.clear()
            self._patterns.clear()
            self._announced.clear()

    def break_connections(self) -> None:
        """Lose every connection, and what is on its way; whoever comes back is known."""
        with self.changed:
            self._is_breaking = True
            self._waker.send(b"")

    def wait_for(self, ready: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(ready, DEADLINE_S), f"only heard {self.heard[-10:]}"

    def hears(self, kind: type, times: int = 1) -> list[wire.AnyMessage]:
        """Wait until so many messages of a kind came, and give all of them."""
        self.wait_for(lambda: sum(isinstance(m, kind) for _, m in self.heard) >= times)
        with self.changed:
            return [message for _, message in self.heard if isinstance(message, kind)]

    def stop(self) -> None:
        with self.changed:
            self._is_running = False
            self._waker.send(b"")
        self._thread.join(DEADLINE_S)
        for socket in (self._socket, self._alarm, self._waker):
            socket.close(0)

    def _bind(self, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.setsockopt(zmq.LINGER, 0)
        while True:
            try:
                socket.bind(address)
            except zmq.ZMQError:  # the socket before it closes in a thread of ZeroMQ's
                assert not socket.poll(1)
            else:
                return socket

    def _run(self) -> None:
        while self._is_running:
            zmq.select([self._socket, self._alarm], [], [])
            with self.changed:
                while self._alarm.poll(0):
                    self._alarm.recv()
                if self._is_breaking:
                    self._is_breaking = False
                    self._socket.unbind(self.address)
                    self._socket.close()
                    self._socket = self._bind(self.address)
                while self._socket.poll(0):
                    peer, *frames = self._socket.recv_multipart()
                    for message, payload in _unpacked(*wire.decode(frames)):
                        self.heard.append((peer, message))
                        self._answer(peer, message, bytes(payload))
                for told, said, data in self._to_say:
                    self._send(told, said, data)
                self._to_say.clear()
                self.changed.notify_all()

    def _send(self, peer: bytes, message: wire.Message, payload: bytes = b"") -> None:
        if isinstance(message, wire.Announce | wire.Block | wire.Gap | wire.End):
            self._sent[peer] = self._sent.get(peer, 0) + 1
        self._socket.send_multipart([peer, *wire.encode(message, payload)])

    def _answer(self, peer: bytes, message: wire.AnyMessage, payload: bytes) -> None:
        if type(message) in self.refuses:
            self._send(peer, self.refuses[type(message)])
        elif isinstance(message, wire.Hello):
            assert message.instance == peer
            self._peers[peer] = {}
            self._patterns.pop(peer, None)
            self._announced = {said for said in self._announced if said[0] != peer}
            self._send(peer, wire.Welcome(1, self._id))
        elif peer not in self._peers:
            self._send(peer, wire.Refused(0, "unknown_peer", "say hello"))
        elif isinstance(message, wire.Ping):
            self._send(peer, wire.Pong(self._sent.get(peer, 0)))
        elif isinstance(message, wire.Open):
            self._open(peer, message)
        elif isinstance(message, wire.Block | wire.End):
            self._take(peer, message, payload)
        elif isinstance(message, wire.Subscribe):
            self._patterns[peer] = message.patterns
            self._sent[peer] = 0
            self._announced = {said for said in self._announced if said[0] != peer}
            self._send(peer, wire.Subscribed(message.request))
        elif isinstance(message, wire.Status):
            self._send(peer, wire.Report(message.request), b"\x81\xa5ready\xc3")
        elif isinstance(message, wire.Goodbye):
            del self._peers[peer]

    def _open(self, peer: bytes, message: wire.Open) -> None:
        stream = self.streams.get(message.stream)
        if stream is None:
            stream = Published(len(self.streams) + 7, peer, message, epoch=1)
            self.streams[message.stream] = stream
        elif stream.owner != peer:
            stream.owner, stream.epoch = peer, stream.epoch + 1
        stream.next_index = max(stream.next_index, message.index or 0)
        self._peers[peer][stream.id] = stream
        opened = wire.Opened(
            message.request,
            stream.id,
            stream.epoch,
            stream.next_index,
            self.window_bytes,
            self.pipelines,
            self.notes,
        )
        self._send(peer, opened)

    def _take(self, peer: bytes, message: wire.Block | wire.End, payload: bytes) -> None:
        found = [stream for stream in self.streams.values() if stream.id == message.id]
        if not found:
            self._send(peer, wire.Refused(0, "unknown_stream", "not open", path=str(message.id)))
            return
        [stream] = found
        name = stream.opened.stream
        if stream.epoch != message.epoch:
            self._send(peer, wire.Refused(0, "fenced", "taken over", path=name))
        elif isinstance(message, wire.Block) and self.loses:
            self.loses -= 1
        elif message.index > stream.next_index:
            if stream.rewound_at != stream.next_index:
                stream.rewound_at = stream.next_index
                self._send(peer, wire.Rewind(stream.id, stream.epoch, stream.next_index))
        elif isinstance(message, wire.End):
            self._relay(stream, message, b"")
            del self.streams[name]
            if self.acknowledges:
                self._send(peer, wire.Ack(stream.id, stream.epoch, stream.next_index, ended=True))
        else:
            if message.index == stream.next_index:
                stream.items.append((message.index, payload))
                self._relay(stream, message, payload)
                stream.next_index += message.count
            if self.acknowledges:
                self._send(peer, wire.Ack(stream.id, stream.epoch, stream.next_index))

    def _relay(self, stream: Published, message: wire.Block | wire.End, payload: bytes) -> None:
        name, format = stream.opened.stream, stream.opened.format
        for peer, patterns in self._patterns.items():
            if not any(matches(pattern, name) for pattern in patterns):
                continue
            if (peer, stream.id) not in self._announced:
                self._announced.add((peer, stream.id))
                announce = wire.Announce(
                    stream.id, stream.epoch, name, "", "", format, message.index
                )
                self._send(peer, announce)
            self._send(peer, message, payload)


def _unpacked(
    message: wire.AnyMessage, payload: memoryview
) -> Iterator[tuple[wire.AnyMessage, memoryview]]:
    """Several blocks one by one; any other message as it is."""
    if not isinstance(message, wire.Blocks):
        yield message, payload
        return
    for block, size in zip(message.blocks, message.sizes, strict=True):
        yield block, payload[:size]
        payload = payload[size:]


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    with zmq.Context() as context:
        fake = FakeDaemon(context)
        yield fake
        fake.stop()


@pytest.fixture
def deadline_s() -> float:
    """How long a test waits for what must come."""
    return DEADLINE_S
