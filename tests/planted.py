"""Defects that the contract must catch: operators and plans as shipped, with one thing wrong."""

from collections.abc import Container, Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from pydantic import PrivateAttr

from corrente.format import AnyBlock, Events, Format, Items
from corrente_pipelines import group
from corrente_pipelines.blocks import events
from corrente_pipelines.numerics import direct
from corrente_pipelines.operator import Bound, Operator, State
from corrente_pipelines.operators.abs import Abs
from corrente_pipelines.operators.background import Background
from corrente_pipelines.operators.crossings import Crossings, Seen
from corrente_pipelines.operators.decimate import Decimate
from corrente_pipelines.operators.difference import Difference
from corrente_pipelines.operators.event_rate import EventRate
from corrente_pipelines.operators.gaussian import Gaussian
from corrente_pipelines.operators.iir import Iir
from corrente_pipelines.operators.max_pool import MaxPool
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.resample import Resample
from corrente_pipelines.operators.threshold import Threshold
from corrente_pipelines.pipeline import Pipeline
from corrente_pipelines.plan import Plan
from corrente_pipelines.stepping import Needs, StageState, States
from corrente_pipelines.windowed import Windowed

SIGNAL = Format(kind="signal", shape=(1,))
FRAMES = Format(kind="frames", shape=(7, 9))
EVENTS = Format(kind="events", shape=(1,), dtype="float64", labels=("index",))


class DropsTheTail(MovingAverage):
    """Leaves the last item out."""

    def finish(self, state: State) -> Items | None:
        owed = super().finish(state)
        return None if owed is None else owed[:-1]


class OwesNothing(Resample):
    """Forgets what waits at the end."""

    def finish(self, state: State) -> Items | None:
        return None


class CentredBefore(MovingAverage):
    """An even window, centred one item too early: as PyTorch's `same` is."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        return after, y if len(state) else y[1:]

    def finish(self, state: State) -> Items | None:
        behind = np.zeros((min(len(state), 1), *state.shape[1:]), np.float32)
        return self.over_time(np.concatenate([state, behind]))

    def delay(self, *formats: Format) -> int:
        return super().delay(*formats) + 1


class CentredBeside(Prewitt):
    """Shifts every frame by a pixel."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        return after, np.roll(y, 1, axis=2)


class Flips(Gaussian):
    """Counts its taps from the end: an even kernel shows it."""

    def over_time(self, items: Items) -> Items:
        return direct.along_time(items, self._weights[::-1].copy())


class SpreadsBadItems(Gaussian):
    """Multiplies one item more to each side by nothing, which a NaN survives."""

    def window(self) -> tuple[int, ...]:
        return (self.size + 2,)

    def over_time(self, items: Items) -> Items:
        return direct.along_time(items, np.pad(self._weights, 1))


class HidesBadPixels(MaxPool):
    """Passes over what is not a number."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        return super().step(state, np.nan_to_num(blocks[0], posinf=np.inf, neginf=-np.inf))


class SpreadsWithoutBound(SpreadsBadItems):
    """Says nothing of how far off it may be where an item is bad."""

    def tolerance(self, *x: Items) -> Bound:
        return np.where(np.isfinite(x[0]).all(), super().tolerance(*x), np.nan)


class CountsFromItsStart(Decimate):
    """Begun midway, it takes the first item it is given."""

    def start(self, *formats: Format, index: int = 0) -> State:
        return 0


class CountsFromItsBlock(Decimate):
    """Takes the first item of every block."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        _, y = super().step(0, *blocks)
        return 0, y


class LosesItsPhase(Resample):
    """Begun midway, its grid begins there."""

    def start(self, *formats: Format, index: int = 0) -> State:
        return super().start(*formats)


