"""Putting one plan in the place of another while the stream goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from corrente.format import AnyBlock
from corrente_pipelines.plan import Plan
from corrente_pipelines.spec import INPUT
from corrente_pipelines.stepping import States


@dataclass(frozen=True, eq=False)
class Revision:
    """From one plan to another for the same format, stage by stage.

    A stage that says the same, behind stages that do, is `kept`: it goes on as if nothing had
    happened. One that was changed, or lies behind one, is `restarted`: it ends as at a gap, and
    starts anew where its inputs are. Others have `ended`, or `begun`; a stage whose outputs now lie
    at another stride does both, since its indices count something else.
    """

    old: Plan
    new: Plan

    @cached_property
    def kept(self) -> frozenset[str]:
        """The stages with the same operator and inputs in both plans, and all before them, too."""
        before = {step.name: (step.operator, step.inputs) for step in self.old.steps}
        kept = {INPUT}
        for step in self.new.steps:
            same = before.get(step.name) == (step.operator, step.inputs)
            if same and kept.issuperset(step.inputs):
                kept.add(step.name)
        return frozenset(kept - {INPUT})

    @cached_property
    def restarted(self) -> tuple[str, ...]:
        """The stages that go on with their indices, but not with their state."""
        before, after = self.old.formats, self.new.formats
        return tuple(
            name
            for name, format in after.items()
            if name not in self.kept and name in before and before[name].stride == format.stride
        )

    @cached_property
    def ended(self) -> tuple[str, ...]:
        """The stages of the old plan that are neither kept nor restarted."""
        return tuple(name for name in self.old.formats if not self._goes_on(name))

    @cached_property
    def begun(self) -> tuple[str, ...]:
        """The stages of the new plan that are neither kept nor restarted."""
        return tuple(name for name in self.new.formats if not self._goes_on(name))

    def tails(self, states: States) -> dict[str, AnyBlock]:
        """What the old plan's stages owe before they restart, or end."""
        tails = self.old.finish(states, kept=self.kept)
        return {name: items for name, items in tails.items() if name not in self.kept}

    def begin(self, states: States, tails: Mapping[str, AnyBlock], index: int) -> States:
        """The new plan's states before source item `index`, from the old one's.

        A restarted stage gives none of the indices again that it gave before, tails included.
        """
        before = dict(zip(self.old.formats, states.stages, strict=True))
        kept = {name: before[name] for name in self.kept}
        least = {name: before[name].position + len(tails[name]) for name in self.restarted}
        begun = self.new.begin(index, kept, least)
        last = states.last if self.new.gaps.keeps_last else begun.last
        return begun._replace(last=last, filled=states.filled)

    def _goes_on(self, name: str) -> bool:
        return name in self.kept or name in self.restarted
