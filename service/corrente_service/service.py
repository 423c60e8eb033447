"""The whole service but the socket: messages and the time in, messages out.

No I/O, and no clock, so that it can be run on virtual time. `handle` what came, then `tick`; the
envelopes that `tick` gives go out in their order. What takes long is not done by `tick`: run the
`jobs`, in any thread, and give each back by `done`.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from corrente import wire
from corrente.errors import Refused, WireError
from corrente.workers import owner
from corrente_pipelines import Pipeline
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_service import report
from corrente_service.egress import Egress
from corrente_service.events import Topic
from corrente_service.ingest import Ingest
from corrente_service.job import Job
from corrente_service.limits import Limits
from corrente_service.parcel import Frames
from corrente_service.processing import Processing
from corrente_service.runner import Runner, Taken
from corrente_service.stream import Stream, Swapped

VERSION = version("corrente")  # read from a file: a report must not cost that

NOTES_BYTES = 16 << 10
"""Names and notes of an `Opened`, so that it stays within a header."""

EXPIRY_S = 0.25
"""How often silence, standstill and abandonment are looked for."""

ANSWER_S = 0.002
"""How far acknowledgements are apart at least: a message of them costs their publisher a wake-up,
and the next says it all.
"""

REPORT_S = 0.1
"""How far reports are apart at least: one may be of thousands of streams, and cost as much."""

log = logging.getLogger(__name__)


class Envelope(NamedTuple):
    """A message on its way to a peer, named by its routing id."""

    peer: bytes
    frames: Frames


@dataclass(slots=True)
class _Peer:
    instance: bytes
    seen_s: float


class Service:
    """Streams in, pipelines over them, topics out.

    `daemon` names this process to clients; it is number `worker` of so many `workers`, and takes
    the streams that belong to it. Times are seconds on any clock that never goes back.
    """

    def __init__(
        self,
        pipelines: Iterable[Pipeline],
        limits: Limits,
        daemon: bytes,
        now_s: float,
        choice: Choice = BY_MODEL,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self.daemon = daemon
        self._worker, self._workers = worker, workers
        self.runner = Runner(pipelines, limits, choice)
        self.ingest = Ingest(limits)
        self.egress = Egress(limits, self.runner.pipelines)
        self.processing = Processing(self.ingest, self.runner, self.egress, self._send)
        self.refusals: Counter[str] = Counter()
        self.is_stopping = False
        self._began_s = now_s
        self._limits = limits
        self._peers: dict[bytes, _Peer] = {}
        self._postponed: dict[str, dict[bytes, wire.Open]] = {}  # by stream, until its job is done
        self._asked: dict[bytes, int] = {}  # peers that are owed a report, and their last request
        self._swaps: deque[Mapping[str, Pipeline]] = deque()
        self._answered_s = now_s - ANSWER_S
        self._told_s = now_s - REPORT_S
        self._ticked_s = self._expired_s = now_s
        self._out: list[Envelope] = []

    @property
    def is_drained(self) -> bool:
        """Whether all that was accepted has been processed and sent."""
        return self.processing.is_idle and not self.owes and self.egress.is_empty

    @property
    def owes(self) -> bool:
        """Whether a `tick` in `ANSWER_S` has something to acknowledge even if nothing comes."""
        return self.processing.owes

    @property
    def has_work(self) -> bool:
        """Whether the next `tick` has something to do even if nothing comes before."""
        return self.processing.has_work

    def handle(self, peer: bytes, frames: Sequence[wire.Buffer], now_s: float) -> None:
        """Takes in one message, whatever it is; `tick` gives the answers."""
        try:
            message, payload = wire.decode(frames)
        except WireError as error:
            self._refuse(peer, 0, Refused("bad_message", str(error)))
        else:
            self._try(peer, message, payload, now_s)

    def tick(self, now_s: float) -> list[Envelope]:
        """Does the work that came in, and what is due; gives all that is to be sent."""
        self._expire(now_s)
        self._swap()
        self.processing.turn()
        self._answer(now_s)
        self._tell(now_s)
        self._out += (Envelope(peer, frames) for peer, frames in self.egress.leaving())
        out, self._out = self._out, []
        return out

    def jobs(self) -> list[Job]:
        """Work that takes long, each piece given out once: `run` it, then say that it is `done`."""
        return self.processing.jobs()

    def done(self, job: Job) -> None:
        """Takes over what a job gave; a stream's next one follows by `tick`."""
        self.processing.done(job)
        name = job.stream.name
        for peer, asked in self._postponed.pop(name, {}).items():
            if peer in self._peers:
                self._try(peer, asked, memoryview(b""), self._ticked_s)

    def forget(self, peer: bytes, now_s: float) -> None:
        """The peer is gone: its subscription too, its streams stay without an owner."""
        if self._peers.pop(peer, None) is not None:
            self.ingest.leave(peer, now_s)
            self.egress.leave(peer)
            self._asked.pop(peer, None)

    def report(self, now_s: float) -> dict[str, Any]:
        """What the daemon is, and what it counts, as plain values."""
        return {
            "version": VERSION,
            "daemon": self.daemon.hex(),
            "ready": not self.is_stopping,
            "uptime_s": now_s - self._began_s,
            "peers": len(self._peers),
            "refusals": dict(self.refusals),
            **report.counts(self.ingest, self.runner, self.egress, self.processing.ended),
        }

    def swap(self, pipelines: Mapping[str, Pipeline]) -> None:
        """Goes over to other pipelines, by name, with the next tick. May come from any thread."""
        self._swaps.append(pipelines)

    def stop(self) -> None:
        """Takes in nothing more; what was accepted is finished by the ticks that follow."""
        self.is_stopping = True

    def dismiss(self) -> list[Envelope]:
        """Sends every client away, to come back to the next daemon."""
        frames = wire.encode(wire.Goodbye("the daemon stops", reconnect=True))
        return [Envelope(peer, frames) for peer in self._peers]

    def _try(
        self, peer: bytes, message: wire.AnyMessage, payload: memoryview, now_s: float
    ) -> None:
        try:
            self._receive(peer, message, payload, now_s)
        except Refused as refused:
            match message:
                case wire.Open(request) | wire.Subscribe(request) | wire.Status(request):
                    self._refuse(peer, request, refused)
                case _:
                    self._refuse(peer, 0, refused)

    def _receive(
        self, peer: bytes, message: wire.AnyMessage, payload: memoryview, now_s: float
    ) -> None:
        if isinstance(message, wire.Hello):
            self._hello(peer, message, now_s)
            return
        known = self._peers.get(peer)
        if known is None:
            raise Refused("unknown_peer", "the connection is not known", remedy="say hello first")
        known.seen_s = now_s
        match message:
            case wire.Block():
                if not self.is_stopping:
                    self._took(peer, self.ingest.block(known.instance, message, payload))
            case wire.Blocks():
                if not self.is_stopping:
                    self._took_several(peer, known.instance, message, payload)
            case wire.Credit():
                self.egress.grant(peer, message)
            case wire.Ping():
                self._send(peer, wire.Pong(self.egress.messages(peer)))
            case wire.End():
                if not self.is_stopping:
                    self._took(peer, self.ingest.end(known.instance, message))
            case wire.Open():
                self._open(peer, known.instance, message)
            case wire.Subscribe():
                self._subscribe(peer, message)
            case wire.Status():
                self._asked[peer] = message.request
            case wire.Goodbye():
                self.forget(peer, now_s)
            case wire.Pong():
                pass
            case _:
                raise Refused("bad_message", f"{type(message).__name__} is not for the daemon")

    def _hello(self, peer: bytes, hello: wire.Hello, now_s: float) -> None:
        self._check_running()
        if not hello.oldest_version <= wire.VERSION <= hello.newest_version:
            raise Refused(
                "version",
                f"the daemon speaks version {wire.VERSION}, the client "
                f"{hello.oldest_version} to {hello.newest_version}",
                remedy="bring the older of the two up to date",
            )
        known = self._peers.get(peer)
        if known is None and len(self._peers) >= self._limits.peers:
            raise Refused("too_large", f"the daemon has {self._limits.peers} clients at most")
        self.egress.leave(peer)
        if known is not None and known.instance != hello.instance:
            self.ingest.leave(peer, now_s)
        self._peers[peer] = _Peer(hello.instance, now_s)
        self._send(peer, wire.Welcome(wire.VERSION, self.daemon, self._worker, self._workers))

    def _open(self, peer: bytes, instance: bytes, asked: wire.Open) -> None:
        self._check_running()
        self._check_owner(asked.stream)
        stream = self.ingest.find(asked, instance)
        if stream is not None and stream.is_working and stream.is_changed_by(asked):
            self._postponed.setdefault(stream.name, {})[peer] = asked
            return
        if stream is not None and stream.format != asked.format:
            self._replace(stream)
            stream = None
        if stream is None:
            stream = self._begin(peer, instance, asked)
        else:
            self.ingest.resume(stream, asked, instance, peer)
            self.processing.add(stream)
        taken = _fitting(self.runner.taken(stream.name))
        self._send(
            peer,
            wire.Opened(
                asked.request,
                stream.id,
                stream.epoch,
                stream.next_index,
                self._limits.window_bytes,
                *taken,
            ),
        )

    def _replace(self, stream: Stream) -> None:
        """Ends a stream that is to begin anew, if there is room for what it still gives."""
        if self.egress.holds(stream.name):
            raise Refused(
                "in_use",
                "a subscriber with back-pressure holds the stream back",
                path=stream.name,
                remedy="try again in a moment",
            )
        self.processing.finish(stream)

    def _begin(self, peer: bytes, instance: bytes, asked: wire.Open) -> Stream:
        stream = self.ingest.begin(asked, instance, peer)
        name = stream.name
        self.runner.open(name, stream.format, stream.next_index)
        formats, positions = self.runner.formats(name), self.runner.positions(name)
        self.egress.open(name, stream.epoch, formats, positions)
        taken = self.runner.taken(name)
        log.info("stream opened", extra={"stream": name, "pipelines": taken.pipelines})
        for note in taken.notes:
            log.warning("not taken", extra={"stream": name, "reason": note})
        return stream

    def _subscribe(self, peer: bytes, asked: wire.Subscribe) -> None:
        self._check_running()
        positions: dict[Topic, int] = {}
        for stream in self.ingest.streams.values():
            if not stream.is_working:
                positions |= self.runner.positions(stream.name)
        self.egress.subscribe(peer, asked, positions)
        self._send(peer, wire.Subscribed(asked.request, self.egress.ended_topics))

    def _took(self, peer: bytes, stream: Stream) -> None:
        stream.peer = peer  # its owner may have been away, and is back without opening it again
        self.processing.took([stream])

    def _took_several(
        self, peer: bytes, instance: bytes, message: wire.Blocks, payload: memoryview
    ) -> None:
        """Each block as if it had come alone; what is wrong with a stream's is said once."""
        streams, refusals = self.ingest.blocks(instance, message, payload)
        for stream in streams:
            stream.peer = peer
        self.processing.took(streams)
        for refused in {(refused.code, refused.path): refused for refused in refusals}.values():
            self._refuse(peer, 0, refused)

    def _swap(self) -> None:
        """Puts other pipelines where streams see them: in their queues, before their next items."""
        while self._swaps:
            pipelines = self._swaps.popleft()
            self.runner.pipelines = self.egress.pipelines = pipelines
            log.info("pipelines changed", extra={"pipelines": list(pipelines)})
            for stream in self.ingest.streams.values():
                if not stream.is_ending:
                    stream.put(Swapped(pipelines))
                    self.processing.add(stream)

    def _answer(self, now_s: float) -> None:
        if self.is_stopping or now_s - self._answered_s >= ANSWER_S:
            self._answered_s = now_s
            self.processing.answer()

    def _tell(self, now_s: float) -> None:
        """One report at a time for all who asked, however often they did: it may be large."""
        if not self._asked or now_s - self._told_s < REPORT_S:
            return
        self._told_s = now_s
        body = msgspec.msgpack.encode(self.report(now_s))
        for peer, request in self._asked.items():
            self._send(peer, wire.Report(request), body)
        self._asked.clear()

    def _expire(self, now_s: float) -> None:
        """Forgets silent peers, cuts subscribers that stand still, ends abandoned streams."""
        if now_s - self._ticked_s > wire.SILENCE_S / 2:
            # The daemon itself was held up: what its peers said meanwhile has yet to be read.
            for known in self._peers.values():
                known.seen_s = now_s
        self._ticked_s = now_s
        if now_s - self._expired_s < EXPIRY_S:
            return
        self._expired_s = now_s
        silent = [
            peer for peer, known in self._peers.items() if now_s - known.seen_s > wire.SILENCE_S
        ]
        for peer in silent:
            log.info("peer silent", extra={"peer": peer.hex()})
            self.forget(peer, now_s)
        for peer in self.egress.stalled(now_s):
            reason = (
                f"the queue was full and nothing granted for {self._limits.stall_timeout_s:g} s "
                "under policy='wait'"
            )
            log.warning("subscriber cut", extra={"peer": peer.hex(), "reason": reason})
            self._send(peer, wire.Goodbye(reason))
            self.forget(peer, now_s)
        for stream in self.ingest.idle(now_s):
            if stream.is_working:
                continue
            log.info("stream abandoned", extra={"stream": stream.name})
            self.processing.finish(stream)

    def _check_running(self) -> None:
        if self.is_stopping:
            raise Refused("stopping", "the daemon stops", remedy="connect again in a moment")

    def _check_owner(self, stream: str) -> None:
        worker = owner(stream, self._workers)
        if worker != self._worker:
            raise Refused(
                "other_worker",
                f"the stream belongs to worker {worker} of {self._workers}, "
                f"this is worker {self._worker}",
                path=stream,
                remedy=f"connect to worker {worker}, as a client of this version does by itself",
            )

    def _send(self, peer: bytes, message: wire.Message, payload: wire.Buffer = b"") -> None:
        self._out.append(Envelope(peer, wire.encode(message, payload)))

    def _refuse(self, peer: bytes, request: int, refused: Refused) -> None:
        self.refusals[refused.code] += 1
        self._send(
            peer,
            wire.Refused(
                request,
                refused.code,
                refused.message[: wire.MAX_TEXT],
                refused.path[: wire.MAX_TEXT],
                refused.remedy[: wire.MAX_TEXT],
            ),
        )


def _fitting(taken: Taken) -> Taken:
    """As many names and notes as a header holds."""
    room = NOTES_BYTES
    kept: tuple[list[str], list[str]] = ([], [])
    for part, names in zip(kept, taken, strict=True):
        for name in names[: wire.MAX_NOTES]:
            text = name[: wire.MAX_TEXT]
            room -= len(text.encode()) + 3
            if room >= 0:
                part.append(text)
    return Taken(tuple(kept[0]), tuple(kept[1]))
