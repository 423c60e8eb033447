"""An operator computed in another way."""

from collections.abc import Sequence
from typing import Self

from pydantic import ConfigDict

from corrente.format import AnyBlock, Format
from corrente_pipelines.operator import Bound, Operator, Weights


class Form(Operator):
    """The same formats and definition as `of`, which has seen its inputs; other steps and states.

    What a subclass adds to its cost, its delay or its tolerance it says itself.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    of: Operator
    """What it computes."""

    @property
    def name(self) -> str:
        """What a spec calls it."""
        return self.of.name

    @property
    def arity(self) -> int:
        """As many inputs."""
        return self.of.arity

    def fit(self, *formats: Format) -> Format:
        """The same format."""
        return self.of.fit(*formats)

    def output(self, *formats: Format) -> Format:
        """The same format."""
        return self.of.output(*formats)

    def delay(self, *formats: Format) -> int:
        """The same."""
        return self.of.delay(*formats)

    def receptive_field(self, *formats: Format) -> int:
        """The same."""
        return self.of.receptive_field(*formats)

    def weights(self, *formats: Format) -> Weights | None:
        """The same."""
        return self.of.weights(*formats)

    def reference(self, *x: AnyBlock) -> AnyBlock:
        """The same."""
        return self.of.reference(*x)

    def tolerance(self, *x: AnyBlock) -> Bound:
        """The same."""
        return self.of.tolerance(*x)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """None of its own: those of the operators that have the form."""
        return []
