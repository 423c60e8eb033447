"""What the kernel says of a process."""

import os
import time
from collections.abc import Callable
from pathlib import Path


class Process:
    """A process, by its id: its memory, threads, files and time."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    @property
    def memory_bytes(self) -> int:
        """Memory that is there now."""
        return 1024 * self._status("VmRSS")

    @property
    def most_memory_bytes(self) -> int:
        """Most memory that was there since `forget_most`."""
        return 1024 * self._status("VmHWM")

    def forget_most(self) -> None:
        """Begins `most_memory_bytes` anew."""
        (self._folder / "clear_refs").write_text("5")

    @property
    def threads(self) -> int:
        return self._status("Threads")

    @property
    def files(self) -> int:
        """Open files, sockets among them."""
        return len(list((self._folder / "fd").iterdir()))

    @property
    def sockets(self) -> int:
        """Open sockets."""
        links = [link.readlink() for link in (self._folder / "fd").iterdir()]
        return sum(str(link).startswith("socket:") for link in links)

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time it has taken."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, field: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def wait_until(
    is_so: Callable[[], bool], deadline_s: float, about: Callable[[], object] = lambda: ""
) -> None:
    """Until it is so in another process, which tells nobody; fails after `deadline_s`."""
    deadline = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < deadline, about()
        time.sleep(0.02)
