"""A publisher and a subscriber over tcp, with a daemon of the tests' own between them."""

import time
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest

from corrente import (
    Closed,
    FormatError,
    NoPipeline,
    Publisher,
    Refused,
    Subscriber,
    Timeout,
    status,
    wire,
)


def test_what_is_sent_arrives(daemon, deadline_s):
    x = np.random.default_rng(1).normal(size=(1000, 3)).astype("float32")
    with Subscriber(daemon.address, "imu/7", timeout_s=deadline_s) as sub:
        with Publisher(daemon.address) as pub:
            imu = pub.open("imu/7", shape=(3,), rate_hz=100)
            imu.send(x[0])
            imu.send(x[1:400])
            imu.send(x[400:])
            assert imu.next_index == 1000
            imu.end(timeout_s=deadline_s)
        blocks = list(sub)
    assert np.array_equal(np.concatenate([block.data for block in blocks]), x)
    assert [block.index for block in blocks] == [0, 1, 400, 1000]
    assert [block.last for block in blocks] == [False, False, False, True]
    assert not any(block.data.flags.writeable for block in blocks)


def test_fortran_order_strides_and_byte_order_arrive_right(daemon, deadline_s):
    x = np.arange(2 * 5 * 7, dtype="float32").reshape(2, 5, 7)
    forms = [np.asfortranarray(x), x.repeat(2, axis=2)[:, :, ::2], x.astype(">f4"), x.tolist()]
    with (
        Subscriber(daemon.address, "cam/1", timeout_s=deadline_s) as sub,
        Publisher(daemon.address) as pub,
    ):
        cam = pub.open("cam/1", shape=(5, 7), rate_hz=30)
        for form in forms:
            cam.send(form)
        for _ in forms:
            assert np.array_equal(sub.take(2).data, x)


@pytest.mark.parametrize("shape", [(4,), (300, 300)])
def test_an_array_may_be_overwritten_after_it_was_sent(daemon, deadline_s, shape):
    with (
        Subscriber(daemon.address, "s", timeout_s=deadline_s) as sub,
        Publisher(daemon.address) as pub,
    ):
        stream = pub.open("s", shape=shape, rate_hz=1)
        x = np.zeros((1, *shape), "float32")
        for k in range(20):
            x[:] = k
            stream.send(x)
        got = sub.take(20).data
    assert all((got[k] == k).all() for k in range(20))


def test_a_huge_block_travels_in_parts(daemon, deadline_s):
    x = np.arange(3 << 18, dtype="float64").reshape(-1, 1)  # 6 MiB
    with (
        Subscriber(daemon.address, "s", timeout_s=deadline_s) as sub,
        Publisher(daemon.address) as pub,
    ):
        stream = pub.open("s", shape=(1,), rate_hz=1000, dtype="float64")
        stream.send(x, t_ns=0)
        first = next(sub)
        second = next(sub)
        assert first.data.nbytes == 1 << 20
        assert second.index == 1 << 17
        assert second.t_ns == (1 << 17) * 1_000_000
        rest = sub.take(len(x) - len(first.data) - len(second.data))
    assert np.array_equal(np.concatenate([first.data, second.data, rest.data]), x)


def test_without_a_time_the_last_item_is_of_now(daemon, deadline_s):
    with (
        Subscriber(daemon.address, "s", timeout_s=deadline_s) as sub,
        Publisher(daemon.address) as pub,
    ):
        stream = pub.open("s", shape=(1,), rate_hz=10)
        before = time.time_ns()
        stream.send(np.zeros((11, 1), "float32"))
        after = time.time_ns()
        assert before <= sub.take(11).t_ns + 1_000_000_000 <= after


def test_a_full_window_holds_the_sender_back(daemon, deadline_s):
    daemon.window_bytes, daemon.acknowledges = 40, False
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1)
        stream.send(np.zeros((10, 1), "float32"))
        with pytest.raises(Timeout, match=r"s: the daemon takes no more within 0\.01 s"):
            stream.send([0.0], timeout_s=0.01)
        assert stream.next_index == 10
        with pytest.raises(Timeout):
            stream.flush(timeout_s=0)
        daemon.acknowledges = True
        [published] = daemon.streams.values()
        daemon.say(wire.Ack(published.id, published.epoch, 10))
        stream.send([0.0], timeout_s=deadline_s)
        stream.flush(timeout_s=deadline_s)
        assert published.next_index == 11


def test_one_item_larger_than_the_window_still_goes(daemon, deadline_s):
    daemon.window_bytes = 1024
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1000, 1000), rate_hz=1, dtype="uint8")
        for _ in range(3):
            stream.send(np.zeros((1000, 1000), "uint8"), timeout_s=deadline_s)
        stream.flush(timeout_s=deadline_s)


def test_lost_blocks_are_sent_again(daemon, deadline_s):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        daemon.loses = 2
        for k in range(10):
            stream.send(np.full((3, 1), k, "uint8"))
        stream.flush(timeout_s=deadline_s)
        [published] = daemon.streams.values()
        assert published.items == [(3 * k, bytes([k] * 3)) for k in range(10)]


