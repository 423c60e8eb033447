"""The bytes of the protocol, against plain MessagePack and against nonsense."""

from contextlib import suppress
from fractions import Fraction

import hypothesis
import msgpack
import pytest
from hypothesis import strategies as st

from corrente import Format, WireError, wire

FORMAT = Format(
    kind="signal",
    shape=(2,),
    dtype="int16",
    rate_hz=250.0,
    labels=("a", "b"),
    origin=Fraction(-1, 2),
    stride=Fraction(3, 2),
)
MESSAGES = [
    wire.Ping(),
    wire.Pong(7),
    wire.Block(1, 2, 3, 4, -5),
    wire.Blocks((wire.Block(1, 2, 3, 4, -5), wire.Block(2, 3, 0, 0, 0)), (0, 0)),
    wire.End(1, 2, 3),
    wire.Goodbye("bye", reconnect=True),
    wire.Hello(1, 1, b"0123456789abcdef", "test"),
    wire.Open(1, "imu/7", FORMAT, index=9, takeover=True),
    wire.Subscribe(1, ("a/*", "b"), since=12, policy="wait", queue=1, ended=7),
    wire.Credit(64, 8 << 20),
    wire.Status(1),
    wire.Welcome(1, b"0123456789abcdef"),
    wire.Opened(1, 2, 3, 4, 5, ("edges",), ("no", "no")),
    wire.Ack(1, 2, 3, ended=True),
    wire.Acks((wire.Ack(1, 2, 3, ended=True), wire.Ack(4, 5, 6))),
    wire.Rewind(1, 2, 3),
    wire.Subscribed(1, 7),
    wire.Announce(1, 2, "imu/7", "p", "s", FORMAT, 3, revision=1),
    wire.Gap(1, 2, 3, 4, "dropped"),
    wire.Report(1),
    wire.Refused(1, "in_use", "no", "imu/7", "takeover"),
]


def framed(header: bytes) -> bytes:
    head = len(header).to_bytes(2, "little") + header
    return head + bytes(-len(head) % 64)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back(message):
    frames = wire.encode(message)
    assert len(frames) == 1
    assert len(frames[0]) % 64 == 0
    decoded, payload = wire.decode(frames)
    assert decoded == message
    assert not len(payload)


def test_the_list_of_messages_above_is_whole():
    assert {type(message) for message in MESSAGES} == set(wire.AnyMessage.__args__)


def test_a_header_is_what_the_specification_says():
    [frame] = wire.encode(wire.Block(1, 2, 3, 2, 5), b"\1\2\3\4")
    length = int.from_bytes(frame[:2], "little")
    assert msgpack.unpackb(frame[2 : 2 + length]) == ["block", 1, 2, 3, 2, 5]
    assert frame[2 + length :] == bytes(62 - length) + b"\1\2\3\4"


def test_several_blocks_are_the_headers_of_each_and_then_the_payloads():
    blocks = (wire.Block(1, 2, 3, 2, 5), wire.Block(4, 5, 6, 1, 7))
    [frame] = wire.encode(wire.Blocks(blocks, (4, 1)), b"\1\2\3\4\5")
    length = int.from_bytes(frame[:2], "little")
    assert msgpack.unpackb(frame[2 : 2 + length]) == [
        "blocks",
        [["block", 1, 2, 3, 2, 5], ["block", 4, 5, 6, 1, 7]],
        [4, 1],
    ]
    assert frame[-5:] == b"\1\2\3\4\5"


@pytest.mark.parametrize("sizes", [(4,), (4, 1, 0), (4, 2), (1, 1)])
def test_sizes_that_do_not_add_up_are_no_message(sizes):
    blocks = (wire.Block(1, 2, 3, 2, 5), wire.Block(4, 5, 6, 1, 7))
    with pytest.raises(WireError, match="add up"):
        wire.decode(wire.encode(wire.Blocks(blocks, sizes), b"\1\2\3\4\5"))


def test_a_format_is_a_map_with_fractions_as_pairs():
    [frame] = wire.encode(wire.Open(1, "imu/7", FORMAT))
    length = int.from_bytes(frame[:2], "little")
    tag, request, stream, format, *rest = msgpack.unpackb(frame[2 : 2 + length])
    assert (tag, request, stream) == ("open", 1, "imu/7")
    assert rest == ["raw", None, False]
    assert format == {
        "kind": "signal",
        "shape": [2],
        "dtype": "int16",
        "rate_hz": 250.0,
        "labels": ["a", "b"],
        "origin": [-1, 2],
        "stride": [3, 2],
    }


