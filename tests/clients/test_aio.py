"""The clients in an event loop, over tcp, with a daemon of the tests' own between them."""

import asyncio
import threading

import numpy as np
import pytest

from corrente import (
    AsyncPublisher,
    AsyncSubscriber,
    Closed,
    Format,
    Refused,
    Timeout,
    wire,
)

FORMAT = Format(kind="signal", shape=(1,), dtype="uint8", rate_hz=10.0)
NO_MORE = np.zeros((1, 1), "uint8")


def announce(index=0):
    return wire.Announce(1, 1, "s", "", "", FORMAT, index)


def block(index, count):
    return wire.Block(1, 1, index, count, 0), bytes(range(index, index + count))


async def started(coroutine):
    """A task that has come to its first wait."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    return task


async def cancelled(coroutine):
    """Cancel it at its first wait."""
    task = await started(coroutine)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    # The daemon's thread ends after this fixture does.
    assert {t for t in threading.enumerate() if t.name.startswith("corrente")} <= before


async def test_what_is_sent_arrives(daemon, deadline_s):
    x = np.random.default_rng(1).normal(size=(1000, 3)).astype("float32")
    async with AsyncSubscriber(daemon.address, "imu/7", timeout_s=deadline_s) as sub:
        async with AsyncPublisher(daemon.address) as pub:
            imu = await pub.open("imu/7", shape=(3,), rate_hz=100)
            await imu.send(x[0])
            await imu.send(x[1:])
            await imu.flush(timeout_s=deadline_s)
            assert imu.next_index == 1000
            await imu.end(timeout_s=deadline_s)
        taken = await sub.take(300)
        blocks = [block async for block in sub]
    assert np.array_equal(np.concatenate([taken.data, *(b.data for b in blocks)]), x)
    assert [b.last for b in blocks] == [False, True]


async def test_without_a_context_the_first_block_awaits_the_subscription(daemon, deadline_s):
    sub = AsyncSubscriber(daemon.address, "s", timeout_s=deadline_s)
    first = await started(anext(sub))
    await asyncio.to_thread(daemon.hears, wire.Subscribe)
    daemon.say(announce())
    daemon.say(*block(0, 2))
    assert (await first).data[:, 0].tolist() == [0, 1]
    await sub.close()
    await sub.close()


async def test_a_refused_subscription_raises_and_leaves_nothing(daemon):
    daemon.refuses[wire.Subscribe] = wire.Refused(1, "too_large", "no")
    with pytest.raises(Refused, match="too_large"):
        async with AsyncSubscriber(daemon.address, "s"):
            pass


async def test_a_cancelled_wait_for_a_block_loses_none(daemon, deadline_s):
    async with AsyncSubscriber(daemon.address, "s", timeout_s=deadline_s) as sub:
        await cancelled(anext(sub))
        daemon.say(announce())
        daemon.say(*block(0, 3))
        assert (await anext(sub)).data[:, 0].tolist() == [0, 1, 2]


async def test_a_cancelled_take_keeps_what_it_had(daemon, deadline_s):
    async with AsyncSubscriber(daemon.address, "s", timeout_s=deadline_s) as sub:
        daemon.say(announce())
        daemon.say(*block(0, 3))
        assert (await sub.take(1)).index == 0
        await cancelled(sub.take(5))
        daemon.say(*block(3, 3))
        assert (await sub.take(5)).data[:, 0].tolist() == [1, 2, 3, 4, 5]


async def test_a_block_cancelled_as_it_comes_is_not_lost(daemon, deadline_s):
    async with AsyncSubscriber(daemon.address, "s", timeout_s=deadline_s) as sub:
        task = await started(anext(sub))
        daemon.say(announce())
        daemon.say(*block(0, 1))
        with sub._connection.changed:  # it came, and the loop has not seen it yet
            assert sub._connection.changed.wait_for(
                lambda: sub._subscribing._gathering.has_block, deadline_s
            )
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await anext(sub)).index == 0


async def test_a_timeout_of_asyncio_and_one_of_ours_are_told_apart(daemon):
    async with AsyncSubscriber(daemon.address, "s", timeout_s=0.01) as sub:
        with pytest.raises(Timeout, match=r"no block came within 0\.01 s"):
            await anext(sub)
        sub._subscribing._timeout_s = None
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await anext(sub)
        assert not isinstance(caught.value, Timeout)


async def test_a_full_window_holds_the_sender_back_and_not_the_loop(daemon, deadline_s):
    daemon.window_bytes, daemon.acknowledges = 10, False
    async with AsyncPublisher(daemon.address) as pub:
        stream = await pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        await stream.send(np.zeros((10, 1), "uint8"))
        with pytest.raises(Timeout, match="the daemon takes no more"):
            await stream.send(NO_MORE, timeout_s=0.01)
        await cancelled(stream.send(NO_MORE))
        await cancelled(stream.flush())
        assert stream.next_index == 10
        waiting = await started(stream.send(NO_MORE))
        daemon.acknowledges = True
        [published] = daemon.streams.values()
        daemon.say(wire.Ack(published.id, published.epoch, 10))
        await waiting
        await stream.flush(timeout_s=deadline_s)
        assert published.next_index == 11


async def test_a_cancelled_open_gives_the_stream_up(daemon, deadline_s):
    async with AsyncPublisher(daemon.address) as pub:
        await cancelled(pub.open("s", shape=(1,), rate_hz=1))
        stream = await pub.open("s", shape=(1,), rate_hz=1)
        await stream.send([1.0])
        await stream.end(timeout_s=deadline_s)


async def test_a_cancelled_end_can_be_awaited_again(daemon, deadline_s):
    async with AsyncPublisher(daemon.address) as pub:
        stream = await pub.open("s", shape=(1,), rate_hz=1)
        await stream.send([1.0])
        await cancelled(stream.end())
        await stream.end(timeout_s=deadline_s)
        with pytest.raises(Closed):
            await stream.send([1.0])


async def test_a_cancelled_context_still_flushes(daemon):
    sent = asyncio.Event()

    async def publish():
        async with AsyncPublisher(daemon.address) as pub:
            stream = await pub.open("s", shape=(1,), rate_hz=1)
            await stream.send([1.0])
            sent.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(publish())
    await sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [published] = daemon.streams.values()
    assert published.next_index == 1


async def test_a_cancelled_close_leaves_all_the_same(daemon):
    daemon.acknowledges = False
    pub = AsyncPublisher(daemon.address)
    stream = await pub.open("s", shape=(1,), rate_hz=1)
    await stream.send([1.0])
    await cancelled(pub.close())
    await pub.close()
    with pytest.raises(Closed):
        await stream.flush()


async def test_several_subscribers_share_a_loop(daemon, deadline_s):
    async def count(topic):
        async with AsyncSubscriber(daemon.address, topic, timeout_s=deadline_s) as sub:
            subscribed.release()
            return sum([len(block.data) async for block in sub])

    subscribed = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(count(f"s/{k}")) for k in range(4)]
    for _ in tasks:
        await subscribed.acquire()
    async with AsyncPublisher(daemon.address) as pub:
        for k in range(4):
            stream = await pub.open(f"s/{k}", shape=(1,), rate_hz=1)
            await stream.send(np.zeros((k + 1, 1)))
            await stream.end(timeout_s=deadline_s)
    assert await asyncio.gather(*tasks) == [1, 2, 3, 4]


def test_a_publisher_goes_on_in_another_loop(daemon, deadline_s):
    async def opened(pub):
        return await pub.open("s", shape=(1,), rate_hz=1)

    async def finish(pub, stream):
        await stream.send([1.0])
        await stream.end(timeout_s=deadline_s)
        await pub.close()

    pub = AsyncPublisher(daemon.address)
    stream = asyncio.run(opened(pub))
    asyncio.run(finish(pub, stream))
    assert stream.next_index == 1


def test_a_loop_that_closed_while_somebody_waited_harms_nobody(daemon, deadline_s):
    pub = AsyncPublisher(daemon.address)

    async def abandon():
        sub = AsyncSubscriber(daemon.address, "s")
        await started(anext(sub))
        return sub

    sub = asyncio.run(abandon())  # it cancels what still waits

    async def go_on():
        async with sub, pub:
            stream = await pub.open("s", shape=(1,), rate_hz=1)
            await stream.send([1.0])
            return (await sub.take(1)).index

    assert asyncio.run(go_on()) == 0
