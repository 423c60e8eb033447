"""The socket of a client, and what wakes the thread that waits on it."""

import select
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import ceil

import zmq

from corrente import wire
from corrente.link import Envelope

DRAIN_MESSAGES = 256
DRAIN_BYTES = 1 << 20

# Plain integers: pyzmq looks its own up anew with every call.
_DONTWAIT, _SNDMORE, _RCVMORE = int(zmq.DONTWAIT), int(zmq.SNDMORE), int(zmq.RCVMORE)
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)


class Dealer:
    """A DEALER socket that can be replaced by a new one.

    `wait` is for one thread. Any may call the rest, one at a time, while that one waits: it waits
    for the descriptor of the socket and leaves the socket alone. Whoever has sent has then to ask
    whether `has_more`, as sending may have taken notice of what arrived.

    Nothing here limits what is queued: the protocol's windows do. Raises `ValueError` where ZeroMQ
    does not take the address.
    """

    _socket: zmq.Socket[bytes]
    _monitor: zmq.Socket[bytes]
    _poll: select.poll
    _is_torn: bool  # a message was begun, and an interrupt kept it from being ended

    def __init__(self, address: str, instance: bytes) -> None:
        self._address = address
        self._instance = instance
        self._context = zmq.Context()
        self._alarm, self._waker = socket.socketpair()
        self._alarm.setblocking(False)
        self._waker.setblocking(False)
        try:
            self._open()
        except zmq.ZMQError as error:
            self.close(linger_ms=0)
            raise ValueError(
                f"{address!r} is no address ({error}); an address is tcp://HOST:PORT or ipc://PATH"
            ) from error

    def reconnect(self) -> None:
        """Drop the socket, with what it has not sent, for a new one."""
        self._drop(linger_ms=0)
        self._open()

    def send(self, envelopes: Iterable[Envelope]) -> None:
        """Queue messages. A payload of its own frame is not copied, and must never change."""
        send = self._socket.send
        for envelope in envelopes:
            if self._is_torn:
                return  # what follows would be taken for the rest of a message
            *head, last = wire.encode(*envelope)
            self._is_torn = bool(head)
            for frame in head:
                send(frame, _SNDMORE | _DONTWAIT)
            send(last, _DONTWAIT, copy=not head)
            self._is_torn = False

    def wait(self, timeout_s: float, others: Iterable["Dealer"] = ()) -> None:
        """Until something came, the connection broke, somebody woke us, or the time is up.

        The same goes for the others, whose sockets one thread waits for together.
        """
        poll = self._poll
        if others:
            poll = select.poll()
            for dealer in (self, *others):
                dealer._register(poll)  # noqa: SLF001 - one of us
        poll.poll(max(0, ceil(timeout_s * 1000)))

    def wake(self) -> None:
        """End the other thread's `wait`, also the next one."""
        with suppress(BlockingIOError):  # where the pipe is full it is about to wake anyway
            self._waker.send(b"\0")

    def rest(self) -> None:
        """Let the next `wait` be one, whoever called `wake` before."""
        with suppress(BlockingIOError):
            self._alarm.recv(4096)

    def received(self) -> Iterator[list[bytes]]:
        """The frames of the messages that are there, some of them at most."""
        recv, get = self._socket.recv, self._socket.get
        total = 0
        for _ in range(DRAIN_MESSAGES):
            try:
                frames = [recv(_DONTWAIT)]
            except zmq.Again:
                return
            while get(_RCVMORE):
                frames.append(recv(_DONTWAIT))
            yield frames
            total += sum(map(len, frames))
            if total > DRAIN_BYTES:
                return

    def has_more(self) -> bool:
        """Whether there is something to see to that `wait` may not end for."""
        return self._is_torn or bool(self._events(self._socket) & _POLLIN)

    def broke(self) -> bool:
        """Whether the connection was lost since it was last asked, or can be used no more."""
        events, self._is_torn = int(self._is_torn), False
        while self._events(self._monitor) & _POLLIN:
            self._monitor.recv_multipart(_DONTWAIT)
            events += 1
        return events > 0

    def close(self, linger_ms: int) -> None:
        """Send what is queued, if that takes no longer than `linger_ms`; nothing after that."""
        self._drop(linger_ms)
        self._context.term()
        self._alarm.close()
        self._waker.close()

    def _open(self) -> None:
        self._is_torn = False
        dealer = self._socket = self._context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.ROUTING_ID, self._instance)
        dealer.setsockopt(zmq.SNDHWM, 0)
        dealer.setsockopt(zmq.RCVHWM, 0)
        dealer.setsockopt(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
        self._monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poll = select.poll()
        self._register(self._poll)
        dealer.connect(self._address)

    def _register(self, poll: select.poll) -> None:
        for fd in (self._socket.fileno(), self._monitor.fileno(), self._alarm.fileno()):
            poll.register(fd, select.POLLIN)

    def _drop(self, linger_ms: int) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close(linger_ms)

    @staticmethod
    def _events(socket: zmq.Socket[bytes]) -> int:
        events = socket.get(_EVENTS)
        assert isinstance(events, int)
        return events
