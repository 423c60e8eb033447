"""Operators that make one channel of several."""

from collections.abc import Callable

from msgspec.structs import replace

from corrente.format import Format, Items
from corrente_pipelines.numerics.padding import floats


def reduced(format: Format) -> Format:
    """The format of one channel: a signal keeps it, frames lose the axis."""
    shape = (1,) if format.kind == "signal" else format.shape[:2]
    return replace(format, shape=shape, dtype="float32", labels=())


def by_channels(block: Items, reduce: Callable[[Items], Items]) -> Items:
    """The block with `reduce`, which takes float32 `(n, C)` to `(n,)`, done on its channels."""
    channels = 1 if block.ndim == 3 else block.shape[-1]
    rows = floats(block).reshape(-1, channels)
    shape = (len(block), 1) if block.ndim == 2 else block.shape[:3]
    return reduce(rows).reshape(shape)
