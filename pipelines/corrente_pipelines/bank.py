"""Operators that look at frames under a bank of kernels, a labelled feature map for each."""

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import reference
from corrente_pipelines.costs import direct_sums_ns
from corrente_pipelines.numerics import direct, sliding
from corrente_pipelines.numerics.padding import Pad, framed
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Operator, State, Weights
from corrente_pipelines.windowed import slid_over_frames


class Bank(Operator):
    """Correlation of frames `(H, W)` with kernels of one size, `y[m] = sum_k w[m, k] x[n + k]`.

    One kernel gives frames `(H, W)`; of several each gives a channel, which is labelled.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    pad: Pad = "zero"
    """What lies beyond the borders; `valid` gives only outputs that need nothing from there."""

    @abstractmethod
    def kernels(self) -> NDArray[np.float64]:
        """The kernels, `(N, h, w)`."""

    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """What the N channels are called."""

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return direct.rounded(self.kernels())

    def output(self, *formats: Format) -> Format:
        """Frames `(H, W)`, or with a channel for each of several kernels."""
        (format,) = formats
        if len(format.shape) != 2:
            raise FormatError(
                f"{self.name} takes frames (H, W), gets {format.shape}"
                + ("; put {op: gray} before it" if format.shape[2:] == (3,) else "")
            )
        count, height, width = self._weights.shape
        out = slid_over_frames(format, (height, width), self.pad)
        if count == 1:
            return out
        return replace(out, shape=(*out.shape, count), labels=self.labels())

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Direct sums, every tap of the kernels, zeros too: they carry a NaN."""
        _, height, width = self._weights.shape
        frames = framed(blocks[0][..., np.newaxis], (height, width), self.pad)
        maps = sliding.correlate_bank(frames, self._weights[:, np.newaxis])
        return None, maps if maps.shape[-1] > 1 else maps[..., 0]

    def algorithm(self, *formats: Format) -> str:
        """Sums of products."""
        return "direct"

    def cost_ns(self, *formats: Format) -> float:
        """Of a frame."""
        return direct_sums_ns(self.weights(*formats), formats[0])

    def weights(self, *formats: Format) -> Weights:
        """The kernels, which take one channel."""
        return Weights(self._weights[..., np.newaxis].astype(np.float64), self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._defined(x[0], self._weights.astype(np.float64))

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of a sum of K products: `(K + 3) u sum |w| |x|`."""
        magnitudes = np.abs(self._weights.astype(np.float64))
        sums = self._defined(reference.magnitudes(x[0]), magnitudes)
        return np.asarray((self._weights[0].size + 3) * UNIT_ROUNDOFF * sums)

    def _defined(self, x: Items, kernels: NDArray[np.float64]) -> Items:
        maps = [reference.correlate(x, kernel, self.pad, first_axis=1) for kernel in kernels]
        return np.stack(maps, axis=-1) if len(maps) > 1 else maps[0]
