"""The spectra of a signal, side by side as frames."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field, model_validator

from corrente.format import Format, Items, Kind
from corrente_pipelines.numerics.padding import floats
from corrente_pipelines.operator import FLOAT32_BYTES, UNIT_ROUNDOFF, Bound, Operator, State
from corrente_pipelines.reference import magnitudes

Doubles = NDArray[np.float64]

FLOOR = 1e-10
"""The least power that is told in decibels: -100 dB."""


class _Memory(NamedTuple):
    """Items before the next window, those of windows to come, and columns of frames to come."""

    skip: int
    items: NDArray[np.float32]
    columns: NDArray[np.float32]
    """Windows of a frame."""


class Spectrogram(Operator):
    """Frames of `columns` spectra each, of windows of `size` items, `hop` items apart.

    Window k covers the items `[k hop, k hop + size)`; with Hann's window `w`, its spectrum is
    `X[f] = |sum_n w[n] x[k hop + n] exp(-2 pi i f n / size)| / sum_n w[n]`, so that an oscillation
    of amplitude a shows as a / 2. Row f is the frequency `f rate / size`, from 0 at the top to half
    the rate. Frame m has the windows from `m every` on (`every` is `columns` unless said): an image
    that a CNN can take. Several channels stay channels. `scale: power` gives `X^2`, `db` gives
    `10 log10 X^2`, not below -100.

    A column whose window holds an item that is not finite is NaN.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    op: Literal["spectrogram"] = "spectrogram"
    size: Annotated[int, Field(ge=2, le=1 << 16)]
    """Items of a window."""
    hop: Annotated[int, Field(ge=1, le=1 << 16)]
    """Items from a window to the next."""
    columns: Annotated[int, Field(ge=1, le=1 << 12)]
    """Windows of a frame."""
    every: Annotated[int, Field(ge=1, le=1 << 12)] | None = None
    """Windows from a frame to the next; `columns` unless said."""
    scale: Literal["magnitude", "power", "db"] = "magnitude"
    """What a pixel tells: `X`, `X^2`, or that in decibels."""

    @model_validator(mode="after")
    def _no_column_left_out(self) -> Self:
        if self._every > self.columns:
            raise ValueError(f"every must be at most columns, {self.columns}, got {self.every}")
        return self

    def output(self, *formats: Format) -> Format:
        """Frames `(size // 2 + 1, columns)`, with an axis for the channels of several."""
        (format,) = formats
        channels = () if format.channels == 1 else format.shape
        return replace(
            format,
            kind="frames",
            shape=(self._rows, self.columns, *channels),
            dtype="float32",
            labels=format.labels if channels else (),
            rate_hz=format.rate_hz / self._stride,
            stride=format.stride * self._stride,
            origin=format.origin + format.stride * (self._span // 2),
        )

    def start(self, *formats: Format, index: int = 0) -> State:
        """Nothing, before the first window of the next frame."""
        channels = formats[0].channels
        items = np.empty((0, channels), np.float32)
        columns = np.empty((0, self._rows, channels), np.float32)
        return _Memory(-index % self._stride, items, columns)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Window by window."""
        (block,) = blocks
        skipped = min(state.skip, len(block))
        items = np.concatenate([state.items, floats(block[skipped:])])
        windows = max(0, (len(items) - self.size) // self.hop + 1)
        made = self._columns(items, windows)
        passed = windows * self.hop  # beyond the items where windows lie apart
        skip = state.skip - skipped + max(0, passed - len(items))
        columns, y = self._frames(np.concatenate([state.columns, made]))
        return _Memory(skip, items[passed:].copy(), columns), y

    def delay(self, *formats: Format) -> int:
        """Items of a frame behind its centre."""
        return self._span - 1 - self._span // 2

    def receptive_field(self, *formats: Format) -> int:
        """Items of a frame."""
        return self._span

    def state_bytes(self, *formats: Format) -> int:
        """A window, and the columns of a frame."""
        channels = formats[0].channels
        return (self.size + self.columns * self._rows) * channels * FLOAT32_BYTES

    def algorithm(self, *formats: Format) -> str:
        """Each window by itself."""
        return "FFT"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        n = np.arange(self.size)
        waves = np.exp(-2j * np.pi / self.size * np.outer(np.arange(self._rows), n))
        windows = self._windows(x[0].astype(np.float64))
        finite = np.where(np.isfinite(windows), windows, 0)
        spectra = np.abs(np.einsum("fn,kcn->kfc", waves, finite * self._w)) / self._w.sum()
        bad = np.asarray(~np.isfinite(windows).all(axis=-1))
        spectra[np.broadcast_to(bad[:, np.newaxis], spectra.shape)] = np.nan
        return self._frames(self._scaled(spectra))[1]

    def tolerance(self, *x: Items) -> Bound:
        """The rounding of the input to float32, and much less of the FFT in float64."""
        sums = (self._windows(magnitudes(x[0])) * self._w).sum(axis=-1) / self._w.sum()
        bound = np.repeat(2 * UNIT_ROUNDOFF * sums[:, np.newaxis], self._rows, axis=1)
        if self.scale == "magnitude":
            return self._frames(bound)[1]
        most = self._frames(np.repeat(sums[:, np.newaxis], self._rows, axis=1))[1]
        power = 3 * self._frames(bound)[1] * most
        if self.scale == "power":
            return power
        least = np.maximum(10 ** (self.reference(x[0]) / 10) - power, FLOOR)
        return np.where(np.isfinite(least), 10 / np.log(10) * power / least, 0)

    @property
    def _every(self) -> int:
        return self.columns if self.every is None else self.every

    @property
    def _rows(self) -> int:
        return self.size // 2 + 1

    @property
    def _span(self) -> int:
        """Items of a frame."""
        return (self.columns - 1) * self.hop + self.size

    @property
    def _stride(self) -> int:
        """Items from a frame to the next."""
        return self._every * self.hop

    @cached_property
    def _w(self) -> Doubles:
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)

    def _windows(self, items: Items) -> Items:
        """What lies in each window: `(count, C, size)`."""
        if len(items) < self.size:
            return np.empty((0, items.shape[1], self.size), items.dtype)
        return sliding_window_view(items, self.size, axis=0)[:: self.hop]

    def _columns(self, items: Items, count: int) -> Items:
        """The spectra of the first windows: `(count, rows, C)`, float32."""
        windows = self._windows(items)[:count].astype(np.float64)
        bad = ~np.isfinite(windows).all(axis=-1)
        windows[bad] = 0
        spectra = np.abs(np.fft.rfft(windows * self._w)) / self._w.sum()
        spectra[bad] = np.nan
        with np.errstate(over="ignore"):  # beyond float32's range it is an infinity
            return self._scaled(spectra).transpose(0, 2, 1).astype(np.float32)

    def _scaled(self, spectra: Doubles) -> Doubles:
        if self.scale == "magnitude":
            return spectra
        power = spectra**2
        return power if self.scale == "power" else 10 * np.log10(np.maximum(power, FLOOR))

    def _frames(self, columns: Items) -> tuple[Items, Items]:
        """The columns of frames to come, and the frames that are whole, their channels last."""
        count = max(0, (len(columns) - self.columns) // self._every + 1)
        shape = (0, *columns.shape[1:], self.columns)
        frames = np.empty(shape, columns.dtype)
        if count:
            frames = sliding_window_view(columns, self.columns, axis=0)[:: self._every][:count]
        y = np.ascontiguousarray(frames.transpose(0, 1, 3, 2))
        return columns[count * self._every :].copy(), y if y.shape[-1] > 1 else y[..., 0]

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Overlapping, apart, side by side; each scale; frames that overlap."""
        return [
            cls(size=8, hop=4, columns=3),
            cls(size=5, hop=7, columns=2, scale="power"),
            cls(size=16, hop=4, columns=4, every=1, scale="db"),
        ]
