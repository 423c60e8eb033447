"""Ask a daemon how it is."""

from itertools import count
from typing import Any

import msgspec

from corrente import wire
from corrente.connection import Connection
from corrente.errors import CorrenteError, WireError
from corrente.link import Envelope, refusal
from corrente.steps import Steps, Wait

_report: msgspec.msgpack.Decoder[dict[str, Any]] = msgspec.msgpack.Decoder(dict[str, Any])


class _Asking:
    """The half of the protocol that asks for one report."""

    def __init__(self) -> None:
        self.report: dict[str, Any] | None = None
        self.error: CorrenteError | None = None
        self._requests = count(1)

    def answer(self, timeout_s: float) -> Steps[dict[str, Any]]:
        """Gives the report, or raises the refusal."""
        yield Wait(
            lambda: self.report is not None or self.error is not None,
            timeout_s,
            "no daemon answered",
        )
        if self.report is None:
            assert self.error is not None
            raise self.error
        return self.report

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


def status(address: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """What the daemon at the address is and counts.

    Raises `Timeout` where none answers within `timeout_s`, `Refused` where it will not.
    """
    asking = _Asking()
    connection = Connection(address, asking)
    try:
        return connection.run(asking.answer(timeout_s))
    finally:
        connection.close()
