"""A line per event, whatever strangers put into it."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrente_service.logs import FORMATS, Json, Text
from tests.service.exchange import MEAN

MOMENT_S = datetime(2026, 11, 25, 9, 30, 0, 125_000, UTC).timestamp()


def record(event: str = "stream opened", **fields: Any) -> logging.LogRecord:
    about = {"name": "x", "msg": event, "levelno": logging.INFO, "levelname": "INFO"}
    return logging.makeLogRecord(about | {"created": MOMENT_S} | fields)


def test_a_line_of_text_has_time_level_event_and_fields():
    line = Text().format(record(stream="imu/7", pipelines=("mean", "trend"), items=3, drained=True))
    assert line == (
        "2026-11-25T09:30:00.125Z INFO stream opened "
        "stream=imu/7 pipelines=mean,trend items=3 drained=True"
    )


def test_a_line_of_json_has_the_same_with_its_types():
    line = Json().format(record(stream="imu/7", pipelines=("mean", "trend"), items=3, drained=True))
    assert json.loads(line) == {
        "ts": "2026-11-25T09:30:00.125Z",
        "level": "info",
        "event": "stream opened",
        "stream": "imu/7",
        "pipelines": ["mean", "trend"],
        "items": 3,
        "drained": True,
    }


@pytest.mark.parametrize(
    "said",
    ["", "a b", "a=b", 'a"b', "a\\b", "a\nb", "a\x1b[2Jb", "a\x7fb", "a\u2028b", "a\u202eb", "é"],
)
def test_a_value_that_could_pass_for_something_else_is_quoted(said):
    line = Text().format(record(stream=said))
    head, _, word = line.partition(" stream=")
    assert head.endswith("INFO stream opened")
    assert word.startswith('"')
    assert word.isascii()
    assert word.isprintable()
    assert json.loads(word) == said


@given(event=st.text(), said=st.text())
@pytest.mark.parametrize("format", FORMATS)
def test_an_event_is_one_line_whatever_is_said(format, event, said):
    line = FORMATS[format]().format(record(event.replace("%", ""), reason=said, names=[said]))
    assert line.splitlines() == [line]
    assert line.isprintable()


@pytest.mark.parametrize("format", FORMATS)
def test_an_exception_stays_in_its_line(format):
    try:
        raise ValueError("over\ntwo lines")
    except ValueError as error:
        happened = record(exc_info=(type(error), error, error.__traceback__))
    line = FORMATS[format]().format(happened)
    assert line.splitlines() == [line]
    assert "ValueError: over" in line


@pytest.mark.slow
def test_every_line_a_daemon_logs_as_json_is_an_object(serve):
    arguments = ("--bind", "tcp://0.0.0.0:0", "--http", "127.0.0.1:0")
    serving = serve(MEAN, arguments=arguments, CORRENTE_LOG_FORMAT="json")
    assert serving.stop() == 0
    lines = [json.loads(line) for line in serving.log().splitlines()]
    assert [line["event"].split(",")[0] for line in lines] == [
        "other machines can reach this",
        "stopping",
        "stopped",
    ]
    assert lines[0]["address"] == "tcp://0.0.0.0:0"
    assert lines[0]["level"] == "warning"
    assert lines[-1]["drained"] is True


@pytest.mark.slow
def test_a_daemon_logs_what_its_level_lets_through(serve):
    serving = serve(MEAN, CORRENTE_LOG_LEVEL="error")
    assert serving.stop() == 0
    assert serving.log() == ""
