"""Runs pipelines over streams: blocks in, outputs per topic out.

No I/O, and no clock: everything it knows of time is in the blocks. It alone holds the mutable map
stream -> per pipeline (plan, states); plans and states themselves are values. Nothing is shared
between streams: `push`, `gap` and `end` of different streams may run at once.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from corrente import topics
from corrente.format import Format, Items
from corrente_pipelines import Pipeline, Plan
from corrente_service.events import Ended, Event, Missing, Output, Topic, Wanted
from corrente_service.labels import check_labels
from corrente_service.limits import Limits
from corrente_service.source import Run, Source


class Taken(NamedTuple):
    """Which pipelines take a stream, and why others do not, or no longer."""

    pipelines: tuple[str, ...]
    notes: tuple[str, ...]


class Runner:
    """The pipelines of a service, and every stream they are at work on."""

    def __init__(self, pipelines: Iterable[Pipeline], limits: Limits) -> None:
        self._limits = limits
        self.pipelines = {pipeline.name: pipeline for pipeline in pipelines}
        self._sources: dict[str, Source] = {}

    def open(self, stream: str, format: Format, index: int) -> None:
        """Begins a stream before item `index`, in every pipeline that takes it."""
        source = self._sources[stream] = Source(stream, format, index)
        for pipeline in self.pipelines.values():
            if not topics.matches(pipeline.for_each, stream):
                continue
            try:
                plan = pipeline.plan(format)
                self._check_state(plan)
                for stage, made in plan.formats.items():
                    check_labels(f"stages.{stage}", made)
                source.runs.append(Run(pipeline.name, plan, plan.begin(index)))
            except Exception as reason:  # noqa: BLE001 - the stream goes on without this pipeline
                source.notes.append(f"{pipeline.name}: {reason}")
        if not source.runs and not source.notes:
            source.notes.append(self._nearest(stream))

    def is_heavy(self, stream: str) -> bool:
        """Whether an item of the stream takes a pipeline long."""
        return any(run.plan.is_heavy for run in self._sources[stream].runs)

    def taken(self, stream: str) -> Taken:
        """Which pipelines are at work on a stream."""
        source = self._sources[stream]
        return Taken(tuple(run.name for run in source.runs), tuple(source.notes))

    def formats(self, stream: str) -> dict[Topic, Format]:
        """The topics of a stream, the raw one first."""
        source = self._sources[stream]
        found = {Topic(stream, "", ""): source.format}
        for run in source.runs:
            for stage, format in run.plan.formats.items():
                found[Topic(stream, run.name, stage)] = format
        return found

    def positions(self, stream: str) -> dict[Topic, int]:
        """Index of the next item of every topic of a stream."""
        source = self._sources[stream]
        found = {Topic(stream, "", ""): source.next_index}
        for run in source.runs:
            for stage, index in run.plan.positions(run.states).items():
                found[Topic(stream, run.name, stage)] = index
        return found

    def push(self, stream: str, items: Items, t_ns: int, want: Wanted) -> list[Event]:
        """Puts the stream's next items through its pipelines.

        A pipeline that raises is a defect: it is taken off the stream, and its topics end behind a
        gap. The others, and other streams, go on.
        """
        source = self._sources[stream]
        source.t_index, source.t_ns = source.next_index, t_ns
        events: list[Event] = []
        if "" in want:
            events.append(Output(Topic(stream, "", ""), source.next_index, items, t_ns))
        source.next_index += len(items)
        for run in tuple(source.runs):
            stages = want.get(run.name, frozenset())
            before = run.plan.positions(run.states) if stages else {}
            try:
                run.states, outputs = run.plan.step(run.states, items, stages)
            except Exception as error:  # noqa: BLE001 - see above
                events += source.take_off(run, error)
                continue
            events += source.outputs(run, before, outputs)
        return events

    def gap(self, stream: str, stop: int, want: Wanted) -> list[Event]:
        """Leaves out the source items up to `stop`: every pipeline finishes, and starts there."""
        source = self._sources[stream]
        start, source.next_index = source.next_index, stop
        events: list[Event] = []
        if "" in want:
            events.append(Missing(Topic(stream, "", ""), start, stop))
        for run in tuple(source.runs):
            before = run.plan.positions(run.states)
            try:
                tails = run.plan.finish(run.states, want.get(run.name, frozenset()))
                run.states = run.plan.begin(stop)
            except Exception as error:  # noqa: BLE001 - see `push`
                events += source.take_off(run, error)
                continue
            events += source.outputs(run, before, tails)
            after = run.plan.positions(run.states)
            for stage, tail in tails.items():
                lost = before[stage] + len(tail)
                if lost < after[stage]:
                    events.append(Missing(Topic(stream, run.name, stage), lost, after[stage]))
        return events

    def end(self, stream: str, want: Wanted) -> list[Event]:
        """Finishes every pipeline of a stream, ends its topics, and forgets it.

        The tails of all stages are computed, so that every topic's end is known: a subscriber that
        is away is told of it when it comes back.
        """
        source = self._sources.pop(stream)
        events: list[Event] = [Ended(Topic(stream, "", ""), source.next_index)]
        for run in tuple(source.runs):
            before = run.plan.positions(run.states)
            try:
                tails = run.plan.finish(run.states)
            except Exception as error:  # noqa: BLE001 - see `push`
                events += source.take_off(run, error)
                continue
            wanted = want.get(run.name, frozenset())
            events += source.outputs(run, before, {s: tails[s] for s in tails if s in wanted})
            for stage, tail in tails.items():
                events.append(Ended(Topic(stream, run.name, stage), before[stage] + len(tail)))
        return events

    def _check_state(self, plan: Plan) -> None:
        most = self._limits.state_bytes
        if plan.state_bytes > most:
            raise ValueError(
                f"it would have to remember {plan.state_bytes} bytes of the stream, more than "
                f"{most}; use smaller windows or items, or raise CORRENTE_LIMITS_STATE_BYTES"
            )

    def _nearest(self, stream: str) -> str:
        patterns = {pipeline.for_each: name for name, pipeline in self.pipelines.items()}
        near = get_close_matches(stream, patterns, n=1, cutoff=0.0)
        if not near:
            return "the daemon has no pipelines"
        return f"no pipeline is for {stream}; the nearest is {patterns[near[0]]}, for {near[0]}"
