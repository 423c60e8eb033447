"""The workers of a service: which of them has a stream, where it is, a half of the protocol each.

A service of several workers is as many daemons on one machine, and each stream belongs to one of
them, for ever: `owner` says to which. Any of them tells how many there are. No I/O, and no clock.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from corrente.errors import WireError
from corrente.link import Half
from corrente.topics import has_wildcard

PARTITIONS = 64
"""Into so many parts the streams of a service fall; it has no more workers than that."""

_PORT = re.compile(r"(tcp://.*:)([0-9]+)")

AnyHalf_co = TypeVar("AnyHalf_co", bound=Half, covariant=True)


def partition(stream: str) -> int:
    """The partition of a stream: the CRC-32 of its name's UTF-8, modulo 64.

    >>> partition("imu/7"), partition("cam/door")
    (38, 0)
    """
    return zlib.crc32(stream.encode()) % PARTITIONS


def owner(stream: str, workers: int) -> int:
    """The number of the worker, of so many, that the stream belongs to."""
    return partition(stream) % workers


def owners(pattern: str, workers: int) -> set[int]:
    """The workers that may have topics of the pattern.

    A name without wildcards is that of a stream, or of a stage of the stream two levels above.
    """
    if has_wildcard(pattern):
        return set(range(workers))
    stream, *stage = pattern.rsplit("/", 2)
    return {owner(name, workers) for name in (pattern, stream if len(stage) == 2 else pattern)}


def beside(address: str, worker: int, other: int) -> str:
    """Where a worker is, as a client says it that reached worker `worker` at `address`.

    Ports follow each other, and to the path of the first are added numbers. Raises `WireError`
    where there can be no such address.

    >>> beside("tcp://lab.example:5555", 0, 2), beside("ipc:///run/corrente.1", 1, 0)
    ('tcp://lab.example:5557', 'ipc:///run/corrente')
    """
    if worker == other:
        return address
    if match := _PORT.fullmatch(address):
        port = int(match[2]) + other - worker
        if 0 < port < 1 << 16:
            return f"{match[1]}{port}"
    elif address.startswith("ipc://"):
        number = f".{worker}" if worker else ""
        if address.endswith(number):
            return address.removesuffix(number) + (f".{other}" if other else "")
    raise WireError(f"{address!r} is no address of worker {worker}, so worker {other} has none")


class Workers(Generic[AnyHalf_co]):
    """A client's halves of the protocol, one for each worker it has to do with.

    It begins with `home`, for the worker at the address it was given. `arrange` is called when it
    is known, or known anew, how many workers there are: it says by `keep` which halves are wanted.
    """

    def __init__(
        self, home: AnyHalf_co, make: Callable[[], AnyHalf_co], arrange: Callable[[], None]
    ) -> None:
        self.home = home
        self.count = 1
        self.home_worker = 0
        self.halves: Mapping[int, AnyHalf_co] = {0: home}
        self._make = make
        self._arrange = arrange
        self._is_told = False

    def told(self, half: Half, worker: int, count: int) -> None:
        """The daemon of that half says that it is `worker` of `count`.

        Raises `WireError` where that cannot be, or where another worker was to be there.
        """
        if worker >= count:
            raise WireError(f"the daemon says that it is worker {worker} of {count}, from 0")
        if half is self.home and not self._is_told:
            self.home_worker, self.halves = worker, {worker: self.home}
        elif self.halves.get(worker) is not half:
            raise WireError(f"worker {worker} of {count} answers in the place of another")
        is_news, self._is_told = not self._is_told or self.count != count, True
        if is_news:
            self.count = count
            self._arrange()

    def at(self, worker: int) -> AnyHalf_co:
        """The half for a worker, made where there was none."""
        if worker not in self.halves:
            self.halves = {**self.halves, worker: self._make()}
        return self.halves[worker]

    def of(self, stream: str) -> AnyHalf_co:
        """The half for the worker that the stream belongs to, as far as known."""
        return self.at(owner(stream, self.count)) if self._is_told else self.home

    def keep(self, workers: set[int]) -> None:
        """Make halves for these where there are none, and let all others go but `home`."""
        for worker in workers:
            self.at(worker)
        wanted = {self.home_worker, *workers}
        self.halves = {worker: half for worker, half in self.halves.items() if worker in wanted}
