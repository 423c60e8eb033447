"""The thread that keeps a client's half of the protocol in touch with the daemon."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from corrente import wire
from corrente.dealer import Dealer
from corrente.errors import Closed, CorrenteError, Timeout
from corrente.link import Envelope, Half, Link, new_instance
from corrente.packing import pack
from corrente.steps import Result, Steps, Wait

CONNECT_TIMEOUT_S = 10.0
LINGER_MS = 1000


class Connection:
    """A half of the protocol, its link and its socket, driven by a thread of their own.

    Whoever reads or calls the half holds `lock`. It is that of `changed`, which is notified after
    every message.
    `is_over` once the thread has let go of the socket.
    """

    def __init__(self, address: str, half: Half) -> None:
        self.address = address
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        instance = new_instance()
        self._link = Link(half, instance)
        self._dealer = Dealer(address, instance)
        self._outbox = self._link.greet(time.monotonic())
        self._listeners: dict[Callable[[], None], Callable[[], bool]] = {}
        self.is_over = False
        self._is_woken = False
        self._is_closing = False
        self._linger_ms = 0
        self._failure: CorrenteError | None = None
        self._thread = threading.Thread(target=self._run, name=f"corrente {address}", daemon=True)
        self._thread.start()

    def post(self, envelopes: list[Envelope]) -> None:
        """Have messages sent. The caller holds `lock`."""
        if not envelopes or self._failure is not None:
            return
        self._outbox += envelopes
        if len(self._outbox) < wire.MAX_BLOCKS or self._link.state == "over":
            self._wake()
            return
        # Sent here: while this thread computes, the other may have to wait for the interpreter.
        try:
            self._flush()
        finally:
            if self._dealer.has_more():
                self._wake()

    def run(self, steps: Steps[Result]) -> Result:
        """Do the steps; what they wait for may raise `Timeout`, or what ended the connection."""
        with self.lock, closing(steps):
            while True:
                try:
                    wait = next(steps)
                except StopIteration as stop:
                    result: Result = stop.value
                    return result
                self.changed.wait_for(partial(self.is_met, wait), wait.timeout_s)
                self.check(wait)

    def leave(self) -> None:
        """Have the thread say goodbye and end. More than once, and from any thread."""
        with self.lock:
            if not self._is_closing:
                self._is_closing = True
                if self._failure is None:
                    self._wake()

    def close(self) -> None:
        """Leave, and wait until the thread has ended."""
        self.leave()
        self._thread.join()

    def listen(self, ready: Callable[[], bool], wake: Callable[[], None]) -> None:
        """Have `wake` called once, by the thread, when `ready`. The caller holds `lock`."""
        self._listeners[wake] = ready

    def unlisten(self, wake: Callable[[], None]) -> None:
        """Have `wake` not called any more. The caller holds `lock`."""
        self._listeners.pop(wake, None)

    def is_met(self, wait: Wait) -> bool:
        """Whether there is nothing to wait for: it is ready, or never will be."""
        return wait.ready() or self._failure is not None

    def check(self, wait: Wait) -> None:
        """Raise what kept a wait that is over from being ready, if it is not."""
        if wait.ready():
            return
        if self._failure is not None:
            raise self._failure
        assert wait.timeout_s is not None
        raise Timeout(
            f"{wait.what} within {round(wait.timeout_s, 3):g} s "
            f"({self.address}: {self._link.state})"
        )

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._dealer.wake()

    def _run(self) -> None:
        failure: CorrenteError = Closed("the connection is closed")
        wait_s = 0.0
        try:
            while self._link.state != "over":
                self._dealer.wait(wait_s)
                with self.lock:
                    wait_s = self._turn(time.monotonic())
            failure = self._link.failure or failure
        except CorrenteError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whoever waits is told of a defect
            failure = Closed(f"the connection ended by a defect: {error!r}")
            failure.__cause__ = error
        finally:
            with self.lock:
                self._failure = failure
                self._tell()
            self._dealer.close(self._linger_ms)
            with self.lock:
                self.is_over = True
                self._tell()

    def _tell(self) -> None:
        """Wake the threads that wait, and the event loops whose wait is over."""
        self.changed.notify_all()
        for wake in [wake for wake, ready in self._listeners.items() if ready()]:
            del self._listeners[wake]
            wake()

    def _turn(self, now: float) -> float:
        """Have the half answer what came, and send what is to be sent.

        Gives the seconds until there is something to do, if nothing comes before.
        """
        for frames in self._dealer.received():
            self._outbox += self._link.received(*wire.decode(frames), now)
        if self._dealer.broke():
            self._link.lose(now)
            self._outbox = []
        self._outbox += self._link.tick(now)
        if self._link.state == "lost" and now >= self._link.due:
            self._dealer.reconnect()
            self._outbox = self._link.greet(now)
        if self._is_closing:
            farewell = self._link.leave()
            self._outbox += farewell
            self._linger_ms = LINGER_MS if farewell else 0
        self._tell()
        self._flush()
        if self._is_woken:
            self._dealer.rest()
            self._is_woken = False
        return 0.0 if self._dealer.has_more() else self._link.due - now

    def _flush(self) -> None:
        envelopes, self._outbox = self._outbox, []
        self._dealer.send(pack(envelopes))
