"""Runs pipelines over streams: blocks in, outputs per topic out.

No I/O, and no clock: everything it knows of time is in the blocks. It alone holds the mutable map
stream -> per pipeline (plan, states); plans and states themselves are values. Nothing is shared
between streams: `push`, `gap` and `end` of different streams may run at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from corrente import topics
from corrente.format import Format, Items
from corrente.wire import GapReason
from corrente_pipelines import GapError, Pipeline, Plan
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_pipelines.group import Indices
from corrente_service.alike import ALONE, Alike, Likeness
from corrente_service.events import Ended, Event, Missing, Output, Outputs, Topic, Wanted
from corrente_service.jpeg import Jpegs, decoded
from corrente_service.labels import check_labels
from corrente_service.limits import Limits
from corrente_service.source import Move, Run, Source, rows_in
from corrente_service.timing import time_ahead

NOBODY: frozenset[str] = frozenset()


class Taken(NamedTuple):
    """Which pipelines take a stream, and why others do not, or no longer, or not as changed."""

    pipelines: tuple[str, ...]
    notes: tuple[str, ...]


class Crossed(NamedTuple):
    """What came of a gap, or of a part of it; `filled` items were made up, over all pipelines."""

    events: list[Event]
    filled: int


class Runner:
    """The pipelines of a service, and every stream they are at work on."""

    def __init__(
        self, pipelines: Iterable[Pipeline], limits: Limits, choice: Choice = BY_MODEL
    ) -> None:
        self._limits = limits
        self._choice = choice
        self.pipelines: Mapping[str, Pipeline] = {pipeline.name: pipeline for pipeline in pipelines}
        self._sources: dict[str, Source] = {}
        self._likeness = Likeness()

    def open(self, stream: str, format: Format, index: int) -> None:
        """Begins a stream before item `index`, in every pipeline that takes it."""
        source = self._sources[stream] = Source(stream, format, index)
        self._change(source, self.pipelines)

    def swap(self, stream: str, pipelines: Mapping[str, Pipeline]) -> list[Event]:
        """Goes over to other pipelines before the stream's next item.

        One that is the same object goes on untouched. Of one that was changed the stages that say
        the same keep their state. Where one does not fit the stream, that before it goes on.
        """
        source = self._moving(stream)
        events = self._change(source, pipelines)
        names = {event.topic.pipeline for event in events} & source.runs.keys()
        source.swapped |= dict.fromkeys(names, source.next_index)
        return events

    def swapped(self, stream: str) -> dict[str, int]:
        """The pipelines that were swapped in while the stream was open, and before which item."""
        source = self._sources[stream]
        swapped = tuple(source.swapped.items())
        return {name: index for name, index in swapped if name in source.runs}

    def refused(self, stream: str) -> list[str]:
        """Why the last swap left pipelines as they were, a line for each."""
        notes = self._sources[stream].notes
        return [f"{name}: {notes[name]}" for name in self._sources[stream].refused]

    def rehearse(self, pipeline: Pipeline) -> None:
        """Computes an item of every open stream's format, before the pipeline is swapped in.

        So nothing is planned, compiled or prepared while a stream waits. Changes nothing, and may
        run in any thread. What it raises is a defect of the pipeline.
        """
        sources = tuple(self._sources.values())
        for format in {
            source.format for source in sources if topics.matches(pipeline.for_each, source.name)
        }:
            try:
                plan = self._plan(pipeline, format)
            except ValueError:  # does not fit: said for each stream when it is swapped in
                continue
            plan.step(plan.begin(), np.zeros((1, *format.shape), format.dtype))

    def is_heavy(self, stream: str) -> bool:
        """Whether an item of the stream takes a pipeline long."""
        return any(run.plan.is_heavy for run in self._sources[stream].runs.values())

    def taken(self, stream: str) -> Taken:
        """Which pipelines are at work on a stream."""
        source = self._sources[stream]
        notes = [f"{name}: {note}" if name else note for name, note in tuple(source.notes.items())]
        return Taken(tuple(source.runs), tuple(notes))

    def formats(self, stream: str) -> dict[Topic, Format]:
        """The topics of a stream, the raw one first."""
        source = self._sources[stream]
        found = {Topic(stream, "", ""): source.format}
        for run in source.runs.values():
            for stage, format in run.plan.formats.items():
                found[Topic(stream, run.name, stage)] = format
        return found

    def positions(self, stream: str) -> dict[Topic, int]:
        """Index of the next item of every topic of a stream."""
        source = self._sources[stream]
        found = {Topic(stream, "", ""): source.next_index}
        for run in source.runs.values():
            for stage, index in run.plan.positions(run.states).items():
                found[Topic(stream, run.name, stage)] = index
        return found

    def push(self, stream: str, items: Items, t_ns: int, want: Wanted) -> list[Event]:
        """Puts the stream's next items through its pipelines.

        A pipeline that raises is a defect: it is taken off the stream, and its topics end behind a
        gap. The others, and other streams, go on.
        """
        source = self._moving(stream)
        source.t_index, source.t_ns = source.next_index, t_ns
        events: list[Event] = []
        if "" in want:
            events.append(Output(Topic(stream, "", ""), source.next_index, items, t_ns))
        source.next_index += len(items)
        for run in tuple(source.runs.values()):
            stages = want.get(run.name, NOBODY)
            before = run.plan.positions(run.states) if stages else {}
            try:
                run.states, outputs = run.plan.step(run.states, items, stages)
            except Exception as error:  # noqa: BLE001 - see above
                events += source.take_off(run, error)
                continue
            events += source.outputs(run, before, outputs)
        return events

    def alike(self, stream: str) -> Alike:
        """What the stream has in common with those that can be pushed with it."""
        source = self._sources[stream]
        if source.alike is None:
            runs = () if self.is_heavy(stream) else source.runs.values()
            source.alike = self._likeness.of(
                [run.plan for run in runs], [run.plan.signature(run.states) for run in runs]
            )
        return source.alike

    def push_group(
        self, streams: Sequence[str], items: Items, times_ns: Sequence[int], want: Wanted
    ) -> list[Outputs] | None:
        """`push` of equally long blocks `(B, n, …)` of S streams that are alike, at once.

        B is S, or a multiple of it: as many blocks of each stream, which follow each other, those
        of the first stream first. So they come out again.

        Nothing has happened where it gives None: a pipeline has a defect, and only who pushes the
        streams one by one finds out in which.
        """
        sources = [self._sources[stream] for stream in streams]
        depth, count = len(items) // len(streams), items.shape[1]
        names = streams if depth == 1 else [name for name in streams for _ in range(depth)]
        whole = items.reshape(len(streams), depth * count, *items.shape[2:])
        indices = [source.next_index for source in sources]
        starts = _following(np.array(indices), depth, count)
        outputs: list[Outputs] = []
        if "" in want:
            outputs.append(Outputs("", "", names, starts.tolist(), items, times_ns))
        moves: list[Move] = []
        alike = self.alike(streams[0])
        for cohort, name in zip(alike.cohorts, sources[0].runs, strict=True):
            runs = [source.runs[name] for source in sources]
            rows = rows_in(cohort, runs)
            before = cohort.taken(rows)
            try:
                after, made = cohort.plan.step_group(before, whole, want.get(name, NOBODY))
            except Exception:  # noqa: BLE001 - see above
                return None
            moves.append(Move(runs, cohort, rows, after))
            positions = cohort.plan.group_positions(before)
            for stage, block in made.items():
                each, rest = divmod(block.shape[1], depth)
                if rest:
                    return None
                own = _following(positions[stage], depth, each)
                times = cohort.clock(stage).times(own, starts, times_ns)
                cut = block.reshape(len(items), each, *block.shape[2:])
                outputs.append(Outputs(name, stage, names, own.tolist(), cut, times))
        after_all = self._after(alike, depth * count, moves)
        pairs = zip(moves, after_all.cohorts, strict=False)
        if after_all is ALONE or not all(cohort.fits(move.after) for move, cohort in pairs):
            return None
        last = (depth - 1) * count
        for source, index, t_ns in zip(sources, indices, times_ns[depth - 1 :: depth], strict=True):
            source.t_index, source.t_ns = index + last, t_ns
            source.next_index = index + depth * count
            source.alike = after_all
        for move, cohort in zip(moves, after_all.cohorts, strict=True):
            move.to(cohort)
        return outputs

    def _after(self, alike: Alike, count: int, moves: Sequence[Move]) -> Alike:
        """What streams that were alike have in common after so many items."""
        found = alike.after.get(count)
        if found is None:
            plans = [move.cohort.plan for move in moves]
            found = self._likeness.of(plans, [move.signature for move in moves])
            alike.after[count] = found
        return found

    def push_jpegs(self, stream: str, jpegs: Jpegs, t_ns: int, want: Wanted) -> tuple[Crossed, int]:
        """Decodes the stream's next items and pushes them; says how many could not be decoded.

        Those are a gap: dropped, as nobody left them out.
        """
        source = self._sources[stream]
        start, spoilt, filled = source.next_index, 0, 0
        events: list[Event] = []
        for part in decoded(jpegs, source.format):
            if isinstance(part, int):
                stop = source.next_index + part
                while source.next_index < stop or source.lags:
                    crossed = self.gap(stream, stop, want, "dropped")
                    events += crossed.events
                    filled += crossed.filled
                spoilt += part
            else:
                ahead = source.next_index - start
                events += self.push(
                    stream, part, time_ahead(t_ns, ahead, source.format.rate_hz), want
                )
        return Crossed(events, filled), spoilt

    def lags(self, stream: str) -> bool:
        """Whether a pipeline is not yet through the stream's last gap."""
        return self._sources[stream].lags

    def gap(self, stream: str, stop: int, want: Wanted, reason: GapReason = "source") -> Crossed:
        """Leaves out the source items up to `stop`; each pipeline does by its rule for gaps.

        What one fills comes in pieces: to be called again while the stream `lags`.
        """
        source = self._moving(stream)
        start, source.next_index = source.next_index, stop
        events: list[Event] = []
        filled = 0
        if "" in want and start < stop:
            events.append(Missing(Topic(stream, "", ""), start, stop, reason))
        for run in tuple(source.runs.values()):
            if run.states.next_index == stop:
                continue
            before = run.plan.positions(run.states)
            stages = want.get(run.name, NOBODY)
            try:
                run.states, passed = run.plan.skip(run.states, stop, stages)
            except GapError as error:
                events += source.end(run, stages, str(error))
                continue
            except Exception as error:  # noqa: BLE001 - see `push`
                events += source.take_off(run, error)
                continue
            events += source.passed(run, before, passed, reason)
            filled += passed.filled
        return Crossed(events, filled)

    def end(self, stream: str, want: Wanted) -> list[Event]:
        """Finishes every pipeline of a stream, ends its topics, and forgets it.

        The tails of all stages are computed, so that every topic's end is known: a subscriber that
        is away is told of it when it comes back.
        """
        source = self._moving(stream)
        del self._sources[stream]
        events: list[Event] = [Ended(Topic(stream, "", ""), source.next_index)]
        for run in tuple(source.runs.values()):
            events += source.end(run, want.get(run.name, NOBODY))
        return events

    def _moving(self, stream: str) -> Source:
        """A stream whose states are about to change: what it is like is to be found out again."""
        source = self._sources[stream]
        source.move()
        return source

    def _change(self, source: Source, pipelines: Mapping[str, Pipeline]) -> list[Event]:
        before, source.pipelines = source.pipelines, pipelines
        source.notes.pop("", None)
        names = dict.fromkeys([*before, *pipelines])
        changed = [name for name in names if pipelines.get(name) is not before.get(name)]
        events: list[Event] = []
        for name in changed:
            events += self._put(source, name, pipelines.get(name))
        source.refused = tuple(name for name in changed if name in source.notes)
        if not source.runs and not source.notes:
            source.notes[""] = _nearest(source)
        return events

    def _put(self, source: Source, name: str, pipeline: Pipeline | None) -> list[Event]:
        """Puts a pipeline, or none, in the place of the one of that name."""
        run = source.runs.get(name)
        source.notes.pop(name, None)
        if pipeline is None or not topics.matches(pipeline.for_each, source.name):
            return source.end(run) if run else []
        try:
            plan = self._plan(pipeline, source.format)
            if run and run.pipeline.backpressure == pipeline.backpressure:
                return source.revise(run, pipeline, plan)
            begun = Run(pipeline, plan, plan.begin(source.next_index))
        except Exception as reason:  # noqa: BLE001 - the stream goes on as it did before
            source.notes[name] = f"{reason}{'; it goes on as it was before' if run else ''}"
            return []
        # Who may subscribe has changed, and with it who is subscribed.
        return [*(source.end(run) if run else []), *source.begin(begun)]

    def _plan(self, pipeline: Pipeline, format: Format) -> Plan:
        """The plan for streams of that format; raises ValueError where it is none for them."""
        plan = pipeline.plan(format, self._choice)
        most = self._limits.state_bytes
        if plan.state_bytes > most:
            raise ValueError(
                f"it would have to remember {plan.state_bytes} bytes of the stream, more than "
                f"{most}; use smaller windows or items, or raise CORRENTE_LIMITS_STATE_BYTES"
            )
        for stage, made in plan.formats.items():
            check_labels(f"stages.{stage}", made)
        return plan


def _following(starts: Indices, depth: int, count: int) -> Indices:
    """Where blocks of so many items begin that follow each other, `depth` from each start on."""
    return np.add.outer(starts, count * np.arange(depth)).ravel() if depth > 1 else starts


def _nearest(source: Source) -> str:
    patterns = {pipeline.for_each: name for name, pipeline in source.pipelines.items()}
    near = get_close_matches(source.name, patterns, n=1, cutoff=0.0)
    if not near:
        return "the daemon has no pipelines"
    return f"no pipeline is for {source.name}; the nearest is {patterns[near[0]]}, for {near[0]}"
