"""Long filters by Fourier transforms, frame by frame on a fixed grid.

Frame g gives the outputs whose newest item has an index in `[g hop, g hop + hop)`, wherever a
stream began and however it was cut: so the bits depend on neither. A frame leaves when it is
complete.
"""

from abc import abstractmethod
from functools import cached_property
from math import ceil, log2, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from corrente.format import AnyBlock, Format, Items
from corrente_pipelines.blocks import data
from corrente_pipelines.numerics import overlap_save, partitioned
from corrente_pipelines.numerics.padding import beyond, floats, margins
from corrente_pipelines.operator import Bound, Operator, State
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.rewrites.form import Form

SMALLEST = 64
"""Frames of fewer items are not worth a transform."""

DOUBLE_ROUNDOFF = 2.0**-53


class Waiting(NamedTuple):
    """The items of the frame that is not complete, and those before it that it is made of.

    `next_index` counts padding as items. Outputs leave from the one whose newest item is `first`
    on. `begun` is whether an item was seen. `seen` are the spectra of blocks before, where kept.
    """

    items: Items
    next_index: int
    first: int
    begun: bool
    seen: NDArray[np.float64]


class Framed(Form):
    """A filter that waits for frames of `hop` items."""

    of: Fir  # pyright: ignore[reportIncompatibleVariableOverride] - it is frozen
    hop: int = Field(ge=1)
    """Items from one frame to the next."""

    @property
    @abstractmethod
    def before(self) -> int:
        """How many items before a frame it is made of, too."""

    @abstractmethod
    def unseen(self, channels: int) -> NDArray[np.float64]:
        """The spectra kept at the start."""

    @abstractmethod
    def frames(self, items: Items, seen: NDArray[np.float64]) -> tuple[Items, NDArray[np.float64]]:
        """The outputs of whole frames, `before` items in front of them; the spectra to keep."""

    @property
    def size(self) -> int:
        """Items of a transform."""
        return self.before + self.hop

    @cached_property
    def _lengths(self) -> tuple[int, int]:
        """Items before a frame, and from one to the next."""
        return self.before, self.hop

    @cached_property
    def _margins(self) -> tuple[int, int]:
        return (0, 0) if self.of.pad == "valid" else margins(self.of.taps)

    def start(self, *formats: Format, index: int = 0) -> State:
        """Nothing but zeros."""
        (format,) = formats
        begin = index - self._margins[0]
        held = np.zeros((self.before + begin % self.hop, *format.shape), np.float32)
        return Waiting(held, begin, begin + self.of.taps - 1, False, self.unseen(format.channels))

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The outputs of frames that are complete."""
        items = floats(blocks[0])
        if len(items) and not state.begun:
            padding = beyond(items[:1], self._margins[0], self.of.pad)
            items = np.concatenate([padding, items])
        return self._advance(state, items, state.begun or len(items) > 0)

    def finish(self, state: State) -> Items | None:
        """What is behind the last frame: it is filled up, and cut at its last window."""
        if not state.begun:
            return None
        behind = beyond(state.items[-1:], self._margins[1], self.of.pad)
        state, early = self._advance(state, behind, True)
        missing = -state.next_index % self.hop
        filling = np.zeros((missing, *state.items.shape[1:]), np.float32)
        _, late = self._advance(state, filling, True)
        return np.concatenate([early, late[: max(len(late) - missing, 0)]])

    def _advance(self, state: Waiting, items: Items, begun: bool) -> tuple[Waiting, Items]:
        waiting, next_index, first, _, seen = state
        held, index = np.concatenate((waiting, items)), next_index + len(items)
        before, hop = self._lengths
        whole = (len(held) - before) // hop * hop
        if not whole:
            return Waiting(held, index, first, begun, seen), held[:0]
        y, seen = self.frames(held[: before + whole], seen)
        newest = next_index - (len(waiting) - before)
        early = min(max(first - newest, 0), len(y))
        return Waiting(held[whole:].copy(), index, first, begun, seen), y[early:]

    def delay(self, *formats: Format) -> int:
        """Items behind the window's centre, and those of the frame."""
        return self.of.delay(*formats) + self.hop - 1

    def receptive_field(self, *formats: Format) -> int:
        """All that has a say in the last bit: the frame an output lies in."""
        return self.before + 2 * self.hop - 1

    def state_bytes(self, *formats: Format) -> int:
        """The items of a frame, and spectra."""
        channels = formats[0].channels
        return (self.before + self.hop) * channels * 4 + self.unseen(channels).nbytes

    def tolerance(self, *x: AnyBlock) -> Bound:
        """That of direct sums, and what the rounding of the transforms spreads over a frame.

        (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, theorem 24.2, four times.)
        """
        finite = np.abs(data(x[0]), dtype=np.float64)
        finite = finite[np.isfinite(finite) & (finite <= np.finfo(np.float32).max)]
        size = 2.0 * self.size
        spread = 32 * DOUBLE_ROUNDOFF * log2(size) * sqrt(size) * float(np.abs(self.taps).sum())
        return super().tolerance(*x) + spread * (finite.max() if finite.size else 0.0)

    @property
    def taps(self) -> NDArray[np.float64]:
        """The taps."""
        weights = self.of.weights()
        assert weights is not None
        return weights.taps


