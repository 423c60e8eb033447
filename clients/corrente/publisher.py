"""Publish streams."""

from collections.abc import Sequence
from threading import RLock
from types import TracebackType
from typing import Any, Self, SupportsIndex

from corrente import wire
from corrente.format import Dtype
from corrente.publishing import BLOCK_BYTES as BLOCK_BYTES
from corrente.publishing import Publishing, warn_unused
from corrente.sending import Outgoing
from corrente.stamps import Stamps


class Publisher:
    """Publishes streams to the daemon at an address.

    A thread of its own keeps the connection, sends again what was lost, and goes on after a restart
    of the daemon. Closing flushes; it does not end streams.
    """

    def __init__(self, address: str) -> None:
        self._publishing = Publishing(address)
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

        `encoding="jpeg"` sends frames of uint8 as JPEGs, which the daemon decodes: fewer bytes,
        and pixels that are nearly the same. It needs the extra `[jpeg]`.

        It goes on where the stream is, or leaves a gap up to `index`. `takeover` takes it from a
        publisher that is still there. Raises `FormatError`, `Refused`, and `Timeout` where no
        daemon answers; warns with `NoPipeline` where no pipeline takes the stream.
        """
        publishing = self._publishing
        outgoing = publishing.connection.run(
            publishing.open(stream, shape, rate_hz, dtype, encoding, labels, index, takeover)
        )
        warn_unused(outgoing)
        return Stream(publishing, outgoing)

    def close(self) -> None:
        """Flush, say goodbye and end the thread; a second call only waits for the first.

        Raises what ended a stream and was not raised yet, and `Timeout` where something was not
        acknowledged within `CLOSE_TIMEOUT_S`.
        """
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            connection = self._publishing.connection
            try:
                connection.run(self._publishing.close())
            finally:
                connection.close()

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

    def __init__(self, publishing: Publishing, outgoing: Outgoing) -> None:
        self._publishing = publishing
        self._outgoing = outgoing

    @property
    def next_index(self) -> int:
        """Index of the next item to be sent."""
        return self._outgoing.next_index

    def send(self, items: Any, t_ns: Stamps | None = None, timeout_s: float | None = None) -> None:
        """Send one item or a block; the array may be overwritten afterwards.

        `t_ns` is the time of the first item, or one time per item; without it the last item is
        taken to be of now. Waits while the daemon takes no more, `timeout_s` at most, then raises
        `Timeout`; `next_index` tells how many of the items were sent. A float64 beyond the range
        of a float32 stream arrives as infinity. Raises `FormatError` where the items are not of
        the stream's format, or the times not one per item.
        """
        publishing = self._publishing
        if t_ns is None and publishing.send_at_once(self._outgoing, items):
            return
        publishing.connection.run(publishing.send(self._outgoing, items, t_ns, timeout_s))

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until every item is acknowledged; raises `Timeout` after `timeout_s`."""
        publishing = self._publishing
        publishing.connection.run(publishing.flush(self._outgoing, timeout_s))

    def end(self, timeout_s: float | None = None) -> None:
        """End the stream: what is owed behind the last item is flushed through the pipelines.

        Waits until the daemon has taken it all; raises `Timeout` after `timeout_s`.
        """
        publishing = self._publishing
        publishing.connection.run(publishing.end(self._outgoing, timeout_s))
