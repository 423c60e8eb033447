"""Operators over a sliding window: of time, with overlap-save of the tail, or of each frame."""

from abc import abstractmethod
from collections.abc import Hashable
from functools import cached_property
from math import prod
from typing import ClassVar

from msgspec.structs import replace

from corrente.format import Format, FormatError, Items, Kind
from corrente_pipelines import group, overlap
from corrente_pipelines.numerics.padding import Pad, Precision, framed, kept, margins
from corrente_pipelines.operator import Operator, State


class Windowed(Operator):
    """An operator whose output n is made of the items under a window centred at n.

    Over time, items wait until the window is complete. On frames, every frame is by itself.
    Centre and padding are those of `scipy.ndimage.correlate1d`.
    """

    precision: ClassVar[Precision] = "float32"
    """What the items are handed over in."""

    pad: Pad = "zero"
    """What lies beyond the borders; `valid` gives only outputs that need nothing from there."""

    @abstractmethod
    def window(self) -> tuple[int, ...]:
        """The window's sizes: `(K,)` over time, `(h, w)` on frames."""

    def centre(self) -> tuple[int, ...]:
        """Where in the window the output's own item lies, along each of its axes."""
        return tuple(size // 2 for size in self.window())

    @cached_property
    def _span(self) -> tuple[int, int]:
        """The window's size and its centre over time."""
        return self.window()[0], self.centre()[0]

    @abstractmethod
    def runs_over_time(self, format: Format) -> bool:
        """Whether the window slides over the items, not over each frame."""

    @abstractmethod
    def over_time(self, items: Items) -> Items:
        """Items `(n, …)`, floats, to the outputs of all complete windows."""

    def over_time_behind(self, before: Items, block: Items) -> tuple[Items, Items]:
        """The items to keep, and the outputs of all windows that are complete with the block."""
        items, tail = overlap.joined(before, block, self._span[0])
        return tail, self.over_time(items)

    @abstractmethod
    def over_frames(self, frames: Items) -> Items:
        """Frames `(n, H, W, C)`, as they came, to the outputs of all windows, padding included."""

    def framed(self, frames: Items) -> Items:
        """The frames as floats, with what their windows need beyond the borders."""
        window, centre = self.window(), self.centre()
        sizes, centres = (window[0], window[1]), (centre[0], centre[1])
        return framed(frames, sizes, self.pad, centres, self.precision)

    def slid(self, format: Format) -> Format:
        """The format behind the window, the channels kept."""
        if self.runs_over_time(format):
            return slid_over_time(format, self.window()[0], self.pad, self.centre()[0])
        return slid_over_frames(format, self.window(), self.pad)

    def start(self, *formats: Format, index: int = 0) -> State:
        """No item, over time; nothing at all on frames."""
        (format,) = formats
        return overlap.start(format, self.precision) if self.runs_over_time(format) else None

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Outputs whose window is complete."""
        (block,) = blocks
        if state is None:
            return None, self._frames(block)
        # What comes of compiled functions has a dtype of its own, equal, but another object.
        if not len(state) or block.dtype != state.dtype:
            size, centre = self._span
            state, block = overlap.extended(state, block, size, self.pad, centre)
        return self.over_time_behind(state, block)

    def finish(self, state: State) -> Items | None:
        """Outputs whose window reaches beyond the end."""
        if state is None:
            return None
        size, centre = self._span
        behind = overlap.behind(state, size, self.pad, centre)
        return self.over_time_behind(state, behind)[1]

    def signature(self, state: State) -> Hashable | None:
        """How long the tail is; on frames there is none."""
        return group.signature(state) if state is not None else ()

    def step_group(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """The streams end to end under the window."""
        (block,) = blocks
        if state is None:
            return None, group.item_by_item(self._frames, blocks)
        size, centre = self._span
        state, items = group.extend(state, block, size, self.pad, centre)
        return state, group.slid(self.over_time, items, size)

    def delay(self, *formats: Format) -> int:
        """Items behind the window's centre."""
        if not self.runs_over_time(formats[0]):
            return 0
        return margins(self.window()[0], self.centre()[0])[1]

    def receptive_field(self, *formats: Format) -> int:
        """Items under the window."""
        return self.window()[0] if self.runs_over_time(formats[0]) else 1

    def algorithm(self, *formats: Format) -> str:
        """Sums of products, as most do."""
        return "direct"

    def _frames(self, block: Items) -> Items:
        out = self.over_frames(block[..., None] if block.ndim == 3 else block)
        return out[..., 0] if out.shape[-1] == 1 and block.ndim == 3 else out


class WindowedOverTime(Windowed):
    """An operator on signals whose window slides over the items."""

    kinds: ClassVar[tuple[Kind, ...]] = ("signal",)

    def runs_over_time(self, format: Format) -> bool:
        """Always."""
        return True

    def over_frames(self, frames: Items) -> Items:
        """Never: no frames come."""
        raise NotImplementedError

    def output(self, *formats: Format) -> Format:
        """The same channels."""
        return self.slid(formats[0])


WINDOW_BYTES = 1 << 30
"""What a window may hold, float32: the items under one over time, a frame with its margins."""


def slid_over_time(format: Format, size: int, pad: Pad, centre: int | None = None) -> Format:
    """The format behind a window over time; `valid` starts at the centre of the first whole one.

    `FormatError` where the window would not fit into memory.
    """
    _check_bytes(size * prod(format.shape) * 4, f"{size} items of {format.shape}")
    shift = format.stride * margins(size, centre)[0] if pad == "valid" else 0
    return replace(format, dtype="float32", origin=format.origin + shift)


def slid_over_frames(format: Format, sizes: tuple[int, ...], pad: Pad) -> Format:
    """The format behind a window over each frame; `FormatError` where no window fits in."""
    height, width, *channels = format.shape
    shape = (kept(height, sizes[0], pad), kept(width, sizes[1], pad))
    if 0 in shape:
        raise FormatError(
            f"a kernel of {sizes[0]} x {sizes[1]} does not fit into a frame of "
            f"{height} x {width}; use a smaller one, or pad: edge"
        )
    with_margins = (height + sizes[0] - 1) * (width + sizes[1] - 1) * format.channels * 4
    _check_bytes(with_margins, f"a frame of {format.shape} with its margins")
    return replace(format, shape=(*shape, *channels), dtype="float32")


def _check_bytes(count: int, what: str) -> None:
    if count > WINDOW_BYTES:
        raise FormatError(
            f"{what} would take {count / (1 << 30):.1f} GiB, more than {WINDOW_BYTES >> 30}; "
            "use a smaller size"
        )
