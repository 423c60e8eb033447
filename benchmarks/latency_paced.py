"""How long after it was published does a block come out at the subscriber, at a steady pace?

1,000 streams of one float32 channel, blocks of 256 items, a moving average of 16, lossless; a
publisher, the daemon and a subscriber, three processes, on one machine with one clock. Blocks are
due one by one, evenly; the publisher sends what is due, and never sends ahead. A block's latency is
from the call of `send` to having the items that it completes in the subscriber's loop; `from due`
counts from when it should have been sent, so that a publisher that was held up hides nothing. The
first second is left out. No more than 20,000 blocks are under way: where less than the pace was
reached, latencies are those of that queue.
"""

import time
from array import array
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray, RawValue
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

import numpy as np

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._clients import block, processes, running
from benchmarks._contest import say
from benchmarks._load import AHEAD, ITEMS, RATE_HZ, TOPICS, daemon
from corrente import Publisher, Subscriber, Timeout

STREAMS = 1000
PACES = (1_000, 20_000, 100_000)
UNDER_WAY = 20_000
LEFT_OUT_S = 1.0
QUANTILES = (50, 99, 100)


class Course(NamedTuple):
    """What one pace gave: the rate reached, and the latencies of each block in ms."""

    per_s: float
    from_send: np.ndarray
    from_due: np.ndarray


def measure(effort: Effort) -> Answer:
    """A row for each pace."""
    seconds = max(3.0, effort.scaled(effort.seconds))
    rows: list[list[str | float]] = []
    marks = []
    for pace in PACES:
        course = paced(pace, seconds)
        sent = np.percentile(course.from_send, QUANTILES)
        due = np.percentile(course.from_due, QUANTILES)
        rows.append([f"{pace:,}", course.per_s, *sent, *due])
        say(f"  {pace:,}/s: {course.per_s:,.0f} reached, p50 {sent[0]:.2f} ms, p99 {sent[1]:.2f}")
        if pace == 20_000:
            marks.append(
                Mark("20,000 blocks/s, publish to receive, p99", 5.0, sent[1], " ms", True)
            )
            marks.append(Mark("20,000 blocks/s, the pace is kept", 0.99 * pace, course.per_s, "/s"))
    head = ["blocks/s due", "reached", "p50 ms", "p99 ms", "worst ms"]
    head += ["p50 ms from due", "p99 ms from due", "worst ms from due"]
    return Answer([Table(f"At a pace, {seconds:.0f} s each", head, rows)], marks)


def paced(pace: int, seconds: float) -> Course:
    """Blocks at that pace for so long; as many as were sent by half as long again."""
    total = round(pace * (seconds + LEFT_OUT_S))
    sent_ns = RawArray("q", total + 1)  # the last says when the first was due
    came = RawValue("q", 0)  # items
    over = processes.Event()
    here, there = processes.Pipe(duplex=False)
    with daemon() as (address, _), running(over, _receive, address, came, there, over):
        assert here.recv() == "subscribed"
        publisher = processes.Process(target=_publish, args=(address, pace, seconds, sent_ns, came))
        publisher.start()
        publisher.join()
        over.set()
        streams, starts, stops, at_ns = (np.frombuffer(here.recv_bytes(), "q") for _ in range(4))
    return _course(pace, np.array(sent_ns), streams, starts, stops, at_ns)


def _course(
    pace: int,
    shared_ns: np.ndarray,
    streams: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    at_ns: np.ndarray,
) -> Course:
    """When each block came: with the message that brought the last of its outputs."""
    sent_ns, begun_ns = shared_ns[:-1], shared_ns[-1]
    first, last = (starts + AHEAD) // ITEMS, (stops + AHEAD) // ITEMS
    counts = last - first
    of = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    number = (first[of] + within) * STREAMS + streams[of]
    came_ns = np.zeros(len(sent_ns), np.int64)
    came_ns[number] = at_ns[of]
    was_sent = sent_ns > 0
    assert (came_ns[was_sent] > 0).all(), "a block did not come"
    due_ns = begun_ns + np.arange(len(sent_ns)) * 1_000_000_000 // pace
    counted = was_sent & (sent_ns > begun_ns + LEFT_OUT_S * 1e9)
    span_s = (came_ns[counted].max() - sent_ns[counted].min()) / 1e9
    return Course(
        counted.sum() / span_s,
        (came_ns - sent_ns)[counted] / 1e6,
        (came_ns - due_ns)[counted] / 1e6,
    )


def _publish(address: str, pace: int, seconds: float, sent_ns: Any, came: Any) -> None:
    items, total = block(1), len(sent_ns) - 1
    with Publisher(address) as publisher:
        streams = [publisher.open(f"bench/{k}", (1,), RATE_HZ) for k in range(STREAMS)]
        begun = time.monotonic_ns()
        sent_ns[total] = begun
        end = begun + int(1.5e9 * (seconds + LEFT_OUT_S))
        number = 0
        while number < total and (now := time.monotonic_ns()) < end:
            due = 1 + (now - begun) * pace // 1_000_000_000
            allowed = came.value // ITEMS + UNDER_WAY
            if number == due or number >= allowed:
                next_ns = begun + number * 1_000_000_000 // pace
                time.sleep(max(0.0001, (next_ns - now) / 1e9))
            while number < min(due, allowed, total):
                sent_ns[number] = time.monotonic_ns()
                streams[number % STREAMS].send(items)
                number += 1
        for stream in streams:
            stream.flush(timeout_s=60)


def _receive(address: str, total: Any, there: Connection, over: Event) -> None:
    """Which streams' items came when."""
    numbers: dict[str, int] = {}
    found = [array("q") for _ in range(4)]
    streams, starts, stops, at_ns = (column.append for column in found)
    with Subscriber(address, TOPICS, policy="wait", queue=4096, timeout_s=0.5) as subscriber:
        there.send("subscribed")
        while True:
            try:
                came = next(subscriber)
            except Timeout:
                if over.is_set():
                    break
                continue
            at_ns(time.monotonic_ns())
            number = numbers.get(came.stream)
            if number is None:
                number = numbers[came.stream] = int(came.stream.removeprefix("bench/"))
            streams(number)
            starts(came.index)
            stops(came.index + len(came.data))
            total.value += len(came.data)
    with suppress(BrokenPipeError):
        for column in found:
            there.send_bytes(column.tobytes())


if __name__ == "__main__":
    main(measure, __doc__, seconds=60.0)
