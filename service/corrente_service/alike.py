"""What streams have in common whose next blocks one call can put through their pipelines."""

from collections.abc import Hashable, Sequence

from corrente_pipelines import Plan
from corrente_service.cohort import Cohort
from corrente_service.events import Wanted

KNOWN = 256
"""How many are known to be the same as one met before; mostly there are a few."""


class Alike:
    """The plans that streams go through, and cohorts for all that they remember in them.

    Equal ones are one object.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.cohorts = [Cohort(plan) for plan in plans]
        self.after: dict[int, Alike] = {}  # so many items: what they have in common then
        self._gains: dict[int, bool] = {}
        self._most_bytes: dict[int, dict[str, dict[str, int]]] = {}

    def gains(self, count: int) -> bool:
        """Whether blocks of so many items are better put through together."""
        found = self._gains.get(count)
        if found is None:
            found = bool(self.cohorts) and all(c.plan.gains(count) for c in self.cohorts)
            if len(self._gains) >= KNOWN:
                self._gains.clear()
                self.after.clear()
            self._gains[count] = found
        return found

    def knows(self, count: int) -> bool:
        """Whether it is known what streams have in common after so many items."""
        return count in self.after

    def is_steady(self, count: int) -> bool:
        """Whether streams are known to have the same in common after so many items."""
        return self.after.get(count) is self

    def most_bytes(self, count: int, takes: Wanted) -> int:
        """What these stages give for so many items at most."""
        found = self._most_bytes.get(count)
        if found is None:
            if len(self._most_bytes) >= KNOWN:
                self._most_bytes.clear()
            plans = [cohort.plan for cohort in self.cohorts]
            found = {plan.pipeline: plan.most_bytes(count) for plan in plans}
            self._most_bytes[count] = found
        return sum(found[name][stage] for name, stages in takes.items() for stage in stages)


ALONE = Alike(())
"""Streams that have nothing in common with any."""


class Likeness:
    """Tells what is alike, by plans and signatures."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Alike] = {}

    def of(self, plans: Sequence[Plan], signatures: Sequence[Hashable | None]) -> Alike:
        """What streams have in common that have these plans, in states of these signatures."""
        if not plans or None in signatures:
            return ALONE
        key = (tuple(plans), tuple(signatures))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            found = self._known[key] = Alike(plans)
        return found
