"""A daemon of the demo's own."""

import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

BEGIN_S = 120.0
"""Kernels compile the first time, which takes a while."""

STOP_S = 10.0
SAID_BYTES = 2000


@contextmanager
def daemon(folder: Path) -> Generator[tuple[str, str]]:
    """A daemon with the specs in a folder, on free ports: its address, and the URL of its web.

    Behind the block it is told to stop. Raises RuntimeError, with what it said last, where it did
    not begin, or ended badly.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = _started(folder, said)
        try:
            yield _begun(process, said)
        finally:
            code = _stopped(process)
        if code != 0:
            raise RuntimeError(f"the daemon ended with {code}{_last(said)}")


def _started(folder: Path, said: IO[str]) -> "subprocess.Popen[str]":
    command = "from corrente.command import main; main()"
    ports = ["--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"]
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", command, "serve", str(folder), *ports],
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
        process_group=0,  # Ctrl-C is for the demo, which ends its streams before the daemon
    )


def _begun(process: "subprocess.Popen[str]", said: IO[str]) -> tuple[str, str]:
    """What its line `ready` tells."""
    assert process.stdout is not None
    overdue = Timer(BEGIN_S, process.kill)
    overdue.start()
    try:
        words = process.stdout.readline().split()
    finally:
        overdue.cancel()
    match words:
        case ["ready", address, url]:
            return address, url
        case _:
            raise RuntimeError(f"the daemon did not begin{_last(said)}")


def _stopped(process: "subprocess.Popen[str]") -> int:
    """Its exit code, after it was told to stop, and killed where it did not."""
    assert process.stdout is not None
    process.terminate()
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    process.stdout.close()
    return code


def _last(said: IO[str]) -> str:
    said.seek(0)
    text = said.read().strip()[-SAID_BYTES:]
    return f":\n{text}" if text else ""
