"""Which worker has a stream, where it is, and the halves of a client for several."""

import json
from pathlib import Path

import pytest

from corrente import WireError
from corrente.workers import Workers, beside, owner, owners, partition

VECTORS = Path(__file__).parents[1] / "vectors" / "partitions.jsonl"


def test_streams_belong_where_the_vectors_say():
    lines = VECTORS.read_text("utf-8").splitlines()
    assert lines
    for told in map(json.loads, lines):
        assert partition(told["name"]) == told["partition"]
        for count, worker in told["workers"].items():
            assert owner(told["name"], int(count)) == worker


@pytest.mark.parametrize(
    ("pattern", "streams"),
    [
        ("imu/7", ["imu/7"]),
        ("imu", ["imu"]),
        ("imu/7/mean", ["imu/7/mean", "imu"]),
        ("imu/7/mean/smooth", ["imu/7/mean/smooth", "imu/7"]),
    ],
)
def test_a_name_is_that_of_a_stream_or_of_a_stage_of_one(pattern, streams):
    assert owners(pattern, 64) == {partition(stream) for stream in streams}


@pytest.mark.parametrize("pattern", ["imu/*", "**", "imu/**/smooth"])
def test_any_worker_may_have_topics_of_a_pattern_with_a_wildcard(pattern):
    assert owners(pattern, 3) == {0, 1, 2}


@pytest.mark.parametrize(
    ("address", "worker", "other", "where"),
    [
        ("tcp://lab.example:5555", 0, 2, "tcp://lab.example:5557"),
        ("tcp://lab.example:5557", 2, 0, "tcp://lab.example:5555"),
        ("tcp://[::1]:15556", 1, 1, "tcp://[::1]:15556"),
        ("tcp://[::1]:15556", 1, 0, "tcp://[::1]:15555"),
        ("ipc:///run/corrente.sock", 0, 1, "ipc:///run/corrente.sock.1"),
        ("ipc:///run/corrente.sock.1", 1, 0, "ipc:///run/corrente.sock"),
        ("ipc:///run/corrente.sock.1", 1, 12, "ipc:///run/corrente.sock.12"),
    ],
)
def test_another_worker_is_at_the_same_host_or_path(address, worker, other, where):
    assert beside(address, worker, other) == where


@pytest.mark.parametrize(
    ("address", "worker", "other"),
    [
        ("tcp://lab.example:65535", 0, 1),
        ("tcp://lab.example:1", 1, 0),
        ("ipc:///run/corrente.sock", 1, 0),
        ("inproc://x", 0, 1),
    ],
)
def test_an_address_that_cannot_be_a_workers_is_told(address, worker, other):
    with pytest.raises(WireError, match="is no address of worker"):
        beside(address, worker, other)


class Half:
    """A half of the protocol with nothing to say."""

    def welcomed(self, daemon):
        return []

    def lost(self):
        pass

    def beat(self):
        return []

    def received(self, message, payload):
        return []


@pytest.fixture
def workers():
    arranged = []
    made = Workers(Half(), Half, lambda: arranged.append(made.count))
    return made, arranged


def test_whoever_is_reached_first_may_have_any_number(workers):
    made, arranged = workers
    made.told(made.home, 2, 4)
    assert (made.halves, made.count, arranged) == ({2: made.home}, 4, [4])
    made.told(made.home, 2, 4)
    assert arranged == [4]


def test_every_other_number_of_workers_is_arranged(workers):
    made, arranged = workers
    made.told(made.home, 0, 2)
    other = made.at(1)
    made.told(other, 1, 3)
    made.told(made.home, 0, 1)
    assert arranged == [2, 3, 1]


def test_where_another_worker_answers_than_was_to_be_there_it_is_told(workers):
    made, _ = workers
    made.told(made.home, 0, 2)
    other = made.at(1)
    with pytest.raises(WireError, match="worker 0 of 2 answers in the place of another"):
        made.told(other, 0, 2)
    with pytest.raises(WireError, match="says that it is worker 2 of 2"):
        made.told(made.home, 2, 2)


def test_all_halves_are_let_go_that_are_not_wanted_but_the_first(workers):
    made, _ = workers
    made.told(made.home, 1, 4)
    kept = made.at(3)
    made.at(0)
    made.keep({3, 2})
    assert made.halves.keys() == {1, 2, 3}
    assert (made.halves[1], made.halves[3]) == (made.home, kept)
