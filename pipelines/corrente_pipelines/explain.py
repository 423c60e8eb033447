"""What a plan will do, before it does it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corrente.format import Format
from corrente_pipelines.choice import WORTH
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step
from corrente_pipelines.wisdom import NO_WISDOM, Wisdom

CANDIDATES = ("stage", "can be computed", "delay", "cost")

HEADINGS = (
    *("stage", "op", "from", "algorithm", "output", "rate"),
    *("delay", "made of", "cost", "state"),
)


@dataclass(frozen=True)
class Explanation:
    """A plan's stages: algorithms, formats, delays, costs, memory; as text a table for people.

    Delays and costs count items of the source.
    """

    pipeline: str
    format: Format
    steps: tuple[Step, ...]
    state_bytes: int
    """About what one stream keeps between blocks: the stages' states, and what waits at joins."""
    costs_ns: Mapping[str, float]
    """What each stage was measured to take for an item of the source; empty where none was.

    One pass over several stages takes what it says at the last of them.
    """
    wisdom: Wisdom = NO_WISDOM
    """What the ways to compute a stage were measured to take for an item of its input."""

    def delay_ms(self, step: Step) -> float:
        """How long after its own source item an output leaves, at worst, in milliseconds."""
        return 1000 * step.delay / self.format.rate_hz

    @property
    def cost_ns(self) -> float | None:
        """What all stages take for an item of the source; None where not all were measured."""
        if any(step.name not in self.costs_ns for step in self.steps):
            return None
        passed_over = {name for step in self.steps for name in self._passed_over(step)}
        return sum(cost for name, cost in self.costs_ns.items() if name not in passed_over)

    def _passed_over(self, step: Step) -> Iterator[str]:
        """The stages that need not be computed where only those at the ends are wanted."""
        over = step.fusions[0].over if step.fusions else ()
        for name in over:
            takers = {other.name for other in self.steps if name in other.inputs}
            if takers <= {*over, step.name}:
                yield name

    def candidates(self, step: Step) -> list[dict[str, Any]]:
        """The ways to compute a stage, where there are several: algorithm, delay and cost."""
        times = self.wisdom.of(step.forms[0], *step.joined)
        return [
            {
                "algorithm": (name := form.algorithm(*step.joined)),
                "delay_items": form.delay(*step.joined),
                "cost_ns": times.get(name),
                "is_taken": form is step.operator,
            }
            for form in (step.forms if len(step.forms) > 1 else ())
        ]

    def data(self) -> dict[str, Any]:
        """The same as plain data, for programs."""
        return {
            "pipeline": self.pipeline,
            "input": format_data(self.format),
            "stages": [
                {
                    "stage": step.name,
                    "op": step.operator.name,
                    "from": list(step.inputs),
                    "algorithm": step.algorithm,
                    "output": format_data(step.format),
                    "delay_items": step.delay,
                    "delay_ms": self.delay_ms(step),
                    "receptive_field": step.receptive_field,
                    "cost_ns": self.costs_ns.get(step.name),
                    "state_bytes": step.state_bytes,
                    "candidates": self.candidates(step),
                }
                for step in self.steps
            ],
            "cost_ns": self.cost_ns,
            "state_bytes": self.state_bytes,
        }

    def __str__(self) -> str:
        source = (INPUT, "", "", "", short(self.format), rate(self.format), "", "", "", "")
        rows = [HEADINGS, source, *map(self._row, self.steps)]
        if not self.costs_ns:
            rows = [row[:8] + row[9:] for row in rows]
        lines = [*_table(rows), "", *self._choices(), *self._notes()]
        return "\n".join([f"pipeline {self.pipeline}", "", *lines])

    def _choices(self) -> list[str]:
        """The ways that stages can be computed in; none where there is one for each."""
        rows = [
            (
                step.name,
                f"{way['algorithm']}{' (taken)' if way['is_taken'] else ''}",
                f"{way['delay_items']} items",
                "not measured" if way["cost_ns"] is None else duration(way["cost_ns"]),
            )
            for step in self.steps
            for way in self.candidates(step)
        ]
        if not rows:
            return []
        note = (
            "cost of a way: for one item of the stage's input; the soonest is taken, unless "
            f"another takes {WORTH:g} times less."
        )
        return [*_table([CANDIDATES, *rows]), "", note]

    def _row(self, step: Step) -> tuple[str, ...]:
        return (
            step.name,
            step.operator.name,
            ", ".join(step.inputs),
            step.algorithm,
            short(step.format),
            rate(step.format),
            self.delay(step),
            str(step.receptive_field),
            duration(self.costs_ns[step.name]) if step.name in self.costs_ns else "",
            size(step.state_bytes) if step.state_bytes else "none",
        )

    def delay(self, step: Step) -> str:
        """The delay in words."""
        return f"{step.delay} items, {self.delay_ms(step):.4g} ms" if step.delay else "none"

    def _notes(self) -> list[str]:
        kept = f"about {size(self.state_bytes)}" if self.state_bytes else "nothing"
        notes = [
            f"A stream keeps {kept} between blocks.",
            f"delay: so many {INPUT} items, at worst, come after an output's own before it leaves.",
            "made of: the items of each of its inputs that an output is made of.",
        ]
        if any(step.fusions for step in self.steps):
            notes.append(
                "one pass: with the stages from that one on, which are computed by themselves only "
                "where they are wanted; its cost is that of all."
            )
        if self.cost_ns is not None:
            share = 100 * self.cost_ns * 1e-9 * self.format.rate_hz
            notes.append(
                f"cost: for one {INPUT} item, measured on this machine, in one thread; together "
                f"{duration(self.cost_ns)}, {share:.2g} % of a core."
            )
        return notes


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A line for each row, the columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def short(format: Format) -> str:
    """A format in few words, such as `frames 480x640 uint8`."""
    return f"{format.kind} {'x'.join(map(str, format.shape))} {format.dtype}"


def rate(format: Format) -> str:
    """A format's rate with its unit."""
    return f"{format.rate_hz:.6g} Hz"


def duration(time_ns: float) -> str:
    """A time with two or three digits, in the unit that suits it."""
    for unit, length_ns in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if time_ns >= length_ns:
            return f"{time_ns / length_ns:.3g} {unit}"
    return f"{time_ns:.2g} ns"


def size(count: int) -> str:
    """So many bytes, in the unit that suits them."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):.3g} {unit}"
    return f"{count} B"


def format_data(format: Format) -> dict[str, Any]:
    """A format as plain data."""
    return {
        "kind": format.kind,
        "shape": list(format.shape),
        "dtype": format.dtype,
        "rate_hz": format.rate_hz,
        "labels": list(format.labels),
        "origin": str(format.origin),
        "stride": str(format.stride),
    }
