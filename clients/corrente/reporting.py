"""Ask a daemon how it is, and the other workers of its service."""

from functools import reduce
from itertools import count
from typing import Any

import msgspec

from corrente import wire
from corrente.connection import Connection
from corrente.errors import CorrenteError, WireError
from corrente.link import Envelope, refusal
from corrente.steps import Steps, Wait
from corrente.workers import Workers

_report: msgspec.msgpack.Decoder[dict[str, Any]] = msgspec.msgpack.Decoder(dict[str, Any])


class _Asking:
    """The half of the protocol that asks one daemon for a report."""

    def __init__(self) -> None:
        self.report: dict[str, Any] | None = None
        self.error: CorrenteError | None = None
        self._requests = count(1)

    def welcomed(self, daemon: bytes) -> list[Envelope]:
        return [(wire.Status(next(self._requests)), b"")]

    def beat(self) -> list[Envelope]:
        return [(wire.Status(next(self._requests)), b"")]

    def lost(self) -> None:
        """It asks again when welcomed."""

    def received(self, message: wire.AnyMessage, payload: memoryview) -> list[Envelope]:
        match message:
            case wire.Report():
                try:
                    self.report = _report.decode(payload)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    raise WireError(f"not a report: {error}") from error
            case wire.Refused():
                self.error = refusal(message)
            case _:
                pass  # of a later version
        return []


class _Gathering:
    """The reports of all workers of a service."""

    def __init__(self) -> None:
        self.workers = Workers(_Asking(), _Asking, self._arrange)

    def answer(self, timeout_s: float) -> Steps[dict[str, Any]]:
        """Gives the reports as one, or raises a refusal."""
        yield Wait(
            lambda: all(half.report is not None or half.error for half in self._halves),
            timeout_s,
            "no daemon answered",
        )
        if errors := [half.error for half in self._halves if half.error is not None]:
            raise errors[0]
        return reduce(_joined, [half.report for half in self._halves if half.report is not None])

    @property
    def _halves(self) -> list[_Asking]:
        halves = self.workers.halves
        return [halves[worker] for worker in sorted(halves)]

    def _arrange(self) -> None:
        self.workers.keep(set(range(self.workers.count)))


def _joined(one: Any, other: Any, key: str = "") -> Any:
    """Two workers' reports as one: what is counted is added up, what is named stands together."""
    match one:
        case dict():
            both: dict[str, Any] = {**one, **other}
            return {
                name: _joined(one[name], other[name], name)
                if name in one and name in other
                else value
                for name, value in both.items()
            }
        case list():
            return one + other
        case bool():
            return one and other
        case int() | float():
            return min(one, other) if key == "uptime_s" else one + other
        case _:
            return one


def status(address: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """What the daemon at the address is and counts; of several workers, what all of them do.

    Raises `Timeout` where one does not answer within `timeout_s`, `Refused` where it will not.
    """
    gathering = _Gathering()
    connection = Connection(address, gathering.workers.home, gathering.workers)
    try:
        return connection.run(gathering.answer(timeout_s))
    finally:
        connection.close()
