"""A load on the daemon that costs little itself: raw messages, no client, outputs only counted."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zmq

from corrente import Format, wire
from tests.process import Process
from tests.serving import Serving, write_specs

ITEMS = 256
RATE_HZ = 1000.0
SIZE = 16
AHEAD = SIZE - 1 - SIZE // 2
"""How many items of a stream are still owed for what was sent."""

SPEC = {
    "corrente": 1,
    "name": "trend",
    "for_each": "bench/*",
    "backpressure": True,
    "stages": {"mean": {"op": "moving_average", "size": SIZE}},
}
TOPICS = "bench/*/trend/mean"

PACKED = wire.MAX_BLOCKS
"""Blocks in a message: as many as our publisher puts into one."""

IN_FLIGHT = 8192
"""Blocks on their way at most, of all streams together."""

CREDIT_BLOCKS = 1024
CREDIT_BYTES = 16 << 20
DEADLINE_S = 120.0


@contextmanager
def daemon(*specs: dict[str, object], workers: int = 1) -> Iterator[tuple[str, Process]]:
    """`corrente serve` over those specs (the moving average, without any): address and process.

    Of several workers, the process is the one above them.
    """
    with TemporaryDirectory() as name:
        folder = write_specs(Path(name), *(specs or (SPEC,)))
        settings = {
            "CORRENTE_LOG_LEVEL": "warning",
            "CORRENTE_LIMITS_STREAMS": "16384",
            "CORRENTE_WORKERS": str(workers),
        }
        with Serving(folder, **settings) as serving:
            yield serving.address, Process(serving.process.pid)


class Load:
    """Streams `bench/0` to `bench/N-1` of one float32 channel, and all that comes of them.

    One thread, one connection to publish and one to subscribe (`wait`: nothing is dropped).
    """

    def __init__(self, address: str, streams: int) -> None:
        self._context = zmq.Context()
        self._source = self._connect(address)
        self._sink = self._connect(address)
        self._poller = zmq.Poller()
        self._poller.register(self._sink, zmq.POLLIN)
        self._items = np.random.default_rng(0).standard_normal(ITEMS).astype(np.float32).tobytes()
        self._opened: list[wire.Opened] = []
        self._next: list[int] = []  # index of each stream's next item
        self._turn = 0  # the stream whose turn it is
        self._begun = 0  # streams that have sent something
        self.sent = 0
        self._came_items = self._came_blocks = self._came_bytes = self._granted = 0
        self._said_s = 0.0
        subscribe = wire.Subscribe(1, (TOPICS,), policy="wait", queue=1 << 14)
        self._send(self._sink, subscribe)
        self._receive(self._sink, wire.Subscribed)
        self._grant()
        self.open(streams)

    def open(self, count: int) -> None:
        """So many streams more."""
        for k in range(len(self._opened), len(self._opened) + count):
            self._opened.append(self._open(k))
            self._next.append(0)

    @property
    def came(self) -> int:
        """Blocks whose outputs came."""
        return (self._came_items + self._begun * AHEAD) // ITEMS

    def run(self, seconds: float, per_second: float = 0.0) -> int:
        """Blocks that went all the way while it kept the daemon busy, or paced it, for so long."""
        start, before, sent = time.monotonic(), self.came, self.sent
        while (now := time.monotonic()) < start + seconds:
            due = sent + int((now - start) * per_second) if per_second else self.sent + PACKED
            if self.sent < due and self.sent - self.came < IN_FLIGHT:
                self._publish(min(PACKED, due - self.sent))
            busy = not per_second and self.sent - self.came < IN_FLIGHT
            self._take(0 if busy else 1)
        return self.came - before

    def settle(self) -> None:
        """Until all that was sent has come."""
        deadline = time.monotonic() + DEADLINE_S
        while self.came < self.sent:
            assert time.monotonic() < deadline, f"{self.sent - self.came} blocks did not come"
            self._take(10)

    def once(self) -> None:
        """A block of every stream."""
        left = len(self._opened)
        while left:
            self._publish(min(PACKED, left))
            left -= min(PACKED, left)
            while self.sent - self.came > IN_FLIGHT:
                self._take(1)
        self.settle()

    def close(self) -> None:
        self._send(self._source, wire.Goodbye("done"))
        self._send(self._sink, wire.Goodbye("done"))
        self._context.destroy(linger=1000)

    def _publish(self, count: int) -> None:
        blocks = []
        for _ in range(count):
            opened, index = self._opened[self._turn], self._next[self._turn]
            blocks.append(wire.Block(opened.id, opened.epoch, index, ITEMS, 0))
            self._begun += not index
            self._next[self._turn] += ITEMS
            self._turn = (self._turn + 1) % len(self._opened)
        sizes = (len(self._items),) * count
        self._send(self._source, wire.Blocks(tuple(blocks), sizes), self._items * count)
        self.sent += count

    def _take(self, timeout_ms: int) -> None:
        """Counts what is there; acknowledgements are thrown away unread."""
        if time.monotonic() - self._said_s > wire.HEARTBEAT_S:
            self._said_s = time.monotonic()
            self._send(self._source, wire.Ping())
            self._send(self._sink, wire.Ping())
        try:
            while True:
                self._source.recv(zmq.NOBLOCK)
        except zmq.Again:
            pass
        if timeout_ms:
            self._poller.poll(timeout_ms)
        try:
            for _ in range(IN_FLIGHT):
                message, payload = wire.decode(self._sink.recv_multipart(zmq.NOBLOCK))
                if isinstance(message, wire.Blocks):
                    self._came_items += sum(block.count for block in message.blocks)
                    self._came_blocks += len(message.blocks)
                elif isinstance(message, wire.Block):
                    self._came_items += message.count
                    self._came_blocks += 1
                else:
                    assert not isinstance(message, wire.Gap | wire.End | wire.Goodbye), message
                self._came_bytes += len(payload)
        except zmq.Again:
            pass
        if self._came_blocks + CREDIT_BLOCKS // 2 >= self._granted:
            self._grant()

    def _grant(self) -> None:
        self._granted = self._came_blocks + CREDIT_BLOCKS
        self._send(self._sink, wire.Credit(self._granted, self._came_bytes + CREDIT_BYTES))

    def _open(self, k: int) -> wire.Opened:
        format = Format(kind="signal", shape=(1,), dtype="float32", rate_hz=RATE_HZ)
        self._send(self._source, wire.Open(k + 1, f"bench/{k}", format))
        opened = self._receive(self._source, wire.Opened)
        assert isinstance(opened, wire.Opened)
        if k % 100 == 0:
            self._take(0)
        return opened

    def _connect(self, address: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.DEALER)
        instance = b"\1" + os.urandom(wire.INSTANCE_BYTES - 1)
        socket.setsockopt(zmq.ROUTING_ID, instance)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.connect(address)
        self._send(socket, wire.Hello(wire.VERSION, wire.VERSION, instance, "benchmarks"))
        self._receive(socket, wire.Welcome)
        return socket

    def _receive(self, socket: "zmq.Socket[bytes]", kind: type[wire.Message]) -> wire.Message:
        """The next of that kind."""
        while socket.poll(int(1000 * DEADLINE_S)):
            message, _ = wire.decode(socket.recv_multipart())
            assert not isinstance(message, wire.Refused), message
            if isinstance(message, kind):
                return message
        raise TimeoutError(f"no {kind.__name__.lower()} came")

    def _send(
        self, socket: "zmq.Socket[bytes]", message: wire.Message, payload: wire.Buffer = b""
    ) -> None:
        socket.send_multipart(wire.encode(message, payload))
