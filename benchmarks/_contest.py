"""Contenders for the same work, timed in turns.

Absolute times drift while a machine works; ratios within one round hardly do. So in every round
each contender works once, in an order drawn anew, and ratios are taken round by round.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles

Timed = Callable[[int], float]
"""Does a contender's unit of work so many times; gives the seconds that took."""

TURN_S = 0.02
"""A turn of a fast contender repeats its work for about so long."""


@dataclass(frozen=True)
class Times:
    """Seconds of one unit of work: for each contender a number per round."""

    rounds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Of all rounds."""
        return median(self.rounds[name])

    def spread(self, name: str) -> float:
        """The middle half of the rounds (their interquartile range) over the median."""
        low, _, high = quantiles(self.rounds[name], n=4)
        return (high - low) / self.median(name)

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as long `slow` takes: the median of the rounds' ratios."""
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return median(one / other for one, other in pairs)


def local(work: Callable[[], object], least: int = 1) -> Timed:
    """Work of this process, timed by it; done `least` times at least, and scaled to the count."""

    def timed(count: int) -> float:
        done = max(count, least)
        start = time.perf_counter()
        for _ in range(done):
            work()
        return (time.perf_counter() - start) * count / done

    return timed


def contest(contenders: Mapping[str, Timed], budget_s: float, rounds: int = 40) -> Times:
    """Times all of them in turns for about `budget_s`: 5 rounds at least, `rounds` at most."""
    counts = {name: _repetitions(timed) for name, timed in contenders.items()}
    found: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffler = random.Random(0)
    end = time.monotonic() + budget_s
    for k in range(rounds):
        if k >= 5 and time.monotonic() > end:
            break
        shuffler.shuffle(order)
        for name in order:
            found[name].append(contenders[name](counts[name]) / counts[name])
    return Times(found)


def say(text: str) -> None:
    """Progress, for who watches; results go to stdout."""
    print(text, file=sys.stderr, flush=True)


def _repetitions(timed: Timed) -> int:
    """How often the work fits into a turn; this warms it up, too."""
    timed(1)
    count = 1
    while (seconds := timed(count)) < TURN_S / 2 and count < 1 << 20:
        count = max(2 * count, min(100 * count, int(count * TURN_S / max(seconds, 1e-9))))
    return count
