"""The subscriber's half of the protocol: topics, gaps, credit, resume. No I/O, and no clock.

The daemon says with every heartbeat how many messages it has sent. Where that is not what came,
the connection is given up: what was missed is told as gaps and ends on the next.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from msgspec.structs import replace

from corrente import wire
from corrente.block import Block
from corrente.credit import Window
from corrente.errors import CorrenteError, WireError
from corrente.format import MAX_ITEM_BYTES, Items
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
    dtype: np.dtype[Any] = field(init=False)  # as the items lie in a payload
    item_shape: tuple[int, ...] = field(init=False)
    item_bytes: int = field(init=False)  # of events, of a row
    has_events: bool = field(init=False)

    def __post_init__(self) -> None:
        self.announce(self.announced)

    def announce(self, announced: wire.Announce) -> None:
        """Go on as this says."""
        self.announced, self.last_gap = announced, None
        format = announced.format
        self.dtype = np.dtype(format.dtype).newbyteorder("<")
        self.item_shape, self.item_bytes = format.shape, format.item_bytes
        self.has_events = format.kind == "events"

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
        said, gap = self.announced, None
        if index != self.next_index or self.gap or self.resume_index is not None:
            gap = self._reach(index)
        self.next_index = index + count
        skipped = 0
        if index < self.first_index:
            skipped = min(self.first_index - index, count)
            data = self._behind(data, index, skipped)
            t_ns += said.format.duration_ns(skipped)
        return Block(
            said.stream,
            said.pipeline,
            said.stage,
            index + skipped,
            data,
            t_ns,
            said.format,
            gap,
            last,
            said.revision,
            "",
            count - skipped if self.has_events else None,
        )

    def rows(self, count: int, payload_bytes: int) -> int:
        """How many items, or rows of events, a block brings; `WireError` where it cannot be."""
        item_bytes = self.item_bytes
        if not self.has_events:
            if payload_bytes == count * item_bytes:
                return count
            raise WireError(
                f"{self.name}: {count} items of {item_bytes} bytes came as {payload_bytes} bytes"
            )
        most = MAX_ITEM_BYTES if count else 0
        if payload_bytes % item_bytes or payload_bytes > most:
            raise WireError(
                f"{self.name}: the events of {count} items are whole rows of {item_bytes} bytes, "
                f"at most {most} bytes; {payload_bytes} came"
            )
        return payload_bytes // item_bytes

    def _behind(self, data: Items, index: int, skipped: int) -> Items:
        """The data without those of its first items."""
        format = self.announced.format
        if not self.has_events:
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
        first: "Receiving | None" = None,
    ) -> None:
        """`first` is for another worker: what is known of topics, and has ended, is known of all.

        A topic may go over from one worker to another, as after a restart of the service.
        """
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
        if first is not None:
            self._unended, self._can_finish, self._topics = first._shared  # noqa: SLF001
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
        self._window.settle(len(self._waiting))
        return block, self._window.grant_taken() if self._is_flowing else []

    def grant(self) -> list[Envelope]:
        """What lets the daemon send others, once half a window was taken."""
        self._window.settle(len(self._waiting))
        return self._window.grant() if self._is_flowing else []

    def take_untold(self) -> Block | None:
        """The block that came first, if there is one and the daemon need not hear of it yet.

        May be called while others call the half: it hears with the next `take` or `grant`, or with
        a heartbeat.
        """
        if self._window.is_due(len(self._waiting) - 1):
            return None
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def welcomed(self, daemon: bytes) -> list[Envelope]:
        """Subscribe; the second time with all history, so that what was missed is told."""
        if daemon != self._daemon:
            self._ended_ids.clear()  # it numbers its topics anew
            self._ended = None
        self._daemon = daemon
        return self._subscribe()

    def beat(self) -> list[Envelope]:
        """Subscribe again, while that is not confirmed; then grant again."""
        self._window.settle(len(self._waiting))
        return self._window.granted() if self._is_flowing else self._subscribe()

    @property
    def _shared(self) -> tuple[set[str], bool, dict[str, _Incoming]]:
        return self._unended, self._can_finish, self._topics

    def want(self, patterns: tuple[str, ...], missed: bool) -> None:
        """Ask for these from the next `welcomed` on; none are asked for at all.

        `missed` where the user may have missed something meanwhile, which is then told.
        """
        self._patterns = patterns
        self.is_subscribed |= missed or not patterns

    def set_aside(self) -> deque[Block]:
        """The blocks that wait, which from now on are somebody else's to give."""
        aside, self._waiting = self._waiting, deque()
        return aside

    def _subscribe(self) -> list[Envelope]:
        if not self._patterns:
            return []
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
                self._came += len(message.blocks)
                self._window.came(len(message.blocks), payload.nbytes)
                for block, part in _each(message, payload):
                    self._arrived(block, part)
            case wire.Pong(messages) if self._is_flowing:
                self._counted(messages)
            case _:
                pass  # of a later version, or meant for the connection before
        return self.grant()

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
                self._window.came(1, payload.nbytes)
                self._arrived(message, payload.toreadonly())
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
        known.announce(fresh.announced)
        return known

    def _arrived(self, block: wire.Block, payload: wire.Buffer) -> None:
        """`payload` is read-only, and the block's own."""
        incoming = self._incoming(block.id, block.epoch)
        index, count = block.index, block.count
        rows = incoming.rows(count, len(payload))
        if count == 0:
            return
        if incoming.is_past or index < incoming.next_index:
            raise Disorder  # it came before, or what is behind it did
        data: Items = np.ndarray((rows, *incoming.item_shape), incoming.dtype, payload)
        kept = incoming.block(index, count, data, block.t_ns)
        if index + count > incoming.first_index:
            self._keep(kept, kept.data.nbytes)

    def _keep(self, block: Block, kept_bytes: int | None) -> None:
        # Counted first: who takes the block need not hold the lock.
        self._window.keep(kept_bytes)
        self._waiting.append(block)

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
        self._keep(replace(last, error=end.reason), None)
        if self._topics.get(incoming.name) is incoming:
            del self._topics[incoming.name]
        self._ended_ids.append(end.id)
        self._unended.discard(incoming.name)

    def _incoming(self, id: int, epoch: int) -> _Incoming:
        incoming = self._ids.get(id)
        if incoming is None or incoming.announced.epoch != epoch:
            raise Disorder  # it was announced, and that was lost
        return incoming


def _each(several: wire.Blocks, payload: memoryview) -> Iterator[tuple[wire.Block, wire.Buffer]]:
    """Every block with a payload of its own: a small one must not keep the memory of all."""
    if len(several.blocks) == 1:
        yield several.blocks[0], payload.toreadonly()
        return
    if payload.nbytes > wire.MAX_BLOCKS_BYTES:
        raise WireError(
            f"several blocks in one message have {wire.MAX_BLOCKS_BYTES} bytes of payload at most, "
            f"{payload.nbytes} came"
        )
    start = 0
    for block, size in zip(several.blocks, several.sizes, strict=True):
        yield block, payload[start : start + size].tobytes()
        start += size
