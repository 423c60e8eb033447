"""How much of its processor does the daemon spend on a block, in to out, when it is saturated?

1,000 streams of one float32 channel, blocks of 256 items, a moving average of 16, lossless
(`backpressure: true`, `policy: wait`). The load is a process of its own that sends prepared
messages and counts what comes back, so that the daemon is what is waited for. Its processor time
is what the kernel says (user and system) over the blocks whose outputs came, and so holds all of
it: receiving, decoding, filtering, encoding, acknowledging, sending.
"""

from statistics import median, quantiles

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import say
from benchmarks._load import Load, daemon

STREAMS = 1000
TURNS = 5


def measure(effort: Effort) -> Answer:
    """Medians of some turns with one daemon."""
    spent_us, rates = [], []
    with daemon() as (address, process):
        load = Load(address, STREAMS)
        load.once()
        load.run(effort.scaled(2))
        for turn in range(TURNS):
            before_s = process.cpu_s
            seconds = effort.scaled(5)
            blocks = load.run(seconds)
            spent_us.append(1e6 * (process.cpu_s - before_s) / blocks)
            rates.append(blocks / seconds)
            say(f"  turn {turn + 1}: {spent_us[-1]:.1f} µs, {rates[-1]:,.0f} blocks/s")
        load.settle()
        load.close()
    low, middle, high = quantiles(spent_us, n=4)
    head = ["", "median", "spread"]
    rows: list[list[str | float]] = [
        ["daemon's processor, µs per block", middle, f"{(high - low) / middle:.0%}"],
        ["blocks/s", median(rates), ""],
        ["million samples/s", 256 * median(rates) / 1e6, ""],
    ]
    mark = Mark("1,000 streams of 256 samples, saturated", 8.0, middle, " µs per block", True)
    return Answer([Table("1,000 streams, one core", head, rows)], [mark])


if __name__ == "__main__":
    main(measure, __doc__)
