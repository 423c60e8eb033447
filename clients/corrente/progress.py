"""How far a long command has come, on a terminal; elsewhere nothing is said."""

import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

EVERY_S = 0.5


class Progress:
    """One line that is written over: items, items per second, and percent of `total` if known."""

    def __init__(
        self,
        name: str,
        total: int | None,
        terminal: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._total, self._clock = name, total, clock
        self._terminal = terminal or sys.stderr
        self._is_shown = self._terminal.isatty()
        self._items = 0
        self._began = self._told = (0, clock())

    def tell(self, items: int) -> None:
        """So many items in all; shown twice a second."""
        self._items = items
        if self._is_shown and self._clock() - self._told[1] >= EVERY_S:
            self._told = self._show(self._told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._show(self._began)
            self._terminal.write("\n")

    def _show(self, since: tuple[int, float]) -> tuple[int, float]:
        """Items in all, and their rate since then."""
        now_s = self._clock()
        parts = [
            f"{self._items} items",
            f"{(self._items - since[0]) / max(now_s - since[1], 1e-9):.4g} items/s",
        ]
        if self._total:
            parts.append(f"{min(100, 100 * self._items // self._total)} %")
        self._terminal.write(f"\r{self._name}: {', '.join(parts)}\x1b[K")
        self._terminal.flush()
        return self._items, now_s
