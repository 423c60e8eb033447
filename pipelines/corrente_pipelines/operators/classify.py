"""What a network sees."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, ValidationInfo, field_validator

from corrente.format import Format, FormatError, Items
from corrente_pipelines import networks
from corrente_pipelines.networks.model import Model
from corrente_pipelines.networks.model_file import ModelFile, ModelPath, read
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.operator import Bound, Operator, State

if TYPE_CHECKING:
    from corrente_pipelines.networks.session import Session

ACCURACY = 1e-5
"""How far a network in float32 may be from its definition, for inputs up to 1."""


class Pending(NamedTuple):
    """The items, float32, from the begin of the next window on; `skip` more come before it."""

    items: Items
    skip: int


class Classify(Operator):
    """The probability of each class, a channel each: of whole frames, or of windows over a signal.

    What it takes is its network's to say. The model brings its preprocessing: it takes frames as
    cameras give them, 0 to 255, and signals in the units of the recordings that it was trained on.

    Of a signal, window k is items `[k * hop, k * hop + size)`, `size` items as the network wants
    them, and its probabilities lie at the window's centre, `k * hop + size // 2`. `hop` is half a
    window unless given; each window is computed by itself.

    A value that is not finite takes the class from its frame, or from all windows that hold it:
    their probabilities are NaN.
    """

    is_slow: ClassVar[bool] = True

    op: Literal["classify"] = "classify"
    model: ModelPath
    """The .safetensors file of a network, from the spec's folder."""
    hop: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """Items from a window to the next; half a window unless said. Not for whole frames."""

    @field_validator("hop")
    @classmethod
    def _only_over_time(cls, hop: int | None, info: ValidationInfo) -> int | None:
        file: ModelFile | None = info.data.get("model")
        if hop is not None and file is not None and not _is_over_time(file.model):
            raise ValueError("this model takes whole frames, one by one; leave hop out")
        return hop

    def output(self, *formats: Format) -> Format:
        """A signal with a channel per class, labelled; of windows one per `hop`."""
        (format,) = formats
        model = self._model
        _check_fit(model.network.input, format)
        labelled = replace(
            format, kind="signal", shape=(len(model.labels),), dtype="float32", labels=model.labels
        )
        if not _is_over_time(model):
            return labelled
        return replace(
            labelled,
            rate_hz=format.rate_hz / self._hop,
            origin=format.origin + format.stride * (self._size // 2),
            stride=format.stride * self._hop,
        )

    def start(self, *formats: Format, index: int = 0) -> State:
        """Nothing of frames; of a signal no item, and the way to the next window's begin."""
        if not _is_over_time(self._model):
            return None
        return Pending(np.empty((0, *formats[0].shape), np.float32), -index % self._hop)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Frame by frame, window by window: a batch of another size could give other bits."""
        items = blocks[0].astype(np.float32, copy=False)
        if state is None:
            return None, self._classified(items.reshape(-1, *self._model.network.input))
        skipped = min(state.skip, len(items))
        items = np.concatenate([state.items, items[skipped:]])
        windows = self._windows(items)
        begin = len(windows) * self._hop
        skip = state.skip - skipped + max(0, begin - len(items))
        # Copied: a view would keep all items alive.
        return Pending(items[begin:].copy(), skip), self._classified(windows)

    def delay(self, *formats: Format) -> int:
        """Items of a window behind its centre."""
        return self._size - 1 - self._size // 2

    def receptive_field(self, *formats: Format) -> int:
        """A window, or one frame."""
        return self._size

    def algorithm(self, *formats: Format) -> str:
        """Nothing is shared between windows."""
        return "window by window" if _is_over_time(self._model) else "frame by frame"

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return probabilities(self._model, self._inputs(x[0]))

    def tolerance(self, *x: Items) -> Bound:
        """1e-5; more for inputs beyond 1, with which every rounding grows."""
        inputs = np.abs(self._model.preprocessing.apply(self._inputs(x[0]).astype(np.float64)))
        finite = np.where(np.isfinite(inputs), inputs, 0)
        largest = finite.max(axis=tuple(range(1, finite.ndim)), initial=1)
        return np.asarray(ACCURACY * largest[:, np.newaxis])

    @property
    def _model(self) -> Model:
        return self.model.model

    @cached_property
    def _session(self) -> "Session":
        # What runs networks takes a tenth of a second to import, and most pipelines have none.
        from corrente_pipelines.networks.session import Session

        return Session(self._model)

    @property
    def _size(self) -> int:
        """How many items the network takes at once."""
        return self._model.network.input[0] if _is_over_time(self._model) else 1

    @property
    def _hop(self) -> int:
        return self.hop or max(1, self._size // 2)

    def _inputs(self, x: Items) -> Items:
        """All that the network is given of a whole stream."""
        if _is_over_time(self._model):
            return self._windows(x)
        return x.reshape(-1, *self._model.network.input)

    def _windows(self, items: Items) -> Items:
        """The whole windows of a signal's items, the first of which begins a window."""
        if len(items) < self._size:
            return np.empty((0, *self._model.network.input), items.dtype)
        return sliding_window_view(items, self._size, axis=0)[:: self._hop].swapaxes(1, 2)

    def _classified(self, inputs: Items) -> Items:
        y = np.full((len(inputs), len(self._model.labels)), np.nan, np.float32)
        for one, out in zip(inputs, y, strict=True):
            if np.isfinite(one).all():
                out[:] = self._session.run(one[np.newaxis])[0]
        return y

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Networks made by hand, of Prewitt's kernels: edges told apart, and slopes.

        The slopes in windows of six, half a window apart, and with a hop beyond the window.
        """
        folder = Path(networks.__path__[0])
        edges, slopes = (read(folder / f"{name}.safetensors") for name in ("edges", "slopes"))
        return [cls(model=edges), cls(model=slopes), cls(model=slopes, hop=7)]


def _is_over_time(model: Model) -> bool:
    return model.network.axes == 1


def _check_fit(wanted: tuple[int, ...], format: Format) -> None:
    """`FormatError`, with a remedy where there is one, unless the network takes such items."""
    if len(wanted) == 2:
        _check_signal(wanted[1], format)
    else:
        _check_frames(wanted, format)


def _check_signal(channels: int, format: Format) -> None:
    if format.kind != "signal":
        raise FormatError(f"the network takes signals of ({channels},), gets frames")
    if format.channels != channels:
        raise FormatError(
            f"the network takes signals of ({channels},), gets {format.shape}; "
            "publish the channels that it was trained on, or train one for yours"
        )


def _check_frames(wanted: tuple[int, ...], format: Format) -> None:
    if format.kind != "frames":
        raise FormatError(f"the network takes frames of {wanted}, gets a signal")
    given = (*format.shape, 1)[:3]
    if given != wanted:
        message = f"the network takes {wanted}, gets {format.shape}"
        raise FormatError(message + _remedy(wanted, given))


def _remedy(wanted: tuple[int, ...], given: tuple[int, ...]) -> str:
    """What to put before the network, where operators that fit exist."""
    resize = f"{{op: resize, size: [{wanted[0]}, {wanted[1]}]}}" if wanted[:2] != given[:2] else ""
    gray = "{op: gray}" if (wanted[2], given[2]) == (1, 3) else ""
    if wanted[2] != given[2] and not gray:
        return ""
    return f"; put {' and '.join(filter(None, [gray, resize]))} before it"
