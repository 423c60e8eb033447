"""Lines that lose, double, delay, reorder and break."""

import struct
from collections.abc import Callable
from math import inf
from random import Random
from zlib import crc32

from corrente import wire
from tests.simulation.clock import Clock
from tests.simulation.faults import Faults

LATENCY_S = 0.004
DELAY_S = 1.0
OVERTAKEN_S = 0.3
"""How much later an overtaken message comes, on average."""

Frames = list[wire.Buffer]


class Network:
    """What all lines share. `story` gets a line for everything that happens, where it is told.

    `trace` is a number over all that arrives, and when: equal seeds have equal ones.
    """

    def __init__(self, clock: Clock, rng: Random, faults: Faults, is_told: bool) -> None:
        self.clock = clock
        self.rng = rng
        self.faults = faults
        self.trace = 0
        self.story: list[str] | None = [] if is_told else None

    def tell(self, who: str, what: str, frames: Frames | None = None) -> None:
        """Notes what happened, with a message or without."""
        if self.story is not None:
            message = repr(wire.decode(frames)[0]) if frames else ""
            self.story.append(f"{self.clock.now_s:9.4f}  {who:12} {what}{message}")

    def mark(self, frames: Frames) -> None:
        """Takes a message that arrives into the trace."""
        self.trace = crc32(struct.pack("d", self.clock.now_s), self.trace)
        for frame in frames:
            self.trace = crc32(frame, self.trace)

    def strikes(self, chance: float) -> bool:
        """Whether it happens this time; draws nothing where it never does."""
        return chance > 0 and self.rng.random() < chance


class Line:
    """One direction of a connection; `disturbed` is called when a fault strikes."""

    def __init__(
        self,
        network: Network,
        name: str,
        arrive: Callable[[Frames], None],
        disturbed: Callable[[], None],
    ) -> None:
        self._network = network
        self._name = name
        self._arrive = arrive
        self._disturbed = disturbed
        self._last_s = 0.0
        self._closes_s = inf

    def cut(self, in_s: float = 0.0) -> None:
        """What is to arrive later never will."""
        self._closes_s = min(self._closes_s, self._network.clock.now_s + in_s)

    def send(self, frames: Frames) -> None:
        """Puts a message on its way: once, twice or not at all."""
        faults = self._network.faults
        if self._strikes(faults.lost, "lost", frames):
            return
        self._put(frames)
        if self._strikes(faults.doubled, "doubled", frames):
            self._put(frames)

    def _put(self, frames: Frames) -> None:
        rng, faults = self._network.rng, self._network.faults
        at_s = self._network.clock.now_s + rng.expovariate(1 / LATENCY_S)
        if self._strikes(faults.delayed, "delayed", frames):
            at_s += rng.expovariate(1 / DELAY_S)
        at_s = max(at_s, self._last_s)
        if self._strikes(faults.overtaken, "overtaken", frames):
            at_s += rng.expovariate(1 / OVERTAKEN_S)
        else:
            self._last_s = at_s
        self._network.clock.at(at_s, lambda: self._come(frames))

    def _come(self, frames: Frames) -> None:
        if self._network.clock.now_s < self._closes_s:
            self._network.mark(frames)
            self._arrive(frames)

    def _strikes(self, chance: float, fate: str, frames: Frames) -> bool:
        if not self._network.strikes(chance):
            return False
        self._disturbed()
        self._network.tell(self._name, f"  {fate}: ", frames)
        return True
