"""Publish and subscribe in an event loop; what is done is written in publishing and subscribing.

The connection's thread stays: heartbeats and resends go on while a cell computes and the loop
stands still. It wakes the loop of whoever waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, SupportsIndex

from corrente import wire
from corrente.block import Block
from corrente.connection import Connection
from corrente.format import Dtype
from corrente.publishing import Publishing, warn_unused
from corrente.sending import Outgoing
from corrente.stamps import Stamps
from corrente.steps import Result, Steps
from corrente.subscribing import Since, Subscribing


class AsyncPublisher:
    """A `Publisher` whose waits are awaited, in any event loop, and may be cancelled.

    The constructor waits for nobody. A cancelled `open` gives the stream up. Closing flushes, also
    where `async with` is left by a cancellation; who cancels that too cuts the flush short.
    """

    def __init__(self, address: str) -> None:
        self._publishing = Publishing(address)
        self._is_closed = False

    async def open(
        self,
        stream: str,
        shape: Sequence[SupportsIndex],
        rate_hz: float,
        dtype: Dtype = "float32",
        encoding: wire.Encoding = "raw",
        labels: Sequence[str] | None = None,
        index: SupportsIndex | None = None,
        takeover: bool = False,
    ) -> "AsyncStream":
        """As `Publisher.open`."""
        publishing = self._publishing
        outgoing = await _run(
            publishing.connection,
            publishing.open(stream, shape, rate_hz, dtype, encoding, labels, index, takeover),
        )
        warn_unused(outgoing)
        return AsyncStream(publishing, outgoing)

    async def close(self) -> None:
        """As `Publisher.close`; where it was cancelled, a second call waits for the thread."""
        connection = self._publishing.connection
        try:
            if not self._is_closed:
                self._is_closed = True
                await _run(connection, self._publishing.close())
        finally:
            await _ended(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncStream:
    """One open stream of a publisher; `AsyncPublisher.open` gives it."""

    def __init__(self, publishing: Publishing, outgoing: Outgoing) -> None:
        self._publishing = publishing
        self._outgoing = outgoing

    @property
    def next_index(self) -> int:
        """Index of the next item to be sent."""
        return self._outgoing.next_index

    async def send(
        self, items: Any, t_ns: Stamps | None = None, timeout_s: float | None = None
    ) -> None:
        """As `Stream.send`; where it was cancelled, `next_index` tells how many items were sent."""
        publishing = self._publishing
        if t_ns is None and publishing.send_at_once(self._outgoing, items):
            return
        steps = publishing.send(self._outgoing, items, t_ns, timeout_s)
        await _run(publishing.connection, steps)

    async def flush(self, timeout_s: float | None = None) -> None:
        """As `Stream.flush`."""
        publishing = self._publishing
        await _run(publishing.connection, publishing.flush(self._outgoing, timeout_s))

    async def end(self, timeout_s: float | None = None) -> None:
        """As `Stream.end`; where it was cancelled the end is said, and can be awaited again."""
        publishing = self._publishing
        await _run(publishing.connection, publishing.end(self._outgoing, timeout_s))


class AsyncSubscriber:
    """A `Subscriber` whose waits are awaited, in any event loop, and may be cancelled.

    The constructor waits for nobody: `async with` returns once the daemon has confirmed, or else
    the first block is awaited until it has. A wait that was cancelled loses nothing: the next call
    gives what it would have given.
    """

    def __init__(
        self,
        address: str,
        *topics: str,
        since: Since = "now",
        policy: wire.Policy = "drop",
        queue: SupportsIndex = 256,
        timeout_s: float | None = None,
    ) -> None:
        self._subscribing = Subscribing(address, topics, since, policy, queue, timeout_s)
        self._connection = self._subscribing.connection

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Block:
        block = self._subscribing.next_untold()
        if block is None:
            block = await _run(self._connection, self._subscribing.next())
        if block is None:
            raise StopAsyncIteration
        return block

    async def take(self, n: int) -> Block:
        """As `Subscriber.take`."""
        return await _run(self._connection, self._subscribing.take(n))

    async def close(self) -> None:
        """As `Subscriber.close`."""
        self._connection.leave()
        await _ended(self._connection)

    async def __aenter__(self) -> Self:
        try:
            await _run(self._connection, self._subscribing.subscribe())
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def _run(connection: Connection, steps: Steps[Result]) -> Result:
    """Do the steps; while they wait, the connection's lock is free and the loop goes on."""
    with connection.lock, closing(steps):
        while True:
            try:
                wait = next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            await _until(connection, partial(connection.is_met, wait), wait.timeout_s)
            connection.check(wait)


async def _ended(connection: Connection) -> None:
    """Until the connection's thread has ended."""
    with connection.lock:
        await _until(connection, lambda: connection.is_over, None)
    connection.close()  # it has nothing left to do


async def _until(
    connection: Connection, ready: Callable[[], bool], timeout_s: float | None
) -> None:
    """Until `ready`, or `timeout_s` passed. The caller holds the lock, here let go meanwhile."""
    if ready():
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not ready():
                await _woken(connection, ready)


async def _woken(connection: Connection, ready: Callable[[], bool]) -> None:
    """Until the connection's thread saw `ready`; another task may have been faster since."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # a loop that was closed has nobody left to wake
            loop.call_soon_threadsafe(woken.set)

    connection.listen(ready, wake)
    connection.lock.release()
    try:
        await woken.wait()
    finally:
        connection.lock.acquire()
        connection.unlisten(wake)
