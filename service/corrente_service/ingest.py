"""The daemon's half of publishing: who owns a stream, what was taken in, what is acknowledged.

An item is accepted when its block arrives in order, and acknowledged when it is processed. Between
the two it waits in the stream's `work`, which the publisher's window bounds.
"""

from itertools import count

from corrente import jpeg, topics, wire
from corrente.errors import FormatError, Refused
from corrente.format import Format
from corrente.wire import BLOCK_BYTES, MAX_INDEX
from corrente_service.jpeg import Jpegs, received
from corrente_service.labels import check_labels
from corrente_service.limits import Limits
from corrente_service.stream import Arrived, Finished, LeftOut, Stream
from corrente_service.timing import time_ahead

MAX_SOURCE_INDEX = 1 << 53
"""Beyond it, the index of an output at a higher rate could leave the bounds of the wire."""


class Ingest:
    """Every stream that is being published."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._window_bytes = limits.window_bytes
        self._ids = count(1)
        self._epochs = count(1)  # of the daemon, so that none is ever granted twice
        self._by_id: dict[int, Stream] = {}
        self._extended: dict[str, int] = {}  # proper prefixes of names -> how many streams
        self.streams: dict[str, Stream] = {}

    def find(self, asked: wire.Open, instance: bytes) -> Stream | None:
        """The stream that `asked` may have; None where it would be a new one.

        A takeover may name another format: the stream found is then to be ended, and begun anew.
        Raises `Refused` where it may have neither.
        """
        _check_index(asked.stream, asked.index or 0)
        _check_format(asked)
        stream = self.streams.get(asked.stream)
        if stream is None:
            self._check_new(asked)
            return None
        if stream.owner != instance and stream.is_ending:
            raise Refused(
                "in_use", "the stream is ending", path=asked.stream, remedy="try again in a moment"
            )
        if stream.owner != instance and stream.peer is not None and not asked.takeover:
            raise Refused(
                "in_use",
                "the stream has a publisher",
                path=asked.stream,
                remedy="use another name, or takeover=True to take it from that publisher",
            )
        if stream.format != asked.format:
            if asked.takeover:
                return stream
            raise Refused(
                "bad_format",
                f"the stream goes on from item {stream.next_index} as {_say(stream.format)}, "
                f"not as {_say(asked.format)}",
                path=asked.stream,
                remedy="use another name, or takeover=True to end that stream and begin anew",
            )
        if asked.index is not None and asked.index < stream.next_index:
            raise Refused(
                "index_taken",
                f"the next index is {stream.next_index}, got {asked.index}",
                path=asked.stream,
                remedy=f"give index={stream.next_index}, or more to leave a gap, or none",
            )
        return stream

    def begin(self, asked: wire.Open, instance: bytes, peer: bytes) -> Stream:
        """A new stream; `find` has allowed it."""
        index = asked.index or 0
        stream = Stream(
            name=asked.stream,
            id=next(self._ids),
            epoch=next(self._epochs),
            format=asked.format,
            encoding=asked.encoding,
            owner=instance,
            peer=peer,
            next_index=index,
            taken_index=index,
        )
        self.streams[stream.name] = stream
        self._by_id[stream.id] = stream
        for prefix in _prefixes(stream.name):
            self._extended[prefix] = self._extended.get(prefix, 0) + 1
        return stream

    def resume(self, stream: Stream, asked: wire.Open, instance: bytes, peer: bytes) -> None:
        """Gives a stream to its owner again, or to another instance in a new epoch."""
        if stream.owner != instance:
            stream.owner, stream.epoch = instance, next(self._epochs)
        stream.peer, stream.is_lost, stream.is_rewind_due = peer, False, False
        stream.encoding = asked.encoding
        if asked.index is not None and asked.index > stream.next_index and not stream.is_ending:
            stream.put(LeftOut(asked.index))

    def block(self, instance: bytes, block: wire.Block, payload: wire.Buffer) -> Stream:
        """Takes in a block: whole, trimmed, or not at all.

        Raises `Refused` where it is not the sender's to send. Afterwards the publisher is owed an
        acknowledgement, and a rewind where `is_rewind_due`.
        """
        stream = self._owned(block.id, block.epoch, instance)
        index, count, nbytes = block.index, block.count, len(payload)
        came: wire.Buffer | Jpegs = payload
        if stream.encoding == "jpeg":
            came = _jpegs(stream, count, payload)
        elif nbytes != count * stream.item_bytes:
            raise _misfit(stream, count, nbytes)
        if index + count > MAX_SOURCE_INDEX:
            _check_index(stream.name, index + count)
        known = stream.next_index - index
        if known >= count:
            return stream
        if stream.is_ending:
            raise Refused("unknown_stream", "the stream has ended", path=stream.name)
        if known < 0:
            stream.lose()
            # An empty block is a reminder: the rewind may have been lost, or what it brought.
            stream.is_rewind_due |= not count
            return stream
        held_bytes = BLOCK_BYTES + nbytes
        if stream.work and stream.work_bytes + held_bytes > self._window_bytes:
            stream.is_lost = stream.is_rewind_due = True  # asked for again when there is room
            return stream
        t_ns = block.t_ns
        if t_ns < -MAX_INDEX:
            t_ns = -MAX_INDEX
        arrived = Arrived(came, count, held_bytes, t_ns, stream.layout)
        stream.arrive(_behind(arrived, known, stream.format.rate_hz) if known else arrived)
        stream.is_lost = False
        return stream

    def blocks(
        self, instance: bytes, message: wire.Blocks, payload: memoryview
    ) -> tuple[list[Stream], list[Refused]]:
        """Takes in each block as if it had come alone."""
        taken: list[Stream] = []
        refusals: list[Refused] = []
        block_in, whole, start = self.block, bytes(payload), 0
        for block, size in zip(message.blocks, message.sizes, strict=True):
            # A copy: while it waits it must not keep the memory of all, which nobody counts.
            part = whole[start : start + size]
            start += size
            try:
                taken.append(block_in(instance, block, part))
            except Refused as refused:
                refusals.append(refused)
        return taken, refusals

    def end(self, instance: bytes, end: wire.End) -> Stream:
        """Takes in the end of a stream; raises `Refused` as `block` does."""
        stream = self._owned(end.id, end.epoch, instance)
        if end.index < stream.next_index:
            raise Refused(
                "index_taken",
                f"the stream has {stream.next_index} items, it cannot end before {end.index}",
                path=stream.name,
            )
        if end.index > stream.next_index:
            stream.lose()
        elif not stream.is_ending:
            stream.put(Finished())
            stream.is_lost = False
        return stream

    def leave(self, peer: bytes, now_s: float) -> None:
        """The owner on that connection is gone; its streams stay."""
        for stream in self.streams.values():
            if stream.peer == peer:
                stream.peer, stream.away_since_s = None, now_s

    def idle(self, now_s: float) -> list[Stream]:
        """The streams whose owner has been away for too long."""
        return [
            stream
            for stream in self.streams.values()
            if stream.peer is None and now_s - stream.away_since_s > self._limits.stream_idle_s
        ]

    def forget(self, stream: Stream) -> None:
        """The stream has ended."""
        del self.streams[stream.name], self._by_id[stream.id]
        for prefix in _prefixes(stream.name):
            self._extended[prefix] -= 1
            if not self._extended[prefix]:
                del self._extended[prefix]

    def _owned(self, id: int, epoch: int, instance: bytes) -> Stream:
        stream = self._by_id.get(id)
        if stream is None:
            raise Refused(
                "unknown_stream",
                "no stream has this id, or no longer",
                path=str(id),
                remedy="open it first",
            )
        if stream.epoch != epoch or stream.owner != instance:
            raise Refused(
                "fenced",
                "another publisher has taken the stream over",
                path=stream.name,
                remedy="open it again if it should be this one's",
            )
        return stream

    def _check_new(self, asked: wire.Open) -> None:
        try:
            topics.check_stream(asked.stream)
        except FormatError as error:
            raise Refused("bad_name", str(error), path=asked.stream) from error
        shorter = next((name for name in _prefixes(asked.stream) if name in self.streams), None)
        if shorter is not None or asked.stream in self._extended:
            other = shorter if shorter is not None else f"{asked.stream}/..."
            raise Refused(
                "bad_name",
                f"a stream's name may not extend another's, and there is {other}",
                path=asked.stream,
                remedy="use a name of which no other is the beginning",
            )
        if len(self.streams) >= self._limits.streams:
            raise Refused(
                "too_large",
                f"the daemon holds {self._limits.streams} streams at most",
                path=asked.stream,
                remedy="end a stream, or raise CORRENTE_LIMITS_STREAMS",
            )


def _jpegs(stream: Stream, count: int, payload: wire.Buffer) -> Jpegs:
    try:
        return received(stream.format, count, memoryview(payload))
    except FormatError as error:
        raise Refused("bad_payload", str(error), path=stream.name) from error


def _misfit(stream: Stream, count: int, nbytes: int) -> Refused:
    item_bytes = stream.item_bytes
    return Refused(
        "bad_payload",
        f"{count} items of {item_bytes} bytes make {count * item_bytes}, got {nbytes}",
        path=stream.name,
    )


def _behind(arrived: Arrived, known: int, rate_hz: float) -> Arrived:
    """What arrived without the items that are known."""
    items = arrived.items
    # Copied: what waits must not keep the memory of what was known, which nobody counts.
    rest = items.behind(known) if isinstance(items, Jpegs) else items[known:].copy()
    t_ns = time_ahead(arrived.t_ns, known, rate_hz)
    return Arrived(rest, len(rest), BLOCK_BYTES + rest.nbytes, t_ns, arrived.layout)


def _check_index(stream: str, index: int) -> None:
    if index > MAX_SOURCE_INDEX:
        raise Refused(
            "too_large", f"an index is {MAX_SOURCE_INDEX} at most, got {index}", path=stream
        )


def _check_format(asked: wire.Open) -> None:
    if asked.format.kind == "events":
        raise Refused(
            "bad_format",
            "events are what a pipeline makes of a signal, no stream that is published",
            path=asked.stream,
            remedy="publish the signal, and find the events in it with {op: crossings}",
        )
    if asked.format.origin != 0 or asked.format.stride != 1:
        raise Refused(
            "bad_format",
            "a stream is its own source: origin 0 and stride 1, "
            f"got {asked.format.origin} and {asked.format.stride}",
            path=asked.stream,
        )
    try:
        check_labels("the stream", asked.format)
        if asked.encoding == "jpeg":
            jpeg.check_format(asked.format)
    except FormatError as error:
        raise Refused("bad_format", str(error), path=asked.stream) from error


def _prefixes(name: str) -> list[str]:
    levels = name.split("/")
    return ["/".join(levels[:n]) for n in range(1, len(levels))]


def _say(format: Format) -> str:
    return f"{format.kind} {format.shape} of {format.dtype} at {format.rate_hz:g} Hz"
