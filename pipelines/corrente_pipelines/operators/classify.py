"""What a network sees."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import networks
from corrente_pipelines.networks.model import Model
from corrente_pipelines.networks.model_file import ModelPath, read
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.networks.session import Session
from corrente_pipelines.operator import Bound, Operator, State

ACCURACY = 1e-5
"""How far a network in float32 may be from its definition, for inputs up to 1."""


class Classify(Operator):
    """The probability of each class, a channel each, of whole frames.

    The model brings its preprocessing: it takes frames as cameras give them, 0 to 255. A frame with
    a value that is not finite has no class: all its probabilities are NaN.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("frames",)
    is_slow: ClassVar[bool] = True

    op: Literal["classify"] = "classify"
    model: ModelPath
    """The .safetensors file of a network, from the spec's folder."""

    def output(self, *formats: Format) -> Format:
        """A signal with a channel per class, labelled."""
        (format,) = formats
        wanted = self._model.network.input
        given = (*format.shape, 1)[:3]
        if given != wanted:
            message = f"the network takes {wanted}, gets {format.shape}"
            raise FormatError(message + _remedy(wanted, given))
        labels = self._model.labels
        return replace(format, kind="signal", shape=(len(labels),), dtype="float32", labels=labels)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Frame by frame: a batch of another size could give other bits."""
        items = self._maps(blocks[0].astype(np.float32, copy=False))
        y = np.full((len(items), len(self._model.labels)), np.nan, np.float32)
        for k in np.flatnonzero(np.isfinite(items).all(axis=(1, 2, 3))):
            y[k] = self._session.run(items[k : k + 1])[0]
        return None, y

    def reference(self, *x: Items) -> Items:
        """The definition."""
        return probabilities(self._model, self._maps(x[0]))

    def tolerance(self, *x: Items) -> Bound:
        """1e-5; more for inputs beyond 1, with which every rounding grows."""
        maps = self._maps(x[0]).astype(np.float64)
        preprocessing = self._model.preprocessing
        inputs = np.abs(maps * preprocessing.scale + preprocessing.offset)
        largest = np.where(np.isfinite(inputs), inputs, 0).max(axis=(1, 2, 3), initial=1)
        return np.asarray(ACCURACY * largest[:, np.newaxis])

    @property
    def _model(self) -> Model:
        return self.model.model

    @cached_property
    def _session(self) -> Session:
        return Session(self._model)

    def _maps(self, x: Items) -> Items:
        return x.reshape(-1, *self._model.network.input)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """A network made by hand: Prewitt's kernels tell vertical from horizontal edges."""
        return [cls(model=read(Path(networks.__path__[0], "edges.safetensors")))]


def _remedy(wanted: tuple[int, ...], given: tuple[int, ...]) -> str:
    """What to put before the network, where operators that fit exist."""
    resize = f"{{op: resize, size: [{wanted[0]}, {wanted[1]}]}}" if wanted[:2] != given[:2] else ""
    gray = "{op: gray}" if (wanted[2], given[2]) == (1, 3) else ""
    if wanted[2] != given[2] and not gray:
        return ""
    return f"; put {' and '.join(filter(None, [gray, resize]))} before it"
