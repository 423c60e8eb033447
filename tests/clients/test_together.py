"""A publisher, the daemon's service and a subscriber in one process, on a clock of the test's own.

Connections break at any moment, with what is on its way, and stay broken for any time.
"""

import numpy as np
import pytest
from msgspec.structs import replace

from corrente import Block, Format, wire
from corrente.link import Link
from corrente.receiving import Receiving
from corrente.sending import Sending
from corrente_pipelines import Pipeline
from corrente_service.limits import Limits
from corrente_service.service import Service

FORMAT = Format(kind="signal", shape=(1,), dtype="uint16", rate_hz=1.0)
LIMITS = Limits(window_bytes=1024, stall_timeout_s=1.0)
PATIENT = {
    "corrente": 1,
    "name": "patient",
    "for_each": "s",
    "stages": {"up": {"op": "relu"}},
    "backpressure": True,
}


class Client:
    """A half of the protocol on a connection that breaks."""

    def __init__(self, service, half, instance, now):
        self.service, self.half, self.instance = service, half, instance
        self.link = Link(half, instance)
        self.up, self.down = [], []  # frames on their way to and from the daemon
        self.is_cut = False
        self.post(self.link.greet(now))

    def post(self, said):
        if not self.is_cut:
            self.up += [wire.encode(*envelope) for envelope in said]

    def step(self, rng, now):
        """One message arrives, here or there."""
        if self.up and rng.random() < 0.5:
            self.service.handle(self.instance, self.up.pop(0), now)
        elif self.down:
            message, payload = wire.decode(self.down.pop(0))
            self.post(self.link.received(message, payload, now))
        self.post(self.link.tick(now))
        if self.link.state == "lost" and not self.is_cut and now >= self.link.due:
            self.up, self.down = [], []
            self.post(self.link.greet(now))

    def cut(self, rng, now):
        """Some of what is on its way arrives, the rest never does."""
        for frames in self.up[: rng.integers(0, len(self.up) + 1)]:
            self.service.handle(self.instance, frames, now)
        self.up, self.down, self.is_cut = [], [], True
        self.link.lose(now)


class World:
    """One stream through one service to one subscriber."""

    def __init__(self, seed, queue=256, policy="drop", topic="s", pipelines=()):
        self.rng = np.random.default_rng(seed)
        self.now = 0.0
        self.service = Service(pipelines, LIMITS, b"d" * 16, 0.0)
        self.receiving, self.sending = Receiving((topic,), "now", policy, queue), Sending()
        self.sub = Client(self.service, self.receiving, b"s" * 16, self.now)
        self.clients = [self.sub]
        self.run(lambda: self.receiving.is_subscribed)
        self.pub = Client(self.service, self.sending, b"p" * 16, self.now)
        self.clients.append(self.pub)
        self.outgoing, said = self.sending.open("s", FORMAT)
        self.pub.post(said)

    def restart(self):
        """Another daemon process, which knows nobody; what is on its way never arrives."""
        self.service = Service([], LIMITS, self.rng.bytes(16), self.now)
        for client in self.clients:
            client.service, client.up, client.down = self.service, [], []
            client.link.lose(self.now)

    def step(self):
        self.now += float(self.rng.exponential(0.02))
        for client in self.clients:
            client.step(self.rng, self.now)
        if self.rng.random() < 0.3:
            for peer, frames in self.service.tick(self.now):
                client = self.sub if peer == self.sub.instance else self.pub
                if not client.is_cut:
                    client.down.append([bytes(frame) for frame in frames])

    def run(self, until, steps=100_000):
        for _ in range(steps):
            if until():
                return
            self.step()
        raise AssertionError("it stands still")

    def send(self, items):
        """Some items, once there is room."""
        payload = memoryview(items.astype("<u2").tobytes())
        self.run(lambda: self.outgoing.has_room(len(payload)))
        self.pub.post(self.sending.send(self.outgoing, len(items), 0, payload))

    def end(self):
        self.pub.post(self.sending.end(self.outgoing))

    def take(self):
        blocks = []
        while self.receiving.has_block:
            block, said = self.receiving.take()
            self.sub.post(said)
            blocks.append(block)
        return blocks


