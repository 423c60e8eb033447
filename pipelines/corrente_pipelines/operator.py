"""What an operator is: a frozen, validated spec with pure methods."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from corrente.format import Format, Items

State = Any
"""What an operator remembers between blocks: arrays, scalars, None, NamedTuples of those."""

Bound = NDArray[np.float64] | float

UNIT_ROUNDOFF = 2.0**-24
"""How far rounding to float32 moves a number, relative to it."""


class Operator(BaseModel):
    """One step of a pipeline: from blocks to blocks, the same whatever the blocks' sizes.

    A method never changes an argument. Blocks come and go as `(n, *format.shape)`, n may be 0.
    A subclass is final and brings a field `op`, which names it in a spec.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arity: ClassVar[int] = 1
    """How many inputs it takes, all of the same stride and aligned."""

    is_slow: ClassVar[bool] = False
    """Whether an item keeps a core busy for long, however small it is: a network does."""

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def __eq__(self, other: object) -> bool:
        # Pydantic would compare what is cached on the instances, too: arrays, which have no truth.
        if not isinstance(other, Operator) or type(self) is not type(other):
            return NotImplemented
        return self._given() == other._given()

    def _given(self) -> list[Any]:
        """The fields' values, those read from files included."""
        return [self.__dict__[name] for name in type(self).model_fields]

    @abstractmethod
    def output(self, *formats: Format) -> Format:
        """The format of what comes out; `FormatError` where the input does not fit."""

    def start(self, *formats: Format, index: int = 0) -> State:
        """The state before the item with that index; None for an operator without memory."""
        return None

    @abstractmethod
    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The state after the blocks, and what leaves. Without memory: one item for each item."""

    def finish(self, state: State) -> Items | None:
        """What is owed at the end of the stream, None where nothing can be."""
        return None

    def delay(self, *formats: Format) -> int:
        """How many items after its own an output leaves."""
        return 0

    def receptive_field(self, *formats: Format) -> int:
        """How many items an output is made of."""
        return 1

    @abstractmethod
    def reference(self, *x: Items) -> Items:
        """The textbook definition on whole signals: slow, plain, float64."""

    def tolerance(self, *x: Items) -> Bound:
        """How far float32 may lie from `reference(*x)`, beyond the rounding of the result."""
        return 0.0

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence[Self]:
        """Instances that the contract, the docs and the benchmarks use."""
