"""An operator that gives fewer items than it takes, and a pipeline of such; for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from msgspec.structs import replace

from corrente.format import Format, Items
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_pipelines.gap import OnGap, rule
from corrente_pipelines.graph import Graph
from corrente_pipelines.operator import Operator, State
from corrente_pipelines.plan import Plan
from corrente_pipelines.step import plan_steps


class _Next(NamedTuple):
    next_index: int


class Every(Operator):
    """Output k is item `k * factor`."""

    op: Literal["every"] = "every"
    factor: int

    def output(self, *formats: Format) -> Format:
        format = formats[0]
        stride, rate_hz = format.stride * self.factor, format.rate_hz / self.factor
        return replace(format, stride=stride, rate_hz=rate_hz)

    def start(self, *formats: Format, index: int = 0) -> State:
        return _Next(index)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        (block,) = blocks
        first = -state.next_index % self.factor
        return _Next(state.next_index + len(block)), block[first :: self.factor].copy()

    def reference(self, *x: Items) -> Items:
        return x[0][:: self.factor]

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return [cls(factor=3)]


@dataclass(frozen=True)
class Striding:
    """A pipeline of operators that no spec names: each stage takes from the one before."""

    operators: dict[str, Operator]
    on_gap: OnGap = "reset"
    max_fill: int | None = None
    name: str = "striding"
    for_each: str = "**"
    backpressure: bool = False

    def plan(self, format: Format, choice: Choice = BY_MODEL) -> Plan:
        sources = ["input", *self.operators]
        graph: Graph = {
            name: (source,) for name, source in zip(self.operators, sources, strict=False)
        }
        steps = plan_steps(format, graph, self.operators, None, choice)
        return Plan(self.name, format, steps, rule(self.on_gap, self.max_fill, format))


def striding(on_gap: OnGap = "reset", **operators: Any) -> Striding:
    """A pipeline of those stages."""
    return Striding(operators, on_gap)