class SkipsAnOutput(Resample):
    """Loses count of its outputs where a block has one item."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        return after._replace(output=after.output + (len(blocks[0]) == 1)), y


class WritesToItsArgument(Abs):
    """Computes in the caller's block."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        y = super().step(state, *blocks)
        if blocks[0].flags.writeable:
            np.abs(blocks[0], out=blocks[0])
        return y


class ReturnsAView(Decimate):
    """Gives away a part of the caller's block."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, _ = super().step(state, *blocks)
        return after, blocks[0][state :: self.factor]


class KeepsAView(Difference):
    """Remembers the last frame where the caller overwrites it."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        return (blocks[0][-1:] if len(blocks[0]) else after), y


class SumsAsItGoes(MovingAverage):
    """A running sum of the block: what it began with stays in its rounding."""

    over_time_behind = Windowed.over_time_behind

    def over_time(self, items: Items) -> Items:
        if not np.isfinite(items).all():
            return super().over_time(items)
        sums = np.cumsum(np.pad(items, ((1, 0), (0, 0))), axis=0)
        return np.asarray((sums[self.size :] - sums[: -self.size]) / np.float32(self.size))

    def tolerance(self, *x: Items) -> Bound:
        return 1e4 * super().tolerance(*x)


class SumsByBlock(Gaussian):
    """Adds in another order where a block is long, as a BLAS does."""

    def over_time(self, items: Items) -> Items:
        turned = items[::-1].copy() if len(items) > 16 else items
        y = super().over_time(turned)
        return y[::-1] if len(items) > 16 else y


class ReachesIntoTheNext(MovingAverage):
    """Stepped together, streams see each other's items."""

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step_group(state, *blocks)
        before = np.zeros((self.size - 1, *y.shape[2:]), np.float32)
        items = np.concatenate([before, group.end_to_end(blocks[0])])
        return after, self.over_time(items)[: y.shape[0] * y.shape[1]].reshape(y.shape)


class MixesUpStreams(MovingAverage):
    """Gives a stream what another is to remember."""

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step_group(state, *blocks)
        return after[::-1], y


class RemembersTooMuch(MovingAverage):
    """Stepped together, a stream remembers its whole block."""

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        _, y = super().step_group(state, *blocks)
        return np.concatenate([state, blocks[0]], axis=1), y


class ChangesTheirState(MovingAverage):
    """Writes to what streams remembered."""

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step_group(state, *blocks)
        state[:] = 0
        return after, y


class BeginsTogether(MovingAverage):
    """Takes streams that have begun and others for alike."""

    def signature(self, state: State) -> Hashable | None:
        return ()


class SaysItIsLate(MovingAverage):
    """Claims more delay than it has."""

    def delay(self, *formats: Format) -> int:
        return super().delay(*formats) + 1


class SaysItIsEarly(MovingAverage):
    """Claims less delay than it has."""

    def delay(self, *formats: Format) -> int:
        return super().delay(*formats) - 1


class SeesMoreThanItSays(MovingAverage):
    """Claims to be made of fewer items than it is."""

    def receptive_field(self, *formats: Format) -> int:
        return super().receptive_field(*formats) - 1


class ForgetsLaterThanItSays(Iir):
    """Claims to forget its start at once."""

    def receptive_field(self, *formats: Format) -> int:
        return 2


class RateSeesMoreThanItSays(EventRate):
    """Claims a shorter window than it has."""

    def receptive_field(self, *formats: Format) -> int:
        return super().receptive_field(*formats) // 2


class Phase(tuple[()]):
    """A state that holds more than the tuple it is."""

    passing: int = 0


class RemembersBesides(Decimate):
    """Hides its phase where nobody stores it."""

    def start(self, *formats: Format, index: int = 0) -> State:
        state = Phase()
        state.passing = super().start(*formats, index=index)
        return state

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after = Phase()
        after.passing, y = super().step(state.passing, *blocks)
        return after, y


class RemembersInItself(Decimate):
    """Keeps its phase on the operator, which all streams share."""

    _phase: int = PrivateAttr(0)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        self._phase, y = super().step(self._phase, *blocks)
        return state, y


