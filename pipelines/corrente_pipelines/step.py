"""One stage as it is computed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as replaced
from fractions import Fraction
from functools import cached_property
from math import ceil, floor

from msgspec.structs import replace

from corrente.format import Format
from corrente_pipelines import alignment, rewrites
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_pipelines.errors import Located, Problem, SpecError
from corrente_pipelines.graph import Graph
from corrente_pipelines.operator import Operator
from corrente_pipelines.rewrites.fusion import LONGEST, Fusion, one_pass
from corrente_pipelines.spec import INPUT


@dataclass(frozen=True)
class Step:
    """One stage as it is computed: what it takes, what comes out, how late."""

    name: str
    operator: Operator
    """One of its `forms`."""
    inputs: tuple[str, ...]
    branches: tuple[Format, ...]
    """The formats of the inputs, each with its own origin."""
    joined: tuple[Format, ...]
    """The same behind the join: one origin."""
    offsets: tuple[int, ...]
    format: Format
    delay: int
    """Items of the source that must come after an output's own before it leaves, at worst."""
    forms: tuple[Operator, ...] = ()
    """The ways to compute it, first as the spec says it."""
    fusions: tuple[Fusion, ...] = ()
    """Ways to compute it together with stages before it, the most of them first."""

    @cached_property
    def stride(self) -> Fraction:
        """How many items of the joined inputs lie from one output to the next."""
        return self.format.stride / self.joined[0].stride

    @property
    def algorithm(self) -> str:
        """How it is computed, in few words."""
        if self.fusions:
            return f"one pass from {self.fusions[0].over[0]}"
        return self.operator.algorithm(*self.joined)

    @property
    def receptive_field(self) -> int:
        """Items an output is made of; another way to compute it may round by more of them."""
        plain = self.forms[0] if self.forms else self.operator
        return plain.receptive_field(*self.joined)

    @property
    def state_bytes(self) -> int:
        """About what the operator keeps between blocks."""
        return self.operator.state_bytes(*self.joined)

    def first_output(self, index: int) -> int:
        """The index of the first output of a stage begun before joined item `index`."""
        return ceil(index / self.stride)

    def first_input(self, output: int) -> int:
        """The least joined item before which a stage can begin to give no output below `output`."""
        return floor((output - 1) * self.stride) + 1 if output > 0 else 0

    @cached_property
    def keeps_nothing(self) -> bool:
        """Whether the next output is the same whether this stage was computed before or not."""
        return len(self.inputs) == 1 and self.operator.start(*self.joined) is None


def plan_steps(
    format: Format,
    stages: Graph,
    operators: Mapping[str, Operator],
    source: Located | None,
    choice: Choice = BY_MODEL,
) -> tuple[Step, ...]:
    """The steps for streams of that format; raises `SpecError` where a stage's input misfits."""
    formats, delays = {INPUT: format}, {INPUT: 0}
    steps: dict[str, Step] = {}
    for stage, inputs in stages.items():
        branches = tuple(formats[name] for name in inputs)
        waits = max(delays[name] for name in inputs)
        try:
            step = _planned(stage, operators[stage], inputs, branches, waits, choice)
        except ValueError as error:
            raise SpecError([Problem(("stages", stage), str(error))], source) from error
        steps[stage] = replaced(step, fusions=tuple(_fusions(step, steps)))
        formats[stage], delays[stage] = step.format, step.delay
    return tuple(steps.values())


def _fusions(step: Step, before: Mapping[str, Step]) -> Iterator[Fusion]:
    """The passes that end with the stage."""
    run = [step]
    while len(run) < LONGEST and run[0].keeps_nothing and run[0].inputs[0] in before:
        run.insert(0, before[run[0].inputs[0]])
    if not run[0].keeps_nothing:
        run.pop(0)
    for first in range(len(run) - 1):
        stages = run[first:]
        made = one_pass([stage.operator for stage in stages], stages[0].joined[0])
        if made is not None:
            over = tuple(stage.name for stage in stages[:-1])
            yield Fusion(stages[0].inputs[0], over, made)


def _planned(
    name: str,
    operator: Operator,
    inputs: tuple[str, ...],
    branches: tuple[Format, ...],
    waits: int,
    choice: Choice,
) -> Step:
    shifts = alignment.offsets(branches)
    latest = max(branch.origin for branch in branches)
    joined = tuple(replace(branch, origin=latest) for branch in branches)
    format = operator.fit(*joined)
    forms = rewrites.forms(operator.prepared(*joined), *joined)
    made = choice.of(name, forms, *joined)
    stride = joined[0].stride
    # An output between two input items waits for the later one: a part of a stride at worst.
    between = stride - stride / (format.stride / stride).denominator
    own = made.delay(*joined) * stride + between
    return Step(
        name=name,
        operator=made,
        inputs=inputs,
        branches=branches,
        joined=joined,
        offsets=shifts,
        format=format,
        delay=waits + ceil(own),
        forms=forms,
    )
