"""The torch module of a network, and its weights in and out.

Needs the extra `train`. Inside, maps are (n, C, H, W) and kernels (N, C, h, w), as torch has them.
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
    Conv,
    Dense,
    Flatten,
    MaxPool,
    Network,
    Relu,
    Shape,
    Softmax,
)
from corrente_pipelines.networks.model import Array


def build(network: Network) -> nn.Sequential:
    """The network as a torch module, its weights drawn by torch.

    It takes preprocessed items (n, C, H, W); without its last layer (`module[:-1]`) it gives the
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
    """(n, C, H, W) as (n, H, W, C): what `flatten` flattens."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1)


def _layer(layer: Conv | Relu | MaxPool | Flatten | Dense | Softmax, shape: Shape) -> nn.Module:
    match layer:
        case Conv(filters=filters, size=size, stride=stride):
            return nn.Conv2d(shape[-1], filters, size, stride)
        case Relu():
            return nn.ReLU()
        case MaxPool(size=size, stride=stride):
            return nn.MaxPool2d(size, stride)
        case Flatten():
            return nn.Sequential(_ChannelsLast(), nn.Flatten())
        case Dense(units=units):
            return nn.Linear(shape[0], units)
        case Softmax():
            return nn.Softmax(dim=1)


def _torch_name(name: str) -> str:
    layer, array = name.split(".")
    return f"{layer}.bias" if array == "bias" else f"{layer}.weight"


def _name(key: str, rank: int) -> str:
    layer, _ = key.split(".")
    return f"{layer}.{ {1: 'bias', 2: 'weights', 4: 'kernels'}[rank] }"


def _to_torch(array: Array) -> torch.Tensor:
    return torch.tensor(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array)


def _from_torch(tensor: torch.Tensor) -> Array:
    array: Array = tensor.detach().numpy()
    return np.array(array.transpose(0, 2, 3, 1) if array.ndim == 4 else array, order="C")
