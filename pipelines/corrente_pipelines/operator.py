"""What an operator is: a frozen, validated spec with pure methods."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PrivateAttr

from corrente.format import AnyBlock, Events, Format, FormatError, Items, Kind
from corrente_pipelines import group
from corrente_pipelines.numerics.padding import Pad

State = Any
"""What an operator remembers between blocks: arrays, scalars, None, NamedTuples of those."""

Bound = NDArray[np.float64] | float

FLOAT32_BYTES = 4

UNIT_ROUNDOFF = 2.0**-24
"""How far rounding to float32 moves a number, relative to it."""


class Weights(NamedTuple):
    """A kernel that is correlated with: `y[n] = sum_k taps[k] x[n + k - centre]`.

    `taps` is `(K,)` over time and `(h, w)` on frames where every channel is by itself; kernels
    that sum over C channels to N outputs are `(N, K, C)` and `(N, h, w, C)`.
    """

    taps: NDArray[np.float64]
    pad: Pad
    centre: tuple[int, ...] | None = None
    """The tap over the output's own item, on each axis; None is half of the size."""


class Operator(BaseModel):
    """One step of a pipeline: from blocks to blocks, the same whatever the blocks' sizes.

    A method never changes an argument. Blocks come and go as `(n, *format.shape)`, n may be 0; as
    `Events` where the format is of that kind. An event lies at or behind the item it belongs to,
    before the next.
    A subclass is final and brings a field `op`, which names it in a spec.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: ClassVar[tuple[Kind, ...]] = ("signal", "frames")
    """What it takes."""

    is_recursive: ClassVar[bool] = False
    """Whether an output depends on all items before it; then `receptive_field` says after how many
    it no longer matters, within `tolerance`, what came before."""

    is_slow: ClassVar[bool] = False
    """Whether an item keeps a core busy for long, however small it is: a network does."""

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def __eq__(self, other: object) -> bool:
        # Pydantic would compare what is cached on the instances, too: arrays, which have no truth.
        if not isinstance(other, Operator) or type(self) is not type(other):
            return NotImplemented
        return self._given() == other._given()

    @property
    def name(self) -> str:
        """What a spec calls it."""
        return operator_name(type(self))

    def _given(self) -> list[Any]:
        """The fields' values, those read from files included."""
        return [self.__dict__[name] for name in type(self).model_fields]

    @property
    def arity(self) -> int:
        """How many inputs it takes, all of the same stride and aligned."""
        return 1

    def fit(self, *formats: Format) -> Format:
        """The format of what comes out; `FormatError` where the inputs do not fit."""
        for format in formats:
            if format.kind not in self.kinds:
                raise FormatError(
                    f"{self.name} takes {_either(self.kinds)}, gets {format.kind}; "
                    f"put it where its input is {_either(self.kinds)}"
                )
        return self.output(*formats)

    @abstractmethod
    def output(self, *formats: Format) -> Format:
        """The format of what comes out of inputs of the right kinds; `fit` asks for it.

        `FormatError` where they do not fit. Item k of a coarser or finer output lies where item
        `k * out.stride / in.stride` of the input does, up to a shift of the origin.
        """

    def prepared(self, *formats: Format) -> Self:
        """The operator that is at work on those inputs: where it depends on their rate, a copy."""
        return self

    def start(self, *formats: Format, index: int = 0) -> State:
        """The state before the item with that index; None for an operator without memory.

        The first output is then the first whose index is `index`, counted in outputs, or more.
        """
        return None

    @abstractmethod
    def step(self, state: State, *blocks: Any) -> tuple[State, AnyBlock]:
        """The state after the blocks, and what leaves. Without memory: one item for each item."""

    def _remembering_nothing(self, *blocks: Items) -> Items:
        items = self.step(None, *blocks)[1]
        assert not isinstance(items, Events)
        return items

    def finish(self, state: State) -> AnyBlock | None:
        """What is owed at the end of the stream, None where nothing can be."""
        return None

    def signature(self, state: State) -> Hashable | None:
        """What states have in common that one `step_group` can take; None where none can."""
        return () if state is None else None

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """`step` of S streams in one call, blocks `(S, n, …)`, n at least 1: the same bits.

        The streams' states are one in which every array has the streams as its first axis
        (`group.stacked`): they have one signature. That of those after depends on it and on n only.
        """
        return state, group.item_by_item(self._remembering_nothing, blocks)

    def delay(self, *formats: Format) -> int:
        """How many items after its own an output leaves."""
        return 0

    def receptive_field(self, *formats: Format) -> int:
        """How many items an output is made of."""
        return 1

    def state_bytes(self, *formats: Format) -> int:
        """About what a state holds: float32 items under a window over time, if there is one."""
        window = self.receptive_field(*formats)
        items = sum(prod(format.shape) * FLOAT32_BYTES for format in formats)
        return window * items if window > 1 else 0

    def algorithm(self, *formats: Format) -> str:
        """How outputs are computed, in two or three words."""
        return "item by item"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what an item takes, for who chooses between several ways to compute it."""
        return 0.0

    def weights(self, *formats: Format) -> Weights | None:
        """What it correlates with; None where an output is no sum of products with a kernel."""
        return None

    @abstractmethod
    def reference(self, *x: Any) -> AnyBlock:
        """The textbook definition on whole signals: slow, plain, float64."""

    def tolerance(self, *x: Any) -> Bound:
        """How far float32 may lie from `reference(*x)`, beyond the rounding of the result."""
        return 0.0

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence[Self]:
        """Instances that the contract, the docs and the benchmarks use."""


class Rated(Operator):
    """An operator whose numbers depend on the rate of its input."""

    _input_format: Format | None = PrivateAttr(None)

    @property
    def input_format(self) -> Format:
        """The format of the input, of the first of several."""
        if self._input_format is None:
            raise RuntimeError(f"{self.name} is at work only once it was prepared for an input")
        return self._input_format

    @property
    def input_rate_hz(self) -> float:
        """Items of the input per second."""
        return self.input_format.rate_hz

    def prepared(self, *formats: Format) -> Self:
        """A copy that knows its input; nothing that was cached for another goes along."""
        names = type(self).model_fields
        copy = type(self).model_construct(**{name: self.__dict__[name] for name in names})
        copy._input_format = formats[0]  # noqa: SLF001 - its own
        return copy


def operator_name(operator: type[Operator]) -> str:
    """What a spec calls the operator."""
    return str(operator.model_fields["op"].default)


def _either(kinds: Sequence[Kind]) -> str:
    plural = {"signal": "signals", "frames": "frames", "events": "events"}
    return " or ".join(plural[kind] for kind in kinds)
