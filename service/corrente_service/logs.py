"""Logs: a line per event on stderr, for people or for machines.

A call names an event by constant text, and what it is about by fields:
`log.info("stream opened", extra={"stream": name})`. Fields may hold what strangers say, and no
line holds more than its event: what could end it, or pass for another field, is escaped.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")
"""Visible ASCII but for quotes, the equals sign and the backslash."""


class Text(logging.Formatter):
    """`2026-11-25T09:30:00.125Z INFO stream opened stream=imu/7 pipelines=mean,trend`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a value that is not plain is a JSON string."""
        event = record.getMessage()
        words = [_ts(record), record.levelname, event if event.isprintable() else json.dumps(event)]
        words += [f"{name}={_word(value)}" for name, value in _fields(self, record).items()]
        return " ".join(words)


class Json(logging.Formatter):
    """An object per line: `ts`, `level`, `event`, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what JSON has no type for is a string."""
        head = {
            "ts": _ts(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(head | _fields(self, record), default=str)


FORMATS = {"text": Text, "json": Json}


def set_up(format: Literal["text", "json"], level: str, **everywhere: int) -> None:
    """Sends what is logged from now on to stderr, those fields in every line."""

    def add(record: logging.LogRecord) -> bool:
        vars(record).update(everywhere)
        return True

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[format]())
    handler.addFilter(add)
    logging.basicConfig(handlers=[handler], level=level.upper())


def _ts(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if record.exc_info:
        fields["traceback"] = formatter.formatException(record.exc_info)
    return fields


def _word(value: Any) -> str:
    match value:
        case [*items]:
            text = ",".join(map(str, items))
        case _:
            text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
