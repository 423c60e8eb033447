"""The web's process, started and ended by the daemon's."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

END_S = 2.0
"""How long it may take to leave."""


class WebProcess:
    """The web on `http`, HOST:PORT, for the daemon at `address`. Use as a context manager.

    The listening socket is opened here, so that a port in use is an `OSError` before anything
    runs. The process is started at once, so that it is up when the daemon is; it waits for the
    daemon's address on the reading end of a pipe, and ends when the other end is closed.
    """

    def __init__(self, http: str, log_format: str) -> None:
        host, port = http.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        self._socket = socket.create_server((host.strip("[]"), int(port)), family=family)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._leave_by_s = 0.0
        end, lifeline = os.pipe()
        self._lifeline: int | None = lifeline
        listening = self._socket.fileno()
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [
                *(sys.executable, "-m", "corrente_service.web", "--socket", str(listening)),
                *("--lifeline", str(end), "--log-format", log_format),
            ],
            pass_fds=(listening, end),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(end)
        self._socket.close()

    def start(self, address: str) -> None:
        """Says where the daemon is; from now on somebody answers."""
        if self._lifeline is not None:
            with suppress(BrokenPipeError):  # it died: nobody answers, and the daemon serves
                os.write(self._lifeline, f"{address}\n".encode())

    def leave(self) -> None:
        """Tells the process to finish what it answers and to end, and does not wait for it."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline, self._leave_by_s = None, time.monotonic() + END_S

    def __enter__(self) -> "WebProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        try:
            self._process.wait(max(0.0, self._leave_by_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
