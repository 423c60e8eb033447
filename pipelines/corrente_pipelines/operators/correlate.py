"""Correlation with a kernel, or with a bank of kernels."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal, Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import model_validator

from corrente.format import Format, FormatError, Items
from corrente_pipelines import reference
from corrente_pipelines.kernels import Kernel, taps
from corrente_pipelines.numerics import direct
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Weights
from corrente_pipelines.windowed import Windowed


class Correlate(Windowed):
    """Correlation, not flipped: `y[n] = sum_k w[k] x[n + k - K // 2]`.

    `kernel` goes over every channel by itself: `(K,)` on signals, `(h, w)` on frames. `kernels`
    give one feature map each, summed over the channels: `(N, K)` or `(N, K, C)` on signals,
    `(N, h, w)` or `(N, h, w, C)` on frames; without C the input has one channel.
    """

    op: Literal["correlate"] = "correlate"
    kernel: Kernel | None = None
    """One kernel for every channel: `(K,)` on signals, `(h, w)` on frames."""
    kernels: Kernel | None = None
    """Several, a feature map each: `(N, K)`, `(N, K, C)`, `(N, h, w)` or `(N, h, w, C)`."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.kernel is None) == (self.kernels is None):
            raise ValueError("needs either kernel or kernels")
        if self.kernel is not None and self._taps.ndim > 2:
            raise ValueError("kernel must be (K,) or (h, w); several kernels go into kernels")
        if self.kernels is not None and not 2 <= self._taps.ndim <= 4:
            raise ValueError("kernels must be (N, K), (N, K, C), (N, h, w) or (N, h, w, C)")
        return self

    @cached_property
    def _taps(self) -> NDArray[np.float64]:
        given = self.kernel if self.kernel is not None else self.kernels
        assert given is not None
        return direct.rounded(taps(given)).astype(np.float64)

    def window(self) -> tuple[int, ...]:
        """All axes of a kernel but the channels."""
        return self._taps.shape if self.kernel is not None else self._taps.shape[1:3]

    def runs_over_time(self, format: Format) -> bool:
        """On signals."""
        return format.kind == "signal"

    def output(self, *formats: Format) -> Format:
        """As many channels as before, or as there are kernels."""
        (format,) = formats
        axes = 1 if self.runs_over_time(format) else 2
        if self.kernel is not None:
            if self._taps.ndim != axes:
                wanted = "(K,)" if axes == 1 else "(h, w)"
                raise FormatError(
                    f"on {format.kind} a kernel has shape {wanted}, got {self._taps.shape}; "
                    f"write it as {'a list' if axes == 1 else 'lists of equal lengths in a list'}"
                )
            return self.slid(format)
        bank = self._bank(axes)
        if bank.shape[-1] != format.channels:
            raise FormatError(
                f"kernels of shape {self._taps.shape} take {bank.shape[-1]} channels, "
                f"the input has {format.channels}; give each kernel as many"
            )
        out = self.slid(replace(format, labels=()))
        if axes == 1:
            return replace(out, shape=(len(bank),))
        one_map = len(bank) == 1 and len(format.shape) == 2
        return replace(out, shape=out.shape[:2] if one_map else (*out.shape[:2], len(bank)))

    def _bank(self, axes: int) -> NDArray[np.float64]:
        """The kernels with their channels: `(N, K, C)` or `(N, h, w, C)`."""
        if self._taps.ndim == axes + 1:
            return self._taps[..., np.newaxis]
        if self._taps.ndim == axes + 2:
            return self._taps
        kind = "signals" if axes == 1 else "frames"
        raise FormatError(f"kernels of shape {self._taps.shape} are not for {kind}")

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return self._taps.astype(np.float32)

    @cached_property
    def _signal_bank(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.moveaxis(self._bank(1), -1, 1), np.float32)

    @cached_property
    def _frame_bank(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.moveaxis(self._bank(2), -1, 1), np.float32)

    def over_time(self, items: Items) -> Items:
        """Direct sums."""
        if self.kernel is not None:
            return direct.along_time(items, self._weights)
        return direct.bank_along_time(items, self._signal_bank)

    def over_frames(self, frames: Items) -> Items:
        """Direct sums."""
        if self.kernel is not None:
            return direct.on_frames(frames, self._weights)
        return direct.bank_on_frames(frames, self._frame_bank)

    def weights(self, *formats: Format) -> Weights:
        """The kernel, or the bank with its channels."""
        if self.kernel is not None:
            return Weights(self._taps, self.pad)
        return Weights(self._bank(1 if self.runs_over_time(formats[0]) else 2), self.pad)

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return self._defined(x[0], np.asarray)

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of a sum of K products: `(K + 3) u sum |w| |x|`."""
        count = self._taps.size if self.kernel is not None else self._taps[0].size
        return (count + 3) * UNIT_ROUNDOFF * self._defined(reference.magnitudes(x[0]), np.abs)

    def _defined(self, x: Items, of: Callable[[Items], Items]) -> Items:
        axis = 0 if x.ndim == 2 else 1
        if self.kernel is not None:
            return reference.correlate(x, of(self._taps), self.pad, axis)
        planes = x[..., np.newaxis] if x.ndim == 3 else x
        maps = reference.correlate_bank(planes, of(self._bank(axis + 1)), self.pad, axis)
        return maps[..., 0] if x.ndim == 3 and maps.shape[-1] == 1 else maps

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One tap; even and odd sizes; banks; each padding."""
        return [
            cls(kernel=[2.0]),
            cls(kernel=[1, 2, 3, 4], pad="edge"),
            cls(kernel=[1, 0, -1, 0.5, 3], pad="valid"),
            cls(kernel=[[1, 0, -1]] * 3),
            cls(kernel=[[1, 2], [3, 4], [0, -1]], pad="edge"),
            cls(kernels=[[1, 0, -1], [1, 2, 1]], pad="edge"),
            cls(kernels=[[[1, 2, 3], [0, -1, 1]]], pad="valid"),
            cls(kernels=[[[1, 0], [0, -1]], [[0, 1], [-1, 0]]]),
            cls(kernels=np.arange(-9, 9).reshape(1, 3, 2, 3).tolist(), pad="edge"),
        ]
