"""Blocks that are sent as they are, in one copy."""

from typing import Any

import numpy as np

from corrente.format import Format
from corrente.packing import SMALL_BYTES


class SmallBlocks:
    """Tells which blocks of a stream are small and have its format to the byte."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._dtype = np.dtype(format.dtype).newbyteorder("<")
        self._shape = format.shape
        self._last = (0, 0)

    def payload(self, items: Any) -> bytes | None:
        """The bytes of a block, or None where there is more to do than to copy it."""
        if (
            type(items) is not np.ndarray
            or items.dtype != self._dtype
            or items.shape[1:] != self._shape
            or not 0 < items.nbytes <= SMALL_BYTES
        ):
            return None
        return items.tobytes()

    def lasts_ns(self, count: int) -> int:
        """How long it is from the first of so many items to the last."""
        last_count, lasts_ns = self._last
        if last_count != count:
            lasts_ns = self._format.duration_ns(count - 1)
            self._last = count, lasts_ns
        return lasts_ns
