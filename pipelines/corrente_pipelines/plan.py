"""The way a pipeline is computed for one format."""

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from types import MappingProxyType

import numpy as np

from corrente.format import AnyBlock, Format, Items
from corrente_pipelines import group
from corrente_pipelines.blocks import concatenate, nothing
from corrente_pipelines.explain import Explanation
from corrente_pipelines.gap import PIECE_BYTES, RESET, GapError, GapRule, Passed, together
from corrente_pipelines.group import GroupStates, Indices
from corrente_pipelines.rewrites.fusion import Fusion
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step
from corrente_pipelines.stepping import (
    Needs,
    StageState,
    States,
    advance,
    advance_group,
    begun,
    fused,
    new_tuple,
    not_computed,
)
from corrente_pipelines.wisdom import NO_WISDOM, Wisdom

KNOWN_NEEDS = 16
"""How many sets of wanted stages a plan knows the needs of; mostly there is one."""

HEAVY_ITEM_BYTES = 16 << 10
"""An item of so many bytes takes a kernel longer than it takes to hand it to another thread."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A pipeline's stages in the order they are computed, for streams of one format.

    `begin`, `step`, `skip` and `finish` are pure: states go in and come out. `start` wraps them.
    """

    pipeline: str
    format: Format
    steps: tuple[Step, ...]
    gaps: GapRule = RESET

    @cached_property
    def formats(self) -> Mapping[str, Format]:
        """The format of every stage's output."""
        return {step.name: step.format for step in self.steps}

    @cached_property
    def algorithms(self) -> Mapping[str, str]:
        """How each stage is computed. With them, the spec and the format it can be made again."""
        return {step.name: step.operator.algorithm(*step.joined) for step in self.steps}

    @cached_property
    def is_heavy(self) -> bool:
        """Whether an item takes long: it is large somewhere on its way, or a network sees it."""
        return any(
            step.operator.is_slow or step.format.item_bytes >= HEAVY_ITEM_BYTES
            for step in self.steps
        )

    @cached_property
    def state_bytes(self) -> int:
        """About what the states of one stream hold: its windows, and what waits at its joins."""
        delays = {INPUT: 0} | {step.name: step.delay for step in self.steps}
        held = 0
        for step in self.steps:
            latest = max(delays[name] for name in step.inputs)
            held += step.state_bytes
            for name, branch in zip(step.inputs, step.branches, strict=True):
                held += ceil((latest - delays[name]) / branch.stride) * branch.item_bytes
        return held

    @cached_property
    def _is_wide(self) -> bool:
        """Whether float64 is rounded on its way: beyond float32's range it becomes an infinity,
        which is the answer, and no reason to warn.
        """
        return any(format.dtype == "float64" for format in (self.format, *self.formats.values()))

    @cached_property
    def _needs(self) -> dict[frozenset[str] | None, Needs]:
        return {}

    def begin(
        self,
        index: int = 0,
        kept: Mapping[str, StageState] = MappingProxyType({}),
        least: Mapping[str, int] = MappingProxyType({}),
    ) -> States:
        """The states before source item `index`.

        Stages in `kept` go on in those states; none of the others gives items below its `least`.
        """
        positions = {INPUT: index}
        states: list[StageState] = []
        for step in self.steps:
            state = kept.get(step.name)
            if state is None:
                inputs = [positions[name] for name in step.inputs]
                state = begun(step, inputs, least.get(step.name, 0))
            states.append(state)
            positions[step.name] = state.position
        return States(index, tuple(states), self.format.empty())

    def positions(self, states: States) -> dict[str, int]:
        """The index of every stage's next output."""
        pairs = zip(self.steps, states.stages, strict=True)
        return {step.name: state.position for step, state in pairs}

    def step(
        self, states: States, items: Items, want: frozenset[str] | None = None
    ) -> tuple[States, dict[str, AnyBlock]]:
        """The states after the items, and what leaves the stages in `want` (None: all).

        A stage without memory that nobody wants, nor anything behind it, is passed over.
        """
        needs = self._needs.get(want) or self._needed(want)
        next_index, stages, last, filled = states
        if self._is_wide:
            with np.errstate(over="ignore", invalid="ignore"):
                stages, outputs = needs.run(stages, items)
        else:
            stages, outputs = needs.run(stages, items)
        if count := len(items):
            next_index, filled = next_index + count, 0
            last = items[-1:].copy() if self.gaps.keeps_last else last
        after = new_tuple(States, (next_index, stages, last, filled))
        return after, outputs

    def signature(self, states: States) -> Hashable | None:
        """What the states of streams have in common that one `step_group` can take.

        None where none can: a stage has no such form, or is yet to pass over items, or a gap was
        just filled.
        """
        if not self._is_groupable or states.filled:
            return None
        parts: list[Hashable] = [group.signature(states.last)]
        for step, state in zip(self.steps, states.stages, strict=True):
            own = step.operator.signature(state.memory)
            if own is None or state.skip:
                return None
            parts.append((own, group.signature(state.queues)))
        return tuple(parts)

    def together(self, states: Sequence[States]) -> GroupStates:
        """The states of S streams, of one signature, as one."""
        stages = list(zip(*(own.stages for own in states), strict=True))
        return GroupStates(
            np.array([own.next_index for own in states]),
            tuple(np.array([stage.position for stage in own]) for own in stages),
            tuple(group.stacked([stage.memory for stage in own]) for own in stages),
            tuple(group.stacked([stage.queues for stage in own]) for own in stages),
            np.stack([own.last for own in states]),
        )

    def group_positions(self, states: GroupStates) -> dict[str, Indices]:
        """The indices of every stage's next outputs, `(S,)`."""
        return {step.name: own for step, own in zip(self.steps, states.positions, strict=True)}

    def apart(self, states: GroupStates, row: int) -> States:
        """The states of one of those streams; they keep nothing of the others'."""
        parts = zip(states.positions, states.memories, states.queues, strict=True)
        stages = tuple(
            StageState(int(position[row]), group.own(memory, row), group.own(queues, row))
            for position, memory, queues in parts
        )
        return States(int(states.next_index[row]), stages, states.last[row].copy())

    def gains(self, count: int) -> bool:
        """Whether streams with blocks of so many items are better stepped together."""
        few = 0 < count * self.format.item_bytes <= group.BLOCK_BYTES
        # Between two streams that lie end to end, as many outputs as a window has items are waste.
        return few and 2 * self._reach <= count

    def most_bytes(self, count: int) -> dict[str, int]:
        """What each stage gives for so many items at most: what it owed before, and for them."""
        return {
            step.name: (1 + floor((count + step.delay) / step.format.stride))
            * step.format.item_bytes
            for step in self.steps
        }

    @cached_property
    def _is_groupable(self) -> bool:
        formats = (self.format, *self.formats.values())
        return not self.is_heavy and all(format.kind != "events" for format in formats)

    @cached_property
    def _reach(self) -> int:
        """Items of the source under the widest window, but one."""
        return max(
            ceil((step.operator.receptive_field(*step.joined) - 1) * step.joined[0].stride)
            for step in self.steps
        )

    def step_group(
        self, states: GroupStates, items: Items, want: frozenset[str] | None = None
    ) -> tuple[GroupStates, dict[str, Items]]:
        """`step` of S streams at once, blocks `(S, n, …)`, n at least 1; the same bits."""
        needs = self._needs.get(want) or self._needed(want)
        blocks = {INPUT: items}
        counts = {INPUT: items.shape[1]}
        memories, queues = list(states.memories), list(states.queues)
        with np.errstate(over="ignore", invalid="ignore"):
            for k, (step, is_needed, fusion) in enumerate(needs.steps):
                if fusion is not None:
                    made = group.item_by_item(fusion.run, [blocks[fusion.source]])
                    blocks[step.name], counts[step.name] = made, made.shape[1]
                elif is_needed:
                    inputs = [blocks[name] for name in step.inputs]
                    memories[k], queues[k], made = advance_group(
                        step, memories[k], queues[k], inputs
                    )
                    blocks[step.name], counts[step.name] = made, made.shape[1]
                else:
                    counts[step.name] = counts[step.inputs[0]]
        moved = zip(self.steps, states.positions, strict=True)
        after = GroupStates(
            states.next_index + items.shape[1],
            tuple(position + counts[step.name] for step, position in moved),
            tuple(memories),
            tuple(queues),
            items[:, -1:] if self.gaps.keeps_last else states.last,
        )
        return after, {name: blocks[name] for name in needs.wanted}

    def skip(
        self, states: States, stop: int, want: frozenset[str] | None = None
    ) -> tuple[States, Passed]:
        """Goes on at source item `stop`, as those before it never arrived, by the rule for gaps.

        What is filled is filled in pieces: skip again while the states' `next_index` is not `stop`.
        Raises `GapError` where the rule is `error`; the stream then ends in those states.
        """
        if self.gaps.on_gap == "error":
            raise GapError(
                f"items {states.next_index} to {stop - 1} are missing, and on_gap is error"
            )
        count = min(stop - states.next_index, self.gaps.room(states.filled), self._piece)
        if count > 0:
            items = self.gaps.fill(self.format, states.last, count)
            after, outputs = self.step(states, items, want)
            return after._replace(filled=states.filled + count), Passed(outputs, {}, count)
        return self._reset(states, stop, want)

    def _reset(
        self, states: States, stop: int, want: frozenset[str] | None
    ) -> tuple[States, Passed]:
        """Finishes, and begins at `stop`. No stage gives an index again that it gave before."""
        tails, before = self.finish(states), self.positions(states)
        ends = {name: before[name] + len(tail) for name, tail in tails.items()}
        after = self.begin(stop, least=ends)
        after = after._replace(last=states.last, filled=states.filled)
        missing = {
            name: (ends[name], start)
            for name, start in self.positions(after).items()
            if want is None or name in want
        }
        return after, Passed({name: tails[name] for name in self._needed(want).wanted}, missing, 0)

    @cached_property
    def _piece(self) -> int:
        """How many items are filled at once."""
        made = sum(format.item_bytes / format.stride for format in self.formats.values())
        return max(1, int(PIECE_BYTES / (self.format.item_bytes + made)))

    def by_stage(self, states: States, items: Items) -> Iterator[StageState]:
        """`step` stage by stage, for who measures: each stage's state after."""
        blocks: dict[str, AnyBlock] = {INPUT: items}
        for step, state in zip(self.steps, states.stages, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                if step.fusions:
                    state, blocks[step.name] = fused(step.fusions[0], state, blocks, {})
                else:
                    state, blocks[step.name] = advance(step, state, blocks)
            yield state

    def finish(
        self,
        states: States,
        want: frozenset[str] | None = None,
        kept: Container[str] = (),
    ) -> dict[str, AnyBlock]:
        """What the stages in `want` (None: all) owe at the end of the stream.

        Stages in `kept` do not end here: they owe nothing, and nothing more comes from them.
        """
        needs = self._needed(want)
        blocks: dict[str, AnyBlock] = {INPUT: self.format.empty()}
        passed_over: dict[str, int] = {}
        with np.errstate(over="ignore", invalid="ignore"):
            for (step, is_needed, fusion), state in zip(needs.steps, states.stages, strict=True):
                if step.name in kept:
                    blocks[step.name] = nothing(step.format)
                elif fusion is not None:
                    _, blocks[step.name] = fused(fusion, state, blocks, passed_over)
                elif is_needed:
                    state, items = advance(step, state, blocks)
                    owed = step.operator.finish(state.memory)
                    blocks[step.name] = items if owed is None else concatenate([items, owed])
                else:
                    _, passed_over[step.name] = not_computed(step, state, blocks, passed_over)
        return {name: blocks[name] for name in needs.wanted}

    def start(self, want: Iterable[str] | None = None) -> "Stream":
        """A stream through the plan, from its first item on."""
        chosen = None if want is None else frozenset(want)
        if unknown := (chosen or frozenset()) - self.formats.keys():
            raise KeyError(f"there is no stage {', '.join(sorted(unknown))}")
        return Stream(self, chosen)

    def explain(
        self, costs_ns: Mapping[str, float] | None = None, wisdom: Wisdom = NO_WISDOM
    ) -> Explanation:
        """What the plan will do: print it, or take its `data()`.

        `costs_ns` says what each stage was measured to take for an item of the source, `wisdom`
        what the ways to compute it take for one of their input.
        """
        return Explanation(
            self.pipeline, self.format, self.steps, self.state_bytes, costs_ns or {}, wisdom
        )

    def _needed(self, want: frozenset[str] | None) -> Needs:
        """The stages wanted, those that remember, and all that they are made from."""
        known = self._needs.get(want)
        if known is not None:
            return known
        names = frozenset(self.formats) if want is None else want
        needed = {step.name for step in self.steps if not step.keeps_nothing} | names
        passes: dict[str, Fusion] = {}
        for step in reversed(self.steps):
            if step.name in needed:
                free = (fusion for fusion in step.fusions if needed.isdisjoint(fusion.over))
                if (fusion := next(free, None)) is not None:
                    passes[step.name] = fusion
                needed.update(step.inputs if fusion is None else (fusion.source,))
        needs = Needs(
            tuple((step, step.name in needed, passes.get(step.name)) for step in self.steps),
            tuple(step.name for step in self.steps if step.name in names),
        )
        if len(self._needs) >= KNOWN_NEEDS:
            self._needs.clear()  # there are as many as sets of stages; another thread may read
        return self._needs.setdefault(want, needs)


class Stream:
    """One stream on its way through a plan."""

    def __init__(self, plan: Plan, want: frozenset[str] | None) -> None:
        self._plan = plan
        self._want = want
        self._states = plan.begin()

    def push(self, items: object) -> dict[str, AnyBlock]:
        """What leaves each wanted stage after the items (one item, or a block)."""
        block = self._plan.format.block(items)
        self._states, outputs = self._plan.step(self._states, block, self._want)
        return outputs

    def gap(self, count: int) -> Passed:
        """The next `count` items never arrived; what comes of that, by the rule of the spec.

        Raises `GapError` where the rule is `error`: then nothing but `finish` is left to do.
        """
        if count < 0:
            raise ValueError(f"a gap has no fewer than 0 items, got {count}")
        stop = self._states.next_index + count
        parts = [Passed(self.push(self._plan.format.empty()), {}, 0)]
        while self._states.next_index < stop:
            self._states, passed = self._plan.skip(self._states, stop, self._want)
            parts.append(passed)
        return together(parts)

    def finish(self) -> dict[str, AnyBlock]:
        """What is owed at the end. The stream is then before its first item again."""
        outputs = self._plan.finish(self._states, self._want)
        self._states = self._plan.begin()
        return outputs
