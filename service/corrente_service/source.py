"""A stream as the runner knows it: where it stands, and the pipelines at work on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from corrente.format import Format, Items
from corrente_pipelines import Plan
from corrente_pipelines.plan import States
from corrente_service.events import Ended, Event, Missing, Output, Topic
from corrente_service.timing import time_ahead


@dataclass(slots=True)
class Run:
    """One pipeline at work on one stream."""

    name: str
    plan: Plan
    states: States


@dataclass(slots=True)
class Source:
    """A stream as the runner knows it: where it stands, and when that was."""

    name: str
    format: Format
    next_index: int
    runs: list[Run] = field(default_factory=list[Run])
    notes: list[str] = field(default_factory=list[str])
    t_index: int = 0
    t_ns: int = 0

    def time(self, format: Format, k: int) -> int:
        """When item k of an output of that format was taken, by the last block's time."""
        origin, stride = format.origin, format.stride
        ahead = (
            origin.numerator * stride.denominator + k * stride.numerator * origin.denominator
        ) - self.t_index * origin.denominator * stride.denominator
        items = ahead / (origin.denominator * stride.denominator)
        return time_ahead(self.t_ns, items, self.format.rate_hz)

    def outputs(
        self, run: Run, before: Mapping[str, int], outputs: Mapping[str, Items]
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

    def take_off(self, run: Run, error: Exception) -> list[Event]:
        """Ends a run that has a defect: its topics end behind a gap."""
        self.runs.remove(run)
        text = f"{type(error).__name__}: {error}"
        self.notes.append(f"{run.name}: {text}")
        events: list[Event] = []
        for stage, start in run.plan.positions(run.states).items():
            topic, format = Topic(self.name, run.name, stage), run.plan.formats[stage]
            stop = max(start, ceil((self.next_index - format.origin) / format.stride))
            if start < stop:
                events.append(Missing(topic, start, stop, "dropped"))
            events.append(Ended(topic, stop, text))
        return events
