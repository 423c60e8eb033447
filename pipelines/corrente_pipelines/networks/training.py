"""Training a classifier by stochastic gradient descent on items changed at random.

Needs the extra `train`.
"""

# torch is not installed everywhere.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from corrente_pipelines.networks.augmentation import Augmentation, Distortion
from corrente_pipelines.networks.layers import Network
from corrente_pipelines.networks.model import Array
from corrente_pipelines.networks.torch_module import build, read_arrays


@dataclass(frozen=True)
class Recipe:
    """How to train. The rate falls from `rate` to 0 along a cosine, step by step.

    Selected and given back are not the weights of a step but their moving average, in which a
    step's weights count `1 - averaging`.
    """

    epochs: int = 60
    batch: int = 64
    rate: float = 0.03
    momentum: float = 0.9
    decay: float = 1e-4
    smoothing: float = 0.05
    averaging: float = 0.999
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Distortion)


class Examples(NamedTuple):
    """Preprocessed items (n, …, C) float32, and the class of each (n,)."""

    items: Array
    classes: Array


class Epoch(NamedTuple):
    """The weights after an epoch, and the share of the selection's items they classify rightly."""

    number: int
    accuracy: float
    arrays: dict[str, Array]


def epochs(
    network: Network, training: Examples, selection: Examples, recipe: Recipe
) -> Iterator[Epoch]:
    """Train a network that ends with softmax; the weights after each epoch, from number 1 on.

    On one machine and version of torch, equal arguments give equal weights.
    """
    items, classes = _tensors(training)
    random = torch.Generator().manual_seed(recipe.seed)
    module = _module(network, recipe.seed)
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))
    optimiser = torch.optim.SGD(
        module.parameters(), recipe.rate, recipe.momentum, weight_decay=recipe.decay
    )
    batches = -(-len(items) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs * batches)
    for number in range(1, recipe.epochs + 1):
        with _seeded(recipe.seed + number):  # what dropout draws from
            for chosen in torch.randperm(len(items), generator=random).split(recipe.batch):
                changed = recipe.augmentation.apply(items[chosen], random)
                logits = module[:-1](changed)
                loss = functional.cross_entropy(
                    logits, classes[chosen], label_smoothing=recipe.smoothing
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                average.update_parameters(module)
        yield Epoch(number, _accuracy(average.module, selection), read_arrays(average.module))


def _module(network: Network, seed: int) -> nn.Sequential:
    with _seeded(seed):
        return build(network)


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Torch's own randomness, begun anew, and put back behind the block."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _tensors(examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
    items = np.ascontiguousarray(np.moveaxis(examples.items, -1, 1))
    return torch.tensor(items), torch.tensor(examples.classes, dtype=torch.int64)


def _accuracy(module: nn.Module, examples: Examples) -> float:
    items, classes = _tensors(examples)
    module.eval()  # without dropout; what is given is an average, which is not trained
    with torch.no_grad():
        return float((module(items).argmax(dim=1) == classes).float().mean())
