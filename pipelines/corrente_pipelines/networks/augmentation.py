"""What training changes at random: images distorted as handwriting is, windows cut anywhere.

Needs the extra `train`.
"""

# torch is not installed everywhere.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from dataclasses import dataclass
from math import radians
from typing import Protocol

import torch
from torch.nn import functional


class Augmentation(Protocol):
    """A random change that leaves the class what it is."""

    def apply(self, items: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """The items (n, C, …), each changed in its own way."""
        ...


@dataclass(frozen=True)
class Crop:
    """Windows of `size` items, cut anywhere out of recordings."""

    size: int

    def apply(self, items: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """A window (n, C, size) of each recording (n, C, length)."""
        n, _, length = items.shape
        starts = torch.randint(length - self.size + 1, (n,), generator=random)
        every = items.unfold(2, self.size, 1)
        return every[torch.arange(n), :, starts]


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted: the largest affine change, the spread of the elastic one."""

    degrees: float = 15.0
    stretch: float = 0.15
    shear: float = 0.15
    shift_px: float = 2.0
    elastic_px: float = 1.2
    elastic_nodes: int = 5

    def apply(self, items: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """Images (n, C, H, W), each distorted in its own way, black beyond their borders."""
        n, _, height, width = items.shape
        # grid_sample counts in half sides, from -1 to 1.
        half_sides = torch.tensor([width / 2, height / 2])
        grid = functional.affine_grid(
            self._affine(n, half_sides, random), list(items.shape), align_corners=False
        )
        nodes = torch.randn(n, 2, self.elastic_nodes, self.elastic_nodes, generator=random)
        bend = functional.interpolate(
            nodes * self.elastic_px, size=(height, width), mode="bicubic", align_corners=True
        )
        grid = grid + bend.permute(0, 2, 3, 1) / half_sides
        return functional.grid_sample(items, grid, align_corners=False)

    def _affine(self, n: int, half_sides: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """Random affine maps (n, 2, 3) from a distorted image's coordinates to the image's."""
        turn, across, down, shear, x, y = (torch.rand(6, n, generator=random) * 2 - 1).unbind()
        turn = turn * radians(self.degrees)
        cos, sin = turn.cos(), turn.sin()
        across, down = 1 + across * self.stretch, 1 + down * self.stretch
        shear = shear * self.shear
        shift = torch.stack([x, y], dim=1) * self.shift_px / half_sides
        first = torch.stack([cos * across, (cos * shear - sin) * down, shift[:, 0]], dim=1)
        second = torch.stack([sin * across, (sin * shear + cos) * down, shift[:, 1]], dim=1)
        return torch.stack([first, second], dim=1)
