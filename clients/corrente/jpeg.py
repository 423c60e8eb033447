"""Frames as JPEGs: how the items of a block travel where a stream's `encoding` is "jpeg".

The payload is the block's items in order, each a whole JPEG behind its size in bytes, 4 bytes
unsigned little-endian, and nothing between them.
"""

from types import ModuleType

from corrente.errors import FormatError, WireError
from corrente.format import MAX_ITEM_BYTES, Format, Items

QUALITY = 90
SUBSAMPLING = "420"
MAX_ITEMS = 1024
"""Items of one block at most; decoded, they have `MAX_ITEM_BYTES` at most."""

MAX_SIDE = 65535
SIZE_BYTES = 4


def check_format(format: Format) -> None:
    """Raises `FormatError` where items of that format are not sent as JPEGs."""
    channels = format.shape[2:]
    if format.kind != "frames" or format.dtype != "uint8" or channels not in ((), (3,)):
        raise FormatError(
            'encoding="jpeg" is for frames of uint8, (H, W) or (H, W, 3), got '
            f'{format.kind} {format.shape} of {format.dtype}; send them with encoding="raw"'
        )
    if max(format.shape[:2]) > MAX_SIDE:
        raise FormatError(f"a JPEG is {MAX_SIDE} pixels wide and high at most, got {format.shape}")


def most_items(format: Format) -> int:
    """How many items of a format one block may hold."""
    return min(MAX_ITEMS, MAX_ITEM_BYTES // format.item_bytes)


def encoder() -> ModuleType:
    """The library that encodes; raises `FormatError` where it is not installed."""
    try:
        import simplejpeg  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError as error:
        raise FormatError(
            "encoding=\"jpeg\" needs simplejpeg: pip install 'corrente[jpeg]'"
        ) from error
    library: ModuleType = simplejpeg
    return library


def payload(block: Items) -> memoryview:
    """The frames `(n, H, W)` or `(n, H, W, 3)`, encoded, as they travel."""
    encode = encoder().encode_jpeg
    colours, subsampling = ("GRAY", "Gray") if block.ndim == 3 else ("RGB", SUBSAMPLING)
    parts: list[bytes] = []
    for frame in block.reshape(*block.shape[:3], -1):
        jpeg: bytes = encode(frame, QUALITY, colours, subsampling)
        parts += (len(jpeg).to_bytes(SIZE_BYTES, "little"), jpeg)
    return memoryview(b"".join(parts))


def split(payload: memoryview, count: int) -> tuple[memoryview, ...]:
    """The `count` JPEGs of a payload, not copied; raises `WireError` where they are not there."""
    parts: list[memoryview] = []
    start = 0
    for _ in range(count):
        size = int.from_bytes(payload[start : start + SIZE_BYTES], "little")
        start += SIZE_BYTES + size
        if start > len(payload) or not size:
            break
        parts.append(payload[start - size : start])
    if len(parts) != count or start != len(payload):
        raise WireError(f"the payload of {len(payload)} bytes is not that of {count} JPEGs")
    return tuple(parts)