@pytest.mark.parametrize(("size", "frames"), [(0, 1), (65471, 1), (65472, 2), (1 << 20, 2)])
def test_a_payload_of_64_kib_has_a_frame_of_its_own(size, frames):
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sent = wire.encode(wire.Block(1, 1, 0, size, 0), payload)
    assert len(sent) == frames
    assert wire.decode(sent)[1] == payload


def test_a_reader_ignores_fields_it_does_not_know_and_fills_in_those_left_out():
    assert wire.decode([framed(msgpack.packb(["subscribed", 3, 7, "new", {"a": 1}]))])[
        0
    ] == wire.Subscribed(3, 7)
    assert wire.decode([framed(msgpack.packb(["subscribe", 3, ["a"]]))])[0] == wire.Subscribe(
        3, ("a",)
    )
    acks = [["ack", 1, 2, 3], ["ack", 4, 5, 6, True, "new"]]
    assert wire.decode([framed(msgpack.packb(["acks", acks]))])[0] == wire.Acks(
        (wire.Ack(1, 2, 3), wire.Ack(4, 5, 6, ended=True))
    )


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b""],
        [b"\0" * 63],
        [b"\0" * 64],
        [b"\xff" * 64],
        [framed(b"\x80")],
        [framed(msgpack.packb(["nothing"]))],
        [framed(msgpack.packb(["ack", 1, 2]))],
        [framed(msgpack.packb(["ack", 1, 2, -1]))],
        [framed(msgpack.packb(["ack", 1, 2, 1 << 63]))],
        [framed(msgpack.packb(["ack", 1, 2, 1.5]))],
        [framed(msgpack.packb(["block", 1, 1, 0, 1 << 31, 0]))],
        [framed(msgpack.packb(["hello", 1, 1, b"short"]))],
        [framed(msgpack.packb(["subscribe", 1, []]))],
        [framed(msgpack.packb(["subscribe", 1, ["a"] * 65]))],
        [framed(msgpack.packb(["subscribe", 1, ["a" * 1000]]))],
        [framed(msgpack.packb(["subscribe", 1, ["a"], "then"]))],
        [framed(msgpack.packb(["subscribe", 1, ["a"], "now", "drop", 0]))],
        [framed(msgpack.packb(["subscribe", 1, ["a"], "now", "drop", 65537]))],
        [framed(msgpack.packb(["goodbye", "x" * 5000]))],
        [framed(b"\x92\xa4ping" + b"\x91" * 20000 + b"\xc0")],
        [framed(msgpack.packb(["ping"]))[:32]],
        [framed(msgpack.packb(["ping"])) + b"payload"],
        [framed(msgpack.packb(["block", 1, 1, 0, 1, 0])) + b"x", b"two frames"],
        [framed(msgpack.packb(["ping"])), b"", b""],
    ],
    ids=range(25),
)
def test_what_is_no_message_is_refused(frames):
    with pytest.raises(WireError):
        wire.decode(frames)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "events"},
        {"shape": []},
        {"shape": [0]},
        {"shape": [1 << 40]},
        {"shape": [2, 2, 2, 2]},
        {"dtype": "complex128"},
        {"dtype": "object"},
        {"rate_hz": 0},
        {"rate_hz": float("nan")},
        {"rate_hz": "fast"},
        {"labels": ["a"]},
        {"stride": [1, 0]},
        {"stride": [-1, 1]},
        {"origin": 1.5},
        {"origin": [1, 2, 3]},
        {"origin": ["1e5000", None]},
        {"origin": ["1", "2"]},
        {"origin": [1.0, 2]},
        {"origin": [(1 << 53) + 1, 1]},
        {"stride": [1, (1 << 53) + 1]},
        {"stride": ["1e100000000", None]},
    ],
    ids=str,
)
def test_a_format_that_cannot_be_is_refused(change):
    format = {"kind": "signal", "shape": [2], **change}
    with pytest.raises(WireError):
        wire.decode([framed(msgpack.packb(["open", 1, "s", format]))])


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.binary(max_size=300), max_size=3))
def test_nonsense_never_raises_anything_else(frames):
    with suppress(WireError):
        wire.decode(frames)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.sampled_from(MESSAGES), st.data())
def test_a_damaged_message_never_raises_anything_else(message, data):
    frame = bytearray(wire.encode(message)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(frame) - 1))
        frame[place] = data.draw(st.integers(0, 255))
    with suppress(WireError):
        wire.decode([frame])


def test_a_header_too_long_is_not_sent():
    labels = tuple("x" * 64 for _ in range(600))
    with pytest.raises(WireError, match="32768"):
        wire.encode(wire.Open(1, "s", Format(kind="signal", shape=(600,), labels=labels)))