def until_last(world, blocks):
    """Takes blocks until the topic has ended."""

    def has_ended():
        blocks.extend(world.take())
        return bool(blocks) and blocks[-1].last

    world.run(has_ended)


def check_account(blocks, n, restarts=0):
    """Every item came once, in order and right, or lies in a gap that was told.

    A new daemon process may get items again whose acknowledgement was lost with the old one: the
    topic then starts over.
    """
    next_index = 0
    for block in blocks:
        if block.index < next_index:
            assert block.gap in (None, (0, block.index))
            assert (restarts := restarts - 1) >= 0
            next_index = block.index
            block = replace(block, gap=None)
        if block.gap is not None:
            assert block.gap[0] == next_index
            next_index = block.gap[1]
        assert block.index == next_index
        assert block.data[:, 0].tolist() == list(range(next_index, next_index + len(block.data)))
        next_index += len(block.data)
    assert next_index == n
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]


@pytest.mark.parametrize("seed", range(30))
def test_every_item_is_got_or_told_missing_whatever_breaks(seed):
    world = World(seed, queue=int(2 ** (seed % 7)))
    rng, blocks, n = world.rng, [], 0
    while n < 3000:
        k = int(rng.integers(1, 100))
        world.send(np.arange(n, n + k))
        n += k
        for _ in range(rng.integers(0, 60)):
            world.step()
        if rng.random() < 0.5:
            blocks += world.take()
        for client in (world.pub, world.sub):
            if client.is_cut:
                client.is_cut = rng.random() < 0.7
            elif rng.random() < 0.1 and client.link.state == "up":
                client.cut(rng, world.now)
        world.pub.is_cut &= world.outgoing.has_room(200)
    world.pub.is_cut = world.sub.is_cut = False
    world.run(lambda: world.sub.link.state == "up" and world.service.egress.subscriptions)
    world.run(lambda: world.receiving._is_flowing)
    world.end()
    world.run(lambda: world.outgoing.ended)
    until_last(world, blocks)
    check_account(blocks, n)


@pytest.mark.parametrize("seed", range(30))
def test_no_gap_tells_of_items_that_came_whatever_daemon_follows(seed):
    world = World(seed, queue=int(2 ** (seed % 7)))
    rng, blocks, n, restarts = world.rng, [], 0, 0
    while n < 1000:
        k = int(rng.integers(1, 100))
        world.send(np.arange(n, n + k))
        n += k
        for _ in range(rng.integers(0, 60)):
            world.step()
        if rng.random() < 0.5:
            blocks += world.take()
        if rng.random() < 0.3:
            world.restart()
            restarts += 1
    world.run(lambda: world.receiving._is_flowing)
    world.end()
    world.run(lambda: world.outgoing.ended)
    until_last(world, blocks)
    check_account(blocks, n, restarts)


@pytest.mark.parametrize("away_s", [0.5, 10.0])
@pytest.mark.parametrize("seed", range(10))
def test_an_end_whose_answer_is_lost_ends_the_stream_once(seed, away_s):
    world = World(seed)
    blocks: list[Block] = []
    world.send(np.arange(50))
    world.send(np.arange(50, 90))
    world.end()
    world.pub.cut(world.rng, world.now)
    back = world.now + away_s
    world.run(lambda: world.now > back)
    world.pub.is_cut = False
    world.run(lambda: world.outgoing.ended)
    assert world.outgoing.error is None
    assert not world.service.ingest.streams
    until_last(world, blocks)
    check_account(blocks, 90)


def test_a_subscriber_that_holds_back_and_is_slow_but_never_idle_is_not_cut():
    topic, pipeline = "s/patient/up", Pipeline.of(PATIENT)
    world = World(0, queue=16, policy="wait", topic=topic, pipelines=[pipeline])
    index = held = 0
    for _ in range(40):
        later = world.now + 0.6  # less than the timeout; half a window takes far more
        while world.now < later:
            if world.outgoing.has_room(2):
                world.send(np.array([0]))
            world.step()
        held += world.service.egress.holds("s")
        assert world.sub.link.failure is None
        block, said = world.receiving.take()
        world.sub.post(said)
        assert (block.index, block.gap) == (index, None)
        index += len(block.data)
    assert held > 20
