"""Clients and a real daemon over a network that delays, stalls and resets.

The publisher and a subscriber are behind a proxy each. A witness is not: what it gets is what the
daemon took in. Every item is its own index, so that lost, doubled and mistaken ones are seen.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from corrente import AsyncPublisher, AsyncSubscriber, Block, Publisher, Subscriber, wire
from tests.faultproxy import FaultProxy

SPEC = {
    "corrente": 1,
    "name": "copy",
    "for_each": "imu/*",
    "stages": {"items": {"op": "relu"}},
}
TOPIC = "imu/7/copy/items"
RESETS = 20
BLOCKS = 3
random = np.random.default_rng(3)


class Account:
    """What a subscriber was told: every item it got, and every gap."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.next_index = 0
        self.gaps: list[tuple[int, int]] = []

    def add(self, block) -> None:
        """Adds a block that goes on, or says what is missing, where the one before ended."""
        with self.changed:
            start, stop = block.gap or (self.next_index, self.next_index)
            assert (start, stop) == (self.next_index, block.index)
            if block.gap:
                self.gaps.append(block.gap)
            indices = np.arange(block.index, block.index + len(block.data))
            assert np.array_equal(block.data[:, 0], indices)
            self.next_index = block.index + len(block.data)
            self.changed.notify_all()

    def gather(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self.add(block)

    def wait_for(self, index: int, deadline_s: float) -> None:
        """Until every item before that one came."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.next_index >= index, deadline_s)

    @property
    def missing(self) -> set[int]:
        return {index for gap in self.gaps for index in range(*gap)}


def items(start: int) -> np.ndarray:
    """Some items from there on; all indices of a test are exact in float32."""
    count = int(random.integers(1, 400))
    return np.arange(start, start + count, dtype="float32")[:, np.newaxis]


def send_some(stream) -> None:
    for _ in range(BLOCKS):
        stream.send(items(stream.next_index))


def unacknowledged(stream) -> int:
    """Blocks of a stream that are in flight now."""
    with stream._publishing.connection.changed:
        return len(stream._outgoing.kept)


def subscribes_again(subscriber) -> Callable[[], bool]:
    """Says whether it has subscribed once more since."""
    receiving = subscriber._subscribing._gathering.workers.home
    before = receiving._request
    return lambda: receiving._is_flowing and receiving._request > before


@contextmanager
def gathering(account: Account, subscriber):
    """A thread that takes all blocks of a subscriber; its failure is raised at the end."""
    failed: list[BaseException] = []

    def gather() -> None:
        try:
            account.gather(subscriber)
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=gather)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        for error in failed:
            raise error


class Network:
    """A daemon, a proxy for each side, and the witness."""

    def __init__(self, stack: ExitStack, address: str, deadline_s: float) -> None:
        self.publishers = stack.enter_context(FaultProxy(address))
        self.subscribers = stack.enter_context(FaultProxy(address))
        self.witness = Account()
        witness = Subscriber(address, TOPIC, queue=65536, timeout_s=deadline_s)
        stack.enter_context(witness)
        stack.enter_context(gathering(self.witness, witness))


@pytest.fixture
def network(serve, deadline_s):
    with ExitStack() as stack:
        yield Network(stack, serve(SPEC).address, deadline_s)


def check(network: Network, told: Account, sent: int) -> None:
    """The publisher's side lost and doubled nothing; all the other side lacks, it was told of."""
    assert (network.witness.next_index, network.witness.gaps) == (sent, [])
    assert told.next_index == sent


def break_both(network: Network, stream) -> None:
    """Resets all connections, while blocks of the stream are in flight."""
    assert unacknowledged(stream) > 0
    assert network.publishers.reset() >= 1
    assert network.subscribers.reset() >= 1


@pytest.mark.slow
def test_twenty_resets_lose_nothing_on_one_side_and_tell_of_all_on_the_other(network, deadline_s):
    told, lost = Account(), set[int]()
    with (
        Subscriber(network.subscribers.address, TOPIC, timeout_s=deadline_s) as subscriber,
        gathering(told, subscriber),
        Publisher(network.publishers.address) as publisher,
    ):
        stream = publisher.open("imu/7", shape=(1,), rate_hz=1000)
        connection = subscriber._connection
        for k in range(RESETS):
            start, again = stream.next_index, subscribes_again(subscriber)
            told.wait_for(start, deadline_s)
            network.subscribers.hold("down")
            # Either the blocks do not arrive, or their acknowledgements do not.
            network.publishers.hold("up" if k % 2 else "down")
            send_some(stream)
            if k % 2 == 0:
                network.witness.wait_for(stream.next_index, deadline_s)
                lost.update(range(start, stream.next_index))
            break_both(network, stream)
            if k < RESETS - 1:  # the last time it ends while the subscriber is away
                with connection.changed:
                    assert connection.changed.wait_for(again, deadline_s)
            send_some(stream)
            stream.flush(timeout_s=deadline_s)
        stream.end(timeout_s=deadline_s)
        sent = stream.next_index
    check(network, told, sent)
    assert lost <= told.missing


@pytest.mark.slow
async def test_resets_of_async_clients_lose_nothing_and_are_told(network, deadline_s):
    told, lost = Account(), set[int]()

    async def gather() -> None:
        async with AsyncSubscriber(
            network.subscribers.address, TOPIC, timeout_s=deadline_s
        ) as subscriber:
            subscribed.set()
            async for block in subscriber:
                told.add(block)

    subscribed = asyncio.Event()
    gathering = asyncio.create_task(gather())
    await subscribed.wait()
    async with AsyncPublisher(network.publishers.address) as publisher:
        stream = await publisher.open("imu/7", shape=(1,), rate_hz=1000)
        for direction in ("up", "down", "up", "down"):
            start = stream.next_index
            network.subscribers.hold("down")
            network.publishers.hold(direction)
            for _ in range(BLOCKS):
                await stream.send(items(stream.next_index))
            if direction == "down":
                await asyncio.to_thread(network.witness.wait_for, stream.next_index, deadline_s)
                lost.update(range(start, stream.next_index))
            break_both(network, stream)
            await stream.flush(timeout_s=deadline_s)
        await stream.end(timeout_s=deadline_s)
        sent = stream.next_index
    await gathering
    check(network, told, sent)
    assert lost <= told.missing


def stall(network: Network, deadline_s: float, times: int, seconds: float) -> None:
    """Sends through a line of 50 ms that stands still several times."""
    network.publishers.delay(0.05)
    network.subscribers.delay(0.05)
    told = Account()
    with (
        Subscriber(network.subscribers.address, TOPIC, timeout_s=deadline_s) as subscriber,
        gathering(told, subscriber),
        Publisher(network.publishers.address) as publisher,
    ):
        stream = publisher.open("imu/7", shape=(1,), rate_hz=1000)
        for _ in range(times):
            send_some(stream)
            stream.flush(timeout_s=deadline_s)
            network.publishers.stall(seconds)
            network.subscribers.stall(seconds)
            send_some(stream)
            assert unacknowledged(stream) == BLOCKS
            stream.flush(timeout_s=deadline_s)
        stream.end(timeout_s=deadline_s)
        sent = stream.next_index
    check(network, told, sent)


@pytest.mark.slow
def test_a_stall_of_two_seconds_loses_nothing(network, deadline_s):
    stall(network, deadline_s, times=1, seconds=2.0)


@pytest.mark.long
@pytest.mark.slow
def test_twenty_stalls_of_two_seconds_lose_nothing(network, deadline_s):
    stall(network, deadline_s, times=20, seconds=2.0)


@pytest.mark.slow
def test_silence_that_ends_the_connections_loses_nothing_and_is_told(network, deadline_s):
    stall(network, deadline_s, times=1, seconds=wire.SILENCE_S + 1.5)
    assert network.publishers.accepted > 1
    assert network.subscribers.accepted > 1
