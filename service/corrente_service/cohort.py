"""The states of streams that are alike, in columns: a group of them is read and written at once."""

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines import Plan
from corrente_pipelines.group import GroupStates, fits, put, room, taken
from corrente_pipelines.stepping import States
from corrente_service.timing import Clock

LEAST_ROWS = 16

Rows = NDArray[np.intp]


class Cohort:
    """Streams in one plan whose states have one signature. Each has a row, until it leaves.

    Reading a row while others are written, or enter, is safe from any thread; so is leaving.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._columns: GroupStates | None = None
        self._free: list[int] = []
        self._clocks: dict[str, Clock] = {}

    def clock(self, stage: str) -> Clock:
        """The times of a stage's outputs."""
        found = self._clocks.get(stage)
        if found is None:
            clock = Clock(self.plan.formats[stage], self.plan.format.rate_hz)
            found = self._clocks[stage] = clock
        return found

    def enter(self, states: GroupStates) -> list[int]:
        """Takes in the states of several streams; each one's row."""
        count = len(states.next_index)
        if len(self._free) < count:
            self._widen(states, count)
        rows = [self._free.pop() for _ in range(count)]
        self.put(np.array(rows), states)
        return rows

    def leave(self, row: int) -> States:
        """Gives up a row, for the states in it."""
        states = self.states(row)
        self._free.append(row)
        return states

    def states(self, row: int) -> States:
        """The states in a row."""
        assert self._columns is not None
        return self.plan.apart(self._columns, row)

    def taken(self, rows: Rows) -> GroupStates:
        """The states in some rows."""
        states: GroupStates = taken(self._columns, rows)
        return states

    def fits(self, states: GroupStates) -> bool:
        """Whether the states have the cohort's signature."""
        return self._columns is None or fits(self._columns, states)

    def put(self, rows: Rows, states: GroupStates) -> None:
        """Writes the states in some rows."""
        put(self._columns, rows, states)

    def _widen(self, like: GroupStates, count: int) -> None:
        before = self._columns or taken(like, np.array([], np.intp))
        used = len(before.next_index)
        rows = max(LEAST_ROWS, 2 * used, used + count)
        self._columns = room(before, rows)
        self._free += range(used, rows)
