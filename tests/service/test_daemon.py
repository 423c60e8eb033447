"""A real daemon process, over tcp."""

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPException
from threading import Thread

import numpy as np
import pytest
import zmq
from scipy import ndimage

from corrente import Closed, Publisher, Refused, Subscriber, status, wire
from corrente.format import format_of
from corrente.link import new_instance
from tests.service.exchange import MEAN, PATIENT
from tests.service.test_service import GARBAGE
from tests.serving import Serving, corrente, write_specs

pytestmark = pytest.mark.slow

EDGES = {
    "corrente": 1,
    "name": "edges",
    "for_each": "cam/*",
    "stages": {"smooth": {"op": "gaussian", "size": 5, "sigma": 1, "pad": "edge"}},
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, compiled: None) -> Iterator[Serving]:
    folder = write_specs(tmp_path_factory.mktemp("specs"), MEAN, PATIENT, EDGES)
    with Serving(folder, CORRENTE_LIMITS_STALL_TIMEOUT_S="1") as serving:
        yield serving


def signal_of(n: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, channels)).astype(np.float32)


def smoothed(x: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.correlate1d(x.astype(float), np.ones(3) / 3, axis=0, mode="nearest"))


def test_a_signal_in_blocks_comes_out_as_the_definition_says(daemon):
    x = signal_of(5000)
    with (
        Subscriber(daemon.address, "imu/whole/mean/smooth", timeout_s=10) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        stream = publisher.open("imu/whole", shape=(2,), rate_hz=100)
        for block in np.split(x, np.sort(np.random.default_rng(1).integers(0, 5000, 40))):
            stream.send(block)
        stream.flush(timeout_s=10)
        stream.end(timeout_s=10)
        blocks = list(subscriber)
    assert all(block.gap is None for block in blocks)
    got = np.concatenate([block.data for block in blocks])
    np.testing.assert_allclose(got, smoothed(x), rtol=1e-6, atol=1e-6)


def test_frames_larger_than_a_mebibyte_come_out_as_the_definition_says(daemon):
    frames = np.random.default_rng(2).integers(0, 256, (3, 800, 900)).astype(np.uint8)
    i = np.arange(5) - 2
    q = np.exp(-(i[:, None] ** 2 + i**2) / 2)
    with (
        Subscriber(daemon.address, "cam/1/edges/smooth", timeout_s=10) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        stream = publisher.open("cam/1", shape=(800, 900), rate_hz=30, dtype="uint8")
        for frame in frames:
            stream.send(frame)
        got = subscriber.take(3).data
        stream.end(timeout_s=10)
    for frame, out in zip(frames, got, strict=True):
        expected = ndimage.correlate(frame.astype(np.float64), q / q.sum(), mode="nearest")
        np.testing.assert_allclose(out, expected, atol=1e-3)


def test_a_wildcard_gets_every_stream_and_what_a_slow_subscriber_lost_is_a_gap(daemon):
    x = signal_of(3000)
    with (
        Subscriber(daemon.address, "imu/*/mean/smooth", queue=1, timeout_s=10) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        for name in ("imu/a", "imu/b"):
            stream = publisher.open(name, shape=(2,), rate_hz=100)
            for start in range(0, 3000, 10):
                stream.send(x[start : start + 10])
            stream.end(timeout_s=10)
        ends, told = set(), {"imu/a": 0, "imu/b": 0}
        expected = smoothed(x)
        for block in subscriber:
            if block.gap:
                assert block.gap[0] == told[block.stream]
                told[block.stream] = block.gap[1]
            assert block.index == told[block.stream]
            stop = block.index + len(block.data)
            np.testing.assert_allclose(block.data, expected[block.index : stop], atol=1e-6)
            told[block.stream] = stop
            if block.last:
                ends.add(block.stream)
            if len(ends) == 2:
                break
    assert told == {"imu/a": 3000, "imu/b": 3000}


def test_waiting_loses_nothing_and_holds_the_publisher(daemon):
    x = signal_of(4000)
    with (
        Subscriber(
            daemon.address, "imu/w/patient/smooth", policy="wait", queue=2, timeout_s=10
        ) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        stream = publisher.open("imu/w", shape=(2,), rate_hz=100)
        for start in range(0, 4000, 10):
            stream.send(x[start : start + 10])
        got = subscriber.take(3999).data
        stream.end(timeout_s=10)
    np.testing.assert_allclose(got, smoothed(x)[:3999], rtol=1e-6, atol=1e-6)


def test_a_waiting_subscriber_that_stands_still_is_cut_with_the_reason(daemon):
    with (
        Subscriber(
            daemon.address, "imu/still/patient/smooth", policy="wait", queue=1, timeout_s=10
        ) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        stream = publisher.open("imu/still", shape=(2,), rate_hz=100)
        for _ in range(10):
            stream.send(np.zeros((10, 2), np.float32))
        stream.flush(timeout_s=10)
        with pytest.raises(Closed, match="1 s under policy='wait'"):
            list(subscriber)


def test_a_subscription_that_cannot_be_is_refused(daemon):
    with pytest.raises(Refused) as raised:
        Subscriber(daemon.address, "imu/*/mean/smooth", policy="wait", timeout_s=10)
    assert raised.value.code == "no_backpressure"


class Raw:
    """A DEALER that says what it likes."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        self.instance = new_instance()
        self.socket = context.socket(zmq.DEALER)
        self.socket.set(zmq.ROUTING_ID, self.instance)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(address)

    def say(self, *frames: wire.Buffer) -> wire.AnyMessage:
        """Sends frames; gives the first message that comes."""
        self.socket.send_multipart(frames)
        return self.hear()

    def hear(self) -> wire.AnyMessage:
        assert self.socket.poll(10_000), "no answer"
        return wire.decode(self.socket.recv_multipart())[0]

    def close(self) -> None:
        self.socket.close()

    def hello(self) -> None:
        said = self.say(*wire.encode(wire.Hello(1, 1, self.instance)))
        assert isinstance(said, wire.Welcome)


@pytest.fixture
def raw(daemon: Serving) -> Iterator[Raw]:
    with zmq.Context() as context:
        raw = Raw(context, daemon.address)
        yield raw
        raw.close()


@pytest.fixture
def bystander(daemon: Serving) -> Iterator[None]:
    """A stream that is published and subscribed to; nothing that happens meanwhile hurts it."""
    x = signal_of(400)
    with (
        Subscriber(daemon.address, "imu/bystander/mean/smooth", timeout_s=10) as subscriber,
        Publisher(daemon.address) as publisher,
    ):
        stream = publisher.open("imu/bystander", shape=(2,), rate_hz=100)
        stream.send(x[:200])
        stream.flush(timeout_s=10)
        yield
        stream.send(x[200:])
        stream.end(timeout_s=10)
        got = np.concatenate([block.data for block in subscriber])
    np.testing.assert_allclose(got, smoothed(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("is_known", [False, True])
def test_garbage_is_refused_and_other_streams_go_on(raw, bystander, is_known):
    if is_known:
        raw.hello()
    for frames in GARBAGE.values():
        if frames:
            said = raw.say(*frames)
            assert isinstance(said, wire.Refused)
            assert said.code == "bad_message"


def test_many_frames_are_refused_and_other_streams_go_on(raw, bystander):
    said = raw.say(*[b"x"] * 1000)
    assert isinstance(said, wire.Refused)
    assert "got 3" in said.message


def test_a_stranger_is_refused_and_other_streams_go_on(raw, bystander):
    said = raw.say(*wire.encode(wire.Status(1)))
    assert isinstance(said, wire.Refused)
    assert said.code == "unknown_peer"


def test_a_block_for_an_unknown_stream_is_refused_and_other_streams_go_on(raw, bystander):
    raw.hello()
    said = raw.say(*wire.encode(wire.Block(4711, 1, 0, 1, 0), bytes(8)))
    assert isinstance(said, wire.Refused)
    assert (said.code, said.path) == ("unknown_stream", "4711")


def test_a_payload_that_contradicts_its_shape_is_refused_and_other_streams_go_on(raw, bystander):
    raw.hello()
    format = format_of((2,), rate_hz=100)
    opened = raw.say(*wire.encode(wire.Open(1, "imu/contradicts", format)))
    assert isinstance(opened, wire.Opened)
    for size in (0, 79, 81, 1 << 20):
        said = raw.say(*wire.encode(wire.Block(opened.id, opened.epoch, 0, 10, 0), bytes(size)))
        assert isinstance(said, wire.Refused)
        assert (said.code, said.path) == ("bad_payload", "imu/contradicts")
    said = raw.say(*wire.encode(wire.Block(opened.id, opened.epoch, 0, 10, 0), bytes(80)))
    assert said == wire.Ack(opened.id, opened.epoch, 10)


def test_an_oversized_message_ends_its_senders_connection_and_other_streams_go_on(raw, bystander):
    raw.hello()
    monitor = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    raw.socket.send(bytes(wire.MAX_MESSAGE_BYTES + 1))
    assert monitor.poll(10_000), "still connected"
    raw.socket.disable_monitor()
    monitor.close()


def test_bytes_that_are_not_zeromq_are_ignored_and_other_streams_go_on(daemon, bystander):
    host, port = daemon.address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)


def test_a_subscriber_that_is_gone_without_a_word_is_forgotten_at_the_next_block(daemon, raw):
    raw.hello()
    raw.say(*wire.encode(wire.Subscribe(1, ("imu/gone",))))
    raw.socket.send_multipart(wire.encode(wire.Credit(1000, 1 << 30)))
    with Publisher(daemon.address) as publisher:
        stream = publisher.open("imu/gone", shape=(2,), rate_hz=100)
        raw.socket.close()
        deadline = time.monotonic() + 30
        while status(daemon.address)["subscriptions"]:
            assert time.monotonic() < deadline
            stream.send(np.zeros((10, 2), np.float32))
            stream.flush(timeout_s=10)
        stream.end(timeout_s=10)
    # It was not its silence that told.
    assert f"peer silent peer={raw.instance.hex()}" not in daemon.log()


def test_the_ledger_is_balanced_and_nothing_was_dropped(daemon):
    with Publisher(daemon.address) as publisher:
        stream = publisher.open("imu/counted", shape=(2,), rate_hz=100)
        stream.send(signal_of(100))
        stream.flush(timeout_s=10)
        report = status(daemon.address)
        stream.end(timeout_s=10)
    counted = report["streams"]["imu/counted"]
    assert counted["pipelines"] == ["mean", "patient"]
    items = {"accepted": 100, "processed": 100, "in_flight": 0, "dropped": {}}
    assert counted["items"] == items
    assert report["items"]["accepted"] == report["items"]["processed"]


def test_sigterm_drains_and_clients_go_on_with_the_next_daemon(serve):
    first = serve(MEAN)
    x = signal_of(2000)
    with (
        Subscriber(first.address, "imu/7/mean/smooth", timeout_s=30) as subscriber,
        Publisher(first.address) as publisher,
    ):
        stream = publisher.open("imu/7", shape=(2,), rate_hz=100)
        stream.send(x[:1000])
        stream.flush(timeout_s=10)
        began = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - began < 8
        serve(arguments=("--bind", first.address))
        deadline = time.monotonic() + 30
        while not status(first.address)["subscriptions"]:
            assert time.monotonic() < deadline  # a topic that ends before is never told
        stream.send(x[1000:])
        stream.end(timeout_s=30)
        blocks = list(subscriber)
    expected = smoothed(x)
    at = 0
    for block in blocks:
        if block.gap:
            at = block.gap[1]
        assert block.index == at
        at += len(block.data)
        if at <= 999:
            np.testing.assert_allclose(block.data, expected[block.index : at], atol=1e-6)
    assert [block.gap for block in blocks if block.gap] == [(999, 1000)]
    assert at == 2000


def scrape(url: str) -> None:
    """Asks again and again, until nobody listens."""
    with suppress(OSError, HTTPException):
        while True:
            get(url)


def test_a_stop_keeps_its_time_whoever_stands_still(serve):
    serving = serve(PATIENT, arguments=("--http", "127.0.0.1:0"))
    scrapers = [Thread(target=scrape, args=(f"{serving.url}/metrics",)) for _ in range(4)]
    with (
        zmq.Context() as context,
        Subscriber(serving.address, "imu/7/patient/smooth", policy="wait", queue=1, timeout_s=10),
        closing(Raw(context, serving.address)) as publisher,
    ):
        publisher.hello()
        opened = publisher.say(*wire.encode(wire.Open(1, "imu/7", format_of((2,), 100.0))))
        assert isinstance(opened, wire.Opened)
        for k in range(3):
            block = wire.Block(opened.id, opened.epoch, 100 * k, 100, 0)
            publisher.say(*wire.encode(block, bytes(800)))
        assert status(serving.address)["items"]["in_flight"] > 0
        for scraper in scrapers:
            scraper.start()
        began = time.monotonic()
        assert serving.stop() == 0
        assert time.monotonic() - began < 8
        assert "drained=False" in serving.log()
    for scraper in scrapers:
        scraper.join()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_http_says_that_it_lives_is_ready_and_what_it_counts(serve):
    serving = serve(MEAN, arguments=("--http", "127.0.0.1:0"))
    assert get(f"{serving.url}/livez") == (200, "alive\n")
    assert get(f"{serving.url}/readyz") == (200, "ready\n")
    with Publisher(serving.address) as publisher:
        stream = publisher.open("imu/7", shape=(2,), rate_hz=100)
        stream.send(signal_of(100))
        stream.flush(timeout_s=10)
        code, text = get(f"{serving.url}/metrics")
        stream.end(timeout_s=10)
    assert code == 200
    assert 'corrente_stream_items_processed_total{stream="imu/7"} 100.0' in text


def test_the_web_ends_with_its_daemon_however_that_ends(serve):
    serving = serve(MEAN, arguments=("--http", "127.0.0.1:0"))
    assert get(f"{serving.url}/livez")[0] == 200
    os.kill(serving.process.pid, signal.SIGKILL)
    assert serving.wait() == -signal.SIGKILL
    host, port = serving.url.removeprefix("http://").split(":")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it stopped listening between the two halves of the handshake
    pytest.fail("the web still listens")


def test_healthcheck_says_whether_a_daemon_is_there(daemon):
    well = corrente("healthcheck", "--address", daemon.address)
    assert (well.returncode, well.stdout) == (0, "ready\n")
    by_setting = corrente("healthcheck", env={"CORRENTE_BIND": daemon.address})
    assert by_setting.returncode == 0
    sick = corrente("healthcheck", "--address", "tcp://127.0.0.1:9", "--timeout-s", "0.2")
    assert (sick.returncode, sick.stdout) == (1, "")
    assert sick.stderr


def refused_start(*arguments: str, **settings: str) -> str:
    done = corrente("serve", *arguments, env=settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_bad_spec_ends_serve_with_its_place(tmp_path):
    write_specs(tmp_path, MEAN)
    (tmp_path / "bad.yaml").write_text("corrente: 1\nname: bad\nstages:\n  a: {op: gausian}\n")
    said = refused_start(str(tmp_path))
    assert "bad.yaml:4" in said
    assert "gaussian" in said


def test_whoever_serves_other_machines_is_warned(serve, daemon):
    serving = serve(MEAN, arguments=("--bind", "tcp://0.0.0.0:0"))
    assert "WARNING other machines can reach this" in serving.log()
    assert "address=tcp://0.0.0.0:0\n" in serving.log()
    assert "other machines" not in daemon.log()


def test_a_bad_setting_ends_serve_by_its_name(tmp_path):
    assert "limits.streams" in refused_start(str(tmp_path), CORRENTE_LIMITS_STREAMS="0")


def test_a_port_in_use_ends_serve(tmp_path, daemon):
    said = refused_start(str(tmp_path), "--bind", daemon.address, "--http", "")
    assert "Address already in use" in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused_start(
            str(tmp_path), "--bind", "tcp://127.0.0.1:0", "--http", f"127.0.0.1:{port}"
        )
    assert "Address already in use" in said
