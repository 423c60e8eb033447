"""Which of several ways to compute a stage a plan takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from corrente.format import Format, FormatError
from corrente_pipelines import wisdom
from corrente_pipelines.operator import Operator
from corrente_pipelines.wisdom import NO_WISDOM, Wisdom

WORTH = 1.25
"""So many times faster is worth waiting longer for an output."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What a plan goes by: what another one took, else what was measured, else a model of costs."""

    algorithms: Mapping[str, str] = field(default_factory=dict[str, str])
    """By stage."""
    wisdom: Wisdom = NO_WISDOM
    """What each way was measured to take on this machine."""

    def of(self, stage: str, forms: Sequence[Operator], *formats: Format) -> Operator:
        """One of the forms, of which the first is the operator itself."""
        named = self.algorithms.get(stage)
        if named is not None:
            return _called(named, forms, *formats)
        costs = self._costs(forms, *formats)
        enough = WORTH * min(costs)
        soonest = sorted(range(len(forms)), key=lambda k: forms[k].delay(*formats))
        return next(forms[k] for k in soonest if costs[k] <= enough)

    def _costs(self, forms: Sequence[Operator], *formats: Format) -> list[float]:
        """What an item takes each way: measured, where all of them were."""
        if len(forms) == 1:
            return [0.0]
        times = self.wisdom.of(forms[0], *formats)
        costs = [times.get(form.algorithm(*formats), 0.0) for form in forms]
        if all(0 < cost < inf for cost in costs):
            return costs
        return [form.cost_ns(*formats) for form in forms]


BY_MODEL = Choice()


def by_wisdom(file: Path | None = None) -> Choice:
    """What is kept of measurements on this machine, in the user's cache unless said; else models.

    A file that cannot be read is one that holds nothing.
    """
    return Choice(wisdom=wisdom.load(file or wisdom.default_file()))


def _called(algorithm: str, forms: Sequence[Operator], *formats: Format) -> Operator:
    for form in forms:
        if form.algorithm(*formats) == algorithm:
            return form
    known = ", ".join(form.algorithm(*formats) for form in forms)
    raise FormatError(f"it is not computed by {algorithm!r}; there are: {known}")
