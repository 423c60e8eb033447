"""What the fuzz begins from: every kind of message, and every input that ever found something.

`FROM_CLIENTS` and `FROM_DAEMON` are conversations that reach deep states, as a fresh service would
have them: its first stream has id and epoch 1. They are samples to be changed, so they are kept as
messages. What found something is kept as the bytes it was, in found.jsonl: what one client said to
a fresh service, a list of messages, each a list of frames in hex.
"""

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from corrente import wire
from corrente.format import DTYPES, format_of

FOUND = Path(__file__).with_name("found.jsonl")

IMU = format_of((2,), rate_hz=100)
DOUBLED = msgspec.structs.replace(IMU, stride=Fraction(1, 2))
CAM = format_of((8, 6), rate_hz=30, dtype="uint8")
COLOUR = format_of((4, 4, 3), rate_hz=30, dtype="uint8", labels=("red", "green", "blue"))
TINY = format_of((1,), rate_hz=1, dtype="uint8")
LABELLED = format_of(
    (900,), rate_hz=1, dtype="int8", labels=tuple(f"label {k}" for k in range(900))
)


class Sample(NamedTuple):
    """A message taken apart: the fields of its header, the tag first, and its payload."""

    fields: list[object]
    payload: bytes = b""


def _ramp(start: int, stop: int) -> bytes:
    return np.arange(2 * start, 2 * stop, dtype="<f4").tobytes()


Said = tuple[wire.Message, bytes]

