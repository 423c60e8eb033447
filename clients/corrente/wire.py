"""The messages of the protocol, version 1, and the bytes they travel as.

A message is a header and, for `Block`, `Blocks` and `Report`, a payload. The header is a
MessagePack array: a tag, then the fields in the order they have here; a reader ignores fields
beyond those it knows. It stands behind its own length (two bytes, little-endian) and is padded with
zeros to a multiple of 64 bytes. The payload follows in the same frame while both stay below 64 KiB,
else in a second frame. Every field is bounded; `decode` refuses what lies beyond.

docs/protocol.md says who sends what when.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from corrente.errors import WireError
from corrente.format import Format
from corrente.topics import MAX_NAME_LENGTH, MAX_TOPIC_LENGTH

VERSION = 1
ALIGNMENT = 64
INLINE_BYTES = 64 << 10
MAX_HEADER_BYTES = 32 << 10
MAX_MESSAGE_BYTES = 65 << 20
HEARTBEAT_S = 1.0
SILENCE_S = 3.0

INSTANCE_BYTES = 16
MAX_INDEX = (1 << 63) - 1
MAX_COUNT = (1 << 31) - 1
MAX_WORKERS = 64
MAX_PATTERNS = 64
MAX_QUEUE = 1 << 16
MAX_TEXT = 4096
MAX_NOTES = 64
MAX_FRACTION = 1 << 53
MAX_BLOCKS = 256
MAX_BLOCKS_BYTES = 1 << 20
"""Payload of several blocks from the daemon in one message; one alone may have more."""

BLOCK_BYTES = 128
"""What a block counts for in a publisher's window, beyond its payload: it takes up room, too."""

Buffer = bytes | bytearray | memoryview
Encoding = Literal["raw", "jpeg"]
Policy = Literal["drop", "wait"]
GapReason = Literal["source", "dropped", "expired", "revision"]

Index = Annotated[int, Meta(ge=0, le=MAX_INDEX)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
TimeNs = Annotated[int, Meta(ge=-MAX_INDEX - 1, le=MAX_INDEX)]
Id = Annotated[int, Meta(ge=0, le=MAX_INDEX)]
Request = Annotated[int, Meta(ge=0, le=MAX_INDEX)]
Worker = Annotated[int, Meta(ge=0, le=MAX_WORKERS - 1)]
Workers = Annotated[int, Meta(ge=1, le=MAX_WORKERS)]
Version = Annotated[int, Meta(ge=0, le=65535)]
Instance = Annotated[bytes, Meta(min_length=INSTANCE_BYTES, max_length=INSTANCE_BYTES)]
Name = Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Pattern = Annotated[str, Meta(max_length=MAX_TOPIC_LENGTH)]
Patterns = Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=MAX_PATTERNS)]
Queue = Annotated[int, Meta(ge=1, le=MAX_QUEUE)]
Since = Literal["now", "first"] | Index
Notes = Annotated[tuple[Text, ...], Meta(max_length=MAX_NOTES)]


class Message(msgspec.Struct, frozen=True, array_like=True, tag=str.lower, gc=False):
    """What every message is: an array on the wire, the class's name in small letters its tag."""


# Both ways


class Ping(Message, frozen=True):
    """Asks for a `Pong`. A peer silent for `SILENCE_S` is gone."""


class Pong(Message, frozen=True):
    """The answer to `Ping`.

    From the daemon: `messages` counts the `Announce`, `Block`, `Gap` and `End` it has sent since
    the last `Subscribed` of this connection, each block of a `Blocks` as a message. A subscriber
    that got another number lost something.
    """

    messages: Index = 0


class Block(Message, frozen=True):
    """Items `index` to `index + count` of a stream (to the daemon) or of a topic (from it).

    `id` is the one that `Opened` or `Announce` gave. `t_ns` is the time of the first item.
    """

    id: Id
    epoch: Id
    index: Index
    count: Count
    t_ns: TimeNs


class Blocks(Message, frozen=True):
    """Several blocks, in the order they would have had alone; their payloads follow each other.

    `sizes` are the bytes of each payload; from the daemon `MAX_BLOCKS_BYTES` at most in all, where
    there is more than one.
    """

    blocks: Annotated[tuple[Block, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]
    sizes: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]


class End(Message, frozen=True):
    """The stream or topic ends before `index`: every item below it came before this message.

    From the daemon: `reason` says why, where that is not that the stream ended.
    """

    id: Id
    epoch: Id
    index: Index
    reason: Text = ""


class Goodbye(Message, frozen=True):
    """The sender leaves. To a client: `reconnect` says whether to come back."""

    reason: Text
    reconnect: bool = False


# From a client


