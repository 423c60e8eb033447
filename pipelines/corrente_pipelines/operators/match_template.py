"""Where a template is found."""

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import model_validator

from corrente.format import Format, FormatError, Items
from corrente_pipelines import reference
from corrente_pipelines.kernels import Kernel, taps
from corrente_pipelines.numerics import coefficients
from corrente_pipelines.numerics.padding import Precision
from corrente_pipelines.operator import UNIT_ROUNDOFF, Bound
from corrente_pipelines.windowed import Windowed

FLOAT64_BYTES = 8


class MatchTemplate(Windowed):
    """The correlation coefficient of a template with the items around each item, from -1 to 1.

    With `v[k] = x[n + k - K // 2]` and the means `v'` and `t'` of both,
    `y[n] = sum_k (t[k] - t') (v[k] - v') / sqrt(sum_k (t[k] - t')^2 sum_k (v[k] - v')^2)`,
    Pearson's; as images, normalised cross-correlation (J. P. Lewis, Fast normalized
    cross-correlation, 1995). 1 is the template itself, -1 its negative, whatever is added to it and
    whatever positive number it is multiplied by. Where all items under it are the same it is 0.

    `template` is `(K,)` on signals, `(h, w)` on frames, in lists or an .npy file; every channel is
    by itself. What `pad` puts beyond the borders counts like any other item.
    """

    precision: ClassVar[Precision] = "float64"

    op: Literal["match_template"] = "match_template"
    template: Kernel
    """What is looked for: `(K,)` on signals, `(h, w)` on frames."""

    @model_validator(mode="after")
    def _has_a_shape(self) -> Self:
        if self._taps.ndim > 2:
            raise ValueError(f"template must be (K,) or (h, w), got {self._taps.shape}")
        if self._taps.min() == self._taps.max():
            raise ValueError("all items of template are the same: nothing correlates with it")
        return self

    @cached_property
    def _taps(self) -> NDArray[np.float64]:
        return taps(self.template)

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        return coefficients.unit(self._taps)

    def window(self) -> tuple[int, ...]:
        """That of the template."""
        return self._taps.shape

    def runs_over_time(self, format: Format) -> bool:
        """On signals."""
        return format.kind == "signal"

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        (format,) = formats
        axes = 1 if self.runs_over_time(format) else 2
        if self._taps.ndim != axes:
            wanted = "signals a template is (K,)" if axes == 1 else "frames a template is (h, w)"
            raise FormatError(f"on {wanted}, got {self._taps.shape}")
        return self.slid(format)

    def over_time(self, items: Items) -> Items:
        """Direct sums."""
        return coefficients.along_time(items, self._unit)

    def over_frames(self, frames: Items) -> Items:
        """Direct sums."""
        return coefficients.on_frames(self.framed(frames), self._unit)

    def state_bytes(self, *formats: Format) -> int:
        """Items under the template, float64."""
        (format,) = formats
        size = self._taps.size if self.runs_over_time(format) else 0
        return size * prod(format.shape) * FLOAT64_BYTES

    def algorithm(self, *formats: Format) -> str:
        """Sums of products, in float64."""
        return "direct, float64"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        windows = self._windows(x[0])
        with np.errstate(invalid="ignore"):
            v = windows - windows.mean(axis=-1, keepdims=True)
            t = self._taps.ravel() - self._taps.mean()
            t /= np.abs(t).max()  # changes nothing, but that no square underflows
            energy = (v**2).sum(axis=-1)
            product = (v * t).sum(axis=-1)
            scale = np.sqrt(energy * (t**2).sum())
            return np.asarray(np.divide(product, scale, out=np.zeros_like(scale), where=scale != 0))

    def tolerance(self, *x: Items) -> Bound:
        """Sums of K products in float64 lose less than a rounding to float32."""
        return UNIT_ROUNDOFF

    def _windows(self, x: Items) -> NDArray[np.float64]:
        """What lies under the template at every output, in a last axis."""
        first_axis = 0 if x.ndim == 2 else 1
        axes = tuple(range(first_axis, first_axis + self._taps.ndim))
        y = x.astype(np.float64)
        for axis, size in zip(axes, self._taps.shape, strict=True):
            y = reference.padded(y, axis, size, self.pad)
        if y.shape[first_axis] < self._taps.shape[0]:  # a signal too short for one
            return np.empty((0, *x.shape[1:], self._taps.size))
        windows = sliding_window_view(y, self._taps.shape, axis=axes)
        return windows.reshape(*windows.shape[: x.ndim], self._taps.size)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Even and odd sizes, larger than the frame; each padding."""
        return [
            cls(template=[0, 1]),
            cls(template=[1, 2, 0, -1, 3], pad="edge"),
            cls(template=[1, 4, 2, 1], pad="valid"),
            cls(template=[[0, 1, 0], [1, 2, 1], [0, 1, 0]]),
            cls(template=[[1, 2], [3, 4], [0, -1], [2, 2]], pad="edge"),
            cls(template=[[1, 0, 3]], pad="valid"),
        ]
