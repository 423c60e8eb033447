"""A model: a network with its weights, and all that one must know to use and to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from corrente_pipelines.networks.layers import Network, Softmax

Array = NDArray[Any]


class ModelError(ValueError):
    """A model that cannot be, or a file that holds none."""


class Preprocessing(BaseModel):
    """What is done to an item's values before the first layer: `items * scale + offset`.

    Each is one number, or one per channel; the same for all items, whatever they hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: FiniteFloat | tuple[FiniteFloat, ...] = 1.0
    offset: FiniteFloat | tuple[FiniteFloat, ...] = 0.0

    def apply(self, items: Array) -> Array:
        """Items `(…, C)` in float64 as the first layer takes them."""
        return np.asarray(items * np.asarray(self.scale) + np.asarray(self.offset))


class Provenance(BaseModel):
    """Where a model comes from, and how good it is.

    `accuracy` is the share of items classified rightly among those of `split` that were held out:
    used neither to train nor to select.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    licence: str
    split: str
    seed: int
    accuracy: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, eq=False)
class Model:
    """A classifier: a network that ends with softmax, one label per class, weights in float32.

    `arrays` are made read-only copies. Raises `ModelError` where the parts do not fit each other.
    """

    network: Network
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    provenance: Provenance
    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        if not isinstance(self.network.layers[-1], Softmax):
            raise ModelError("a classifier's last layer is softmax")
        classes = self.network.output[0]
        if len(self.labels) != classes or len(set(self.labels)) != classes:
            raise ModelError(f"{classes} classes need as many different labels, got {self.labels}")
        _check_preprocessing(self.network, self.preprocessing)
        _check_names(self.network, self.arrays)
        for name, shape in self.network.arrays.items():
            _check_array(name, self.arrays[name], shape)
        copies = {name: np.array(self.arrays[name], order="C") for name in self.network.arrays}
        for copy in copies.values():
            copy.flags.writeable = False
        object.__setattr__(self, "arrays", MappingProxyType(copies))

    def equals(self, other: "Model") -> bool:
        """Whether the other gives the same for every input; whence they come may differ."""
        return (
            self.network == other.network
            and self.labels == other.labels
            and self.preprocessing == other.preprocessing
            and all(np.array_equal(array, other.arrays[k]) for k, array in self.arrays.items())
        )


def _check_preprocessing(network: Network, preprocessing: Preprocessing) -> None:
    channels = network.input[-1]
    for name, given in (("scale", preprocessing.scale), ("offset", preprocessing.offset)):
        if isinstance(given, tuple) and len(given) != channels:
            raise ModelError(
                f"preprocessing.{name} must be one number or {channels}, got {len(given)}"
            )


def _check_names(network: Network, arrays: Mapping[str, Array]) -> None:
    missing = sorted(network.arrays.keys() - arrays.keys())
    unknown = sorted(arrays.keys() - network.arrays.keys())
    if missing:
        raise ModelError(f"arrays are missing: {', '.join(missing[:8])}")
    if unknown:
        raise ModelError(f"the network knows no arrays {', '.join(unknown[:8])[:200]}")


def _check_array(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ModelError(f"{name} must have the shape {shape}, got {array.shape}")
    if array.dtype != np.float32:
        raise ModelError(f"{name} must be float32, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ModelError(f"{name} holds values that are not finite")
