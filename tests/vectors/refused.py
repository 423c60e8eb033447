"""Frames that are no message by docs/protocol.md, each for one reason."""

from collections.abc import Iterator
from typing import Any

from tests.vectors.document import frames, header, vector
from tests.vectors.messages import EVENTS, SIGNAL

PING = header("ping")
BLOCKS = [["block", 3, 12, 500, 2, 5], ["block", 4, 13, 0, 1, 7]]


def all_refused() -> Iterator[dict[str, Any]]:
    for name, said in (*framing(), *headers(), *fields(), *formats(), *payloads()):
        yield vector(name, said)


def framing() -> Iterator[tuple[str, list[bytes]]]:
    [ping] = frames(PING)
    [block] = frames(header("block", 3, 12, 500, 0, 0))
    [goodbye] = frames(header("goodbye", "x" * 80))
    yield "no frame", []
    yield "an empty frame", [b""]
    yield "63 bytes", [ping[:63]]
    yield "padding to 96 bytes", [goodbye[:96]]
    yield "three frames", [block, b"", b""]
    yield "a payload in the first of two frames", [block + b"x", b"two frames"]
    yield "a length of 0", [bytes(64)]
    yield "a length too small", [b"\5" + ping[1:]]
    yield "a length too large", [b"\7" + ping[1:]]
    yield "a length beyond the frame", [b"\x3f" + ping[1:]]
    yield "the largest length, alone", [b"\xff" * 64]
    yield "a length in the other order", [ping[1::-1] + ping[2:]]
    yield "a header of 32769 bytes", frames(header("opened", 1, 1, 1, 1, 1, [], notes(32769)))


def notes(length: int) -> list[str]:
    """Notes with which the header of an `opened` has so many bytes."""
    texts = ["x" * 4096] * 7
    rest = length - len(header("opened", 1, 1, 1, 1, 1, [], texts)) - 3
    return [*texts, "x" * rest]


def headers() -> Iterator[tuple[str, list[bytes]]]:
    yield "a map", frames(b"\x81\xa4ping\xc0")
    yield "a tag without an array", frames(b"\xa4ping")
    yield "an empty array", frames(b"\x90")
    yield "two headers", frames(PING + PING)
    yield "an array that is cut off", frames(header("ack", 1, 2, 3)[:-1])
    yield "a tag of another kind", frames(b"\x91\1")
    yield "an unknown tag", frames(header("nothing"))
    yield "a tag in capitals", frames(header("Ping"))
    yield "arrays 20000 deep", frames(b"\x92\xa4ping" + b"\x91" * 20000 + b"\xc0")


def fields() -> Iterator[tuple[str, list[bytes]]]:
    wrong: dict[str, tuple[Any, ...]] = {
        "a field too few": ("ack", 1, 2),
        "an index below 0": ("ack", 1, 2, -1),
        "an index of 2 to the 63rd": ("ack", 1, 2, 1 << 63),
        "an index with a fraction": ("ack", 1, 2, 1.5),
        "an index as a float": ("ack", 1, 2, 3.0),
        "an index as text": ("ack", 1, 2, "3"),
        "no index": ("ack", 1, 2, None),
        "a number for a boolean": ("ack", 1, 2, 3, 1),
        "a count of 2 to the 31st": ("block", 1, 1, 0, 1 << 31, 0),
        "a time of 2 to the 63rd": ("block", 1, 1, 0, 0, 1 << 63),
        "a version of 65536": ("hello", 1, 65536, bytes(16)),
        "worker 64": ("welcome", 1, bytes(16), 64, 64),
        "a worker below 0": ("welcome", 1, bytes(16), -1, 1),
        "no workers": ("welcome", 1, bytes(16), 0, 0),
        "65 workers": ("welcome", 1, bytes(16), 0, 65),
        "an instance of 15 bytes": ("hello", 1, 1, bytes(15)),
        "an instance of 17 bytes": ("hello", 1, 1, bytes(17)),
        "an instance as text": ("hello", 1, 1, "0123456789abcdef"),
        "an agent of 256 characters": ("hello", 1, 1, bytes(16), "x" * 256),
        "a stream of 256 characters": ("open", 1, "x" * 256, SIGNAL),
        "an unknown encoding": ("open", 1, "imu/7", SIGNAL, "png"),
        "no pattern": ("subscribe", 1, []),
        "65 patterns": ("subscribe", 1, ["x"] * 65),
        "a pattern of 768 characters": ("subscribe", 1, ["x" * 768]),
        "an unknown since": ("subscribe", 1, ["x"], "then"),
        "a since below 0": ("subscribe", 1, ["x"], -1),
        "an unknown policy": ("subscribe", 1, ["x"], "now", "hope"),
        "a queue of 0": ("subscribe", 1, ["x"], "now", "drop", 0),
        "a queue of 65537": ("subscribe", 1, ["x"], "now", "drop", 65537),
        "an unknown reason": ("gap", 1, 1, 0, 1, "bored"),
        "a reason of 4097 characters": ("goodbye", "x" * 4097),
        "an end for a reason of 4097 characters": ("end", 1, 1, 0, "x" * 4097),
        "no acks": ("acks", []),
        "257 acks": ("acks", [["ack", 3, 12, 0]] * 257),
        "acks without their tags": ("acks", [[3, 12, 0, False]]),
        "a block among acks": ("acks", [["ack", 3, 12, 0], ["block", 3, 12, 0, 0, 0]]),
        "an index below 0 among acks": ("acks", [["ack", 3, 12, -1]]),
        "65 notes": ("opened", 1, 1, 1, 1, 1, [], [""] * 65),
        "a code of 256 characters": ("refused", 1, "x" * 256, ""),
    }
    for name, (tag, *values) in wrong.items():
        yield name, frames(header(tag, *values))
    yield "text that is not UTF-8", frames(b"\x92\xa7goodbye\xa2\xff\xfe")


