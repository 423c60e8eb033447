"""Messages changed in every way that a stranger could think of; the same ones for the same seed."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from corrente.wire import ALIGNMENT, INLINE_BYTES
from corrente_service.stream import Stream
from tests.fuzz.corpus import Sample

STREAMS = ("imu/1", "imu/2", "cam/1", "cam/2", "held/1", "held/2", "free", "a/b/c", "x" * 255)
PATTERNS = ("**", "*", "imu/*", "imu/*/mean/*", "cam/**", "held/*/patient/up", "**/up", "*/**/*")
RAW = msgspec.Raw

NUMBERS = (
    *(0, 1, -1, 2, 127, 255, 256, 65535, 65536),
    *((1 << k) + d for k in (31, 32, 53, 63) for d in (-1, 0, 1)),
    *((1 << 64) - 1, -(1 << 63), -(1 << 31)),
    *(0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7e308),
)
WORDS = (
    *("", "x", "x" * 64, "x" * 255, "x" * 256, "x" * 4097, "x" * 30000),
    *(
        "\0",
        "\0" * 255,
        "\N{WATER WAVE}" * 255,
        "\N{WATER WAVE}" * 5000,
        "**",
        "a//b",
        "../..",
        "/",
    ),
    *("now", "first", "drop", "wait", "raw", "jpeg", "signal", "frames", "float64", "1e100000000"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, b"", b"a" * 16, b"b" * 16, bytes(16), bytes(17), bytes(30000)),
    *([], {}, [[]], {"kind": "signal"}, [1, 0], [0, 1], [-1, 3], [1 << 53, 1 << 53], ["1e9999", 1]),
    *([1 << 63, (1 << 64) - 1], [0] * 5000, ["**"] * 65, [2, 2], [1 << 26], [1 << 40, 1 << 40]),
    *({str(k): k for k in range(300)}, msgspec.msgpack.Ext(5, b"x" * 40)),
)
BOMBS = tuple(
    RAW(raw)
    for raw in (
        *(b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"),  # lengths
        *(b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x05", b"\xdc\xff\xff", b"\xde\xff\xff"),
        *(b"\x91" * 30000, b"\x81\xa1x" * 9000, b"\x91" * 900, b"\xc1", b"\xc0" * 9),  # nesting
        *(b"\xd6\xff\xff\xff\xff\xff", b"\xc7\x0c\xff" + b"\xff" * 12),  # times
        *(b"\xa2\xff\xfe", b"\xa3\xed\xa0\x80", b"\xdd\x00\x00\x00\x01\x01"),  # text; not shortest
    )
)


Aim = Callable[[list[Any], bytes], bytes]


def framed(header: bytes, payload: bytes = b"", length: int | None = None) -> list[bytes]:
    """The frames of a message whose header need not be one, nor as long as it says."""
    size = len(header) if length is None else length
    head = (size & 0xFFFF).to_bytes(2, "little") + header
    head += bytes(-len(head) % ALIGNMENT)
    inline = len(head) + len(payload) < INLINE_BYTES
    return [head + payload] if inline else [head, payload]


class Mutator:
    """Draws messages: valid ones of the samples, aimed at streams there are, and changed."""

    def __init__(self, seed: int, samples: Sequence[Sample], others: Sequence[Sample]) -> None:
        self.random = Random(seed)
        self._samples = samples
        self._others = others  # not for whom the messages are for
        self._last: list[bytes] = [b""]

    def message(self, streams: Sequence[Stream], aim: Aim | None = None) -> list[bytes]:
        """The frames of the next message; most speak of `streams`, which should exist.

        `aim` makes a valid message one that is understood: changes the fields, gives the payload.
        """
        chance = self.random.random
        if chance() < 0.02:
            return self._noise()
        sample = self.random.choice(self._others if chance() < 0.03 else self._samples)
        fields, payload = list(sample.fields), sample.payload
        if chance() < 0.85:
            payload = aim(fields, payload) if aim else self._aim(fields, payload, streams)
        if chance() < 0.3:
            for _ in range(self.random.randint(1, 3)):
                fields = self._changed(fields)
        frames = self._encoded(fields, payload)
        if chance() < 0.1:
            frames = self._spoiled(frames)
        self._last = frames
        return frames

    def value(self) -> Any:
        """Something a field should not hold."""
        kind = self.random.randrange(8)
        if kind < 3:
            return self.random.choice(NUMBERS)
        if kind < 5:
            return self.random.choice(WORDS)
        if kind < 7:
            return self.random.choice(VALUES)
        return self.random.choice(BOMBS)

    def _aim(self, fields: list[Any], payload: bytes, streams: Sequence[Stream]) -> bytes:
        """Makes a valid message one that is understood in the state the service is in."""
        random = self.random
        match fields[0]:
            case "open":
                fields[2] = random.choice(STREAMS)
                fields[6] = random.random() < 0.3
                if streams and random.random() < 0.4:
                    stream = random.choice(streams)
                    fields[2] = stream.name
                    fields[5] = stream.next_index + random.choice((-1, 0, 0, 1, 5))
            case "subscribe":
                fields[2] = random.choices(PATTERNS, k=random.randint(1, 3))
                fields[6] = random.choice((None,) * 9 + (0, 1 << 40))  # 0: all that is remembered
            case "credit":
                fields[1:3] = random.choices((0, 1, 7, 1 << 20, (1 << 63) - 1), k=2)
            case "block" | "end" if streams:
                stream = random.choice(streams)
                fields[1:3] = stream.id, stream.epoch
                fields[3] = stream.next_index + random.choice((0, 0, 0, 0, 0, 0, -1, 1))
                if fields[0] == "block":
                    fields[4] = random.choice((1, 1, 1, 2, 3, 50, 0))
                    return random.randbytes(min(1 << 20, fields[4] * stream.format.item_bytes))
            case "blocks" if streams:
                return self._aim_several(fields, random.choice(streams))
        return payload

    def _aim_several(self, fields: list[Any], stream: Stream) -> bytes:
        n, size = self.random.choice((1, 2, 20, 256)), min(stream.format.item_bytes, 1000)
        first = stream.next_index
        fields[1] = [["block", stream.id, stream.epoch, first + k, 1, k] for k in range(n)]
        fields[2] = [size] * n
        return bytes(n * size)

    def _changed(self, value: Any) -> Any:
        """A copy with one thing changed somewhere in it."""
        random = self.random
        if isinstance(value, list) and value and random.random() < 0.9:
            changed, at = list(value), random.randrange(len(value))
            match random.randrange(10):
                case 0:
                    del changed[at]
                case 1:
                    changed.insert(at, self.value())
                case 2:
                    changed += changed[:200]
                case 3:
                    other = random.randrange(len(value))
                    changed[at], changed[other] = changed[other], changed[at]
                case _:
                    changed[at] = self._changed(value[at])
            return changed
        if isinstance(value, dict) and value and random.random() < 0.9:
            key = random.choice(list(value))
            return {**value, key: self._changed(value[key])}
        if type(value) is int and random.random() < 0.4:
            return value + random.choice((-1, 1, 1 << 16, 1 << 40))
        return self.value()

    def _encoded(self, fields: Any, payload: bytes) -> list[bytes]:
        try:
            header = msgspec.msgpack.encode(fields)
        except (OverflowError, RecursionError):  # beyond 64 bits: there are no bytes for it
            return self._noise()
        return framed(header, payload)

    def _noise(self) -> list[bytes]:
        random = self.random
        size = random.choice((0, 1, 2, 63, 64, 65, 128, 1000, 40000))
        if random.random() < 0.5:
            return [random.randbytes(size)]
        return framed(random.randbytes(min(size, 9000)), random.randbytes(random.randrange(9)))

    def _spoiled(self, frames: list[bytes]) -> list[bytes]:
        """The frames with their bytes changed, cut, or put together otherwise."""
        random = self.random
        first, rest = frames[0], frames[1:]
        match random.randrange(8):
            case 0:  # a bit, or several
                spoiled = bytearray(first)
                for _ in range(random.choice((1, 1, 3, 20)) if spoiled else 0):
                    spoiled[random.randrange(min(len(spoiled), 256))] ^= 1 << random.randrange(8)
                return [bytes(spoiled), *rest]
            case 1:  # truncated
                return [first[: random.randrange(len(first) + 1)], *rest]
            case 2:  # a length that lies
                lie = random.choice((0, 1, 62, 63, 64, 32767, 32768, 32769, 65535))
                return [lie.to_bytes(2, "little") + first[2:], *rest]
            case 3:  # spliced with the message before
                at = random.randrange(min(len(first), 128) + 1)
                return [first[:at] + self._last[0][at:] if self._last else first, *rest]
            case 4:  # in other frames
                at = random.randrange(len(first) + 1)
                return [first[:at], first[at:], *rest]
            case 5:
                return [b"".join(frames)]
            case 6:
                return (frames * 5)[: random.randrange(6)]
            case _:
                return [*frames, random.choice((b"", b"x", first))]
