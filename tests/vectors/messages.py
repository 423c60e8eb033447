"""Messages as docs/protocol.md defines them: every tag, with usual values and with extreme ones."""

from collections.abc import Iterator
from struct import pack
from typing import Any

import msgpack

from tests.vectors.document import described, frames, header, vector

FIELDS = {
    "ping": "",
    "pong": "messages",
    "block": "id epoch index count t_ns",
    "blocks": "blocks sizes",
    "end": "id epoch index reason",
    "goodbye": "reason reconnect",
    "hello": "oldest_version newest_version instance agent",
    "open": "request stream format encoding index takeover",
    "subscribe": "request patterns since policy queue ended",
    "credit": "blocks payload_bytes",
    "status": "request",
    "welcome": "version daemon worker workers",
    "opened": "request id epoch next_index window_bytes pipelines notes",
    "ack": "id epoch next_index ended",
    "acks": "acks",
    "rewind": "id epoch next_index",
    "subscribed": "request ended",
    "announce": "id epoch stream pipeline stage format index revision",
    "gap": "id epoch start stop reason",
    "report": "request",
    "refused": "request code message path remedy",
}
MOST = (1 << 63) - 1
LEAST = -(1 << 63)
INSTANCE = b"\1instance of a c"
DAEMON = b"\xff" * 16

Format = dict[str, Any]
SIGNAL: Format = {
    "kind": "signal",
    "shape": [2],
    "dtype": "int16",
    "rate_hz": 250.0,
    "labels": ["links", "x₂"],
    "origin": [0, 1],
    "stride": [1, 1],
}
PLAIN = SIGNAL | {"dtype": "float32", "rate_hz": 1.0, "labels": []}
GREY = PLAIN | {"kind": "frames", "shape": [8, 8], "dtype": "uint8", "rate_hz": 29.97}
COLOURS = GREY | {"shape": [65535, 341, 3], "labels": ["red", "green", "blue"]}
DERIVED = SIGNAL | {
    "dtype": "float64",
    "rate_hz": 1e-3,
    "origin": [-(1 << 53), (1 << 53) - 1],
    "stride": [1 << 53, 3],
}
EVENTS = SIGNAL | {"kind": "events", "dtype": "float64", "labels": ["index", "direction"]}


def grey_jpeg(category: int, scan: str) -> bytes:
    """The JPEG (ITU T.81) of 8 by 8 pixels that are all alike, with one code in each table."""
    table = f"01{'00' * 15}"
    return bytes.fromhex(
        f"ffd8 ffdb 0043 00 {'01' * 64} ffc0 000b 08 0008 0008 01 01 11 00"
        f"ffc4 0014 00 {table} {category:02x} ffc4 0014 10 {table} 00"
        f"ffda 0008 01 01 00 00 3f 00 {scan} ffd9"
    )


JPEGS = (grey_jpeg(0, "3f"), grey_jpeg(7, "407f"))


def sent(name: str, tag: str, *fields: Any, payload: bytes = b"") -> dict[str, Any]:
    """A message with all its fields, as our writers write it."""
    return told(name, tag, fields, frames(header(tag, *fields), payload), payload)


def read(name: str, tag: str, *fields: Any, header: bytes) -> dict[str, Any]:
    """A message that others may write so, and ours do not."""
    return told(name, tag, fields, frames(header)) | {"only_read": True}


def short(tag: str, written: int, *fields: Any) -> dict[str, Any]:
    """A message without its last fields, as they have their defaults."""
    return read(f"{tag} left short", tag, *fields, header=header(tag, *fields[:written]))


def told(
    name: str, tag: str, fields: tuple[Any, ...], said: list[bytes], payload: bytes = b""
) -> dict[str, Any]:
    plain = (field.hex() if isinstance(field, bytes) else field for field in fields)
    named = dict(zip(FIELDS[tag].split(), plain, strict=True))
    return vector(name, said, tag=tag, fields=named, payload=described(payload))


