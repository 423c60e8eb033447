"""Which of several ways to compute a stage a plan takes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from corrente.format import Format, FormatError
from corrente_pipelines.operator import Operator

WORTH = 1.25
"""So many times faster is worth waiting longer for an output."""


class Choice(NamedTuple):
    """What a plan goes by: what another one took, else a model of what each way costs."""

    algorithms: Mapping[str, str] = MappingProxyType({})
    """By stage."""

    def of(self, stage: str, forms: Sequence[Operator], *formats: Format) -> Operator:
        """One of the forms, of which the first is the operator itself."""
        named = self.algorithms.get(stage)
        if named is not None:
            return _called(named, forms, *formats)
        enough = WORTH * min(form.cost_ns(*formats) for form in forms)
        soonest = sorted(forms, key=lambda form: form.delay(*formats))
        return next(form for form in soonest if form.cost_ns(*formats) <= enough)


BY_MODEL = Choice()


def _called(algorithm: str, forms: Sequence[Operator], *formats: Format) -> Operator:
    for form in forms:
        if form.algorithm(*formats) == algorithm:
            return form
    known = ", ".join(form.algorithm(*formats) for form in forms)
    raise FormatError(f"it is not computed by {algorithm!r}; there are: {known}")
