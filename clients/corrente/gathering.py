"""What a subscriber gets, from all workers that may have its topics. No I/O, and no clock."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from corrente import wire
from corrente.block import Block
from corrente.errors import CorrenteError
from corrente.link import Envelope
from corrente.receiving import Receiving
from corrente.workers import Workers, owners


class Gathering:
    """The halves of one subscriber, and who of them gives the user's next block.

    They give one each by turns, so that none waits for a faster one. What is read here, and
    `take_untold`, may be called from any thread. A topic lies with one worker, and so keeps its
    order; where it goes over to another, all that came before is given first.
    """

    def __init__(
        self,
        patterns: tuple[str, ...],
        since: wire.Since = "now",
        policy: wire.Policy = "drop",
        queue: int = 256,
    ) -> None:
        home = Receiving(patterns, since, policy, queue)
        self.workers = Workers(
            home, lambda: Receiving(patterns, since, policy, queue, home), self._arrange
        )
        self._patterns = patterns
        self._was_subscribed = False
        self._order: tuple[Receiving, ...] = (home,)
        self._next = 0  # whose turn it is
        self._earlier: tuple[deque[Block], ...] = ()  # of workers as they were before
        self._only: Receiving | None = home  # where nobody else has anything to give

    @property
    def is_subscribed(self) -> bool:
        """Whether every worker has confirmed for the first time."""
        if not self._was_subscribed:
            self._was_subscribed = all(half.is_subscribed for half in self._order)
        return self._was_subscribed

    @property
    def error(self) -> CorrenteError | None:
        """Why nothing more comes."""
        return next((half.error for half in self._order if half.error is not None), None)

    @property
    def has_block(self) -> bool:
        """Whether `take` has something to give."""
        return any(self._earlier) or any(half.has_block for half in self._order)

    @property
    def is_finished(self) -> bool:
        """Whether every topic that was named without a wildcard has ended."""
        return self.workers.home.is_finished

    def take(self) -> tuple[Block, list[Envelope], Receiving]:
        """The next block, and what lets the worker of a half send others.

        Raises `IndexError` where there is none.
        """
        if (earlier := self._take_earlier()) is not None:
            return earlier, [], self.workers.home
        self._settle(())
        half = self._order[self._turn(self._order) or 0]
        block, said = half.take()
        self._next += 1
        return block, said, half

    def take_untold(self) -> Block | None:
        """The next block, if there is one and its worker need not hear of it yet."""
        if self._only is not None:
            return self._only.take_untold()
        if self._earlier:
            return self._take_earlier()
        order = self._order
        turn = self._turn(order)
        block = None if turn is None else order[turn].take_untold()
        if block is not None:
            self._next += 1
        return block

    def grant(self) -> Iterator[tuple[list[Envelope], Receiving]]:
        """What lets the workers send others."""
        for half in self._order:
            if said := half.grant():
                yield said, half

    def _turn(self, order: tuple[Receiving, ...]) -> int | None:
        """The place of the half whose turn it is, of those that have a block."""
        for turn in range(self._next, self._next + len(order)):
            place = turn % len(order)
            if order[place].has_block:
                return place
        return None

    def _take_earlier(self) -> Block | None:
        for blocks in self._earlier:
            with suppress(IndexError):
                return blocks.popleft()
        return None

    def _arrange(self) -> None:
        workers, count = self.workers, self.workers.count
        missed = self.is_subscribed
        wanted = {worker: self._of(worker) for worker in range(count)}
        before = self._order
        workers.keep({worker for worker, patterns in wanted.items() if patterns})
        for worker, half in workers.halves.items():
            half.want(wanted.get(worker, ()), missed)
        self._order = tuple(workers.halves.values())
        for half in before:
            if half not in self._order:
                half.lost()
        self._settle((*self._earlier, *(half.set_aside() for half in before)))

    def _settle(self, earlier: tuple[deque[Block], ...]) -> None:
        self._earlier = tuple(blocks for blocks in earlier if blocks)
        alone = len(self._order) == 1 and not self._earlier
        self._only = self.workers.home if alone else None

    def _of(self, worker: int) -> tuple[str, ...]:
        """The patterns of which a worker may have topics."""
        count = self.workers.count
        return tuple(p for p in self._patterns if worker in owners(p, count))
