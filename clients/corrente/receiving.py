"""The subscriber's half of the protocol: topics, gaps, credit, resume. No I/O, and no clock.

The daemon says with every heartbeat how many messages it has sent. Where that is not what came,
the connection is given up: what was missed is told as gaps and ends on the next.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from corrente import wire
from corrente.block import Block
from corrente.credit import Window
from corrente.errors import CorrenteError, WireError
from corrente.format import MAX_ITEM_BYTES, Format, Items
from corrente.link import Disorder, Envelope, refusal
from corrente.topics import has_wildcard, topic

ENDED_TOPICS = 1024
"""How many ended topics are known by their ids; as many as the daemon remembers."""


@dataclass(eq=False, slots=True)
class _Incoming:
    """One topic on its way in. `next_index` is that of the item due next."""

    announced: wire.Announce
    daemon: bytes  # the process that announced it
    next_index: int
    first_index: int  # what lies before is not wanted
    gap: tuple[int, int] | None = None  # what is missing before `next_index`, maybe nothing: untold
    last_gap: wire.Gap | None = None  # since it was announced
    is_past: bool = False  # its end was told, or another has begun to be told in its place
    is_doubted: bool = False  # another came in its place before its end was told
    resume_index: int | None = None  # what was due when another daemon process was lost

    @property
    def name(self) -> str:
        return topic(self.announced.stream, self.announced.pipeline, self.announced.stage)

    @property
    def untold_index(self) -> int:
        """Index of the first item of which the user knows nothing."""
        return self.gap[0] if self.gap else self.next_index

    @property
    def due_index(self) -> int:
        """Where the topic goes on for the user, whichever process was lost meanwhile."""
        return self.untold_index if self.resume_index is None else self.resume_index

    def is_later(self, other: "_Incoming") -> bool:
        """Whether it began after the other, of the same process: ids grow."""
        return self.daemon == other.daemon and self.announced.id > other.announced.id

    def miss(self, stop: int) -> None:
        """Items up to `stop` do not come."""
        if self.next_index < stop:
            self.gap = (self.untold_index, stop)
            self.next_index = stop

    def restart(self) -> None:
        """A gap of the source stream lies here, between two items."""
        self.gap = self.gap or (self.next_index, self.next_index)

    def block(self, index: int, count: int, data: Items, t_ns: int, last: bool = False) -> Block:
        """The user's next block, with what is missing before it; empty where none is wanted."""
        skipped = min(max(0, self.first_index - index), count)
        gap = self._reach(index)
        self.next_index = index + count
        said = self.announced
        return Block(
            said.stream,
            said.pipeline,
            said.stage,
            index + skipped,
            self._behind(data, index, skipped),
            t_ns + said.format.duration_ns(skipped),
            said.format,
            gap,
            last,
            said.revision,
            covered=count - skipped if said.format.kind == "events" else None,
        )

    def _behind(self, data: Items, index: int, skipped: int) -> Items:
        """The data without those of its first items."""
        format = self.announced.format
        if format.kind != "events" or not skipped:
            return data[skipped:]
        return data[np.searchsorted(data[:, 0], format.place(index + skipped)) :]

    def _reach(self, index: int) -> tuple[int, int] | None:
        self.miss(index)
        gap, self.gap = self.gap, None
        resumed, self.resume_index = self.resume_index, None
        if resumed is not None and resumed <= index:
            gap = (resumed, index) if resumed < index or gap == (index, index) else None
        if gap is None or gap[1] < self.first_index:
            return None
        start, stop = max(gap[0], self.first_index), gap[1]
        return (start, stop) if start < stop or gap[0] == stop else None