class OverlapSave(Framed):
    """Frames longer than the taps."""

    @property
    def before(self) -> int:
        """A window but one item."""
        return self.of.taps - 1

    def unseen(self, channels: int) -> NDArray[np.float64]:
        """None."""
        return np.empty(0)

    def frames(self, items: Items, seen: NDArray[np.float64]) -> tuple[Items, NDArray[np.float64]]:
        """Each by itself."""
        return overlap_save.correlate_frames(items, *self._spectrum), seen

    @cached_property
    def _spectrum(self) -> overlap_save.Spectrum:
        return overlap_save.spectrum(self.taps, self.size)

    def algorithm(self, *formats: Format) -> str:
        """With the size of its transforms."""
        return f"overlap-save {self.size}"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what an item takes, for a machine as most are."""
        return _packs(formats[0]) * 4 * (self.size / self.hop) * (0.22 * log2(self.size) + 0.6)


class Partitioned(Framed):
    """Blocks shorter than the taps, whose spectra are kept."""

    @property
    def parts(self) -> int:
        """How many the taps are cut into."""
        return ceil(self.of.taps / self.hop)

    @property
    def before(self) -> int:
        """As many blocks as there are parts."""
        return self.parts * self.hop

    def unseen(self, channels: int) -> NDArray[np.float64]:
        """Zeros."""
        return np.zeros((self.parts - 1, channels, 2, partitioned.width(self.hop)))

    def frames(self, items: Items, seen: NDArray[np.float64]) -> tuple[Items, NDArray[np.float64]]:
        """Block by block."""
        return partitioned.correlate_blocks(items, seen, *self._parts)

    @cached_property
    def _parts(self) -> partitioned.Parts:
        return partitioned.parts(self.taps, self.hop)

    def algorithm(self, *formats: Format) -> str:
        """With the number of its parts, and the size of their transforms."""
        return f"overlap-save {self.parts} x {2 * self.hop}"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what an item takes."""
        channels = formats[0].channels
        transforms = _packs(formats[0]) * 8 * (0.22 * log2(2 * self.hop) + 0.6)
        return transforms + channels * (10 + 1.0 * self.parts)


def forms(operator: Operator) -> list[Form]:
    """Those of a filter whose hops its `max_delay` allows."""
    if not isinstance(operator, Fir):
        return []
    longest = operator.taps if operator.max_delay is None else operator.max_delay
    longest += 1  # an output waits for the rest of its frame
    found: list[Form] = []
    size = SMALLEST
    while size - operator.taps + 1 <= longest:
        hop = size - operator.taps + 1
        if 4 * hop >= size:
            found.append(OverlapSave(of=operator, hop=hop))
        size *= 2
    block = 1 << (longest.bit_length() - 1)
    if SMALLEST // 2 <= block < operator.taps // 2:
        found.append(Partitioned(of=operator, hop=block))
    return found[-3:]


def _packs(format: Format) -> int:
    """How many times four channels are transformed."""
    return ceil(format.channels / 4)
