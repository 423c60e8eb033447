"""`python -m corrente_service.web`: serves HTTP on a listening socket that it inherits."""

import argparse
import contextlib
import os
import socket
import threading

import uvicorn

from corrente_service import logs
from corrente_service.web.app import create_app

GRACE_S = 1


def main() -> None:
    """Serves until it is told to stop, or until the other end of the lifeline is closed."""
    parser = argparse.ArgumentParser(prog="corrente_service.web", description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="a listening socket's number")
    parser.add_argument("--lifeline", type=int, required=True, help="a pipe's reading end")
    parser.add_argument("--log-format", required=True, choices=logs.FORMATS)
    given = parser.parse_args()
    logs.set_up(given.log_format, "warning")
    address = ""
    with contextlib.suppress(KeyboardInterrupt):
        address = _line(given.lifeline)
    if not address:
        return
    config = uvicorn.Config(
        create_app(address),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_watch, args=(given.lifeline, server), daemon=True).start()
    with socket.socket(fileno=given.socket) as listening, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _line(lifeline: int) -> str:
    """Where the daemon is; nothing where it is gone before it says so."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(lifeline, 1)
        if not byte:
            return ""
        line += byte
    return line.decode().strip()


def _watch(lifeline: int, server: uvicorn.Server) -> None:
    """Stops the server when the daemon is gone, however it went."""
    os.read(lifeline, 1)
    server.should_exit = True


if __name__ == "__main__":
    main()
