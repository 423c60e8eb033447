"""A publisher's streams, each with the half for its worker. No I/O, and no clock."""

from corrente import wire
from corrente.format import Format
from corrente.link import Envelope
from corrente.sending import Outgoing, Sending
from corrente.workers import Workers, owner


class Sharing:
    """The streams of one publisher, shared out among the workers of a service.

    Where another number of workers answers than before, as after a restart of the service, streams
    go over to their new owners, and on from the first item that was not acknowledged.
    """

    def __init__(self) -> None:
        untold: list[Outgoing] = []
        self.workers = Workers(Sending(untold), lambda: Sending(untold), self._arrange)

    @property
    def is_flushed(self) -> bool:
        """Whether everything that was sent is acknowledged, or given up."""
        return all(half.is_flushed for half in self.workers.halves.values())

    def check_all(self) -> None:
        """Raise what ended a stream and was not raised yet."""
        self.workers.home.check_all()

    def open(
        self,
        stream: str,
        format: Format,
        encoding: wire.Encoding = "raw",
        index: int | None = None,
        takeover: bool = False,
    ) -> tuple[Outgoing, list[Envelope]]:
        """As `Sending.open`; the messages are for the worker of the stream's `half`."""
        half = self.workers.of(stream)
        return half.open(stream, format, encoding, index, takeover)

    def _arrange(self) -> None:
        workers = self.workers
        halves = tuple(workers.halves.values())
        streams = [outgoing for half in halves for outgoing in half.streams]
        workers.keep({owner(outgoing.stream, workers.count) for outgoing in streams})
        for outgoing in streams:
            half = workers.of(outgoing.stream)
            if outgoing.half is not half:
                half.adopt(outgoing)