class Hello(Message, frozen=True):
    """The first message of a connection. `instance` names the client object over reconnects."""

    oldest_version: Version
    newest_version: Version
    instance: Instance
    agent: Name = ""


class Open(Message, frozen=True):
    """Asks to publish a stream. `index` names the first item; None goes on at `next_index`."""

    request: Request
    stream: Name
    format: Format
    encoding: Encoding = "raw"
    index: Index | None = None
    takeover: bool = False


class Subscribe(Message, frozen=True):
    """Asks for topics. One subscription per connection, of one or more patterns.

    `ended` is the number in the `Subscribed` before, of the same daemon: what ended since is told.
    """

    request: Request
    patterns: Patterns
    since: Since = "now"
    policy: Policy = "drop"
    queue: Queue = 256
    ended: Index | None = None


class Credit(Message, frozen=True):
    """How many blocks and payload bytes the daemon may have sent in all, since `Subscribed`."""

    blocks: Index
    payload_bytes: Index


class Status(Message, frozen=True):
    """Asks for a `Report`."""

    request: Request


# From the daemon


class Welcome(Message, frozen=True):
    """The answer to `Hello`. `daemon` names the daemon's process; a new one knows no streams.

    It is number `worker` of the `workers` of its service; `corrente.workers` says where the others
    are, and which of them a stream belongs to.
    """

    version: Version
    daemon: Instance
    worker: Worker = 0
    workers: Workers = 1


class Opened(Message, frozen=True):
    """The stream is the asker's, from `next_index` on.

    `window_bytes` may be sent without being acknowledged, a block counting for its payload and
    `BLOCK_BYTES`. `pipelines` take the stream; `notes` say
    why others do not.
    """

    request: Request
    id: Id
    epoch: Id
    next_index: Index
    window_bytes: Index
    pipelines: tuple[Name, ...] = ()
    notes: Notes = ()


class Ack(Message, frozen=True):
    """Every item below `next_index` is taken. `ended`: so is the end of the stream."""

    id: Id
    epoch: Id
    next_index: Index
    ended: bool = False


class Acks(Message, frozen=True):
    """Several acknowledgements, as if each had come alone."""

    acks: Annotated[tuple[Ack, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]


class Rewind(Message, frozen=True):
    """Items are missing: send again from `next_index`. Sent once per loss."""

    id: Id
    epoch: Id
    next_index: Index


class Subscribed(Message, frozen=True):
    """The subscription stands: whatever is published from now on reaches it.

    `ended` counts the topics that ended since the daemon began.
    """

    request: Request
    ended: Index = 0


class Announce(Message, frozen=True):
    """A topic of the subscription, before its first block. `index` is that of its next item.

    `revision` counts how often the stage, or one before it, was changed while its stream was open.
    """

    id: Id
    epoch: Id
    stream: Name
    pipeline: Name
    stage: Name
    format: Format
    index: Index
    revision: Index = 0


class Gap(Message, frozen=True):
    """Items `[start, stop)` of a topic will not come."""

    id: Id
    epoch: Id
    start: Index
    stop: Index
    reason: GapReason


class Report(Message, frozen=True):
    """What the daemon is and counts; the answer to `Status`. The payload is a MessagePack map."""

    request: Request


class Refused(Message, frozen=True):
    """No, and why. `request` is that of the message refused, 0 where it had none."""

    request: Request
    code: Name
    message: Text
    path: Text = ""
    remedy: Text = ""


AnyMessage = (
    Ping
    | Pong
    | Block
    | Blocks
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
    | Acks
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
    if kind is not Fraction:
        raise NotImplementedError(f"{kind.__name__} is not received")
    # Fraction itself takes text, too, and "1e100000000" is a number it would work on for hours.
    match value:
        case [int(numerator), int(denominator)] if (
            abs(numerator) <= MAX_FRACTION and 0 < denominator <= MAX_FRACTION
        ):
            return Fraction(numerator, denominator)
        case _:
            raise ValueError("a fraction is two integers up to 2**53, the second above 0")


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
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        ArithmeticError,
        RecursionError,  # arrays in arrays, thousands deep, in a field that is skipped
    ) as error:
        raise WireError(f"not a message: {error}") from error
    payload = memoryview(frames[1]) if len(frames) == 2 else head[start:]
    if payload.nbytes and not isinstance(message, Block | Blocks | Report):
        raise WireError(f"a payload behind {type(message).__name__.lower()}")
    if isinstance(message, Blocks) and (
        len(message.sizes) != len(message.blocks) or sum(message.sizes) != payload.nbytes
    ):
        raise WireError("the sizes of several blocks do not add up to their payload")
    return message, payload


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
