"""A stream as the runner knows it: where it stands, and the pipelines at work on it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np

from corrente.format import AnyBlock, Format
from corrente.wire import GapReason
from corrente_pipelines import Passed, Pipeline, Plan
from corrente_pipelines.group import GroupStates
from corrente_pipelines.revision import Revision
from corrente_pipelines.stepping import States
from corrente_service.alike import Alike
from corrente_service.cohort import Cohort, Rows
from corrente_service.events import Begun, Ended, Event, Missing, Output, Revised, Topic
from corrente_service.timing import Clock

Stages = frozenset[str]


class Run:
    """One pipeline at work on one stream. Its states stand in a row of a cohort, or alone."""

    __slots__ = ("_states", "cohort", "pipeline", "plan", "row")

    def __init__(self, pipeline: Pipeline, plan: Plan, states: States) -> None:
        self.pipeline = pipeline
        self.plan = plan
        self.cohort: Cohort | None = None
        self.row = 0
        self._states = states

    @property
    def name(self) -> str:
        """The pipeline's."""
        return self.pipeline.name

    @property
    def states(self) -> States:
        """Where it stands."""
        return self._states if self.cohort is None else self.cohort.states(self.row)

    @states.setter
    def states(self, states: States) -> None:
        assert self.cohort is None, "a cohort has them"
        self._states = states

    def enter(self, cohort: Cohort, row: int) -> None:
        """Has its states in a row of a cohort, and no longer where they were."""
        if self.cohort is not None:
            self.cohort.leave(self.row)
        self.cohort, self.row = cohort, row

    def leave(self) -> None:
        """Has its states alone."""
        if self.cohort is not None:
            self._states = self.cohort.leave(self.row)
            self.cohort = None


def rows_in(cohort: Cohort, runs: Sequence[Run]) -> Rows:
    """The runs' rows in a cohort, which those enter that are not in it."""
    strangers = [run for run in runs if run.cohort is not cohort]
    if strangers:
        states = cohort.plan.together([run.states for run in strangers])
        for run, row in zip(strangers, cohort.enter(states), strict=True):
            run.enter(cohort, row)
    return np.array([run.row for run in runs], np.intp)


class Move(NamedTuple):
    """Runs of one pipeline in a cohort, and the states that they go on in."""

    runs: Sequence[Run]
    cohort: Cohort
    rows: Rows
    after: GroupStates

    @property
    def signature(self) -> Hashable | None:
        """That of the states."""
        return self.cohort.plan.signature(self.cohort.plan.apart(self.after, 0))

    def to(self, cohort: Cohort) -> None:
        """Moves on, in the same cohort or into another."""
        if cohort is self.cohort:
            cohort.put(self.rows, self.after)
            return
        for run, row in zip(self.runs, cohort.enter(self.after), strict=True):
            run.enter(cohort, row)


@dataclass(slots=True)
class Source:
    """A stream as the runner knows it: where it stands, and when that was.

    `pipelines` are all there are, at work on it or not. `runs`, `notes` and `swapped`, the index
    before which one was swapped in last, go by their names.
    """

    name: str
    format: Format
    next_index: int
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict[str, Pipeline])
    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    swapped: dict[str, int] = field(default_factory=dict[str, int])
    refused: tuple[str, ...] = ()
    t_index: int = 0
    t_ns: int = 0
    alike: Alike | None = None  # what it has in common with others; None while that is not known

    def move(self) -> None:
        """Its states are about to change, apart from those of others."""
        self.alike = None
        for run in self.runs.values():
            run.leave()

    def time(self, format: Format, k: int) -> int:
        """When item k of an output of that format was taken, by the last block's time."""
        return Clock(format, self.format.rate_hz).time(k, self.t_index, self.t_ns)

    def outputs(
        self, run: Run, before: Mapping[str, int], outputs: Mapping[str, AnyBlock]
    ) -> list[Event]:
        """What left the run's stages, whose next indices were those in `before`."""
        return [
            Output(
                Topic(self.name, run.name, stage),
                before[stage],
                items,
                self.time(run.plan.formats[stage], before[stage]),
            )
            for stage, items in outputs.items()
            if len(items)
        ]

    @property
    def lags(self) -> bool:
        """Whether a run is not yet through the last gap."""
        return any(run.states.next_index < self.next_index for run in self.runs.values())

    def passed(
        self, run: Run, before: Mapping[str, int], passed: Passed, reason: GapReason
    ) -> list[Event]:
        """What came of a gap, or of a part of it, in a run whose stages stood at `before`."""
        missing = [
            Missing(Topic(self.name, run.name, stage), *span, reason)
            for stage, span in passed.missing.items()
        ]
        return [*self.outputs(run, before, passed.outputs), *missing]

    def begin(self, run: Run) -> list[Event]:
        """Puts a run to work that was begun before the next item."""
        self.runs[run.name] = run
        formats = run.plan.formats
        return [
            Begun(Topic(self.name, run.name, stage), start, formats[stage])
            for stage, start in run.plan.positions(run.states).items()
        ]

    def end(self, run: Run, want: Stages | None = None, error: str = "") -> list[Event]:
        """Finishes a run and ends its topics; tails come of the stages in `want` (None: all).

        `error` says why, where a gap ends it that must not be.
        """
        before = run.plan.positions(run.states)
        try:
            tails = run.plan.finish(run.states)
        except Exception as defect:  # noqa: BLE001 - in the pipeline: others go on
            return self.take_off(run, defect)
        del self.runs[run.name]
        if error:
            self.notes[run.name] = error
        ends = [
            Ended(Topic(self.name, run.name, stage), before[stage] + len(tail), error)
            for stage, tail in tails.items()
        ]
        wanted = {s: tail for s, tail in tails.items() if want is None or s in want}
        return [*self.outputs(run, before, wanted), *ends]

    def revise(self, run: Run, pipeline: Pipeline, plan: Plan) -> list[Event]:
        """Puts another pipeline in the place of the run's; what is unchanged keeps its state."""
        revision = Revision(run.plan, plan)
        before = run.plan.positions(run.states)
        tails = revision.tails(run.states)
        states = revision.begin(run.states, tails, self.next_index)
        after = plan.positions(states)
        events = self.outputs(run, before, tails)
        for stage in revision.restarted:
            topic, stop = Topic(self.name, run.name, stage), before[stage] + len(tails[stage])
            if stop < after[stage]:
                events.append(Missing(topic, stop, after[stage], "revision"))
            events.append(Revised(topic, after[stage], plan.formats[stage]))
        for stage in revision.ended:
            stop = before[stage] + len(tails[stage])
            events.append(Ended(Topic(self.name, run.name, stage), stop))
        for stage in revision.begun:
            topic = Topic(self.name, run.name, stage)
            events.append(Begun(topic, after[stage], plan.formats[stage]))
        run.pipeline, run.plan, run.states = pipeline, plan, states
        return events

    def take_off(self, run: Run, error: Exception) -> list[Event]:
        """Ends a run that has a defect: its topics end behind a gap."""
        del self.runs[run.name]
        self.notes[run.name] = text = f"{type(error).__name__}: {error}"
        events: list[Event] = []
        for stage, start in run.plan.positions(run.states).items():
            topic, format = Topic(self.name, run.name, stage), run.plan.formats[stage]
            stop = max(start, ceil((self.next_index - format.origin) / format.stride))
            if start < stop:
                events.append(Missing(topic, start, stop, "dropped"))
            events.append(Ended(topic, stop, text))
        return events
