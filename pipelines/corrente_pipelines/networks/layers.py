"""The layers of a network as a spec: the source of truth of every form that a network takes.

A map has the shape `(H, W, C)`, or `(window, C)` in a network over time; a vector `(n,)`. Kernels
are `(filters, size, size, C)`, as everywhere in Corrente, or `(filters, size, C)`; they are
correlated with the map, not flipped.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Shape = tuple[int, ...]

MAX_LAYERS = 256
MAX_PARAMETERS = 128 << 20
MAX_VALUES = 16 << 20
"""The most values that a layer may give for one item."""

Size = Annotated[int, Field(ge=1, le=1 << 20)]


class _Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conv(_Layer):
    """Correlation with `filters` kernels, and a bias each; not padded.

    A kernel is `size` x `size`, over time `size` long.
    """

    layer: Literal["conv"] = "conv"
    filters: Size
    size: Size
    stride: Size = 1

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        *sides, _ = _map(shape)
        return (*_steps(sides, self.size, self.stride), self.filters)


class Relu(_Layer):
    """max(x, 0)."""

    layer: Literal["relu"] = "relu"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return shape


class MaxPool(_Layer):
    """The largest value under every window; what is left over at the end is cut.

    A window is `size` x `size`, over time `size` long.
    """

    layer: Literal["max_pool"] = "max_pool"
    size: Size
    stride: Size

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        *sides, channels = _map(shape)
        return (*_steps(sides, self.size, self.stride), channels)


class Flatten(_Layer):
    """A map as a vector, channels running fastest."""

    layer: Literal["flatten"] = "flatten"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return (prod(_map(shape)),)


class GlobalAveragePool(_Layer):
    """The mean of each channel over the whole map: a vector."""

    layer: Literal["global_average_pool"] = "global_average_pool"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return (_map(shape)[-1],)


class Dropout(_Layer):
    """In training, values are zero with probability `rate`, the others grow; else nothing."""

    layer: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1)]

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return shape


class Dense(_Layer):
    """`units` weighted sums of a vector, and a bias each."""

    layer: Literal["dense"] = "dense"
    units: Size

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        _vector(shape)
        return (self.units,)


class Softmax(_Layer):
    """exp(x) over its sum: a vector of probabilities."""

    layer: Literal["softmax"] = "softmax"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return _vector(shape)


AnyLayer = Conv | Relu | MaxPool | Flatten | GlobalAveragePool | Dropout | Dense | Softmax
Layer = Annotated[AnyLayer, Field(discriminator="layer")]


class Row(NamedTuple):
    """A layer in its network: its name, the shape it gives, and those of its arrays by name."""

    name: str
    layer: Layer
    output: Shape
    arrays: Mapping[str, Shape]

    @property
    def parameters(self) -> int:
        """How many numbers the layer learns."""
        return sum(prod(shape) for shape in self.arrays.values())


class Network(BaseModel):
    """Layers one behind the other, from an input of shape `input`.

    That is a frame, `(H, W, C)`, or a window over a signal, `(window, C)`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Annotated[tuple[Size, ...], Field(min_length=2, max_length=3)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS)]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The layers with their names (`conv1`, `relu1`, `conv2`), shapes and arrays."""
        rows: list[Row] = []
        seen: Counter[str] = Counter()
        shape: Shape = self.input
        for layer in self.layers:
            seen[layer.layer] += 1
            name = f"{layer.layer}{seen[layer.layer]}"
            try:
                output = layer.output(shape)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            rows.append(Row(name, layer, output, _arrays(name, layer, shape)))
            shape = output
        return tuple(rows)

    @property
    def axes(self) -> int:
        """Over how many axes a kernel slides: two on frames, one over time."""
        return len(self.input) - 1

    @property
    def output(self) -> Shape:
        """The shape of what the last layer gives."""
        return self.rows[-1].output

    @property
    def arrays(self) -> dict[str, Shape]:
        """The shapes of all arrays of weights by name."""
        return {name: shape for row in self.rows for name, shape in row.arrays.items()}

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(row.parameters for row in self.rows)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.parameters > MAX_PARAMETERS:
            raise ValueError(
                f"a network has at most {MAX_PARAMETERS} parameters, got {self.parameters}"
            )
        values = max(prod(self.input), *(prod(row.output) for row in self.rows))
        if values > MAX_VALUES:
            raise ValueError(f"a layer gives at most {MAX_VALUES} values, got {values}")
        return self


def _arrays(name: str, layer: Layer, shape: Shape) -> dict[str, Shape]:
    """The shapes of the layer's arrays by name, for an input of that shape."""
    match layer:
        case Conv(filters=filters, size=size):
            sides = (size,) * (len(shape) - 1)
            return {f"{name}.kernels": (filters, *sides, shape[-1]), f"{name}.bias": (filters,)}
        case Dense(units=units):
            return {f"{name}.weights": (units, shape[0]), f"{name}.bias": (units,)}
        case _:
            return {}


def _map(shape: Shape) -> Shape:
    if len(shape) not in (2, 3):
        raise ValueError(f"takes a map (H, W, C) or (window, C), gets {shape}")
    return shape


def _vector(shape: Shape) -> Shape:
    if len(shape) != 1:
        raise ValueError(f"takes a vector (n,), gets {shape}; put {{layer: flatten}} before it")
    return shape


def _steps(sides: list[int], size: int, stride: int) -> Shape:
    """How many whole windows of `size`, `stride` apart, lie along each side."""
    if min(sides) < size:
        needed = " x ".join([str(size)] * len(sides))
        raise ValueError(f"needs at least {needed}, gets a side of {min(sides)}")
    return tuple((side - size) // stride + 1 for side in sides)