class StoredAsAList(Decimate):
    """A state of a kind that cannot be stored."""

    def start(self, *formats: Format, index: int = 0) -> State:
        return [super().start(*formats, index=index)]

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state[0], *blocks)
        return [after], y


class StoredAsAnother(Decimate):
    """A state that begins as a number and goes on as an array."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(int(state), *blocks)
        return np.array(after), y


class ChangesItsState(Iir):
    """Filters on in the state that it was given."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        state.sections[:] = after.sections
        return after, y


class ChangesItsMean(Background):
    """The mean of the frames is moved where it lies."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        state.background[:] = after.background
        return state._replace(last=after.last), y


class GivesDoubles(MovingAverage):
    """Forgets to round."""

    over_time_behind = Windowed.over_time_behind

    def over_time(self, items: Items) -> Items:
        return super().over_time(items).astype(np.float64)


class GivesBooleans(Threshold):
    """Gives truth where it said numbers."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        after, y = super().step(state, *blocks)
        return after, y.astype(np.bool_)


class GivesVectors(MovingAverage):
    """Drops the axis of channels."""

    over_time_behind = Windowed.over_time_behind

    def over_time(self, items: Items) -> Items:
        return super().over_time(items)[:, 0]


class SaysItIsExact(Gaussian):
    """Claims no rounding."""

    def tolerance(self, *x: Items) -> Bound:
        return 0.0


def _of_edge(state: Seen, found: Events) -> int:
    """How many events lie between the last item of one block and the first of the next."""
    return int((found.items == 0).sum()) if len(state.before) else 0


class ForgetsAtTheEdge(Crossings):
    """Sees no crossing between two blocks."""

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        after, found = super().step(state, *blocks)
        first = _of_edge(state, found)
        return after, events(found.rows[first:], found.items[first:], len(found))


class TellsTwiceAtTheEdge(Crossings):
    """Tells a crossing between two blocks with both."""

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        after, found = super().step(state, *blocks)
        once = found[: _of_edge(state, found)]
        twice = Events(
            np.concatenate([once.rows, found.rows]),
            np.concatenate([once.items, found.items]),
            len(found),
        )
        return after, twice


class ForgetsItsLastEvent(Crossings):
    """Lets an event follow another too soon, where a block begins between them."""

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        return super().step(state._replace(last=-np.inf), *blocks)


class PlacesAtTheItem(Crossings):
    """Places a crossing at the item before it."""

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        after, found = super().step(state, *blocks)
        return after, events(np.floor(found.rows), found.items, len(found))


class PlacesBehindTheNext(Crossings):
    """Places a crossing an item late, and says so of its definition too."""

    def step(self, state: Seen, *blocks: Items) -> tuple[Seen, Events]:
        after, found = super().step(state, *blocks)
        return after, events(found.rows + 1, found.items, len(found))

    def reference(self, *x: Items) -> Events:
        found = super().reference(*x)
        return events(found.rows + 1, found.items, len(found))


class CountsItemsOfTheBlock(EventRate):
    """Takes the item of an event in its block for that in its stream."""

    def step(self, state: Any, *blocks: Events) -> tuple[Any, Items]:
        after, y = super().step(state._replace(next_index=0), *blocks)
        return after, y


class LosesAtJoins(Plan):
    """Lets an item go that waits for its partner."""

    def step(
        self, states: States, items: Items, want: frozenset[str] | None = None
    ) -> tuple[States, dict[str, AnyBlock]]:
        after, outputs = super().step(states, items, want)
        return after._replace(stages=tuple(map(_less, after.stages))), outputs


def _less(state: StageState) -> StageState:
    if state.queues is None or max(map(len, state.queues.waiting)) < 2:
        return state
    waiting = tuple(items[1:] for items in state.queues.waiting)
    return state._replace(queues=state.queues._replace(waiting=waiting))


