"""What can go wrong between a client and the service.

CorrenteError
├── FormatError         a format, or an array that contradicts its format
├── WireError           bytes that are not a message of the protocol
├── Refused             the service said no: code, path, message, remedy
├── Lost                items are missing where the caller asked for all of them
├── Timeout             (also a TimeoutError) nothing came, or nothing was acknowledged, in time
└── Closed              the publisher or subscriber was closed

NoPipeline, a UserWarning: a stream that no pipeline takes.
"""


class CorrenteError(Exception):
    """What every error of this package is."""


class FormatError(CorrenteError, ValueError):
    """A format that cannot be, or an array that contradicts its format."""


class WireError(CorrenteError, ValueError):
    """Bytes that are not a message of the protocol."""


class Refused(CorrenteError):
    """The service said no.

    `code` is a word a program can test (`in_use`, `bad_format`), `path` says what it is about,
    `remedy` what to do.
    """

    def __init__(self, code: str, message: str, *, path: str = "", remedy: str = "") -> None:
        self.code, self.message, self.path, self.remedy = code, message, path, remedy
        subject = f"{path}: " if path else ""
        advice = f"; {remedy}" if remedy else ""
        super().__init__(f"{subject}{message}{advice} ({code})")


class Lost(CorrenteError):
    """Items are missing where the caller asked for all of them."""


class Timeout(CorrenteError, TimeoutError):
    """Nothing came, or nothing was acknowledged, in time."""


class Closed(CorrenteError):
    """The publisher or subscriber was closed."""


class NoPipeline(UserWarning):
    """A stream was opened that no pipeline takes; it can be subscribed to as it is."""
