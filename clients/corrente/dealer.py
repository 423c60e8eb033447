"""The socket of a client, and what wakes the thread that waits on it."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from math import ceil

import zmq

from corrente import wire
from corrente.link import Envelope

DRAIN_MESSAGES = 256
DRAIN_BYTES = 1 << 20


class Dealer:
    """A DEALER socket that can be replaced by a new one. Only `wake` is for other threads.

    Nothing here limits what is queued: the protocol's windows do. Raises `ValueError` where ZeroMQ
    does not take the address.
    """

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

    def send(self, envelope: Envelope) -> None:
        """Queue a message. A payload of its own frame is not copied, and must never change."""
        *head, last = wire.encode(*envelope)
        for frame in head:
            self._socket.send(frame, zmq.SNDMORE | zmq.NOBLOCK)
        self._socket.send(last, zmq.NOBLOCK, copy=not head)

    def wait(self, timeout_s: float) -> None:
        """Until a message came, the connection broke, somebody woke us, or the time is up."""
        self._poller.poll(max(0, ceil(timeout_s * 1000)))
        with suppress(BlockingIOError):
            self._alarm.recv(4096)

    def wake(self) -> None:
        """End the other thread's `wait`."""
        with suppress(BlockingIOError):  # where the pipe is full it is about to wake anyway
            self._waker.send(b"\0")

    def received(self) -> Iterator[list[bytes]]:
        """The frames of the messages that are there, some of them at most."""
        total = 0
        for _ in range(DRAIN_MESSAGES):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            yield frames
            total += sum(map(len, frames))
            if total > DRAIN_BYTES:
                return

    def broke(self) -> bool:
        """Whether the connection was lost since it was last asked."""
        events = 0
        while self._monitor.poll(0):
            self._monitor.recv_multipart(zmq.NOBLOCK)
            events += 1
        return events > 0

    def close(self, linger_ms: int) -> None:
        """Send what is queued, if that takes no longer than `linger_ms`; nothing after that."""
        self._drop(linger_ms)
        self._context.term()
        self._alarm.close()
        self._waker.close()

    def _open(self) -> None:
        dealer = self._socket = self._context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.ROUTING_ID, self._instance)
        dealer.setsockopt(zmq.SNDHWM, 0)
        dealer.setsockopt(zmq.RCVHWM, 0)
        dealer.setsockopt(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
        self._monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poller = zmq.Poller()
        self._poller.register(dealer, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._poller.register(self._alarm, zmq.POLLIN)
        dealer.connect(self._address)

    def _drop(self, linger_ms: int) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close(linger_ms)
