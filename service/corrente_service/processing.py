"""The work of streams: done here where that is quick, handed out where it takes long.

What comes of it is offered to subscribers, counted, and acknowledged to publishers.
"""

import logging
from collections.abc import Callable, Iterable, Sequence, Set

from corrente import wire
from corrente_service.demand import Demand
from corrente_service.egress import Egress
from corrente_service.events import Ended, Event
from corrente_service.group import Group, groups
from corrente_service.held import HeldBack
from corrente_service.ingest import Ingest
from corrente_service.job import Job, Result, first_job
from corrente_service.ledger import StreamLedger
from corrente_service.runner import Runner
from corrente_service.stream import Arrived, Finished, Stream, Swapped, Work

TURN_BYTES = 1 << 18
"""What a stream may have done in a turn, or one job: so the others are never far behind."""

TURN_BLOCKS = 2048
"""So many blocks in groups, which are small, are enough for a turn."""

HEAVY_BYTES = 1 << 17
"""So much of a stream at once takes long, whatever becomes of it."""

log = logging.getLogger(__name__)


class Processing:
    """Every stream that has work, and every job that is out.

    `send` queues a message to a peer. `ended` counts the items of the streams that are no more.
    """

    def __init__(
        self,
        ingest: Ingest,
        runner: Runner,
        egress: Egress,
        send: Callable[[bytes, wire.Message], None],
    ) -> None:
        self.ended = StreamLedger()
        self._ingest = ingest
        self._runner = runner
        self._egress = egress
        self._send = send
        self._busy: dict[Stream, None] = {}  # streams with work; who waited longest is first
        self._held = HeldBack(egress)  # but these
        self._due: dict[Stream, None] = {}  # streams whose publisher is owed an answer
        self._jobs: list[Job] = []  # to be handed out

    @property
    def is_idle(self) -> bool:
        """Whether no stream has work, here or handed out."""
        return not self._busy and self._held.is_empty

    @property
    def has_work(self) -> bool:
        """Whether the next `turn` has something to do."""
        return self._held.has_room or any(not stream.is_working for stream in self._busy)

    @property
    def owes(self) -> bool:
        """Whether a publisher waits for an `answer`."""
        return bool(self._due)

    def took(self, streams: Iterable[Stream]) -> None:
        """The streams got something from their publishers, who are owed an answer."""
        taken = dict.fromkeys(streams)
        self._due |= taken
        self._busy |= {stream: None for stream in taken if stream.work and stream.held_by is None}

    def add(self, stream: Stream) -> None:
        """The stream may have work."""
        if stream.work and stream.held_by is None:
            self._busy[stream] = None

    def turn(self) -> None:
        """Some work of every stream, as far as nobody holds it back."""
        free = self._held.free()
        if free:
            self._busy = dict.fromkeys(free) | self._busy
        left = dict.fromkeys(self._busy, TURN_BYTES)
        most_blocks = TURN_BLOCKS
        while left:  # blocks of all that can be in groups, and a job of each of the others
            had_enough, most_blocks = self._work_together(left, most_blocks)
            others = [stream for stream in left if stream not in had_enough]
            rests = {stream: self._work(stream, left[stream]) for stream in others}
            left = {stream: rest for stream, rest in rests.items() if rest > 0}
        self._hold()

    def jobs(self) -> list[Job]:
        """Work that takes long, each piece given out once."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def done(self, job: Job) -> None:
        """Takes over what a job gave that was handed out."""
        stream = job.stream
        stream.is_working = False
        self._take_over(job)
        if self._egress.owes(stream.name):
            self._egress.catch_up(stream.name, self._runner.positions(stream.name))

    def finish(self, stream: Stream) -> None:
        """Ends a stream in its publisher's stead, whoever would hold it back."""
        if not stream.is_ending:
            stream.put(Finished())
        while stream.work:
            job = self._first_job(stream)
            job.run(self._runner)
            self._take_over(job)
        self._busy.pop(stream, None)
        self._due.pop(stream, None)
        self._held.discard(stream)

    def answer(self) -> None:
        """One cumulative acknowledgement per stream; one rewind per loss."""
        acks: dict[bytes, list[wire.Ack]] = {}
        rewinds: list[tuple[bytes, wire.Rewind]] = []
        for stream in self._due:
            peer = stream.peer
            if peer is None:
                continue
            ack = wire.Ack(stream.id, stream.epoch, stream.taken_index)
            if peer in acks:
                acks[peer].append(ack)
            else:
                acks[peer] = [ack]
            if stream.is_rewind_due and not stream.work:
                stream.is_rewind_due = False
                rewinds.append((peer, wire.Rewind(stream.id, stream.epoch, stream.next_index)))
        self._due.clear()
        for peer, owed in acks.items():
            for start in range(0, len(owed), wire.MAX_BLOCKS):
                some = owed[start : start + wire.MAX_BLOCKS]
                self._send(peer, wire.Acks(tuple(some)) if len(some) > 1 else some[0])
        for peer, rewind in rewinds:
            self._send(peer, rewind)

    def _hold(self) -> None:
        """Sets aside who is held back; it stays so until the next turn."""
        held: set[Demand] = set()
        for stream in tuple(self._busy):
            demand = self._egress.demand(stream.name)
            if stream.is_working or (demand not in held and not demand.is_held):
                self._held.discard(stream)
                continue
            held.add(demand)
            del self._busy[stream]
            self._held.add(stream, demand)

    def _work_together(
        self, streams: Iterable[Stream], most_blocks: int
    ) -> tuple[Set[Stream], int]:
        """Blocks of every stream that can be in a group, and others, while there are groups.

        Gives the streams that have more but were enough at work, and how many blocks are left.
        """
        streams = list(streams)
        while streams:
            if most_blocks <= 0:
                return set(streams), most_blocks
            done: list[Stream] = []
            for group in groups(streams, self._runner, self._egress):
                if self._push(group):
                    done += group.streams
                    most_blocks -= len(group.blocks)
            streams = [stream for stream in done if stream.work]
        return set(), most_blocks

    def _push(self, group: Group) -> bool:
        outputs = group.push(self._runner)
        if outputs is None:
            return False
        for made in outputs:
            self._egress.offer_group(made)
        for stream, block in zip(group.rows, group.blocks, strict=True):
            stream.process(block)
        for stream in group.streams:
            self._requeue(stream)
        self._due |= dict.fromkeys(group.streams)
        return True

    def _work(self, stream: Stream, most_bytes: int) -> int:
        """A job of the stream, if it has work; how much more it may have done in this turn."""
        if stream.is_working or not stream.work or self._egress.holds(stream.name):
            return 0
        job = self._first_job(stream)
        if job.decoded_bytes >= HEAVY_BYTES or self._runner.is_heavy(stream.name):
            stream.is_working = True
            self._jobs.append(job)
            return 0
        job.run(self._runner)
        self._take_over(job)
        return most_bytes - job.decoded_bytes if job.is_done and stream.work else 0

    def _first_job(self, stream: Stream) -> Job:
        name = stream.name
        return first_job(stream, self._egress.wanted(name), self._egress.may_hold(name))

    def _take_over(self, job: Job) -> None:
        stream = job.stream
        self._due[stream] = None
        for result in job.results:
            self._done(stream, stream.take() if result.is_done else stream.work[0], result)
        self._requeue(stream)

    def _requeue(self, stream: Stream) -> None:
        """The stream has had its turn: it is behind those for whom there was no room."""
        if stream.held_by is not None:
            self._held.discard(stream)
        self._busy.pop(stream, None)
        if stream.work:
            self._busy[stream] = None

    def _done(self, stream: Stream, work: Work, result: Result) -> None:
        is_whole = not _say_defects(result.events)
        self._egress.offer(result.events)
        stream.ledger.fill(result.filled)
        if isinstance(work, Arrived):
            _say_spoilt(stream, result.spoilt)
            stream.ledger.drop(result.spoilt, "bad_jpeg")
            rest = work.count - result.spoilt
            if is_whole:
                stream.ledger.process(rest)
            else:
                stream.ledger.drop(rest, "pipeline_error")
        elif isinstance(work, Finished):
            self._end(stream)
        elif isinstance(work, Swapped):
            self._say_swapped(stream, result.events)

    def _end(self, stream: Stream) -> None:
        self._due.pop(stream, None)
        self._egress.close(stream.name)
        self._ingest.forget(stream)
        self.ended.add(stream.ledger)
        if stream.peer is not None:
            ack = wire.Ack(stream.id, stream.epoch, stream.next_index, ended=True)
            self._send(stream.peer, ack)
        log.info("stream ended", extra={"stream": stream.name, "items": stream.ledger.accepted})

    def _say_swapped(self, stream: Stream, events: Sequence[Event]) -> None:
        where = {"stream": stream.name, "index": stream.taken_index}
        for name in sorted({event.topic.pipeline for event in events}):
            log.info("pipeline swapped", extra={"pipeline": name, **where})
        for reason in self._runner.refused(stream.name):
            log.warning("not swapped", extra={**where, "reason": reason})


def _say_defects(events: Sequence[Event]) -> bool:
    """Logs the pipelines that were taken off; says whether there were any."""
    defects = {
        (event.topic.stream, event.topic.pipeline): event.error
        for event in events
        if isinstance(event, Ended) and event.error
    }
    for (stream, pipeline), error in defects.items():
        log.error(
            "pipeline failed", extra={"stream": stream, "pipeline": pipeline, "reason": error}
        )
    return bool(defects)


def _say_spoilt(stream: Stream, items: int) -> None:
    """Logs the first items of a stream that could not be decoded; all of them are counted."""
    if items and not stream.ledger.dropped["bad_jpeg"]:
        log.warning("bad jpeg", extra={"stream": stream.name, "items": items})