class Receiving:
    """What one subscriber has got, and may still get.

    Blocks wait in the order they came until they are taken. `is_subscribed` once the daemon has
    confirmed for the first time; `error` says why nothing more comes.
    """

    def __init__(
        self,
        patterns: tuple[str, ...],
        since: wire.Since = "now",
        policy: wire.Policy = "drop",
        queue: int = 256,
    ) -> None:
        self.is_subscribed = False
        self.error: CorrenteError | None = None
        self._patterns = patterns
        self._since: wire.Since = since
        self._asked: wire.Since = since  # the last time
        self._policy: wire.Policy = policy
        self._queue = queue
        self._requests = count(1)
        self._request = 0  # the last one
        self._is_flowing = False
        self._came = 0  # messages about topics since `Subscribed`
        self._daemon = b""
        self._ended: int | None = None  # of the daemon's topics, so far as their ends came
        self._ended_then = 0  # when it confirmed
        self._ended_ids: deque[int] = deque(maxlen=ENDED_TOPICS)
        self._unended = {pattern for pattern in patterns if not has_wildcard(pattern)}
        self._can_finish = bool(self._unended)
        self._topics: dict[str, _Incoming] = {}
        self._ids: dict[int, _Incoming] = {}
        self._waiting: deque[Block] = deque()
        self._window = Window(queue, policy)

    @property
    def has_block(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._waiting)

    @property
    def is_finished(self) -> bool:
        """Whether every topic that was named without a wildcard has ended."""
        return self._can_finish and not self._unended

    def take(self) -> tuple[Block, list[Envelope]]:
        """The block that came first, and what lets the daemon send others."""
        block = self._waiting.popleft()
        if block.count:
            self._window.taken(block.data.nbytes)
        return block, self._window.grant() if self._is_flowing else []

    def welcomed(self, daemon: bytes) -> list[Envelope]:
        """Subscribe; the second time with all history, so that what was missed is told."""
        if daemon != self._daemon:
            self._ended_ids.clear()  # it numbers its topics anew
            self._ended = None
        self._daemon = daemon
        return self._subscribe()

    def beat(self) -> list[Envelope]:
        """Subscribe again, while that is not confirmed; then grant again."""
        return self._window.granted() if self._is_flowing else self._subscribe()

    def _subscribe(self) -> list[Envelope]:
        if self.is_subscribed and self._since == "now":
            self._asked = "first"
        self._request = next(self._requests)
        message = wire.Subscribe(
            self._request, self._patterns, self._asked, self._policy, self._queue, self._ended
        )
        return [(message, b"")]

    def lost(self) -> None:
        """Nothing comes until the next `subscribed`."""
        self._is_flowing = False
        self._ids.clear()

    def received(self, message: wire.AnyMessage, payload: memoryview) -> list[Envelope]:
        """What to send in answer.

        Raises `Disorder` where messages are missing, `WireError` where the daemon breaks the
        protocol.
        """
        match message:
            case wire.Subscribed(request=self._request):
                if self._is_flowing:
                    raise Disorder  # it was subscribed twice: what ended in between is not told
                self.is_subscribed = self._is_flowing = True
                self._came, self._ended_then = 0, message.ended
                if self._ended is None:
                    self._ended = message.ended
                self._window.begin()
            case wire.Refused(request=self._request):
                self.error = refusal(message)
            case wire.Announce() | wire.Block() | wire.Gap() | wire.End() if self._is_flowing:
                self._came += 1
                self._told(message, payload)
            case wire.Blocks() if self._is_flowing:
                for block, part in _each(message, payload):
                    self._came += 1
                    self._arrived(block, part)
            case wire.Pong(messages) if self._is_flowing:
                self._counted(messages)
            case _:
                pass  # of a later version, or meant for the connection before
        return self._window.grant() if self._is_flowing else []

    def _counted(self, messages: int) -> None:
        """The daemon has sent so many; the ends that were told again were the first of them."""
        if messages != self._came:
            raise Disorder
        if messages:
            self._ended = self._ended_then

    def _told(
        self, message: wire.Announce | wire.Block | wire.Gap | wire.End, payload: memoryview
    ) -> None:
        match message:
            case wire.Announce():
                self._announced(message)
            case wire.Block():
                self._arrived(message, payload)
            case wire.Gap():
                self._missed(message)
            case wire.End():
                self._finished(message)

    def _announced(self, announce: wire.Announce) -> None:
        incoming = self._fresh(announce)
        known = self._topics.get(incoming.name)
        if announce.id in self._ended_ids or (known and known.is_later(incoming)):
            if announce.id in self._ids:
                raise Disorder  # it came twice
            incoming.is_past = True
        else:
            if known is not None:
                incoming = self._following(known, incoming)
            incoming.miss(announce.index)
            self._topics[incoming.name] = incoming
        self._ids[announce.id] = incoming

    def _fresh(self, announce: wire.Announce) -> _Incoming:
        first_index = 0 if isinstance(self._since, str) else self._since
        since = {"now": announce.index, "first": 0}.get(str(self._asked), first_index)
        return _Incoming(announce, self._daemon, min(since, announce.index), first_index)

    def _following(self, known: _Incoming, fresh: _Incoming) -> _Incoming:
        """How a topic goes on that is announced again, or another in its place."""
        if known.daemon != self._daemon:
            # Another process may number the stream anew, or go on: its first block will tell.
            fresh.resume_index = known.due_index
            return fresh
        is_live = known.announced.id in self._ids
        if fresh.announced.id != known.announced.id:
            if is_live:
                raise Disorder  # its end has yet to come
            if not known.is_doubted:
                known.is_doubted = True
                raise Disorder  # its end was to come first: ask once more
            return fresh  # ended and begun anew, so long ago that the end is not told
        if is_live and fresh.announced == known.announced:
            raise Disorder  # it came twice
        known.announced, known.last_gap = fresh.announced, None
        return known

    def _arrived(self, block: wire.Block, payload: memoryview) -> None:
        incoming = self._incoming(block.id, block.epoch)
        format = incoming.announced.format
        rows = _rows(incoming.name, format, block.count, payload.nbytes)
        if block.count == 0:
            self._window.came(0, None)
            return
        if incoming.is_past or block.index < incoming.next_index:
            raise Disorder  # it came before, or what is behind it did
        dtype = np.dtype(format.dtype).newbyteorder("<")
        data = np.frombuffer(payload, dtype).reshape(rows, *format.shape)
        data.flags.writeable = False
        kept = incoming.block(block.index, block.count, data, block.t_ns)
        self._window.came(payload.nbytes, kept.data.nbytes if kept.count else None)
        if kept.count:
            self._waiting.append(kept)

    def _missed(self, gap: wire.Gap) -> None:
        if gap.stop < gap.start:
            raise WireError(f"a gap from {gap.start} to {gap.stop}")
        incoming = self._incoming(gap.id, gap.epoch)
        is_empty = gap.start == gap.stop
        if gap.stop < incoming.next_index or (gap == incoming.last_gap and not is_empty):
            raise Disorder  # what is behind it came before, or it came twice
        incoming.last_gap = gap
        incoming.miss(gap.stop)
        if is_empty:
            incoming.restart()

    def _finished(self, end: wire.End) -> None:
        incoming = self._incoming(end.id, end.epoch)
        del self._ids[end.id]
        if incoming.is_past:
            return
        if end.index < incoming.next_index:
            raise Disorder
        empty = incoming.announced.format.empty()
        empty.flags.writeable = False
        last = incoming.block(end.index, 0, empty, 0, last=True)
        self._waiting.append(replace(last, error=end.reason))
        if self._topics.get(incoming.name) is incoming:
            del self._topics[incoming.name]
        self._ended_ids.append(end.id)
        self._unended.discard(incoming.name)

    def _incoming(self, id: int, epoch: int) -> _Incoming:
        incoming = self._ids.get(id)
        if incoming is None or incoming.announced.epoch != epoch:
            raise Disorder  # it was announced, and that was lost
        return incoming