class OwesNothingAtJoins(Plan):
    """Forgets at the end what its last stage is still to be given."""

    def finish(
        self,
        states: States,
        want: frozenset[str] | None = None,
        kept: Container[str] = (),
    ) -> dict[str, AnyBlock]:
        owed = super().finish(states, want, kept)
        name = self.steps[-1].name
        return {**owed, name: owed[name][:0]} if name in owed else owed


class BeginsAnew(Plan):
    """Begun midway, its stages count from there."""

    def begin(
        self,
        index: int = 0,
        kept: Mapping[str, StageState] = MappingProxyType({}),
        least: Mapping[str, int] = MappingProxyType({}),
    ) -> States:
        begun = super().begin(index, kept, least)
        pairs = zip(super().begin().stages, begun.stages, strict=True)
        stages = tuple(new._replace(position=state.position) for new, state in pairs)
        return begun._replace(stages=stages)


class MiscountsPositions(Plan):
    """Goes on counting where an item of a block was left."""

    def step(
        self, states: States, items: Items, want: frozenset[str] | None = None
    ) -> tuple[States, dict[str, AnyBlock]]:
        after, outputs = super().step(states, items, want)
        stages = tuple(s._replace(position=s.position + (len(items) > 3)) for s in after.stages)
        return after._replace(stages=stages), outputs


class ComputesWhatIsWanted(Plan):
    """Passes over every stage that nobody wants, memory or not."""

    def _needed(self, want: frozenset[str] | None) -> Needs:
        needs = super()._needed(want)
        if want is None:
            return needs
        needed = set(want)
        for step in reversed(self.steps):
            needed.update(step.inputs if step.name in needed else ())
        steps = tuple((step, step.name in needed, None) for step in self.steps)
        self._needs[want] = Needs(steps, needs.wanted)
        return self._needs[want]


