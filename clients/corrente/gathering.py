"""What a subscriber gets, from all workers that may have its topics. No I/O, and no clock."""

from collections.abc import Iterator

from corrente import wire
from corrente.block import Block
from corrente.errors import CorrenteError
from corrente.link import Envelope
from corrente.receiving import Receiving
from corrente.workers import Workers, owners


class Gathering:
    """The halves of one subscriber, and who of them gives the user's next block.

    They give one each by turns, so that none waits for a faster one. What is read here may come
    from any thread; a topic lies with one worker, and so keeps its order.
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
        return any(half.has_block for half in self._order)

    @property
    def is_finished(self) -> bool:
        """Whether every topic that was named without a wildcard has ended."""
        return self.workers.home.is_finished

    def take(self) -> tuple[Block, list[Envelope], Receiving]:
        """The next block, and what lets the worker of a half send others.

        Raises `IndexError` where there is none.
        """
        half = self._turn() or self.workers.home
        return *half.take(), half

    def take_untold(self) -> Block | None:
        """The next block, if there is one and its worker need not hear of it yet."""
        half = self._turn()
        return None if half is None else half.take_untold()

    def grant(self) -> Iterator[tuple[list[Envelope], Receiving]]:
        """What lets the workers send others."""
        for half in self._order:
            if said := half.grant():
                yield said, half

    def _turn(self) -> Receiving | None:
        """Who has a block, and whose turn it is."""
        order, first = self._order, self._next
        for turn in range(first, first + len(order)):
            half = order[turn % len(order)]
            if half.has_block:
                self._next = (turn + 1) % len(order)
                return half
        return None

    def _arrange(self) -> None:
        workers, count = self.workers, self.workers.count
        missed = self.is_subscribed
        wanted = {worker: self._of(worker) for worker in range(count)}
        before = self._order
        workers.keep({worker for worker, patterns in wanted.items() if patterns})
        for worker, half in workers.halves.items():
            half.want(wanted.get(worker, ()), missed)
        kept = tuple(workers.halves.values())
        left = [half for half in before if half not in kept]
        for half in left:
            half.lost()
        self._order = (*kept, *(half for half in left if half.has_block))

    def _of(self, worker: int) -> tuple[str, ...]:
        """The patterns of which a worker may have topics."""
        count = self.workers.count
        return tuple(p for p in self._patterns if worker in owners(p, count))
