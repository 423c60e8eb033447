"""The publisher's half of the protocol: window, rewind, resume. No I/O, and no clock.

Every block is kept until it is acknowledged. After a reconnect each stream is opened again, and
goes on from the first item the daemon has not. What gets no answer is said again with the next
heartbeat: the question itself, or, for blocks, that they were sent.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import count

import msgspec

from corrente import wire
from corrente.errors import CorrenteError, Refused
from corrente.format import Format
from corrente.link import Envelope, refusal
from corrente.small import SmallBlocks

SHARED_WINDOWS = 2
"""What all streams together may have under way, in windows of one: more only fills memory, which is
slower than the cache.
"""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A block that is not acknowledged. `payload` is the publisher's own and never changes."""

    index: int
    count: int
    t_ns: int
    payload: wire.Buffer


@dataclass(eq=False, slots=True)
class Outgoing:
    """One stream on its way out, as the user's handle reads it; only `Sending` writes.

    `next_index` is that of the next item to be sent, `error` why there will be none.
    `opened` is the daemon's latest answer, None before the first.
    """

    half: "Sending"  # that has it; another, where another worker has it
    stream: str
    format: Format
    encoding: wire.Encoding = "raw"
    index: int | None = None
    takeover: bool = False
    opened: wire.Opened | None = None
    next_index: int = 0
    kept: deque[Kept] = field(default_factory=deque[Kept])
    kept_bytes: int = 0  # as the window counts them
    is_ending: bool = False
    ended: bool = False
    error: CorrenteError | None = None
    is_flowing: bool = False  # blocks may leave on this connection
    may_have_ended: bool = False  # the end was said, and its answer may have been lost
    is_answered: bool = False  # since the last heartbeat
    small: SmallBlocks | None = field(init=False)

    def __post_init__(self) -> None:
        self.small = SmallBlocks(self.format) if self.encoding == "raw" else None

    @property
    def oldest(self) -> int:
        """Index of the first item that is not acknowledged."""
        return self.kept[0].index if self.kept else self.next_index

    def has_room(self, payload_bytes: int) -> bool:
        """Whether the stream's part of the window takes that much more; an empty one takes any."""
        opened = self.opened
        if opened is None:
            return False
        held_bytes = self.kept_bytes + wire.BLOCK_BYTES + payload_bytes
        return held_bytes <= self.half.part(opened.window_bytes) or not self.kept


