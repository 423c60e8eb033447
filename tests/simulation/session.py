"""What one publisher sends on one stream, from `open` to `end`."""

from dataclasses import dataclass, field

from corrente.sending import Outgoing
from tests.simulation.life import Life
from tests.simulation.wrong import check


@dataclass(eq=False)
class Session:
    """One handle of the user's. Its items tell its `key`, so that none can be mistaken.

    `is_contended`: others publish the stream as well, and may take it over.
    """

    key: int
    user: str
    outgoing: Outgoing
    is_contended: bool
    promised: range = range(0)
    accepted: set[int] = field(default_factory=set[int])
    _reached: tuple[int, int] = (0, 0)  # life or process, and the index behind what that accepted

    def __str__(self) -> str:
        return f"session {self.key} of {self.outgoing.stream} ({self.user})"

    @property
    def is_open(self) -> bool:
        """Whether items may be sent."""
        outgoing = self.outgoing
        return outgoing.opened is not None and outgoing.error is None and not outgoing.is_ending

    def note(self) -> None:
        """Looks at how far it is acknowledged; a failure makes the half forget."""
        outgoing = self.outgoing
        if outgoing.opened is None or outgoing.error is not None:
            return
        if self.promised == range(0):
            self.promised = range(outgoing.next_index, outgoing.next_index)
        self.promised = range(self.promised.start, outgoing.oldest)

    def accept(self, life: Life, first: int, n: int) -> None:
        """These items were taken: no process may take any twice.

        Where another publisher ended the stream meanwhile, no life of the stream may.
        """
        era = life.number if self.is_contended else life.process
        was, reached = self._reached
        check(era > was or first >= reached, "{}: item {} is accepted again", self, first)
        self._reached = era, first + n
        self.accepted.update(range(first, first + n))
