"""Operators that make one pixel of a square of pixels."""

from abc import abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.numerics.pools import Pool, pool_count, pooled
from corrente_pipelines.operator import Operator, State

Length = Annotated[int, Field(ge=1, le=4096)]


class Pooling(Operator):
    """Of each frame, `size` x `size` pixels become one, every `stride` pixels (`size` unless said).

    Pool `(i, j)` covers rows `[i stride, i stride + size)` and columns alike. What is left over at
    the right and the bottom is cut: there are `(H - size) // stride + 1` down, and so across.
    Every channel is by itself. A pool that holds a NaN gives one, no other does.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)

    size: Length
    """Pixels each way that become one."""
    stride: Length | None = None
    """Pixels from one pool to the next; `size` unless said."""

    @abstractmethod
    def pool(self) -> Pool:
        """The kernel that writes a frame's pools."""

    @property
    def _apart(self) -> int:
        return self.size if self.stride is None else self.stride

    def output(self, *formats: Format) -> Format:
        """Smaller frames of the same channels, float32."""
        (format,) = formats
        height, width, *channels = format.shape
        if self.size > min(height, width):
            raise FormatError(
                f"a pool of {self.size} x {self.size} does not fit into a frame of "
                f"{height} x {width}; use a smaller size"
            )
        shape = (self._count(height), self._count(width), *channels)
        return replace(format, shape=shape, dtype="float32")

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Pool by pool."""
        return None, self.pooled(blocks[0], self.pool())

    def pooled(self, block: Items, pool: Pool) -> Items:
        """The pools of frames, written by that kernel."""
        planes = floats(block if block.ndim == 4 else block[..., np.newaxis])
        y = pooled(planes, self.size, self._apart, pool)
        return y if block.ndim == 4 else y[..., 0]

    def pools(self, x: Items) -> NDArray[np.float64]:
        """The pixels of every pool of frames `(n, H, W, …)`, float64: `(n, H', W', …, size^2)`."""
        doubles = x.astype(np.float64)
        windows = sliding_window_view(doubles, (self.size, self.size), axis=(1, 2))
        apart = windows[:, :: self._apart, :: self._apart]
        return apart.reshape(*apart.shape[:-2], self.size**2)

    def _count(self, length: int) -> int:
        return pool_count(length, self.size, self._apart)
