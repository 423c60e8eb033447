"""What a subscriber does, as steps between waits: subscribe, next, take."""

from contextlib import suppress
from time import monotonic
from typing import Literal, SupportsIndex

import numpy as np
from msgspec.structs import replace

from corrente import wire
from corrente.block import Block
from corrente.bounds import bounded
from corrente.connection import CONNECT_TIMEOUT_S, Connection
from corrente.errors import FormatError, Lost
from corrente.gathering import Gathering
from corrente.steps import Steps, Wait
from corrente.topics import check_pattern, has_wildcard

Since = Literal["now", "first"] | SupportsIndex

TELL_S = 0.01
"""How long blocks are taken one behind the other before the daemon is told of it."""


class Subscribing:
    """What one subscriber asked for, and its connection."""

    def __init__(
        self,
        address: str,
        topics: tuple[str, ...],
        since: Since,
        policy: wire.Policy,
        queue: SupportsIndex,
        timeout_s: float | None,
    ) -> None:
        if not 1 <= len(topics) <= wire.MAX_PATTERNS:
            raise FormatError(f"1 to {wire.MAX_PATTERNS} topics can be subscribed to at once")
        if policy not in ("drop", "wait"):
            raise FormatError(f'policy is "drop" or "wait", got {policy!r}')
        self._topics = tuple(str(check_pattern(topic)) for topic in topics)
        self._timeout_s = timeout_s
        self._gathering = Gathering(
            self._topics, _since(since), policy, bounded("queue", queue, 1, wire.MAX_QUEUE)
        )
        self._ahead: Block | None = None
        self._tell_s = 0.0  # when the daemon is to hear what was taken
        workers = self._gathering.workers
        self.connection = Connection(address, workers.home, workers)

    def subscribe(self) -> Steps[None]:
        """Until the daemon has confirmed."""
        gathering = self._gathering
        yield Wait(
            lambda: gathering.is_subscribed or gathering.error is not None,
            max(CONNECT_TIMEOUT_S, self._timeout_s or 0.0),
            "not subscribed",
        )
        if gathering.error is not None:
            raise gathering.error

    def next_untold(self) -> Block | None:
        """The next block, if it is there and the daemon need not hear of it at once.

        That takes no lock: several threads may ask.
        """
        if self._ahead is not None or monotonic() >= self._tell_s:
            return None
        return self._gathering.take_untold()

    def next(self) -> Steps[Block | None]:
        """Gives the next block, None behind the last."""
        if self._ahead is not None:
            block, self._ahead = self._ahead, None
            return block
        gathering = self._gathering
        if not gathering.is_subscribed:
            yield from self.subscribe()
        wait = Wait(
            lambda: gathering.has_block or gathering.is_finished or bool(gathering.error),
            self._timeout_s,
            "no block came",
        )
        while True:
            for said, half in gathering.grant():
                self.connection.post(said, half)
            yield wait
            if not gathering.has_block:
                break
            untold = self.next_untold()
            if untold is not None:
                return untold
            with suppress(IndexError):  # a thread that needs no lock was faster
                block, said, half = gathering.take()
                self._tell_s = monotonic() + TELL_S
                self.connection.post(said, half)
                return block
        if gathering.error is not None:
            raise gathering.error
        return None

    def take(self, n: int) -> Steps[Block]:
        """Gives exactly so many items; those of a wait that was given up are given next time."""
        if len(self._topics) != 1 or has_wildcard(self._topics[0]):
            raise ValueError(f"take needs a subscription to one topic, not {self._topics}")
        if n < 1:
            raise ValueError(f"take needs at least one item, got {n}")
        gathered = [(yield from self._next_for_take(n))]
        excess = len(gathered[0].data) - n
        while excess < 0:
            try:
                gathered.append((yield from self._next_for_take(-excess)))
            except GeneratorExit:
                self._ahead = _joined(gathered)
                raise
            excess += len(gathered[-1].data)
        if excess > 0:
            gathered[-1], self._ahead = _cut(gathered[-1], len(gathered[-1].data) - excess)
        return _joined(gathered)

    def _next_for_take(self, missing: int) -> Steps[Block]:
        block = yield from self.next()
        if block is None:
            raise Lost(f"{self._topics[0]} has ended, {missing} items short")
        if block.format.kind == "events":
            self._ahead = block
            raise FormatError(
                f"{block.topic} gives events, none or many for an item, and take counts items; "
                "iterate over the blocks"
            )
        if block.gap is not None:
            self._ahead = replace(block, gap=None)
            raise Lost(block.gap_text)
        if block.last:
            reason = f": {block.error}" if block.error else ""
            raise Lost(f"{block.topic} has ended at {block.index}, {missing} items short{reason}")
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
