"""Kernels on frames by Fourier transforms of tiles, on a grid that the frame's shape fixes."""

from functools import cached_property
from math import ceil, log2, sqrt

import numpy as np

from corrente.format import AnyBlock, Format, Items
from corrente_pipelines.bank import Bank
from corrente_pipelines.blocks import data
from corrente_pipelines.kernelled import Kernelled
from corrente_pipelines.numerics import fft, tiles
from corrente_pipelines.numerics.padding import pixels
from corrente_pipelines.operator import Bound, Operator, State, Weights
from corrente_pipelines.rewrites.form import Form

LEAST_TAPS = 25
"""A kernel of fewer is never worth a transform."""

CANDIDATES = 3
"""How many sizes of tiles are offered, the best by the model."""

MAX_BYTES = 128 << 20
"""What the spectra of the kernels, or of two tiles and their maps, may take."""

DOUBLE_ROUNDOFF = 2.0**-53

_FRAMES = Format(kind="frames", shape=(1, 1))


class Tiles(Form):
    """Kernels that are multiplied with the spectra of tiles of a frame, every frame by itself."""

    of: Kernelled | Bank  # pyright: ignore[reportIncompatibleVariableOverride] - it is frozen
    tile: tuple[int, int]
    """Pixels down and along: powers of two that hold the kernel, at least 8."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The outputs of the frames."""
        (block,) = blocks
        frames = block[..., np.newaxis] if block.ndim == 3 else block
        maps = tiles.correlate(pixels(frames), self._bank)
        return None, maps[..., 0] if maps.shape[-1] == 1 and block.ndim == 3 else maps

    @cached_property
    def _weights(self) -> Weights:
        weights = self.of.weights(_FRAMES)
        assert weights is not None
        return weights

    @cached_property
    def _bank(self) -> tiles.Bank:
        taps, pad, centre = self._weights
        is_shared = taps.ndim == 2
        kernels = taps[np.newaxis, ..., np.newaxis] if is_shared else taps
        height, width = centre or (kernels.shape[1] // 2, kernels.shape[2] // 2)
        return tiles.bank(kernels, is_shared, (height, width), pad, self.tile)

    def algorithm(self, *formats: Format) -> str:
        """With the size of its tiles."""
        return f"FFT tiles {self.tile[0]} x {self.tile[1]}"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what a frame takes, for a machine as most are."""
        return _Work(self._weights, formats[0]).cost_ns(self.tile)

    def tolerance(self, *x: AnyBlock) -> Bound:
        """That of direct sums, and what the rounding of the transforms spreads over a frame.

        (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, theorem 24.2, four times.)
        """
        finite = np.abs(data(x[0]), dtype=np.float64)
        finite = finite[np.isfinite(finite) & (finite <= np.finfo(np.float32).max)]
        size = 2.0 * self.tile[0] * self.tile[1]
        taps = np.abs(self._weights.taps)
        largest = taps.sum() if taps.ndim == 2 else taps.sum(axis=(1, 2, 3)).max()
        spread = 32 * DOUBLE_ROUNDOFF * log2(size) * sqrt(size) * float(largest)
        return super().tolerance(*x) + spread * (finite.max() if finite.size else 0.0)


class _Work:
    """What there is to do for a frame, whatever the size of the tiles."""

    def __init__(self, weights: Weights, format: Format) -> None:
        taps, pad, _ = weights
        is_shared = taps.ndim == 2
        self.window: tuple[int, ...] = taps.shape if is_shared else taps.shape[1:3]
        self.channels = format.channels
        self.maps = self.channels if is_shared else len(taps)
        self.products = self.channels if is_shared else self.maps * self.channels
        self.kernels = 1 if is_shared else self.products
        lost = [0, 0] if pad != "valid" else [size - 1 for size in self.window]
        self.shape = [format.shape[0] - lost[0], format.shape[1] - lost[1]]

    def cost_ns(self, tile: tuple[int, int]) -> float:
        """A model: a pass over a complex number in four lanes, a product, an output."""
        points = tile[0] * tile[1]
        valid = [side - size + 1 for side, size in zip(tile, self.window, strict=True)]
        counts = [ceil(whole / part) for whole, part in zip(self.shape, valid, strict=True)]
        down, along = 0.3 * ceil(log2(tile[0]) / 2), 0.3 * ceil(log2(tile[1]) / 2)
        there = self.channels * (down + along + 0.8)
        back = self.maps * (along + down * valid[1] / tile[1]) + self.products * 0.55
        placed = 0.6 * 2 * self.maps * valid[0] * valid[1]
        crowded = 1 + self.bytes(tile) / (64 << 20)
        return ceil(counts[0] * counts[1] / 2) * (points * (there + back) + placed) * crowded

    def bytes(self, tile: tuple[int, int]) -> int:
        """What the spectra take: of the kernels, of two tiles, of their maps."""
        return 16 * tile[0] * tile[1] * (self.kernels + self.channels + self.maps)

    def sizes(self) -> list[tuple[int, int]]:
        """The best sizes of tiles by the model, the best first."""
        down, along = map(_sides, self.window)
        sizes = [(height, width) for height in down for width in along]
        fitting = [size for size in sizes if self.bytes(size) <= MAX_BYTES]
        return sorted(fitting, key=self.cost_ns)[:CANDIDATES]


def _sides(size: int) -> list[int]:
    """Powers of two of which a kernel leaves a quarter or more."""
    least = max(fft.SMALLEST, 1 << (4 * size // 3).bit_length())
    return [least << k for k in range(4)]


def forms(operator: Operator, *formats: Format) -> list[Form]:
    """Those of kernels on frames."""
    if not isinstance(operator, Kernelled | Bank) or formats[0].kind != "frames":
        return []
    work = _Work(operator.weights(*formats), formats[0])
    if work.window[0] * work.window[1] < LEAST_TAPS:
        return []
    return [Tiles(of=operator, tile=size) for size in work.sizes()]
