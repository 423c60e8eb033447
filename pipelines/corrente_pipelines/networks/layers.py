"""The layers of a network as a spec: the source of truth of every form that a network takes.

A map has the shape `(H, W, C)`, a vector `(n,)`. Kernels are `(filters, size, size, C)`, as
everywhere in Corrente, and are correlated with the map, not flipped.
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
    """Correlation with `filters` kernels of `size` x `size`, and a bias each; not padded."""

    layer: Literal["conv"] = "conv"
    filters: Size
    size: Size
    stride: Size = 1

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        height, width, _ = _map(shape)
        return (
            _steps(height, self.size, self.stride),
            _steps(width, self.size, self.stride),
            self.filters,
        )


class Relu(_Layer):
    """max(x, 0)."""

    layer: Literal["relu"] = "relu"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return shape


class MaxPool(_Layer):
    """The largest value of every `size` x `size` square; what is left over at the end is cut."""

    layer: Literal["max_pool"] = "max_pool"
    size: Size
    stride: Size

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        height, width, channels = _map(shape)
        return (
            _steps(height, self.size, self.stride),
            _steps(width, self.size, self.stride),
            channels,
        )


class Flatten(_Layer):
    """A map as a vector, channels running fastest."""

    layer: Literal["flatten"] = "flatten"

    def output(self, shape: Shape) -> Shape:
        """The shape of what comes out for an input of that shape."""
        return (prod(_map(shape)),)


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


Layer = Annotated[Conv | Relu | MaxPool | Flatten | Dense | Softmax, Field(discriminator="layer")]


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
    """Layers one behind the other, from items of shape `input`, `(H, W, C)`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: tuple[Size, Size, Size]
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
            return {f"{name}.kernels": (filters, size, size, shape[-1]), f"{name}.bias": (filters,)}
        case Dense(units=units):
            return {f"{name}.weights": (units, shape[0]), f"{name}.bias": (units,)}
        case _:
            return {}


def _map(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(f"takes a map (H, W, C), gets {shape}")
    height, width, channels = shape
    return height, width, channels


def _vector(shape: Shape) -> Shape:
    if len(shape) != 1:
        raise ValueError(f"takes a vector (n,), gets {shape}; put {{layer: flatten}} before it")
    return shape


def _steps(length: int, size: int, stride: int) -> int:
    """How many whole windows of `size`, `stride` apart, lie in `length`."""
    if length < size:
        raise ValueError(f"needs at least {size} x {size}, gets a side of {length}")
    return (length - size) // stride + 1
