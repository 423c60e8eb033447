"""Several small blocks in one message: a message costs more than a small block does."""

from collections.abc import Iterable, Iterator

from corrente import wire
from corrente.link import Envelope

SMALL_BYTES = 40 << 10
"""Payload of a block that is packed, at most: to copy a larger one costs more than a message."""

PACKED_BYTES = 256 << 10
"""Payload of a packed message at most."""


def pack(envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
    """The same messages in the same order, with small blocks that follow each other in one.

    >>> blocks = [(wire.Block(1, 1, k, 1, 0), bytes([k])) for k in range(3)]
    >>> [(message, payload)] = pack(blocks)
    >>> message.sizes, payload
    ((1, 1, 1), b'\\x00\\x01\\x02')
    """
    blocks: list[wire.Block] = []
    payloads: list[wire.Buffer] = []
    room = PACKED_BYTES
    for envelope in envelopes:
        message, payload = envelope
        size = len(payload)
        block = message if isinstance(message, wire.Block) and size <= SMALL_BYTES else None
        if blocks and (block is None or size > room or len(blocks) == wire.MAX_BLOCKS):
            yield _packed(blocks, payloads)
            blocks, payloads, room = [], [], PACKED_BYTES
        if block is None:
            yield envelope
        else:
            blocks.append(block)
            payloads.append(payload)
            room -= size
    if blocks:
        yield _packed(blocks, payloads)


def _packed(blocks: list[wire.Block], payloads: list[wire.Buffer]) -> Envelope:
    if len(blocks) == 1:
        return blocks[0], payloads[0]
    return wire.Blocks(tuple(blocks), tuple(map(len, payloads))), b"".join(payloads)