def test_a_daemon_that_forgot_us_gets_what_it_has_not(daemon, deadline_s):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        stream.send(np.zeros((5, 1), "uint8"))
        stream.flush(timeout_s=deadline_s)
        daemon.acknowledges = False
        stream.send(np.ones((2, 1), "uint8"))
        daemon.hears(wire.Block, 2)
        daemon.restart()
        daemon.acknowledges = True
        stream.send(np.full((1, 1), 2, "uint8"))
        stream.flush(timeout_s=deadline_s)
        # The first five were acknowledged and are gone: a gap at the source.
        assert [open.index for open in daemon.hears(wire.Open, 3)] == [None, None, 5]
        assert daemon.streams["s"].items == [(5, b"\1\1"), (7, b"\2")]


def test_what_a_broken_connection_lost_is_sent_again(daemon, deadline_s):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        daemon.loses = 3
        for k in range(3):
            stream.send(np.full((2, 1), k, "uint8"))
        daemon.hears(wire.Block, 3)
        daemon.break_connections()
        stream.flush(timeout_s=deadline_s)
        assert daemon.streams["s"].items == [(0, b"\0\0"), (2, b"\1\1"), (4, b"\2\2")]


def test_the_publisher_goes_on_after_a_goodbye_that_asks_to_come_back(daemon, deadline_s):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        daemon.say(wire.Goodbye("maintenance", reconnect=True))
        daemon.hears(wire.Hello, 2)
        stream.send([np.uint8(1)])
        stream.end(timeout_s=deadline_s)


def test_a_fenced_stream_raises_and_does_not_come_back(daemon, deadline_s):
    with Publisher(daemon.address) as old, Publisher(daemon.address) as new:
        stream = old.open("s", shape=(1,), rate_hz=1, dtype="uint8")
        new.open("s", shape=(1,), rate_hz=1, dtype="uint8", takeover=True)
        stream.send([np.uint8(1)])
        with pytest.raises(Refused) as caught:
            stream.flush(timeout_s=deadline_s)
        assert caught.value.code == "fenced"
        with pytest.raises(Refused):
            stream.send([np.uint8(1)])
        assert len(daemon.hears(wire.Open)) == 2


def test_closing_tells_of_a_stream_that_was_fenced(daemon, deadline_s):
    pub = Publisher(daemon.address)
    stream = pub.open("s", shape=(1,), rate_hz=1, dtype="uint8")
    with Publisher(daemon.address) as new:
        new.open("s", shape=(1,), rate_hz=1, dtype="uint8", takeover=True)
        stream.send([np.uint8(1)])
        with pytest.raises(Refused, match="fenced"):
            pub.close()


def test_a_refused_open_raises_with_the_remedy(daemon):
    daemon.refuses[wire.Open] = wire.Refused(
        1, "in_use", "the stream has a publisher", path="s", remedy="takeover=True"
    )
    with Publisher(daemon.address) as pub:
        with pytest.raises(Refused, match=r"s: .*; takeover=True \(in_use\)") as caught:
            pub.open("s", shape=(1,), rate_hz=1)
        assert caught.value.code == "in_use"


def test_what_cannot_be_is_refused_before_it_is_sent(daemon):
    with Publisher(daemon.address) as pub:
        with pytest.raises(FormatError, match="shape"):
            pub.open("s", shape=(), rate_hz=1)
        with pytest.raises(FormatError, match="name"):
            pub.open("a b", shape=(1,), rate_hz=1)
        stream = pub.open("s", shape=(2,), rate_hz=1, dtype="uint8")
        with pytest.raises(FormatError, match="astype"):
            stream.send(np.zeros((1, 2)))
        with pytest.raises(FormatError, match="shape"):
            stream.send(np.zeros((1, 3), "uint8"))
        with pytest.raises(Refused, match="open already"):
            pub.open("s", shape=(2,), rate_hz=1)


@pytest.mark.parametrize(
    "options",
    [
        {"shape": 2},
        {"shape": (2.5,)},
        {"shape": (2**70,)},
        {"rate_hz": "fast"},
        {"dtype": "float16"},
        {"dtype": "no dtype"},
        {"dtype": int},
        {"encoding": "jpeg"},
        {"labels": [1, 2]},
        {"labels": "xy"},
        {"index": -1},
        {"index": 2**63},
        {"index": 1.5},
    ],
    ids=str,
)
def test_what_cannot_be_opened_harms_no_other_stream(daemon, deadline_s, options):
    with Publisher(daemon.address) as pub:
        other = pub.open("other", shape=(1,), rate_hz=1)
        with pytest.raises(FormatError):
            pub.open("s", **{"shape": (2,), "rate_hz": 1, **options})
        other.send([0.0])
        other.flush(timeout_s=deadline_s)


