"""Frames that came as JPEGs: looked at when they arrive, decoded when it is their turn.

A header says what decoding would cost, so it is believed before anything else is: an image of
another size than the stream's is never decoded. Grey streams decode to grey, without colours in
between. What then fails spoils that one item, however the stream was cut into blocks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import simplejpeg  # pyright: ignore[reportMissingTypeStubs]

from corrente import jpeg
from corrente.errors import FormatError, WireError
from corrente.format import Format, Items

COLOURS = ("Gray", "YCbCr", "RGB")
MAX_SCANS = 64
"""A scan goes over the whole image: thousands of a few bytes each would take for ever."""

SCAN = re.compile(rb"\xff\xda")


@dataclass(frozen=True, slots=True)
class Jpegs:
    """Items as they came, a JPEG each; `item_bytes` is what one takes decoded."""

    parts: tuple[memoryview, ...]
    item_bytes: int

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes of the payload that they are."""
        return sum(map(len, self.parts)) + jpeg.SIZE_BYTES * len(self.parts)

    def behind(self, known: int) -> "Jpegs":
        """A copy without the first `known`."""
        parts = (memoryview(bytes(part)) for part in self.parts[known:])
        return Jpegs(tuple(parts), self.item_bytes)


def received(format: Format, count: int, payload: memoryview) -> Jpegs:
    """The items of a payload; raises `FormatError` where they are not of the stream's format."""
    if count > jpeg.most_items(format):
        raise FormatError(
            f"a block has {jpeg.most_items(format)} JPEGs of {format.shape} at most, got {count}"
        )
    try:
        parts = jpeg.split(payload, count)
    except WireError as error:
        raise FormatError(str(error)) from error
    for part in parts:
        _check_header(format, part)
    return Jpegs(parts, format.item_bytes)


def decoded(items: Jpegs, format: Format) -> Iterator[Items | int]:
    """The items, in blocks as long as can be; a number where so many could not be decoded."""
    images = (_image(part, format) for part in items.parts)
    for _, group in groupby(images, lambda image: image is None):
        run = list(group)
        found = [image for image in run if image is not None]
        yield np.stack(found) if found else len(run)


def _check_header(format: Format, part: memoryview) -> None:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(part)
    except ValueError as error:
        raise FormatError(f"not a JPEG: {error}") from error
    if (height, width) != format.shape[:2] or colours not in COLOURS:
        raise FormatError(
            f"the stream's frames are {format.shape}, got a JPEG of {height} x {width}, {colours}"
        )


def _image(part: memoryview, format: Format) -> Items | None:
    """One item, None where it cannot be decoded."""
    if sum(1 for _ in islice(SCAN.finditer(part), MAX_SCANS + 1)) > MAX_SCANS:
        return None
    try:
        image: Items = simplejpeg.decode_jpeg(part, "GRAY" if len(format.shape) == 2 else "RGB")
    except ValueError:
        return None
    return image.reshape(format.shape)