HELLO: Said = (wire.Hello(1, 1, b"a" * 16, "fuzz"), b"")
FROM_CLIENTS: Mapping[str, tuple[Said, ...]] = {
    "a signal, packed, and its end": (
        HELLO,
        (wire.Open(1, "imu/1", IMU), b""),
        (wire.Block(1, 1, 0, 3, 10**18), _ramp(0, 3)),
        (
            wire.Blocks((wire.Block(1, 1, 3, 1, 5), wire.Block(1, 1, 4, 2, 6)), (8, 16)),
            _ramp(3, 6),
        ),
        (wire.Block(1, 1, 6, 0, 0), b""),  # the reminder
        (wire.End(1, 1, 6), b""),
        (wire.Goodbye("closed"), b""),
    ),
    "blocks lost, doubled and overlapping": (
        HELLO,
        (wire.Open(1, "imu/2", IMU, index=5), b""),
        (wire.Block(1, 1, 9, 1, 0), _ramp(9, 10)),
        (wire.Block(1, 1, 5, 4, 0), _ramp(5, 9)),
        (wire.Block(1, 1, 5, 4, 0), _ramp(5, 9)),
        (wire.Block(1, 1, 7, 4, 0), _ramp(7, 11)),
        (wire.Open(2, "imu/2", IMU, index=40), b""),
        (wire.End(1, 1, 41), b""),
    ),
    "frames": (
        HELLO,
        (wire.Open(1, "cam/1", CAM), b""),
        (wire.Open(2, "cam/2", COLOUR), b""),
        (wire.Open(3, "cam/3", CAM, encoding="jpeg"), b""),
        (wire.Block(1, 1, 0, 2, 0), bytes(range(96))),
        (wire.Block(2, 2, 0, 1, 0), bytes(48)),
        (
            wire.Block(3, 3, 0, 1, 0),
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9",
        ),
        (wire.Block(1, 1, 2, 2000, 0), bytes(96000)),  # its payload is a frame of its own
    ),
    "streams that change hands and formats": (
        HELLO,
        (wire.Open(1, "imu/3", IMU, takeover=True), b""),
        (wire.Open(2, "imu/3", TINY, takeover=True), b""),
        (wire.Open(3, "held/1", IMU), b""),
        (wire.Open(4, "held/1", TINY, takeover=True), b""),
        (wire.Open(5, "imu/3/below", TINY), b""),
        (wire.Open(6, "labelled", LABELLED), b""),
        (wire.Block(1, 1, 0, 1, 0), b"\x07"),
        (wire.End(1, 1, 0), b""),
    ),
    "every type of number": (
        HELLO,
        *(
            (wire.Open(1, "imu/1", format_of((2,), 1.0, dtype), takeover=True), b"")
            for dtype in DTYPES
        ),
        *(
            (wire.Open(1, "cam/1", format_of((3, 3), 1, dtype), takeover=True), b"")
            for dtype in DTYPES
        ),
        (wire.Block(1, 1, 0, 1, 0), np.array([1e300, np.nan]).tobytes()),
    ),
    "subscribers": (
        HELLO,
        (wire.Subscribe(1, ("**",), "first", "drop", 4), b""),
        (wire.Credit(3, 1 << 20), b""),
        (wire.Subscribe(2, ("imu/*/mean/smooth", "cam/**"), 3, "drop", 1, 2), b""),
        (wire.Subscribe(3, ("held/*/patient/up",), "now", "wait", 2), b""),
        (wire.Credit(1 << 20, 1 << 40), b""),
        (wire.Subscribe(4, ("**/a/**/b/**/c",) * 64), b""),
        (wire.Ping(), b""),
        (wire.Pong(), b""),
        (wire.Status(5), b""),
        (wire.Goodbye("closed"), b""),
    ),
}
FROM_DAEMON: Mapping[str, tuple[Said, ...]] = {
    "to a publisher": (
        (wire.Welcome(1, b"d" * 16), b""),
        (wire.Opened(1, 1, 1, 0, 1 << 16, ("mean",), ("blur: no",)), b""),
        (wire.Ack(1, 1, 3), b""),
        (wire.Acks((wire.Ack(1, 1, 4), wire.Ack(2, 2, 1))), b""),
        (wire.Rewind(1, 1, 3), b""),
        (wire.Ack(1, 1, 6, ended=True), b""),
        (wire.Refused(0, "unknown_stream", "no such stream", "1"), b""),
        (wire.Refused(1, "in_use", "the stream has a publisher", "imu/1", "wait"), b""),
        (wire.Refused(0, "unknown_peer", "say hello"), b""),
        (wire.Goodbye("the daemon stops", reconnect=True), b""),
    ),
    "to a subscriber": (
        (wire.Welcome(1, b"d" * 16), b""),
        (wire.Subscribed(1, 2), b""),
        (wire.Announce(1, 1, "imu/1", "", "", IMU, 0), b""),
        (wire.Announce(2, 1, "imu/1", "mean", "smooth", DOUBLED, 4, 1), b""),
        (wire.Gap(1, 1, 0, 3, "expired"), b""),
        (wire.Block(1, 1, 3, 2, 7), _ramp(3, 5)),
        (
            wire.Blocks((wire.Block(1, 1, 5, 1, 8), wire.Block(2, 1, 4, 2, 9)), (8, 16)),
            _ramp(5, 8),
        ),
        (wire.End(1, 1, 6), b""),
        (wire.Pong(7), b""),
        (wire.Report(1), msgspec.msgpack.encode({"ready": True})),
        (wire.Ping(), b""),
    ),
}


def samples(talks: Mapping[str, tuple[Said, ...]]) -> list[Sample]:
    """Every message of them, taken apart."""
    return [take_apart(wire.encode(*said)) for talk in talks.values() for said in talk]


def take_apart(frames: list[wire.Buffer]) -> Sample:
    """The fields and the payload of a valid message."""
    head = bytes(frames[0])
    stop = 2 + int.from_bytes(head[:2], "little")
    payload = head[-(-stop // wire.ALIGNMENT) * wire.ALIGNMENT :] + b"".join(map(bytes, frames[1:]))
    return Sample(msgspec.msgpack.decode(head[2:stop]), payload)


def found() -> dict[str, list[list[bytes]]]:
    """The messages that found something, by what that was; each as its frames."""
    lines = map(json.loads, FOUND.read_text().splitlines())
    return {
        line["name"]: [[bytes.fromhex(frame) for frame in frames] for frames in line["said"]]
        for line in lines
    }
