"""What a publisher does, as steps between waits: open, send, flush, end, close."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from corrente import jpeg, wire
from corrente.bounds import bounded
from corrente.connection import CONNECT_TIMEOUT_S, Connection
from corrente.errors import Closed, FormatError, NoPipeline
from corrente.format import Dtype, Format, Items, format_of
from corrente.packing import SMALL_BYTES
from corrente.sending import Outgoing
from corrente.sharing import Sharing
from corrente.stamps import Run, Stamps, runs
from corrente.steps import Steps, Wait
from corrente.topics import check_stream

BLOCK_BYTES = 1 << 20
CLOSE_TIMEOUT_S = 5.0


class Part(NamedTuple):
    """What one message takes of a block; `payload` is the publisher's own and never changes."""

    items: int
    t_ns: int
    payload: memoryview


class Publishing:
    """The streams of one publisher, and their connection."""

    def __init__(self, address: str) -> None:
        self._sharing = Sharing()
        workers = self._sharing.workers
        self.connection = Connection(address, workers.home, workers)

    def open(
        self,
        stream: str,
        shape: Sequence[SupportsIndex],
        rate_hz: float,
        dtype: Dtype,
        encoding: wire.Encoding,
        labels: Sequence[str] | None,
        index: SupportsIndex | None,
        takeover: bool,
    ) -> Steps[Outgoing]:
        """Gives the stream once the daemon has opened it, and gives it up where it does not."""
        format = format_of(shape, rate_hz, dtype, () if labels is None else labels)
        stream, takeover = str(check_stream(stream)), bool(takeover)
        _check_encoding(encoding, format)
        start = None if index is None else bounded("index", index, 0, wire.MAX_INDEX)
        longest = wire.Open(wire.MAX_INDEX, stream, format, encoding, wire.MAX_INDEX, takeover)
        wire.encode(longest)  # too long a header is refused here
        outgoing, said = self._sharing.open(stream, format, encoding, start, takeover)
        try:
            self.connection.reach()
            self.connection.post(said, outgoing.half)
            yield Wait(
                lambda: outgoing.opened is not None or outgoing.error is not None,
                CONNECT_TIMEOUT_S,
                f"{stream}: not opened",
            )
            outgoing.half.check(outgoing)
        except BaseException:
            outgoing.half.give_up(outgoing)
            raise
        return outgoing

    def send_at_once(self, outgoing: Outgoing, items: Any) -> bool:
        """Sends a small block whose last item is of now; False where `send` has more to do."""
        small = outgoing.small
        payload = small.payload(items) if small is not None else None
        if small is None or payload is None:
            return False
        count = len(items)
        t_ns = time.time_ns() - small.lasts_ns(count)
        connection = self.connection
        with connection.lock:
            if (
                outgoing.error is not None
                or outgoing.is_ending
                or t_ns < -wire.MAX_INDEX
                or not outgoing.has_room(len(payload))
            ):
                return False
            half = outgoing.half
            connection.post(half.send(outgoing, count, t_ns, payload), half, gather=True)
        return True

    def send(
        self,
        outgoing: Outgoing,
        items: Any,
        t_ns: Stamps | None,
        timeout_s: float | None,
    ) -> Steps[None]:
        """Sends part by part, each once there is room; `next_index` tells how far it came."""
        # Copied, or encoded, before the steps begin, so not while the connection's lock is held.
        format = outgoing.format
        block = format.block(items)
        most = max(1, BLOCK_BYTES // format.item_bytes)
        if outgoing.encoding == "jpeg":
            cut = runs(t_ns, len(block), min(most, jpeg.MAX_ITEMS), format)
            return self._send(outgoing, _jpegs(block, cut), timeout_s)
        return self._send(
            outgoing, _raw(_owned(block, items), runs(t_ns, len(block), most, format)), timeout_s
        )

    def flush(self, outgoing: Outgoing, timeout_s: float | None) -> Steps[None]:
        """Until every item of the stream is acknowledged."""
        return self._until(outgoing, lambda: not outgoing.kept, timeout_s, "not acknowledged")

    def end(self, outgoing: Outgoing, timeout_s: float | None) -> Steps[None]:
        """Says the end once, and waits until the daemon has taken it all."""
        if not outgoing.is_ending:
            half = outgoing.half
            half.check(outgoing)
            self.connection.post(half.end(outgoing), half)
        what = "the end is not acknowledged"
        yield from self._until(outgoing, lambda: outgoing.ended, timeout_s, what)

    def close(self) -> Steps[None]:
        """Flushes and leaves, whether that succeeds or not; raises what was not raised yet."""
        try:
            yield Wait(lambda: self._sharing.is_flushed, CLOSE_TIMEOUT_S, "not acknowledged")
            self._sharing.check_all()
        finally:
            self.connection.leave()

    def _send(
        self, outgoing: Outgoing, parts: Iterable[Part], timeout_s: float | None
    ) -> Steps[None]:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for part in parts:
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            yield from self._room(outgoing, part.payload.nbytes, left_s)
            half = outgoing.half
            is_small = part.payload.nbytes <= SMALL_BYTES
            self.connection.post(half.send(outgoing, *part), half, gather=is_small)

    def _room(self, outgoing: Outgoing, payload_bytes: int, timeout_s: float | None) -> Steps[None]:
        yield from self._until(
            outgoing,
            lambda: outgoing.is_ending or outgoing.has_room(payload_bytes),
            timeout_s,
            "the daemon takes no more",
        )
        if outgoing.is_ending:
            raise Closed(f"{outgoing.stream}: the stream was ended")

    def _until(
        self, outgoing: Outgoing, ready: Callable[[], bool], timeout_s: float | None, what: str
    ) -> Steps[None]:
        """Until `ready`; raises what ended the stream, if anything did."""
        yield Wait(
            lambda: outgoing.error is not None or ready(), timeout_s, f"{outgoing.stream}: {what}"
        )
        outgoing.half.check(outgoing)


def warn_unused(outgoing: Outgoing) -> None:
    """Warn whoever called the caller where no pipeline takes the stream."""
    opened = outgoing.opened
    if opened is not None and not opened.pipelines:
        reasons = "".join(f"; {note}" for note in opened.notes)
        warnings.warn(
            f"{outgoing.stream}: no pipeline takes this stream{reasons}", NoPipeline, stacklevel=3
        )


def _owned(block: Items, given: Any) -> Items:
    """`block`, copied where it may be the user's own memory."""
    return block.copy() if block is given or block.base is not None else block


def _check_encoding(encoding: str, format: Format) -> None:
    if encoding not in ("raw", "jpeg"):
        raise FormatError(f'encoding is "raw" or "jpeg", got {encoding!r}')
    if encoding == "jpeg":
        jpeg.check_format(format)
        jpeg.encoder()  # missing, it is told here


def _raw(block: Items, runs: list[Run]) -> Iterator[Part]:
    """What one message takes each: the bytes of a C-contiguous block, not copied."""
    for start, stop, t_ns in runs:
        yield Part(stop - start, t_ns, block[start:stop].reshape(-1).view(np.uint8).data)


def _jpegs(block: Items, runs: list[Run]) -> list[Part]:
    return [Part(stop - start, t_ns, jpeg.payload(block[start:stop])) for start, stop, t_ns in runs]
