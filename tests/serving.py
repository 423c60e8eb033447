"""A real daemon in a process of its own, for tests from end to end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

DEADLINE_S = 60.0
SCRIPT = str(Path(sys.executable).with_name("corrente"))


def write_specs(folder: Path, *specs: Mapping[str, Any]) -> Path:
    """Puts pipelines into a folder, a file each."""
    for spec in specs:
        (folder / f"{spec['name']}.yaml").write_text(yaml.safe_dump(dict(spec), sort_keys=False))
    return folder


def corrente(
    *arguments: str, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end."""
    return subprocess.run(
        [SCRIPT, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, **(env or {})},
        check=False,
    )


class Serving:
    """`corrente serve` on free ports. As a context manager it ends with SIGTERM and exit code 0."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self._log = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [
                *(SCRIPT, "serve", str(folder), "--bind", "tcp://127.0.0.1:0", "--http", ""),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **settings},
        )
        assert self.process.stdout is not None
        overdue = threading.Timer(DEADLINE_S, self.process.kill)
        overdue.start()
        said = self.process.stdout.readline().split()
        overdue.cancel()
        assert said[:1] == ["ready"], self.log()
        self.address = said[1]
        self.url = said[2] if len(said) > 2 else ""

    def log(self) -> str:
        """What it has written to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def stop(self) -> int:
        """Ends it with SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Waits until it has ended; gives the exit code."""
        code = self.process.wait(DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self.process.returncode is None:
                code = self.stop()
                assert kind is not None or code == 0, self.log()
        finally:
            self._log.close()
