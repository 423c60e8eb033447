"""What is wanted of streams, and by whom they may be held back."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from corrente_service.alike import Alike
from corrente_service.events import Wanted
from corrente_service.subscription import Subscription

KNOWN_DEMANDS = 256
"""How many different ones are known to be the same; mostly there is one."""


class Hold(NamedTuple):
    """A subscription with back-pressure, and the stages that it is subscribed to."""

    subscription: Subscription
    takes: Wanted


class Demand:
    """What is wanted of a stream, and by whom it may be held back. Equal ones are one object."""

    __slots__ = ("holding", "want")

    def __init__(self, want: Wanted, holding: Sequence[Hold]) -> None:
        self.want = want
        self.holding = holding

    @property
    def is_held(self) -> bool:
        """Whether a subscriber with back-pressure has no room for more."""
        for hold in self.holding:  # noqa: SIM110 - asked for every stream in every turn
            if hold.subscription.is_full:
                return True
        return False

    @property
    def free(self) -> int:
        """How many blocks may come before it is held, if they are small."""
        return min(hold.subscription.free for hold in self.holding)

    def room(self, most: int, alike: Alike, count: int) -> int:
        """Before how many of `most` blocks of so many items it is not held, at least.

        Taken one by one there may be more: how much comes of them is not known before.
        """
        for subscription, takes in self.holding:
            stages = sum(map(len, takes.values()))
            most = min(most, subscription.room(stages, alike.most_bytes(count, takes)))
        return most


NO_DEMAND = Demand({}, ())


class Demands:
    """Makes demands, and knows which are the same."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Demand] = {}

    def of(
        self,
        wanted: Mapping[str, set[str]],
        holding: Mapping[Subscription, Mapping[str, set[str]]],
    ) -> Demand:
        """The same for all streams of which the same is wanted, and by the same who may hold."""
        want, held = _frozen(wanted), {who: _frozen(takes) for who, takes in holding.items()}
        key = (_key(want), frozenset((who, _key(takes)) for who, takes in held.items()))
        if len(self._known) >= KNOWN_DEMANDS:
            self._known.clear()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Demand(want, [Hold(*hold) for hold in held.items()])
        return found

    def forget(self) -> None:
        """Lets go of subscriptions that have left; all demands are then to be made anew."""
        self._known.clear()


def _frozen(wanted: Mapping[str, set[str]]) -> Wanted:
    return {pipeline: frozenset(stages) for pipeline, stages in wanted.items()}


def _key(want: Wanted) -> Hashable:
    return frozenset(want.items())
