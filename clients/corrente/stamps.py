"""When items were taken, as a publisher says it: the first of a block, or each of them."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from corrente.bounds import bounded
from corrente.errors import FormatError
from corrente.format import Format
from corrente.wire import MAX_INDEX

Stamps = SupportsIndex | Sequence[SupportsIndex] | NDArray[np.integer[Any]]
"""UTC in nanoseconds: of the first item, or of every item of a block."""


class Run(NamedTuple):
    """Items `[start, stop)` of a block, evenly spaced from `t_ns` on."""

    start: int
    stop: int
    t_ns: int


def runs(t_ns: Stamps | None, count: int, most: int, format: Format) -> list[Run]:
    """A block of `count` items, cut to what can say its time by that of its first item.

    No run has more than `most` items. Without `t_ns` the last item is taken to be of now. Raises
    `FormatError` where stamps are none, or not one per item.
    """
    said: Any = t_ns
    if t_ns is None or np.ndim(said) == 0:
        return list(_even(t_ns, count, most, format))
    return list(_stamped(_each(t_ns, count), most, format))


def _even(t_ns: Any, count: int, most: int, format: Format) -> Iterator[Run]:
    lasts_ns = format.duration_ns(max(0, count - 1))
    first_ns = time.time_ns() - lasts_ns if t_ns is None else t_ns
    first_ns = bounded("t_ns", first_ns, -MAX_INDEX - 1, MAX_INDEX - lasts_ns)
    for start in range(0, count, most):
        yield Run(start, min(start + most, count), first_ns + format.duration_ns(start))


def _stamped(stamps: list[int], most: int, format: Format) -> Iterator[Run]:
    """Cut where a stamp is more than half an item's time off what the run's first lets expect."""
    half_ns = 0.5e9 / format.rate_hz
    start = 0
    for k in range(1, len(stamps) + 1):
        if k < len(stamps) and k - start < most:
            off_ns = stamps[k] - stamps[start] - format.duration_ns(k - start)
            if abs(off_ns) <= half_ns:
                continue
        yield Run(start, k, stamps[start])
        start = k


def _each(t_ns: Any, count: int) -> list[int]:
    stamps = np.asarray(t_ns)
    if stamps.shape != (count,) or (count and stamps.dtype.kind not in "iu"):
        raise FormatError(
            f"t_ns is one integer, or one for each of the {count} items, "
            f"got {stamps.shape} of {stamps.dtype}"
        )
    each: list[int] = stamps.tolist()
    if each:
        bounded("t_ns", max(each), -MAX_INDEX - 1, MAX_INDEX)
    return each
