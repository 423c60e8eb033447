"""The messages of the protocol, version 1, and the bytes they travel as.

A message is a header and, for `Block`, a payload. The header is a MessagePack array: a tag, then
the fields in the order they have here; a reader ignores fields beyond those it knows. It stands
behind its own length (two bytes, little-endian) and is padded with zeros to a multiple of 64 bytes.
The payload follows in the same frame while both stay below 64 KiB, else in a second frame.

docs/protocol.md says who sends what when.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import msgspec

from corrente.errors import WireError
from corrente.format import Format

VERSION = 1
ALIGNMENT = 64
INLINE_BYTES = 64 << 10
MAX_HEADER_BYTES = 32 << 10
MAX_MESSAGE_BYTES = 65 << 20
HEARTBEAT_S = 1.0
SILENCE_S = 3.0

Buffer = bytes | bytearray | memoryview
Encoding = Literal["raw"]
Policy = Literal["drop", "wait"]
Since = Literal["now", "first"] | int
GapReason = Literal["source", "dropped", "expired"]


class Message(msgspec.Struct, frozen=True, array_like=True, tag=str.lower):
    """What every message is: an array on the wire, the class's name in small letters its tag."""


# Both ways


class Ping(Message):
    """Asks for a `Pong`. A peer silent for `SILENCE_S` is gone."""


class Pong(Message):
    """The answer to `Ping`."""


class Block(Message):
    """Items `index` to `index + count` of a stream (to the daemon) or of a topic (from it).

    `id` is the one that `Opened` or `Announce` gave. `t_ns` is the time of the first item.
    """

    id: int
    epoch: int
    index: int
    count: int
    t_ns: int


class End(Message):
    """The stream or topic ends before `index`: every item below it came before this message."""

    id: int
    epoch: int
    index: int


class Goodbye(Message):
    """The sender leaves. To a client: `reconnect` says whether to come back."""

    reason: str
    reconnect: bool = False


# From a client


class Hello(Message):
    """The first message of a connection. `instance` names the client object over reconnects."""

    oldest_version: int
    newest_version: int
    instance: bytes
    agent: str = ""


class Open(Message):
    """Asks to publish a stream. `index` names the first item; None goes on at `next_index`."""

    request: int
    stream: str
    format: Format
    encoding: Encoding = "raw"
    index: int | None = None
    takeover: bool = False


class Subscribe(Message):
    """Asks for topics. One subscription per connection, of one or more patterns."""

    request: int
    patterns: tuple[str, ...]
    since: Since = "now"
    policy: Policy = "drop"
    queue: int = 256


class Credit(Message):
    """How many blocks and payload bytes the daemon may have sent in all, since `Subscribed`."""

    blocks: int
    payload_bytes: int


class Status(Message):
    """Asks for a `Report`."""

    request: int


# From the daemon


class Welcome(Message):
    """The answer to `Hello`. `daemon` names the daemon's process; a new one knows no streams."""

    version: int
    daemon: bytes


class Opened(Message):
    """The stream is the asker's, from `next_index` on.

    `window_bytes` may be sent without being acknowledged. `pipelines` take the stream; `notes` say
    why others do not.
    """

    request: int
    id: int
    epoch: int
    next_index: int
    window_bytes: int
    pipelines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Ack(Message):
    """Every item below `next_index` is taken. `ended`: so is the end of the stream."""

    id: int
    epoch: int
    next_index: int
    ended: bool = False


class Rewind(Message):
    """Items are missing: send again from `next_index`. Sent once per loss."""

    id: int
    epoch: int
    next_index: int


class Subscribed(Message):
    """The subscription stands: whatever is published from now on reaches it."""

    request: int


class Announce(Message):
    """A topic of the subscription, before its first block. `index` is that of its next item."""

    id: int
    epoch: int
    stream: str
    pipeline: str
    stage: str
    format: Format
    index: int


class Gap(Message):
    """Items `[start, stop)` of a topic will not come."""

    id: int
    epoch: int
    start: int
    stop: int
    reason: GapReason


class Report(Message):
    """What the daemon is and counts; the answer to `Status`."""

    request: int
    body: dict[str, Any]


class Refused(Message):
    """No, and why. `request` is that of the message refused, 0 where it had none."""

    request: int
    code: str
    message: str
    path: str = ""
    remedy: str = ""


AnyMessage = (
    Ping
    | Pong
    | Block
    | End
    | Goodbye
    | Hello
    | Open
    | Subscribe
    | Credit
    | Status
    | Welcome
    | Opened
    | Ack
    | Rewind
    | Subscribed
    | Announce
    | Gap
    | Report
    | Refused
)


def _encode_fraction(value: Any) -> Any:
    if isinstance(value, Fraction):
        return (value.numerator, value.denominator)
    raise NotImplementedError(f"{type(value).__name__} is not sent")


def _decode_fraction(kind: type, value: Any) -> Any:
    if kind is Fraction:
        numerator, denominator = value
        return Fraction(numerator, denominator)
    raise NotImplementedError(f"{kind.__name__} is not received")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_fraction)
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(
    AnyMessage, dec_hook=_decode_fraction
)


def encode(message: Message, payload: Buffer = b"") -> list[Buffer]:
    """The frames, one or two, of a message. `payload` is C-contiguous bytes."""
    header = _encoder.encode(message)
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(f"a header has {MAX_HEADER_BYTES} bytes at most, got {len(header)}")
    head = (len(header).to_bytes(2, "little") + header).ljust(_padded(2 + len(header)), b"\0")
    if len(head) + len(payload) < INLINE_BYTES:
        return [head + payload]
    return [head, payload]


def decode(frames: Sequence[Buffer]) -> tuple[AnyMessage, memoryview]:
    """The message and its payload (not copied); raises `WireError` where there is none."""
    if not 1 <= len(frames) <= 2:
        raise WireError(f"a message has one or two frames, got {len(frames)}")
    head = memoryview(frames[0])
    if len(head) < ALIGNMENT:
        raise WireError(f"a first frame has at least {ALIGNMENT} bytes, got {len(head)}")
    length = int.from_bytes(head[:2], "little")
    start = _padded(2 + length)
    if length > MAX_HEADER_BYTES or start > len(head):
        raise WireError(f"the header's length is {length}, the frame's {len(head)}")
    if len(frames) == 2 and start != len(head):
        raise WireError("a message of two frames has nothing but its header in the first")
    try:
        message = _decoder.decode(head[2 : 2 + length])
    except (msgspec.MsgspecError, ValueError, TypeError, ZeroDivisionError) as error:
        raise WireError(f"not a message: {error}") from error
    payload = memoryview(frames[1]) if len(frames) == 2 else head[start:]
    if payload.nbytes and not isinstance(message, Block):
        raise WireError(f"a payload behind {type(message).__name__.lower()}")
    return message, payload


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
