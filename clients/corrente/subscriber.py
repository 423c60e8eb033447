"""Subscribe to topics."""

from dataclasses import replace
from types import TracebackType
from typing import Literal, Self, SupportsIndex

import numpy as np

from corrente import wire
from corrente.block import Block
from corrente.bounds import bounded
from corrente.connection import CONNECT_TIMEOUT_S, Connection
from corrente.errors import FormatError, Lost, Timeout
from corrente.receiving import Receiving
from corrente.topics import check_pattern, has_wildcard


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
        since: Literal["now", "first"] | SupportsIndex = "now",
        policy: wire.Policy = "drop",
        queue: SupportsIndex = 256,
        timeout_s: float | None = None,
    ) -> None:
        if not 1 <= len(topics) <= wire.MAX_PATTERNS:
            raise FormatError(f"1 to {wire.MAX_PATTERNS} topics can be subscribed to at once")
        if policy not in ("drop", "wait"):
            raise FormatError(f'policy is "drop" or "wait", got {policy!r}')
        self._topics = tuple(str(check_pattern(topic)) for topic in topics)
        self._timeout_s = timeout_s
        self._receiving = Receiving(
            self._topics, _since(since), policy, bounded("queue", queue, 1, wire.MAX_QUEUE)
        )
        self._ahead: Block | None = None
        self._connection = Connection(address, self._receiving)
        try:
            self._subscribe()
        except BaseException:
            self._connection.close()
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Block:
        if self._ahead is not None:
            block, self._ahead = self._ahead, None
            return block
        receiving, connection = self._receiving, self._connection
        with connection.changed:
            connection.wait(
                lambda: receiving.has_block or receiving.is_finished or bool(receiving.error),
                self._timeout_s,
                "no block came",
            )
            if receiving.has_block:
                block, said = receiving.take()
                connection.post(said)
                return block
            if receiving.error is not None:
                raise receiving.error
        raise StopIteration

    def take(self, n: int) -> Block:
        """Exactly the next `n` items of the one topic subscribed to.

        Raises `Lost` where items are missing before or among them, or the topic ends; what was
        gathered is gone, and the next call begins behind the gap. Raises `Timeout` where
        `timeout_s` passes without a block; then nothing is gone.
        """
        if len(self._topics) != 1 or has_wildcard(self._topics[0]):
            raise ValueError(f"take needs a subscription to one topic, not {self._topics}")
        if n < 1:
            raise ValueError(f"take needs at least one item, got {n}")
        gathered = [self._next_for_take(n)]
        excess = len(gathered[0].data) - n
        while excess < 0:
            try:
                gathered.append(self._next_for_take(-excess))
            except Timeout:
                self._ahead = _joined(gathered)
                raise
            excess += len(gathered[-1].data)
        if excess > 0:
            gathered[-1], self._ahead = _cut(gathered[-1], len(gathered[-1].data) - excess)
        return _joined(gathered)

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

    def _subscribe(self) -> None:
        receiving, connection = self._receiving, self._connection
        with connection.changed:
            connection.wait(
                lambda: receiving.is_subscribed or receiving.error is not None,
                max(CONNECT_TIMEOUT_S, self._timeout_s or 0.0),
                "not subscribed",
            )
            if receiving.error is not None:
                raise receiving.error

    def _next_for_take(self, missing: int) -> Block:
        block = next(self, None)
        if block is None:
            raise Lost(f"{self._topics[0]} has ended, {missing} items short")
        if block.gap is not None:
            self._ahead = replace(block, gap=None)
            raise Lost(f"{block.topic}: items {block.gap[0]} to {block.gap[1] - 1} are missing")
        if block.last:
            raise Lost(f"{block.topic} has ended at {block.index}, {missing} items short")
        return block


def _since(since: SupportsIndex | str) -> wire.Since:
    match since:
        case "now" | "first":
            return since
        case str():
            raise FormatError(f'since is "now", "first" or an index, got {since!r}')
        case _:
            return bounded("since", since, 0, wire.MAX_INDEX)


def _cut(block: Block, n: int) -> tuple[Block, Block]:
    """The first `n` items of a block, and the others."""
    t_ns = block.t_ns + block.format.duration_ns(n)
    rest = replace(block, index=block.index + n, data=block.data[n:], t_ns=t_ns)
    return replace(block, data=block.data[:n]), rest


def _joined(blocks: list[Block]) -> Block:
    """Blocks that follow each other, as one."""
    data = np.concatenate([block.data for block in blocks]) if len(blocks) > 1 else blocks[0].data
    data.flags.writeable = False
    return replace(blocks[0], data=data)