@pytest.mark.parametrize("t_ns", [2**63, 2**64, -(2**63) - 1, 2**63 - 10**9, 1e18, "now"])
def test_a_time_that_cannot_be_harms_no_stream(daemon, deadline_s, t_ns):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1)
        with pytest.raises(FormatError, match="t_ns"):
            stream.send([[0.0], [1.0]], t_ns=t_ns)
        stream.send([0.0])
        stream.flush(timeout_s=deadline_s)
        assert stream.next_index == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.dtype("uint8"), np.dtype(">u2"), "<u2"])
def test_numbers_names_and_dtypes_may_be_numpys(daemon, dtype):
    with Publisher(daemon.address) as pub:
        options: Any = {
            "shape": np.array([2]),
            "rate_hz": np.float32(10),
            "dtype": dtype,
            "labels": np.array(["x", "y"]),
            "index": np.int64(7),
            "takeover": np.bool_(True),
        }
        stream = pub.open(np.str_("s"), **options)
        assert stream.next_index == 7
        stream.send(np.zeros((3, 2), dtype), t_ns=np.int64(5))
        [said] = daemon.hears(wire.Block)
        assert (said.index, said.t_ns) == (7, 5)
        [opened] = daemon.hears(wire.Open)
        assert opened.format.dtype == np.dtype(dtype).name
        assert (opened.format.labels, opened.index, opened.takeover) == (("x", "y"), 7, True)


def test_a_rate_of_next_to_nothing_is_told_where_its_times_cannot_be(daemon):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=5e-324)
        stream.send([0.0])
        with pytest.raises(FormatError, match="t_ns"):
            stream.send([[0.0], [1.0]], t_ns=0)


def test_a_masked_array_is_refused_with_the_remedy(daemon):
    x = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]], "uint8")
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(2,), rate_hz=1, dtype="uint8")
        with pytest.raises(FormatError, match=r"\.filled\(value\)"):
            stream.send(x)
        stream.send(x.filled(9))
        daemon.hears(wire.Block)
    assert daemon.streams["s"].items == [(0, bytes([1, 9, 3, 4]))]


def test_a_stream_no_pipeline_takes_is_warned_about(daemon):
    daemon.pipelines, daemon.notes = (), ("edges: takes cam/*",)
    with (
        Publisher(daemon.address) as pub,
        pytest.warns(NoPipeline, match=r"imu: no pipeline takes this stream; edges: takes cam/\*"),
    ):
        pub.open("imu", shape=(1,), rate_hz=1)


def test_a_stream_that_is_taken_is_not_warned_about(daemon):
    with Publisher(daemon.address) as pub, warnings.catch_warnings():
        warnings.simplefilter("error")
        pub.open("imu", shape=(1,), rate_hz=1)


def test_an_ended_stream_takes_no_more(daemon, deadline_s):
    with Publisher(daemon.address) as pub:
        stream = pub.open("s", shape=(1,), rate_hz=1)
        stream.end(timeout_s=deadline_s)
        stream.end(timeout_s=0)
        with pytest.raises(Closed):
            stream.send([0.0])
        assert pub.open("s", shape=(1,), rate_hz=1).next_index == 0


def test_closing_says_goodbye_and_ends_no_stream(daemon):
    pub = Publisher(daemon.address)
    pub.open("s", shape=(1,), rate_hz=1).send([0.0])
    pub.close()
    pub.close()
    daemon.hears(wire.Goodbye)
    assert [type(message).__name__ for _, message in daemon.heard[-2:]] == ["Block", "Goodbye"]


def test_closing_twice_at_once_cuts_no_flush(daemon, deadline_s):
    pub = Publisher(daemon.address)
    stream = pub.open("s", shape=(1,), rate_hz=1)
    daemon.acknowledges = False
    stream.send([0.0])
    daemon.hears(wire.Block)
    [published] = daemon.streams.values()
    with ThreadPoolExecutor(2) as threads:
        closers = [threads.submit(pub.close) for _ in range(2)]
        done, _ = wait(closers, timeout=0.1)
        assert not done
        daemon.say(wire.Ack(published.id, published.epoch, 1))
        for closer in closers:
            closer.result(deadline_s)
    daemon.hears(wire.Goodbye)


def test_a_closed_publisher_raises(daemon):
    pub = Publisher(daemon.address)
    stream = pub.open("s", shape=(1,), rate_hz=1)
    pub.close()
    with pytest.raises(Closed):
        stream.end()
    with pytest.raises(Closed):
        pub.open("t", shape=(1,), rate_hz=1)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="tcp://HOST:PORT"):
        Publisher("localhost:5555")


def test_another_version_is_refused_everywhere(daemon):
    daemon.refuses[wire.Hello] = wire.Refused(0, "version", "this daemon speaks 2 to 3")
    with Publisher(daemon.address) as pub, pytest.raises(Refused, match="speaks 2 to 3"):
        pub.open("s", shape=(1,), rate_hz=1)


def test_the_status_is_what_the_daemon_reports(daemon, deadline_s):
    assert status(daemon.address, deadline_s) == {"ready": True}


def test_the_status_of_nobody_times_out():
    with pytest.raises(Timeout, match="no daemon answered"):
        status("tcp://127.0.0.1:9", timeout_s=0.05)
