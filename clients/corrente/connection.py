"""The thread that keeps a client's halves of the protocol in touch with the daemon's workers."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial

from corrente import wire
from corrente.dealer import Dealer
from corrente.errors import Closed, CorrenteError, Timeout
from corrente.link import Envelope, Half, Link, ignore, new_instance
from corrente.packing import pack
from corrente.steps import Result, Steps, Wait
from corrente.workers import Workers, beside

CONNECT_TIMEOUT_S = 10.0
LINGER_MS = 1000

GATHER_S = 0.0005
"""How long small blocks wait for more after others were sent: a message costs more than a block."""

MANY = 32
"""Behind so many in that time others are about to come: a message is then filled."""


class Line:
    """A half of the protocol, its link and its socket: what goes to one worker, and comes from it.

    All that is in the `outbox` may wait for more, if it is as many as are `gathered`.
    Raises `ValueError` where ZeroMQ does not take the address.
    """

    def __init__(
        self, address: str, half: Half, instance: bytes, welcome: Callable[[int, int], None]
    ) -> None:
        self.address = address
        self.link = Link(half, instance, welcome)
        self.dealer = Dealer(address, instance)
        self.outbox = self.link.greet(time.monotonic())
        self.gathered = 0
        self._gathers_until = 0.0
        self._linger_ms = 0

    def turn(self, now: float) -> None:
        """Have the half answer what came, and do what is due."""
        link = self.link
        for frames in self.dealer.received():
            self.outbox += link.received(*wire.decode(frames), now)
        if self.dealer.broke():
            link.lose(now)
            self.outbox, self.gathered = [], 0
        self.outbox += link.tick(now)
        if link.state == "lost" and now >= link.due:
            self.dealer.reconnect()
            self.outbox, self.gathered = link.greet(now), 0

    def gathers_s(self, now: float) -> float:
        """How much longer what is to be sent may wait, as others were sent just before."""
        count, left_s = len(self.outbox), self._gathers_until - now
        if left_s <= 0 or not 0 < count == self.gathered < wire.MAX_BLOCKS:
            return 0.0
        return left_s

    def flush(self, now: float) -> None:
        """Send what is to be sent."""
        if self.gathered:
            self.gathered, self._gathers_until = 0, now + GATHER_S
        envelopes, self.outbox = self.outbox, []
        self.dealer.send(pack(envelopes))

    def leave(self) -> None:
        """Say goodbye, where somebody is there and it was not said."""
        if farewell := self.link.leave():
            self.outbox += farewell
            self._linger_ms = LINGER_MS

    def close(self) -> None:
        """Let go of the socket."""
        self.dealer.close(self._linger_ms)


class Connection:
    """Halves of the protocol, a line for each, driven by a thread of their own.

    Whoever reads or calls a half holds `lock`. It is that of `changed`, which is notified after
    every message. The lines of other workers than the first begin when something is posted to them,
    or `workers` has a half for them, and end when it has none.
    `is_over` once the thread has let go of the sockets.
    """

    def __init__(self, address: str, home: Half, workers: Workers[Half] | None = None) -> None:
        self.address = address
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._workers = workers
        self._instance = new_instance()
        self._lines: dict[Half, Line] = {}
        self._matched: Mapping[int, Half] = {}
        self._home = self._begin(address, home)
        self._listeners: dict[Callable[[], None], Callable[[], bool]] = {}
        self.is_over = False
        self._is_woken = False
        self._is_closing = False
        self._failure: CorrenteError | None = None
        self._thread = threading.Thread(target=self._run, name=f"corrente {address}", daemon=True)
        self._thread.start()

    def post(
        self, envelopes: list[Envelope], half: Half | None = None, gather: bool = False
    ) -> None:
        """Have messages of a half sent, of the first unless said. The caller holds `lock`.

        `gather` where they may wait a moment for more.
        """
        line = self._home if half is None else self._lines.get(half)
        if not envelopes or line is None or self._failure is not None:
            return
        line.outbox += envelopes
        if gather:
            line.gathered = count = len(line.outbox)
            if MANY <= count < wire.MAX_BLOCKS and self._is_woken:
                return
        now = time.monotonic()
        if line.link.state == "over" or line.gathers_s(now):
            self._wake()
            return
        # Sent here: to wake the other thread costs more, and it may have to wait for this one.
        try:
            line.flush(now)
        finally:
            if line.dealer.has_more():
                self._wake()

    def reach(self) -> None:
        """Begin the lines of halves that have none. The caller holds `lock`."""
        if self._failure is None and self._match():
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
        lines = self._lines.values()
        worst = next((line for line in lines if line.link.state != "up"), self._home)
        raise Timeout(
            f"{wait.what} within {round(wait.timeout_s, 3):g} s "
            f"({worst.address}: {worst.link.state})"
        )

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._home.dealer.wake()

    def _run(self) -> None:
        failure: CorrenteError = Closed("the connection is closed")
        wait_s = 0.0
        others: tuple[Dealer, ...] = ()
        try:
            while all(line.link.state != "over" for line in self._lines.values()):
                self._home.dealer.wait(wait_s, others)
                with self.lock:
                    wait_s = self._turn(time.monotonic())
                    others = tuple(line.dealer for line in self._lines.values())[1:]
            lines = self._lines.values()
            failure = next(filter(None, (line.link.failure for line in lines)), failure)
            for line in lines:  # one that is over has ended the others
                line.leave()
                line.flush(time.monotonic())
        except CorrenteError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whoever waits is told of a defect
            failure = Closed(f"the connection ended by a defect: {error!r}")
            failure.__cause__ = error
        finally:
            with self.lock:
                self._failure = failure
                self._tell()
            for line in self._lines.values():
                line.close()
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
        """Have the halves answer what came, and send what is to be sent.

        Gives the seconds until there is something to do, if nothing comes before.
        """
        for line in tuple(self._lines.values()):
            line.turn(now)
        is_news = self._match()
        if self._is_closing:
            for line in self._lines.values():
                line.leave()
        self._tell()
        lines = self._lines.values()
        for line in lines:
            if not line.gathers_s(now):
                line.flush(now)
        gathers_s = max(line.gathers_s(now) for line in lines)
        if self._is_woken:
            self._home.dealer.rest()
            self._is_woken = gathers_s > 0  # it wakes by itself
        if is_news or any(line.dealer.has_more() for line in lines):
            return 0.0
        return gathers_s or min(line.link.due for line in lines) - now

    def _begin(self, address: str, half: Half) -> Line:
        workers = self._workers
        welcome = partial(workers.told, half) if workers else ignore
        line = Line(address, half, self._instance, welcome)
        self._lines = {**self._lines, half: line}  # read without the lock, too
        return line

    def _match(self) -> bool:
        """Have a line for each of the halves there are, and no others; whether any changed."""
        workers = self._workers
        if workers is None or workers.halves is self._matched:
            return False
        self._matched = workers.halves
        wanted = set(workers.halves.values())
        gone = [line for half, line in self._lines.items() if half not in wanted]
        self._lines = {half: line for half, line in self._lines.items() if half in wanted}
        for line in gone:
            line.close()
        for worker, half in workers.halves.items():
            if half not in self._lines:
                self._begin(beside(self.address, workers.home_worker, worker), half)
        return True
