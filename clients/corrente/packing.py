"""Several small blocks in one message: a message costs more than a small block does."""

from collections.abc import Iterable, Iterator

from corrente import wire
from corrente.link import Envelope

PACKED_BYTES = 40 << 10
"""Payload of a packed message at most: with the headers of 256 blocks it stays in one frame."""


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
    for message, payload in envelopes:
        is_small = isinstance(message, wire.Block) and len(payload) <= PACKED_BYTES
        if not is_small or len(payload) > room or len(blocks) == wire.MAX_BLOCKS:
            yield from _packed(blocks, payloads)
            blocks, payloads, room = [], [], PACKED_BYTES
        if isinstance(message, wire.Block) and is_small:
            blocks.append(message)
            payloads.append(payload)
            room -= len(payload)
        else:
            yield message, payload
    yield from _packed(blocks, payloads)


def _packed(blocks: list[wire.Block], payloads: list[wire.Buffer]) -> Iterator[Envelope]:
    if len(blocks) > 1:
        yield wire.Blocks(tuple(blocks), tuple(map(len, payloads))), b"".join(payloads)
    elif blocks:
        yield blocks[0], payloads[0]