def both_ways() -> Iterator[dict[str, Any]]:
    yield sent("ping", "ping")
    yield read("ping of a later version", "ping", header=header("ping", 7, {"new": []}))
    yield sent("pong", "pong", 7)
    yield sent("pong at most", "pong", MOST)
    yield short("pong", 0, 0)
    yield from of_blocks()
    yield sent("end", "end", 3, 12, 502, "")
    yield sent("end with a reason", "end", 3, 12, 502, "items 500 to 501 are missing")
    yield sent("end at most", "end", MOST, MOST, MOST, "é" * 4096)
    yield short("end", 3, 3, 12, 502, "")
    yield sent("goodbye", "goodbye", "the daemon stops", True)
    yield sent("goodbye of 62 bytes, which needs no zeros", "goodbye", "x" * 50, False)
    yield sent("goodbye of 63 bytes", "goodbye", "x" * 51, False)
    yield sent("goodbye at most", "goodbye", "é" * 4096, False)
    yield short("goodbye", 1, "closed", False)


def of_blocks() -> Iterator[dict[str, Any]]:
    items = bytes.fromhex("0100 feff ff7f 0080")  # 1, -2; 32767, -32768
    yield sent("block", "block", 3, 12, 500, 2, 1_700_000_000_000_000_000, payload=items)
    yield sent("block of nothing", "block", 3, 12, 502, 0, 0)
    yield sent("block at most", "block", MOST, MOST, MOST, (1 << 31) - 1, MOST, payload=b"\1")
    yield sent("block at least", "block", 0, 0, 0, 0, LEAST)
    numbers = (3, 12, 500, 0, -1)
    long = b"".join(b"\xd3" + number.to_bytes(8, "big", signed=True) for number in numbers)
    name = "block of integers that all take 8 bytes"
    yield read(name, "block", *numbers, header=b"\x96\xa5block" + long)
    for size in (65471, 65472, 1 << 20):
        payload = bytes(size - 1) + b"\xff"
        yield sent(f"block of {size} bytes", "block", 1, 1, 0, size, 0, payload=payload)
    yield sent(
        "block of events", "block", 9, 12, 500, 64, 5, payload=pack("<4d", 510.25, 1, 563, -1)
    )
    yield sent("block without events", "block", 9, 12, 564, 64, 6)
    payload = b"".join(len(part).to_bytes(4, "little") + part for part in JPEGS)
    yield sent("block of two jpegs", "block", 4, 13, 0, 2, 5, payload=payload)


def from_clients() -> Iterator[dict[str, Any]]:
    yield from of_several_blocks()
    yield sent("hello", "hello", 1, 1, INSTANCE, "acme/2.0")
    yield sent("hello at most", "hello", 0, 65535, DAEMON, "x" * 255)
    yield short("hello", 3, 1, 1, INSTANCE, "")
    yield sent("open", "open", 1, "imu/7", SIGNAL, "raw", None, False)
    yield sent("open of jpegs", "open", 2, "cam/door", GREY, "jpeg", 9, True)
    yield sent("open of colours", "open", 3, "cam/2", COLOURS, "raw", 0, False)
    yield sent("open at most", "open", MOST, "x" * 255, DERIVED, "raw", MOST, True)
    yield short("open", 3, 1, "imu/7", SIGNAL, "raw", None, False)
    yield from of_formats_written_otherwise()
    patterns = ["imu/*/activity/smooth", "ecg/7"]
    yield sent("subscribe", "subscribe", 1, patterns, "now", "drop", 256, None)
    yield sent("subscribe again", "subscribe", 2, ["**"], "first", "wait", 65536, 7)
    most = [*["x"] * 63, "x" * 767]
    yield sent("subscribe at most", "subscribe", MOST, most, MOST, "wait", 1, MOST)
    yield short("subscribe", 2, 1, patterns, "now", "drop", 256, None)
    yield sent("credit", "credit", 64, 8 << 20)
    yield sent("credit at most", "credit", MOST, MOST)
    yield sent("status", "status", 1)
    yield sent("status at most", "status", MOST)


def of_several_blocks() -> Iterator[dict[str, Any]]:
    one, two = ["block", 3, 12, 500, 2, 5], ["block", 4, 13, 0, 1, 7]
    yield sent("blocks", "blocks", [one, two], [4, 1], payload=b"\1\2\3\4\5")
    yield sent("blocks of one", "blocks", [one], [2], payload=b"\1\2")
    yield sent("blocks of nothing", "blocks", [one, two], [0, 0])
    many = [["block", 3, 12, index, 1, 1000 * index] for index in range(256)]
    yield sent("blocks at most", "blocks", many, [1] * 256, payload=bytes(range(256)))
    one_of_each = [["block", 9, 12, 500, 1, 5], ["block", 10, 12, 250, 1, 5]]
    events = pack("<2d", 510.25, 1)
    name = "blocks of a signal and of events"
    yield sent(name, "blocks", one_of_each, [4, 16], payload=bytes.fromhex("0100 feff") + events)
    large = bytes(40000) + b"\1" * 40001
    yield sent("blocks in two frames", "blocks", [one, two], [40000, 40001], payload=large)


