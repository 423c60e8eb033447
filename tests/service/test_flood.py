"""Strangers that flood a daemon, and are gone before it has read what they sent."""

import socket
import struct
import subprocess
import sys
from contextlib import suppress

import pytest

pytestmark = pytest.mark.slow

DAEMON = """
import time
from corrente_service.daemon import Daemon
from corrente_service.limits import Limits
from corrente_service.service import Service

service = Service([], Limits(), b"a daemon".ljust(16), time.monotonic())
with Daemon(service, "tcp://127.0.0.1:*") as daemon:
    print(daemon.endpoint, flush=True)
    input()  # it is busy with something else, and reads nothing
    for _ in range(10):
        daemon._turn()
"""
GREETING = b"\xff" + bytes(8) + b"\x7f\3\0" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\5READY\13Socket-Type" + struct.pack(">I", 6) + b"DEALER"
SMALL = b"\0\x64" + bytes(100)
RESET = struct.pack("ii", 1, 0)

HEARTBEATS_S = 2.5
"""Two or three heartbeats: ZeroMQ's own would end the process here."""


def flood(host: str, port: int) -> None:
    """Sends small messages until the other side reads no more, and breaks the connection."""
    with socket.create_connection((host, port)) as stranger:
        stranger.settimeout(1)
        stranger.sendall(GREETING)
        assert stranger.recv(len(GREETING), socket.MSG_WAITALL)
        stranger.sendall(bytes([4, len(READY)]) + READY)
        assert stranger.recv(1)  # its own READY: what comes from here on are messages
        with suppress(TimeoutError, ConnectionResetError):
            while True:
                stranger.sendall(SMALL)
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_a_flood_of_one_that_is_gone_does_not_end_the_daemon():
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        host, port = daemon.stdout.readline().strip().removeprefix("tcp://").split(":")
        for _ in range(3):
            flood(host, int(port))
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(HEARTBEATS_S)
        daemon.communicate("go on\n", timeout=60)
    assert daemon.returncode == 0
