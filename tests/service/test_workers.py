"""A service of several workers, each a process, over tcp and ipc."""

import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import yaml

from corrente import AsyncPublisher, AsyncSubscriber, Publisher, Subscriber, status
from corrente.workers import beside, owner
from corrente_service.settings import Settings
from corrente_service.supervisor import with_ports
from tests.process import wait_until
from tests.service.exchange import MEAN, PATIENT, ramp
from tests.serving import DEADLINE_S, Serving, corrente, write_specs

pytestmark = pytest.mark.slow

NAMES = [f"imu/{k}" for k in range(8)]
BY_WORKER = [[name for name in NAMES if owner(name, 2) == worker] for worker in range(2)]
TWO = ("--workers", "2")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = write_specs(tmp_path_factory.mktemp("specs"), MEAN, PATIENT)
    with Serving(folder, *TWO, "--http", "127.0.0.1:0") as serving:
        yield serving


def addresses(service: Serving) -> list[str]:
    return [service.address, beside(service.address, 0, 1)]


def workers_of(service: Serving) -> dict[int, int]:
    """The processes of the workers, by their numbers."""
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = {}
    for child in children:
        command = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if "corrente_service.worker" in command:
            found[int(command[command.index("--worker") + 1])] = int(child)
    return found


def wait_for_subscriber(service: Serving) -> None:
    """Topics that end before it is back, in a process that is new, are never told of."""
    wait_until(
        lambda: len(status(service.address, DEADLINE_S)["subscriptions"]) == 2,
        DEADLINE_S,
        service.log,
    )


