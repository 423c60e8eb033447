"""Virtual time: what happens next, happens now."""

import heapq
from collections.abc import Callable
from itertools import count
from math import inf


class Clock:
    """Actions in the order of their times; those of one time in the order they were planned."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = count()
        self._planned: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, at_s: float, action: Callable[[], None]) -> None:
        """Plans an action."""
        heapq.heappush(self._planned, (max(at_s, self.now_s), next(self._order), action))

    def step(self) -> None:
        """Goes on to the next action, and does it."""
        self.now_s, _, action = heapq.heappop(self._planned)
        action()


class Alarm:
    """One action, done at the earliest of the times it was set to since it was done last."""

    def __init__(self, clock: Clock, action: Callable[[], None]) -> None:
        self._clock = clock
        self._action = action
        self._at_s = inf

    def set(self, at_s: float) -> None:
        """Rings at that time, if not before."""
        if at_s < self._at_s:
            self._at_s = at_s
            self._clock.at(at_s, lambda: self._ring(at_s))

    def _ring(self, at_s: float) -> None:
        if at_s == self._at_s:
            self._at_s = inf
            self._action()
