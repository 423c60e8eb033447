"""csv: one signal, with the index of every item, or events."""

import csv
from pathlib import Path
from typing import TextIO

import numpy as np

from corrente.block import Block
from corrente.errors import FormatError

DIGITS = {"float32": "%.9g", "float64": "%.17g"}
"""As many as give the same number again."""


class Table:
    """A row per item: its index, then its channels; or a row per event, as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def save(self, block: Block) -> None:
        """Writes the items of a signal's block, or its events."""
        if self._file is None:
            self._file = self._begin(block)
        if block.format.kind == "events":
            np.savetxt(self._file, block.data, DIGITS["float64"], delimiter=",")
            return
        indices = np.arange(block.index, block.stop)
        rows = np.column_stack([indices, block.data.astype(np.float64)])
        digits = DIGITS.get(block.format.dtype, "%d")
        np.savetxt(self._file, rows, ["%d"] + [digits] * block.format.channels, delimiter=",")

    def close(self) -> None:
        """The rows that came are there."""
        if self._file is not None:
            self._file.close()

    def _begin(self, block: Block) -> TextIO:
        format = block.format
        if format.kind == "frames":
            raise FormatError(
                f"{self._path}: a csv holds signals and events, and {block.topic} is frames "
                f"{format.shape}; save them to a folder or an npz"
            )
        file = self._path.open("w", encoding="utf-8", newline="")
        channels = format.labels or [f"channel {k}" for k in range(format.channels)]
        named = channels if format.kind == "events" else ["index", *channels]
        csv.writer(file, lineterminator="\n").writerow(named)
        return file