def of_several_acks() -> Iterator[dict[str, Any]]:
    one, two = ["ack", 3, 12, 502, False], ["ack", 4, 13, 1, True]
    yield sent("acks", "acks", [one, two])
    yield sent("acks of one", "acks", [one])
    yield sent("acks at most", "acks", [["ack", MOST, MOST, MOST, True]] * 256)


def of_formats_written_otherwise() -> Iterator[dict[str, Any]]:
    least = {"kind": "signal", "shape": [2]}
    written = header("open", 1, "imu/7", least)
    rest = ("raw", None, False)
    yield read("open of a short format", "open", 1, "imu/7", PLAIN, *rest, header=written)
    turned = {"new": 1, **dict(reversed(SIGNAL.items())), "rate_hz": 250}
    written = header("open", 1, "imu/7", turned)
    name = "open of a format in another order, with a key more and an integer as its rate"
    yield read(name, "open", 1, "imu/7", SIGNAL, *rest, header=written)


def from_daemon() -> Iterator[dict[str, Any]]:
    yield sent("welcome", "welcome", 1, DAEMON, 0, 1)
    yield sent("welcome of a worker", "welcome", 1, DAEMON, 1, 2)
    yield sent("welcome at most", "welcome", 65535, bytes(16), 63, 64)
    yield short("welcome", 2, 1, DAEMON, 0, 1)
    notes = ["edges: is for frames, the stream is a signal"]
    yield sent("opened", "opened", 1, 3, 12, 500, 8 << 20, ["activity", "trend"], notes)
    fill = ["x" * 4096] * 7 + [""] * 56
    room = (
        32768 - len(header("opened", *[MOST] * 5, [], [*fill, ""])) - 2
    )  # of a long text's length
    name = "opened in a header of 32768 bytes"
    yield sent(name, "opened", *[MOST] * 5, [], [*fill, "x" * room])
    yield short("opened", 5, 1, 3, 12, 500, 8 << 20, [], [])
    yield sent("ack", "ack", 3, 12, 502, False)
    yield sent("ack of an end", "ack", 3, 12, 502, True)
    yield sent("ack at most", "ack", MOST, MOST, MOST, True)
    yield short("ack", 3, 3, 12, 502, False)
    yield from of_several_acks()
    yield sent("rewind", "rewind", 3, 12, 500)
    yield sent("rewind at most", "rewind", MOST, MOST, MOST)
    yield sent("subscribed", "subscribed", 1, 7)
    yield sent("subscribed at most", "subscribed", MOST, MOST)
    yield short("subscribed", 1, 1, 0)
    stage = ("imu/7", "activity", "smooth")
    yield sent("announce", "announce", 9, 12, *stage, DERIVED, 500, 1)
    yield sent("announce of events", "announce", 9, 12, "ecg/7", "heart", "beats", EVENTS, 500, 0)
    raw = ("imu/7", "", "")
    yield sent("announce of the raw stream", "announce", 8, 12, *raw, SIGNAL, 500, 0)
    longest = ("x" * 255, "y" * 255, "z" * 255)
    yield sent("announce at most", "announce", MOST, MOST, *longest, COLOURS, MOST, MOST)
    yield short("announce", 7, 8, 12, *raw, SIGNAL, 500, 0)
    for reason in ("source", "dropped", "expired", "revision"):
        yield sent(f"gap: {reason}", "gap", 9, 12, 0, 500, reason)
    yield sent("gap of no item", "gap", 9, 12, 500, 500, "source")
    yield sent("gap at most", "gap", MOST, MOST, MOST, MOST, "dropped")
    yield sent("report", "report", 1, payload=msgpack.packb({"ready": True, "peers": 2}))
    long = msgpack.packb({"notes": "x" * 70000})
    yield sent("report in two frames", "report", MOST, payload=long)
    message = "the stream has a publisher"
    yield sent("refused", "refused", 1, "in_use", message, "imu/7", "use another name")
    texts = ("x" * 4096, "y" * 4096, "z" * 4096)
    yield sent("refused at most", "refused", MOST, "x" * 255, *texts)
    yield short("refused", 3, 1, "in_use", message, "", "")
