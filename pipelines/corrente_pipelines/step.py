"""One stage as it is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

from msgspec.structs import replace

from corrente.format import Format
from corrente_pipelines import alignment
from corrente_pipelines.errors import Located, Problem, SpecError
from corrente_pipelines.graph import Graph
from corrente_pipelines.operator import Operator
from corrente_pipelines.spec import INPUT

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Step:
    """One stage as it is computed: what it takes, what comes out, how late."""

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    branches: tuple[Format, ...]
    """The formats of the inputs, each with its own origin."""
    joined: tuple[Format, ...]
    """The same behind the join: one origin."""
    offsets: tuple[int, ...]
    format: Format
    delay: int
    """Items of the source that must come after an output's own before it leaves, at worst."""

    @property
    def state_bytes(self) -> int:
        """About what the operator keeps of its inputs between blocks: a window over time."""
        window = self.operator.receptive_field(*self.joined)
        items = sum(prod(format.shape) * FLOAT32_BYTES for format in self.joined)
        return window * items if window > 1 else 0

    @cached_property
    def keeps_nothing(self) -> bool:
        """Whether the next output is the same whether this stage was computed before or not."""
        return len(self.inputs) == 1 and self.operator.start(*self.joined) is None


def plan_steps(
    format: Format,
    stages: Graph,
    operators: Mapping[str, Operator],
    source: Located | None,
) -> tuple[Step, ...]:
    """The steps for streams of that format; raises `SpecError` where a stage's input misfits."""
    formats, delays = {INPUT: format}, {INPUT: 0}
    steps: list[Step] = []
    for stage, inputs in stages.items():
        branches = tuple(formats[name] for name in inputs)
        waits = max(delays[name] for name in inputs)
        try:
            step = _planned(stage, operators[stage], inputs, branches, waits)
        except ValueError as error:
            raise SpecError([Problem(("stages", stage), str(error))], source) from error
        steps.append(step)
        formats[stage], delays[stage] = step.format, step.delay
    return tuple(steps)


def _planned(
    name: str,
    operator: Operator,
    inputs: tuple[str, ...],
    branches: tuple[Format, ...],
    waits: int,
) -> Step:
    shifts = alignment.offsets(branches)
    latest = max(branch.origin for branch in branches)
    joined = tuple(replace(branch, origin=latest) for branch in branches)
    own = operator.delay(*joined) * joined[0].stride
    return Step(
        name=name,
        operator=operator,
        inputs=inputs,
        branches=branches,
        joined=joined,
        offsets=shifts,
        format=operator.output(*joined),
        delay=waits + ceil(own),
    )
