"""Where a stage's outputs leave their definition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from corrente.format import AnyBlock, Events, Items
from corrente_pipelines.blocks import concatenate, data
from corrente_pipelines.operator import UNIT_ROUNDOFF
from corrente_pipelines.plan import Plan
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step

UNDERFLOW = 10_000 * float(np.finfo(np.float32).smallest_subnormal)
"""What every product and sum may lose near zero."""


@dataclass(frozen=True)
class Deviation:
    """The first output of a stage that is not its definition's, within tolerance."""

    stage: str
    index: int
    place: tuple[int, ...]
    """Where in the item: the channel, or row, column and channel."""
    got: float
    wanted: float
    bound: float
    """How far they may be from each other; NaN where one of them is not finite."""


def whole(plan: Plan, source: Items) -> dict[str, AnyBlock]:
    """All that becomes of a whole recording, at once."""
    states, blocks = plan.step(plan.begin(), source)
    tails = plan.finish(states)
    return {name: concatenate([block, tails[name]]) for name, block in blocks.items()}


def deviations(plan: Plan, source: Items, outputs: Mapping[str, AnyBlock]) -> Iterator[Deviation]:
    """Each stage's first, for a whole recording and what became of it.

    A stage is held against `Operator.reference` of what it was given, not against what it would
    have been given had the stages before it been exact.
    """
    values: dict[str, AnyBlock] = {INPUT: source, **outputs}
    for step in plan.steps:
        found = deviation(step, joined(step, values), values[step.name])
        if found is not None:
            yield found


def joined(step: Step, values: Mapping[str, AnyBlock]) -> list[AnyBlock]:
    """What a stage is given, of whole signals: the items that all its inputs have."""
    branches = [values[name][skip:] for name, skip in zip(step.inputs, step.offsets, strict=True)]
    count = min(map(len, branches))
    return [items[:count] for items in branches]


def deviation(step: Step, inputs: Sequence[AnyBlock], outputs: AnyBlock) -> Deviation | None:
    """The first output that is not as defined; None where all are, or where both are empty.

    Of events it is a row.
    """
    wanted, roundoff = data(step.operator.reference(*inputs)), UNIT_ROUNDOFF
    if isinstance(outputs, Events):
        roundoff = 4 * float(np.finfo(np.float64).eps)
    got = data(outputs)
    if wanted.shape != got.shape:
        count = min(len(wanted), len(got))
        return Deviation(step.name, count, (), len(got), len(wanted), 0.0)
    bound = np.broadcast_to(step.operator.tolerance(*inputs), wanted.shape)
    finite = np.isfinite(wanted) & np.isfinite(got)
    with np.errstate(invalid="ignore", over="ignore"):
        allowed = bound + roundoff * np.abs(wanted) + UNDERFLOW
        far = np.abs(got - wanted) > allowed
    same = (np.isnan(got) & np.isnan(wanted)) | (got == wanted)
    wrong = np.where(finite, far, ~same)
    if not wrong.any():
        return None
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    index, *place = map(int, at)
    limit = float(allowed[at]) if finite[at] else float("nan")
    return Deviation(step.name, index, tuple(place), float(got[at]), float(wanted[at]), limit)
