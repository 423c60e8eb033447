"""Subscribe to topics."""

from types import TracebackType
from typing import Self, SupportsIndex

from corrente import wire
from corrente.block import Block
from corrente.subscribing import Since, Subscribing


class Subscriber:
    """Gets the blocks of topics, in order: an iterator over them.

    A topic is named, or a pattern: `*` stands for one level, `**` for any number. It need not exist
    yet. Once the constructor returns, whatever is published reaches this subscriber, or is told as
    the `gap` of a block. Iteration stops when every topic named without a wildcard has ended.

    `since`: `"now"`, `"first"`, or the index of the first item wanted of every topic; those below
    it are neither given nor told as missing. `policy`, where this subscriber is slow: `"drop"`
    drops the oldest of `queue` blocks, `"wait"` holds the publisher back. A wait of `timeout_s`
    without a block raises `Timeout`; None waits for ever. The constructor waits for the daemon 10
    seconds or `timeout_s`, whichever is longer.
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
        try:
            self._connection.run(self._subscribing.subscribe())
        except BaseException:
            self._connection.close()
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Block:
        block = self._subscribing.next_untold() or self._connection.run(self._subscribing.next())
        if block is None:
            raise StopIteration
        return block

    def take(self, n: int) -> Block:
        """Exactly the next `n` items of the one topic subscribed to.

        Raises `Lost` where items are missing before or among them, or the topic ends; what was
        gathered is gone, and the next call begins behind the gap. Raises `Timeout` where
        `timeout_s` passes without a block, `FormatError` where the topic gives events; then nothing
        is gone.
        """
        return self._connection.run(self._subscribing.take(n))

    def close(self) -> None:
        """Say goodbye and end the thread; more than once does no harm."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