def plan_of(pipeline: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The plan of those stages for `SIGNAL`."""
    document = {"corrente": 1, "name": "planted", "stages": pipeline}
    return Pipeline.of(document).plan(SIGNAL)


SOUND = plan_of(
    {
        "mean": {"op": "moving_average", "size": 7, "pad": "edge"},
        "third": {"op": "decimate", "factor": 3},
        "short": {"op": "moving_average", "size": 4, "pad": "valid", "from": "input"},
        "detrended": {"op": "subtract", "from": ["input", "mean"]},
        "both": {"op": "add", "from": ["detrended", "short"]},
    }
)
"""Joins of branches that differ in delay and in origin."""


def _with(plan: Plan, name: str, **changed: Any) -> Plan:
    """The plan with a stage that is not as it was planned."""
    steps = tuple(replace(s, **changed) if s.name == name else s for s in plan.steps)
    return replace(plan, steps=steps)


def _broken(kind: type[Plan]) -> Plan:
    return kind(SOUND.pipeline, SOUND.format, SOUND.steps, SOUND.gaps)


PLANS = {
    "loses an item at a join": (_broken(LosesAtJoins), "check_same_bits"),
    "owes nothing at the end": (_broken(OwesNothingAtJoins), "check_reference"),
    "begins anew midway": (_broken(BeginsAnew), "check_late"),
    "miscounts its positions": (_broken(MiscountsPositions), "run_plan"),
    "passes over what remembers": (_broken(ComputesWhatIsWanted), "_check_wishes"),
    "joins items that lie apart": (_with(SOUND, "both", offsets=(1, 0)), "_check_joins"),
    "says it is early": (_with(SOUND, "detrended", delay=2), "_check_delay"),
    "has a broken operator": (
        _with(SOUND, "third", operator=CountsFromItsBlock(factor=3)),
        "check_same_bits",
    ),
}
"""Each with the check that is to catch it."""


class Defect(NamedTuple):
    """An operator with one thing wrong, what it takes, and which check is to catch it.

    A state that cannot be stored is refused before anything is compared, with another error.
    """

    operator: Operator
    format: Format
    check: str
    error: type[Exception] = AssertionError


DEFECTS = (
    Defect(DropsTheTail(size=4), SIGNAL, "check_reference"),
    Defect(OwesNothing(rate_hz=1.5), SIGNAL, "check_reference"),
    Defect(CentredBefore(size=2), SIGNAL, "check_reference"),
    Defect(CentredBeside(), FRAMES, "check_reference"),
    Defect(Flips(size=4, sigma=1), SIGNAL, "check_reference"),
    Defect(SpreadsBadItems(size=3, sigma=1), SIGNAL, "check_reference"),
    Defect(SpreadsWithoutBound(size=3, sigma=1), SIGNAL, "check_reference"),
    Defect(HidesBadPixels(size=2), FRAMES, "check_reference"),
    Defect(CountsFromItsStart(factor=3), SIGNAL, "check_late"),
    Defect(CountsFromItsBlock(factor=3), SIGNAL, "check_same_bits"),
    Defect(LosesItsPhase(rate_hz=1.5), SIGNAL, "check_late"),
    Defect(SkipsAnOutput(rate_hz=1.5), SIGNAL, "check_same_bits"),
    Defect(WritesToItsArgument(), SIGNAL, "stream"),
    Defect(ReturnsAView(factor=2), SIGNAL, "check_reference"),
    Defect(KeepsAView(), FRAMES, "check_same_bits"),
    Defect(SumsAsItGoes(size=5), SIGNAL, "check_same_bits"),
    Defect(SumsByBlock(size=5, sigma=1), SIGNAL, "check_same_bits"),
    Defect(SaysItIsLate(size=5), SIGNAL, "check_operator"),
    Defect(SaysItIsEarly(size=5), SIGNAL, "check_operator"),
    Defect(SeesMoreThanItSays(size=5), SIGNAL, "check_late"),
    Defect(ForgetsLaterThanItSays(low_hz=0.2), SIGNAL, "check_late"),
    Defect(RateSeesMoreThanItSays(window_s=20), EVENTS, "check_late"),
    Defect(RemembersBesides(factor=3), SIGNAL, "check_same_bits"),
    Defect(RemembersInItself(factor=3), SIGNAL, "check_same_bits"),
    Defect(StoredAsAList(factor=3), SIGNAL, "dump", TypeError),
    Defect(StoredAsAnother(factor=3), SIGNAL, "load", ValueError),
    Defect(ChangesItsState(low_hz=0.2), SIGNAL, "stream"),
    Defect(ChangesItsMean(time_constant_s=3), FRAMES, "stream"),
    Defect(GivesDoubles(size=3), SIGNAL, "check_shape"),
    Defect(GivesBooleans(level=0), SIGNAL, "check_shape"),
    Defect(GivesVectors(size=3), SIGNAL, "check_shape"),
    Defect(SaysItIsExact(size=5, sigma=1), SIGNAL, "check_reference"),
    Defect(ForgetsAtTheEdge(level=0), SIGNAL, "check_same_bits"),
    Defect(TellsTwiceAtTheEdge(level=0), SIGNAL, "check_same_bits"),
    Defect(ForgetsItsLastEvent(level=0, refractory_s=5), SIGNAL, "check_same_bits"),
    Defect(PlacesAtTheItem(level=0), SIGNAL, "check_reference"),
    Defect(PlacesBehindTheNext(level=0), SIGNAL, "check_places"),
    Defect(CountsItemsOfTheBlock(window_s=20), EVENTS, "check_same_bits"),
)

GROUPED = (
    SumsByBlock(size=5, sigma=1),
    ReachesIntoTheNext(size=4),
    MixesUpStreams(size=4),
    RemembersTooMuch(size=4),
    ChangesTheirState(size=4),
    BeginsTogether(size=4),
)
"""Operators that give streams together what they do not give each alone."""
