"""Operators that slide a kernel, or a bank of kernels, given in the spec."""

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pydantic import model_validator

from corrente.format import Format, FormatError, Items
from corrente_pipelines import reference
from corrente_pipelines.costs import direct_sums_ns
from corrente_pipelines.kernels import Kernel, taps
from corrente_pipelines.numerics import direct, sliding
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound, Weights
from corrente_pipelines.windowed import Windowed


class Kernelled(Windowed):
    """Sums of products with a kernel: over every channel by itself, or a bank's over them all.

    `kernel` is `(K,)` on signals, `(h, w)` on frames. `kernels` are `(N, K)` or `(N, K, C)` on
    signals, `(N, h, w)` or `(N, h, w, C)` on frames; without C the input has one channel.
    """

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

    @abstractmethod
    def turned(self, taps: NDArray[np.float64], axes: tuple[int, ...]) -> NDArray[np.float64]:
        """The taps as they are slid; `axes` are those that slide."""

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
        bank = self._taps[..., np.newaxis] if self._taps.ndim == axes + 1 else self._taps
        if bank.ndim != axes + 2:
            kind = "signals" if axes == 1 else "frames"
            raise FormatError(f"kernels of shape {self._taps.shape} are not for {kind}")
        return self.turned(bank, tuple(range(1, axes + 1)))

    @cached_property
    def _single(self) -> NDArray[np.float64]:
        return self.turned(self._taps, tuple(range(self._taps.ndim)))

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._single, np.float32)

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
            return sliding.correlate(self.framed(frames), self._weights)
        return sliding.correlate_bank(self.framed(frames), self._frame_bank)

    def cost_ns(self, *formats: Format) -> float:
        """Of a frame; signals have no other way."""
        (format,) = formats
        if self.runs_over_time(format):
            return 0.0
        return direct_sums_ns(self.weights(format), format)

    def weights(self, *formats: Format) -> Weights:
        """The kernel, or the bank with its channels, as they are slid."""
        if self.kernel is not None:
            return Weights(self._single, self.pad, self.centre())
        axes = 1 if self.runs_over_time(formats[0]) else 2
        return Weights(self._bank(axes), self.pad, self.centre())

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
            return reference.correlate(x, of(self._single), self.pad, axis, self.centre())
        planes = x[..., np.newaxis] if x.ndim == 3 else x
        bank = of(self._bank(axis + 1))
        maps = reference.correlate_bank(planes, bank, self.pad, axis, self.centre())
        return maps[..., 0] if x.ndim == 3 and maps.shape[-1] == 1 else maps
