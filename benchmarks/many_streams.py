"""What does a stream more cost: does a block cost more among many, what does an idle one keep?

The same 20,000 blocks per second in all, of 256 float32 items, through a moving average of 16, from
10, 100, 1,000 and 10,000 streams. Each turn is a daemon of its own, the numbers of streams in an
order drawn anew; the daemon's processor time is what the kernel says. Memory is how much the
daemon's resident size grows from 10 to 10,000 open streams that are subscribed to and have had one
block each.
"""

import random
from statistics import median

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import say
from benchmarks._load import Load, daemon

COUNTS = (10, 100, 1000, 10_000)
PER_SECOND = 20_000.0
TURNS = 3


def measure(effort: Effort) -> Answer:
    """Both tables."""
    spent: dict[int, list[float]] = {count: [] for count in COUNTS}
    rates: dict[int, list[float]] = {count: [] for count in COUNTS}
    order, shuffler = list(COUNTS), random.Random(0)
    for turn in range(1 if effort.quick else TURNS):
        shuffler.shuffle(order)
        for count in order:
            spent_us, rate = _paced(count, effort.scaled(6))
            spent[count].append(spent_us)
            rates[count].append(rate)
            say(f"  turn {turn + 1}: {count} streams, {spent_us:.1f} µs, {rate:,.0f} blocks/s")
    kept_kib = _idle()
    fewest = COUNTS[0]
    growths = {
        count: median(more / least for more, least in zip(spent[count], spent[fewest], strict=True))
        for count in COUNTS
    }
    rows: list[list[str | float]] = [
        [f"{count:,}", median(spent[count]), f"{growths[count]:.2f}", median(rates[count])]
        for count in COUNTS
    ]
    head = ["streams", "daemon's processor, µs per block", "of that with 10", "blocks/s reached"]
    return Answer(
        [
            Table("The same rate from more streams", head, rows),
            Table("An idle stream", ["", "KiB"], [["resident memory per stream", kept_kib]]),
        ],
        [
            Mark("10 to 10,000 streams, processor per block", 1.3, growths[COUNTS[-1]], "x", True),
            Mark("memory of an idle stream", 30, kept_kib, " KiB", True),
        ],
    )


def _paced(streams: int, seconds: float) -> tuple[float, float]:
    """The daemon's µs per block, and the blocks per second it reached."""
    with daemon() as (address, process):
        load = Load(address, streams)
        load.once()
        load.run(seconds / 4, PER_SECOND)
        before_s = process.cpu_s
        blocks = load.run(seconds, PER_SECOND)
        spent_us = 1e6 * (process.cpu_s - before_s) / blocks
        load.close()
    return spent_us, blocks / seconds


def _idle() -> float:
    """KiB of resident memory per stream."""
    few, many = COUNTS[0], COUNTS[-1]
    with daemon() as (address, process):
        load = Load(address, few)
        load.once()
        before = process.memory_bytes
        load.open(many - few)
        load.once()
        grown = process.memory_bytes - before
        load.close()
    return grown / 1024 / (many - few)


if __name__ == "__main__":
    main(measure, __doc__)
