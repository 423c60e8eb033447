"""Small blocks travel together."""

from hypothesis import given
from hypothesis import strategies as st

from corrente import wire
from corrente.packing import PACKED_BYTES, SMALL_BYTES, pack


def block(index, size):
    return wire.Block(1, 1, index, size, 0), bytes([index % 256]) * size


def counts(packed):
    """How many blocks are in each message."""
    return [len(message.blocks) for message, _ in packed if isinstance(message, wire.Blocks)]


envelopes = st.lists(
    st.one_of(
        st.builds(block, st.integers(0, 1000), st.integers(0, 3000)),
        st.builds(block, st.integers(0, 1000), st.integers(SMALL_BYTES - 2, SMALL_BYTES + 2)),
        st.just((wire.Ping(), b"")),
    ),
    max_size=30,
)


def unpacked(packed):
    """One message at a time, by the words of docs/protocol.md."""
    for message, payload in packed:
        if isinstance(message, wire.Blocks):
            rest = bytes(payload)
            for one, size in zip(message.blocks, message.sizes, strict=True):
                yield one, rest[:size]
                rest = rest[size:]
            assert not rest
        else:
            yield message, bytes(payload)


@given(envelopes)
def test_nothing_is_lost_or_moved(said):
    packed = list(pack(said))
    assert list(unpacked(packed)) == said
    for message, payload in packed:
        if isinstance(message, wire.Blocks):
            assert len(message.blocks) > 1
            assert len(payload) <= PACKED_BYTES
            assert wire.decode(wire.encode(message, payload)) == (message, payload)


def test_many_small_blocks_are_few_messages():
    assert counts(pack([block(k, 1) for k in range(600)])) == [256, 256, 88]
    assert counts(pack([block(k, 1024) for k in range(600)])) == [256, 256, 88]
    assert counts(pack([block(k, 2048) for k in range(300)])) == [128, 128, 44]
    assert counts(pack([block(k, SMALL_BYTES) for k in range(14)])) == [6, 6, 2]


def test_256_blocks_with_the_longest_headers_are_one_message():
    largest = wire.Block(wire.MAX_INDEX, wire.MAX_INDEX, wire.MAX_INDEX, 1024, -wire.MAX_INDEX)
    [(message, payload)] = pack([(largest, bytes(1024))] * 256)
    assert wire.decode(wire.encode(message, payload)) == (message, payload)


def test_a_lone_block_and_a_large_one_stay_as_they_are():
    small, large = block(1, 10), block(2, SMALL_BYTES + 1)
    assert list(pack([small])) == [small]
    assert list(pack([small, large, small])) == [small, large, small]
