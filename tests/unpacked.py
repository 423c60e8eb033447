"""Messages that hold several others, taken apart."""

from collections.abc import Iterator
from typing import Any

from corrente import wire


def unpacked(message: Any, payload: memoryview) -> Iterator[tuple[Any, memoryview]]:
    """The messages, and their payloads, that it stands for; mostly itself."""
    match message:
        case wire.Blocks(blocks, sizes):
            start = 0
            for block, size in zip(blocks, sizes, strict=True):
                yield block, payload[start : start + size]
                start += size
        case wire.Acks(acks):
            for ack in acks:
                yield ack, payload
        case _:
            yield message, payload
