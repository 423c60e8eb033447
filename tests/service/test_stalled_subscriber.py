"""What a subscriber that stands still costs the daemon, and everybody else."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest

from corrente import Closed, Publisher, Subscriber, Timeout
from tests.process import Process, wait_until
from tests.service.exchange import MEAN, PATIENT

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0
GIGABYTE = 10**9
MOST_BYTES = 50 * 10**6
FRAME = (1000, 1000)
SUBSCRIBER = """
import sys
from corrente import Subscriber
with Subscriber(sys.argv[1], "cam/1"):
    print("subscribed", flush=True)
    sys.stdin.read()
"""


@contextmanager
def stopped(address: str) -> Iterator[None]:
    """A subscriber whose whole process stands still: nothing is read, nothing said."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUBSCRIBER, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "subscribed\n"
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.kill()


@contextmanager
def idle(address: str) -> Iterator[None]:
    """A subscriber whose user takes nothing, while its thread says that it lives."""
    with Subscriber(address, "cam/1"):
        yield


@pytest.mark.parametrize("stalled", [stopped, idle])
@pytest.mark.filterwarnings("ignore::corrente.NoPipeline")
def test_a_gigabyte_goes_past_one_that_stalls_in_bounded_memory(serve, stalled):
    serving = serve(MEAN)
    daemon = Process(serving.process.pid)
    with (
        Publisher(serving.address) as publisher,
        Subscriber(serving.address, "cam/1", timeout_s=DEADLINE_S) as other,
    ):
        stream = publisher.open("cam/1", FRAME, rate_hz=1000, dtype="uint8")
        sockets = daemon.sockets
        with stalled(serving.address):
            before = daemon.memory_bytes
            daemon.forget_most()
            blocks: list[tuple[tuple[int, int] | None, int]] = []
            reader = Thread(target=lambda: blocks.extend((b.gap, len(b.data)) for b in other))
            reader.start()
            frame = np.zeros(FRAME, "uint8")
            for _ in range(GIGABYTE // frame.nbytes):
                stream.send(frame, timeout_s=DEADLINE_S)
            stream.end(timeout_s=DEADLINE_S)
            reader.join(DEADLINE_S)
            grown = daemon.most_memory_bytes - before
            if stalled is stopped:  # its connection is given up, with what it held
                wait_until(lambda: daemon.sockets == sockets, DEADLINE_S)
    got = sum(items for _, items in blocks)
    told = sum(stop - start for start, stop in (gap for gap, _ in blocks if gap))
    assert got + told == GIGABYTE // frame.nbytes
    assert got > 100
    print(f"grown by {grown / 1e6:.0f} MB, and by {(daemon.memory_bytes - before) / 1e6:.0f} after")
    assert grown <= MOST_BYTES


def test_whoever_waits_for_everything_and_stalls_is_cut_and_publishers_go_on(serve):
    address = serve(MEAN, PATIENT, CORRENTE_LIMITS_STALL_TIMEOUT_S="1").address
    x = np.zeros((20 * 65536, 2), "float32")  # ten blocks of 1 MiB; two are taken, two wait
    with Subscriber(address, "**", policy="wait", queue=2) as stalled, Publisher(address) as pub:
        streams = [pub.open(f"imu/{k}", shape=(2,), rate_hz=1e6) for k in range(2)]
        with pytest.raises(Timeout, match="takes no more"):
            streams[0].send(np.zeros((200 * 65536, 2), "float32"), timeout_s=0.2)
        for stream in streams:
            stream.send(x, timeout_s=DEADLINE_S)
            stream.end(timeout_s=DEADLINE_S)
        with pytest.raises(Closed, match="nothing granted for 1 s under policy='wait'"):
            list(stalled)  # what had come, and then the reason
