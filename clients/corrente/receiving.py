"""The subscriber's half of the protocol: topics, gaps, credit, resume. No I/O, and no clock.

The daemon says with every heartbeat how many messages it has sent. Where that is not what came,
the connection is given up: what was missed is told as gaps and ends on the next.
"""

from collections import deque
from dataclasses import dataclass
from itertools import count

import numpy as np

from corrente import wire
from corrente.block import Block
from corrente.credit import Window
from corrente.errors import CorrenteError, WireError
from corrente.format import Items
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
    gap: tuple[int, int] | None = None  # what is missing before `next_index`, not yet told
    is_fresh: bool = True  # nothing came yet: a gap may reach back before `next_index`
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

    def miss(self, start: int, stop: int) -> None:
        """Items up to `stop` do not come; from `start` on where nothing came before."""
        first = min(start, self.next_index) if self.is_fresh else self.next_index
        stop = max(stop, self.next_index)
        if first < stop:
            self.gap = (min(first, self.untold_index), stop)
        self.next_index = stop

    def block(self, index: int, items: Items, t_ns: int, last: bool = False) -> Block:
        """The user's next block, with what is missing before it; empty where none is wanted.

        Items below `next_index` came before, or were told missing before they came late.
        """
        wanted = max(self.next_index, self.first_index)
        skipped = min(max(0, wanted - index), len(items))
        gap = self._reach(max(index, self.next_index))
        self.next_index = max(self.next_index, index + len(items))
        said = self.announced
        index, items = index + skipped, items[skipped:]
        t_ns += said.format.duration_ns(skipped)
        return Block(
            said.stream,
            said.pipeline,
            said.stage,
            index,
            items,
            t_ns,
            said.format,
            gap,
            last,
            said.revision,
        )

    def _reach(self, index: int) -> tuple[int, int] | None:
        self.miss(index, index)
        gap, self.gap, self.is_fresh = self.gap, None, False
        resumed, self.resume_index = self.resume_index, None
        if resumed is not None and resumed <= index:
            gap = (resumed, index)
        start, stop = gap or (0, 0)
        start = max(start, self.first_index)
        return (start, stop) if start < stop else None


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
        self._policy: wire.Policy = policy
        self._queue = queue
        self._requests = count(1)
        self._request = 0  # the last one
        self._is_flowing = False
        self._came = 0  # messages about topics since `Subscribed`
        self._daemon = b""
        self._ended: int | None = None  # of the daemon's topics, when it confirmed
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
        if len(block.data):
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
        since = "first" if self.is_subscribed and self._since == "now" else self._since
        self._request = next(self._requests)
        message = wire.Subscribe(
            self._request, self._patterns, since, self._policy, self._queue, self._ended
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
                self.is_subscribed = self._is_flowing = True
                self._came, self._ended = 0, message.ended
                self._window.begin()
            case wire.Refused(request=self._request):
                self.error = refusal(message)
            case wire.Announce() | wire.Block() | wire.Gap() | wire.End() if self._is_flowing:
                self._came += 1
                self._told(message, payload)
            case wire.Pong(messages) if self._is_flowing and messages != self._came:
                raise Disorder
            case _:
                pass  # of a later version, or meant for the connection before
        return self._window.grant() if self._is_flowing else []

    def _told(
        self, message: wire.Announce | wire.Block | wire.Gap | wire.End, payload: memoryview
    ) -> None:
        if message.id in self._ended_ids:
            return
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
        first_index = 0 if isinstance(self._since, str) else self._since
        fresh = _Incoming(announce, self._daemon, announce.index, first_index)
        known = self._topics.get(fresh.name)
        if known is None:
            incoming = fresh
        elif known.daemon != self._daemon:
            # Another process may number the stream anew, or go on: its first block will tell.
            incoming, fresh.resume_index = fresh, known.due_index
        elif announce.id != known.announced.id:
            incoming = fresh  # ended and begun anew, so long ago that the end is not told
            self._ids.pop(known.announced.id, None)
        else:
            incoming, known.announced, known.is_fresh = known, announce, False
            incoming.miss(announce.index, announce.index)
        self._topics[fresh.name] = incoming
        self._ids[announce.id] = incoming

    def _arrived(self, block: wire.Block, payload: memoryview) -> None:
        incoming = self._incoming(block.id, block.epoch)
        format = incoming.announced.format
        if payload.nbytes != block.count * format.item_bytes:
            raise WireError(
                f"{incoming.name}: {block.count} items of {format.item_bytes} bytes "
                f"came as {payload.nbytes} bytes"
            )
        if block.count == 0:
            self._window.came(0, 0)
            return
        dtype = np.dtype(format.dtype).newbyteorder("<")
        items = np.frombuffer(payload, dtype).reshape(block.count, *format.shape)
        items.flags.writeable = False
        kept = incoming.block(block.index, items, block.t_ns)
        self._window.came(payload.nbytes, kept.data.nbytes)
        if len(kept.data):
            self._waiting.append(kept)

    def _missed(self, gap: wire.Gap) -> None:
        if gap.stop < gap.start:
            raise WireError(f"a gap from {gap.start} to {gap.stop}")
        self._incoming(gap.id, gap.epoch).miss(gap.start, gap.stop)

    def _finished(self, end: wire.End) -> None:
        incoming = self._incoming(end.id, end.epoch)
        empty = incoming.announced.format.empty()
        empty.flags.writeable = False
        self._waiting.append(incoming.block(end.index, empty, 0, last=True))
        del self._ids[end.id]
        if self._topics.get(incoming.name) is incoming:
            del self._topics[incoming.name]
        self._ended_ids.append(end.id)
        self._unended.discard(incoming.name)

    def _incoming(self, id: int, epoch: int) -> _Incoming:
        incoming = self._ids.get(id)
        if incoming is None or incoming.announced.epoch != epoch:
            raise Disorder  # it was announced, and that was lost
        return incoming