def get(url: str) -> tuple[int, str]:
    try:
        with closing(urllib.request.urlopen(url, timeout=10)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with closing(error):
            return error.code, error.read().decode()


def test_every_item_of_streams_of_all_workers_comes_in_order_with_the_ends(service):
    x = ramp(0, 1000)
    assert all(BY_WORKER)
    with (
        Subscriber(service.address, "imu/*", timeout_s=DEADLINE_S) as subscriber,
        Publisher(service.address) as publisher,
    ):
        streams = [publisher.open(name, shape=(2,), rate_hz=100) for name in NAMES]
        for part in np.split(x, 20):
            for stream in streams:
                stream.send(part)
        for stream in streams:
            stream.end(timeout_s=DEADLINE_S)
        came: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
        ended: set[str] = set()
        for block in subscriber:
            assert block.gap is None
            assert block.index == sum(map(len, came[block.stream]))
            came[block.stream].append(block.data)
            ended |= {block.stream} if block.last else set()
            if len(ended) == len(NAMES):
                break
    assert status(service.address)["items"]["accepted"] >= 8000
    for name in NAMES:
        np.testing.assert_array_equal(np.concatenate(came[name]), x)


@pytest.mark.parametrize("reached", [0, 1])
def test_a_client_may_be_given_the_address_of_any_worker(service, reached):
    address = addresses(service)[reached]
    names = [f"imu/by {reached} {k}".replace(" ", "-") for k in range(4)]
    topics = [f"{name}/patient/smooth" for name in names]
    with (
        Subscriber(address, *topics, policy="wait", timeout_s=DEADLINE_S) as subscriber,
        Publisher(address) as publisher,
    ):
        for name in names:
            stream = publisher.open(name, shape=(2,), rate_hz=100)
            stream.send(ramp(0, 100))
            stream.end(timeout_s=DEADLINE_S)
        blocks = list(subscriber)  # until all that were named have ended
    for topic in topics:
        assert sum(len(block.data) for block in blocks if block.topic == topic) == 100


def test_take_and_since_are_of_the_topics_worker(service):
    for name in ("imu/taken-0", "imu/taken-3"):
        with Publisher(service.address) as publisher:
            stream = publisher.open(name, shape=(2,), rate_hz=100)
            stream.send(ramp(0, 50))
            stream.flush(timeout_s=DEADLINE_S)
            with Subscriber(
                service.address, f"{name}/mean/up", since=52, timeout_s=DEADLINE_S
            ) as subscriber:
                stream.send(ramp(50, 100))
                stream.send(ramp(100, 200))
                block = subscriber.take(100)
            assert (block.index, len(block.data)) == (52, 100)
            np.testing.assert_allclose(block.data, ramp(52, 152), atol=1e-4)
            stream.end(timeout_s=DEADLINE_S)


async def test_async_clients_find_the_workers_too(service):
    names = [f"imu/async-{k}" for k in range(8)]
    assert {owner(name, 2) for name in names} == {0, 1}
    ended: set[str] = set()
    async with (
        AsyncSubscriber(service.address, "imu/*/mean/up", timeout_s=DEADLINE_S) as subscriber,
        AsyncPublisher(service.address) as publisher,
    ):
        for name in names:
            stream = await publisher.open(name, shape=(2,), rate_hz=100)
            await stream.send(ramp(0, 10))
            await stream.end(timeout_s=DEADLINE_S)
        async for block in subscriber:
            ended |= {block.stream} if block.last else set()
            if len(ended) == len(names):
                break
    assert ended == set(names)


def test_the_web_tells_of_all_workers(service):
    assert get(f"{service.url}/readyz") == (200, "ready\n")
    assert get(f"{service.url}/livez") == (200, "alive\n")
    with Publisher(service.address) as publisher:
        for name in NAMES:
            publisher.open(name, shape=(2,), rate_hz=100).send(ramp(0, 10))
        publisher.close()
        _, text = get(f"{service.url}/metrics")
    assert "corrente_streams 8.0\n" in text
    for name in NAMES:
        assert f'corrente_stream_items_accepted_total{{stream="{name}"}} 10.0\n' in text
    assert corrente("healthcheck", "--address", addresses(service)[1]).stdout == "ready\n"


def test_a_spec_that_changes_reaches_every_worker(tmp_path):
    with Serving(write_specs(tmp_path, MEAN), *TWO) as service, Publisher(service.address) as pub:
        for name in (BY_WORKER[0][0], BY_WORKER[1][0]):
            pub.open(name, shape=(2,), rate_hz=100)
        (tmp_path / "later.yaml").write_text(yaml.safe_dump({**MEAN, "name": "later"}))

        def taken() -> list[list[str]]:
            streams = status(service.address, DEADLINE_S)["streams"].values()
            return [sorted(stream["pipelines"]) for stream in streams]

        wait_until(lambda: taken() == [["later", "mean"]] * 2, DEADLINE_S, service.log)


def test_a_worker_that_is_killed_comes_back_and_clients_go_on_as_after_a_restart(tmp_path):
    with (
        Serving(write_specs(tmp_path, MEAN), *TWO, "--http", "127.0.0.1:0") as service,
        Subscriber(service.address, "imu/*", queue=4096, timeout_s=DEADLINE_S) as subscriber,
        Publisher(service.address) as publisher,
    ):
        streams = [publisher.open(name, shape=(2,), rate_hz=100) for name in NAMES]
        before = workers_of(service)
        for start in range(0, 4000, 100):
            if start == 2000:
                os.kill(before[1], signal.SIGKILL)
            for stream in streams:
                stream.send(ramp(start, start + 100), timeout_s=DEADLINE_S)
        wait_for_subscriber(service)
        for stream in streams:
            stream.end(timeout_s=DEADLINE_S)
        known: dict[str, set[int]] = {name: set() for name in NAMES}
        gaps: dict[str, set[int]] = {name: set() for name in NAMES}
        ended: set[str] = set()
        for block in subscriber:
            assert (block.data == ramp(block.index, block.index + len(block.data))).all()
            known[block.stream].update(range(block.index, block.index + len(block.data)))
            gaps[block.stream].update(range(*block.gap) if block.gap else ())
            ended |= {block.stream} if block.last else set()
            if len(ended) == len(NAMES):
                break
        for name in NAMES:
            assert known[name] | gaps[name] == set(range(4000))
        for name in BY_WORKER[0]:
            assert not gaps[name]
        after = workers_of(service)
        assert (after[0], after[1]) == (before[0], after[1])
        assert after[1] != before[1]
        assert "worker died, it is started again worker=1 code=-9 pause_s=0.25" in service.log()
        wait_until(lambda: get(f"{service.url}/readyz")[0] == 200, DEADLINE_S, service.log)


def test_a_service_without_one_of_its_workers_is_not_ready(tmp_path):
    with Serving(write_specs(tmp_path, MEAN), *TWO, "--http", "127.0.0.1:0") as service:
        assert get(f"{service.url}/readyz")[0] == 200
        os.kill(workers_of(service)[1], signal.SIGSTOP)
        code, said = get(f"{service.url}/readyz")
        os.kill(workers_of(service)[1], signal.SIGCONT)
        assert (code, "not ready" in said) == (503, True)
        wait_until(lambda: get(f"{service.url}/readyz")[0] == 200, DEADLINE_S)


def test_where_a_service_is_started_anew_with_fewer_workers_clients_find_their_streams(tmp_path):
    write_specs(tmp_path, MEAN)
    with Serving(tmp_path, *TWO) as service:
        bind = ("--bind", service.address)
        subscriber = Subscriber(service.address, "imu/*", timeout_s=DEADLINE_S)
        publisher = Publisher(service.address)
        streams = [publisher.open(name, shape=(2,), rate_hz=100) for name in NAMES]
        for stream in streams:
            stream.send(ramp(0, 10))
            stream.flush(timeout_s=DEADLINE_S)
    for count in ("1", "3"):
        with Serving(tmp_path, *bind, "--workers", count):
            for stream in streams:
                stream.send(ramp(stream.next_index, stream.next_index + 10))
                stream.flush(timeout_s=DEADLINE_S)
    with Serving(tmp_path, *bind, *TWO) as service:
        wait_for_subscriber(service)
        for stream in streams:
            stream.end(timeout_s=DEADLINE_S)
        publisher.close()
        index = dict.fromkeys(NAMES, 0)
        ended: set[str] = set()
        for block in subscriber:
            if block.gap is not None:
                assert block.gap[0] == index[block.stream]
                index[block.stream] = block.gap[1]
            assert block.index == index[block.stream]
            assert (block.data == ramp(block.index, block.index + len(block.data))).all()
            index[block.stream] += len(block.data)
            ended |= {block.stream} if block.last else set()
            if len(ended) == len(NAMES):
                break
    subscriber.close()
    assert index == dict.fromkeys(NAMES, 30)


def test_workers_are_at_ipc_too(tmp_path):
    path = tmp_path / "socket"
    with Serving(write_specs(tmp_path, MEAN), *TWO, "--bind", f"ipc://{path}") as service:
        assert service.address == f"ipc://{path}"
        with Publisher(f"ipc://{path}.1") as publisher:
            for name in NAMES:
                publisher.open(name, shape=(2,), rate_hz=100).send(ramp(0, 10))
        assert status(service.address)["items"]["processed"] == 80


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_all_workers_within_eight_seconds(tmp_path, number):
    with (
        Serving(write_specs(tmp_path, MEAN), *TWO) as service,
        Publisher(service.address) as publisher,
    ):
        for name in NAMES:
            stream = publisher.open(name, shape=(2,), rate_hz=100)
            stream.send(ramp(0, 10))
            stream.flush(timeout_s=DEADLINE_S)
        children = workers_of(service)
        service.process.send_signal(number)
        assert service.process.wait(8) == 0
        service.wait()
        for pid in children.values():
            assert not Path(f"/proc/{pid}").exists()
        for worker in (0, 1):
            assert f"stopped drained=True worker={worker}\n" in service.log()


def test_workers_do_not_outlive_their_supervisor(tmp_path):
    service = Serving(write_specs(tmp_path, MEAN), *TWO)
    children = workers_of(service)
    service.process.kill()
    service.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()),
        DEADLINE_S,
        service.log,
    )
    service._log.close()


def refused(*arguments: str) -> str:
    done = corrente("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_of_a_worker_in_use_ends_serve(tmp_path):
    write_specs(tmp_path, MEAN)
    free = Settings(folder=tmp_path, bind="tcp://127.0.0.1:0", workers=2)
    bind = with_ports(free).bind  # the port behind it is free, too
    with socket.create_server(("127.0.0.1", 1 + int(bind.rpartition(":")[2]))):
        said = refused(str(tmp_path), "--http", "", "--bind", bind, *TWO)
    assert "Address already in use" in said
    assert "worker 1 did not begin" in said


def test_a_bad_spec_ends_serve_before_any_worker_begins(tmp_path):
    (tmp_path / "bad.yaml").write_text("corrente: 1\nname: bad\nstages:\n  a: {op: gausian}\n")
    said = refused(str(tmp_path), *TWO)
    assert said.count("bad.yaml:4") == 1
