"""wav: one signal, as others' programs play and show it."""

from pathlib import Path

import numpy as np

from corrente.block import Block
from corrente.errors import FormatError
from corrente.format import Format
from corrente.wav import WavWriter

MOST_SILENCE_S = 60.0


class Sound:
    """The items one after the other; what is missing between them is silence."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: WavWriter | None = None
        self._next_index = 0

    def save(self, block: Block) -> None:
        """Writes the items of a signal's block behind the silence of its gap."""
        if self._writer is None:
            self._writer = WavWriter(self._path, block.format)
            self._next_index = block.index  # what is missing before it is not of this file
        self._be_silent(block.index - self._next_index, block.format)
        self._writer.write(block.data)
        self._next_index = block.index + len(block.data)

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.close()

    def _be_silent(self, items: int, format: Format) -> None:
        assert self._writer is not None
        if not 0 <= items <= MOST_SILENCE_S * format.rate_hz:
            raise FormatError(
                f"{self._path} ends here: a wav cannot say that it starts over, or lacks "
                f"more than {MOST_SILENCE_S:g} s; an npz can"
            )
        level = 128 if format.dtype == "uint8" else 0  # eight bits are without sign in a wav
        piece = max(1, (1 << 20) // format.item_bytes)
        for start in range(0, items, piece):
            n = min(piece, items - start)
            self._writer.write(np.full((n, *format.shape), level, format.dtype))
