"""What is on its way to subscribers: blocks, and what is told of topics."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from corrente import wire

ENTRY_BYTES = 512
"""What an entry of a queue takes besides its payload: header, objects."""

PARCEL_BYTES = 1 << 20
"""Outputs leave in blocks of about this size, or of one item."""

PACKED_BYTES = 40 << 10
"""So much payload is put together where blocks came one by one: beyond it, copying costs more."""

Frames = list[wire.Buffer]


class Notice(NamedTuple):
    """An encoded announcement, gap or end of a topic: needs no credit, is never dropped."""

    id: int
    frames: Frames

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.frames[0]) + ENTRY_BYTES


class Parcel:
    """Blocks that follow each other, of any topics, and their payloads, of these `sizes`.

    It is shared by all who are sent just these, and encoded once.
    """

    __slots__ = ("_frames", "blocks", "items", "payload", "sizes")

    def __init__(
        self, blocks: Sequence[wire.Block], sizes: Sequence[int], payload: memoryview
    ) -> None:
        self.blocks = blocks
        self.sizes = sizes
        self.payload = payload
        self.items = sum([block.count for block in blocks])
        self._frames: Frames | None = None

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.payload) + ENTRY_BYTES * len(self.blocks)

    @property
    def first_size(self) -> int:
        """The same of its first block."""
        return self.sizes[0] + ENTRY_BYTES

    @property
    def frames(self) -> Frames:
        """The message that it is."""
        if self._frames is None:
            blocks = self.blocks
            several = len(blocks) > 1
            message = wire.Blocks(tuple(blocks), tuple(self.sizes)) if several else blocks[0]
            self._frames = wire.encode(message, self.payload)
        return self._frames

    def cut(self, count: int) -> tuple["Parcel", "Parcel"]:
        """Its first blocks, and the others."""
        at = sum(self.sizes[:count])
        first = Parcel(self.blocks[:count], self.sizes[:count], self.payload[:at])
        rest = self.payload[at:]
        if 2 * len(rest) <= memoryview(self.payload.obj).nbytes:
            rest = memoryview(bytes(rest))  # it waits, and must not keep what has left
        return first, Parcel(self.blocks[count:], self.sizes[count:], rest)


def packed(entries: Iterable[Parcel | Notice]) -> Iterator[Parcel | Notice]:
    """The same in the same order, small parcels that follow each other put together."""
    parcels: list[Parcel] = []
    blocks = payload_bytes = 0
    for entry in entries:
        if isinstance(entry, Notice):
            yield from _together(parcels)
            parcels, blocks, payload_bytes = [], 0, 0
            yield entry
            continue
        blocks += len(entry.blocks)
        payload_bytes += len(entry.payload)
        if blocks > wire.MAX_BLOCKS or payload_bytes > PACKED_BYTES:
            yield from _together(parcels)
            parcels, blocks, payload_bytes = [], len(entry.blocks), len(entry.payload)
        parcels.append(entry)
    yield from _together(parcels)


def _together(parcels: list[Parcel]) -> list[Parcel]:
    if len(parcels) < 2:
        return parcels
    blocks = [block for parcel in parcels for block in parcel.blocks]
    sizes = [size for parcel in parcels for size in parcel.sizes]
    payload = b"".join([parcel.payload for parcel in parcels])
    return [Parcel(blocks, sizes, memoryview(payload))]
