"""Defects that the simulation must find: each a part of what is shipped, with one thing wrong."""

from collections.abc import Callable

from msgspec.structs import replace

from corrente import Block, wire
from corrente.link import Envelope
from corrente.receiving import Receiving
from corrente.sending import Sending
from corrente_service.events import Wanted
from corrente_service.ingest import Ingest
from corrente_service.processing import Processing
from corrente_service.runner import Crossed, Runner
from corrente_service.service import Service
from corrente_service.stream import Stream
from tests.simulation.daemon import LIMITS, Begin, refit
from tests.simulation.daemon import begin as begin_shipped
from tests.simulation.definition import PIPELINES
from tests.simulation.world import Parts


class DeafToRewinds(Sending):
    """Does not send again what it is asked for."""

    def received(self, message: wire.AnyMessage, payload: memoryview) -> list[Envelope]:
        return [] if isinstance(message, wire.Rewind) else super().received(message, payload)


class ForgetsGaps(Receiving):
    """Leaves gap marks out."""

    def take(self) -> tuple[Block, list[Envelope]]:
        block, said = super().take()
        return replace(block, gap=None), said


class TakesTwice(Ingest):
    """Takes a block that came before once more."""

    def block(self, instance: bytes, block: wire.Block, payload: wire.Buffer) -> Stream:
        stream = self._owned(block.id, block.epoch, instance)
        if block.index < stream.next_index and not stream.is_ending:
            block = wire.Block(block.id, block.epoch, stream.next_index, block.count, block.t_ns)
        return super().block(instance, block, payload)


class Unfenced(Ingest):
    """Takes blocks of a publisher from whom the stream was taken over."""

    def _owned(self, id: int, epoch: int, instance: bytes) -> Stream:
        stream = self._by_id.get(id)
        if stream is None:
            return super()._owned(id, epoch, instance)
        return super()._owned(id, stream.epoch, stream.owner)


class GluesGaps(Runner):
    """Goes on behind a gap as if there were none."""

    def gap(
        self, stream: str, stop: int, want: Wanted, reason: wire.GapReason = "source"
    ) -> Crossed:
        source = self._sources[stream]
        source.next_index = stop
        for run in source.runs.values():
            run.states = run.states._replace(next_index=stop)
        return Crossed([], 0)


class FillsOnceMore(Runner):
    """Takes what it put in for a missing item for one that arrived."""

    def gap(
        self, stream: str, stop: int, want: Wanted, reason: wire.GapReason = "source"
    ) -> Crossed:
        crossed = super().gap(stream, stop, want, reason)
        for run in self._sources[stream].runs.values():
            run.states = run.states._replace(filled=0)
        return crossed


class Hasty(Processing):
    """Acknowledges what arrived, done or not."""

    def answer(self) -> None:
        for stream in self._due:
            if stream.peer is not None:
                self._send(stream.peer, wire.Ack(stream.id, stream.epoch, stream.next_index))
        super().answer()


class Generous(Service):
    """Sends subscribers more than they allow."""

    def _receive(
        self, peer: bytes, message: wire.AnyMessage, payload: memoryview, now_s: float
    ) -> None:
        if isinstance(message, wire.Credit):
            message = wire.Credit(message.blocks + 1, message.payload_bytes)
        super()._receive(peer, message, payload, now_s)


def _with(equip: Callable[[Service], None]) -> Begin:
    def begin(daemon: bytes, now_s: float) -> Service:
        begun = begin_shipped(daemon, now_s)
        equip(begun)
        return begun

    return begin


def _takes_twice(service: Service) -> None:
    refit(service, ingest=TakesTwice(LIMITS))


def _unfenced(service: Service) -> None:
    refit(service, ingest=Unfenced(LIMITS))


def _gluing(service: Service) -> None:
    refit(service, runner=GluesGaps(PIPELINES.values(), LIMITS))


def _filling(service: Service) -> None:
    refit(service, runner=FillsOnceMore(PIPELINES.values(), LIMITS))


def _hasty(service: Service) -> None:
    refit(service, processing=Hasty)


def _generous(daemon: bytes, now_s: float) -> Service:
    return Generous(PIPELINES.values(), LIMITS, daemon, now_s)


PLANTED = {
    "a rewind is lost": (Parts(sending=DeafToRewinds), "not within"),
    "a gap mark is forgotten": (Parts(receiving=ForgetsGaps), "was due|was to begin before"),
    "a block is taken twice": (Parts(begin=_with(_takes_twice)), "was accepted as items"),
    "a former owner is not fenced": (
        Parts(begin=_with(_unfenced)),
        "was accepted as items|not within",
    ),
    "a gap is glued over": (Parts(begin=_with(_gluing)), "there are no such items|end, not "),
    "a gap is filled beyond its bound": (
        Parts(begin=_with(_filling)),
        "there are no such items",
    ),
    "an acknowledgement comes too early": (Parts(begin=_with(_hasty)), "comes too early"),
    "more is sent than was granted": (Parts(begin=_generous), "granted"),
}
"""Each with what the simulation says of it."""
