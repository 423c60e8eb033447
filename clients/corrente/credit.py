"""How much a subscriber lets the daemon send."""

from collections import deque

from corrente import wire
from corrente.link import Envelope

WINDOW_BLOCKS = 1024
WINDOW_BYTES = 8 << 20


class Window:
    """The room for blocks that came and that the user has not taken yet.

    What is granted is cumulative: all that came on this connection, less what waits, plus the
    window. The daemon may overdraw the bytes by one block, so any block passes. With `policy`
    `"wait"` less than half a window is said, too: the daemon cuts who takes nothing for long.
    """

    def __init__(self, blocks: int, policy: wire.Policy) -> None:
        self._window_blocks = min(blocks, WINDOW_BLOCKS)
        self._half_blocks = (self._window_blocks + 1) // 2
        self._taken_blocks = 1 if policy == "wait" else self._half_blocks
        self._sizes: deque[int | None] = deque()  # of what waits; None of what is no block
        self._waiting_blocks = self._waiting_bytes = 0
        self.begin()

    def begin(self) -> None:
        """Count from zero, on a new connection; what still waits goes on filling the window."""
        self._came_blocks = self._came_bytes = 0
        self._granted_blocks = self._granted_bytes = 0

    def came(self, blocks: int, payload_bytes: int) -> None:
        """Blocks arrived."""
        self._came_blocks += blocks
        self._came_bytes += payload_bytes

    def keep(self, kept_bytes: int | None) -> None:
        """Something waits for the user: so much of a block, or None, what is no block."""
        self._sizes.append(kept_bytes)
        if kept_bytes is not None:
            self._waiting_blocks += 1
            self._waiting_bytes += kept_bytes

    def settle(self, waiting: int) -> None:
        """So many of those that were kept still wait; the others, the oldest, were taken."""
        while len(self._sizes) > waiting:
            taken_bytes = self._sizes.popleft()
            if taken_bytes is not None:
                self._waiting_blocks -= 1
                self._waiting_bytes -= taken_bytes

    def is_due(self, waiting: int) -> bool:
        """Whether half a window more can be granted once only so many wait."""
        freed_blocks = self._came_blocks - waiting + self._window_blocks - self._granted_blocks
        return freed_blocks >= self._half_blocks

    def grant(self) -> list[Envelope]:
        """More credit, once that is half a window more."""
        return self._grant(self._half_blocks)

    def grant_taken(self) -> list[Envelope]:
        """The same where the user has just taken a block: under `"wait"` one is enough."""
        return self._grant(self._taken_blocks)

    def granted(self) -> list[Envelope]:
        """All the credit there is, be it more or not."""
        self._granted_blocks = max(self._blocks, self._granted_blocks)
        self._granted_bytes = max(self._bytes, self._granted_bytes)
        return [(wire.Credit(self._granted_blocks, self._granted_bytes), b"")]

    @property
    def _blocks(self) -> int:
        return self._came_blocks - self._waiting_blocks + self._window_blocks

    @property
    def _bytes(self) -> int:
        return self._came_bytes - self._waiting_bytes + WINDOW_BYTES

    def _grant(self, least_blocks: int) -> list[Envelope]:
        more_blocks = self._blocks - self._granted_blocks >= least_blocks
        more_bytes = 2 * (self._bytes - self._granted_bytes) >= WINDOW_BYTES
        return self.granted() if more_blocks or more_bytes else []
