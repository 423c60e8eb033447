"""What one output item, or pixel, is made of."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente.format import Format, FormatError, Items
from corrente_pipelines.operator import Weights
from corrente_pipelines.step import Step

MAX_TAPS = 1 << 24

Doubles = NDArray[np.float64]


class Window(NamedTuple):
    """What lies under a kernel in one channel: `(K,)` over time, `(h, w)` in a frame."""

    channel: int
    first: tuple[int, ...]
    """The item, or the row and column, under the first tap; below 0 it is padding."""
    inputs: Doubles
    inside: NDArray[np.bool_]
    """False where an input is padding."""
    taps: Doubles

    @property
    def products(self) -> Doubles:
        """Inputs times taps."""
        with np.errstate(invalid="ignore"):
            return self.inputs * self.taps


class Seen(NamedTuple):
    """The items of an input that an output is made of; beyond the ends of it there are none."""

    name: str
    first: int
    items: Items


@dataclass(frozen=True)
class Trace:
    """An output and what it is made of: windows under a kernel, or else the items it sees."""

    step: Step
    index: int
    pixel: tuple[int, ...]
    channel: int
    outputs: Items
    """The whole output item."""
    over_time: bool
    pad: str
    windows: tuple[Window, ...]
    seen: tuple[Seen, ...]

    @property
    def value(self) -> float:
        """The output traced."""
        at = self.pixel if self.step.format.kind == "frames" else ()
        return float(self.outputs[(*at, self.channel)[: self.outputs.ndim]])

    @property
    def total(self) -> float:
        """The sum of all products, in float64."""
        with np.errstate(invalid="ignore"):
            return float(sum(window.products.sum() for window in self.windows))


def trace(
    step: Step,
    inputs: list[Items],
    outputs: Items,
    index: int,
    pixel: tuple[int, ...] = (),
    channel: int = 0,
) -> Trace:
    """What output `index` of a stage is made of, of its whole (joined) inputs and outputs.

    `pixel` is a row and a column where the output is frames. Raises `FormatError` where there is
    no such output.
    """
    _check_place(step, len(outputs), index, pixel, channel)
    source = step.joined[0]
    position = (step.format.origin + index * step.format.stride - source.origin) / source.stride
    weights = step.operator.weights(*step.joined)
    windows = () if weights is None else _windows(weights, inputs[0], position, pixel, channel)
    return Trace(
        step=step,
        index=index,
        pixel=pixel,
        channel=channel,
        outputs=outputs[index],
        over_time=weights is not None and len(_sizes(weights)) == 1,
        pad="" if weights is None else weights.pad,
        windows=windows,
        seen=_seen(step, inputs, floor(position)),
    )


def _check_place(step: Step, count: int, index: int, pixel: tuple[int, ...], channel: int) -> None:
    name, format = step.name, step.format
    if not 0 <= index < count:
        raise FormatError(
            f"{name} has no output {index} of this recording; "
            + (f"there are 0 to {count - 1}" if count else "there is none")
        )
    sizes = format.shape[:2] if format.kind == "frames" else ()
    if len(pixel) != len(sizes):
        said = "frames: say ROW COLUMN" if sizes else "no frames: say no ROW COLUMN"
        raise FormatError(f"{name} gives {said} behind the index")
    if any(not 0 <= at < size for at, size in zip(pixel, sizes, strict=True)):
        said = " rows and ".join(map(str, sizes))
        raise FormatError(f"{name} gives {said} columns, counted from 0")
    if not 0 <= channel < format.channels:
        raise FormatError(f"{name} has channels 0 to {format.channels - 1}, not {channel}")


def _sizes(weights: Weights) -> tuple[int, ...]:
    """The sizes of the window."""
    shape = weights.taps.shape
    return shape if len(shape) <= 2 else shape[1:-1]


def _windows(
    weights: Weights, x: Items, position: Fraction, pixel: tuple[int, ...], channel: int
) -> tuple[Window, ...]:
    sizes = _sizes(weights)
    if prod(sizes) > MAX_TAPS:
        raise FormatError(f"a kernel of {prod(sizes)} taps is too large to show")
    centre = weights.centre or tuple(size // 2 for size in sizes)
    if len(sizes) == 1:
        first: tuple[int, ...] = (floor(position) - centre[0],)
    else:
        # `valid` gives the pixels from the first whole window on.
        shift = (0, 0) if weights.pad == "valid" else centre
        first = (pixel[0] - shift[0], pixel[1] - shift[1])
        x = x[floor(position)]
    alone = weights.taps.ndim == len(sizes)
    channels = [channel] if alone else range(weights.taps.shape[-1])
    return tuple(
        _window(
            _plane(x, len(sizes), pixel, c),
            c,
            first,
            weights.taps if alone else weights.taps[channel, ..., c],
            weights.pad,
        )
        for c in channels
    )


def _plane(x: Items, axes: int, pixel: tuple[int, ...], channel: int) -> Items:
    """One channel of what the window slides over: a frame's, or over time a pixel's."""
    if axes == 2:
        return x if x.ndim == 2 else x[..., channel]
    items = x[:, pixel[0], pixel[1]] if pixel else x
    return items if items.ndim == 1 else items[..., channel]


def _window(x: Items, channel: int, first: tuple[int, ...], taps: Doubles, pad: str) -> Window:
    places: list[NDArray[np.intp]] = [
        np.arange(at, at + size) for size, at in zip(taps.shape, first, strict=True)
    ]
    within = [(at >= 0) & (at < size) for at, size in zip(places, x.shape, strict=True)]
    inside = within[0] if len(within) == 1 else np.logical_and.outer(*within)
    nearest = [np.clip(at, 0, size - 1) for at, size in zip(places, x.shape, strict=True)]
    inputs = x[np.ix_(*nearest)].astype(np.float64)
    if pad == "zero":
        inputs = np.where(inside, inputs, 0.0)
    return Window(channel, first, inputs, inside, taps)


def _seen(step: Step, inputs: list[Items], position: int) -> tuple[Seen, ...]:
    field, delay = step.operator.receptive_field(*step.joined), step.operator.delay(*step.joined)
    end = max(0, position + delay + 1)
    first = max(0, end - field)
    return tuple(
        Seen(name, first, items[first:end]) for name, items in zip(step.inputs, inputs, strict=True)
    )


def items_needed(step: Step, source: Format, index: int) -> int:
    """How many items of the source must have come for output `index` to leave."""
    return floor((step.format.origin + index * step.format.stride) / source.stride) + step.delay + 1
