"""A daemon of the demo's own."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

STOP_S = 10.0


@contextmanager
def daemon(folder: Path) -> Generator[tuple[str, str]]:
    """A daemon with the specs in a folder, on free ports: its address, and the URL of its web.

    At the end it is told to stop; raises RuntimeError where it never began, or ended badly.
    """
    command = "from corrente.command import main; main()"
    ports = ["--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", command, "serve", str(folder), *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            match process.stdout.readline().split():
                case ["ready", address, url]:
                    yield address, url
                case _:
                    raise RuntimeError(f"the daemon did not begin; try corrente serve {folder}")
        finally:
            process.terminate()
            try:
                code = process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise RuntimeError("the daemon did not stop") from None
        if code != 0:
            raise RuntimeError(f"the daemon ended with {code}")
