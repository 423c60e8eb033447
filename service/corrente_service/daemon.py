"""The socket around the service: one thread polls, drains, works, sends.

A turn takes in at most `DRAIN_MESSAGES` or `DRAIN_BYTES`, so that acknowledgements and outputs are
never far behind what came in. ZeroMQ takes from its peers in turns. What takes long is done by a
pool of other threads, which wake this one.
"""

import errno
import logging
import signal
import time
from collections.abc import Callable, Iterable
from math import ceil
from types import FrameType

import zmq

from corrente import wire
from corrente_service.pool import Pool
from corrente_service.service import ANSWER_S, Envelope, Service

DRAIN_MESSAGES = 256
DRAIN_BYTES = 1 << 19
POLL_MS = 100
STOP_S = 6.5
"""How long after the signal the socket is closed, goodbyes and all."""

LINGER_S = 1.0
RECEIVE_HWM = 256
SEND_HWM = 1 << 14
"""Beyond all the credit a subscriber has, and all the answers a publisher can be owed in a turn."""

MAX_FRAMES = 2

log = logging.getLogger(__name__)


class Daemon:
    """A service behind a bound ROUTER socket. Use as a context manager: `serve`, then `drain`."""

    def __init__(
        self, service: Service, bind: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._clock = clock
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self._socket.set(zmq.ROUTER_HANDOVER, 1)
        self._socket.set(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
        self._socket.set(zmq.RCVHWM, RECEIVE_HWM)
        self._socket.set(zmq.SNDHWM, SEND_HWM)
        self._socket.set(zmq.LINGER, round(1000 * LINGER_S))
        # ZeroMQ keeps what it has for a peer as long as TCP stands, and that of a stopped process
        # stands for ever, where the kernel is not told to end it: what waits there is freed then.
        # ZeroMQ's own heartbeats would do the same, but one to a peer that is gone while its last
        # messages wait here is an assertion that fails, and ends this process (libzmq issue 4364).
        self._socket.set(zmq.TCP_MAXRT, round(1000 * wire.SILENCE_S))
        self._socket.set(zmq.TCP_KEEPALIVE, 1)
        self._socket.set(zmq.TCP_KEEPALIVE_IDLE, ceil(wire.HEARTBEAT_S))
        self._socket.set(zmq.TCP_KEEPALIVE_INTVL, ceil(wire.HEARTBEAT_S))
        try:
            self._socket.bind(bind)
        except zmq.ZMQError:
            self._context.destroy()
            raise
        self._pool = Pool(service.runner)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._pool.fileno(), zmq.POLLIN)
        self.endpoint = self._socket.get_string(zmq.LAST_ENDPOINT)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self._socket.close()
        self._context.term()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT begin the drain."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._service.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def serve(self) -> None:
        """Serves until the service is stopped."""
        while not self._service.is_stopping:
            self._turn()
        log.info("stopping")

    def drain(self) -> None:
        """Finishes what was taken in, as far as there is time; then says goodbye."""
        deadline_s = self._clock() + STOP_S
        self._turn()
        while not self._service.is_drained and self._clock() < deadline_s - LINGER_S:
            self._turn()
        self._send(self._service.dismiss())
        left_s = max(0.0, min(LINGER_S, deadline_s - self._clock()))  # a turn may have been long
        self._socket.set(zmq.LINGER, round(1000 * left_s))
        log.info("stopped", extra={"drained": self._service.is_drained})

    def _turn(self) -> None:
        self._poller.poll(self._rest_ms())
        self._drain()
        for job in self._pool.done():
            self._service.done(job)
        self._send(self._service.tick(self._clock()))
        self._pool.submit(self._service.jobs())

    def _rest_ms(self) -> int:
        """How long there is nothing to do, if nothing comes."""
        if self._service.has_work:
            return 0
        return ceil(1000 * ANSWER_S) if self._service.owes else POLL_MS

    def _drain(self) -> None:
        """Takes in what is there, up to a turn's measure."""
        now_s = self._clock()
        messages = taken_bytes = 0
        while messages < DRAIN_MESSAGES and taken_bytes < DRAIN_BYTES:
            try:
                peer, frames = self._receive()
            except zmq.Again:
                return
            messages += 1
            taken_bytes += sum(map(len, frames))
            self._service.handle(peer, frames, now_s)

    def _receive(self) -> tuple[bytes, list[wire.Buffer]]:
        """One message. Of too many frames one more than allowed is kept, so that it is refused."""
        peer = self._socket.recv(zmq.DONTWAIT)
        frames: list[wire.Buffer] = []
        more = True  # a ROUTER puts the peer before what it sent
        while more:
            frame = self._socket.recv(copy=False)
            more = frame.more
            if len(frames) <= MAX_FRAMES:
                frames.append(_buffer(frame))
        return peer, frames

    def _send(self, envelopes: Iterable[Envelope]) -> None:
        for peer, frames in envelopes:
            try:
                self._socket.send(peer, zmq.DONTWAIT | zmq.SNDMORE)
            except zmq.ZMQError as error:
                # Gone, or so far behind that its queue is full: it may say hello again.
                if error.errno not in (errno.EHOSTUNREACH, errno.EAGAIN):
                    raise
                self._service.forget(peer, self._clock())
                continue
            *first, last = frames
            for frame in first:
                self._socket.send(frame, zmq.SNDMORE)
            self._socket.send(last, 0, copy=len(last) < wire.INLINE_BYTES)


def _buffer(frame: zmq.Frame) -> wire.Buffer:
    # A small frame may lie anywhere in a large buffer: a copy is aligned, and frees that buffer.
    return frame.bytes if len(frame) < wire.INLINE_BYTES else frame.buffer
