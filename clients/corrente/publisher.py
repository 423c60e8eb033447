"""Publish streams."""

import time
import warnings
from collections.abc import Callable, Sequence
from threading import RLock
from types import TracebackType
from typing import Any, Self, SupportsIndex

import numpy as np

from corrente import wire
from corrente.bounds import bounded
from corrente.connection import CONNECT_TIMEOUT_S, Connection
from corrente.errors import Closed, FormatError, NoPipeline
from corrente.format import Dtype, Items, format_of
from corrente.sending import Outgoing, Sending
from corrente.topics import check_stream

BLOCK_BYTES = 1 << 20
CLOSE_TIMEOUT_S = 5.0


class Publisher:
    """Publishes streams to the daemon at an address.

    A thread of its own keeps the connection, sends again what was lost, and goes on after a restart
    of the daemon. Closing flushes; it does not end streams.
    """

    def __init__(self, address: str) -> None:
        self._sending = Sending()
        self._connection = Connection(address, self._sending)
        self._is_closed = False
        self._closing = RLock()

    def open(
        self,
        stream: str,
        shape: Sequence[SupportsIndex],
        rate_hz: float,
        dtype: Dtype = "float32",
        encoding: wire.Encoding = "raw",
        labels: Sequence[str] | None = None,
        index: SupportsIndex | None = None,
        takeover: bool = False,
    ) -> "Stream":
        """A stream of items of `shape`: `(C,)` for a signal, `(H, W)` or `(H, W, C)` for frames.

        It goes on where the stream is, or leaves a gap up to `index`. `takeover` takes it from a
        publisher that is still there. Raises `FormatError`, `Refused`, and `Timeout` where no
        daemon answers; warns with `NoPipeline` where no pipeline takes the stream.
        """
        format = format_of(shape, rate_hz, dtype, () if labels is None else labels)
        stream, takeover = str(check_stream(stream)), bool(takeover)
        if encoding != "raw":
            raise FormatError(f'encoding is "raw", got {encoding!r}')
        start = None if index is None else bounded("index", index, 0, wire.MAX_INDEX)
        longest = wire.Open(wire.MAX_INDEX, stream, format, "raw", wire.MAX_INDEX, takeover)
        wire.encode(longest)  # too long a header is refused here
        connection = self._connection
        with connection.changed:
            outgoing, said = self._sending.open(stream, format, "raw", start, takeover)
            connection.post(said)
            try:
                connection.wait(
                    lambda: outgoing.opened is not None or outgoing.error is not None,
                    CONNECT_TIMEOUT_S,
                    f"{stream}: not opened",
                )
                self._sending.check(outgoing)
            except BaseException:
                self._sending.give_up(outgoing)
                raise
        _warn_unused(outgoing)
        return Stream(self._sending, connection, outgoing)

    def close(self) -> None:
        """Flush, say goodbye and end the thread; a second call only waits for the first.

        Raises what ended a stream and was not raised yet, and `Timeout` where something was not
        acknowledged within `CLOSE_TIMEOUT_S`.
        """
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                with self._connection.changed:
                    self._connection.wait(
                        lambda: self._sending.is_flushed, CLOSE_TIMEOUT_S, "not acknowledged"
                    )
                    self._sending.check_all()
            finally:
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Stream:
    """One open stream of a publisher; `Publisher.open` gives it."""

    def __init__(self, sending: Sending, connection: Connection, outgoing: Outgoing) -> None:
        self._sending = sending
        self._connection = connection
        self._outgoing = outgoing

    @property
    def next_index(self) -> int:
        """Index of the next item to be sent."""
        return self._outgoing.next_index

    def send(
        self, items: Any, t_ns: SupportsIndex | None = None, timeout_s: float | None = None
    ) -> None:
        """Send one item or a block; the array may be overwritten afterwards.

        `t_ns` is the time of the first item; without it the last item is taken to be of now. Waits
        while the daemon takes no more, `timeout_s` at most, then raises `Timeout`; `next_index`
        tells how many of the items were sent. A float64 beyond the range of a float32 stream
        arrives as infinity. Raises `FormatError` where the items are not of the stream's format.
        """
        outgoing, format = self._outgoing, self._outgoing.format
        block = _owned(format.block(items), items)
        lasts_ns = format.duration_ns(max(0, len(block) - 1))
        first_ns = time.time_ns() - lasts_ns if t_ns is None else t_ns
        first_ns = bounded("t_ns", first_ns, -wire.MAX_INDEX - 1, wire.MAX_INDEX - lasts_ns)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        step = max(1, BLOCK_BYTES // format.item_bytes)
        for start in range(0, len(block), step):
            part = block[start : start + step]
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            with self._connection.changed:
                self._wait_for_room(part.nbytes, left_s)
                part_ns = first_ns + format.duration_ns(start)
                said = self._sending.send(outgoing, len(part), part_ns, _payload(part))
                self._connection.post(said)

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until every item is acknowledged; raises `Timeout` after `timeout_s`."""
        with self._connection.changed:
            self._wait(lambda: not self._outgoing.kept, timeout_s, "not acknowledged")

    def end(self, timeout_s: float | None = None) -> None:
        """End the stream: what is owed behind the last item is flushed through the pipelines.

        Waits until the daemon has taken it all; raises `Timeout` after `timeout_s`.
        """
        with self._connection.changed:
            if not self._outgoing.is_ending:
                self._sending.check(self._outgoing)
                self._connection.post(self._sending.end(self._outgoing))
            self._wait(lambda: self._outgoing.ended, timeout_s, "the end is not acknowledged")

    def _wait_for_room(self, payload_bytes: int, timeout_s: float | None) -> None:
        outgoing = self._outgoing
        self._wait(
            lambda: outgoing.is_ending or outgoing.has_room(payload_bytes),
            timeout_s,
            "the daemon takes no more",
        )
        if outgoing.is_ending:
            raise Closed(f"{outgoing.stream}: the stream was ended")

    def _wait(self, ready: Callable[[], bool], timeout_s: float | None, what: str) -> None:
        """Until `ready`; raises what ended the stream, if anything did."""
        outgoing = self._outgoing
        self._connection.wait(
            lambda: outgoing.error is not None or ready(), timeout_s, f"{outgoing.stream}: {what}"
        )
        self._sending.check(outgoing)


def _owned(block: Items, given: Any) -> Items:
    """`block`, copied where it may be the user's own memory."""
    return block.copy() if block is given or block.base is not None else block


def _payload(block: Items) -> memoryview:
    """The bytes of a C-contiguous block, not copied."""
    return block.reshape(-1).view(np.uint8).data


def _warn_unused(outgoing: Outgoing) -> None:
    opened = outgoing.opened
    if opened is not None and not opened.pipelines:
        reasons = "".join(f"; {note}" for note in opened.notes)
        warnings.warn(
            f"{outgoing.stream}: no pipeline takes this stream{reasons}", NoPipeline, stacklevel=3
        )
