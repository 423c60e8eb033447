"""`corrente pub` and `corrente sub`, against a daemon of the tests' own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from corrente import Block, Format, Publisher, wire
from corrente.command import pub, sub
from corrente.playing import send
from corrente.printing import json_line, says_something, text_line
from corrente.sources import Source, read_items
from tests.serving import DEADLINE_S

CORRENTE = str(Path(sys.executable).with_name("corrente"))
SIGNAL = Format(kind="signal", shape=(2,), rate_hz=10.0, labels=("x", "y"))
X = np.array([[1.5, 2], [3, np.nan]], "float32")


def block(format, data, **more):
    return Block("imu/7", "p", "s", 5, data, 99, format, **more)


def test_a_file_goes_out_and_its_blocks_come_in(daemon, tmp_path, capsys):
    x = np.arange(20, dtype="float32").reshape(10, 2)
    np.save(tmp_path / "x.npy", x)
    argv = [daemon.address, "imu/7", str(tmp_path / "x.npy"), "--rate-hz", "1000", "--fast"]
    daemon.pipelines = ()

    def publish():
        daemon.hears(wire.Subscribe)
        assert pub(argv) == 0

    publisher = threading.Thread(target=publish)
    publisher.start()
    assert sub([daemon.address, "imu/7", "--json", "--timeout-s", str(DEADLINE_S)]) == 0
    publisher.join()
    out, err = capsys.readouterr()
    first, last = map(json.loads, out.splitlines())
    assert (first["topic"], first["index"], first["count"]) == ("imu/7", 0, 10)
    assert first["data"] == x.tolist()
    assert (last["index"], last["last"]) == (10, True)
    assert err == "corrente pub: imu/7: no pipeline takes this stream\n"


def test_at_its_own_pace_a_block_leaves_when_it_would_have_been_measured(daemon, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(100, "float32"))
    assert pub([daemon.address, "s", str(tmp_path / "x.npy"), "--rate-hz", "1000"]) == 0
    blocks = daemon.hears(wire.Block)
    assert [said.count for said in blocks] == [50, 50]
    assert blocks[1].t_ns - blocks[0].t_ns == 50_000_000


def test_frames_go_out_as_jpegs_where_they_are_asked_to(daemon, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), "uint8"))
    argv = [daemon.address, "cam/1", str(tmp_path / "x.npy"), "--rate-hz", "30", "--jpeg", "--fast"]
    assert pub(argv) == 0
    assert daemon.hears(wire.Open)[0].encoding == "jpeg"
    assert pub([daemon.address, "s", "sine", "--jpeg"]) == 1
    assert "is for frames of uint8" in capsys.readouterr().err


def test_items_of_a_live_source_are_of_now_and_wait_for_nothing(daemon):
    format = Format(kind="signal", shape=(1,), rate_hz=1e-9)
    source = Source(format, lambda: iter(np.zeros((2, 1, 1), "float32")), is_live=True)
    with Publisher(daemon.address) as publisher:
        stream = publisher.open("s", format.shape, format.rate_hz)
        before_ns = time.time_ns()
        assert list(send(stream, source, fast=False, loop=False)) == [1, 2]
        after_ns = time.time_ns()
    for block in daemon.hears(wire.Block):
        assert before_ns <= block.t_ns <= after_ns


def test_a_block_as_json_is_one_line_of_json():
    said = json.loads(json_line(block(SIGNAL, X, gap=(2, 5), revision=3)))
    assert (said["topic"], said["index"], said["count"]) == ("imu/7/p/s", 5, 2)
    assert (said["t_ns"], said["gap"], said["last"]) == (99, [2, 5], False)
    assert said["data"] == [[1.5, 2.0], [3.0, None]]
    assert said["revision"] == 3
    assert (said["labels"], said["shape"]) == (["x", "y"], [2])


def test_frames_as_json_leave_their_pixels_out():
    frames = Format(kind="frames", shape=(4, 5), dtype="uint8", rate_hz=1.0)
    said = json.loads(json_line(block(frames, np.zeros((3, 4, 5), "uint8"))))
    assert "data" not in said
    assert (said["count"], said["shape"]) == (3, [4, 5])


def test_a_block_in_words():
    frames = Format(kind="frames", shape=(1, 2), dtype="uint8", rate_hz=1.0)
    digits = Format(kind="signal", shape=(10,), rate_hz=1.0, labels=tuple("0123456789"))
    assert text_line(block(SIGNAL, X, gap=(2, 5))) == "imu/7/p/s [5, 7)  gap [2, 5)  x 3  y nan"
    assert text_line(block(SIGNAL, X[:0], last=True)) == "imu/7/p/s [5, 5)  end"
    failed = block(SIGNAL, X[:0], last=True, error="items 2 to 4 are missing")
    assert text_line(failed) == "imu/7/p/s [5, 5)  end: items 2 to 4 are missing"
    assert json.loads(json_line(failed))["error"] == "items 2 to 4 are missing"
    assert text_line(block(SIGNAL, X[:0], revision=3)) == "imu/7/p/s [5, 5)  revision 3"
    assert (
        text_line(block(frames, np.array([[[1, 4]]], "uint8")))
        == "imu/7/p/s [5, 6)  1x2  mean 2.5  min 1  max 4"
    )
    assert text_line(block(digits, np.eye(10, dtype="float32")[7:8])) == "imu/7/p/s [5, 6)  7 1"


EVENTS = Format(
    kind="events", shape=(2,), dtype="float64", rate_hz=360, labels=("index", "direction")
)
ROWS = np.array([[5.25, 1], [1234567.125, -1]])


def test_events_as_json_are_objects_by_the_names_of_their_columns():
    said = json.loads(json_line(block(EVENTS, ROWS, covered=2_000_000)))
    assert (said["kind"], said["index"], said["count"]) == ("events", 5, 2_000_000)
    assert said["data"] == [
        {"index": 5.25, "direction": 1.0},
        {"index": 1234567.125, "direction": -1.0},
    ]
    assert json.loads(json_line(block(EVENTS, ROWS[:0], covered=7)))["data"] == []


def test_events_in_words():
    assert text_line(block(EVENTS, ROWS[:1], covered=7)) == (
        "imu/7/p/s [5, 12)  index 5.25  direction 1"
    )
    assert text_line(block(EVENTS, ROWS, covered=2_000_000)) == (
        "imu/7/p/s [5, 2000005)  2 events, the last: index 1234567.125  direction -1"
    )
    assert text_line(block(EVENTS, ROWS[:0], covered=0, gap=(1, 5), last=True)) == (
        "imu/7/p/s [5, 5)  gap [1, 5)  end"
    )


def test_where_no_event_is_nothing_is_said():
    assert not says_something(block(EVENTS, ROWS[:0], covered=7))
    assert says_something(block(EVENTS, ROWS[:0], covered=7, gap=(1, 5)))
    assert says_something(block(EVENTS, ROWS[:0], covered=0, last=True))
    assert says_something(block(EVENTS, ROWS, covered=7))
    assert says_something(block(SIGNAL, X))


@pytest.mark.parametrize(
    ("run", "argv"),
    [
        (pub, ["tcp://127.0.0.1:9", "s", "nowhere.npy"]),
        (pub, ["tcp://127.0.0.1:9", "s", "nothing.txt"]),
        (pub, ["nowhere", "s", "sine"]),
        (sub, ["nowhere", "s"]),
        (sub, ["tcp://127.0.0.1:9", "a b"]),
    ],
    ids=range(5),
)
def test_what_fails_says_so_in_one_line_and_exits_with_1(run, argv, capsys):
    assert run(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"corrente {run.__name__}: ")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_without_the_service_a_command_of_its_says_so(tmp_path):
    metadata = tmp_path / "corrente-0.dist-info" / "METADATA"  # of an install with no commands
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: corrente\nVersion: 0\n")
    done = subprocess.run(
        [CORRENTE, "serve"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("corrente: serve needs the service (")
    assert "pip install" in done.stderr


def test_no_block_in_time_is_a_failure(daemon, capsys):
    assert sub([daemon.address, "s", "--timeout-s", "0.01"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("corrente sub: no block came within 0.01 s")


@contextmanager
def running(*argv):
    """A command in a process of its own, which is killed where it takes for ever."""
    with subprocess.Popen(
        [CORRENTE, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        overdue = threading.Timer(DEADLINE_S, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_sub_cleanly(daemon, name):
    with running("sub", daemon.address, "s") as process:
        daemon.hears(wire.Credit)
        daemon.say(wire.Announce(1, 1, "s", "", "", SIGNAL, 0))
        daemon.say(wire.Block(1, 1, 0, 2, 0), X.tobytes())
        assert process.stdout.readline() == b"s [0, 2)  x 3  y nan\n"
        process.send_signal(signal.Signals[name])
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    daemon.hears(wire.Goodbye)


@pytest.mark.slow
def test_a_signal_ends_pub_and_leaves_the_stream(daemon):
    with running("pub", daemon.address, "s", "sine") as process:
        daemon.hears(wire.Block)
        process.terminate()
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
    daemon.hears(wire.Goodbye)
    assert "s" in daemon.streams


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.npz", "x.csv", "x.wav"])
def test_a_signal_leaves_a_valid_file(daemon, tmp_path, name):
    path = tmp_path / name
    with running("sub", daemon.address, "s", "--json", "--save", str(path)) as process:
        daemon.hears(wire.Credit)
        daemon.say(wire.Announce(1, 1, "s", "", "", SIGNAL, 0))
        daemon.say(wire.Block(1, 1, 0, 2, 0), X.tobytes())
        assert json.loads(process.stdout.readline())["count"] == 2
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert err == f"corrente sub: {path}: 2 items, 0 gaps\n".encode()
    source = read_items(f"{path}:s" if name == "x.npz" else str(path), 10)
    saved = np.concatenate(list(source.blocks()))
    assert np.array_equal(saved[:, -2:], X, equal_nan=True)
