"""Small blocks travel together."""

from hypothesis import given
from hypothesis import strategies as st

from corrente import wire
from corrente.packing import PACKED_BYTES, pack


def block(index, size):
    return wire.Block(1, 1, index, size, 0), bytes([index % 256]) * size


def counts(packed):
    """How many blocks are in each message."""
    return [len(message.blocks) for message, _ in packed if isinstance(message, wire.Blocks)]


envelopes = st.lists(
    st.one_of(
        st.builds(block, st.integers(0, 1000), st.integers(0, 3000)),
        st.builds(block, st.integers(0, 1000), st.integers(PACKED_BYTES - 2, PACKED_BYTES + 2)),
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
            [frame] = wire.encode(message, payload)
            assert wire.decode([frame])[0] == message


def test_many_small_blocks_are_few_messages():
    assert counts(pack([block(k, 1) for k in range(600)])) == [256, 256, 88]
    assert counts(pack([block(k, 1024) for k in range(80)])) == [40, 40]


def test_the_longest_headers_stay_in_one_frame():
    largest = wire.Block(wire.MAX_INDEX, wire.MAX_INDEX, wire.MAX_INDEX, 160, -wire.MAX_INDEX)
    [(message, payload)] = pack([(largest, bytes(160))] * 256)
    assert len(wire.encode(message, payload)) == 1


def test_a_lone_block_and_a_large_one_stay_as_they_are():
    small, large = block(1, 10), block(2, PACKED_BYTES + 1)
    assert list(pack([small])) == [small]
    assert list(pack([small, large, small])) == [small, large, small]
