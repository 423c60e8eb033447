"""How many blocks per second get from a publisher through a filter to a subscriber?

A moving average of 16 over blocks of 256 float32 items, saturated, nothing dropped. Two loads:

1. **1,000 streams of one channel**, each of its own: a block is a message of its own, as if it came
   from a thousand sensors.
2. **One stream of 1,000 channels**: they tick together, so that one message carries a block of
   each. Counted in blocks of 256 samples, too, 1,000 to a message.

- **corrente**: `Publisher`, `corrente serve` and `Subscriber`: three processes, tcp, `wait`. Also
  with two workers, which gain where there are cores for them beside the clients.
- **ezmsg**: source, `Filter` of ezmsg-sigproc and sink: three processes (shared memory between
  them), and all in one (references handed on). A filter forgets its past when another stream's
  message comes, so the first load is one stream's messages one after the other: that is the best
  case for it, a thousand filters are not needed. The source yields the same message again and
  again; the sink takes it without a copy.
- **timeflux**: source, a filter node around `lfilter`, sink, in one graph in one process, run
  by its scheduler flat out; float64, as its frames are. Its other form joins processes by PUB and
  SUB, which drop.

What comes out is compared with the mean in the first second, then counted.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._clients import rate
from benchmarks._contest import say
from benchmarks._load import ITEMS, daemon
from benchmarks._machine import TIMEFLUX

OURS = "corrente, 3 processes"
EZMSG = "ezmsg, 3 processes"
TURNS = 5
SECONDS = 4.0
CHANNELS = 1000

Contender = Callable[[int, float], float]
"""Blocks of 256 samples per second, with so many channels, measured for so many seconds."""


def measure(effort: Effort) -> Answer:
    """A table for each load."""
    answer = Answer()
    contenders: dict[str, Contender] = {
        OURS: corrente,
        "corrente, 2 workers": lambda channels, seconds: corrente(channels, seconds, workers=2),
        EZMSG: lambda channels, seconds: _peer(sys.executable, "_ezmsg", 3, channels, seconds),
        "ezmsg, 1 process": lambda channels, seconds: _peer(
            sys.executable, "_ezmsg", 1, channels, seconds
        ),
        "timeflux, 1 process": lambda channels, seconds: _peer(
            str(TIMEFLUX), "_timeflux", channels, seconds
        ),
    }
    loads = {"1,000 streams of one channel": 1, "One stream of 1,000 channels": CHANNELS}
    for title, channels in loads.items():
        rates = _rounds(contenders, channels, effort, answer)
        answer.tables.append(Table(title, HEAD, [_row(name, rates) for name in rates]))
        if channels == 1:
            answer.marks.append(Mark(f"{title}, end to end", 80_000, median(rates[OURS]), "/s"))
            if EZMSG in rates:
                ratio = _ratio(OURS, EZMSG, rates)
                answer.marks.append(Mark(f"{title}, beside {EZMSG}", 15, ratio, "x its blocks"))
    return answer


def corrente(channels: int, seconds: float, workers: int = 1) -> float:
    """A daemon, a publisher and a subscriber of its own for each turn."""
    with daemon(workers=workers) as (address, _):
        return channels * rate(address, CHANNELS // channels, channels, 1.0, seconds)


def _peer(python: str, script: str, *arguments: float) -> float:
    """The last line but those of its log is what it found; raises `OSError` where it is missing."""
    file = Path(__file__).with_name(f"{script}.py")
    command = [python, str(file), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    if not said:
        raise OSError("not installed" if "ModuleNotFoundError" in run.stderr else run.stderr)
    assert said[-1]["agrees"], f"{script}'s mean is wrong"
    channels = arguments[-2]
    return channels * float(said[-1]["blocks_per_s"])


def _rounds(
    contenders: dict[str, Contender], channels: int, effort: Effort, answer: Answer
) -> dict[str, list[float]]:
    """Each in turn; who is missing is left out from the first turn on."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    shuffler = random.Random(0)
    for turn in range(2 if effort.quick else TURNS):
        order = list(rates)
        shuffler.shuffle(order)
        for name in order:
            try:
                per_s = contenders[name](channels, effort.scaled(SECONDS))
            except OSError as error:
                note = f"{name}: {str(error).strip().splitlines()[-1]}"
                answer.left_out += [note] if note not in answer.left_out else []
                del rates[name]
                continue
            rates[name].append(per_s)
            say(f"  turn {turn + 1}: {name}, {channels} channels: {per_s:,.0f} blocks/s")
    return rates


HEAD = ["", "blocks/s", "spread", "million samples/s", "ours over it"]


def _row(name: str, rates: dict[str, list[float]]) -> list[str | float]:
    low, middle, high = quantiles(rates[name], n=4)
    spread = f"{(high - low) / middle:.0%}"
    return [name, middle, spread, ITEMS * middle / 1e6, f"{_ratio(OURS, name, rates):.2f}"]


def _ratio(ours: str, other: str, rates: dict[str, list[float]]) -> float:
    return median(one / two for one, two in zip(rates[ours], rates[other], strict=True))


if __name__ == "__main__":
    main(measure, __doc__)