class Sending:
    """What one publisher has sent, and has yet to send, on all its streams of one worker.

    `untold` are the streams whose errors were not raised yet, those of other workers among them.
    """

    def __init__(self, untold: list[Outgoing] | None = None) -> None:
        self._is_up = False
        self._daemon = b""
        self._requests = count(1)
        self._asked: dict[int, Outgoing] = {}
        self._streams: dict[str, Outgoing] = {}
        self._ids: dict[int, Outgoing] = {}
        self._untold: list[Outgoing] = [] if untold is None else untold
        self._under_way = 0  # streams of which a block is kept

    def part(self, window_bytes: int) -> int:
        """How much of such a window a stream may use beside the others that use theirs.

        All get the same, so that one whose blocks are not acknowledged never stops another.
        """
        if self._under_way <= SHARED_WINDOWS:
            return window_bytes
        return SHARED_WINDOWS * window_bytes // self._under_way

    @property
    def is_flushed(self) -> bool:
        """Whether everything that was sent is acknowledged, or given up."""
        return not any(outgoing.kept for outgoing in self._streams.values())

    def check(self, outgoing: Outgoing) -> None:
        """Raise the stream's `error`, if it has one."""
        if outgoing.error is not None:
            if outgoing in self._untold:
                self._untold.remove(outgoing)
            raise outgoing.error

    def check_all(self) -> None:
        """Raise what ended a stream and was not raised yet."""
        if self._untold:
            self.check(self._untold[0])

    def open(
        self,
        stream: str,
        format: Format,
        encoding: wire.Encoding = "raw",
        index: int | None = None,
        takeover: bool = False,
    ) -> tuple[Outgoing, list[Envelope]]:
        """A stream to publish; wait for its `opened` or `error`.

        Raises `Refused` where this publisher has it open already.
        """
        if stream in self._streams:
            raise Refused("in_use", "this publisher has the stream open already", path=stream)
        outgoing = Outgoing(self, stream, format, encoding, index, takeover)
        self._streams[stream] = outgoing
        return outgoing, self._ask(outgoing, index) if self._is_up else []

    def send(
        self, outgoing: Outgoing, count: int, t_ns: int, payload: wire.Buffer
    ) -> list[Envelope]:
        """The next `count` items. The caller has seen that the window has room."""
        kept = Kept(outgoing.next_index, count, t_ns, payload)
        self._under_way += not outgoing.kept
        outgoing.kept.append(kept)
        outgoing.kept_bytes += wire.BLOCK_BYTES + len(payload)
        outgoing.next_index += count
        return [_block(outgoing, kept)] if outgoing.is_flowing else []

    def end(self, outgoing: Outgoing) -> list[Envelope]:
        """The stream ends behind what was sent; wait for its `ended` or `error`."""
        outgoing.is_ending = True
        return [_end(outgoing)] if outgoing.is_flowing else []

    def give_up(self, outgoing: Outgoing) -> None:
        """Forget a stream that was not opened; a late answer to it is ignored."""
        self._forget(outgoing)

    @property
    def streams(self) -> tuple[Outgoing, ...]:
        """Those that are published, or are about to be."""
        return tuple(self._streams.values())

    def adopt(self, outgoing: Outgoing) -> None:
        """Publish a stream from here that another half had, behind what is acknowledged.

        It is opened with the welcome, or with the next heartbeat.
        """
        former, outgoing.half = outgoing.half, self
        former._let_go(outgoing)  # noqa: SLF001 - one of us
        outgoing.may_have_ended = outgoing.is_answered = False  # this daemon never heard of it
        self._streams[outgoing.stream] = outgoing
        self._under_way += bool(outgoing.kept)

    def welcomed(self, daemon: bytes) -> list[Envelope]:
        """Open, or open again, every stream."""
        is_same = daemon == self._daemon
        self._is_up, self._daemon = True, daemon
        said: list[Envelope] = []
        for outgoing in self._streams.values():
            if outgoing.may_have_ended and is_same:
                said += self._flow(outgoing)
            else:
                outgoing.may_have_ended = False  # this process never heard of it
                said += self._ask(outgoing, outgoing.index if outgoing.opened is None else None)
        return said

    def lost(self) -> None:
        """Nothing leaves until the next `welcomed`."""
        self._is_up = False
        self._asked.clear()
        self._ids.clear()
        for outgoing in self._streams.values():
            outgoing.may_have_ended |= outgoing.is_ending and outgoing.is_flowing
            outgoing.is_flowing = False

    def beat(self) -> list[Envelope]:
        """What to say again, as nothing was answered since the last beat."""
        said: list[Envelope] = []
        for outgoing in self._streams.values():
            if not outgoing.is_answered:
                said += self._again(outgoing)
            outgoing.is_answered = False
        return said

    def received(self, message: wire.AnyMessage, payload: memoryview) -> list[Envelope]:
        """What to send in answer."""
        match message:
            case wire.Opened():
                return self._opened(message)
            case wire.Ack():
                self._acknowledged(message)
            case wire.Acks(acks):
                for ack in acks:
                    self._acknowledged(ack)
            case wire.Rewind():
                outgoing = self._named(message.id, message.epoch)
                return self._resume(outgoing, message.next_index) if outgoing else []
            case wire.Refused():
                self._refused(message)
            case _:
                pass  # of a later version
        return []

    def _unask(self, outgoing: Outgoing) -> None:
        """Whatever else answers is late."""
        self._asked = {r: asked for r, asked in self._asked.items() if asked is not outgoing}

    def _ask(self, outgoing: Outgoing, index: int | None) -> list[Envelope]:
        request = next(self._requests)
        self._asked[request] = outgoing
        takeover = outgoing.takeover and outgoing.opened is None
        message = wire.Open(
            request, outgoing.stream, outgoing.format, outgoing.encoding, index, takeover
        )
        return [(message, b"")]

    def _again(self, outgoing: Outgoing) -> list[Envelope]:
        if not outgoing.is_flowing:
            return self._ask(outgoing, outgoing.index if outgoing.opened is None else None)
        said = [_reminder(outgoing)] if outgoing.kept else []
        if outgoing.is_ending:
            outgoing.may_have_ended = True
            said.append(_end(outgoing))
        return said

    def _opened(self, opened: wire.Opened) -> list[Envelope]:
        outgoing = self._asked.get(opened.request)
        if outgoing is None:
            return []
        self._unask(outgoing)
        outgoing.is_answered = True
        before, outgoing.opened = outgoing.opened, opened
        if before is None:
            outgoing.next_index = opened.next_index
        elif opened.epoch != before.epoch and opened.next_index > outgoing.oldest:
            error = Refused(
                "fenced",
                "another publisher has gone on with the stream",
                path=outgoing.stream,
                remedy="open it again to go on behind that",
            )
            self._fail(outgoing, error)
            return []
        elif opened.next_index < outgoing.oldest:
            # A daemon that does not know the stream: what lies before is acknowledged and gone.
            return self._ask(outgoing, outgoing.oldest)
        self._drop(outgoing, opened.next_index)
        return self._flow(outgoing)

    def _flow(self, outgoing: Outgoing) -> list[Envelope]:
        """Send all that is kept; from now on blocks leave as they come."""
        if outgoing.opened is not None:
            self._ids[outgoing.opened.id] = outgoing
        outgoing.is_flowing = True
        said = [_block(outgoing, kept) for kept in outgoing.kept]
        return [*said, _end(outgoing)] if outgoing.is_ending else said

    def _resume(self, outgoing: Outgoing, next_index: int) -> list[Envelope]:
        outgoing.is_answered = True
        if next_index < outgoing.oldest:
            return []  # late: these items were acknowledged meanwhile
        self._drop(outgoing, next_index)
        return self._flow(outgoing)

    def _acknowledged(self, ack: wire.Ack) -> None:
        outgoing = self._named(ack.id, ack.epoch)
        if outgoing is None:
            return
        outgoing.is_answered = True
        self._drop(outgoing, ack.next_index)
        if ack.ended and outgoing.is_ending:
            self._ended(outgoing)

    def _refused(self, refused: wire.Refused) -> None:
        if refused.request:
            outgoing = self._asked.get(refused.request)
        else:
            outgoing = self._flowing(refused.path)
        if outgoing is None:
            return  # late, or one of several blocks of a stream that was given up
        # With all acknowledged, the end is said twice, and its answer is late or lost.
        has_ended = outgoing.may_have_ended or (outgoing.is_ending and not outgoing.kept)
        if has_ended and refused.code == "unknown_stream":
            self._ended(outgoing)
        else:
            self._fail(outgoing, refusal(refused))

    def _flowing(self, path: str) -> Outgoing | None:
        """The stream whose block or end was refused: `path` is its name or its id."""
        outgoing = self._streams.get(path)
        if outgoing is None and path.isdecimal():
            outgoing = self._ids.get(int(path))
        return outgoing if outgoing is not None and outgoing.is_flowing else None

    def _named(self, id: int, epoch: int) -> Outgoing | None:
        outgoing = self._ids.get(id)
        if outgoing is None or outgoing.opened is None or outgoing.opened.epoch != epoch:
            return None  # an answer to somebody we no longer are
        return outgoing

    def _ended(self, outgoing: Outgoing) -> None:
        outgoing.ended = True
        self._forget(outgoing)

    def _fail(self, outgoing: Outgoing, error: CorrenteError) -> None:
        outgoing.error = error
        self._untold.append(outgoing)
        self._forget(outgoing)

    def _forget(self, outgoing: Outgoing) -> None:
        self._let_go(outgoing)
        outgoing.kept.clear()
        outgoing.kept_bytes = 0

    def _drop(self, outgoing: Outgoing, next_index: int) -> None:
        """Let go of what is acknowledged."""
        kept = outgoing.kept
        while kept:
            oldest = kept[0]
            if oldest.index + oldest.count > next_index:
                return
            outgoing.kept_bytes -= wire.BLOCK_BYTES + len(oldest.payload)
            kept.popleft()
            self._under_way -= not kept

    def _let_go(self, outgoing: Outgoing) -> None:
        self._unask(outgoing)
        outgoing.is_flowing = False
        if self._streams.get(outgoing.stream) is outgoing:
            del self._streams[outgoing.stream]
            self._under_way -= bool(outgoing.kept)
        if outgoing.opened is not None and self._ids.get(outgoing.opened.id) is outgoing:
            del self._ids[outgoing.opened.id]  # else another process gave that id to another stream


def _block(outgoing: Outgoing, kept: Kept) -> Envelope:
    assert outgoing.opened is not None
    opened = outgoing.opened
    return wire.Block(opened.id, opened.epoch, kept.index, kept.count, kept.t_ns), kept.payload


def _reminder(outgoing: Outgoing) -> Envelope:
    """An empty block: everything before it was sent, so what is missing is to be asked for."""
    return _block(outgoing, Kept(outgoing.next_index, 0, 0, b""))


def _end(outgoing: Outgoing) -> Envelope:
    assert outgoing.opened is not None
    return wire.End(outgoing.opened.id, outgoing.opened.epoch, outgoing.next_index), b""