def formats() -> Iterator[tuple[str, list[bytes]]]:
    most = 1 << 53
    wrong: dict[str, Any] = {
        "a format without a kind": {"shape": [2]},
        "a format without a shape": {"kind": "signal"},
        "an unknown kind": SIGNAL | {"kind": "text"},
        "a signal of two dimensions": SIGNAL | {"shape": [2, 2], "labels": []},
        "a shape with a 0": SIGNAL | {"shape": [0], "labels": []},
        "an item beyond 64 MiB": SIGNAL | {"shape": [(32 << 20) + 1], "labels": []},
        "an unknown dtype": SIGNAL | {"dtype": "complex64"},
        "a rate of 0": SIGNAL | {"rate_hz": 0.0},
        "a rate without end": SIGNAL | {"rate_hz": float("inf")},
        "a rate that is no number": SIGNAL | {"rate_hz": float("nan")},
        "events of float32": EVENTS | {"dtype": "float32"},
        "events without labels": EVENTS | {"labels": []},
        "events whose first column is no index": EVENTS | {"labels": ["direction", "index"]},
        "events of two dimensions": EVENTS | {"shape": [2, 2]},
        "a label too few": SIGNAL | {"labels": ["x"]},
        "a label of 65 characters": SIGNAL | {"labels": ["x", "y" * 65]},
        "a fraction as a number": SIGNAL | {"origin": 1},
        "a fraction of three": SIGNAL | {"origin": [1, 2, 3]},
        "a fraction of floats": SIGNAL | {"origin": [1.0, 2.0]},
        "a fraction over 0": SIGNAL | {"origin": [1, 0]},
        "a numerator beyond 2 to the 53rd": SIGNAL | {"origin": [most + 1, 1]},
        "a denominator beyond 2 to the 53rd": SIGNAL | {"stride": [1, most + 1]},
        "a denominator below 0": SIGNAL | {"origin": [1, -1]},
        "a stride of 0": SIGNAL | {"stride": [0, 1]},
        "a format as an array": list(SIGNAL.values()),
    }
    for name, format in wrong.items():
        yield name, frames(header("open", 1, "imu/7", format))


def payloads() -> Iterator[tuple[str, list[bytes]]]:
    yield "a payload behind ping", frames(PING, b"x")
    yield "a payload behind acks", frames(header("acks", [["ack", 3, 12, 502]]), b"x")
    yield "a payload behind end", frames(header("end", 3, 12, 502), b"x")
    yield (
        "a payload behind open, in two frames",
        frames(header("open", 1, "x", SIGNAL), bytes(65536)),
    )
    sizes = {
        "a size too few": [5],
        "a size too many": [4, 1, 0],
        "no sizes": [],
        "sizes below the payload's": [4, 0],
        "sizes beyond the payload": [4, 2],
        "a size below 0": [6, -1],
    }
    for name, said in sizes.items():
        yield name, frames(header("blocks", BLOCKS, said), b"\1\2\3\4\5")
    yield "no blocks", frames(header("blocks", [], []))
    one = ["block", 3, 12, 0, 0, 0]
    yield "257 blocks", frames(header("blocks", [one] * 257, [0] * 257))
    yield "blocks without their tags", frames(header("blocks", [[3, 12, 0, 0, 0]], [0]))
    yield "an end among blocks", frames(header("blocks", [one, ["end", 3, 12, 0]], [0, 0]))
