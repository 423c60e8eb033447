"""What a plan will do, before it does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from corrente.format import Format
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step

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
    """What each stage was measured to take for an item of the source; empty where none was."""

    def delay_ms(self, step: Step) -> float:
        """How long after its own source item an output leaves, at worst, in milliseconds."""
        return 1000 * step.delay / self.format.rate_hz

    @property
    def cost_ns(self) -> float | None:
        """What all stages take for an item of the source; None where not all were measured."""
        if any(step.name not in self.costs_ns for step in self.steps):
            return None
        return sum(self.costs_ns.values())

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
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([f"pipeline {self.pipeline}", "", *lines, "", *self._notes()])

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
        if self.cost_ns is not None:
            share = 100 * self.cost_ns * 1e-9 * self.format.rate_hz
            notes.append(
                f"cost: for one {INPUT} item, measured on this machine, in one thread; together "
                f"{duration(self.cost_ns)}, {share:.2g} % of a core."
            )
        return notes


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
