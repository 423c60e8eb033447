"""Watching a topic: its rate, its latency, and whether every bit is that of an offline run."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from corrente import Block
from corrente.format import AnyBlock, Format, Items
from corrente_pipelines import Pipeline
from corrente_pipelines.blocks import concatenate, data, nothing
from corrente_pipelines.choice import by_wisdom
from corrente_service.demo.feed import Feed

OFFLINE_BYTES = 4 << 20
RECENT = 1000


class Watch:
    """One stage of a pipeline over a feed, as a subscriber sees it.

    What comes is compared with a second run of the same pipeline in this process, cut into blocks
    of another size.
    """

    def __init__(self, feed: Feed, pipeline: Pipeline, stage: str) -> None:
        self.feed = feed
        self.topic = f"{feed.stream}/{pipeline.name}/{stage}"
        self.items = 0
        self.missing = 0
        self.differing = 0
        self.is_complete = False
        self.latest: Items | None = None
        self.latencies_s: deque[float] = deque(maxlen=RECENT)
        self._stage = stage
        self._plan = pipeline.plan(feed.format, by_wisdom())  # as the daemon plans
        self._offline = self._plan.start([stage])
        self._expected = nothing(self.format)
        self._pushed = 0
        self._is_offline_ended = False
        (self._delay,) = (step.delay for step in self._plan.steps if step.name == stage)

    @property
    def format(self) -> Format:
        """What the stage gives."""
        return self._plan.formats[self._stage]

    def run(self, blocks: Iterable[Block], seen: Callable[[Block], None]) -> None:
        """Look at every block until the topic ends."""
        for block in blocks:
            self._look(block)
            seen(block)

    def _look(self, block: Block) -> None:
        now_s = time.monotonic()
        if block.gap is not None:
            self._drop(block.gap[1] - block.gap[0])
        if block.count:
            last = int(block.source_index(block.count - 1)) + self._delay
            if last < self.feed.sent:  # what the end flushes out waited for no item
                self.latencies_s.append(now_s - self.feed.sent_s(last))
            self._compare(block)
            self.items += block.count
        if len(block.data):
            self.latest = block.data[-1]
        if block.last:
            self._finish()

    def _compare(self, block: Block) -> None:
        expected = self._offline_items(block.count)
        is_same = block.data.tobytes() == data(expected).tobytes()
        self.differing += not (is_same and len(expected) == block.count)

    def _drop(self, count: int) -> None:
        self.missing += count
        self._offline_items(count)

    def _offline_items(self, count: int) -> AnyBlock:
        """The next items of the second run, fewer where it has no more."""
        while len(self._expected) < count and self._pushed < self.feed.sent:
            self._push()
        if len(self._expected) < count:
            self._end_offline()
        items, self._expected = self._expected[:count], self._expected[count:]
        return items

    def _push(self) -> None:
        most = max(1, OFFLINE_BYTES // self.feed.format.item_bytes)
        count = min(most, self.feed.sent - self._pushed)
        outputs = self._offline.push(self.feed.part(self._pushed, count))
        self._pushed += count
        self._expected = concatenate([self._expected, outputs[self._stage]])

    def _end_offline(self) -> None:
        if not self._is_offline_ended:
            self._is_offline_ended = True
            self._expected = concatenate([self._expected, self._offline.finish()[self._stage]])

    def _finish(self) -> None:
        """At the end the second run has nothing left that did not come."""
        while self._pushed < self.feed.sent:
            self._push()
        self._end_offline()
        self.is_complete = not len(self._expected) and not self.missing
