"""How much a subscriber lets the daemon send."""

from corrente import wire
from corrente.link import Envelope

WINDOW_BLOCKS = 64
WINDOW_BYTES = 8 << 20


class Window:
    """The room for blocks that came and that the user has not taken yet.

    What is granted is cumulative: all that came on this connection, less what waits, plus the
    window. The daemon may overdraw the bytes by one block, so any block passes. With `policy`
    `"wait"` every block that is taken is said at once: the daemon cuts who takes nothing for long.
    """

    def __init__(self, blocks: int, policy: wire.Policy) -> None:
        self._window_blocks = min(blocks, WINDOW_BLOCKS)
        self._step_blocks = 1 if policy == "wait" else (self._window_blocks + 1) // 2
        self._waiting_blocks = self._waiting_bytes = 0
        self.begin()

    def begin(self) -> None:
        """Count from zero, on a new connection; what still waits goes on filling the window."""
        self._came_blocks = self._came_bytes = 0
        self._granted_blocks = self._granted_bytes = 0

    def came(self, payload_bytes: int, kept_bytes: int | None) -> None:
        """A block arrived, and so much of it waits for the user; None where it does not wait."""
        self._came_blocks += 1
        self._came_bytes += payload_bytes
        if kept_bytes is not None:
            self._waiting_blocks += 1
            self._waiting_bytes += kept_bytes

    def taken(self, payload_bytes: int) -> None:
        """A block went to the user."""
        self._waiting_blocks -= 1
        self._waiting_bytes -= payload_bytes

    def grant(self) -> list[Envelope]:
        """More credit, once that is half a window more, or under `"wait"` a block."""
        blocks = self._came_blocks - self._waiting_blocks + self._window_blocks
        payload_bytes = self._came_bytes - self._waiting_bytes + WINDOW_BYTES
        more_blocks = blocks - self._granted_blocks >= self._step_blocks
        more_bytes = 2 * (payload_bytes - self._granted_bytes) >= WINDOW_BYTES
        if not (more_blocks or more_bytes):
            return []
        self._granted_blocks = max(blocks, self._granted_blocks)
        self._granted_bytes = max(payload_bytes, self._granted_bytes)
        return self.granted()

    def granted(self) -> list[Envelope]:
        """The credit there is, once more."""
        return [(wire.Credit(self._granted_blocks, self._granted_bytes), b"")]
