"""What a plan will do, before it does it."""

from dataclasses import dataclass
from typing import Any

from corrente.format import Format
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step


@dataclass(frozen=True)
class Explanation:
    """A plan's stages, formats and delays; as text a table for people."""

    pipeline: str
    format: Format
    steps: tuple[Step, ...]

    def delay_ms(self, step: Step) -> float:
        """How long after its own source item an output leaves, at worst, in milliseconds."""
        return 1000 * step.delay / self.format.rate_hz

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
                    "output": format_data(step.format),
                    "delay_items": step.delay,
                    "delay_ms": self.delay_ms(step),
                }
                for step in self.steps
            ],
        }

    def __str__(self) -> str:
        rows = [("stage", "op", "from", "output", "rate", "delay")]
        rows.append((INPUT, "", "", _shape(self.format), _rate(self.format), ""))
        rows += [self._row(step) for step in self.steps]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([f"pipeline {self.pipeline}", "", *lines])

    def _row(self, step: Step) -> tuple[str, str, str, str, str, str]:
        delay = f"{step.delay} items, {self.delay_ms(step):.4g} ms" if step.delay else "none"
        return (
            step.name,
            step.operator.name,
            ", ".join(step.inputs),
            _shape(step.format),
            _rate(step.format),
            delay,
        )


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


def _shape(format: Format) -> str:
    return f"{format.kind} {format.shape} {format.dtype}"


def _rate(format: Format) -> str:
    return f"{format.rate_hz:.6g} Hz"
