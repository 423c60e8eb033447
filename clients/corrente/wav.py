"""WAV files: items of whole or floating-point numbers at a whole rate.

A file is `RIFF`, a size, `WAVE`, then chunks: four letters, their size, content, padded to an even
size. `fmt ` says what the numbers in `data` are. Sizes have 32 bits, little-endian.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from corrente.errors import FormatError
from corrente.format import Items

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
READABLE = {
    (PCM, 8): "uint8",
    (PCM, 16): "int16",
    (PCM, 24): "int32",
    (PCM, 32): "int32",
    (FLOAT, 32): "float32",
    (FLOAT, 64): "float64",
}
WRITABLE = {
    "uint8": PCM,
    "int16": PCM,
    "int32": PCM,
    "float32": FLOAT,
    "float64": FLOAT,
}
HEADER_BYTES = 44
MAX_DATA_BYTES = (1 << 32) - 1 - HEADER_BYTES
PIECE_BYTES = 1 << 20
MAX_CHANNELS = (1 << 16) - 1
MAX_RATE_HZ = (1 << 32) - 1


class Layout(NamedTuple):
    """What a file says of itself; its numbers lie in `[start, stop)` of its bytes."""

    rate_hz: int
    channels: int
    code: int
    bits: int
    start: int
    stop: int

    @property
    def dtype(self) -> str:
        """That of the items; 24 bits come as the upper three bytes of an int32."""
        return READABLE[self.code, self.bits]

    @property
    def item_bytes(self) -> int:
        """Bytes of an item in the file, all channels."""
        return self.channels * self.bits // 8

    @property
    def items(self) -> int:
        """How many there are."""
        return (self.stop - self.start) // self.item_bytes


def read_layout(path: Path) -> Layout:
    """What the file holds; raises `FormatError` where it is no WAV, or of another encoding."""
    found: tuple[int, int, int, int] | None = None
    for name, start, size in _chunks(path):
        if name == b"fmt ":
            found = _encoding(path, start, size)
        elif name == b"data" and found is not None:
            rate_hz, channels, code, bits = found
            whole = size - size % (channels * bits // 8)
            return Layout(rate_hz, channels, code, bits, start, start + whole)
    raise FormatError(f"{path} has no samples behind a format: it is no whole WAV file")


def read_blocks(path: Path, layout: Layout) -> Iterator[Items]:
    """The file's items, in blocks `(n, channels)` of about `PIECE_BYTES`."""
    item_bytes = layout.item_bytes
    piece = max(1, PIECE_BYTES // item_bytes) * item_bytes
    with path.open("rb") as file:
        file.seek(layout.start)
        left = layout.stop - layout.start
        while left:
            content = file.read(min(left, piece))
            if not content or len(content) % item_bytes:
                raise FormatError(f"{path} became shorter while it was read")
            left -= len(content)
            yield _numbers(content, layout).reshape(-1, layout.channels)


def _chunks(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of every chunk, as far as the file goes."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise FormatError(f"{path} is no WAV file")
        start = 20
        while start <= length:
            file.seek(start - 8)
            name, size = struct.unpack("<4sI", file.read(8))
            yield name, start, min(size, length - start)  # a recording may have been cut short
            start += size + size % 2 + 8


def _encoding(path: Path, start: int, size: int) -> tuple[int, int, int, int]:
    with path.open("rb") as file:
        file.seek(start)
        said = file.read(min(size, 40))
    if len(said) < 16:
        raise FormatError(f"{path} does not say what its samples are")
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", said)
    if code == EXTENSIBLE and len(said) == 40:
        (code,) = struct.unpack_from("<H", said, 24)
    if (code, bits) not in READABLE or not channels or not rate_hz:
        raise FormatError(
            f"{path}: reads PCM of 8, 16, 24 and 32 bits and floats of 32 and 64, "
            f"got encoding {code} of {bits} bits, {channels} channels, {rate_hz} Hz"
        )
    return rate_hz, channels, code, bits


def _numbers(content: bytes, layout: Layout) -> Items:
    if layout.bits != 24:
        native = np.dtype(layout.dtype)
        return np.frombuffer(content, native.newbyteorder("<")).astype(native, copy=False)
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.int32, copy=False)
