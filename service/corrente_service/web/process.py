"""The web's process, started and ended by the daemon's."""

import os
import socket
import subprocess
import sys
import time

END_S = 2.0
"""How long it may take to leave."""


class WebProcess:
    """The web on `http`, HOST:PORT, for the daemon at `address`. Use as a context manager.

    The listening socket is opened here, so that a port in use is an `OSError` before anything
    runs; the process holds the reading end of a pipe, and ends when the other end is closed.
    """

    def __init__(self, http: str) -> None:
        host, port = http.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        self._socket = socket.create_server((host.strip("[]"), int(port)), family=family)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._lifeline: int | None = None
        self._leave_by_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str, log_format: str) -> None:
        """Starts the process; from now on somebody answers."""
        end, self._lifeline = os.pipe()
        listening = self._socket.fileno()
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [
                *(sys.executable, "-m", "corrente_service.web", "--address", address),
                *("--socket", str(listening), "--lifeline", str(end), "--log-format", log_format),
            ],
            pass_fds=(listening, end),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(end)
        self._socket.close()

    def leave(self) -> None:
        """Tells the process to finish what it answers and to end, and does not wait for it."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline, self._leave_by_s = None, time.monotonic() + END_S

    def __enter__(self) -> "WebProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if self._process is None:
            return
        self.leave()
        try:
            self._process.wait(max(0.0, self._leave_by_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
