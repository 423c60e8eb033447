"""Stepping through a plan's stages: their states before some items, and after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

import numpy as np

from corrente.format import AnyBlock, Events, Items
from corrente_pipelines import alignment, group
from corrente_pipelines.operator import State
from corrente_pipelines.rewrites.fusion import Fusion
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step

new_tuple = cast("Callable[..., Any]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""Makes a NamedTuple of all its fields in half the time that its class takes."""


class StageState(NamedTuple):
    """What a stage remembers: the index of its next output, its operator's state, its join.

    `skip` items are yet to be passed over before the first that the operator is given.
    """

    position: int
    memory: State
    queues: alignment.Queues | None
    skip: int = 0


class States(NamedTuple):
    """Where a stream stands in a plan: before source item `next_index`.

    `last` holds the last item where the rule for gaps asks for it, else none; `filled` is how many
    items were made up since one arrived.
    """

    next_index: int
    stages: tuple[StageState, ...]
    last: Items
    filled: int = 0


Stepped = tuple[tuple[StageState, ...], dict[str, AnyBlock]]
"""The stages' states after some items, and the blocks that are wanted."""

Run = Callable[[tuple[StageState, ...], Items], Stepped]
"""From the stages' states before some items, and these."""


@dataclass(frozen=True, eq=False)
class Needs:
    """What a set of wanted stages asks of a plan."""

    steps: tuple[tuple[Step, bool, Fusion | None], ...]
    """Every step, whether it is computed, and with what stages before it in one pass."""
    wanted: tuple[str, ...]
    """The names of those that are given."""

    @cached_property
    def run(self) -> Run:
        """The way through the steps."""
        match self.steps:
            case ((step, True, None),) if self.wanted and len(step.inputs) == 1:
                return _alone(step)
            case _:
                return partial(_stepped, self)


def begun(step: Step, positions: Sequence[int], least: int) -> StageState:
    """The stage's state before the first item that all its inputs have, or before its `least`."""
    first, queues = alignment.begin(step.branches, positions, step.offsets)
    start = max(first, step.first_input(least))
    memory = step.operator.start(*step.joined, index=start)
    joins = len(step.inputs) > 1
    return StageState(step.first_output(start), memory, queues if joins else None, start - first)


def _stepped(needs: Needs, states: tuple[StageState, ...], items: Items) -> Stepped:
    """Through all stages: each finds its inputs among the blocks of those before it."""
    blocks: dict[str, AnyBlock] = {INPUT: items}
    passed_over: dict[str, int] = {}
    after: list[StageState] = []
    for (step, is_needed, fusion), state in zip(needs.steps, states, strict=False):
        if fusion is not None:
            state, blocks[step.name] = fused(fusion, state, blocks, passed_over)
        elif is_needed:
            position, memory, queues, skip = state
            if queues is None and not skip:  # as most are: `advance` without what costs
                memory, block = step.operator.step(memory, blocks[step.inputs[0]])
                state = new_tuple(StageState, (position + len(block), memory, None, 0))
            else:
                state, block = advance(step, state, blocks)
            blocks[step.name] = block
        else:
            state, passed_over[step.name] = not_computed(step, state, blocks, passed_over)
        after.append(state)
    return tuple(after), {name: blocks[name] for name in needs.wanted}


def _alone(step: Step) -> Run:
    """Through the only stage, which is wanted: there is nothing to be found."""
    name, operate = step.name, step.operator.step

    def run(states: tuple[StageState, ...], items: Items) -> Stepped:
        ((position, memory, queues, skip),) = states
        if skip:
            state, block = advance(step, states[0], {INPUT: items})
        else:
            memory, block = operate(memory, items)
            state = new_tuple(StageState, (position + len(block), memory, queues, 0))
        return (state,), {name: block}

    return run


def fused(
    fusion: Fusion,
    state: StageState,
    blocks: Mapping[str, AnyBlock],
    passed_over: Mapping[str, int],
) -> tuple[StageState, AnyBlock]:
    """The state of a stage after a pass over those before it, and what it gives."""
    source, count = blocks[fusion.source], _count(fusion.over[-1], blocks, passed_over)
    assert not isinstance(source, Events)
    passed = min(state.skip, count)
    block = fusion.run(source[len(source) - count + passed :])
    position = state.position + len(block)
    return StageState(position, state.memory, state.queues, state.skip - passed), block


def not_computed(
    step: Step,
    state: StageState,
    blocks: Mapping[str, AnyBlock],
    passed_over: Mapping[str, int],
) -> tuple[StageState, int]:
    """The state of a stage that is passed over, and how many items it would give."""
    count = _count(step.inputs[0], blocks, passed_over)
    passed = min(state.skip, count)
    given = count - passed
    position = state.position + given
    return StageState(position, state.memory, state.queues, state.skip - passed), given


def _count(name: str, blocks: Mapping[str, AnyBlock], passed_over: Mapping[str, int]) -> int:
    """How many items a stage gives, computed or not."""
    return passed_over[name] if name in passed_over else len(blocks[name])


def advance(
    step: Step, state: StageState, blocks: Mapping[str, AnyBlock]
) -> tuple[StageState, AnyBlock]:
    position, memory, queues, skip = state
    inputs: Sequence[AnyBlock] = [blocks[name] for name in step.inputs]
    if queues is not None:
        # Nothing that has several inputs takes events.
        arrived = [items for items in inputs if not isinstance(items, Events)]
        queues, inputs = alignment.join(queues, arrived)
    if skip:
        skip -= (passed := min(skip, len(inputs[0])))
        inputs = [items[passed:] for items in inputs]
    memory, items = step.operator.step(memory, *inputs)
    return StageState(position + len(items), memory, queues, skip), items


def advance_group(
    step: Step, memory: State, queues: alignment.Queues | None, inputs: Sequence[Items]
) -> tuple[State, alignment.Queues | None, Items]:
    if queues is not None:
        queues, inputs = group.join(queues, inputs)
    if not inputs[0].shape[1]:
        return memory, queues, np.empty((len(inputs[0]), 0, *step.format.shape), step.format.dtype)
    memory, items = step.operator.step_group(memory, *inputs)
    return memory, queues, items