def _each(several: wire.Blocks, payload: memoryview) -> Iterator[tuple[wire.Block, memoryview]]:
    """Every block with a payload of its own: a small one must not keep the memory of all."""
    if len(several.blocks) == 1:
        yield several.blocks[0], payload
        return
    if payload.nbytes > wire.MAX_BLOCKS_BYTES:
        raise WireError(
            f"several blocks in one message have {wire.MAX_BLOCKS_BYTES} bytes of payload at most, "
            f"{payload.nbytes} came"
        )
    start = 0
    for block, size in zip(several.blocks, several.sizes, strict=True):
        yield block, memoryview(bytes(payload[start : start + size]))
        start += size


def _rows(name: str, format: Format, count: int, payload_bytes: int) -> int:
    """How many items or, of events, rows a block brings; `WireError` where it cannot be so many."""
    item_bytes = format.item_bytes
    if format.kind != "events":
        if payload_bytes == count * item_bytes:
            return count
        raise WireError(
            f"{name}: {count} items of {item_bytes} bytes came as {payload_bytes} bytes"
        )
    most = MAX_ITEM_BYTES if count else 0
    if payload_bytes % item_bytes or payload_bytes > most:
        raise WireError(
            f"{name}: the events of {count} items are whole rows of {item_bytes} bytes, "
            f"at most {most} bytes; {payload_bytes} came"
        )
    return payload_bytes // item_bytes
