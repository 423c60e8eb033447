"""The torch module of a network, and its weights in and out.

Needs the extra `train`. Inside, channels come first, as torch has them: maps (n, C, H, W) or
(n, C, window), kernels (N, C, h, w) or (N, C, size).
"""

# torch is not installed everywhere.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUntypedBaseClass=false

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from corrente_pipelines.networks.layers import (
    AnyLayer,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    MaxPool,
    Network,
    Relu,
    Shape,
    Softmax,
)
from corrente_pipelines.networks.model import Array


def build(network: Network) -> nn.Sequential:
    """The network as a torch module, its weights drawn by torch.

    It takes preprocessed items, channels first; without its last layer (`module[:-1]`) it gives the
    logits of a classifier.
    """
    shapes = [network.input, *(row.output for row in network.rows)]
    return nn.Sequential(
        OrderedDict(
            (row.name, _layer(row.layer, shape))
            for row, shape in zip(network.rows, shapes, strict=False)
        )
    )


def write_arrays(module: nn.Module, arrays: Mapping[str, Array]) -> None:
    """Give the module the weights of a model."""
    module.load_state_dict({_torch_name(name): _to_torch(x) for name, x in arrays.items()})


def read_arrays(module: nn.Module) -> dict[str, Array]:
    """The module's weights as a model has them."""
    return {_name(key, x.ndim): _from_torch(x) for key, x in module.state_dict().items()}


class _ChannelsLast(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """(n, C, …) as (n, …, C): what `flatten` flattens."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.movedim(1, -1)


class _GlobalAverage(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """(n, C, …) to the means (n, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).mean(dim=2)


def _layer(layer: AnyLayer, shape: Shape) -> nn.Module:
    is_over_time = len(shape) == 2
    match layer:
        case Conv(filters=filters, size=size, stride=stride):
            conv = nn.Conv1d if is_over_time else nn.Conv2d
            return conv(shape[-1], filters, size, stride)
        case Relu():
            return nn.ReLU()
        case MaxPool(size=size, stride=stride):
            return (nn.MaxPool1d if is_over_time else nn.MaxPool2d)(size, stride)
        case Flatten():
            return nn.Sequential(_ChannelsLast(), nn.Flatten())
        case GlobalAveragePool():
            return _GlobalAverage()
        case Dropout(rate=rate):
            return nn.Dropout(rate)
        case Dense(units=units):
            return nn.Linear(shape[0], units)
        case Softmax():
            return nn.Softmax(dim=1)


def _torch_name(name: str) -> str:
    layer, array = name.split(".")
    return f"{layer}.bias" if array == "bias" else f"{layer}.weight"


def _name(key: str, rank: int) -> str:
    layer, _ = key.split(".")
    return f"{layer}.{ {1: 'bias', 2: 'weights', 3: 'kernels', 4: 'kernels'}[rank] }"


def _to_torch(array: Array) -> torch.Tensor:
    return torch.tensor(np.moveaxis(array, -1, 1) if array.ndim > 2 else array)


def _from_torch(tensor: torch.Tensor) -> Array:
    array: Array = tensor.detach().numpy()
    return np.array(np.moveaxis(array, 1, -1) if array.ndim > 2 else array, order="C")
