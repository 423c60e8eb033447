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
from corrente.format import Format, Items

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
HEADER = struct.Struct("<4sI4s 4sIHHIIHHH 4sII 4sI")
"""`RIFF`, `fmt ` of 18 bytes, `fact` (how many items, which floats must say), `data`."""

MAX_DATA_BYTES = (1 << 32) - 1 - HEADER.size
PIECE_BYTES = 1 << 20
MAX_CHANNELS = 4096
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


class WavWriter:
    """Writes a signal's items behind a header that `close` completes.

    Raises `FormatError` where the signal is none that a WAV holds, or more than 4 GiB long.
    """

    def __init__(self, path: Path, format: Format) -> None:
        if format.kind != "signal" or format.dtype not in WRITABLE:
            raise FormatError(
                f"{path}: a wav holds signals of {', '.join(WRITABLE)}, got "
                f"{format.kind} of {format.dtype}; an npz holds anything"
            )
        if format.rate_hz % 1 or format.rate_hz > MAX_RATE_HZ or format.channels > MAX_CHANNELS:
            raise FormatError(
                f"{path}: a wav has a whole rate and {MAX_CHANNELS} channels at most, got "
                f"{format.rate_hz:g} Hz and {format.channels}; an npz holds anything"
            )
        self._path, self._format, self._bytes = path, format, 0
        self._file = path.open("wb")
        self._file.write(self._header())

    def write(self, items: Items) -> None:
        """The next items."""
        if self._bytes + items.nbytes > MAX_DATA_BYTES:
            raise FormatError(f"{self._path} is full: a wav holds 4 GiB; an npz holds more")
        self._file.write(np.ascontiguousarray(items).tobytes())
        self._bytes += items.nbytes

    def close(self) -> None:
        """Completes the file."""
        with self._file as file:
            file.truncate(HEADER.size + self._bytes)  # a write may have been interrupted
            file.seek(HEADER.size + self._bytes)
            file.write(b"\0" * (self._bytes % 2))
            file.seek(0)
            file.write(self._header())

    def _header(self) -> bytes:
        rate_hz, item_bytes = int(self._format.rate_hz), self._format.item_bytes
        return HEADER.pack(
            *(b"RIFF", HEADER.size - 8 + self._bytes + self._bytes % 2, b"WAVE"),
            *(b"fmt ", 18, WRITABLE[self._format.dtype], self._format.channels, rate_hz),
            min(rate_hz * item_bytes, (1 << 32) - 1),
            *(item_bytes, 8 * item_bytes // self._format.channels, 0),
            *(b"fact", 4, self._bytes // item_bytes),
            *(b"data", self._bytes),
        )


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
