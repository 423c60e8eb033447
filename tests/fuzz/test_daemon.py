"""A daemon's port among strangers: noise on the bare connection, mutated messages over ZeroMQ."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import zmq

from corrente import Publisher, Subscriber, wire
from corrente.errors import WireError
from corrente_service.stream import Stream
from tests.fuzz.bystander import STREAM, signal, smooth
from tests.fuzz.corpus import FROM_CLIENTS, FROM_DAEMON, IMU, samples
from tests.fuzz.mutation import Mutator
from tests.serving import Serving
from tests.unpacked import unpacked

MEAN: dict[str, Any] = {
    "corrente": 1,
    "name": "mean",
    "for_each": "imu/*",
    "stages": {"smooth": {"op": "moving_average", "size": 3, "pad": "edge"}, "up": {"op": "relu"}},
}
LIMITS = {"CORRENTE_LIMITS_WINDOW_BYTES": "65536", "CORRENTE_LIMITS_QUEUE_BYTES": "1048576"}
ZMTP = bytes.fromhex("ff00000000000000017f03004e554c4c".ljust(128, "0"))
READY = b"\x04\x26\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0"
GROWTH_MIB = 64


class Stranger:
    """A connection that sends what a mutator draws; some never take what they are sent."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, seed: int) -> None:
        self._mutator = Mutator(seed, samples(FROM_CLIENTS), samples(FROM_DAEMON))
        self._name = Random(seed).randbytes(16).replace(b"\0", b"x")
        self._asked: dict[int, wire.Open] = {}
        self._streams: dict[int, Stream] = {}
        self._reads = bool(seed % 4)
        self.socket = context.socket(zmq.DEALER)
        self.socket.set(zmq.ROUTING_ID, self._name)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.SNDTIMEO, 60_000)
        self.socket.connect(address)
        self.socket.send_multipart(wire.encode(wire.Hello(1, 1, self._name)))

    def say(self) -> None:
        """One message, and what came since is taken in."""
        frames = self._mutator.message(list(self._streams.values()))
        if not frames:
            return
        with suppress(WireError):
            message, _ = wire.decode(frames)
            if isinstance(message, wire.Open):
                self._asked[message.request] = message
        self.socket.send_multipart(frames)
        while self._reads and self.socket.poll(0):
            self._hear(self.socket.recv_multipart())

    def ping(self) -> None:
        """Waits for the daemon to have taken in all that was said."""
        self.socket.send_multipart(wire.encode(wire.Hello(1, 1, self._name)))
        for _ in range(100_000):
            assert self.socket.poll(60_000)
            if isinstance(self._hear(self.socket.recv_multipart()), wire.Welcome):
                return
        raise AssertionError("no answer among very many messages")

    def _hear(self, frames: list[bytes]) -> wire.AnyMessage:
        message, payload = wire.decode(frames)
        asked = self._asked.get(message.request) if isinstance(message, wire.Opened) else None
        if asked is not None and isinstance(message, wire.Opened):
            self._streams[message.id] = Stream(
                name=asked.stream,
                id=message.id,
                epoch=message.epoch,
                format=asked.format,
                encoding=asked.encoding,
                owner=self._name,
                peer=self._name,
                next_index=message.next_index,
                taken_index=message.next_index,
            )
        for ack, _ in unpacked(message, payload):
            if isinstance(ack, wire.Ack) and ack.id in self._streams:
                self._streams[ack.id].next_index = ack.next_index
        return message


def knock(random: Random, address: str) -> None:
    """Bytes on the bare port: noise, a greeting cut off, frames that lie about their length."""
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), 60) as connection, suppress(OSError):
        said = random.choice((b"", ZMTP[: random.randrange(65)], ZMTP, ZMTP + READY, b"GET / HTTP"))
        huge = b"\x02" + random.randbytes(8) + b"\x03\xff\xff\xff\xff\xff\xff\xff\xff"
        connection.sendall(said + random.choice((b"", random.randbytes(200), huge, b"\0\xff" * 99)))
        connection.setblocking(False)
        connection.recv(64)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


def rss_mib(daemon: Serving) -> float:
    pages = int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


def besiege(daemon: Serving, context: Any, seed: int, rounds: int) -> None:
    """Strangers and knocks, and a publisher and a subscriber that lose nothing through them."""
    random = Random(seed)
    strangers = [Stranger(context, daemon.address, 4 * seed + k) for k in range(8)]
    try:
        with (
            Subscriber(daemon.address, f"{STREAM}/mean/smooth", queue=1 << 12) as subscriber,
            Publisher(daemon.address) as publisher,
        ):
            stream = publisher.open(STREAM, shape=(2,), rate_hz=IMU.rate_hz)
            for k in range(rounds):
                for stranger in strangers:
                    stranger.say()
                if k % 10 == 0:
                    knock(random, daemon.address)
                if k % 5 == 0:
                    stream.send(signal(k, k + 5))
            stream.end()
            items = 5 * -(-rounds // 5)
            blocks = list(subscriber)
        for stranger in strangers:
            if stranger._reads:
                stranger.ping()
    finally:
        for stranger in strangers:
            stranger.socket.close()
    assert not [block.gap for block in blocks if block.gap]
    received = np.concatenate([block.data for block in blocks])
    np.testing.assert_allclose(received, smooth(0, items, items), rtol=1e-5)


def check_log(log: str) -> None:
    """Nothing went wrong in the daemon's own eyes."""
    assert "Traceback" not in log
    assert not re.search("pipeline failed|Warning", log)


@pytest.mark.slow
def test_a_daemon_stands_strangers_on_its_port(serve, context):
    daemon = serve(MEAN, **LIMITS)
    besiege(daemon, context, 1, 250)
    assert daemon.stop() == 0
    check_log(daemon.log())


@pytest.mark.long
def test_a_daemon_stands_very_many_strangers_and_grows_no_more(serve, context):
    daemon = serve(MEAN, **LIMITS)
    sizes: list[float] = []
    for seed in range(2, 8):
        besiege(daemon, context, seed, 4000)
        sizes.append(rss_mib(daemon))
    assert max(sizes[3:]) - max(sizes[:3]) < GROWTH_MIB
    assert daemon.stop() == 0
    check_log(daemon.log())
